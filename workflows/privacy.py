from core.outbox import OUTBOX_FIELDS
from core.privacy import declare

declare(
    "workflows.Rule", neutral="id key name description trigger conditions steps is_active version created_at"
)
declare(
    "workflows.Run",
    neutral="id rule rule_version cause_key event account contact state started_at finished_at",
)
declare("workflows.RunStep", neutral=f"id run position kind settings result {OUTBOX_FIELDS}")
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

_COMPUTED = "profile version score own_score shown confidence band reason parts below computed_at"
declare("workflows.HealthVersion", neutral="id number config note author created_at restores")
declare("workflows.HealthState", neutral="id computed_at day")
declare(
    "workflows.HealthOverride",
    personal="reason",
    neutral="id account band score expires_on by at ended_at ended_by",
)
declare("workflows.HealthSentiment", personal="note", neutral="id account value by at")
declare("workflows.AccountHealth", neutral=f"account told_band override {_COMPUTED}")
declare("workflows.HealthSnapshot", neutral=f"id account day override_band override_score {_COMPUTED}")
declare("workflows.HealthMark", neutral="id account_key at")
