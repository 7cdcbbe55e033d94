"""When work is due."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.calendars.domain import WorkCalendar, add_days

BERLIN = ZoneInfo("Europe/Berlin")
NINE, FIVE = dt.time(9), dt.time(17)


def due(start: str, days: int, off: tuple[dt.date, ...] = ()) -> str:
    moment = dt.datetime.fromisoformat(start).replace(tzinfo=BERLIN)
    found = add_days(WorkCalendar(BERLIN, is_off=lambda day: day in off), moment, days)
    return found.astimezone(BERLIN).strftime("%a %Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("start", "days", "expected"),
    [
        ("2026-03-17 10:30", 1, "Wed 2026-03-18 10:30"),
        ("2026-03-20 16:00", 1, "Mon 2026-03-23 16:00"),
        ("2026-03-20 21:00", 1, "Mon 2026-03-23 17:00"),
        ("2026-03-17 03:00", 1, "Wed 2026-03-18 09:00"),
        ("2026-03-21 12:00", 1, "Tue 2026-03-24 09:00"),
        ("2026-03-17 10:30", 5, "Tue 2026-03-24 10:30"),
    ],
)
def test_due_times_are_working_hours_of_working_days(start: str, days: int, expected: str) -> None:
    assert due(start, days) == expected


def test_holidays_are_not_business_days() -> None:
    good_friday, easter_monday = dt.date(2026, 4, 3), dt.date(2026, 4, 6)

    assert due("2026-04-02 10:00", 1, off=(good_friday, easter_monday)) == "Tue 2026-04-07 10:00"


def test_the_local_hour_survives_the_change_to_summer_time() -> None:
    assert due("2026-03-27 10:00", 1) == "Mon 2026-03-30 10:00"


@given(
    start=st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2035, 1, 1)),
    days=st.integers(0, 30),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]),
)
def test_work_is_never_due_on_a_weekend_or_before_it_was_given(
    start: dt.datetime, days: int, zone: str
) -> None:
    given_at = start.replace(tzinfo=dt.UTC)

    found = add_days(WorkCalendar(ZoneInfo(zone), start=NINE, end=FIVE), given_at, days)

    local = found.astimezone(ZoneInfo(zone))
    assert local.weekday() < 5
    assert NINE <= local.time() <= FIVE
    assert days == 0 or found > given_at
