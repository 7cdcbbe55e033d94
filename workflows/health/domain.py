"""Health as plain values: transforms, weights, bands, confidence, roll-up. Pure; the database does the same arithmetic.

A component turns what a source says of an account into a score in [0, 100] or into nothing. With w the weights and c the
scores, the health of the account is Σwc/Σw over the components that have a score; it is never rounded on the way. The
order of the sums is that of the components, here and in SQL (workflows/health/compute.py), so both give the same bits.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

LOWEST, NEUTRAL, HIGHEST = 0.0, 50.0, 100.0
DAY_SECONDS = 86_400
UNCLEAR = "unclear"
"""The band of an account of which too little is known: grey, whatever its score."""


class Transform(StrEnum):
    LINEAR = "linear"
    THRESHOLDS = "thresholds"
    CATEGORIES = "categories"


class Outside(StrEnum):
    """What a linear transform makes of values outside its two ends."""

    HOLD = "hold"
    IGNORE = "ignore"


class Missing(StrEnum):
    """What a component without data counts: nothing, 50, or 0."""

    EXCLUDE = "exclude"
    NEUTRAL = "neutral"
    WORST = "worst"


class State(StrEnum):
    """How a component stands. `stale` counts, with a flag; `expired` and `missing` follow the missing policy."""

    COUNTED = "counted"
    STALE = "stale"
    EXPIRED = "expired"
    MISSING = "missing"


class RollUp(StrEnum):
    """How the score of an account with accounts below it comes about.

    `children`: the mean of the accounts below it, at any depth, by their own scores, weighted by their ARR as it stands
    in their own currency (all alike where none has any); without a score below, its own. `worst`: the lowest of its own and
    theirs. An account reached twice counts once, so a ring of parents ends.
    """

    OWN = "own"
    CHILDREN = "children"
    WORST = "worst"


class Reason(StrEnum):
    """Why an account has no score."""

    NONE = ""
    NO_PROFILE = "no_profile"
    NO_WEIGHT = "no_weight"
    NO_DATA = "no_data"
    LEFT = "left"


REASON_TEXTS: Mapping[Reason, str] = {
    Reason.NO_PROFILE: "No health profile fits this account.",
    Reason.NO_WEIGHT: "All components of its profile have the weight 0.",
    Reason.NO_DATA: "No component of its profile has data.",
    Reason.LEFT: "The account has left.",
}


@dataclass(frozen=True, slots=True)
class Step:
    """From this value on, up to the next step, the score is this."""

    start: float
    score: float


@dataclass(frozen=True, slots=True)
class Scaling:
    """How a value becomes a score.

    Linear: `worst` gives 0, `best` gives 100, in between in proportion; `best` may lie below `worst`. Thresholds: the last
    step whose start is not above the value, `below` under the first. Categories: the score of the value, `other` for one that
    is not named. None is no data.
    """

    kind: Transform
    worst: float = 0.0
    best: float = 100.0
    outside: Outside = Outside.HOLD
    steps: tuple[Step, ...] = ()
    below: float | None = 0.0
    scores: Mapping[str, float] = field(default_factory=dict)
    other: float | None = None

    def score(self, value: float | str | None) -> float | None:
        """The score of a value, in [0, 100], or None."""
        if value is None:
            return None
        if self.kind is Transform.CATEGORIES:
            return self.scores.get(category_of(value), self.other)
        number = float(value)
        if self.kind is Transform.THRESHOLDS:
            found = self.below
            for step in self.steps:
                if number >= step.start:
                    found = step.score
            return found
        low, high = min(self.worst, self.best), max(self.worst, self.best)
        if number < low or number > high:
            if self.outside is Outside.IGNORE:
                return None
            return HIGHEST if (number > high) == (self.best > self.worst) else LOWEST
        return (number - self.worst) / (self.best - self.worst) * HIGHEST


def category_of(value: float | str) -> str:
    """A value by the name that a categorical transform knows it by: 1.0 is "1"."""
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _is_older(age: int | None, days: int | None) -> bool:
    return age is not None and days is not None and age > days * DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Component:
    """One thing that health is made of. `settings` belong to its source; days are whole days of 24 hours."""

    key: str
    group: str
    label: str
    weight: float
    source: str
    settings: Mapping[str, Any]
    scaling: Scaling
    missing: Missing = Missing.EXCLUDE
    expires_after_days: int | None = None
    stale_after_days: int | None = None

    def read(self, value: float | str | None, observed: int | None, now: int) -> "tuple[float | None, State]":
        """The score of a value observed at a second of the epoch (None: it has no age), and how it stands."""
        if value is None:
            return None, State.MISSING
        age = None if observed is None else now - observed
        if _is_older(age, self.expires_after_days):
            return None, State.EXPIRED
        score = self.scaling.score(value)
        if score is None:
            return None, State.MISSING
        return score, State.STALE if self.is_stale(observed, now) else State.COUNTED

    def is_stale(self, observed: int | None, now: int) -> bool:
        return _is_older(None if observed is None else now - observed, self.stale_after_days)

    @property
    def stand_in(self) -> float | None:
        """What counts where there is no data."""
        return {Missing.EXCLUDE: None, Missing.NEUTRAL: NEUTRAL, Missing.WORST: LOWEST}[self.missing]


@dataclass(frozen=True, slots=True)
class Band:
    """Scores from `start` up to the next band's start, which is not in it; the last includes 100."""

    key: str
    label: str
    start: float


@dataclass(frozen=True, slots=True)
class Profile:
    """How health is made for the accounts that fulfil `conditions` (the segment language over an account's own fields)."""

    key: str
    name: str
    conditions: Mapping[str, Any]
    components: tuple[Component, ...]
    is_active: bool = True
    roll_up: RollUp = RollUp.OWN

    def component(self, key: str) -> Component | None:
        return next((one for one in self.components if one.key == key), None)

    @property
    def groups(self) -> list[str]:
        return list(dict.fromkeys(one.group for one in self.components))


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration. Of `profiles` the first active one that fits an account is its own.

    Below `min_confidence` (a share) an account's band is "unclear". `hysteresis` is by how many points a score must
    have passed the edge of a band before the change is told as an event; the band itself follows at once.
    """

    profiles: tuple[Profile, ...]
    bands: tuple[Band, ...]
    min_confidence: float = 0.5
    hysteresis: float = 0.0

    def profile(self, key: str) -> Profile | None:
        return next((one for one in self.profiles if one.key == key), None)

    @property
    def active(self) -> tuple[Profile, ...]:
        return tuple(one for one in self.profiles if one.is_active)

    def band_of(self, score: float) -> str:
        """The band of a score, without regard to confidence."""
        found = self.bands[0].key
        for band in self.bands:
            if score >= band.start:
                found = band.key
        return found

    def shown(self, score: float) -> int:
        """The whole number shown for a score: the nearest, but never one of another band (69.6 of 40–70 is 69)."""
        near = math.floor(score + 0.5)
        return near if self.band_of(near) == self.band_of(score) else math.floor(score)

    def label_of(self, band: str) -> str:
        if band == UNCLEAR:
            return "Unclear"
        return next((one.label for one in self.bands if one.key == band), "No score")

    def tone_of(self, band: str) -> Literal["bad", "watch", "good", ""]:
        """How a band is coloured: the lowest as bad, the highest as good, those between as to be watched, grey as nothing."""
        keys = [one.key for one in self.bands]
        if band not in keys:
            return ""
        place = keys.index(band)
        return "good" if place == len(keys) - 1 else "bad" if place == 0 else "watch"


DEFAULT_BANDS = (Band("at_risk", "At risk", 0), Band("watch", "Watch", 40), Band("healthy", "Healthy", 70))


@dataclass(frozen=True, slots=True)
class Reading:
    """What one component said of one account. `ref` is the row behind it, of the kind its source names."""

    value: float | str | None
    score: float | None
    observed: int | None
    state: State
    ref: int | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """Score and confidence (a share) of an account; without a score, why."""

    score: float | None
    confidence: float
    band: str
    reason: Reason = Reason.NONE


def weigh(profile: Profile, readings: Sequence[Reading], config: Config) -> Health:
    """Σwc/Σw over the components with a score; a component that stands in for missing data counts without adding to
    the confidence, which is the share of all weight that has data."""
    total = heard = counted = points = 0.0
    for component, reading in zip(profile.components, readings, strict=True):
        used = component.stand_in if reading.score is None else reading.score
        total += component.weight
        heard += component.weight if reading.score is not None else 0.0
        counted += component.weight if used is not None else 0.0
        points += component.weight * (0.0 if used is None else used)
    if total == 0:
        return Health(None, 0.0, "", Reason.NO_WEIGHT)
    if heard == 0:
        return Health(None, 0.0, "", Reason.NO_DATA)
    score, confidence = points / counted, heard / total
    return Health(score, confidence, band_for(score, confidence, config))


def band_for(score: float, confidence: float, config: Config) -> str:
    return UNCLEAR if confidence < config.min_confidence else config.band_of(score)


@dataclass(frozen=True, slots=True)
class Contribution:
    """A line of the explanation. The contributions of an account add up to its score."""

    component: str
    group: str
    label: str
    value: float | str | None
    score: float | None
    weight: float
    contribution: float
    observed: int | None
    state: State
    source: str
    ref: int | None


def contributions(profile: Profile, readings: Sequence[Reading]) -> list[Contribution]:
    """Each component's share wc/Σw of the score. `score` is what counted: the stand-in where data is missing."""
    pairs = list(zip(profile.components, readings, strict=True))
    used = [component.stand_in if r.score is None else r.score for component, r in pairs]
    counted = sum(c.weight for (c, _), score in zip(pairs, used, strict=True) if score is not None)
    found = []
    for (component, reading), score in zip(pairs, used, strict=True):
        part = component.weight * score / counted if score is not None and counted else 0.0
        found.append(
            Contribution(
                component.key, component.group, component.label, reading.value, score, component.weight, part,
                reading.observed, reading.state, component.source, reading.ref,
            )
        )  # fmt: skip
    return found
