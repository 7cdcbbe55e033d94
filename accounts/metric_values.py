"""Values of metrics as plain words: what may be sent for each type, how it is held as a number, and how it is said."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from core.errors import Invalid

LARGEST = Decimal(10) ** 13
SMALLEST_STEP = Decimal("0.000001")
MAX_PERCENT = 1000
MAX_THRESHOLDS = 5
MAX_CHOICES = 30
MAX_CHOICE = 40


class MetricType(StrEnum):
    """`number` any number · `percent` said in percent (41 is 41 %) · `boolean` true or false · `choice` one of a list,
    worst first or in any order. A boolean is held as 0 or 1, a choice as its place in the list from 0."""

    NUMBER = "number"
    PERCENT = "percent"
    BOOLEAN = "boolean"
    CHOICE = "choice"


class Direction(StrEnum):
    """Which way is good."""

    HIGHER_IS_BETTER = "higher_is_better"
    LOWER_IS_BETTER = "lower_is_better"
    NEUTRAL = "neutral"


class Side(StrEnum):
    """To which side of a threshold a value goes."""

    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True, slots=True, order=True)
class Threshold:
    """Crossed `above` when a value is greater and the one before was not; `below` likewise when it is less."""

    side: Side
    value: Decimal

    def is_crossed(self, before: Decimal, now: Decimal) -> bool:
        if self.side == Side.ABOVE:
            return before <= self.value < now
        return before >= self.value > now


# --- In ------------------------------------------------------------------------------------------------------
def number(raw: object, *, field: str = "value") -> Decimal:
    """A finite number below ten trillion, rounded half-even to six decimals. JSON numbers and decimal texts are both
    taken, as a text keeps digits that a JSON number may lose."""
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str, Decimal)):
        raise Invalid("Send a number.", field=field)
    text = raw.strip() if isinstance(raw, str) else str(raw)
    # Decimal() also reads "1_000" and digits of other scripts; a value that somebody mistyped must not pass for one.
    if len(text) > 40 or not text.isascii() or "_" in text:
        raise Invalid("Send a number.", field=field)
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise Invalid(
            f"“{text}” is not a number. Send digits, with a point for decimals.", field=field
        ) from None
    if not value.is_finite():
        raise Invalid("Send a finite number; infinity and NaN are none.", field=field)
    if value.copy_abs() >= LARGEST:
        raise Invalid("The number is too large: at most 13 digits before the point.", field=field)
    # Adding zero turns a negative zero into zero.
    return value.quantize(SMALLEST_STEP, rounding=ROUND_HALF_EVEN) + 0


def read(type: str, choices: Sequence[str], raw: object, *, field: str = "value") -> Decimal:
    """What is held for a value that was sent for a metric of this type. Raises `Invalid` naming `field`."""
    match type:
        case MetricType.BOOLEAN:
            if not isinstance(raw, bool):
                raise Invalid(
                    "This metric is true or false. Send a JSON boolean, without quotes.", field=field
                )
            return Decimal(int(raw))
        case MetricType.CHOICE:
            if not isinstance(raw, str) or raw not in choices:
                raise Invalid(f"Send one of: {', '.join(choices)}.", field=field)
            return Decimal(list(choices).index(raw))
        case MetricType.PERCENT:
            value = number(raw, field=field)
            if not 0 <= value <= MAX_PERCENT:
                raise Invalid(f"A percentage lies between 0 and {MAX_PERCENT:,}: 41 means 41 %.", field=field)
            return value
        case _:
            return number(raw, field=field)


def read_thresholds(raw: object) -> list[Threshold]:
    """Thresholds from JSON: up to five of `{"side": "above" | "below", "value": number}`."""
    if not isinstance(raw, (list, tuple)):
        raise Invalid("thresholds is a list.", field="thresholds")
    if len(raw) > MAX_THRESHOLDS:
        raise Invalid(f"A metric has at most {MAX_THRESHOLDS} thresholds.", field="thresholds")
    found = set()
    for one in raw:
        if not isinstance(one, Mapping) or set(one) != {"side", "value"} or one["side"] not in set(Side):
            raise Invalid(
                'A threshold is {"side": "above" or "below", "value": a number}.', field="thresholds"
            )
        found.add(Threshold(Side(one["side"]), number(one["value"], field="thresholds")))
    return sorted(found)


def stored_thresholds(thresholds: Iterable[Threshold]) -> list[dict[str, str]]:
    """Thresholds as JSON, with numbers as text."""
    return [{"side": one.side.value, "value": plain(one.value)} for one in thresholds]


# --- Out -----------------------------------------------------------------------------------------------------
def plain(value: Decimal) -> str:
    """Digits without an exponent and without trailing zeros: "120", "0.5"."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def shown(type: str, choices: Sequence[str], unit: str, value: Decimal) -> str:
    """A value as people read it: "1,204 seats", "41 %", "yes", "gold"."""
    if type == MetricType.BOOLEAN:
        return "yes" if value else "no"
    if type == MetricType.CHOICE:
        place = int(value)
        return choices[place] if 0 <= place < len(choices) else f"choice {place + 1}"
    whole, _, part = plain(value).partition(".")
    text = f"{int(whole):,}".replace("-", "\u2212") if whole not in {"-0"} else "\u22120"
    text += f".{part}" if part else ""
    behind = "%" if type == MetricType.PERCENT else unit
    return f"{text} {behind}".strip()


def sent(type: str, choices: Sequence[str], value: Decimal) -> Any:
    """A value as the API gives it: true or false, the name of the choice, else a decimal text."""
    if type == MetricType.BOOLEAN:
        return bool(value)
    if type == MetricType.CHOICE:
        return shown(type, choices, "", value)
    return plain(value)


# --- Crossing ------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Crossing:
    threshold: Threshold
    before: Decimal
    value: Decimal
    observed_at: dt.datetime


def crossings(
    *,
    last: tuple[dt.datetime, Decimal] | None,
    points: Iterable[tuple[dt.datetime, Decimal]],
    thresholds: Sequence[Threshold],
) -> list[Crossing]:
    """Which thresholds new points cross, after the newest point known so far.

    A point observed before the newest one is history: it crosses nothing, and does not change what the next one is
    compared with. A correction of the newest moment is compared with what stood there. The first point of all has
    nothing before it and crosses nothing.
    """
    found: list[Crossing] = []
    for at, value in sorted(points, key=lambda point: point[0]):
        if last is not None:
            if at < last[0]:
                continue
            found += [
                Crossing(one, last[1], value, at) for one in thresholds if one.is_crossed(last[1], value)
            ]
        last = (at, value)
    return found
