"""Acting: rules, their runs step by step, and what they leave behind: alerts, tasks, notices."""

from workflows.models.alerts import Alert
from workflows.models.health import (
    AccountHealth,
    HealthMark,
    HealthOverride,
    HealthSentiment,
    HealthSnapshot,
    HealthState,
    HealthVersion,
)
from workflows.models.notices import Notice
from workflows.models.rules import Rule, Run, RunStep
from workflows.models.tasks import Task

__all__ = [
    "AccountHealth",
    "Alert",
    "HealthMark",
    "HealthOverride",
    "HealthSentiment",
    "HealthSnapshot",
    "HealthState",
    "HealthVersion",
    "Notice",
    "Rule",
    "Run",
    "RunStep",
    "Task",
]
