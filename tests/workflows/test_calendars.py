"""Business time: laws that hold for every calendar, across clock changes, leave and holidays."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from workflows.calendars.domain import (
    NoWorkingTime,
    WorkCalendar,
    add_days,
    add_time,
    next_working_day,
    step_days,
    time_between,
)

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "UTC"]
BERLIN = ZoneInfo("Europe/Berlin")
HOUR = dt.timedelta(hours=1)

moments = st.datetimes(dt.datetime(2015, 1, 1), dt.datetime(2032, 1, 1)).map(
    lambda at: at.replace(tzinfo=dt.UTC)
)
amounts = st.integers(0, 400 * 60).map(lambda minutes: dt.timedelta(minutes=minutes))


@st.composite
def calendars(draw: st.DrawFn) -> WorkCalendar:
    """Any working week, with up to three stretches away and some holidays."""
    start = draw(st.integers(0, 22))
    end = draw(st.integers(start + 1, 23))
    away = draw(
        st.lists(
            st.tuples(st.dates(dt.date(2015, 1, 1), dt.date(2032, 1, 1)), st.integers(0, 30)), max_size=3
        )
    )
    days = {first + dt.timedelta(days=n) for first, length in away for n in range(length + 1)}
    return WorkCalendar(
        zone=ZoneInfo(draw(st.sampled_from(ZONES))),
        weekdays=draw(st.frozensets(st.integers(1, 7), min_size=1)),
        start=dt.time(start, draw(st.sampled_from([0, 30]))),
        end=dt.time(end, 45),
        is_off=lambda day: day in days or (day.month, day.day) in {(1, 1), (12, 25)},
    )


@given(calendar=calendars(), start=moments, first=amounts, second=amounts)
@example(WorkCalendar(BERLIN), dt.datetime(2026, 3, 17, 8, tzinfo=dt.UTC), 8 * HOUR, 0 * HOUR)
def test_working_time_adds_up(
    calendar: WorkCalendar, start: dt.datetime, first: dt.timedelta, second: dt.timedelta
) -> None:
    assert add_time(calendar, add_time(calendar, start, first), second) == add_time(
        calendar, start, first + second
    )


@given(calendar=calendars(), start=moments, amount=amounts)
def test_what_was_added_lies_between(
    calendar: WorkCalendar, start: dt.datetime, amount: dt.timedelta
) -> None:
    end = add_time(calendar, start, amount)

    assert end >= start
    assert time_between(calendar, start, end) == amount
    assert time_between(calendar, end, start) == -amount


@given(calendar=calendars(), times=st.tuples(moments, moments, moments).map(sorted))
def test_working_time_between_is_additive(calendar: WorkCalendar, times: list[dt.datetime]) -> None:
    a, b, c = times
    assume((c - a).days < 700)

    assert time_between(calendar, a, b) + time_between(calendar, b, c) == time_between(calendar, a, c)
    assert dt.timedelta(0) <= time_between(calendar, a, c) <= c - a


@given(calendar=calendars(), start=moments, amount=amounts)
def test_an_end_lies_in_working_hours(
    calendar: WorkCalendar, start: dt.datetime, amount: dt.timedelta
) -> None:
    local = add_time(calendar, start, amount).astimezone(calendar.zone)

    assert calendar.is_working_day(local.date())


@given(calendar=calendars(), start=moments, first=st.integers(0, 20), second=st.integers(0, 20))
def test_business_days_add_up(calendar: WorkCalendar, start: dt.datetime, first: int, second: int) -> None:
    day = start.date()

    assert step_days(calendar, step_days(calendar, day, first), second) == step_days(
        calendar, day, first + second
    )
    assert step_days(calendar, step_days(calendar, day, first), -first) == next_working_day(calendar, day)


@given(calendar=calendars(), earlier=moments, later=moments, days=st.integers(0, 20))
def test_who_is_given_work_earlier_is_not_due_later(
    calendar: WorkCalendar, earlier: dt.datetime, later: dt.datetime, days: int
) -> None:
    earlier, later = sorted((earlier, later))

    assert add_days(calendar, earlier, days) <= add_days(calendar, later, days)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("start", "hours", "expected"),
    [
        ("2026-03-17 10:00", 8, "2026-03-18 10:00"),
        ("2026-03-20 16:00", 2, "2026-03-23 10:00"),
        ("2026-03-21 12:00", 8, "2026-03-23 17:00"),
        ("2026-03-17 09:00", 8, "2026-03-17 17:00"),
        ("2026-03-17 20:00", 0, "2026-03-18 09:00"),
    ],
)
def test_hours_run_while_somebody_works(start: str, hours: int, expected: str) -> None:
    assert add_time(WorkCalendar(BERLIN), at(start), hours * HOUR) == at(expected)


def test_a_night_shift_loses_the_hour_that_the_clocks_skip() -> None:
    nights = WorkCalendar(BERLIN, weekdays=frozenset(range(1, 8)), start=dt.time(0), end=dt.time(8))

    assert time_between(nights, at("2026-03-29 00:00"), at("2026-03-29 08:00")) == 7 * HOUR
    assert time_between(nights, at("2026-10-25 00:00"), at("2026-10-25 08:00")) == 9 * HOUR


def test_a_calendar_without_a_working_day_says_so() -> None:
    with pytest.raises(NoWorkingTime):
        add_time(WorkCalendar(BERLIN, is_off=lambda _: True), at("2026-03-17 10:00"), HOUR)
