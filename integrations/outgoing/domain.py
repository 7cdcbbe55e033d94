"""States, the schedule of tries and what may be kept of an answer, on plain values."""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any


class WebhookState(StrEnum):
    """Active: sends. Paused: collects, and sends when resumed. Disabled: neither, until a person switches it on again."""

    ACTIVE = "active"
    PAUSED = "paused"
    DISABLED = "disabled"


class Reason(StrEnum):
    """Why a webhook does not send."""

    NONE = ""
    BY_HAND = "by_hand"
    OWNER = "owner"
    KEY = "key"
    GONE = "gone"
    FAILING = "failing"
    FILTER = "filter"


class Cause(StrEnum):
    """Why something is sent: an event that the webhook asked for, a step of a rule, or a person trying it out."""

    EVENT = "event"
    RULE = "rule"
    TEST = "test"


# Seconds before each try, the first at once: the schedule of standardwebhooks.com, 75 hours and 35 minutes in all.
SCHEDULE = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
MAX_ATTEMPTS = len(SCHEDULE)
DISABLE_AFTER_DAYS = 5
DISABLE_AFTER_FAILURES = 10
ROTATION_HOURS = 24
MAX_BYTES = 20_000
EXCERPT = 300
# At most so many of one target are on their way at once in one worker; the others' turn comes meanwhile.
PER_TARGET = 4
HOLD_SECONDS = (5, 20, 60, 300)


def pause_before_next(attempts: int, *, spread: float, asked: float | None = None) -> float:
    """Seconds until the next try after so many were made. `spread` in [0, 1) adds up to a tenth, so that many do not come
    back at once; `asked` is what the other side asked for (Retry-After), kept where it is longer."""
    planned = SCHEDULE[min(max(attempts, 1), MAX_ATTEMPTS - 1)] * (1 + spread / 10)
    return max(planned, asked or 0.0)


def hold_after(failures: int, *, asked: float | None = None) -> float:
    """Seconds for which a target that did not answer is left alone altogether, after so many failures in a row.

    Deliveries that fall due meanwhile wait without a try being counted.
    """
    step = HOLD_SECONDS[min(max(failures, 1), len(HOLD_SECONDS)) - 1]
    return max(float(step), asked or 0.0)


def rests(status: int | None) -> bool:
    """Whether a failure says that the target as a whole is unwell (no answer, overload), not that it minds this message."""
    return status is None or status in {408, 425, 429} or status >= 500


_SECRETS = re.compile(r"whsec_[A-Za-z0-9+/=]+|[A-Za-z0-9_\-+/=.]{32,}|[^\s@\"'<>]+@[^\s@\"'<>]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def excerpt(said: str, sent: Any) -> str:
    """The beginning of an answer as it may be kept: no addresses, no keys, none of the texts that we sent along."""
    text = _CONTROL.sub(" ", said[: EXCERPT * 10])
    for known in sorted(set(_texts(sent)), key=len, reverse=True):
        text = text.replace(known, "…")
    text = " ".join(_SECRETS.sub("…", text).split())
    return text[:EXCERPT] + ("…" if len(text) > EXCERPT else "")


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        if len(value) > 3:
            yield value
            yield from (word for word in value.split() if len(word) > 3)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
