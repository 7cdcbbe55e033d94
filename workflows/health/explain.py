"""Why a health score is what it is, and why it changed: sums without a residual. Pure.

A score is a stack of parts. With w the weight that counts and c the score of a component, its part is wc/Σw; what the
accounts below add or take, and what an override adds or takes, are parts of their own. All sums are done in fractions, so
the parts of a stack add up to the score exactly, and the moves of a change to the difference of two scores.

The change of a weighted mean is split as Kitagawa does for two rates (Components of a difference between two rates,
Journal of the American Statistical Association 50, 1955). With p = w/Σw the share of a component and a bar for the mean
of before and after,

    Δ(Σpc) = Σ p̄·Δc + Σ (c̄ − K)·Δp

for any K, as the shares add up to one before and after. A component that counts on one side only keeps its score, so
Δc = 0 for it. K is the mean c̄ of those components whose weight counts unchanged, by that weight: what their shares lose
to a newcomer, or gain from one that went, then adds up to nothing and is the newcomer's doing. Where none counts
unchanged, K is the mean of the two scores. Every term is the same whichever side is looked at first: turned round, each
move changes its sign and nothing else.

Configuration and data are two causes. The effect of one is the mean of its effect with the other as before and as after
(the Shapley value of two players), so unchanged data leaves everything to the configuration, and the other way about.
What a component would have said before it was in the configuration was not recorded: it is taken to have said what it
said afterwards, so that its coming is the configuration's doing.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from math import floor

from workflows.health.domain import Component, Profile, Reading, State

Value = float | str | None
HALF = Fraction(1, 2)
ZERO = Fraction(0)


class Cause(StrEnum):
    """What a part of a change is due to.

    `value` the component said something else · `arrived` it has data now · `expired` its data became too old · `lost` it
    has no data any more · `weight`, `transform`, `added`, `removed` the configuration was changed · `profile` another
    profile applies · `below` the accounts below · `override` a person's judgement began, ended or held.
    """

    VALUE = "value"
    ARRIVED = "arrived"
    EXPIRED = "expired"
    LOST = "lost"
    WEIGHT = "weight"
    TRANSFORM = "transform"
    ADDED = "added"
    REMOVED = "removed"
    PROFILE = "profile"
    BELOW = "below"
    OVERRIDE = "override"


OF_CONFIGURATION = frozenset({Cause.WEIGHT, Cause.TRANSFORM, Cause.ADDED, Cause.REMOVED, Cause.PROFILE})


@dataclass(frozen=True, slots=True)
class Standing:
    """The health of one account at one moment, as it was computed.

    `readings` are those of the profile's components, in their order; `moment` is the second of the epoch for which they
    hold. `has_own` is whether a score of its own came of them. `rolled` is the score with the accounts below, where the
    profile rolls up and they had one. `override` is the score a person put in its place.
    """

    day: dt.date
    moment: int
    version: int
    profile: Profile | None
    readings: tuple[Reading, ...] = ()
    has_own: bool = True
    rolled: Fraction | None = None
    override: int | None = None
    override_ref: int | None = None

    @property
    def own(self) -> Fraction | None:
        """Σwc/Σw, exactly."""
        return _mean(self._weighed().values())

    @property
    def computed(self) -> Fraction | None:
        """The score without an override."""
        return self.own if self.rolled is None else self.rolled

    @property
    def total(self) -> Fraction | None:
        """The score that is shown."""
        return self.computed if self.override is None else Fraction(self.override)

    def _weighed(self) -> "dict[str, _Weighed]":
        if self.profile is None or not self.has_own:
            return {}
        return _weigh(self.profile.components, self.readings)


@dataclass(frozen=True, slots=True)
class _Weighed:
    """A component as it counts: its weight (0 if it does not count) and its score."""

    weight: Fraction
    score: Fraction


def _weigh(components: Sequence[Component], readings: Sequence[Reading]) -> dict[str, _Weighed]:
    """Components by key as they count. None of them does where none has data of its own, as nothing was heard."""
    found: dict[str, _Weighed] = {}
    is_heard = False
    for component, reading in zip(components, readings, strict=True):
        used = component.stand_in if reading.score is None else reading.score
        is_heard = is_heard or (reading.score is not None and component.weight > 0)
        counts = used is not None and component.weight > 0
        found[component.key] = _Weighed(
            Fraction(component.weight) if counts else ZERO, Fraction(used) if used is not None else ZERO
        )
    return found if is_heard else {}


def _mean(weighed: Iterable[_Weighed]) -> Fraction | None:
    rows = list(weighed)
    total = sum((one.weight for one in rows), ZERO)
    return sum((one.weight * one.score for one in rows), ZERO) / total if total else None


# --- A score as a stack --------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Part:
    """One part of a score. `share` is its share of the weight that counts; parts of accounts below and overrides have
    neither component nor share."""

    cause: Cause
    amount: Fraction
    component: Component | None = None
    reading: Reading | None = None
    share: Fraction | None = None


def stack(standing: Standing) -> list[Part]:
    """The parts of the shown score, which is their sum: components in their order (one that does not count has the
    amount 0), then the accounts below, then an override."""
    weighed = standing._weighed()
    total = sum((one.weight for one in weighed.values()), ZERO)
    found: list[Part] = []
    if standing.profile is not None:
        for component, reading in zip(standing.profile.components, standing.readings, strict=True):
            one = weighed.get(component.key)
            share = one.weight / total if one and total else ZERO
            found.append(Part(Cause.VALUE, share * one.score if one else ZERO, component, reading, share))
    own = standing.own or ZERO
    if standing.rolled is not None:
        found.append(Part(Cause.BELOW, standing.rolled - own))
    if standing.override is not None:
        found.append(Part(Cause.OVERRIDE, Fraction(standing.override) - (standing.computed or ZERO)))
    return found


# --- A change as moves ---------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Move:
    """One part of a change. `before` and `after` are what the component said; of a configuration change also what the
    component was."""

    cause: Cause
    amount: Fraction
    component: Component | None = None
    before: Reading | None = None
    after: Reading | None = None
    former: Component | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """The moves add up to `after − before`; where there was no score, it counts as nothing in that sum."""

    first: Standing
    last: Standing
    moves: tuple[Move, ...]

    @property
    def before(self) -> Fraction | None:
        return self.first.total

    @property
    def after(self) -> Fraction | None:
        return self.last.total

    @property
    def total(self) -> Fraction:
        return (self.after or ZERO) - (self.before or ZERO)


def change(first: Standing, last: Standing) -> Change:
    """Why the score went from one to the other: every point of it, largest moves first."""
    moves = _own_moves(first, last)
    moves.append(Move(Cause.BELOW, _below(last) - _below(first)))
    moves.append(Move(Cause.OVERRIDE, _overridden(last) - _overridden(first)))
    kept = [move for move in moves if move.amount]
    kept.sort(key=lambda move: (-abs(move.amount), move.component.key if move.component else "", move.cause))
    return Change(first, last, tuple(kept))


def _below(standing: Standing) -> Fraction:
    return ZERO if standing.rolled is None else standing.rolled - (standing.own or ZERO)


def _overridden(standing: Standing) -> Fraction:
    return ZERO if standing.override is None else standing.override - (standing.computed or ZERO)


def _own_moves(first: Standing, last: Standing) -> list[Move]:
    if first.own is None or last.own is None:
        return _from_nothing(first, -1) + _from_nothing(last, +1)
    sides = _Sides(first, last)
    was, is_ = first._weighed(), last._weighed()
    # Data of one side judged by the configuration of the other.
    new_data, new_config = sides.judged_by_former(), sides.judged_by_latter()
    paths = []  # per path: the effects of data, and those of the configuration
    if _mean(new_data.values()) is not None:
        paths.append((_split(was, new_data), _split(new_data, is_)))
    if _mean(new_config.values()) is not None:
        paths.append((_split(new_config, is_), _split(was, new_config)))
    if not paths:
        paths.append(({}, _split(was, is_)) if sides.is_reconfigured else (_split(was, is_), {}))
    by_data = _averaged([data for data, _ in paths])
    by_config = _averaged([config for _, config in paths])
    return [sides.data_move(key, amount) for key, amount in by_data.items()] + [
        sides.config_move(key, amount) for key, amount in by_config.items()
    ]


def _from_nothing(standing: Standing, sign: int) -> list[Move]:
    """A score that came, or went, as a whole: its parts are what arrived or was lost."""
    if standing.own is None:
        return []
    weighed = standing._weighed()
    total = sum((one.weight for one in weighed.values()), ZERO)
    assert standing.profile is not None
    return [
        Move(
            Cause.ARRIVED if sign > 0 else Cause.LOST,
            sign * weighed[component.key].weight * weighed[component.key].score / total,
            component,
            before=None if sign > 0 else reading,
            after=reading if sign > 0 else None,
        )
        for component, reading in zip(standing.profile.components, standing.readings, strict=True)
    ]


def _split(was: Mapping[str, _Weighed], is_: Mapping[str, _Weighed]) -> dict[str, Fraction]:
    """The change of the weighted mean by component (see the head of this module). Both means must exist."""
    nothing = _Weighed(ZERO, ZERO)
    pairs = {key: (was.get(key, nothing), is_.get(key, nothing)) for key in [*was, *is_]}
    before = sum((one.weight for one in was.values()), ZERO)
    after = sum((one.weight for one in is_.values()), ZERO)

    def scores(key: str) -> tuple[Fraction, Fraction]:
        a, b = pairs[key]
        return (a.score if a.weight else b.score), (b.score if b.weight else a.score)

    same = {key: a.weight for key, (a, b) in pairs.items() if a.weight == b.weight and a.weight}
    if same:
        middle = sum((w * sum(scores(key), ZERO) * HALF for key, w in same.items()), ZERO) / sum(
            same.values(), ZERO
        )
    else:
        middle = ((_mean(was.values()) or ZERO) + (_mean(is_.values()) or ZERO)) * HALF
    found = {}
    for key, (a, b) in pairs.items():
        share_before, share_after = a.weight / before, b.weight / after
        score_before, score_after = scores(key)
        amount = (share_before + share_after) * HALF * (score_after - score_before)
        if key not in same:
            amount += ((score_before + score_after) * HALF - middle) * (share_after - share_before)
        found[key] = amount
    return found


def _averaged(effects: Sequence[Mapping[str, Fraction]]) -> dict[str, Fraction]:
    keys = dict.fromkeys(key for one in effects for key in one)
    return {key: sum((one.get(key, ZERO) for one in effects), ZERO) / len(effects) for key in keys}


class _Sides:
    """What the components were and said on both sides."""

    def __init__(self, first: Standing, last: Standing) -> None:
        assert first.profile is not None
        assert last.profile is not None
        self.first, self.last = first, last
        self.former = {one.key: one for one in first.profile.components}
        self.latter = {one.key: one for one in last.profile.components}
        self.said = dict(zip(self.former, first.readings, strict=True))
        self.says = dict(zip(self.latter, last.readings, strict=True))
        self.is_reconfigured = first.profile.components != last.profile.components

    def _is_same_question(self, key: str) -> bool:
        """Whether both sides ask the same of their source, so that what one heard can be judged by the other."""
        a, b = self.former.get(key), self.latter.get(key)
        return a is not None and b is not None and (a.source, a.settings) == (b.source, b.settings)

    def judged_by_former(self) -> dict[str, _Weighed]:
        """The later data under the former configuration."""
        return self._judged(self.former, self.latter, self.said, self.says, self.last.moment)

    def judged_by_latter(self) -> dict[str, _Weighed]:
        """The earlier data under the latter configuration."""
        return self._judged(self.latter, self.former, self.says, self.said, self.first.moment)

    def _judged(
        self,
        components: Mapping[str, Component],
        others: Mapping[str, Component],
        own: Mapping[str, Reading],
        foreign: Mapping[str, Reading],
        moment: int,
    ) -> dict[str, _Weighed]:
        readings = []
        for key, component in components.items():
            if not self._is_same_question(key):
                readings.append(own[key])
            elif component == others[key]:
                readings.append(foreign[key])
            else:
                heard = foreign[key]
                score, state = component.read(heard.value, heard.observed, moment)
                readings.append(Reading(heard.value, score, heard.observed, state, heard.ref))
        return _weigh(list(components.values()), readings)

    def data_move(self, key: str, amount: Fraction) -> Move:
        before, after = self.said.get(key), self.says.get(key)
        had, has = (
            before is not None and before.score is not None,
            after is not None and after.score is not None,
        )
        cause = Cause.VALUE
        if has and not had:
            cause = Cause.ARRIVED
        elif had and not has:
            cause = Cause.EXPIRED if after is not None and after.state is State.EXPIRED else Cause.LOST
        return Move(cause, amount, self.latter.get(key, self.former.get(key)), before, after)

    def config_move(self, key: str, amount: Fraction) -> Move:
        assert self.first.profile is not None
        assert self.last.profile is not None
        a, b = self.former.get(key), self.latter.get(key)
        if self.first.profile.key != self.last.profile.key:
            cause = Cause.PROFILE
        elif a is None:
            cause = Cause.ADDED
        elif b is None:
            cause = Cause.REMOVED
        elif a.weight != b.weight:
            cause = Cause.WEIGHT
        else:
            cause = Cause.TRANSFORM
        return Move(cause, amount, b or a, self.said.get(key), self.says.get(key), former=a)


# --- Shown numbers -------------------------------------------------------------------------------------------
def apportion(amounts: Sequence[Fraction], total: int, *, unit: Fraction = Fraction(1)) -> list[int]:
    """Whole numbers of `unit` for the amounts that add up to `total` units: largest remainders first.

    Each amount is rounded down, then those that lost most are given one until the sum is right (or, where the shown
    total is less, those that lost least are taken one). An amount of exactly 0 stays 0 while any other is there.
    """
    exact = [amount / unit for amount in amounts]
    shown = [floor(one) for one in exact]
    open_ = [i for i, one in enumerate(exact) if one] or list(range(len(exact)))
    if not open_:
        return shown
    missing = total - sum(shown)
    by_loss = sorted(open_, key=lambda i: (shown[i] - exact[i], i))
    if missing < 0:
        by_loss.reverse()
    step = 1 if missing > 0 else -1
    for number in range(abs(missing)):
        shown[by_loss[number % len(by_loss)]] += step
    return shown


# --- Sentences -----------------------------------------------------------------------------------------------
Say = Callable[[Component, float | str], str]
"""A value of a component in words: "9", "41 %", "overdue"."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One line of an explanation: words, the whole points that it moved the score by (they add up to the shown
    difference), the exact amount, and the moves behind it."""

    text: str
    points: int
    amount: Fraction
    moves: tuple[Move, ...] = field(default=())


def sentences(
    found: Change, *, shown_before: int, shown_after: int, say: Say, day: Callable[[int], str]
) -> list[Sentence]:
    """The moves in plain words, largest first. Of another profile all its moves are one sentence.

    `shown_before` and `shown_after` are the whole numbers people saw (0 where there was no score); `day` says the day of
    a second of the epoch: "3 May".
    """
    lines: list[tuple[str, Fraction, tuple[Move, ...]]] = []
    of_profile = tuple(move for move in found.moves if move.cause is Cause.PROFILE)
    if of_profile:
        amount = sum((move.amount for move in of_profile), ZERO)
        lines.append((_profile_words(found), amount, of_profile))
    lines += [
        (words(move, found, say, day), move.amount, (move,)) for move in found.moves if move not in of_profile
    ]
    lines.sort(key=lambda line: -abs(line[1]))
    points = apportion([amount for _, amount, _ in lines], shown_after - shown_before)
    return [
        Sentence(text, number, amount, moves)
        for (text, amount, moves), number in zip(lines, points, strict=True)
    ]


def _profile_words(found: Change) -> str:
    former, latter = found.first.profile, found.last.profile
    return (
        f"The profile “{latter.name if latter else ''}” applies instead of “{former.name if former else ''}”"
    )


def words(move: Move, found: Change, say: Say, day: Callable[[int], str]) -> str:
    """One move in words, without its points."""
    component, version = move.component, found.last.version
    if move.cause is Cause.OVERRIDE:
        return _override_words(found)
    if component is None:
        return "The accounts below it changed"
    label = component.label
    match move.cause:
        case Cause.VALUE:
            return _value_words(move, component, say, day)
        case Cause.ARRIVED:
            if move.after is None or move.after.value is None:
                return f"{label} counts without data"
            return f"{label} has data: {say(component, move.after.value)}{_on(move.after, day)}"
        case Cause.EXPIRED:
            old = move.before
            since = _on(old, day, "of ") if old else ""
            return f"{label}{since} became too old to count"
        case Cause.LOST:
            return f"{label} has no data any more"
        case Cause.WEIGHT:
            former = move.former.weight if move.former else 0
            return f"The weight of {label} was changed from {former:g} to {component.weight:g} (version {version})"
        case Cause.TRANSFORM:
            return f"{label} is judged differently since version {version}"
        case Cause.ADDED:
            return f"{label} was added in version {version}"
        case Cause.REMOVED:
            return f"{label} was taken out in version {version}"
        case _:
            return label


def _value_words(move: Move, component: Component, say: Say, day: Callable[[int], str]) -> str:
    before, after = move.before, move.after
    if before is None or after is None or before.value is None or after.value is None:
        return f"{component.label} changed"
    old, new = before.value, after.value
    if isinstance(old, str) or isinstance(new, str):
        verb = "changed"
    else:
        verb = "rose" if new > old else "fell"
    if old == new:
        return f"{component.label} is still {say(component, new)}"
    return f"{component.label} {verb} from {say(component, old)} to {say(component, new)}{_on(after, day)}"


def _on(reading: Reading, day: Callable[[int], str], lead: str = "on ") -> str:
    return f" {lead}{day(reading.observed)}" if reading.observed is not None else ""


def _override_words(found: Change) -> str:
    first, last = found.first, found.last
    if first.override is None:
        return "An override was set"
    if last.override is None:
        return "The override ended"
    if first.override_ref == last.override_ref:
        return "The override held the score where it was"
    return "Another override was set"
