"""API keys: made once, shown once, revoked at once."""

import datetime as dt
from collections.abc import Collection

from django.db import transaction

from core import clock
from core.errors import Invalid, Refused
from team import audit
from team.authentication import new_key
from team.domain import WRITING_SCOPES, ApiScope
from team.models import ApiKey, User
from team.permissions import can_work

MAX_RATE = 100_000


@transaction.atomic
def create_key(
    *,
    name: str,
    user: User,
    scopes: Collection[str],
    actor: User,
    rate_limit: int = 100,
    expires_at: dt.datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key that acts for `user`, and its text: the only time it is known."""
    known = {scope.value for scope in ApiScope}
    if not name.strip():
        raise Invalid("Name the key after what will use it.", field="name")
    if not scopes or not set(scopes) <= known:
        raise Invalid("Choose at least one of the offered scopes.", field="scopes")
    if not user.is_active:
        raise Refused(
            "The person was deactivated; choose somebody active.", code="inactive_owner", field="user"
        )
    if WRITING_SCOPES & set(scopes) and not can_work(user):
        raise Refused(
            "A viewer changes nothing, so neither can their key. Choose reading scopes or another person.",
            code="role_too_low",
            field="scopes",
        )
    if not 1 <= rate_limit <= MAX_RATE:
        raise Invalid(f"Allow 1 to {MAX_RATE:,} requests a minute.", field="rate_limit")
    if expires_at is not None and expires_at <= clock.now():
        raise Invalid("The key would have expired already. Choose a later day.", field="expires_at")
    text, prefix, digest = new_key()
    key = ApiKey.objects.create(
        name=name.strip(),
        user=user,
        prefix=prefix,
        digest=digest,
        scopes=sorted(set(scopes)),
        rate_limit=rate_limit,
        created_by=actor,
        expires_at=expires_at,
    )
    audit.record(action="api_key.created", actor=actor, obj=key, scopes=key.scopes, acts_for=user.pk)
    return key, text


@transaction.atomic
def revoke_key(*, key: ApiKey, actor: User) -> ApiKey:
    """Refuse the key from the next request on. Revoking twice changes nothing."""
    key = ApiKey.objects.select_for_update().get(pk=key.pk)
    if key.revoked_at is None:
        key.revoked_at = clock.now()
        key.save(update_fields=["revoked_at"])
        audit.record(action="api_key.revoked", actor=actor, obj=key, reason="by_hand")
    return key


@transaction.atomic
def update_key(*, key: ApiKey, name: str, rate_limit: int, actor: User) -> ApiKey:
    """Rename a key or change its rate; its scopes and person are for its life."""
    if not name.strip():
        raise Invalid("Name the key after what will use it.", field="name")
    if not 1 <= rate_limit <= MAX_RATE:
        raise Invalid(f"Allow 1 to {MAX_RATE:,} requests a minute.", field="rate_limit")
    key.name, key.rate_limit = name.strip(), rate_limit
    key.save(update_fields=["name", "rate_limit"])
    audit.record(action="api_key.updated", actor=actor, obj=key, rate_limit=rate_limit)
    return key
