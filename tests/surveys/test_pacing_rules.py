"""Limits an hour, spread, answers wanted, turns of accounts, and hours: who is released when."""

import datetime as dt
import random
import threading
from collections import Counter
from typing import Any

import pytest
import time_machine
from django.db import connections
from hypothesis import given
from hypothesis import strategies as st

from surveys import answer_rate, pacing
from surveys.answer_rate import Asked, Rate
from surveys.choices import Cadence, WaveState
from surveys.models import Campaign, Delivery, Invitation, Wave, WaveDay
from surveys.services import campaigns
from team.models import Workspace
from tests.surveys.asking import make_account, make_campaign, make_contact, make_wave

MONDAY = dt.datetime(2026, 3, 2, 8, 0, tzinfo=dt.UTC)  # 09:00 in Berlin
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


def planned(people: int, *, accounts: int = 1, zone: str = "Europe/Berlin", **fields: Any) -> Wave:
    Workspace.objects.update_or_create(pk=1, defaults={"time_zone": zone, "day_start": dt.time(9)})
    fields = {"launched_at": MONDAY} | fields
    campaign = make_campaign(name=f"Campaign {Campaign.objects.count()}", **fields)
    spread = (
        {"spread_until": MONDAY.replace(hour=0) - HOUR + campaign.spread_days * DAY}
        if campaign.spread_days
        else {}
    )
    wave = make_wave(campaign, starts_on=MONDAY.date(), **spread)
    owners = [make_account(f"Company {wave.pk}.{n}") for n in range(accounts)]
    for n in range(people):
        owner = owners[n % accounts]
        person = make_contact(owner, f"p{n}.{wave.pk}@x.example")
        Invitation.objects.create(
            wave=wave, version=wave.version, contact=person, account=owner, recipient_key=f"{wave.pk}:{n}"
        )
    Wave.objects.filter(pk=wave.pk).update(state=WaveState.SENDING, planned_count=people)
    return wave


def sent(at: dt.datetime) -> None:
    """What was released has left, and counts as asked."""
    Delivery.objects.filter(state="pending").update(state="done")
    Invitation.objects.filter(state="sending").update(state="sent", asked_at=at)


def run(wave: Wave, at: dt.datetime) -> int:
    number = pacing.release(wave.pk, now=at)
    sent(at)
    return number


@pytest.mark.django_db
def test_the_hourly_limit_holds_also_over_midnight_and_odd_zones() -> None:
    wave = planned(20, hourly_limit=3, zone="Asia/Kathmandu")

    by_hour = Counter[str]()
    at = MONDAY
    for _ in range(24):
        by_hour[at.strftime("%dT%H")] += run(wave, at)
        at += dt.timedelta(minutes=20)

    assert sorted(by_hour.values(), reverse=True) == [3, 3, 3, 3, 3, 3, 2, 0]


@pytest.mark.django_db
def test_hourly_and_daily_limit_both_hold() -> None:
    wave = planned(20, hourly_limit=3, daily_limit=5)

    assert [run(wave, MONDAY + n * HOUR) for n in range(4)] == [3, 2, 0, 0]
    assert [run(wave, MONDAY + DAY + n * HOUR) for n in range(3)] == [3, 2, 0]


@pytest.mark.django_db
def test_rounds_of_one_campaign_share_its_limits() -> None:
    wave = planned(4, daily_limit=5)
    later = Wave.objects.create(
        campaign=wave.campaign,
        number=2,
        version=wave.version,
        state=WaveState.SENDING,
        starts_on=dt.date(2026, 3, 9),
    )
    Invitation.objects.bulk_create(
        [Invitation(wave=later, version=wave.version, recipient_key=f"later:{n}") for n in range(4)]
    )

    assert [run(wave, MONDAY), run(later, MONDAY), run(later, MONDAY + HOUR)] == [4, 1, 0]


@pytest.mark.django_db
def test_a_spread_sends_as_many_every_day_and_makes_up_for_lost_days() -> None:
    wave = planned(20, spread_days=10)

    assert [run(wave, MONDAY + n * DAY) for n in range(2)] == [2, 2]
    # Four days lost: sixteen are left for the four days that remain.
    assert [run(wave, MONDAY + n * DAY) for n in range(6, 10)] == [4, 4, 4, 4]


@pytest.mark.django_db
def test_a_spread_counts_only_days_on_which_something_is_sent() -> None:
    wave = planned(20, spread_days=14, send_weekdays="12345")

    assert [run(wave, MONDAY + n * DAY) for n in range(14)] == [2] * 5 + [0, 0] + [2] * 5 + [0, 0]


@pytest.mark.django_db
def test_a_daily_limit_of_answers_stops_releasing() -> None:
    wave = planned(40, daily_answers_limit=4)
    # Nothing is known yet: one of five is expected to answer, so twenty are asked.
    assert [run(wave, MONDAY), run(wave, MONDAY + HOUR)] == [20, 0]
    Invitation.objects.filter(pk__in=list(Invitation.objects.values_list("pk", flat=True)[:4])).update(
        scored_at=MONDAY + 26 * HOUR, state="answered"
    )

    assert run(wave, MONDAY + 27 * HOUR) == 0
    assert run(wave, MONDAY + 2 * DAY) > 0


@pytest.mark.django_db
def test_a_target_asks_for_what_is_missing_and_then_no_more() -> None:
    wave = planned(60, target_answers=10, target_days=10)

    first = run(wave, MONDAY)
    assert 5 <= first <= 10
    Invitation.objects.filter(state="sent").update(scored_at=MONDAY + HOUR, state="answered")
    second = run(wave, MONDAY + DAY)
    assert second < first
    Invitation.objects.filter(state="sent").update(scored_at=MONDAY + DAY, state="answered")
    asked = Invitation.objects.filter(asked_at__isnull=False).count()
    if asked >= 10:
        assert run(wave, MONDAY + 2 * DAY) == 0
    assert run(wave, MONDAY + 11 * DAY) == 0


@pytest.mark.django_db
def test_no_more_of_one_account_within_seven_days_than_its_limit() -> None:
    wave = planned(12, accounts=3, account_week_limit=2)

    assert [run(wave, MONDAY), run(wave, MONDAY + HOUR), run(wave, MONDAY + 7 * DAY - HOUR)] == [6, 0, 0]
    assert run(wave, MONDAY + 7 * DAY + HOUR) == 6
    assert Counter(Invitation.objects.values_list("account", flat=True)).most_common(1)[0][1] == 4


@pytest.mark.django_db
def test_a_full_account_holds_up_nobody_else() -> None:
    wave = planned(6, accounts=1, account_week_limit=1)
    other = make_account("Other")
    Invitation.objects.create(
        wave=wave,
        version=wave.version,
        contact=make_contact(other, "o@x.example"),
        account=other,
        recipient_key="o",
    )

    assert pacing.release(wave.pk, now=MONDAY, chunk=3) + pacing.release(wave.pk, now=MONDAY, chunk=3) == 2


@pytest.mark.django_db
def test_everybody_is_asked_within_the_hours_of_their_own_place() -> None:
    wave = planned(
        3, send_weekdays="12345", send_from=dt.time(9), send_until=dt.time(17), skip_holidays=True, accounts=3
    )
    berlin, new_york, holiday = Invitation.objects.filter(wave=wave).select_related("contact", "account")
    new_york.contact.time_zone = "America/New_York"
    new_york.contact.save()
    holiday.account.country = "BG"  # 3 March is Liberation Day
    holiday.account.save()

    def open_at(at: dt.datetime) -> set[str]:
        before = set(Invitation.objects.exclude(state="planned").values_list("pk", flat=True))
        run(wave, at)
        after = set(Invitation.objects.exclude(state="planned").values_list("pk", flat=True))
        names = {berlin.pk: "berlin", new_york.pk: "new york", holiday.pk: "holiday"}
        return {names[pk] for pk in after - before}

    tuesday = MONDAY + DAY
    assert open_at(tuesday - 24 * HOUR - dt.timedelta(minutes=1)) == set()
    assert open_at(tuesday) == {"berlin"}
    assert open_at(tuesday + 7 * HOUR - dt.timedelta(hours=1, minutes=-1)) == {"new york"}
    assert open_at(tuesday + DAY) == {"holiday"}


@pytest.mark.django_db
def test_an_ask_by_sms_waits_for_the_morning() -> None:
    wave = planned(2, channels=["email", "sms"])
    Invitation.objects.filter(pk=Invitation.objects.order_by("pk")[0].pk).update(channel="sms")

    assert pacing.release(wave.pk, now=MONDAY + 14 * HOUR) == 1  # 23:00
    assert pacing.release(wave.pk, now=MONDAY + 23 * HOUR) == 1  # 08:00


@pytest.mark.django_db
def test_what_waits_in_a_product_holds_up_no_mail() -> None:
    wave = planned(6, channels=["in_app", "email"])
    Invitation.objects.filter(
        pk__in=list(Invitation.objects.order_by("pk").values_list("pk", flat=True)[:3])
    ).update(channel="in_app")

    assert [pacing.release(wave.pk, now=MONDAY, chunk=3) for _ in range(2)] == [3, 3]
    assert set(Delivery.objects.values_list("channel", flat=True)) == {"in_app", "email"}


@pytest.mark.django_db
def test_when_the_time_for_a_target_is_over_the_rest_is_let_go() -> None:
    wave = planned(30, target_answers=4, target_days=5)
    with time_machine.travel(MONDAY, tick=False):
        assert 0 < run(wave, MONDAY) < 30
        assert not campaigns.finish_if_done(wave.pk)
    with time_machine.travel(MONDAY + 5 * DAY, tick=False):
        assert run(wave, MONDAY + 5 * DAY) == 0
        assert campaigns.finish_if_done(wave.pk)

    left = Invitation.objects.filter(asked_at__isnull=True)
    assert set(left.values_list("state", "outcome_reason")) == {("withdrawn", "not_needed")}


# --- The target, in many worlds ------------------------------------------------------------------------------
def campaign_of(rng: random.Random, *, rate: float, wanted: int, days: int, cap: int) -> tuple[int, int]:
    """One campaign: everybody answers at `rate`, after a delay of their own. Answers by the end, and the busiest day."""
    answers: list[float] = []
    groups: list[tuple[int, list[float]]] = []
    busiest = 0
    for today in range(days):
        seen = [
            Asked(today - day - 0.5, len(times), sum(time <= today for time in times))
            for day, times in groups
        ]
        expected = answer_rate.estimate(Rate(10, 50), seen)
        left = [days - day - 0.5 for day in range(today, days)]
        number = min(
            cap, answer_rate.asks_for_target(wanted=wanted, rate=expected, seen=seen, days_left=left)
        )
        busiest = max(busiest, number)
        times = [
            today + 0.5 + rng.expovariate(1 / answer_rate.LAG_DAYS) if rng.random() < rate else float("inf")
            for _ in range(number)
        ]
        groups.append((today, times))
        answers += times
    return sum(time <= days for time in answers), busiest


@pytest.mark.parametrize(("rate", "cap"), [(0.08, 400), (0.2, 120), (0.2, 1000), (0.45, 120)])
def test_a_target_is_met_within_a_tenth_in_nine_of_ten_campaigns(rate: float, cap: int) -> None:
    rng = random.Random(f"{rate}:{cap}")

    runs = [campaign_of(rng, rate=rate, wanted=250, days=30, cap=cap) for _ in range(200)]

    met = sum(abs(answers - 250) <= 25 for answers, _ in runs)
    assert met >= 180, f"{met} of 200; {sorted(answers for answers, _ in runs)[::20]}"
    assert max(busiest for _, busiest in runs) <= cap


@given(answered=st.integers(0, 400), asked=st.integers(0, 4000))
def test_an_estimate_lies_between_what_was_expected_and_what_was_seen(answered: int, asked: int) -> None:
    answered = min(answered, asked)
    rate = answer_rate.estimate(Rate(10, 50), [Asked(30, asked, answered)] if asked else [])

    bounds = sorted([0.2, answered / asked]) if asked else [0.2, 0.2]
    assert bounds[0] - 1e-6 <= rate.mean <= bounds[1] + 1e-6
    low, high = rate.interval()
    assert 0 <= low <= rate.mean <= high <= 1


# --- Rivals --------------------------------------------------------------------------------------------------
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_rival_releases_keep_every_limit() -> None:
    wave = planned(60, accounts=10, hourly_limit=25, account_week_limit=3, cadence=Cadence.ONCE)
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        for _ in range(4):
            pacing.release(wave.pk, now=MONDAY, chunk=15)
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    pacing.release(wave.pk, now=MONDAY)

    assert Delivery.objects.count() == WaveDay.objects.get().released <= 25
    per_account = Counter(Invitation.objects.filter(state="sending").values_list("account", flat=True))
    assert max(per_account.values()) <= 3
