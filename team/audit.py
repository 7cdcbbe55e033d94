"""The audit log: append-only, in the transaction of what it records."""

from contextvars import ContextVar
from typing import Any

from django.db import models

from core import clock
from team.models import ApiKey, AuditEntry, User

# Set when a request is authenticated by a key, and cleared before the next request (team/receivers.py).
calling_key: ContextVar[ApiKey | None] = ContextVar("calling_key", default=None)


def record(
    *,
    action: str,
    actor: User | None,
    obj: models.Model | None = None,
    api_key: ApiKey | None = None,
    ip: str | None = None,
    **detail: Any,
) -> AuditEntry:
    """Write one entry, with the API key that this request came with unless another is named. `detail` holds neutral values and names of changed fields, never personal text."""
    return AuditEntry.objects.create(
        at=clock.now(),
        actor=actor,
        api_key=api_key or calling_key.get(),
        action=action,
        object_type=obj._meta.label_lower if obj is not None else "",
        object_id=obj.pk if obj is not None else None,
        detail=detail,
        ip=ip,
    )
