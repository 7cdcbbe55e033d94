"""Reading the parts of what other systems send, whatever its state: scores, ids, flat properties, fields with examples.

Nothing here knows a system. What cannot be read at all is `Unusable`; anything less (a missing key, null, a list where an
object should be) reads as nothing. Whole bodies are read by integrations/bodies.py.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from integrations import bodies, records
from integrations.contract import Input, Link, RemoteField, Role, Setting, Unusable

MAX_EXAMPLES = 3
MAX_EXAMPLE_CHARS = 120
# Deeper than this, what a source nests stays as it is.
FLAT_LEVELS = 4


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
    return identity_by_content(payload)


def identity_by_content(payload: Mapping[str, Any]) -> str:
    """A name for an answer without an id: the same words are the same answer."""
    written = json.dumps(payload, sort_keys=True, separators=(",", ":"), default=str)
    return "content-" + hashlib.sha256(written.encode("utf-8", "replace")).hexdigest()[:40]


def flat(value: Any) -> dict[str, Any]:
    """Properties as a flat map: objects inside become dotted names, everything else stays as it came. An object written as a
    string is read; what is no object is empty."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = bodies.json_of(value.encode("utf-8", "replace"), trailing_commas=True)
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


def metric_setting(label: str, *, where: str) -> Setting:
    """Asks what answers measure, for systems that do not say it of each."""
    return Setting(key="metric", label=label, input=Input.CHOICE, default="nps", choices=METRICS, where=where)


def scale_setting(*, where: str) -> Setting:
    """Asks for the scale of answers that are no NPS; empty is that of our own surveys."""
    return Setting(
        key="scale", label="Scale of answers that are no NPS", input=Input.CHOICE, is_required=False,
        choices=(("", "CSAT 1–5, CES 1–7"), *((key, key.replace("-", "–")) for key in SCALES)), where=where,
    )  # fmt: skip


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
    seen: dict[str, list[Any]] = {field.key: list(field.examples) for field in always}
    for answer in answers:
        for key, label, role, value in answer:
            labels.setdefault(key, (label, role))
            seen.setdefault(key, []).append(value)
    return [
        RemoteField(key=key, label=label, role=role, examples=examples(seen[key]))
        for key, (label, role) in labels.items()
    ]


def examples(seen: Iterable[Any]) -> tuple[str, ...]:
    """At most three different values that were really seen, short enough to be shown."""
    found: list[str] = []
    for value in seen:
        shown = _example(value)
        if shown and shown not in found:
            found.append(shown)
        if len(found) == MAX_EXAMPLES:
            break
    return tuple(found)


def _example(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | Mapping):
        value = json.dumps(value, ensure_ascii=False, default=str) if value else ""
    shown = " ".join(records.text(value).split())
    return shown if len(shown) <= MAX_EXAMPLE_CHARS else shown[: MAX_EXAMPLE_CHARS - 1] + "…"
