from core.outbox import OUTBOX_FIELDS
from core.privacy import declare

declare(
    "integrations.Connection",
    personal="secrets hook_token",
    neutral="id system name state options mapping zone connected_to history_since every_minutes next_run_at rescanned_on"
    " first_sync_at last_sync_at broken_since failures last_error last_error_at hook_state hook_token_hash"
    " hook_previous_until hook_subscription hook_error hook_heard_at hook_forged hook_forged_at hook_forged_reason"
    " hook_altered hook_altered_at connected_by created_at updated_at renewing_until",
)
declare(
    "integrations.ConnectedSurvey",
    neutral="id connection remote_id remote_name metric survey is_enabled mapping synced_until rescanned_at",
)
declare(
    "integrations.SyncRun",
    neutral="id connection kind state since until position continues received created updated unchanged unmatched refused"
    " declined skipped deleted excluded total pages busy_seconds day created_at started_at finished_at waits_until"
    " trouble_since retries error requested_by job_key",
)
declare(
    "integrations.RawAnswer",
    personal="external_id payload",
    neutral="id connection remote_survey status source_updated_at responded_at received_at seen_at digest result response"
    " first_run run is_erased",
)
declare("integrations.RunLine", personal="external_id", neutral="id run kind field message response at")
declare(
    "integrations.HookDelivery",
    personal="body query headers",
    neutral=f"id connection size received_at verdict answers repeats digest {OUTBOX_FIELDS}",
)
declare(
    "integrations.AnswerFetch",
    personal="external_id",
    neutral=f"id connection remote_survey wanted {OUTBOX_FIELDS}",
)
declare(
    "integrations.ChatChannel",
    personal="url",
    neutral="id name kind host topics shows_words per_hour state resume_at last_sent_at last_error broken_at created_by"
    " created_at",
)
declare(
    "integrations.ChatMessage",
    neutral=f"id channel alert step is_test is_gathered carried_by due_at doubts {OUTBOX_FIELDS}",
    # The address may hold a key of the other side; the excerpt of an answer may quote what was sent.
)
declare(
    "integrations.Webhook",
    personal="secrets url",
    neutral="id name kinds conditions includes_imports previous_until state reason state_since owner created_by api_key"
    " last_success_at failing_since failures last_error hold_until created_at updated_at",
)
declare(
    "integrations.WebhookDelivery",
    neutral=f"id webhook event run kind cause message_id occurred_at status replayed_at {OUTBOX_FIELDS}",
)
declare(
    "integrations.WebhookAttempt",
    personal="excerpt",
    neutral="id delivery number at duration_ms status error",
)
