"""What a campaign will bring, by the rules it will keep to."""

import datetime as dt
from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from surveys.answer_rate import Rate
from surveys.domain import Counts
from surveys.forecast import USUAL, Forecast, forecast
from surveys.models import Campaign
from surveys.queries import forecast as queries
from team.models import User, Workspace
from tests.accounts.test_api import Api
from tests.surveys.asking import make_account, make_campaign, make_contact

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = dt.date(2026, 3, 2)
RATE = Rate(10, 50)


def run(
    people: int, *, mix: Counts | None = USUAL, sizes: dict[int, int] | None = None, **fields: Any
) -> Forecast:
    return forecast(
        Campaign(name="x", **fields), first=MONDAY, zone=BERLIN, arrivals=Counter({MONDAY: people}), rate=RATE, mix=mix,
        account_sizes=sizes,
    )  # fmt: skip


def asks(found: Forecast) -> list[int]:
    return [day.asks for day in found.days]


def test_without_limits_all_are_asked_on_the_first_day_and_most_answers_come_within_days() -> None:
    found = run(1000)

    assert asks(found)[:3] == [1000, 0, 0]
    assert found.last is not None
    assert 195 < found.last.answers < 200
    assert 0 < found.last.answers_low < 200 < found.last.answers_high < 1000
    answers = [day.answers for day in found.days]
    assert answers == sorted(answers)
    margins = [day.margin for day in found.days if day.margin is not None]
    assert margins[-1] < margins[0]
    assert margins[-1] == pytest.approx(10.8, abs=0.5)


def test_the_daily_limit_and_the_weekdays_hold() -> None:
    assert asks(run(50, daily_limit=10, send_weekdays="12345"))[:10] == [10] * 5 + [0] * 5
    assert asks(run(60, daily_limit=10, send_weekdays="12345"))[:8] == [10] * 5 + [0, 0, 10]


def test_an_hourly_limit_counts_the_open_hours() -> None:
    found = run(100, hourly_limit=5, send_from=dt.time(9), send_until=dt.time(17))

    assert asks(found)[:3] == [40, 40, 20]


def test_a_spread_is_even() -> None:
    assert asks(run(20, spread_days=10))[:11] == [2] * 10 + [0]


def test_an_accounts_people_are_asked_over_weeks() -> None:
    assert [sum(asks(run(40, account_week_limit=1, sizes={4: 10}))[n : n + 7]) for n in (0, 7, 14, 21)] == [
        10
    ] * 4


def test_a_target_ends_close_to_it() -> None:
    found = run(10_000, target_answers=250, target_days=30)

    assert found.days[29].answers == pytest.approx(250, rel=0.1)
    assert sum(asks(found)[30:]) == 0


def test_recurring_comes_back() -> None:
    found = run(10, cadence="recurring", every_days=30)

    assert [day.date for day in found.days if day.asks] == [
        MONDAY + dt.timedelta(days=n) for n in (0, 30, 60, 90)
    ]
    assert found.is_endless


def test_no_margin_without_nps_and_nothing_for_nobody() -> None:
    assert {day.margin for day in run(100, mix=None).days} == {None}
    assert run(0).last_ask is None


@settings(deadline=None)
@given(
    people=st.integers(0, 3000),
    daily=st.one_of(st.none(), st.integers(1, 500)),
    hourly=st.one_of(st.none(), st.integers(1, 50)),
    spread=st.one_of(st.none(), st.integers(1, 60)),
    weekdays=st.sampled_from(["", "12345", "6", "135"]),
)
def test_nobody_is_lost_or_asked_twice(
    people: int, daily: int | None, hourly: int | None, spread: int | None, weekdays: str
) -> None:
    found = run(people, daily_limit=daily, hourly_limit=hourly, spread_days=spread, send_weekdays=weekdays)

    assert sum(asks(found)) <= people
    if len(found.days) < 400:
        assert sum(asks(found)) == people
    assert daily is None or max(asks(found)) <= daily
    for day in found.days:
        assert 0 <= day.answers_low <= day.answers <= day.answers_high <= max(day.asks_total, day.answers)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "first"),
    [
        ({}, 6),
        ({"cadence": "calendar", "period_months": 1, "spread_days": 3}, 2),
        ({"cadence": "recurring", "every_days": 90}, 6),
        (
            {"cadence": "account_date", "anchor": "renewal_on", "offsets": ["0d"]},
            5,
        ),  # six are due, of whom as many are eligible as of everybody
        ({"cadence": "event", "trigger_event": "purchase"}, 0),
    ],
)
def test_every_cadence_has_a_forecast_over_the_api(lead: User, fields: dict[str, Any], first: int) -> None:
    Workspace.objects.update_or_create(
        pk=1, defaults={"time_zone": "Europe/Berlin", "minimum_tenure_days": 0}
    )
    for n in range(6):
        make_contact(make_account(f"A{n}", renewal_on=MONDAY), f"{n}@x.example")
    make_contact(make_account("B"), "")
    with time_machine.travel(dt.datetime(2026, 3, 2, 9, tzinfo=BERLIN), tick=False):
        campaign = make_campaign(state="draft", **fields)
        body = Api(lead, "surveys:read")("get", f"/campaigns/{campaign.pk}/forecast/").json()

        assert body["days"][0]["asks"] == first
        assert body["response_rate"] == pytest.approx(0.2)
        assert body["is_endless"] is (fields != {})
        assert queries.of_campaign(campaign, lead).days[0].asks == first
