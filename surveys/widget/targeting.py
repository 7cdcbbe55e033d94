"""Which visits a placement is for: address, device, event, traits and a sticky sample. Pure functions of plain values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from core.errors import Invalid
from surveys.ask_rules import sampling_key, threshold

DEVICES = ("desktop", "tablet", "phone")
MAX_CONDITIONS = 10
MAX_TRAIT_KEY = 60
MAX_TRAIT_VALUE = 200
MAX_TRAITS = 40
# Names that mean something to a browser's objects are nobody's traits.
_FORBIDDEN = frozenset({"__proto__", "constructor", "prototype"})


@dataclass(frozen=True, slots=True)
class Operator:
    label: str
    takes_value: bool = True


OPERATORS: Mapping[str, Operator] = {
    "is": Operator("is"),
    "is_not": Operator("is not"),
    "contains": Operator("contains"),
    "above": Operator("is above"),
    "below": Operator("is below"),
    "is_set": Operator("is known", takes_value=False),
    "is_empty": Operator("is not known", takes_value=False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What a browser says of the moment: it decides what is shown where, never who somebody is."""

    url: str = ""
    device: str = "desktop"
    events: frozenset[str] = frozenset()
    traits: Mapping[str, Any]


# --- What browsers say, made harmless --------------------------------------------------------------------------
def page_of(url: Any) -> str:
    """The page without query and fragment, which may hold tokens and names; empty for what is no web address."""
    if not isinstance(url, str) or len(url) > 2_000:
        return ""
    try:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            return ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}{parts.path or '/'}"[:300]


def traits_of(said: Any) -> dict[str, Any]:
    """The traits worth keeping: at most 40, plain values of bounded length under plain names. The rest is left out."""
    found: dict[str, Any] = {}
    if not isinstance(said, Mapping):
        return found
    for key, value in said.items():
        if not isinstance(key, str) or not 0 < len(key) <= MAX_TRAIT_KEY or key.split(".")[0] in _FORBIDDEN:
            continue
        if isinstance(value, str):
            found[key] = value[:MAX_TRAIT_VALUE]
        elif value is None or isinstance(value, (bool, int, float)):
            found[key] = value
        if len(found) == MAX_TRAITS:
            break
    return found


# --- Matching --------------------------------------------------------------------------------------------------
def matches_url(pattern: str, url: str) -> bool:
    """Whether a page is meant. `*` stands for anything; a pattern that begins with / is compared with the path alone."""
    if not pattern:
        return True
    if not url:
        return False
    compared = (urlsplit(url).path or "/") if pattern.startswith("/") else url
    # Piece by piece, each at its first place: a regular expression of many stars could take for ever to fail.
    first, *others = pattern.split("*")
    if not others:
        return compared == pattern
    if not compared.startswith(first):
        return False
    *middle, last = others
    at = len(first)
    for piece in middle:
        found = compared.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(compared) - len(last) >= at and compared.endswith(last)


def matches_traits(conditions: Iterable[Mapping[str, Any]], traits: Mapping[str, Any]) -> bool:
    return all(_matches(condition, traits) for condition in conditions)


def _matches(condition: Mapping[str, Any], traits: Mapping[str, Any]) -> bool:
    value = traits.get(condition["trait"])
    operator, wanted = condition["op"], condition.get("value", "")
    is_known = value is not None and value != ""
    if operator in {"is_set", "is_empty"}:
        return bool(is_known == (operator == "is_set"))
    if operator in {"is", "is_not"}:
        same = is_known and _word(value) == _word(wanted)
        return bool(same == (operator == "is"))
    if not is_known:
        return False
    if operator == "contains":
        return _word(wanted) in _word(value)
    number, bound = _number(value), _number(wanted)
    if number is None or bound is None:
        return False
    return number > bound if operator == "above" else number < bound


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().casefold()


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def is_sampled(*, survey_id: int, who: str, period: str, percent: int) -> bool:
    """Whether `who` is among the `percent` of a period. Sticky: the same answer all period long, on every device.

    For a contact's id this is the lot that planning draws (surveys/sql_eligibility.py).
    """
    if percent >= 100:
        return True
    drawn = sha256(f"{sampling_key()}|{survey_id}|{who}|{period}".encode()).hexdigest()[:8]
    return drawn < threshold(percent)


# --- Checking what an author writes ----------------------------------------------------------------------------
def clean_conditions(conditions: Sequence[Any]) -> list[dict[str, Any]]:
    """Conditions as they are stored. Raises `Invalid` naming what to mend."""
    if len(conditions) > MAX_CONDITIONS:
        raise Invalid(f"At most {MAX_CONDITIONS} conditions are possible.", field="trait_conditions")
    found = []
    for condition in conditions:
        if not isinstance(condition, Mapping):
            raise Invalid("A condition names a trait, an operator and a value.", field="trait_conditions")
        trait, operator = str(condition.get("trait", "")).strip(), str(condition.get("op", ""))
        value = str(condition.get("value", "")).strip()
        if not 0 < len(trait) <= MAX_TRAIT_KEY or trait.split(".")[0] in _FORBIDDEN:
            raise Invalid("Name the trait, with at most 60 characters.", field="trait_conditions")
        if operator not in OPERATORS:
            raise Invalid(f"Choose how “{trait}” is compared.", field="trait_conditions")
        if OPERATORS[operator].takes_value and not value:
            raise Invalid(f"Say what “{trait}” is compared with.", field="trait_conditions")
        if len(value) > MAX_TRAIT_VALUE:
            raise Invalid(
                f"“{trait}” is compared with too long a text (at most 200).", field="trait_conditions"
            )
        if operator in {"above", "below"} and _number(value) is None:
            raise Invalid(f"“{trait}” is compared with a number: write one.", field="trait_conditions")
        stored = {"trait": trait, "op": operator}
        found.append({**stored, "value": value} if OPERATORS[operator].takes_value else stored)
    return found


def clean_pattern(pattern: str) -> str:
    """A page pattern as it is stored. Raises `Invalid`."""
    pattern = pattern.strip()
    if len(pattern) > 200:
        raise Invalid("The address may have at most 200 characters.", field="url_pattern")
    if pattern and not pattern.startswith(("/", "http://", "https://", "*")):
        raise Invalid("Begin the address with /, https:// or *, for example /reports/*.", field="url_pattern")
    if "?" in pattern or "#" in pattern:
        raise Invalid("Pages are compared without what follows ? or #. Leave that out.", field="url_pattern")
    return pattern
