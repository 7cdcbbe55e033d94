"""The fast door: `POST /api/v1/responses` without DRF, and with answers that wait together written together.

One request writes for all that wait in this process: one transaction for many requests, each of which is answered after
the commit that holds its own answer. Under load that cuts the cost of an answer to a third; alone it costs nothing. If the shared transaction fails, each is tried by itself, so nobody pays for another's trouble.

A request with an `Idempotency-Key` goes the ordinary way (surveys/api/views.py), which keeps the stored answer.
"""

import datetime as dt
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from django.core.exceptions import DisallowedHost
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import APIException

from core import clock, ratelimit
from core.api import check_content_type, error_body, rate_headers, read_body, read_json
from core.errors import Refused
from surveys import ingest
from surveys.api.answers import STATUS, answer_from, body_of, check_origin, refusal_of
from surveys.ingest import Answer, Outcome
from team import audit, authentication
from team.domain import DEFAULT_SCOPES, ApiScope, Role, RowScope
from team.models import ApiKey, User

MAX_BODY = 200_000
MAX_GROUP = 200
# Seconds that a leader waits for more while others are about.
GATHERING = 0.002


@dataclass(slots=True)
class _Slot:
    """One waiting request: its key, its answer or what is wrong with it, and in the end what became of it."""

    authorization: str | None
    answer: Answer | None
    trouble: Exception | None
    verdict: "ratelimit.Verdict | None" = None
    outcome: Outcome | None = None
    error: Exception | None = None

    @property
    def is_settled(self) -> bool:
        return self.outcome is not None or self.error is not None


class _Lane:
    """The requests of this process that wait, and who writes for them.

    One of them at a time leads: it takes all that wait and settles them, and they leave together. A group costs little
    more than a single answer, so under load the leader first waits a moment for those who were answered just now and
    are likely to come again. Who comes alone waits for nobody.
    """

    def __init__(self) -> None:
        lock = threading.Lock()
        self._came, self._settled = threading.Condition(lock), threading.Condition(lock)
        self._waiting: list[_Slot] = []
        self._is_led = False
        self._expected = 1

    def submit(self, slot: _Slot) -> None:
        """Settle one request together with those that other threads bring meanwhile."""
        with self._settled:
            self._waiting.append(slot)
            self._came.notify()
            if self._is_led:
                self._expected = max(self._expected, 2)
                self._settled.wait_for(lambda: slot.is_settled or not self._is_led)
            if slot.is_settled:
                return
            self._is_led = True
        taken: list[_Slot] = []
        try:
            taken += self._gathered()
            _settle(taken)
        finally:
            # Unsettled are some only in a worker that is being ended. Nobody must wait for it.
            for left in taken:
                if not left.is_settled:
                    left.error = Refused(
                        "This was interrupted. Send it again.", code="interrupted", status=503
                    )
            with self._settled:
                self._is_led = False
                self._settled.notify_all()

    def _gathered(self) -> list[_Slot]:
        with self._came:
            self._came.wait_for(lambda: len(self._waiting) >= self._expected, timeout=GATHERING)
            taken = self._waiting[:MAX_GROUP]
            del self._waiting[:MAX_GROUP]
            self._expected = len(taken)
        return taken


_lane = _Lane()


def _settle(slots: list[_Slot]) -> None:
    by_key: dict[str | None, list[_Slot]] = {}
    for slot in slots:
        by_key.setdefault(slot.authorization, []).append(slot)
    for authorization, together in by_key.items():
        try:
            user, key = authentication.authenticate_key(authorization, find=_find_key)
            audit.calling_key.set(key)
            ready = [slot for slot in _rated(key, together) if _is_allowed(slot, user, key)]
            _write(ready, user)
        except Exception as error:
            for slot in together:
                if not slot.is_settled:
                    slot.error = error
        finally:
            audit.calling_key.set(None)


_KEY = """
SELECT k.id, k.digest, k.scopes, k.rate_limit, k.expires_at, k.revoked_at, k.last_used_at,
  u.id, u.role, u.team_id, u.is_active, s.scope
FROM team_apikey k JOIN team_user u ON u.id = k.user_id LEFT JOIN team_rolescope s ON s.role = u.role
WHERE k.prefix = %s"""


def _key_row(prefix: str) -> Any:
    # This reading may be repeated, so it stands for the look whether the kept connection still lives.
    cast(Any, connection).health_check_done = True
    for attempt in (1, 2):
        try:
            with connection.cursor() as cursor:
                cursor.execute(_KEY, [prefix])
                return cursor.fetchone()
        except (OperationalError, InterfaceError):
            if attempt == 2 or connection.in_atomic_block:
                raise
            connection.close()
    return None


def _find_key(prefix: str) -> ApiKey | None:
    """The key and its person with their row scope: what `authenticate_key` looks at, in one small statement."""
    row = _key_row(prefix)
    if row is None:
        return None
    (
        pk,
        digest,
        scopes,
        rate_limit,
        expires_at,
        revoked_at,
        last_used_at,
        user_pk,
        role,
        team,
        is_active,
        scope,
    ) = row
    user = User(pk=user_pk, role=role, team_id=team, is_active=bool(is_active))
    user._row_scope = RowScope(scope) if scope else DEFAULT_SCOPES[Role(role)]  # type: ignore[attr-defined]
    return ApiKey(
        pk=pk, user=user, prefix=prefix, digest=digest, rate_limit=rate_limit,
        scopes=json.loads(scopes) if isinstance(scopes, str) else scopes,
        expires_at=_aware(expires_at), revoked_at=_aware(revoked_at), last_used_at=_aware(last_used_at),
    )  # fmt: skip


def _aware(value: Any) -> dt.datetime | None:
    """A moment as PostgreSQL gives it, or as SQLite's text."""
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    found: dt.datetime | None = value
    return found.replace(tzinfo=dt.UTC) if found is not None and found.tzinfo is None else found


def _rated(key: ApiKey, slots: list[_Slot]) -> list[_Slot]:
    """Those within the rate of the key: all in one step, or one by one where not all are."""
    name = f"api:{key.pk}"
    if len(slots) <= key.rate_limit:
        verdict = ratelimit.take(name, limit=key.rate_limit, per_seconds=60, cost=len(slots))
        if verdict.allowed:
            for slot in slots:
                slot.verdict = verdict
            return slots
    for slot in slots:
        slot.verdict = ratelimit.take(name, limit=key.rate_limit, per_seconds=60)
        if not slot.verdict.allowed:
            slot.error = authentication.TooManyRequests(slot.verdict)
    return [slot for slot in slots if slot.error is None]


def _is_allowed(slot: _Slot, user: User, key: ApiKey) -> bool:
    try:
        authentication.check_scope(user, key, ApiScope.RESPONSES_WRITE)
    except Refused as refusal:
        slot.error = refusal
    else:
        # Only now: who has no key learns nothing about the body.
        slot.error = slot.trouble
        if slot.error is None and slot.answer is not None:
            try:
                check_origin(slot.answer, user)
            except Refused as refusal:
                slot.error = refusal
    return slot.error is None


def _write(slots: list[_Slot], user: User) -> None:
    answers = [slot.answer for slot in slots if slot.answer is not None]
    if not answers:
        return
    try:
        outcomes = ingest.ingest(answers, actor=user, visible_to=user)
    except Exception:
        if len(slots) == 1:
            raise
        for slot in slots:
            try:
                _write([slot], user)
            except Exception as error:
                slot.error = error
        return
    for slot, outcome in zip(slots, outcomes, strict=True):
        slot.outcome = outcome


# --- HTTP ----------------------------------------------------------------------------------------------------
def create_response(request: HttpRequest) -> HttpResponse:
    """Answer one `POST /api/v1/responses` that carries no `Idempotency-Key`."""
    answer, trouble = None, None
    try:
        authentication.refuse_key_in_address(request)
        try:
            raw = read_body(request, MAX_BODY)
            if raw:
                check_content_type(request.META.get("CONTENT_TYPE", ""))
            answer = answer_from(read_json(raw), now=clock.now())
        except (Refused, APIException) as error:
            trouble = error
        slot = _Slot(request.META.get("HTTP_AUTHORIZATION"), answer, trouble)
        _lane.submit(slot)
        if slot.error is not None:
            response = _refused(slot.error)
        else:
            response = _accepted(slot.outcome)
        if slot.verdict is not None:
            for name, value in rate_headers(slot.verdict).items():
                response[name] = value
    except Refused as refusal:
        response = _refused(refusal)
    response["Cache-Control"] = "no-store"
    return response


def _accepted(outcome: Outcome | None) -> HttpResponse:
    assert outcome is not None
    if outcome.result == "refused":
        return _refused(refusal_of(outcome))
    return _json(body_of(outcome), STATUS[outcome.result])


def _refused(error: Exception) -> HttpResponse:
    if isinstance(error, APIException):
        refusal = Refused(str(error.detail), code=str(error.get_codes()), status=error.status_code)
    elif isinstance(error, Refused):
        refusal = error
    else:
        raise error
    response = _json(error_body(refusal), refusal.status)
    if refusal.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    wait = getattr(refusal, "wait", None)
    if wait:
        response["Retry-After"] = str(wait)
    return response


def _json(body: Any, status: int) -> HttpResponse:
    return HttpResponse(json.dumps(body, ensure_ascii=False), status=status, content_type="application/json")


PATHS = frozenset({"/api/v1/responses", "/api/v1/responses/"})


class AnswerLane:
    """Middleware that leads a plain post of an answer past sessions, CSRF, messages and the rest.

    None of them has anything to do for a request that carries an API key; together they cost as much as the answer
    (docs/performance.md). It stands behind SecurityMiddleware, whose headers the answer keeps.
    """

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        if request.path_info in PATHS and is_plain_post(request):
            try:
                request.get_host()
            except DisallowedHost:
                return self.get_response(request)
            return create_response(request)
        return self.get_response(request)


def is_plain_post(request: HttpRequest) -> bool:
    return request.method == "POST" and "HTTP_IDEMPOTENCY_KEY" not in request.META
