"""The fast door: `POST /api/v1/responses` without DRF, and with answers that wait together written together.

One request writes for all that wait in this process: one transaction for many requests, each of which is answered after
the commit that holds its own answer. Under load that cuts the cost of an answer to a third; alone it costs nothing.
If the shared transaction fails, each is tried by itself, so nobody pays for another's trouble; not so if the connection
broke, because then it may have been committed.

A request with an `Idempotency-Key` goes the ordinary way (surveys/api/views.py), which keeps the stored answer.
"""

import datetime as dt
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from django.core.exceptions import DisallowedHost
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import APIException

from core import clock, hotline, ratelimit
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
# Seconds that a leader waits for more while others are about: a fifth of what the last group took, within these.
GATHERING = 0.002, 0.010


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
        self._took = 0.0

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
            began = time.monotonic()
            with hotline_of_answers.held():
                _settle(taken)
            self._took = time.monotonic() - began
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
            # On a busy machine everything takes longer, also the way of the next requests to here.
            least, most = GATHERING
            wait = min(max(self._took / 5, least), most)
            self._came.wait_for(lambda: len(self._waiting) >= self._expected, timeout=wait)
            taken = self._waiting[:MAX_GROUP]
            del self._waiting[:MAX_GROUP]
            self._expected = len(taken)
        return taken


_lane = _Lane()
hotline_of_answers = hotline.Hotline()


def _settle(slots: list[_Slot]) -> None:
    by_key: dict[str | None, list[_Slot]] = {}
    for slot in slots:
        by_key.setdefault(slot.authorization, []).append(slot)
    for authorization, together in by_key.items():
        try:
            knock = _Knock(authorization, len(together))
            user, key = authentication.authenticate_key(authorization, find=knock.find_key)
            audit.calling_key.set(key)
            ready = [slot for slot in _rated(key, together, knock.verdict) if _is_allowed(slot, user, key)]
            _write(ready, user)
        except Exception as error:
            for slot in together:
                if not slot.is_settled:
                    slot.error = error
        finally:
            audit.calling_key.set(None)


_KEY = """
SELECT k.id, k.digest, k.scopes, k.rate_limit, k.expires_at, k.revoked_at, k.last_used_at,
  u.id AS user_id, u.role, u.team_id, u.is_active, s.scope
FROM team_apikey k JOIN team_user u ON u.id = k.user_id LEFT JOIN team_rolescope s ON s.role = u.role
WHERE k.prefix = """
PER_SECONDS = 60
# The same, and the rate of the key in one go: taken only where `authenticate_key` will let the key in.
_KEY_AND_RATE = f"""
WITH k AS MATERIALIZED ({_KEY}$1),
right_key AS (
  SELECT 'api:' || id AS bucket, rate_limit AS bucket_limit FROM k
  WHERE digest = $2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3::timestamptz) AND is_active
    AND rate_limit >= $4::double precision),
taken AS ({ratelimit.taking_sql("right_key", cost="$4::double precision", per_seconds=PER_SECONDS)})
SELECT k.*, taken.tokens, taken.allowed FROM k LEFT JOIN taken ON TRUE"""


class _Knock:
    """The look at a key for requests that came with it, with its rate taken beside where that is one trip."""

    def __init__(self, authorization: str | None, count: int) -> None:
        self.authorization = authorization or ""
        self.count = count
        self.verdict: ratelimit.Verdict | None = None

    def find_key(self, prefix: str) -> ApiKey | None:
        """The key and its person with their row scope: what `authenticate_key` looks at."""
        row = self._row(prefix)
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
            *taken,
        ) = row
        if taken and taken[0] is not None:
            self.verdict = ratelimit.verdict(
                *taken, limit=rate_limit, per_seconds=PER_SECONDS, cost=self.count
            )
        user = User(pk=user_pk, role=role, team_id=team, is_active=bool(is_active))
        user._row_scope = RowScope(scope) if scope else DEFAULT_SCOPES[Role(role)]  # type: ignore[attr-defined]
        return ApiKey(
            pk=pk, user=user, prefix=prefix, digest=digest, rate_limit=rate_limit,
            scopes=json.loads(scopes) if isinstance(scopes, str) else scopes,
            expires_at=_aware(expires_at), revoked_at=_aware(revoked_at), last_used_at=_aware(last_used_at),
        )  # fmt: skip

    def _row(self, prefix: str) -> Any:
        # This may be repeated, so it stands for the look whether the kept connection still lives; a token more than was
        # used may then be gone.
        cast(Any, connection).health_check_done = True
        for attempt in (1, 2):
            try:
                return self._read(prefix)
            except (OperationalError, InterfaceError):
                if attempt == 2 or connection.in_atomic_block:
                    raise
                connection.close()
        return None

    def _read(self, prefix: str) -> Any:
        if not hotline.is_held():
            with connection.cursor() as cursor:
                cursor.execute(f"{_KEY}%s", [prefix])
                return cursor.fetchone()
        digest = authentication.digest(self.authorization.removeprefix("Bearer "))
        params = [prefix, digest, clock.now().isoformat(), str(self.count)]
        (rows,) = hotline.trip((_KEY_AND_RATE, [text.encode() for text in params]))
        return rows[0] if rows else None


def _aware(value: Any) -> dt.datetime | None:
    """A moment as PostgreSQL gives it, or as SQLite's text."""
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    found: dt.datetime | None = value
    return found.replace(tzinfo=dt.UTC) if found is not None and found.tzinfo is None else found


def _rated(key: ApiKey, slots: list[_Slot], verdict: ratelimit.Verdict | None) -> list[_Slot]:
    """Those within the rate of the key: all in one step, or one by one where not all are.

    `verdict` is what was already taken for all of them, if that was.
    """
    name = f"api:{key.pk}"
    if verdict is None and len(slots) <= key.rate_limit:
        verdict = ratelimit.take(name, limit=key.rate_limit, per_seconds=PER_SECONDS, cost=len(slots))
    if verdict is not None and verdict.allowed:
        for slot in slots:
            slot.verdict = verdict
        return slots
    for slot in slots:
        slot.verdict = ratelimit.take(name, limit=key.rate_limit, per_seconds=PER_SECONDS)
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
    raw = connection.connection
    try:
        outcomes = ingest.ingest(answers, actor=user, visible_to=user)
    except Exception:
        # With the connection gone nobody knows whether the commit still came through: once more could be twice.
        if len(slots) == 1 or connection.connection is not raw:
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
