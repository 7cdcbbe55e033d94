"""API keys at the door: whose call is this, what may it do, and how often.

A key looks like `nps_1a2B3c4D_…`. Its first 12 characters find the row; of the whole only the SHA-256 is kept, which
is enough for 256 random bits. Nothing is cached: a revoked key is refused by the very next request.
"""

import datetime as dt
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from core import clock, ratelimit
from core.errors import Refused
from team import audit
from team.domain import ApiScope
from team.models import ApiKey, User
from team.permissions import can_view, can_work

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_HEADER = re.compile(r"Bearer (nps_[A-Za-z0-9]{8})_([A-Za-z0-9_-]{43})")
_IN_ADDRESS = re.compile(r"nps_[A-Za-z0-9]{8}_[A-Za-z0-9_-]{20,}")
_NO_DIGEST = hashlib.sha256(b"no such key").hexdigest()
USE_NOTED_EVERY = dt.timedelta(minutes=1)


class NotAuthenticated(Refused):
    code = "not_authenticated"
    status = 401


class TooManyRequests(Refused):
    """More requests in a minute than the key allows; `wait` seconds until the next one is."""

    code = "throttled"
    status = 429

    def __init__(self, verdict: ratelimit.Verdict) -> None:
        self.verdict = verdict
        self.wait = max(1, int(verdict.reset_seconds + 0.999))
        super().__init__(
            f"This key may send {verdict.limit} requests a minute. Wait {self.wait} seconds; bulk calls count once."
        )


def new_key() -> tuple[str, str, str]:
    """A fresh key: the text to show once, its prefix and its digest."""
    prefix = "nps_" + "".join(secrets.choice(_LETTERS) for _ in range(8))
    text = f"{prefix}_{secrets.token_urlsafe(32)}"
    return text, prefix, digest(text)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def find_key(prefix: str) -> ApiKey | None:
    return ApiKey.objects.select_related("user").filter(prefix=prefix).first()


def authenticate_key(
    header: str | None, *, find: Callable[[str], ApiKey | None] = find_key
) -> tuple[User, ApiKey]:
    """Whose key stands in this `Authorization` header. One query; raises `NotAuthenticated` (401).

    `find` reads the key and its person by the prefix; the door of answers has a leaner one.

    For views without DRF; follow with `check_scope` and `take_rate`, and set `audit.calling_key`.
    """
    if not header:
        raise NotAuthenticated("Send an API key: Authorization: Bearer nps_…")
    match = _HEADER.fullmatch(header)
    if match is None:
        raise NotAuthenticated("The Authorization header must be: Bearer, one space, one API key.")
    prefix = match.group(1)
    key = find(prefix)
    found = hmac.compare_digest(key.digest if key else _NO_DIGEST, digest(header.removeprefix("Bearer ")))
    if key is None or not found:
        raise NotAuthenticated(
            "This API key is not known. Check that it was copied whole.",
            code="unknown_key",
        )
    now = clock.now()
    if key.revoked_at is not None:
        raise NotAuthenticated(
            "This API key was revoked. Ask an administrator for a new one.",
            code="revoked_key",
        )
    if key.expires_at is not None and key.expires_at <= now:
        raise NotAuthenticated(
            "This API key has expired. Ask an administrator for a new one.",
            code="expired_key",
        )
    if not key.user.is_active:
        raise NotAuthenticated("The person this API key belongs to was deactivated.", code="inactive_owner")
    if key.last_used_at is None or now - key.last_used_at >= USE_NOTED_EVERY:
        stale = Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - USE_NOTED_EVERY)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)
    return key.user, key


def refuse_key_in_address(request: HttpRequest) -> None:
    """A key in the query string is in somebody's log by now, so it is refused even where it would be valid."""
    query = request.META.get("QUERY_STRING", "")
    if "nps_" in query and _IN_ADDRESS.search(query):
        raise NotAuthenticated(
            "An API key was sent in the address, where logs keep it. Revoke it and send the new one in the"
            " Authorization header.",
            code="key_in_address",
        )


def has_scope(key: ApiKey, scope: str) -> bool:
    """Whether the key carries `scope`; writing includes reading of the same thing."""
    return scope in key.scopes or (
        scope.endswith(":read") and f"{scope.removesuffix('read')}write" in key.scopes
    )


def check_scope(user: User, key: ApiKey, scope: str, *, allowed: Callable[[User], bool] = can_work) -> None:
    """For views without DRF: refuse with 403 unless both the key and its person may."""
    if not has_scope(key, scope):
        raise Refused(f'This API key lacks the scope "{scope}".', code="missing_scope", status=403)
    if not allowed(user):
        raise Refused(
            "The role of this key's person does not allow that.",
            code="permission_denied",
            status=403,
        )


def take_rate(key: ApiKey) -> ratelimit.Verdict:
    """Count one request against the key's minute; raises `TooManyRequests` (429)."""
    verdict = ratelimit.take(f"api:{key.pk}", limit=key.rate_limit, per_seconds=60)
    if not verdict.allowed:
        raise TooManyRequests(verdict)
    return verdict


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key>`; `request.user` is the key's person, `request.auth` the key."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        refuse_key_in_address(request._request)
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        user, key = authenticate_key(header)
        audit.calling_key.set(key)
        return user, key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class KeyRate(BaseThrottle):
    """The rate limit of the key, exact over all processes. Other sign-ins are not limited here."""

    def allow_request(self, request: Request, view: Any) -> bool:
        if isinstance(request.auth, ApiKey):
            try:
                verdict = take_rate(request.auth)
            except TooManyRequests as refusal:
                request._request.rate_verdict = refusal.verdict  # type: ignore[attr-defined]
                raise
            request._request.rate_verdict = verdict  # type: ignore[attr-defined]
        return True


class HasScope(BasePermission):
    """The key's scope and the role of its person, both. A view without `scopes` lets nobody in.

    `view.scopes = {"read": ApiScope.…, "write": ApiScope.…}` says which scope; `view.allowed` may replace the
    predicates `{"read": can_view, "write": can_work}`. A safe method reads, any other writes; an action may say
    otherwise with `@action(..., access="read")` through `view.access`.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        key = request.auth
        if not isinstance(request.user, User) or not isinstance(key, ApiKey):
            return False
        access = getattr(view, "access", "") or ("read" if request.method in SAFE_METHODS else "write")
        scope = getattr(view, "scopes", {}).get(access)
        if scope is None:
            return False
        defaults: dict[str, Callable[[User], bool]] = {
            "read": can_view,
            "write": can_work,
        }
        allowed = {**defaults, **getattr(view, "allowed", {})}[access]
        check_scope(request.user, key, ApiScope(scope), allowed=allowed)
        return True
