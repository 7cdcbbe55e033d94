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
declare("workflows.RewardList", neutral="id name description created_by created_at")
declare("workflows.RewardCode", neutral="id list sealed digest contact run given_at created_at")
declare("workflows.SegmentWatch", neutral="segment looked_at round conditions")
declare(
    "workflows.DryRun",
    neutral="id rule rule_version definition as_if_live until days days_done events_seen from_history reach state error"
    " requested_by created_at finished_at",
)
declare(
    "workflows.DryRunHit",
    neutral="id dry_run event account contact cause_key occurred_at verdict ends_at messages withheld",
)
declare("workflows.SegmentMember", neutral="id segment account contact since")
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
    " completed_at playbook_run template series occurs_on overdue_at planned_at",
)
declare("workflows.TaskSeries", neutral="id rule starts_on at zone next_at is_active created_by created_at")
declare("workflows.ChecklistItem", personal="text", neutral="id task position done_at done_by")
declare("workflows.TaskComment", personal="body", neutral="id task author created_at")
declare("workflows.Playbook", neutral="id key name description is_active created_by created_at")
declare(
    "workflows.PlaybookTask",
    neutral="id playbook position title description priority anchor offset unit route route_settings checklist",
)
declare(
    "workflows.PlaybookRun",
    neutral="id playbook cause_key account contact run state started_at counted_from started_by finished_at stopped_by",
)
declare("workflows.WorkHours", neutral="id user weekdays day_start day_end country region")
declare(
    "workflows.Leave",
    neutral="id user starts_on ends_on stand_in new_work open_work created_by created_at began_at ended_at",
)
declare("workflows.HandOver", neutral="id leave task alert loop stand_in at")
declare("workflows.Turn", neutral="id key last")
declare(
    "workflows.WorkSettings",
    neutral="id country region loop_categories contact_days resolution_days escalations escalation_minutes",
)
declare("workflows.LoopOutcome", neutral="id key label position is_active")
declare(
    "workflows.Loop",
    neutral="id response account contact owner category started_at contact_due_at resolution_due_at contacted_at"
    " contacted_by contact_by interaction resolved_at resolved_by outcome contact_breached_at resolution_breached_at"
    " escalations escalated_at paused_at pause",
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
declare("workflows.AccountHealth", neutral=f"account told_band override kept_on {_COMPUTED}")
declare("workflows.HealthSnapshot", neutral=f"id account day override_band override_score {_COMPUTED}")
declare("workflows.HealthMark", neutral="id account_key at by_run origin")
declare(
    "workflows.BackTest",
    neutral="id version against horizon_days since state days days_done outcomes evaluations results suggestion error"
    " requested_by requested_at finished_at",
)
declare("workflows.BackTestDay", neutral="id backtest day rows")
