"""What core's own tables hold (the registry itself is core/privacy.py)."""

from core.outbox import OUTBOX_FIELDS
from core.privacy import declare

declare("core.Instance", neutral="id epoch fingerprint released_at")
declare("core.Heartbeat", neutral="id name host started_at beat_at")
declare("core.ScheduleSlot", neutral="id job slot claimed_at")
declare("core.RateBucket", neutral="key tokens allowed updated_at")
# A stored answer repeats what the caller was told; it is pruned after two days.
declare(
    "core.IdempotencyKey", personal="body", neutral="id scope key request_hash status content_type created_at"
)
declare(
    "core.Job",
    neutral=f"id kind subject_id payload progress_done progress_total requested_by {OUTBOX_FIELDS}",
)
