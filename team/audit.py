"""The audit log: append-only, in the transaction of what it records."""

from typing import Any

from django.db import models

from core import clock
from team.models import ApiKey, AuditEntry, User


def record(
    *,
    action: str,
    actor: User | None,
    obj: models.Model | None = None,
    api_key: ApiKey | None = None,
    ip: str | None = None,
    **detail: Any,
) -> AuditEntry:
    """Write one entry. `detail` holds neutral values and names of changed fields, never personal text."""
    return AuditEntry.objects.create(
        at=clock.now(),
        actor=actor,
        api_key=api_key,
        action=action,
        object_type=obj._meta.label_lower if obj is not None else "",
        object_id=obj.pk if obj is not None else None,
        detail=detail,
        ip=ip,
    )
