"""How often alarms on the NPS are false, and which falls they find: the figures of docs/alarms.md.

    python bench/alarm_curve.py [series]

Answers are drawn for simulated years and judged by workflows/alarms/evidence.py as the product does it: two windows of
13 weeks, one look a week, told once. The mix is 45 % promoters, 35 % passives, 20 % detractors; a fall moves promoters
to detractors. No database, fixed seeds.
"""

import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from surveys.domain import Counts
from workflows.alarms.evidence import Direction, Verdict, Windows, judge

MIX = (0.45, 0.35, 0.20)  # promoters, passives, detractors
WINDOW_WEEKS = 13
YEAR = 52
Week = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Setting:
    """One kind of series. `fall` in points happens at the beginning of the year that is looked at."""

    n: int
    fall: float = 0
    direction: Direction = Direction.FALL
    every_weeks: int = 1
    min_n: int = 20
    threshold: int = 1
    window_weeks: int = WINDOW_WEEKS


def weeks_of(rng: random.Random, per_week: float, weeks: int, mix: Sequence[float]) -> list[Week]:
    """Answers of each week, the number of them spread evenly."""
    found: list[Week] = []
    given = 0
    for week in range(1, weeks + 1):
        number = round(per_week * week) - given
        given += number
        drawn = rng.choices((0, 1, 2), weights=mix, k=number)
        found.append((drawn.count(0), drawn.count(1), drawn.count(2)))
    return found


def fallen(mix: Sequence[float], points: float) -> tuple[float, float, float]:
    """The mix after a fall: half of it from fewer promoters, half from more detractors."""
    share = points / 200
    return mix[0] - share, mix[1], mix[2] + share


def first_alarm(rng: random.Random, setting: Setting, mix: Sequence[float] = MIX) -> int | None:
    """The week of the year in which a series raises its alarm; None if it never does."""
    width = setting.window_weeks
    per_week = setting.n / width
    weeks = weeks_of(rng, per_week, 2 * width, mix) + weeks_of(rng, per_week, YEAR, fallen(mix, setting.fall))
    sums = [(0, 0, 0)]
    for p, a, d in weeks:
        last = sums[-1]
        sums.append((last[0] + p, last[1] + a, last[2] + d))

    def window(end: int) -> Counts:
        after, before = sums[end], sums[end - width]
        return Counts(after[0] - before[0], after[1] - before[1], after[2] - before[2])

    for week in range(setting.every_weeks, YEAR + 1, setting.every_weeks):
        end = 2 * width + week
        verdict, _ = judge(
            Windows(window(end - width), window(end), {}),
            direction=setting.direction,
            every_weeks=setting.every_weeks,
            min_n=setting.min_n,
            threshold=setting.threshold,
        )
        if verdict is Verdict.MOVED:
            return week
    return None


def paired_alarm(rng: random.Random, people: int, fall: float, mix: Sequence[float] = MIX) -> bool:
    """Four rounds a year of the same people, who keep their category three times in four; told in a year or not."""
    kinds = (1, 0, -1)
    answers = rng.choices(kinds, weights=mix, k=people)
    for round_number in range(4):
        changed = fallen(mix, fall)
        now = [one if rng.random() < 0.75 else rng.choices(kinds, weights=changed)[0] for one in answers]
        if round_number == 0 and fall:
            # What three in four kept has to fall with the rest for the fall to be of the stated size.
            now = [-1 if one == 1 and rng.random() < 0.75 * fall / 200 / mix[0] else one for one in now]
        shared: dict[tuple[int, int], int] = {}
        for pair in zip(answers, now, strict=True):
            shared[pair] = shared.get(pair, 0) + 1
        windows = Windows(_counts(answers), _counts(now), shared)
        verdict, _ = judge(windows, direction=Direction.FALL, every_weeks=13, min_n=20, threshold=1)
        if verdict is Verdict.MOVED:
            return True
        answers = now
    return False


def _counts(values: Sequence[int]) -> Counts:
    return Counts(values.count(1), values.count(0), values.count(-1))


def rate(setting: Setting, series: int, seed: int, mix: Sequence[float] = MIX) -> tuple[float, float | None]:
    """The share of series with an alarm, and the median week of it."""
    weeks = sorted(
        week for number in range(series)
        if (week := first_alarm(random.Random(f"{seed}:{setting}:{number}"), setting, mix)) is not None
    )  # fmt: skip
    return len(weeks) / series, weeks[len(weeks) // 2] if weeks else None


MIXES: Mapping[str, tuple[float, float, float]] = {
    "NPS +25": MIX,
    "NPS 0": (0.35, 0.30, 0.35),
    "NPS +70": (0.76, 0.18, 0.06),
}


def main(series: int) -> None:
    print(f"{series:,} simulated years each; windows of 13 weeks.\n")
    print("Years with any false alarm, nothing having changed (promised: at most 5.0 %)\n")
    print(
        "| n per window | "
        + " | ".join(f"{name}, weekly" for name in MIXES)
        + " | both ways, weekly | every 4 weeks |"
    )
    print("|---:|" + "---:|" * (len(MIXES) + 2))
    for n in (25, 50, 80, 200, 500):
        cells = [rate(Setting(n), series, 1, mix)[0] for mix in MIXES.values()]
        cells.append(rate(Setting(n, direction=Direction.BOTH), series, 2)[0])
        cells.append(rate(Setting(n, every_weeks=4), series, 3)[0])
        print(f"| {n} | " + " | ".join(f"{100 * cell:.1f} %" for cell in cells) + " |")
    print("\nYears in which a fall is found (median week after it), watched weekly\n")
    falls = (10, 15, 20, 30, 40, 50)
    print("| n per window | " + " | ".join(f"−{fall}" for fall in falls) + " |")
    print("|---:|" + "---:|" * len(falls))
    for n in (50, 80, 200, 500, 1000):
        row = []
        for fall in falls:
            share, week = rate(Setting(n, fall), max(series // 4, 100), 4)
            row.append(f"{100 * share:.0f} %" + (f" ({week})" if week and share >= 0.1 else ""))
        print(f"| {n} | " + " | ".join(row) + " |")
    print("\nThe same people asked each quarter (three in four answer as before), watched each quarter\n")
    print("| people | no change | " + " | ".join(f"−{fall}" for fall in falls[:4]) + " |")
    print("|---:|---:|" + "---:|" * 4)
    for people in (50, 80, 200):
        row = []
        for fall in (0, *falls[:4]):
            number = series if fall == 0 else max(series // 4, 100)
            found = sum(
                paired_alarm(random.Random(f"5:{people}:{fall}:{i}"), people, fall) for i in range(number)
            )  # fmt: skip
            row.append(f"{100 * found / number:.1f} %" if fall == 0 else f"{100 * found / number:.0f} %")
        print(f"| {people} | " + " | ".join(row) + " |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
