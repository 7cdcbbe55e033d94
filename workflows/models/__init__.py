"""Acting: rules, their runs step by step, what they leave behind (alerts, tasks, notices), alarms, and health."""

from workflows.models.alarms import Alarm, AlarmLook
from workflows.models.alerts import Alert, AlertCause
from workflows.models.backtests import BackTest, BackTestDay
from workflows.models.health import (
    AccountHealth,
    HealthMark,
    HealthOverride,
    HealthSentiment,
    HealthSnapshot,
    HealthState,
    HealthVersion,
)
from workflows.models.notices import Digest, Notice, Notification
from workflows.models.rules import Rule, Run, RunStep
from workflows.models.tasks import Task

__all__ = [
    "AccountHealth",
    "Alarm",
    "AlarmLook",
    "Alert",
    "AlertCause",
    "BackTest",
    "BackTestDay",
    "Digest",
    "HealthMark",
    "HealthOverride",
    "HealthSentiment",
    "HealthSnapshot",
    "HealthState",
    "HealthVersion",
    "Notice",
    "Notification",
    "Rule",
    "Run",
    "RunStep",
    "Task",
]
