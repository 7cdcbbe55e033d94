"""When something happened, as exports write it: date and time in many forms, or seconds since 1970.

A time without an offset is read in the zone that a person (or the file's own header) has named. What could be read in
two ways raises ValueError with a text that may be shown, as in accounts.imports.words.
"""

import datetime as dt
import re
import unicodedata
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from accounts.imports import words

_WEEKDAY = re.compile(r"^[^\W\d_]{2,10}\.?,\s*(?=\d|[^\W\d_]{3})")
_TIME = re.compile(
    r"^(?P<date>.*?\d)(?:[t ]\s*|\s*,\s*|\s+(?:at|um|@)\s+)"
    r"(?P<hour>\d{1,2})[:.h](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,]\d{1,9})?)?"
    r"\s*(?:uhr)?\s*(?P<half>[ap]\.?\s?m\.?)?"
    r"\s*\(?(?P<zone>z|utc|gmt|[+-]\d{2}(?::?\d{2})?)?(?:\s*\(?(?:utc|gmt|z)?\)?)$",
    re.IGNORECASE,
)
_LETTERS = re.compile(r"\d\s*\(?[A-Z]{2,5}\)?$")
_SECONDS = re.compile(r"^\d{9,10}(?:\.\d+)?$")
_MILLISECONDS = re.compile(r"^\d{12,13}$")


@dataclass(frozen=True, slots=True)
class Moment:
    """`at` in UTC. `is_day`: only the day was said; then `at` is noon in the file's zone."""

    at: dt.datetime
    is_day: bool = False


def zone_named(name: str) -> ZoneInfo | None:
    """A zone of the tz database, or None. `Z` and the empty name of an export's header are UTC."""
    if name in {"Z", "z"}:
        return ZoneInfo("UTC")
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def date_part(text: str) -> str:
    """The part of a moment whose order of day and month may be in question; empty where there is none."""
    raw = _plain(text)
    if _SECONDS.match(raw) or _MILLISECONDS.match(raw):
        return ""
    match = _TIME.match(raw)
    return match.group("date") if match else raw


def moment(text: str, *, order: str, zone: ZoneInfo) -> Moment:
    """`order` is "dmy", "mdy" or "" when nobody has said."""
    raw = _plain(text)
    if _SECONDS.match(raw) or _MILLISECONDS.match(raw):
        seconds = float(raw) / (1000 if len(raw) > 11 and "." not in raw else 1)
        return Moment(dt.datetime.fromtimestamp(seconds, tz=dt.UTC))
    match = _TIME.match(raw)
    if match is None:
        if _LETTERS.search(raw) and ":" in raw:
            raise ValueError(
                "names its time zone by letters that mean several zones. Write the offset, such as +01:00, or leave it out"
            )
        day = dt.date.fromisoformat(words.date(raw, order))
        return Moment(_in_zone(dt.datetime.combine(day, dt.time(12)), zone), is_day=True)
    day = dt.date.fromisoformat(words.date(match["date"], order))
    local = dt.datetime.combine(day, _time(match))
    if match["zone"]:
        return Moment(_with_offset(local, match["zone"]))
    return Moment(_in_zone(local, zone))


def _plain(text: str) -> str:
    raw = unicodedata.normalize("NFKC", text).replace("−", "-").replace("'", "").strip()
    return _WEEKDAY.sub("", " ".join(raw.split()))


def _time(match: "re.Match[str]") -> dt.time:
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    if half := match["half"]:
        if not 1 <= hour <= 12:
            raise ValueError("has an hour that does not exist before or after noon")
        hour = hour % 12 + (12 if half[0] in "pP" else 0)
    try:
        return dt.time(hour, minute, min(second, 59))
    except ValueError:
        raise ValueError("has a time of day that does not exist") from None


def _with_offset(local: dt.datetime, offset: str) -> dt.datetime:
    if offset[0] not in "+-":
        return local.replace(tzinfo=dt.UTC)
    digits = offset[1:].replace(":", "").ljust(4, "0")
    distance = dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if distance > dt.timedelta(hours=14):
        raise ValueError("has an offset that no time zone has")
    return local.replace(tzinfo=dt.UTC) - (distance if offset[0] == "+" else -distance)


def _in_zone(local: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """An hour that comes twice is the first of the two; one that was left out is refused: the zone is wrong then."""
    found = local.replace(tzinfo=zone).astimezone(dt.UTC)
    if found.astimezone(zone).replace(tzinfo=None) != local:
        raise ValueError(
            f"is a time that clocks in {zone.key} skipped. Choose the zone the file was written in"
        )
    return found
