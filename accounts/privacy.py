from core.outbox import OUTBOX_FIELDS
from core.privacy import declare

declare("accounts.LifecycleStage", neutral="id name position is_customer")
declare("accounts.Tag", neutral="id name")
declare("accounts.CustomField", neutral="id target key label type choices is_personal position")
declare(
    "accounts.Account",
    neutral="id name external_id domain parent stage stage_since owner plan segment industry country city seats"
    " currency arr lifetime_value customer_since renewal_on churned_on tags custom created_at updated_at merged_into",
)
declare("accounts.FormerAddress", personal="email_key", neutral="id contact until")
declare(
    "accounts.Merge",
    personal="fields",
    neutral="id target survivor_key loser_key effect moved_count done_at done_by undone_at undone_by sealed_at",
)
declare("accounts.MergedRows", neutral="id merge model field value target ids")
declare("accounts.AccountOwner", neutral="id account user role")
declare(
    "accounts.Contract",
    personal="note",
    neutral="id account external_id starts_on ends_on arr currency outcome outcome_on",
)
declare(
    "accounts.Contact",
    personal="external_id first_name last_name email email_key address_key phone phone_key job_title custom",
    neutral="id account role language time_zone created_at updated_at merged_into erased_at",
)
declare(
    "accounts.Interaction",
    personal="subject body outcome",
    neutral="id account contact user kind is_automatic happened_at created_at",
)
declare("accounts.InteractionMail", neutral=f"id interaction {OUTBOX_FIELDS}")
declare("accounts.Metric", neutral="id key label unit")
declare("accounts.MetricPoint", neutral="id metric account value observed_at recorded_at")
declare(
    "accounts.Event",
    neutral="id kind account contact actor subject_type subject_id cause_key origin occurred_at recorded_at facts data",
)
declare(
    "accounts.TrackedEvent",
    personal="external_id data",
    neutral="id name account contact source origin occurred_at received_at",
)
declare("accounts.EventRelay", neutral="event")
declare("accounts.EventDelivery", neutral=f"id event subscriber {OUTBOX_FIELDS}")
declare("accounts.Segment", neutral="id name target conditions owner is_shared created_at")
declare(
    "accounts.Import",
    personal="file file_name sheets headers checked",
    neutral="id target state byte_size sha256 dialect mapping rows_total rows_done position created_count updated_count"
    " unchanged_count refused_count accounts_created unmatched_count error job_key created_by created_at started_at finished_at"
    " cleared_at",
)
declare("accounts.ImportRow", personal="cells reason", neutral="id run line")
