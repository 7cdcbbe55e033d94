"""When messages may leave: by the clock on the person's wall, over every change of it."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surveys.windows import Hours, Place, is_holiday, is_open, next_open, sending_days

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = Hours(weekdays=frozenset({1, 2, 3, 4, 5}), start=dt.time(9), until=dt.time(17))
ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
]
# Close to changes of the clocks, and to the day that Samoa left out.
CHANGES = st.sampled_from(
    [(2026, 3, 8), (2026, 3, 29), (2026, 4, 5), (2026, 10, 4), (2026, 10, 25), (2026, 11, 1), (2011, 12, 30)]
)


def at(text: str, zone: str = "Europe/Berlin") -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-03-02 09:00", True),
        ("2026-03-02 08:59", False),
        ("2026-03-02 16:59", True),
        ("2026-03-02 17:00", False),
        ("2026-03-01 12:00", False),
        ("2026-03-07 12:00", False),
    ],
)
def test_weekdays_and_hours(moment: str, expected: bool) -> None:
    assert is_open(OFFICE, Place(), at(moment), default=BERLIN) is expected


def test_the_persons_zone_counts_unless_the_campaign_says_otherwise() -> None:
    moment = at("2026-03-02 09:00")  # 03:00 in New York
    there = Place(zone="America/New_York")

    assert not is_open(OFFICE, there, moment, default=BERLIN)
    here = Hours(weekdays=OFFICE.weekdays, start=OFFICE.start, until=OFFICE.until, in_contact_zone=False)
    assert is_open(here, there, moment, default=BERLIN)
    assert is_open(OFFICE, Place(zone="Mars/Base"), moment, default=BERLIN)


def test_holidays_of_the_country() -> None:
    hours = Hours(skip_holidays=True)
    unity = at("2026-10-03 12:00")

    assert not is_open(hours, Place(country="DE"), unity, default=BERLIN)
    assert is_open(hours, Place(country="FR"), unity, default=BERLIN)
    assert is_open(hours, Place(country="XX"), unity, default=BERLIN)
    assert is_open(hours, Place(), unity, default=BERLIN)
    assert is_holiday("de", dt.date(2026, 12, 25))


@pytest.mark.parametrize(
    ("moment", "expected"), [("07:59", False), ("08:00", True), ("20:59", True), ("21:00", False)]
)
def test_no_sms_at_night_whatever_the_campaign_says(moment: str, expected: bool) -> None:
    night_owl = Hours(start=dt.time(0), until=dt.time(23, 59), in_contact_zone=False)
    there = Place(zone="America/New_York", channel="sms")

    assert (
        is_open(night_owl, there, at(f"2026-03-02 {moment}", "America/New_York"), default=BERLIN) is expected
    )
    assert is_open(Hours(), there, at(f"2026-03-02 {moment}", "America/New_York"), default=BERLIN) is expected


def test_an_arm_with_an_hour_starts_then() -> None:
    afternoon = Place(send_hour=14)

    assert not is_open(OFFICE, afternoon, at("2026-03-02 13:59"), default=BERLIN)
    assert is_open(OFFICE, afternoon, at("2026-03-02 14:00"), default=BERLIN)
    assert is_open(OFFICE, Place(send_hour=18), at("2026-03-02 18:30"), default=BERLIN)


def test_hours_that_leave_nothing_are_never_open() -> None:
    late = Hours(start=dt.time(22), until=dt.time(23))

    assert next_open(late, Place(channel="sms"), at("2026-03-02 12:00"), default=BERLIN) is None


def test_how_many_days_something_may_be_sent() -> None:
    assert sending_days(OFFICE, dt.date(2026, 3, 2), dt.date(2026, 3, 15)) == 10
    assert sending_days(OFFICE, dt.date(2026, 3, 7), dt.date(2026, 3, 8)) == 1


@settings(max_examples=200, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    change=CHANGES,
    minutes=st.integers(-3 * 24 * 60, 3 * 24 * 60),
    start=st.integers(0, 20),
    length=st.integers(2, 4),
    channel=st.sampled_from(["email", "sms"]),
)
def test_open_means_open_on_the_wall_and_every_day_has_its_hours(
    zone: str, change: tuple[int, int, int], minutes: int, start: int, length: int, channel: str
) -> None:
    hours = Hours(start=dt.time(start), until=dt.time(min(start + length, 23), 59))
    place = Place(zone=zone, channel=channel)
    moment = dt.datetime(*change, tzinfo=dt.UTC) + dt.timedelta(minutes=minutes)
    wall = moment.astimezone(ZoneInfo(zone)).time()

    if is_open(hours, place, moment, default=BERLIN):
        assert hours.start <= wall < hours.until
        assert channel != "sms" or dt.time(8) <= wall < dt.time(21)
    found = next_open(hours, place, moment, default=BERLIN)
    if found is None:
        assert channel == "sms"
        return
    assert is_open(hours, place, found, default=BERLIN)
    assert moment <= found <= moment + dt.timedelta(hours=49)
    # Nothing was missed on the way there.
    steps = range(0, int((found - moment).total_seconds() // 60), 15)
    assert not any(is_open(hours, place, moment + dt.timedelta(minutes=n), default=BERLIN) for n in steps)
