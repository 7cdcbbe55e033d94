"""How well a number told in advance who would leave: plain values in, estimates with their intervals out.

**AUC**: the chance that of two customers, one who left and one who stayed, the one who left had the lower value; ties count
half. ½ is a coin.

Its interval follows DeLong (1988) with the variance of Obuchowski (1997, "Nonparametric analysis of clustered ROC curve
data"): an account is evaluated once in every outcome window, and its evaluations hang together, so their shares are summed by
account before they are squared. The ends are made on the scale of the log odds, which keeps them within 0 and 1. Where
every pair is in order the estimate has no variance of its own, and that of Hanley and McNeil (1982) stands in for it.

**Lift** of the lowest tenth: the share of all who left that is in it, over a tenth. Its interval is Wilson's of that share.

Below 20 who left an interval is so wide that any number fits into it; `expected_half_width` says how wide.
"""

import hashlib
import math
from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

LEAST_OUTCOMES = 20
TENTH = 0.1
_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Estimate:
    """An AUC, or a difference of two, with its 95 % interval."""

    value: float
    low: float
    high: float
    left: int
    stayed: int

    @property
    def excludes_half(self) -> bool:
        return self.low > 0.5 or self.high < 0.5

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Lift:
    """How many times as many of those who left are in the lowest tenth as by chance."""

    value: float
    low: float
    high: float
    inside: int
    left: int


def expected_half_width(auc: float, left: int, stayed: int) -> float:
    """Half the width of the 95 % interval to expect of an AUC of this size (Hanley and McNeil 1982)."""
    return _Z * math.sqrt(_hanley_mcneil(auc, left, stayed))


def _hanley_mcneil(auc: float, left: int, stayed: int) -> float:
    if not left or not stayed:
        return 0.25
    q1, q2 = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    spread = auc * (1 - auc) + (left - 1) * (q1 - auc * auc) + (stayed - 1) * (q2 - auc * auc)
    return max(spread, 0.0) / (left * stayed)


# --- AUC -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Placed:
    """The estimate, and each one's share in it: of those who left and of those who stayed, in their order."""

    auc: float
    left: list[float]
    stayed: list[float]


def _place(left: Sequence[float], stayed: Sequence[float]) -> _Placed:
    """`left[i]`: the share of those who stayed above it; `stayed[j]`: the share of those who left below it."""
    a, b = sorted(left), sorted(stayed)
    m, n = len(a), len(b)
    ours = [(n - bisect_right(b, x) + 0.5 * (bisect_right(b, x) - bisect_left(b, x))) / n for x in left]
    theirs = [(bisect_left(a, y) + 0.5 * (bisect_right(a, y) - bisect_left(a, y))) / m for y in stayed]
    return _Placed(math.fsum(ours) / m, ours, theirs)


def _variance(
    estimate: float,
    left: Sequence[float],
    stayed: Sequence[float],
    left_of: Sequence[Hashable],
    stayed_of: Sequence[Hashable],
) -> float:
    """Obuchowski's variance of a mean of such shares; `left_of` and `stayed_of` name the cluster of each."""
    sums: dict[Hashable, list[float]] = {}
    for share, key in zip(left, left_of, strict=True):
        sums.setdefault(key, [0.0, 0.0, 0.0, 0.0])
        sums[key][0] += share - estimate
        sums[key][2] += 1
    for share, key in zip(stayed, stayed_of, strict=True):
        sums.setdefault(key, [0.0, 0.0, 0.0, 0.0])
        sums[key][1] += share - estimate
        sums[key][3] += 1
    m, n = len(left), len(stayed)
    with_left = sum(1 for one in sums.values() if one[2])
    with_stayed = sum(1 for one in sums.values() if one[3])
    if with_left < 2 or with_stayed < 2:
        return 0.0
    every = len(sums)
    s10 = with_left / ((with_left - 1) * m) * math.fsum(one[0] ** 2 for one in sums.values())
    s01 = with_stayed / ((with_stayed - 1) * n) * math.fsum(one[1] ** 2 for one in sums.values())
    s11 = every / (every - 1) * math.fsum(one[0] * one[1] for one in sums.values())
    return max(s10 / m + s01 / n + 2 * s11 / (m * n), 0.0)


def auc(
    values: Sequence[float | None], outcomes: Sequence[bool], accounts: Sequence[Hashable]
) -> Estimate | None:
    """The AUC of a number of which less means more risk. Rows without a value are left out; None without both kinds."""
    rows = [(v, o, a) for v, o, a in zip(values, outcomes, accounts, strict=True) if v is not None]
    left = [(v, a) for v, o, a in rows if o]
    stayed = [(v, a) for v, o, a in rows if not o]
    if not left or not stayed:
        return None
    placed = _place([v for v, _ in left], [v for v, _ in stayed])
    variance = _variance(placed.auc, placed.left, placed.stayed, [a for _, a in left], [a for _, a in stayed])
    m, n = len(left), len(stayed)
    # Drawn a hair inward, so that the odds of an estimate at an end are finite.
    inner = (placed.auc * m * n + 0.5) / (m * n + 1)
    if variance <= 0:
        variance = _hanley_mcneil(inner, m, n)
    half = _Z * math.sqrt(variance) / (inner * (1 - inner))
    odds = math.log(inner / (1 - inner))
    low, high = (1 / (1 + math.exp(-min(max(end, -700), 700))) for end in (odds - half, odds + half))
    return Estimate(placed.auc, min(low, placed.auc), max(high, placed.auc), m, n)


def gain(
    values: Sequence[float | None],
    others: Sequence[float | None],
    outcomes: Sequence[bool],
    accounts: Sequence[Hashable],
) -> Estimate | None:
    """AUC of `values` less that of `others`, both on the rows that have both, with the interval of the paired difference."""
    rows = [
        (v, w, o, a)
        for v, w, o, a in zip(values, others, outcomes, accounts, strict=True)
        if v is not None and w is not None
    ]
    left, stayed = [r for r in rows if r[2]], [r for r in rows if not r[2]]
    if not left or not stayed:
        return None
    ours = _place([r[0] for r in left], [r[0] for r in stayed])
    theirs = _place([r[1] for r in left], [r[1] for r in stayed])
    found = ours.auc - theirs.auc
    variance = _variance(
        found,
        [a - b for a, b in zip(ours.left, theirs.left, strict=True)],
        [a - b for a, b in zip(ours.stayed, theirs.stayed, strict=True)],
        [r[3] for r in left],
        [r[3] for r in stayed],
    )
    half = _Z * math.sqrt(variance)
    return Estimate(found, max(found - half, -1.0), min(found + half, 1.0), len(left), len(stayed))


# --- Lift ----------------------------------------------------------------------------------------------------
def lift(values: Sequence[float | None], outcomes: Sequence[bool], keys: Sequence[Hashable]) -> Lift | None:
    """The lift of the lowest tenth; equal values at its edge are taken in an order that only `keys` decide."""
    rows = [(v, coin(k), o) for v, o, k in zip(values, outcomes, keys, strict=True) if v is not None]
    left = sum(o for _, _, o in rows)
    size = math.ceil(TENTH * len(rows))
    if not left or not size:
        return None
    rows.sort(key=lambda row: (row[0], row[1]))
    inside = sum(o for _, _, o in rows[:size])
    share, part = inside / left, size / len(rows)
    z2 = _Z * _Z
    centre = (share + z2 / (2 * left)) / (1 + z2 / left)
    half = _Z * math.sqrt(share * (1 - share) / left + z2 / (4 * left * left)) / (1 + z2 / left)
    return Lift(share / part, max(0.0, centre - half) / part, min(1.0, centre + half) / part, inside, left)


def coin(key: Hashable) -> float:
    """A number from 0 to 1 that knows nothing of the account, and is the same each time."""
    digest = hashlib.sha256(f"backtest:{key}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


# --- Weights -------------------------------------------------------------------------------------------------
def suggested_weights(weights: dict[str, float], found: dict[str, Estimate | None]) -> dict[str, float]:
    """Weights half way from the present ones to ones by evidence, with the same sum, in whole numbers.

    The evidence of a component is how far the lower end of its interval lies above a coin; a component without any keeps
    half of its weight, because that a history cannot show its worth does not say it has none.
    """
    total = sum(weights.values())
    worth = {
        key: max(0.0, 2 * one.low - 1) if (one := found.get(key)) is not None else 0.0 for key in weights
    }
    whole = sum(worth.values())
    if not total or not whole:
        return dict(weights)
    wanted = {key: 0.5 * weight + 0.5 * total * worth[key] / whole for key, weight in weights.items()}
    return {key: float(round(value)) for key, value in wanted.items()}
