from core.outbox import OUTBOX_FIELDS
from core.privacy import declare

declare(
    "workflows.Rule",
    neutral="id key name description trigger trigger_settings conditions steps is_active version exit_on reentry"
    " reentry_days one_run_per max_runs_per_day includes_imports reply_suppresses confirmed_reach created_by created_at",
)
declare("workflows.RuleState", neutral="id stamp")
declare(
    "workflows.Run",
    neutral="id rule rule_version cause_key event account contact state started_at finished_at reason ancestry"
    " subject_key waiting_for",
)
declare(
    "workflows.RunStep",
    neutral=f"id run path kind settings result outcome note started_at due_at {OUTBOX_FIELDS}",
)
declare(
    "workflows.DryRun",
    neutral="id rule rule_version as_if_live until days days_done events_seen from_history reach state error"
    " requested_by created_at finished_at",
)
declare(
    "workflows.DryRunHit",
    neutral="id dry_run event account contact cause_key occurred_at verdict ends_at messages withheld",
)
declare("workflows.RewardList", neutral="id name description created_by created_at")
declare("workflows.RewardCode", neutral="id list sealed digest contact run given_at created_at")
declare("workflows.SegmentWatch", neutral="segment looked_at round")
declare("workflows.SegmentMember", neutral="id segment account contact since")
declare(
    "workflows.Alert",
    personal="outcome",
    neutral="id dedupe_key kind account contact response message run assignee state opened_at seen_at closed_at closed_by",
)
declare(
    "workflows.Task",
    personal="title description outcome",
    neutral="id dedupe_key account contact response run assignee priority due_at state created_by created_at"
    " completed_at",
)
declare("workflows.Notice", neutral=f"id user alert task {OUTBOX_FIELDS}")
