"""How many requests a minute one visitor, one address and one widget may make, counted across all processes.

Every visitor has a bucket of their own. Those of the widget and of the address are the same row for many at once, who
would wait for each other, so of a large limit a process takes a block at a time and uses it up within a second: never
more than the limit is let in, and of the limit at most one block of each process may go unused.
"""

import threading
import time
from collections.abc import Mapping
from hashlib import sha256

from django.conf import settings
from django.http import HttpRequest

from core.errors import Refused
from core.ratelimit import Verdict
from core.secrets import address_key
from surveys.widget.config import Config
from team.receivers import ip_of

PER_SECONDS = 60
# A limit is given out in so many blocks a minute; a smaller one by single requests.
BLOCKS = 600
BLOCK_SECONDS = 1.0
_MAX_KEPT = 10_000


class TooMany(Refused):
    code = "throttled"
    status = 429

    def __init__(self, seconds: float) -> None:
        self.wait = int(seconds) + 1
        super().__init__(f"Too many requests. Try again in {self.wait} s.")


# Buckets known to be empty, until when: whoever floods costs no statement while they wait.
_empty: dict[str, float] = {}
# What is left of the blocks in hand, until when.
_in_hand: dict[str, tuple[int, float]] = {}
_lock = threading.Lock()


def buckets(config: Config, visitor_key: str, request: HttpRequest) -> dict[str, int]:
    """What has to be counted for this request, by bucket, with its limit a minute (`ratelimit.taking_each`). Raises
    `TooMany` at once when a bucket is known to be empty."""
    shared = {f"widget:{config.widget_id}": settings.WIDGET_RATE}
    address = ip_of(request)
    if address is not None:
        shared[f"widget:ip:{address_key(address)[:32]}"] = settings.WIDGET_ADDRESS_RATE
    found = {f"widget:{config.widget_id}:v:{short(visitor_key)}": settings.WIDGET_VISITOR_RATE}
    present = time.monotonic()
    for name in (*found, *shared):
        until = _empty.get(name, 0.0)
        if until > present:
            raise TooMany(until - present)
    for name, limit in shared.items():
        if not _has_left(name, present):
            found[name] = limit // _block(limit)
    return found


def settle(verdicts: Mapping[str, Verdict]) -> None:
    """Note what the count said. Raises `TooMany` when a bucket refused."""
    refused = {name: verdict for name, verdict in verdicts.items() if not verdict.allowed}
    present = time.monotonic()
    if refused:
        if len(_empty) > _MAX_KEPT:
            _empty.clear()
        for name, verdict in refused.items():
            _empty[name] = present + verdict.reset_seconds
        raise TooMany(max(verdict.reset_seconds for verdict in refused.values()))
    with _lock:
        if len(_in_hand) > _MAX_KEPT:
            _in_hand.clear()
        for name in verdicts:
            if (block := _block_of(name)) > 1:
                _in_hand[name] = (block - 1, present + BLOCK_SECONDS)


def _block_of(name: str) -> int:
    """How many requests one token of a bucket stands for."""
    if ":v:" in name:
        return 1
    return _block(settings.WIDGET_ADDRESS_RATE if name.startswith("widget:ip:") else settings.WIDGET_RATE)


def _block(limit: int) -> int:
    return max(1, limit // BLOCKS)


def _has_left(name: str, present: float) -> bool:
    """Use one request of the block in hand, if there is one."""
    with _lock:
        left, until = _in_hand.get(name, (0, 0.0))
        if left < 1 or until < present:
            return False
        _in_hand[name] = (left - 1, until)
        return True


def forget() -> None:
    """Know of no bucket that it is empty or that a block of it is in hand; for tests."""
    _empty.clear()
    _in_hand.clear()


def short(text: str) -> str:
    """A fingerprint of what somebody is known by."""
    return sha256(text.encode()).hexdigest()[:24]
