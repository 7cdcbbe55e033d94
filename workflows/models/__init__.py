"""Acting: rules, their runs step by step, and what they leave behind: alerts, tasks, notices."""

from workflows.models.alerts import Alert
from workflows.models.dry_runs import DryRun, DryRunHit
from workflows.models.notices import Notice
from workflows.models.rewards import RewardCode, RewardList
from workflows.models.rules import Rule, RuleState, Run, RunStep
from workflows.models.tasks import Task
from workflows.models.watching import SegmentMember, SegmentWatch

__all__ = [
    "Alert", "DryRun", "DryRunHit", "Notice", "RewardCode", "RewardList", "Rule", "RuleState", "Run", "RunStep", "SegmentMember",
    "SegmentWatch", "Task",
]  # fmt: skip
