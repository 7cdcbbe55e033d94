"""The daily limit: exact on every local date, whatever the clocks do and however many release at once."""

import datetime as dt
import threading
from collections import Counter
from zoneinfo import ZoneInfo

import pytest
from django.db import connections, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import jobs
from surveys import pacing, planning
from surveys.choices import CampaignState, WaveState
from surveys.models import Delivery, Invitation, Wave, WaveDay
from surveys.services import campaigns
from team.models import User, Workspace
from tests.surveys.asking import make_account, make_campaign, make_contact, make_wave

LAUNCHED = dt.datetime(2026, 3, 17, 13, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def planned(
    people: int, *, limit: int | None, launched_at: dt.datetime = LAUNCHED, zone: str = "Europe/Berlin"
) -> Wave:
    Workspace.objects.update_or_create(pk=1, defaults={"time_zone": zone})
    campaign = make_campaign(
        daily_limit=limit, launched_at=launched_at, name=f"Campaign {Wave.objects.count()}"
    )
    wave = make_wave(campaign)
    account = make_account(f"Company {wave.pk}")
    template = make_contact(account, f"w{wave.pk}@fjord.example")
    Invitation.objects.bulk_create(
        [
            Invitation(
                wave=wave,
                version=wave.version,
                contact=template,
                recipient_key=f"{wave.pk}:{n}",
                state="planned",
            )
            for n in range(people)
        ]
    )
    Wave.objects.filter(pk=wave.pk).update(state=WaveState.SENDING, planned_count=people)
    wave.refresh_from_db()
    return wave


@pytest.mark.django_db
def test_without_a_limit_all_is_released_at_the_launch() -> None:
    wave = planned(5, limit=None)

    assert pacing.release(wave.pk, now=LAUNCHED) == 5

    assert Delivery.objects.filter(state="pending").count() == 5
    assert Delivery.objects.values("message_id").distinct().count() == 5


@pytest.mark.django_db
def test_the_limit_holds_within_a_day_and_goes_on_the_next_working_morning() -> None:
    wave = planned(5, limit=2)

    assert [pacing.release(wave.pk, now=LAUNCHED + dt.timedelta(hours=h)) for h in (0, 1, 8)] == [2, 0, 0]
    next_day = dt.datetime(2026, 3, 18, 7, 59, tzinfo=dt.UTC)
    assert pacing.release(wave.pk, now=next_day) == 0
    assert pacing.release(wave.pk, now=next_day + dt.timedelta(minutes=1)) == 2
    assert pacing.release(wave.pk, now=next_day + DAY + dt.timedelta(hours=1)) == 1


@pytest.mark.django_db
def test_a_pause_releases_nothing(lead: User) -> None:
    wave = planned(5, limit=2)
    campaigns.pause(campaign=wave.campaign, actor=lead)

    assert pacing.release(wave.pk, now=LAUNCHED) == 0


@pytest.mark.django_db
def test_accounts_take_turns() -> None:
    campaign = make_campaign(daily_limit=3, launched_at=LAUNCHED)
    for name in ("A", "B", "C"):
        account = make_account(name)
        for n in range(3):
            make_contact(account, f"{name}{n}@example.com")
    wave = make_wave(campaign)
    planning.plan_wave(wave.pk)

    pacing.release(wave.pk, now=LAUNCHED)

    released = wave.invitations.filter(state="sending").values_list("account__name", flat=True)
    assert sorted(released) == ["A", "B", "C"]


@pytest.mark.django_db
def test_a_big_campaign_is_released_in_chunks_as_it_is_sent() -> None:
    wave = planned(25, limit=None)

    assert [pacing.release(wave.pk, now=LAUNCHED, chunk=10) for _ in range(2)] == [10, 0]
    Delivery.objects.update(state="done")
    assert pacing.release(wave.pk, now=LAUNCHED, chunk=10) == 10


@pytest.mark.django_db
def test_the_wave_is_finished_when_nothing_is_left_to_send() -> None:
    wave = planned(2, limit=None)
    pacing.release(wave.pk, now=LAUNCHED)
    assert not campaigns.finish_if_done(wave.pk)

    Invitation.objects.filter(wave=wave).update(state="sent", asked_at=LAUNCHED)

    assert campaigns.finish_if_done(wave.pk)
    wave.campaign.refresh_from_db()
    assert wave.campaign.state == CampaignState.FINISHED


@pytest.mark.django_db
def test_the_tick_releases_what_a_lost_wake_up_left(frozen: object) -> None:
    wave = planned(3, limit=None)

    jobs.tick()
    jobs.drain(pacing.RELEASE)

    assert Delivery.objects.filter(invitation__wave=wave).count() == 3


zones = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu"]
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    zone=zones,
    start=st.datetimes(dt.datetime(2011, 12, 1), dt.datetime(2026, 11, 30)).map(
        lambda d: d.replace(tzinfo=dt.UTC)
    ),
    change=st.sampled_from([(3, 28), (10, 24), (3, 7), (10, 31), (4, 4), (9, 26), (12, 28), None]),
    limit=st.integers(1, 4),
    steps=st.lists(st.integers(1, 30), min_size=3, max_size=25),
)
@pytest.mark.django_db
def test_no_local_date_ever_exceeds_the_limit_and_none_is_wasted(
    zone: str, start: dt.datetime, change: tuple[int, int] | None, limit: int, steps: list[int]
) -> None:
    """Starts close to a change of the clocks, and looks at uneven hours, as restarts and late ticks would."""
    if change is not None:
        start = start.replace(month=change[0], day=change[1])
    local = ZoneInfo(zone)
    with transaction.atomic():
        wave = planned(60, limit=limit, launched_at=start, zone=zone)
        at, by_date, seen = start, Counter[dt.date](), set()
        for hours in [0, *steps]:
            at += dt.timedelta(hours=hours)
            date = at.astimezone(local).date()
            by_date[date] += pacing.release(wave.pk, now=at)
            Delivery.objects.update(state="done")
            if at >= pacing.opens_at(wave.campaign, date, Workspace.objects.get()):
                seen.add(date)
        ledger = dict(WaveDay.objects.filter(wave=wave, released__gt=0).values_list("local_date", "released"))
        transaction.set_rollback(True)

    assert all(count <= limit for count in by_date.values())
    assert all(by_date[date] == limit for date in seen if sum(by_date.values()) < 60)
    assert ledger == {date: count for date, count in by_date.items() if count}


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_schedulers_at_once_release_no_more_than_the_limit() -> None:
    wave = planned(200, limit=50)
    barrier = threading.Barrier(4)
    released: list[int] = []

    def run() -> None:
        barrier.wait()
        released.append(pacing.release(wave.pk, now=LAUNCHED, chunk=30))
        released.append(pacing.release(wave.pk, now=LAUNCHED, chunk=100))
        connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert sum(released) == 50
    assert Delivery.objects.count() == 50
    assert WaveDay.objects.get().released == 50
