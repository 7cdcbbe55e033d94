"""The same request twice has one effect and one answer.

The answer is stored in the transaction of the work, so neither is ever there without the other; a request that is
refused or fails leaves nothing, and may be sent again under the same key.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, connection, transaction

from core import inflight
from core import outbox_sql as sql
from core.errors import Invalid, Refused
from core.models import IdempotencyKey

KEPT_DAYS = 7


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    content_type: str = "application/json"
    replayed: bool = False


class InFlight(Refused):
    code = "idempotency_in_flight"

    def __init__(self) -> None:
        super().__init__(
            "The first request with this Idempotency-Key is still being worked on. Send it again later."
        )


class Mismatch(Refused):
    code = "idempotency_mismatch"
    status = 422

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was used with another request. Take a new key for a new request."
        )


def check_key(key: str) -> str:
    """`key` as it may stand in the header: 1 to 255 visible ASCII characters."""
    if not 1 <= len(key) <= 255 or not all("!" <= letter <= "~" for letter in key):
        raise Invalid(
            "An Idempotency-Key has 1 to 255 visible ASCII characters, such as a UUID.",
            code="idempotency_key",
        )
    return key


def request_hash(*parts: bytes) -> str:
    """What makes two requests the same: method, path and body."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def once(*, scope: str, key: str, request: str, work: Callable[[], Answer]) -> Answer:
    """Do `work` in a transaction and store its answer under (scope, key), or give the answer stored before.

    `request` is the hash of what was sent. Raises `InFlight` (409) while the same key is being worked on elsewhere,
    `Mismatch` (422) for another request.
    """
    with inflight.held(_number(scope, key)) as is_ours:
        if not is_ours:
            raise InFlight
        return _once(scope, key, request, work)


def _once(scope: str, key: str, request: str, work: Callable[[], Answer]) -> Answer:
    for _ in range(3):
        with transaction.atomic():
            if not _lock(scope, key):
                raise InFlight
            found = IdempotencyKey.objects.filter(scope=scope, key=key).first()
            if found is not None:
                if found.request_hash != request:
                    raise Mismatch
                return Answer(found.status, bytes(found.body), found.content_type, replayed=True)
            answer = work()
            if _store(scope, key, request, answer):
                return answer
            # Another transaction committed the same key between our look and our lock: ours is undone.
            transaction.set_rollback(True)
    raise InFlight


def _number(scope: str, key: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{scope}\0{key}".encode()).digest()[:8], "big", signed=True)


def _lock(scope: str, key: str) -> bool:
    if not sql.is_postgresql():
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_number(scope, key)])
        (locked,) = cursor.fetchone()
    return bool(locked)


def _store(scope: str, key: str, request: str, answer: Answer) -> bool:
    try:
        with transaction.atomic():
            IdempotencyKey.objects.create(
                scope=scope,
                key=key,
                request_hash=request,
                status=answer.status,
                content_type=answer.content_type,
                body=answer.body,
            )
    except IntegrityError:
        return False
    return True


def purge() -> int:
    """Forget answers older than a week, by the database's clock."""
    with connection.cursor() as cursor:
        before = sql.now_plus(str(-KEPT_DAYS * 86400))
        # The empty list makes both drivers read "%%" as one sign.
        cursor.execute(f"DELETE FROM core_idempotencykey WHERE created_at < {before}", [])
        return int(cursor.rowcount)


def forget(texts: Sequence[str]) -> int:
    """Empty the stored answers in which one of these texts stands: somebody was erased. Returns how many.

    The key stays known, so a late repetition of the request has still no second effect.
    """
    needles = [text.casefold().encode() for text in texts if text]
    needles += [json.dumps(text)[1:-1].casefold().encode() for text in texts if not text.isascii()]
    if not needles:
        return 0
    found = []
    for pk, body in IdempotencyKey.objects.values_list("pk", "body").iterator(chunk_size=500):
        plain = bytes(body).decode(errors="replace").casefold().encode()
        if any(needle in plain for needle in needles):
            found.append(pk)
    return IdempotencyKey.objects.filter(pk__in=found).update(body=b"{}")
