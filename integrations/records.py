"""The one form in which every outside system's answers come in, and the tolerant readers that make it.

A system's module returns `Record`s; what becomes of them (which survey, whose answer, which figure) is decided once, for all
systems, in integrations/intake.py and surveys/ingest.py.
"""

import datetime as dt
import math
import re
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Metric(StrEnum):
    NPS = "nps"
    CSAT = "csat"
    CES = "ces"
    OTHER = "other"


class Status(StrEnum):
    """What the source says of an answer. Only completed and partial ones with a score can count."""

    COMPLETED = "completed"
    PARTIAL = "partial"
    DECLINED = "declined"
    DISQUALIFIED = "disqualified"
    OVERQUOTA = "overquota"
    DELETED = "deleted"
    EXCLUDED = "excluded"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who answered, as the source says it; each may be unknown (empty). `external_id` is the customer's own id of the person,
    never the vendor's."""

    email: str = ""
    external_id: str = ""
    name: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One answer, or the news that there is none (`status`), as a source told it.

    `external_id` is the vendor's id of the answer as text, unique within the connection. `score` is computed by us from what
    was answered, never from the vendor's group; None where there was none. An empty `comment` or None means that nothing
    was said. Times are aware and in UTC: `responded_at` is the first submission, `updated_at` the source's last change.
    `properties` is flat: hidden fields, traits, embedded data. `raw` is the payload as it came, kept so that the answer can be
    read again under another mapping.
    """

    external_id: str
    survey_id: str = ""
    metric: Metric = Metric.NPS
    score: int | None = None
    scale_min: int = 0
    scale_max: int = 10
    comment: str | None = None
    status: Status = Status.COMPLETED
    responded_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None
    person: Person = Person()
    properties: Mapping[str, Any] = field(default_factory=dict)
    language: str = ""
    channel: str = ""
    raw: Any = None
    # Why there is no score although the answer is whole ("7.5 is not a whole number"): a line for the log, in plain words.
    trouble: str = ""


# --- Reading what other systems write -----------------------------------------------------------------------
_MOMENT = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9}))?\s*(Z|z|UTC|[+-]\d{2}:?\d{2}|[+-]\d{2})?"
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_WHOLE = re.compile(r"[+-]?\d{1,9}(?:\.0{1,9})?")
# Above this, a number of time can only be milliseconds: as seconds it would lie after the year 5000.
_MILLISECONDS = 10**11


def moment(value: Any, *, zone: str = "UTC") -> dt.datetime | None:
    """A time as other systems write it, in UTC: ISO with `T` or blank, fractions of 1 to 9 digits, any form of offset, UNIX
    seconds or milliseconds as number or text. Without an offset it is read in `zone`. None for None, "" and what is no time.
    """
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, dt.datetime):
        return (value if value.tzinfo else value.replace(tzinfo=_zone(zone))).astimezone(dt.UTC)
    if isinstance(value, str):
        text = value.strip()
        if re.fullmatch(r"\d{9,14}(\.\d+)?", text):
            value = float(text)
        else:
            return _written(text, zone)
    if isinstance(value, int | float):
        if not math.isfinite(value) or value < 0:
            return None
        seconds = value / 1000 if value > _MILLISECONDS else value
        try:
            return dt.datetime.fromtimestamp(seconds, dt.UTC)
        except (OverflowError, OSError, ValueError):
            return None
    return None


def _written(text: str, zone: str) -> dt.datetime | None:
    if _DAY.fullmatch(text):
        text += "T00:00:00"
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    day, clock, fraction, offset = found.groups()
    if len(clock) == 5:
        clock += ":00"
    try:
        naive = dt.datetime.fromisoformat(f"{day}T{clock}")
        naive += dt.timedelta(microseconds=int((fraction or "0")[:6].ljust(6, "0")))
        if offset is None:
            return naive.replace(tzinfo=_zone(zone)).astimezone(dt.UTC)
        if offset in {"Z", "z", "UTC"}:
            return naive.replace(tzinfo=dt.UTC)
        digits = offset[1:].replace(":", "").ljust(4, "0")
        shift = dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        return naive.replace(tzinfo=dt.timezone(-shift if offset[0] == "-" else shift)).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


def _zone(name: str) -> dt.tzinfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return dt.UTC


def score(value: Any, *, low: int = 0, high: int = 10) -> int | None:
    """A score as a whole number of the scale, from `9`, `"9"`, `9.0` or `"9.0"`; None for what is none. Never clamps."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        if not _WHOLE.fullmatch(text):
            return None
        value = float(text)
    if isinstance(value, int | float):
        if not math.isfinite(value) or value != int(value) or not low <= value <= high:
            return None
        return int(value)
    return None


def text(value: Any) -> str:
    """What was written, trimmed; "" for None, for whitespace and for what is neither text nor number."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def comment(value: Any) -> str | None:
    """A comment, or None where nothing was said."""
    return text(value) or None


def mapping(value: Any) -> Mapping[str, Any]:
    """`value` where it is an object of JSON, else an empty one: a missing or odd part of a payload never raises."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> Sequence[Any]:
    """`value` where it is a list of JSON, else an empty one."""
    return value if isinstance(value, list | tuple) else []
