"""What a campaign will bring, before it is launched: asks, answers and the margin of error of its NPS, day by day.

Pure: it lets the days pass by the same rules as surveys/pacing.py, with expected numbers in the place of people. Stated
limits: everybody who is to be asked stays eligible; hours of the day and holidays move asks within a day only; answers
come after the delay of surveys/answer_rate.py. The ranges hold 95 %: of how many of the asked answer, and of how well
the rate is known.
"""

import datetime as dt
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from surveys import answer_rate, cadence, windows
from surveys.answer_rate import Asked, Rate
from surveys.choices import Cadence
from surveys.domain import Counts
from surveys.models import Campaign

# Answers that are still to come two weeks after the last ask are too few to wait for.
AFTER = 14
LONGEST, ENDLESS_DAYS = 400, 92
DEVIATIONS = 1.96
# Where an installation has too few answers to know better.
USUAL = Counts(promoters=50, passives=30, detractors=20)


@dataclass(frozen=True, slots=True)
class Day:
    """A date: how many are asked on it, and what there is by its end. `margin` is of the NPS in points, by 95 %."""

    date: dt.date
    asks: int
    asks_total: int
    answers: float
    answers_low: float
    answers_high: float
    margin: float | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """The days until the last answers are in, or the next three months of a campaign without end."""

    days: tuple[Day, ...]
    rate: Rate
    is_endless: bool

    @property
    def last(self) -> Day | None:
        return self.days[-1] if self.days else None

    @property
    def last_ask(self) -> dt.date | None:
        return max((day.date for day in self.days if day.asks), default=None)

    @property
    def weeks(self) -> tuple[Day, ...]:
        """Every seventh day and the last: enough for a table."""
        picked = self.days[6::7]
        return (
            picked if not self.days or (picked and picked[-1] == self.days[-1]) else (*picked, self.days[-1])
        )


def forecast(
    campaign: Campaign,
    *,
    first: dt.date,
    zone: ZoneInfo,
    arrivals: Mapping[dt.date, int],
    rate: Rate,
    mix: Counts | None = None,
    account_sizes: Mapping[int, int] | None = None,
) -> Forecast:
    """What becomes of the people who fall due on the dates of `arrivals`, if the campaign starts on `first`.

    `mix` is how answers have been divided so far; None for a metric without NPS. `account_sizes`: how many accounts have
    so many people, for the limit of an account's week. The campaign need not be saved or launched.
    """
    is_endless = campaign.cadence in cadence.ENDLESS
    due, asked, waiting = Counter(arrivals), list[int](), 0
    for number in range(ENDLESS_DAYS if is_endless else LONGEST):
        date = first + dt.timedelta(days=number)
        waiting += due[date]
        today = min(
            waiting,
            _most(
                campaign, asked, waiting, date=date, first=first, zone=zone, rate=rate, sizes=account_sizes
            ),
        )
        waiting -= today
        asked.append(today)
        if campaign.cadence == Cadence.RECURRING and today:
            due[date + dt.timedelta(days=campaign.every_days or 1)] += today
        if not is_endless and _is_done(campaign, asked, waiting, due, date):
            break
    return Forecast(_days(asked, first, rate, mix), rate, is_endless)


def _is_done(
    campaign: Campaign, asked: list[int], waiting: int, due: Mapping[dt.date, int], date: dt.date
) -> bool:
    over = campaign.target_days is not None and len(asked) > campaign.target_days
    ahead = any(number for day, number in due.items() if day > date)
    return (over or not waiting) and not ahead and len(asked) > AFTER and not any(asked[-AFTER:])


def _most(
    campaign: Campaign,
    asked: list[int],
    waiting: int,
    *,
    date: dt.date,
    first: dt.date,
    zone: ZoneInfo,
    rate: Rate,
    sizes: Mapping[int, int] | None,
) -> int:
    """How many may be asked on a date."""
    hours = windows.hours_of(campaign)
    if date.isoweekday() not in hours.weekdays:
        return 0
    limits = [waiting]
    if campaign.daily_limit is not None:
        limits.append(campaign.daily_limit)
    if campaign.hourly_limit is not None:
        limits.append(campaign.hourly_limit * _open_hours(hours))
    if campaign.daily_answers_limit is not None:
        limits.append(math.ceil(campaign.daily_answers_limit / rate.mean))
    spread = _spread_end(campaign, date, first, zone)
    if spread is not None and spread > date:
        left = windows.sending_days(hours, date, spread - dt.timedelta(days=1))
        limits.append(math.ceil(waiting / left))
    if campaign.target_answers is not None and campaign.target_days is not None:
        limits.append(_for_target(campaign, asked, date=date, first=first, rate=rate, hours=hours))
    if campaign.account_week_limit is not None and sizes:
        weeks = 1 + len(asked) // 7
        places = sum(
            min(size, campaign.account_week_limit * weeks) * number for size, number in sizes.items()
        )
        limits.append(places - sum(asked))
    return max(0, min(limits))


def _open_hours(hours: windows.Hours) -> int:
    until = hours.until.hour or 24
    return max(1, until - hours.start.hour)


def _spread_end(campaign: Campaign, date: dt.date, first: dt.date, zone: ZoneInfo) -> dt.date | None:
    if campaign.cadence == Cadence.CALENDAR:
        starts_on = cadence.calendar_round(first, campaign.period_months or 3, date)
        assert starts_on is not None
        following = cadence.calendar_round(
            first,
            campaign.period_months or 3,
            starts_on + dt.timedelta(days=31 * (campaign.period_months or 3) + 3),
        )
        days = campaign.spread_days
        own = following if days is None else starts_on + dt.timedelta(days=days)
        return min(own, following) if own and following else own
    return None if campaign.spread_days is None else first + dt.timedelta(days=campaign.spread_days)


def _for_target(
    campaign: Campaign, asked: list[int], *, date: dt.date, first: dt.date, rate: Rate, hours: windows.Hours
) -> int:
    assert campaign.target_answers is not None
    assert campaign.target_days is not None
    number = len(asked)
    begin = number - number % campaign.target_days if campaign.cadence in cadence.ENDLESS else 0
    end = begin + campaign.target_days
    seen = [
        Asked(
            number - index - 0.5,
            people,
            round(people * rate.mean * answer_rate.share_by(number - index - 0.5)),
        )
        for index, people in enumerate(asked)
        if index >= begin and people
    ]
    left = [
        end - day - 0.5
        for day in range(number, end)
        if (first + dt.timedelta(days=day)).isoweekday() in hours.weekdays
    ]
    return answer_rate.asks_for_target(wanted=campaign.target_answers, rate=rate, seen=seen, days_left=left)


def _days(asked: list[int], first: dt.date, rate: Rate, mix: Counts | None) -> tuple[Day, ...]:
    found, total = [], 0
    unsure = rate.mean * (1 - rate.mean) / (rate.asked + 1)
    shares = [answer_rate.share_by(age + 0.5) for age in range(len(asked))]
    busy = [(number, people) for number, people in enumerate(asked) if people]
    for number, today in enumerate(asked):
        total += today
        due = sum(people * shares[number - day] for day, people in busy if day <= number)
        expected = due * rate.mean
        spread = DEVIATIONS * math.sqrt(expected * (1 - rate.mean) + due * due * unsure)
        low, high = max(0.0, expected - spread), min(float(total), expected + spread)
        found.append(
            Day(first + dt.timedelta(days=number), today, total, expected, low, high, _margin(expected, mix))
        )
    return tuple(found)


def _margin(answers: float, mix: Counts | None) -> float | None:
    """The margin of an NPS that stands on so many answers, divided as those so far."""
    number = round(answers)
    if mix is None or not mix.n or not number:
        return None
    promoters, detractors = round(number * mix.promoters / mix.n), round(number * mix.detractors / mix.n)
    interval = Counts(promoters, max(0, number - promoters - detractors), detractors).interval
    return None if interval is None else interval.margin
