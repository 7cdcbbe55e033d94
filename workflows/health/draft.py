"""A health profile and the bands while somebody edits them: to and from plain form fields.

Everything the editor holds is in the form itself, so it works without script: buttons that add or take out send the whole
form, and the page comes back with one component more or less. Texts that are no numbers go on as they are: the
configuration's own check (workflows/health/config.py) refuses them with the place and the remedy.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from workflows.health import sources
from workflows.health.config import MAX_BANDS, MAX_COMPONENTS
from workflows.health.domain import Component, Config, Missing, Outside, Profile, Scaling, Step, Transform
from workflows.health.words import GROUPS, MISSING, curve_of, figure, judged
from workflows.rules.catalogue import Setting, SettingKind

_LINE = re.compile(r"^(?P<value>.+?)\s*(?:=|:|→)\s*(?P<score>[^=:→]+)$")
KINDS = (
    (Transform.LINEAR, "in proportion"),
    (Transform.THRESHOLDS, "by steps"),
    (Transform.CATEGORIES, "by its words"),
)
OUTSIDE = ((Outside.HOLD, "count as 0 or 100"), (Outside.IGNORE, "are no data"))


@dataclass(slots=True)
class Row:
    """One component as it stands in the form; all values are texts. `name` is the prefix of its fields."""

    name: str
    key: str
    label: str
    group: str
    weight: str
    source: str
    settings: dict[str, list[str]]
    kind: str = Transform.LINEAR
    worst: str = "0"
    best: str = "100"
    outside: str = Outside.HOLD
    steps: str = ""
    below: str = "0"
    scores: str = ""
    other: str = ""
    missing: str = Missing.EXCLUDE
    expires: str = ""
    stale: str = ""
    is_open: bool = False

    # What the template asks.
    @property
    def number(self) -> float:
        """The weight as a number; what is none weighs nothing yet."""
        found = _number(self.weight)
        return found if isinstance(found, float) and found > 0 else 0.0

    @property
    def most(self) -> float:
        """Where the slider ends."""
        return max(100.0, self.number)

    @property
    def place(self) -> int:
        return int(self.name[1:])

    @property
    def hidden(self) -> list[tuple[str, str]]:
        return [("key", self.key)]

    @property
    def source_label(self) -> str:
        found = sources.sources.get(self.source)
        return found.label if found else self.source

    @property
    def help(self) -> str:
        found = sources.sources.get(self.source)
        return found.help if found else ""

    @property
    def ages(self) -> bool:
        found = sources.sources.get(self.source)
        return found is not None and found.ages

    @property
    def asked(self) -> Iterator[dict[str, Any]]:
        """The settings of its source with what they hold."""
        found = sources.sources.get(self.source)
        for setting in found.settings if found else ():
            held = self.settings.get(setting.key, [])
            yield {
                "setting": setting,
                "id": f"{self.name}-s-{setting.key}",
                "choices": list(setting.choices()) if setting.choices else [],
                "values": held,
                "value": held[0] if held else "",
                "is_many": setting.kind is SettingKind.MANY,
            }

    @property
    def curve(self) -> dict[str, Any] | None:
        """Its transform to draw; None where it cannot be read yet, or goes by words."""
        scaling = _scaling(self)
        if scaling is None:
            return None
        points, is_stepped = curve_of(scaling)
        if len(points) < 2:
            return None
        return {
            "points": points,
            "is_stepped": is_stepped,
            "low": figure(points[0][0]),
            "high": figure(points[-1][0]),
        }

    @property
    def in_words(self) -> str:
        """How it counts, in a sentence; empty while it cannot be read."""
        scaling = _scaling(self)
        if scaling is None:
            return ""
        without = f"; without data it {self.without_data}" if self.without_data else ""
        return f"{judged(scaling)}{without}"

    @property
    def without_data(self) -> str:
        return MISSING.get(Missing(self.missing), "") if self.missing in set(Missing) else ""


@dataclass(slots=True)
class Draft:
    name: str = ""
    roll_up: str = "own"
    rows: list[Row] = dataclasses.field(default_factory=list)

    @property
    def total(self) -> float:
        return sum(row.number for row in self.rows)

    @property
    def groups(self) -> list[dict[str, Any]]:
        """The components under their groups, the usual ones first, with shares of the weight."""
        names = dict.fromkeys(
            [*(g for g in GROUPS if any(r.group == g for r in self.rows)), *(r.group for r in self.rows)]
        )
        found = []
        for name in names:
            rows = [{"row": row, "share": self.share(row)} for row in self.rows if row.group == name]
            found.append({"name": name, "rows": rows, "share": sum(one["share"] for one in rows)})  # type: ignore[misc]
        return found

    def share(self, row: Row) -> float:
        return row.number / self.total if self.total else 0.0


# --- From the form -------------------------------------------------------------------------------------------
def from_post(data: QueryDict) -> Draft:
    """What was sent, whatever is missing or too much in it."""
    rows = []
    for place in range(_count(data.get("components", ""), MAX_COMPONENTS + 1)):
        name = f"c{place}"
        prefix = f"{name}-s-"
        source = data.get(f"{name}-source", "")
        settings = {key.removeprefix(prefix): data.getlist(key) for key in data if key.startswith(prefix)}
        texts = {
            key: data.get(f"{name}-{key}", default).strip()
            for key, default in (
                ("key", ""), ("label", ""), ("group", ""), ("weight", "0"), ("kind", Transform.LINEAR), ("worst", ""),
                ("best", ""), ("outside", Outside.HOLD), ("steps", ""), ("below", ""), ("scores", ""), ("other", ""),
                ("missing", Missing.EXCLUDE), ("expires", ""), ("stale", ""),
            )
        }  # fmt: skip
        rows.append(
            Row(name=name, source=source, settings=settings, is_open=data.get(f"{name}-open") == "1", **texts)
        )
    return Draft(data.get("name", "").strip(), data.get("roll_up", "own"), rows)


def _count(text: str, most: int) -> int:
    return min(int(text), most) if text.isascii() and text.isdigit() and len(text) < 4 else 0


def carry_out(draft: Draft, action: str, source: str) -> None:
    """A press of one of the editor's own buttons: add-component (of `source`), remove-component:3."""
    verb, _, place = action.partition(":")
    if verb == "add-component" and source in sources.sources and len(draft.rows) < MAX_COMPONENTS:
        draft.rows.append(_new(draft, source))
    elif verb == "remove-component":
        draft.rows = [row for number, row in enumerate(draft.rows) if str(number) != place]
    for number, row in enumerate(draft.rows):
        row.name = f"c{number}"
        settle(row)


def _new(draft: Draft, key: str) -> Row:
    source = sources.sources[key]
    taken = {row.key for row in draft.rows}
    name, number = key.replace("_", "-"), 2
    while name in taken:
        name, number = f"{key.replace('_', '-')}-{number}", number + 1
    settings = {one.key: _texts(one.default) for one in source.settings}
    for one in source.settings:
        if not settings[one.key] and one.is_required and one.choices and (offered := one.choices()):
            settings[one.key] = [offered[0][0]]
    group = {"Answers": GROUPS[0], "People": GROUPS[0], "Metrics": GROUPS[2], "Service": GROUPS[1]}.get(
        source.group, GROUPS[3]
    )
    return Row(
        name="", key=name, label=source.label, group=group, weight="10", source=key, settings=settings, is_open=True
    )  # fmt: skip


def settle(row: Row) -> None:
    """Make what is shown fit its source: the settings of another are left out, its own get their ordinary values."""
    source = sources.sources.get(row.source)
    if source is None:
        return
    row.settings = {one.key: row.settings.get(one.key, _texts(one.default)) for one in source.settings}
    plain = {key: values[0] if len(values) == 1 else values for key, values in row.settings.items()}
    if source.is_text(plain) and row.kind != Transform.CATEGORIES:
        row.kind = Transform.CATEGORIES
    if row.kind == Transform.LINEAR:
        row.worst, row.best = row.worst or "0", row.best or "100"


def _texts(value: Any) -> list[str]:
    if value is None or value == "":
        return []
    return [str(one) for one in value] if isinstance(value, (list, tuple)) else [str(value)]


# --- To the configuration ------------------------------------------------------------------------------------
def to_raw(draft: Draft, *, key: str, conditions: Mapping[str, Any], is_active: bool) -> dict[str, Any]:
    """The profile as the configuration's check takes it."""
    return {
        "key": key,
        "name": draft.name,
        "conditions": dict(conditions),
        "is_active": is_active,
        "roll_up": draft.roll_up,
        "components": [_component(row) for row in draft.rows],
    }


def _component(row: Row) -> dict[str, Any]:
    source = sources.sources.get(row.source)
    return {
        "key": row.key,
        "group": row.group,
        "label": row.label,
        "weight": _number(row.weight),
        "source": row.source,
        "settings": {one.key: _setting(one, row.settings.get(one.key, [])) for one in source.settings}
        if source
        else {},
        "transform": _transform(row),
        "missing": row.missing,
        "expires_after_days": _number(row.expires) if row.expires else None,
        "stale_after_days": _number(row.stale) if row.stale else None,
    }


def _setting(setting: Setting, texts: list[str]) -> Any:
    if setting.kind is SettingKind.MANY:
        return [text for text in texts if text]
    text = texts[0].strip() if texts else ""
    if setting.kind is SettingKind.BOOLEAN:
        return text == "1"
    return _number(text) if setting.kind is SettingKind.NUMBER and text else text


def _transform(row: Row) -> dict[str, Any]:
    if row.kind == Transform.THRESHOLDS:
        steps = [[_number(value), _number(score)] for value, score in _lines(row.steps)]
        return {"kind": row.kind, "steps": steps, "below": _number(row.below) if row.below else None}
    if row.kind == Transform.CATEGORIES:
        scores = {value: _number(score) for value, score in _lines(row.scores)}
        return {"kind": row.kind, "scores": scores, "other": _number(row.other) if row.other else None}
    return {
        "kind": row.kind, "worst": _number(row.worst), "best": _number(row.best), "outside": row.outside,
    }  # fmt: skip


def _lines(text: str) -> list[tuple[str, str]]:
    """Lines of "value = score"; a line that is none becomes a value with an empty score, which is refused."""
    found = []
    for line in text.splitlines():
        if not line.strip():
            continue
        match = _LINE.match(line.strip())
        found.append((match["value"].strip(), match["score"].strip()) if match else (line.strip(), ""))
    return found


def _number(text: str) -> float | str:
    """A number as people type it ("1,5" too); what is none stays as it is."""
    plain = text.strip().replace("\u2212", "-")
    if plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    if not plain or "_" in plain or not plain.isascii():
        return text
    try:
        return float(plain)
    except ValueError:
        return text


def _scaling(row: Row) -> Scaling | None:
    raw = _transform(row)
    try:
        if row.kind == Transform.LINEAR:
            worst, best = float(raw["worst"]), float(raw["best"])
            return None if worst == best else Scaling(Transform.LINEAR, worst, best, Outside(row.outside))
        if row.kind == Transform.THRESHOLDS and raw["steps"]:
            steps = tuple(Step(float(start), float(score)) for start, score in raw["steps"])
            below = None if raw["below"] is None else float(raw["below"])
            return Scaling(Transform.THRESHOLDS, steps=steps, below=below)
        if row.kind == Transform.CATEGORIES and raw["scores"]:
            scores = {value: float(score) for value, score in raw["scores"].items()}
            return Scaling(
                Transform.CATEGORIES,
                scores=scores,
                other=None if raw["other"] is None else float(raw["other"]),
            )
    except ValueError:
        return None
    return None


# --- From the configuration ----------------------------------------------------------------------------------
def from_profile(profile: Profile) -> Draft:
    rows = [_row(f"c{place}", one) for place, one in enumerate(profile.components)]
    return Draft(profile.name, profile.roll_up.value, rows)


def _row(name: str, one: Component) -> Row:
    scaling = one.scaling
    row = Row(
        name=name,
        key=one.key,
        label=one.label,
        group=one.group,
        weight=f"{one.weight:g}",
        source=one.source,
        settings={key: _texts(value) for key, value in one.settings.items()},
        kind=scaling.kind.value,
        missing=one.missing.value,
        expires="" if one.expires_after_days is None else str(one.expires_after_days),
        stale="" if one.stale_after_days is None else str(one.stale_after_days),
        other="" if scaling.other is None else f"{scaling.other:g}",
    )
    if scaling.kind is Transform.LINEAR:
        row.worst, row.best, row.outside = (
            f"{scaling.worst:.12g}",
            f"{scaling.best:.12g}",
            scaling.outside.value,
        )
    elif scaling.kind is Transform.THRESHOLDS:
        row.steps = "\n".join(f"{step.start:.12g} = {step.score:g}" for step in scaling.steps)
        row.below = "" if scaling.below is None else f"{scaling.below:g}"
    else:
        row.scores = "\n".join(f"{value} = {score:g}" for value, score in scaling.scores.items())
    return row


# --- Bands ---------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class BandRow:
    name: str
    key: str
    label: str
    start: str


@dataclass(slots=True)
class BandDraft:
    rows: list[BandRow]
    confidence: str
    margin: str


def bands_of(config: Config) -> BandDraft:
    rows = [BandRow(f"b{n}", one.key, one.label, f"{one.start:g}") for n, one in enumerate(config.bands)]
    return BandDraft(rows, f"{config.min_confidence * 100:g}", f"{config.hysteresis:g}")


def bands_from_post(data: QueryDict, action: str) -> BandDraft:
    rows = []
    for place in range(_count(data.get("bands", ""), MAX_BANDS + 1)):
        name = f"b{place}"
        texts = {key: data.get(f"{name}-{key}", "").strip() for key in ("key", "label", "start")}
        rows.append(BandRow(name, **texts))
    verb, _, place_text = action.partition(":")
    if verb == "add-band" and len(rows) < MAX_BANDS:
        rows.append(BandRow("", "", "", ""))
    elif (
        verb == "remove-band"
        and place_text.isascii()
        and place_text.isdigit()
        and int(place_text[:3]) < len(rows)
    ):
        rows.pop(int(place_text[:3]))
    for number, row in enumerate(rows):
        row.name = f"b{number}"
    return BandDraft(rows, data.get("confidence", "50").strip(), data.get("margin", "0").strip())


def bands_to_raw(draft: BandDraft) -> dict[str, Any]:
    """The parts of the configuration that the page of bands holds. A band without a key gets one from its name."""
    share = _number(draft.confidence)
    taken = {row.key for row in draft.rows}
    found = []
    for row in draft.rows:
        key = row.key
        if not key:
            key = re.sub(r"[^a-z0-9]+", "_", row.label.lower()).strip("_")[:16] or "band"
            while key in taken:
                key = f"{key[:17]}_2" if not key.endswith("_2") else f"{key[:-2]}_3"
            taken.add(key)
        found.append({"key": key, "label": row.label, "from": _number(row.start)})
    return {
        "bands": found,
        "min_confidence": share / 100 if isinstance(share, float) else share,
        "hysteresis": _number(draft.margin),
    }
