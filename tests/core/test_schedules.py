"""Local-time schedules: once for each local date, over ten years of clock changes."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import schedules
from core.models import ScheduleSlot

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]


def dates_of(zone: ZoneInfo, start: dt.datetime, end: dt.datetime) -> list[dt.date]:
    """Every date that the zone's calendar has between two moments, found by looking at each hour."""
    found: list[dt.date] = []
    moment = start
    while moment < end:
        day = moment.astimezone(zone).date()
        if not found or found[-1] != day:
            found.append(day)
        moment += dt.timedelta(minutes=30)
    return found


@pytest.mark.parametrize("name", ZONES)
@settings(max_examples=25, deadline=None)
@given(
    minute=st.integers(0, 24 * 60 - 1),
    start=st.datetimes(dt.datetime(2010, 6, 1), dt.datetime(2020, 5, 1)),
    pauses=st.lists(st.sampled_from([1, 1, 1, 2, 17, 60]), min_size=1, max_size=7),
)
def test_each_local_date_is_due_once_and_in_order(
    name: str, minute: int, start: dt.datetime, pauses: list[int]
) -> None:
    """Ticks come every minute or, after a pause of the worker, some hours late; a month is walked through."""
    zone, at = ZoneInfo(name), dt.time(minute // 60, minute % 60)
    # Around the changes of the clocks, and around Samoa's missing day.
    moment = start.replace(tzinfo=dt.UTC)
    end = moment + dt.timedelta(days=40)
    ran: list[dt.date] = []
    turn = 0
    while moment < end:
        day = schedules.latest_due(moment, at, zone)
        if day is not None and day not in ran:
            ran.append(day)
        turn += 1
        moment += dt.timedelta(minutes=pauses[turn % len(pauses)] * 10)
    assert ran == sorted(ran)
    expected = dates_of(zone, start.replace(tzinfo=dt.UTC), end)
    inner = expected[2:-2]
    assert [day for day in ran if inner[0] <= day <= inner[-1]] == inner


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("at", [dt.time(0, 0), dt.time(2, 30), dt.time(23, 59)])
def test_ten_years_have_no_date_twice_and_none_left_out(name: str, at: dt.time) -> None:
    zone = ZoneInfo(name)
    start, end = dt.datetime(2010, 1, 1, tzinfo=dt.UTC), dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    ran: list[dt.date] = []
    moment = start
    while moment < end:
        day = schedules.latest_due(moment, at, zone)
        assert day is not None
        if not ran or ran[-1] != day:
            assert day not in ran[-5:]
            ran.append(day)
        moment += dt.timedelta(hours=2)
    assert ran[1:] == [day for day in dates_of(zone, start, end) if ran[0] < day <= ran[-1]]
    assert (dt.date(2011, 12, 30) in ran) == (name != "Pacific/Apia")


@pytest.mark.parametrize(
    ("day", "utc"),
    [
        (dt.date(2026, 3, 29), "01:30"),  # 02:30 does not exist: an hour later by the clock, 03:30
        (dt.date(2026, 10, 25), "00:30"),  # 02:30 comes twice: the first
        (dt.date(2026, 7, 1), "00:30"),
        (dt.date(2026, 1, 1), "01:30"),
    ],
)
def test_the_moment_in_berlin(day: dt.date, utc: str) -> None:
    moment = schedules.due_moment(day, dt.time(2, 30), ZoneInfo("Europe/Berlin"))
    assert moment.strftime("%H:%M") == utc
    assert moment.date() == day


@pytest.mark.django_db
def test_a_schedule_runs_once_a_day_and_again_after_it_failed(frozen) -> None:
    ran: list[dt.date] = []

    def note(day: dt.date) -> None:
        ran.append(day)
        if len(ran) == 1:
            raise RuntimeError("the first time goes wrong")

    schedules.daily("test.daily", at=dt.time(9), zone=lambda: "Europe/Berlin", func=note)
    schedules.hourly("test.hourly", minute=5, func=lambda hour: None)
    try:
        for _ in range(4):
            schedules.run_due()
        assert ran == [dt.date(2026, 3, 17)] * 2
        frozen.shift(dt.timedelta(hours=-1))  # the clock is set back: nothing happens twice
        schedules.run_due()
        frozen.shift(dt.timedelta(days=3))  # no worker for days: the last date only
        schedules.run_due()
        assert ran[2:] == [dt.date(2026, 3, 20)]
        assert ScheduleSlot.objects.filter(job="test.hourly").count() == 3
    finally:
        schedules.forget("test.daily")
        schedules.forget("test.hourly")
