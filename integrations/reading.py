"""Reading what other systems send, whatever its state: bodies, signatures, scores, flat properties, fields with examples.

Nothing here knows a system. What cannot be read at all is `Unusable`; anything less (a missing key, null, a list where an
object should be) reads as nothing.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from core.api_wire import Malformed, read_json
from integrations import records
from integrations.contract import Delivery, Link, RemoteField, Role, Unusable

MAX_FORM_FIELDS = 2_000
MAX_EXAMPLES = 3
MAX_EXAMPLE_CHARS = 120
# Deeper than this, what a source nests stays as it is.
FLAT_LEVELS = 4


# --- Bodies --------------------------------------------------------------------------------------------------
def body_of(delivery: Delivery) -> Any:
    """The body as JSON or as a form, told by its first character: content types are often wrong. Raises `Unusable`."""
    if delivery.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}:
        return json_of(delivery.body)
    if not delivery.body.strip():
        raise Unusable("The delivery is empty.")
    return form_of(delivery.body)


def json_of(body: bytes) -> Any:
    """JSON by the rules of core.api_wire, but for commas before a closing bracket, which makers' own examples have. Raises
    `Unusable` for everything else that parsers disagree about."""
    try:
        return read_json(body)
    except Malformed as error:
        trouble = error.message
    try:
        mended = _TRAILING_COMMA.sub(lambda found: found.group(1) or "", body.decode("utf-8-sig"))
        return read_json(mended.encode())
    except (Malformed, UnicodeDecodeError):
        raise Unusable(trouble) from None


# A whole string (kept, closed or not), or a comma that nothing follows.
_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*+(?:"|\Z|\\\Z))|,(?=\s*[}\]])', re.DOTALL)


def form_of(body: bytes) -> dict[str, Any]:
    """A form with bracket keys as a nested object: `response[score]=4` is {"response": {"score": "4"}}.

    Brackets may come percent-encoded or raw; an empty value is None. Values that hold an unencoded plus (addresses, offsets
    of times) get it back. Raises `Unusable`.
    """
    try:
        pairs = parse_qsl(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS
        )
    except ValueError:
        raise Unusable("The body has too many fields for a form.") from None
    found: dict[str, Any] = {}
    for key, value in pairs:
        _put(found, _parts(key), _mended(value.strip()) or None)
    return found


def _parts(key: str) -> list[str]:
    head, bracket, rest = key.partition("[")
    if not head or not bracket or not rest.endswith("]"):
        return [key]
    return [head, *rest[:-1].split("][")][:8]


def _put(into: dict[str, Any], parts: Sequence[str], value: str | None) -> None:
    for part, following in pairwise(parts):
        if following == "":  # a list: tags[]=a&tags[]=b
            entries = into.setdefault(part, [])
            if isinstance(entries, list):
                entries.append(value)
            return
        inner = into.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        into = inner
    into.setdefault(parts[-1], value)


_LOST_PLUS_OF_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?) +(\d{2}:?\d{2})")
_LOST_PLUS_OF_MAIL = re.compile(r"[^\s@]+ [^\s@]+@[^\s@]+\.[^\s@]+")


def _mended(value: str) -> str:
    time = _LOST_PLUS_OF_TIME.fullmatch(value)
    if time:
        return f"{time.group(1)}+{time.group(2)}"
    return value.replace(" ", "+") if _LOST_PLUS_OF_MAIL.fullmatch(value) else value


# --- Signatures ----------------------------------------------------------------------------------------------
def is_signed(body: bytes, said: str, *, secrets: Iterable[str], digest: str, prefix: str = "") -> bool:
    """Whether `said` is `prefix` and the hexadecimal HMAC of the raw body under one of the secrets; empty ones prove nothing."""
    given = said.strip().encode("utf-8", "replace")
    proven = False
    for secret in secrets:
        if secret:
            made = prefix + hmac.new(secret.encode(), body, digest).hexdigest()
            proven |= hmac.compare_digest(made.encode(), given)
    return proven


# --- Parts of answers ----------------------------------------------------------------------------------------
def scored(value: Any, *, low: int, high: int) -> tuple[int | None, str]:
    """The score, and why there is none although something was said."""
    number = records.score(value, low=low, high=high)
    if number is not None or value is None or value == "":
        return number, ""
    shown = str(value)[:40] if isinstance(value, str | int | float) else f"a {type(value).__name__}"
    return None, f"“{shown}” is not a whole number from {low} to {high}."


def identity(payload: Mapping[str, Any], *, keys: Sequence[str] = ("id",)) -> str:
    """The vendor's id of an answer as text; for one without any, a name made of its content, so that the same again is
    the same answer. Raises `Unusable` for an object that says nothing at all."""
    for key in keys:
        found = records.text(payload.get(key))
        if found:
            return found[:200]
    if not any(value not in (None, "", [], {}) for value in payload.values()):
        raise Unusable("An answer without an id and without any content.")
    written = json.dumps(payload, sort_keys=True, separators=(",", ":"), default=str)
    return "content-" + hashlib.sha256(written.encode()).hexdigest()[:40]


def flat(value: Any) -> dict[str, Any]:
    """Properties as a flat map: objects inside become dotted names, everything else stays as it came. An object written as a
    string is read; what is no object is empty."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json_of(value.encode("utf-8", "replace"))
        except Unusable:
            return {}
    found: dict[str, Any] = {}
    if isinstance(value, Mapping):
        _flatten(value, "", FLAT_LEVELS, found)
    return found


def _flatten(value: Mapping[Any, Any], prefix: str, levels: int, into: dict[str, Any]) -> None:
    for key, inner in value.items():
        name = f"{prefix}{key}"
        if isinstance(inner, Mapping) and inner and levels > 1:
            _flatten(inner, f"{name}.", levels - 1, into)
        else:
            into[name] = inner


def at(value: Any, path: str) -> Any:
    """What stands at a dotted path, None where there is nothing. A name may hold dots itself; the longest name wins."""
    if not isinstance(value, Mapping):
        return None
    if path in value:
        return value[path]
    dot = len(path)
    while (dot := path.rfind(".", 0, dot)) > 0:
        found = at(value.get(path[:dot]), path[dot + 1 :])
        if found is not None:
            return found
    return None


def is_true(value: Any) -> bool:
    """Yes as other systems write it: true, "true", 1."""
    return value is True or (
        isinstance(value, str | int) and str(value).strip().lower() in {"true", "1", "yes"}
    )


# --- Settings ------------------------------------------------------------------------------------------------
SCALES: Mapping[str, tuple[int, int]] = {
    "1-5": (1, 5),
    "1-7": (1, 7),
    "1-10": (1, 10),
    "0-10": (0, 10),
}
METRICS = (("nps", "NPS"), ("csat", "CSAT"), ("ces", "CES"))


def base_url(link: Link, default: str, *, key: str = "base_url") -> str:
    """The address of the API as set, without a slash at its end."""
    return (records.text(link.options.get(key)) or default).rstrip("/")


def metric_set(link: Link) -> records.Metric:
    """The metric that the connection's setting names; NPS where it names none."""
    said = records.text(link.options.get("metric")).lower()
    return records.Metric(said) if said in set(records.Metric) else records.Metric.NPS


def scale_set(link: Link) -> tuple[int, int] | None:
    """The scale of answers that are no NPS, where the connection's settings name one."""
    return SCALES.get(records.text(link.options.get("scale")))


# --- Describing ----------------------------------------------------------------------------------------------
def host_of(url: str) -> str:
    return urlsplit(url).hostname or "the server"


def described(
    answers: Iterable[Iterable[tuple[str, str, Role | None, Any]]], *, always: Sequence[RemoteField] = ()
) -> list[RemoteField]:
    """Fields from answers really seen, each given as (key, label, role, value); in the order they first appear, `always`
    first. Of each field the first three different values are its examples."""
    labels: dict[str, tuple[str, Role | None]] = {field.key: (field.label, field.role) for field in always}
    examples: dict[str, list[str]] = {field.key: list(field.examples) for field in always}
    for answer in answers:
        for key, label, role, value in answer:
            labels.setdefault(key, (label, role))
            seen = examples.setdefault(key, [])
            shown = _example(value)
            if shown and shown not in seen and len(seen) < MAX_EXAMPLES:
                seen.append(shown)
    return [
        RemoteField(key=key, label=label, role=role, examples=tuple(examples[key]))
        for key, (label, role) in labels.items()
    ]


def _example(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | Mapping):
        value = json.dumps(value, ensure_ascii=False, default=str) if value else ""
    shown = " ".join(records.text(value).split())
    return shown if len(shown) <= MAX_EXAMPLE_CHARS else shown[: MAX_EXAMPLE_CHARS - 1] + "…"
