"""The health configuration as JSON: read strictly when somebody saves it, read as it stands when it is in force.

{"profiles": [{"key", "name", "conditions", "is_active", "roll_up", "components": [{"key", "group", "label", "weight",
"source", "settings", "transform", "missing", "expires_after_days", "stale_after_days"}]}],
"bands": [{"key", "label", "from"}], "min_confidence": 0.5, "hysteresis": 0}

A transform is {"kind": "linear", "worst", "best", "outside"}, {"kind": "thresholds", "steps": [[from, score], …], "below"} or
{"kind": "categories", "scores": {value: score}, "other"}. `check` names the place of what is wrong as
"profiles.0.components.2.weight".
"""

import math
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Any, TypeVar

from accounts import extend, segments
from accounts.conditions import leaves
from core.errors import Invalid
from workflows.health import sources
from workflows.health.domain import (
    DEFAULT_BANDS,
    UNCLEAR,
    Band,
    Component,
    Config,
    Missing,
    Outside,
    Profile,
    RollUp,
    Scaling,
    Step,
    Transform,
)
from workflows.rules.catalogue import Setting, SettingKind

E = TypeVar("E", bound=StrEnum)
MAX_PROFILES, MAX_COMPONENTS, MAX_BANDS, MAX_STEPS = 30, 40, 6, 40
MAX_WEIGHT, MAX_DAYS, MAX_VALUE = 999_999.0, 3_660, 1e15
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


# --- As it stands --------------------------------------------------------------------------------------------
def read(raw: Mapping[str, Any]) -> Config:
    """A configuration that was checked when it was saved."""
    return Config(
        profiles=tuple(_profile(one) for one in raw["profiles"]),
        bands=tuple(Band(one["key"], one["label"], float(one["from"])) for one in raw["bands"]),
        min_confidence=float(raw.get("min_confidence", 0.5)),
        hysteresis=float(raw.get("hysteresis", 0)),
    )


def _profile(raw: Mapping[str, Any]) -> Profile:
    return Profile(
        key=raw["key"],
        name=raw["name"],
        conditions=raw.get("conditions") or {},
        components=tuple(_component(one) for one in raw["components"]),
        is_active=raw.get("is_active", True),
        roll_up=RollUp(raw.get("roll_up", RollUp.OWN)),
    )


def _component(raw: Mapping[str, Any]) -> Component:
    return Component(
        key=raw["key"],
        group=raw["group"],
        label=raw["label"],
        weight=float(raw["weight"]),
        source=raw["source"],
        settings=raw.get("settings") or {},
        scaling=_scaling(raw["transform"]),
        missing=Missing(raw.get("missing", Missing.EXCLUDE)),
        expires_after_days=raw.get("expires_after_days"),
        stale_after_days=raw.get("stale_after_days"),
    )


def _scaling(raw: Mapping[str, Any]) -> Scaling:
    kind = Transform(raw["kind"])
    if kind is Transform.LINEAR:
        outside = Outside(raw.get("outside", Outside.HOLD))
        return Scaling(kind, worst=float(raw["worst"]), best=float(raw["best"]), outside=outside)
    if kind is Transform.THRESHOLDS:
        steps = tuple(Step(float(start), float(score)) for start, score in raw["steps"])
        return Scaling(kind, steps=steps, below=_maybe(raw.get("below")))
    scores = {str(value): float(score) for value, score in raw["scores"].items()}
    return Scaling(kind, scores=scores, other=_maybe(raw.get("other")))


def _maybe(value: Any) -> float | None:
    return None if value is None else float(value)


def write(config: Config) -> dict[str, Any]:
    """The JSON of a configuration."""
    return {
        "profiles": [_write_profile(one) for one in config.profiles],
        "bands": [{"key": one.key, "label": one.label, "from": one.start} for one in config.bands],
        "min_confidence": config.min_confidence,
        "hysteresis": config.hysteresis,
    }


def _write_profile(profile: Profile) -> dict[str, Any]:
    return {
        "key": profile.key,
        "name": profile.name,
        "conditions": dict(profile.conditions),
        "is_active": profile.is_active,
        "roll_up": profile.roll_up.value,
        "components": [
            {
                "key": one.key,
                "group": one.group,
                "label": one.label,
                "weight": one.weight,
                "source": one.source,
                "settings": dict(one.settings),
                "transform": _write_scaling(one.scaling),
                "missing": one.missing.value,
                "expires_after_days": one.expires_after_days,
                "stale_after_days": one.stale_after_days,
            }
            for one in profile.components
        ],
    }


def _write_scaling(scaling: Scaling) -> dict[str, Any]:
    if scaling.kind is Transform.LINEAR:
        return {
            "kind": "linear",
            "worst": scaling.worst,
            "best": scaling.best,
            "outside": scaling.outside.value,
        }
    if scaling.kind is Transform.THRESHOLDS:
        steps = [[step.start, step.score] for step in scaling.steps]
        return {"kind": "thresholds", "steps": steps, "below": scaling.below}
    return {"kind": "categories", "scores": dict(scaling.scores), "other": scaling.other}


# --- Checked -------------------------------------------------------------------------------------------------
def check(raw: object) -> Config:
    """A configuration from outside as checked values; raises `Invalid` naming the place and the remedy."""
    given = _object(raw, "", {"profiles", "bands", "min_confidence", "hysteresis"})
    bands = _check_bands(given.get("bands"))
    share = _number(given.get("min_confidence", 0.5), "min_confidence", "The least confidence", 0, 1)
    points = _number(given.get("hysteresis", 0), "hysteresis", "The margin for alerts", 0, 50)
    listed = _list(given.get("profiles"), "profiles", "profiles", MAX_PROFILES)
    profiles = tuple(_check_profile(one, f"profiles.{place}") for place, one in enumerate(listed))
    _unique([one.key for one in profiles], "profiles", "profile")
    return Config(profiles, bands, share, points)


def _check_bands(raw: object) -> tuple[Band, ...]:
    if raw is None:
        return DEFAULT_BANDS
    listed = _list(raw, "bands", "bands", MAX_BANDS)
    if len(listed) < 2:
        raise Invalid("There are at least two bands. Add one.", field="bands")
    found = []
    for place, one in enumerate(listed):
        where = f"bands.{place}"
        given = _object(one, where, {"key", "label", "from"})
        start = _number(given.get("from"), f"{where}.from", "The lower edge of a band", 0, 100)
        found.append(Band(_key(given.get("key"), f"{where}.key"), _text(given, "label", where, 40), start))
    _unique([one.key for one in found], "bands", "band")
    if UNCLEAR in {one.key for one in found}:
        raise Invalid(f"“{UNCLEAR}” is the band of too little data. Choose another key.", field="bands")
    if found[0].start != 0:
        raise Invalid("The first band begins at 0.", field="bands.0.from")
    for place, (before, after) in enumerate(pairwise(found), start=1):
        if after.start <= before.start or after.start >= 100:
            raise Invalid(
                f"“{after.label}” must begin above {before.start:g} and below 100. Each band reaches up to where the next"
                " one begins, so there are neither gaps nor overlaps.",
                field=f"bands.{place}.from",
            )
    return tuple(found)


def _check_profile(raw: object, where: str) -> Profile:
    given = _object(raw, where, {"key", "name", "conditions", "is_active", "roll_up", "components"})
    is_active = given.get("is_active", True)
    if not isinstance(is_active, bool):
        raise Invalid("is_active is true or false.", field=f"{where}.is_active")
    conditions = given.get("conditions") or {}
    _check_conditions(conditions, f"{where}.conditions")
    listed = _list(given.get("components"), f"{where}.components", "components", MAX_COMPONENTS)
    components = tuple(_check_component(one, f"{where}.components.{n}") for n, one in enumerate(listed))
    if not components:
        raise Invalid("A profile has at least one component. Add one.", field=f"{where}.components")
    _unique([one.key for one in components], f"{where}.components", "component")
    return Profile(
        key=_key(given.get("key"), f"{where}.key"),
        name=_text(given, "name", where, 80),
        conditions=conditions,
        components=components,
        is_active=is_active,
        roll_up=_word(RollUp, given.get("roll_up", RollUp.OWN), f"{where}.roll_up"),
    )


def _check_conditions(tree: object, where: str) -> None:
    """Only an account's own fields: what is computed from health or answers would make membership turn in circles, and
    could not be known for a day in the past."""
    fields = own_fields()
    try:
        root = segments.parse(tree, segments.ACCOUNT, segments.fields_for(segments.ACCOUNT))
    except Invalid as refusal:
        raise Invalid(refusal.message, field=where, code=refusal.code) from None
    for condition in leaves(root):
        if condition.field not in fields:
            raise Invalid(
                f"Profiles are chosen by an account's own fields; “{condition.field}” is not one. Take it out.",
                field=where,
            )


def own_fields() -> dict[str, extend.SegmentField]:
    """The segment fields by which profiles can be chosen."""
    others = {key for target, key in extend.registered.segment_fields if target == segments.ACCOUNT}
    return {
        key: one
        for key, one in segments.fields_for(segments.ACCOUNT).items()
        if key not in others and (key.startswith("custom.") or one.annotate is None)
    }


def _check_component(raw: object, where: str) -> Component:
    known = {
        "key", "group", "label", "weight", "source", "settings", "transform", "missing", "expires_after_days",
        "stale_after_days",
    }  # fmt: skip
    given = _object(raw, where, known)
    source = sources.sources.get(str(given.get("source")))
    if source is None:
        offered = ", ".join(sources.sources)
        raise Invalid(
            f"There is no such source of health. Choose one of: {offered}.", field=f"{where}.source"
        )
    settings = _check_settings(given.get("settings") or {}, source, f"{where}.settings")
    scaling = _check_transform(given.get("transform"), f"{where}.transform")
    if source.is_text(settings) and scaling.kind is not Transform.CATEGORIES:
        raise Invalid(
            f"“{source.label}” gives words. Score them by categories.", field=f"{where}.transform.kind"
        )
    expires = _days(given.get("expires_after_days"), f"{where}.expires_after_days")
    stale = _days(given.get("stale_after_days"), f"{where}.stale_after_days")
    if expires is not None and stale is not None and stale >= expires:
        raise Invalid(
            "What has expired does not count any more, so the flag for stale must come earlier.",
            field=f"{where}.stale_after_days",
        )
    return Component(
        key=_key(given.get("key"), f"{where}.key"),
        group=_text(given, "group", where, 40),
        label=_text(given, "label", where, 80),
        weight=_number(given.get("weight"), f"{where}.weight", "A weight", 0, MAX_WEIGHT),
        source=source.key,
        settings=settings,
        scaling=scaling,
        missing=_word(Missing, given.get("missing", Missing.EXCLUDE), f"{where}.missing"),
        expires_after_days=expires,
        stale_after_days=stale,
    )


def _check_transform(raw: object, where: str) -> Scaling:
    given = _object(raw, where, {"kind", "worst", "best", "outside", "steps", "below", "scores", "other"})
    kind = _word(Transform, given.get("kind"), f"{where}.kind")
    if kind is Transform.LINEAR:
        worst = _number(given.get("worst"), f"{where}.worst", "The worst value", -MAX_VALUE, MAX_VALUE)
        best = _number(given.get("best"), f"{where}.best", "The best value", -MAX_VALUE, MAX_VALUE)
        if worst == best:
            raise Invalid("The worst and the best value are the same. Set them apart.", field=f"{where}.best")
        outside = _word(Outside, given.get("outside", Outside.HOLD), f"{where}.outside")
        return Scaling(kind, worst=worst, best=best, outside=outside)
    if kind is Transform.THRESHOLDS:
        return _check_steps(given, where)
    scores = given.get("scores")
    if not isinstance(scores, Mapping) or not scores:
        raise Invalid("Give at least one value its score.", field=f"{where}.scores")
    if len(scores) > MAX_STEPS:
        raise Invalid(f"There are more than {MAX_STEPS} values.", field=f"{where}.scores")
    found = {}
    for value, score in scores.items():
        if not isinstance(value, str) or not value or len(value) > 80 or "\x00" in value:
            raise Invalid("A value is a text of up to 80 characters.", field=f"{where}.scores")
        found[value] = _score(score, f"{where}.scores")
    return Scaling(kind, scores=found, other=_maybe_score(given.get("other"), f"{where}.other"))


def _check_steps(given: Mapping[str, Any], where: str) -> Scaling:
    listed = _list(given.get("steps"), f"{where}.steps", "steps", MAX_STEPS)
    steps: list[Step] = []
    for one in listed:
        if not isinstance(one, Sequence) or isinstance(one, str) or len(one) != 2:
            raise Invalid("A step is a pair: from which value on, and the score.", field=f"{where}.steps")
        start = _number(one[0], f"{where}.steps", "The start of a step", -MAX_VALUE, MAX_VALUE)
        if steps and start <= steps[-1].start:
            raise Invalid("Each step begins above the one before it.", field=f"{where}.steps")
        steps.append(Step(start, _score(one[1], f"{where}.steps")))
    if not steps:
        raise Invalid("Give at least one step.", field=f"{where}.steps")
    return Scaling(
        Transform.THRESHOLDS, steps=tuple(steps), below=_maybe_score(given.get("below"), f"{where}.below")
    )


def _check_settings(raw: object, source: "sources.Source", where: str) -> dict[str, Any]:
    known = {one.key: one for one in source.settings}
    given = _object(raw, where, set(known))
    found = {}
    for key, setting in known.items():
        value = given.get(key, setting.default)
        if value in (None, "", []):
            if setting.is_required:
                raise Invalid(f"“{source.label}” needs: {setting.label}.", field=f"{where}.{key}")
            continue
        found[key] = _check_setting(setting, value, f"{where}.{key}")
    return found


def _check_setting(setting: Setting, value: Any, where: str) -> Any:
    if setting.kind is SettingKind.NUMBER:
        low = -math.inf if setting.minimum is None else setting.minimum
        high = math.inf if setting.maximum is None else setting.maximum
        number = _number(value, where, setting.label, low, high)
        if not number.is_integer():
            raise Invalid(f"{setting.label} is a whole number.", field=where)
        return int(number)
    if setting.kind is SettingKind.BOOLEAN:
        if not isinstance(value, bool):
            raise Invalid(f"{setting.label} is true or false.", field=where)
        return value
    offered = {key for key, _ in setting.choices()} if setting.choices else None
    values = value if setting.kind is SettingKind.MANY else [value]
    if not isinstance(values, list) or len(values) > 50:
        raise Invalid(f"{setting.label} is a list of up to 50 values.", field=where)
    for one in values:
        if not isinstance(one, str) or len(one) > 200 or "\x00" in one:
            raise Invalid(f"{setting.label} is a text of up to 200 characters.", field=where)
        if offered is not None and one not in offered:
            raise Invalid(f"{setting.label}: “{one[:60]}” is not among the choices.", field=where)
    return value


# --- Small readers -------------------------------------------------------------------------------------------
def _object(raw: object, where: str, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        raise Invalid("Send an object here.", field=where)
    if unknown := {str(key) for key in raw} - known:
        raise Invalid(
            f"“{sorted(unknown)[0][:60]}” is not known here. Known are: {', '.join(sorted(known))}.",
            field=where,
        )
    return raw


def _list(raw: object, where: str, what: str, limit: int) -> list[Any]:
    if not isinstance(raw, list):
        raise Invalid(f"Send a list of {what}.", field=where)
    if len(raw) > limit:
        raise Invalid(f"There are more than {limit} {what}. Take some out.", field=where)
    return raw


def _unique(keys: Sequence[str], where: str, what: str) -> None:
    if len(set(keys)) != len(keys):
        raise Invalid(f"Two {what}s have the same key. Give each its own.", field=where)


def _key(raw: object, where: str) -> str:
    if not isinstance(raw, str) or not _KEY.fullmatch(raw) or (where.startswith("bands") and len(raw) > 20):
        raise Invalid(
            "A key is small letters, digits, hyphens and underscores, up to 40 (of a band up to 20).",
            field=where,
        )
    return raw


def _text(given: Mapping[str, Any], key: str, where: str, limit: int) -> str:
    raw = given.get(key)
    text = " ".join(raw.split()) if isinstance(raw, str) else ""
    if not text or len(text) > limit or "\x00" in text:
        raise Invalid(f"Give a {key} of up to {limit} characters.", field=f"{where}.{key}")
    return text


def _number(raw: object, where: str, label: str, low: float, high: float) -> float:
    if isinstance(raw, bool) or not isinstance(raw, (int, float)) or raw != raw:  # noqa: PLR0124 - not a number
        raise Invalid(f"{label} is a number.", field=where)
    number = float(raw) if abs(raw) < 1e300 else math.inf
    if not low <= number <= high or number == math.inf:
        raise Invalid(f"{label} lies between {low:g} and {high:g}.", field=where)
    return number


def _score(raw: object, where: str) -> float:
    return _number(raw, where, "A score", 0, 100)


def _maybe_score(raw: object, where: str) -> float | None:
    return None if raw is None else _score(raw, where)


def _days(raw: object, where: str) -> int | None:
    if raw in (None, ""):
        return None
    number = _number(raw, where, "A number of days", 1, MAX_DAYS)
    if not number.is_integer():
        raise Invalid("A number of days is whole.", field=where)
    return int(number)


def _word(kind: type[E], raw: object, where: str) -> E:
    try:
        return kind(str(raw))
    except ValueError:
        raise Invalid(f"Choose one of: {', '.join(one.value for one in kind)}.", field=where) from None
