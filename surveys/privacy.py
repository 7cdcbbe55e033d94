from core.outbox import OUTBOX_FIELDS
from core.privacy import declare

declare("surveys.Survey", neutral="id name metric state external_id current created_by created_at")
declare("surveys.SurveyVersion", neutral="id survey number content logo used_at created_by created_at")
declare(
    "surveys.Campaign",
    neutral="id name survey segment channel state starts_at daily_limit expires_after_days pause_reason created_by"
    " created_at launched_at launched_by finished_at",
)
declare(
    "surveys.Wave",
    neutral="id campaign number version state planned_through planned_count excluded_count created_at planned_at",
)
declare("surveys.WaveDay", neutral="id wave local_date released")
declare("surveys.Exclusion", neutral="id wave contact reason next_eligible_at")
declare(
    "surveys.Invitation",
    personal="recipient_key",
    neutral="id wave version contact account language state is_test tester planned_at asked_at delivered_at opened_at scored_at"
    " commented_at declined_at expires_at outcome_reason",
)
declare(
    "surveys.Delivery",
    neutral=f"id invitation step channel message_id provider_id sent_at code {OUTBOX_FIELDS}",
)
declare("surveys.PageVisit", neutral="id invitation kind score at")
declare(
    "surveys.ScoreIntent",
    personal="comment",
    neutral="id invitation score first_seen_at last_seen_at evidence suspicion state decided_at decided_by",
)
declare(
    "surveys.Response",
    personal="comment identity_hint external_id",
    neutral="id survey version invitation contact account source channel metric scale_min scale_max score language state"
    " may_contact responded_at received_at source_updated_at finalised_at locked_at excluded_reason"
    " deleted_upstream_at superseded_at identity attributes origin loop_status assignee",
)
declare(
    "surveys.ResponseRevision",
    neutral="id response known_at responded_at score contact_key account_key survey_key is_excluded is_deleted attributes",
)
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
