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
    personal="outcome snooze_reason",
    neutral="id kind reason severity account contact response message run data assignee state count muted_count opened_at"
    " last_at seen_at snoozed_at snoozed_until snoozed_by woken_at woken_why closed_at closed_by",
)
declare("workflows.AlertCause", neutral="id alert key at severity contact response message run is_muted data")
declare("workflows.Notification", neutral="id user topic alert task step data at in_app read_at notice")
declare("workflows.Digest", neutral=f"id user day is_asked_for counts {OUTBOX_FIELDS}")
declare(
    "workflows.Task",
    personal="title description outcome",
    neutral="id dedupe_key account contact response run assignee priority due_at state created_by created_at"
    " completed_at",
)
declare(
    "workflows.Alarm",
    neutral="id name segment survey channel direction window_days threshold min_n every_weeks is_active assignee fired_on"
    " created_by created_at",
)
declare(
    "workflows.AlarmLook",
    neutral="id alarm day before_from now_from promoters_before passives_before detractors_before promoters_now"
    " passives_now detractors_now pairs points low high z min_n threshold verdict looked_at",
)
declare("workflows.Notice", neutral=f"id user is_gathered due_at {OUTBOX_FIELDS}")

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
declare(
    "workflows.BackTest",
    neutral="id version against horizon_days since state days days_done outcomes evaluations results suggestion error"
    " requested_by requested_at finished_at",
)
declare("workflows.BackTestDay", neutral="id backtest day rows")
