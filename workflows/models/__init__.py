"""Acting: rules and their runs, alerts, tasks, alarms and health, a module a topic."""

from workflows.models.alarms import Alarm, AlarmLook
from workflows.models.alerts import Alert, AlertCause
from workflows.models.backtests import BackTest, BackTestDay
from workflows.models.dry_runs import DryRun, DryRunHit
from workflows.models.health import (
    AccountHealth,
    HealthMark,
    HealthOverride,
    HealthSentiment,
    HealthSnapshot,
    HealthState,
    HealthVersion,
)
from workflows.models.leave import HandOver, Leave, Turn, WorkHours
from workflows.models.loops import Loop, LoopOutcome, WorkSettings
from workflows.models.notices import Digest, Notice, Notification
from workflows.models.playbooks import Playbook, PlaybookRun, PlaybookTask
from workflows.models.rewards import RewardCode, RewardList
from workflows.models.rules import Rule, RuleState, Run, RunStep
from workflows.models.tasks import ChecklistItem, Task, TaskComment, TaskSeries
from workflows.models.watching import SegmentMember, SegmentWatch

__all__ = [
    "AccountHealth",
    "Alarm",
    "AlarmLook",
    "Alert",
    "AlertCause",
    "BackTest",
    "BackTestDay",
    "ChecklistItem",
    "Digest",
    "DryRun",
    "DryRunHit",
    "HandOver",
    "HealthMark",
    "HealthOverride",
    "HealthSentiment",
    "HealthSnapshot",
    "HealthState",
    "HealthVersion",
    "Leave",
    "Loop",
    "LoopOutcome",
    "Notice",
    "Notification",
    "Playbook",
    "PlaybookRun",
    "PlaybookTask",
    "RewardCode",
    "RewardList",
    "Rule",
    "RuleState",
    "Run",
    "RunStep",
    "SegmentMember",
    "SegmentWatch",
    "Task",
    "TaskComment",
    "TaskSeries",
    "Turn",
    "WorkHours",
    "WorkSettings",
]
