from core.outbox import OUTBOX_FIELDS
from core.privacy import declare

declare("surveys.Survey", neutral="id name metric kind state external_id current created_by created_at")
declare("surveys.SurveyVersion", neutral="id survey number content logo used_at created_by created_at")
declare(
    "surveys.Campaign",
    neutral="id name survey segment channels fallback_days send_as_owner state starts_at cadence every_days period_months"
    " anchor offsets grace_days trigger_event trigger_conditions delay_minutes planned_on daily_limit hourly_limit"
    " spread_days daily_answers_limit target_answers target_days account_week_limit sample_percent send_weekdays"
    " send_from send_until in_contact_zone skip_holidays reminders reminder_gap_days expires_after_days experiment_horizon pause_reason"
    " created_by created_at launched_at launched_by finished_at",
)
declare("surveys.Variant", neutral="id campaign key name weight texts version channel send_hour")
declare(
    "surveys.Trigger",
    neutral="id campaign event contact fires_at state reason next_eligible_at invitation created_at",
)
declare(
    "surveys.PublicLink",
    neutral="id survey name source_tag is_kiosk kiosk_seconds origins asks_email hourly_limit"
    " address_hourly_limit refused_count last_refused_at is_active created_by created_at",
)
declare(
    "surveys.AskRule",
    neutral="id scope quiet_days_answered quiet_days_declined quiet_days_ignored budget budget_days",
)
declare("surveys.Preference", personal="address_key", neutral="id paused_until unwanted updated_at")
declare(
    "surveys.ExternalAsk",
    personal="external_id recipient_key",
    neutral="id source contact account kind channel cost asked_at reported_at",
)
declare(
    "surveys.InboundMessage",
    personal="provider_id from_key from_address subject body",
    neutral="id channel provider kind received_at contact account invitation handled_at handled_by",
)
declare(
    "surveys.Widget",
    personal="secret previous_secret",
    neutral="id name key origins previous_until theme creates_contacts is_active created_at",
)
declare(
    "surveys.Placement",
    neutral="id campaign widget mode url_pattern trait_conditions event devices delay_seconds sample_percent"
    " asks_strangers",
)
declare(
    "surveys.Visitor",
    personal="key traits",
    neutral="id widget contact first_seen_at last_seen_at last_shown_at answered_at declined_at session",
)
declare(
    "surveys.InAppMessage",
    personal="title text",
    neutral="id key contact account button_label button_url state queued_at expires_at widget session shown_at clicked_at"
    " dismissed_at withdrawn_at withdrawn_by",
)
declare(
    "surveys.Wave",
    neutral="id campaign number version starts_on spread_until state planned_through planned_count excluded_count created_at planned_at",
)
declare("surveys.WaveDay", neutral="id wave local_date released hours quota")
declare("surveys.Exclusion", neutral="id wave contact reason next_eligible_at")
declare(
    "surveys.Invitation",
    personal="recipient_key context override_reason",
    neutral="id wave version contact account channel variant cost reminders reminded_at asked_by language state is_test tester planned_at asked_at delivered_at opened_at scored_at"
    " commented_at declined_at expires_at outcome_reason",
)
declare(
    "surveys.Delivery",
    neutral=f"id invitation step channel message_id provider_id sent_at code cost segments price price_currency {OUTBOX_FIELDS}",
)
declare("surveys.PageVisit", neutral="id invitation kind score at")
declare(
    "surveys.ScoreIntent",
    personal="comment answers",
    neutral="id invitation score may_contact may_quote first_seen_at last_seen_at evidence suspicion state decided_at decided_by",
)
declare(
    "surveys.Response",
    personal="comment answers identity_hint external_id",
    neutral="id survey version invitation contact account source channel metric scale_min scale_max score language state"
    " may_contact may_quote responded_at received_at redated_at source_updated_at finalised_at locked_at"
    " excluded_reason deleted_upstream_at superseded_at identity attributes origin loop_status assignee",
)
declare(
    "surveys.ResponseRevision",
    neutral="id response known_at responded_at score contact_key account_key survey_key is_excluded is_deleted is_waiting attributes",
)
declare(
    "surveys.IdentityAction",
    neutral="id kind number contacts_made effect done_at done_by undone_at undone_by sealed_at",
)
declare(
    "surveys.IdentityMove",
    personal="hint",
    neutral="id action response from_contact from_account from_identity to_contact to_account to_identity attributes"
    " made_contact",
)
declare("surveys.ImportedAnswer", neutral="response run")
declare(
    "surveys.ContactScore",
    neutral="id contact metric latest latest_score latest_at previous previous_score previous_at",
)
declare(
    "surveys.Suppression",
    personal="address_key",
    neutral="id channel reason detail created_at created_by lifted_at",
)
declare("surveys.MetricDefinition", neutral="id key name metric unit window_days surveys")
declare(
    "surveys.AccountScore",
    neutral="id account metric people promoters detractors mean median latest_at changes_on",
)
declare("surveys.FigureState", neutral="id zone built_at")
declare(
    "surveys.FigureMark",
    neutral="id delta metric account_key survey_key channel score responded_at superseded_at plan segment country"
    " owner_key",
)
declare(
    "surveys.Tally", neutral="id metric breakdown span day survey_key value s0 s1 s2 s3 s4 s5 s6 s7 s8 s9 s10"
)
