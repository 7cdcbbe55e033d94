"""Why the people of a running campaign still wait: one sentence, and when it goes on."""

import datetime as dt

import pytest

from surveys import pacing
from surveys.choices import WaveState
from surveys.models import Campaign, Invitation, Wave
from surveys.queries import holds
from team.models import Workspace
from tests.surveys.asking import make_account, make_campaign, make_contact, make_wave

pytestmark = pytest.mark.django_db

# A Tuesday, two in the afternoon in Berlin.
LAUNCHED = dt.datetime(2026, 3, 17, 13, 0, tzinfo=dt.UTC)


def waiting(people: int = 5, **plan: object) -> Campaign:
    Workspace.objects.update_or_create(pk=1, defaults={"time_zone": "Europe/Berlin"})
    campaign = make_campaign(launched_at=LAUNCHED, **plan)
    wave = make_wave(campaign)
    account = make_account()
    person = make_contact(account, "p@fjord.example")
    Invitation.objects.bulk_create(
        Invitation(
            wave=wave, version=wave.version, contact=person, account=account, recipient_key=f"key {n}",
            state="planned",
        )
        for n in range(people)
    )  # fmt: skip
    Wave.objects.filter(pk=wave.pk).update(state=WaveState.SENDING, planned_count=people)
    return campaign


def release(campaign: Campaign, now: dt.datetime = LAUNCHED) -> int:
    return sum(pacing.release(pk, now=now) for pk in campaign.waves.values_list("pk", flat=True))


def said(campaign: Campaign, now: dt.datetime = LAUNCHED) -> tuple[str, dt.datetime | None]:
    found = holds.hold(campaign, now=now)
    return ("", None) if found is None else (found.sentence, found.until)


def test_nothing_holds_up_what_may_leave_or_has_left() -> None:
    campaign = waiting()
    assert said(campaign) == ("", None)

    release(campaign)

    assert said(campaign) == ("", None)


def test_the_limit_of_the_day() -> None:
    campaign = waiting(daily_limit=2)
    assert release(campaign) == 2

    sentence, until = said(campaign)

    assert sentence == "Today's 2 are sent."
    assert until is not None
    assert release(campaign, until - dt.timedelta(minutes=1)) == 0
    assert release(campaign, until) == 2


def test_the_limit_of_the_hour() -> None:
    campaign = waiting(hourly_limit=2)
    assert release(campaign) == 2

    sentence, until = said(campaign, LAUNCHED + dt.timedelta(minutes=20))

    assert (sentence, until) == ("This hour's 2 are sent.", LAUNCHED + dt.timedelta(hours=1))
    assert release(campaign, LAUNCHED + dt.timedelta(hours=1)) == 2


def test_the_hours_of_those_who_wait() -> None:
    campaign = waiting(send_weekdays="12345", send_from=dt.time(9), send_until=dt.time(12))
    assert release(campaign) == 0

    sentence, until = said(campaign)

    assert sentence == "It is outside the hours of everybody who waits."
    assert until == dt.datetime(2026, 3, 18, 8, 0, tzinfo=dt.UTC)
    assert release(campaign, until) == 5


def test_a_day_used_up_goes_on_in_the_hours_of_the_next_sending_day() -> None:
    friday = LAUNCHED + dt.timedelta(days=3)
    campaign = waiting(daily_limit=2, send_weekdays="12345", send_from=dt.time(9), send_until=dt.time(17))
    assert release(campaign, friday) == 2

    sentence, until = said(campaign, friday)

    assert (sentence, until) == ("Today's 2 are sent.", dt.datetime(2026, 3, 23, 8, 0, tzinfo=dt.UTC))


def test_the_share_of_a_day_and_enough_answers() -> None:
    campaign = waiting(people=6, spread_days=3)
    Wave.objects.update(spread_until=LAUNCHED + dt.timedelta(days=2, hours=10))
    assert release(campaign) == 2
    assert said(campaign)[0] == "Today's share of 2 is sent."

    Campaign.objects.update(daily_answers_limit=1)
    campaign.refresh_from_db()
    Invitation.objects.filter(state="sending").update(asked_at=LAUNCHED, scored_at=LAUNCHED)

    assert said(campaign)[0] == "Today brought 1 answer, which is enough for a day."


def test_accounts_that_had_their_share_of_the_week() -> None:
    campaign = waiting(account_week_limit=2)
    assert release(campaign) == 2

    assert said(campaign) == ("Of every account that waits, 2 were asked within seven days.", None)


def test_a_campaign_that_is_paused_is_held_up_by_nothing_else() -> None:
    campaign = waiting(daily_limit=2)
    release(campaign)
    campaign.state = "paused"

    assert said(campaign) == ("", None)
