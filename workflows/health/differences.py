"""In what two health configurations differ, in words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from accounts import segments
from core.errors import Refused
from workflows.health.domain import Component, Config, Profile
from workflows.health.sources import sources
from workflows.health.words import MISSING, ROLL_UP, judged

NONE = "\u2013"
Note = Callable[[str, str, str], None]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is another: where, what it was, what it is."""

    place: str
    before: str
    after: str


def between(before: Config, after: Config) -> list[Difference]:
    """What was changed from one configuration to another, profile by profile."""
    found: list[Difference] = []

    def note(place: str, a: str, b: str) -> None:
        if a != b:
            found.append(Difference(place, a, b))

    former = {one.key: one for one in before.profiles}
    latter = {one.key: one for one in after.profiles}
    for key in dict.fromkeys([*former, *latter]):
        _profile(former.get(key), latter.get(key), note)
    stayed = [key for key in former if key in latter]
    now = [key for key in latter if key in former]
    if stayed != now:
        note("Order of profiles", _names(stayed, former), _names(now, latter))
    note("Bands", _bands(before), _bands(after))
    note(
        "Grey below",
        f"{before.min_confidence:.0%} of the weight",
        f"{after.min_confidence:.0%} of the weight",
    )
    note("Margin before a change of band is told", f"{before.hysteresis:g}", f"{after.hysteresis:g}")
    return found


def _profile(a: Profile | None, b: Profile | None, note: Note) -> None:
    if a is None or b is None:
        if (one := a or b) is not None:
            note(f"Profile “{one.name}”", NONE if a is None else "was there", NONE if b is None else "added")
        return
    note(f"{a.name}: name", a.name, b.name)
    note(f"{b.name}: for whom", for_whom(a.conditions), for_whom(b.conditions))
    note(f"{b.name}: in use", _switch(a), _switch(b))
    note(f"{b.name}: score with accounts below", ROLL_UP[a.roll_up], ROLL_UP[b.roll_up])
    old = {one.key: one for one in a.components}
    new = {one.key: one for one in b.components}
    for key in dict.fromkeys([*old, *new]):
        _component(b.name, old.get(key), new.get(key), note)


def _component(profile: str, a: Component | None, b: Component | None, note: Note) -> None:
    if a is None or b is None:
        if (one := a or b) is not None:
            weight = f"weight {one.weight:g}"
            note(f"{profile}: {one.label}", NONE if a is None else weight, NONE if b is None else weight)
        return
    where = f"{profile}: {b.label}"
    note(f"{where}, name", a.label, b.label)
    note(f"{where}, weight", f"{a.weight:g}", f"{b.weight:g}")
    note(f"{where}, group", a.group, b.group)
    note(f"{where}, made of", _source(a), _source(b))
    note(f"{where}, judged", judged(a.scaling), judged(b.scaling))
    note(f"{where}, without data", MISSING[a.missing], MISSING[b.missing])
    note(f"{where}, counts for", _days(a.expires_after_days), _days(b.expires_after_days))
    note(f"{where}, flagged as stale after", _days(a.stale_after_days), _days(b.stale_after_days))


def for_whom(conditions: Mapping[str, Any]) -> str:
    """Conditions of a profile in words."""
    if not conditions:
        return "every account"
    try:
        words = segments.describe(conditions, segments.ACCOUNT)
    except Refused:
        return "accounts by a field that is no longer there"
    return "every account" if words == "Everything" else words


def _source(component: Component) -> str:
    source = sources.get(component.source)
    try:
        return source.words(component.settings) if source else component.source
    except KeyError:
        return component.source


def _switch(profile: Profile) -> str:
    return "on" if profile.is_active else "off"


def _days(number: int | None) -> str:
    return "always" if number is None else f"{number:,} days"


def _names(keys: list[str], of: Mapping[str, Profile]) -> str:
    return ", ".join(of[key].name for key in keys)


def _bands(config: Config) -> str:
    return ", ".join(f"{band.label} from {band.start:g}" for band in config.bands)
