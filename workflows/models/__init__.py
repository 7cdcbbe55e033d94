"""Acting: rules, their runs step by step, and what they leave behind: alerts, tasks, notices."""

from workflows.models.alarms import Alarm, AlarmLook
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

__all__ = ["Alarm", "AlarmLook", "Alert", "Notice", "Rule", "Run", "RunStep", "Task"]
from workflows.models.alerts import Alert, AlertCause
from workflows.models.notices import Digest, Notice, Notification
from workflows.models.rules import Rule, Run, RunStep
from workflows.models.tasks import Task

__all__ = ["Alert", "AlertCause", "Digest", "Notice", "Notification", "Rule", "Run", "RunStep", "Task"]
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
