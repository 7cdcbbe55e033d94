"""The calendar says what was asked, what begins and who comes due, for the people a reader may see."""

import datetime as dt
import re

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from core import clock
from surveys.choices import CampaignState
from surveys.models import Campaign, Invitation
from tests.surveys.asking import make_account, make_campaign, make_contact, make_survey, make_wave

pytestmark = pytest.mark.django_db

# The tests' clock stands at 17 March 2026, a Tuesday.
LAUNCHED = dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _in_march(frozen: time_machine.Traveller) -> None:
    """Every test of this module looks at the same month."""


def day(client: Client, number: int, month: str = "") -> str:
    """What stands on a day of the month, without tags."""
    page = client.get(reverse("surveys:campaign_calendar"), {"month": month}).content.decode()
    cells = re.findall(r"<td class=\"(?!other)[^\"]*\">(.*?)</td>", page, re.S)
    words = [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in cells]
    return re.sub(r"^\w{3} ", "", words[number - 1])


def running(**fields: object) -> Campaign:
    return make_campaign(
        make_survey(),
        **{"state": CampaignState.RUNNING, "launched_at": LAUNCHED, "starts_at": LAUNCHED, **fields},
    )


def test_people_asked_are_counted_on_their_local_day(as_lead: Client) -> None:
    campaign = running(name="Spring")
    wave = make_wave(campaign)
    # Just before midnight UTC, which is the 11th in Berlin.
    Invitation.objects.create(
        wave=wave, version=wave.version, contact=make_contact(make_account(), "p@fjord.example"),
        recipient_key="k", asked_at=dt.datetime(2026, 3, 10, 23, 30, tzinfo=dt.UTC),
    )  # fmt: skip

    assert "Spring" not in day(as_lead, 10)
    assert "Spring 1 asked" in day(as_lead, 11)


def test_waves_by_the_calendar_begin_on_their_days(as_lead: Client) -> None:
    running(name="Quarterly", cadence="calendar", period_months=1)

    assert "Quarterly a wave begins" in day(as_lead, 2, "2026-04")
    assert "Quarterly" not in day(as_lead, 3, "2026-04")


def test_people_around_a_date_are_counted_on_the_day_they_come_due(as_lead: Client) -> None:
    account = make_account(renewal_on=dt.date(2026, 6, 24))
    make_contact(account, "a@fjord.example")
    make_contact(account, "b@fjord.example")
    running(name="Before renewal", cadence="account_date", anchor="renewal_on", offsets=["-90d"])

    assert "Before renewal 2 due" in day(as_lead, 26)


def test_people_asked_before_come_due_again(as_lead: Client) -> None:
    campaign = running(name="Every 90 days", cadence="recurring", every_days=90)
    wave = make_wave(campaign)
    Invitation.objects.create(
        wave=wave, version=wave.version, contact=make_contact(make_account(), "p@fjord.example"),
        recipient_key="k", asked_at=dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC),
    )  # fmt: skip

    assert "Every 90 days 1 due again" in day(as_lead, 5, "2026-04")


def test_a_scheduled_campaign_stands_on_its_first_day(as_lead: Client) -> None:
    running(
        name="Later",
        state=CampaignState.SCHEDULED,
        launched_at=None,
        starts_at=clock.now() + dt.timedelta(days=3),
    )

    assert "Later starts" in day(as_lead, 20)


@pytest.mark.parametrize("month", ["", "nonsense", "2026-13", "9999-12", "0001-01"])
def test_an_impossible_month_shows_the_present_one(as_lead: Client, month: str) -> None:
    page = as_lead.get(reverse("surveys:campaign_calendar"), {"month": month})

    assert "March 2026" in page.content.decode()


def test_people_out_of_sight_are_not_counted(as_csm: Client) -> None:
    make_contact(make_account(renewal_on=dt.date(2026, 6, 24)), "a@fjord.example")
    running(name="Before renewal", cadence="account_date", anchor="renewal_on", offsets=["-90d"])

    assert "due" not in day(as_csm, 26)


def test_campaigns_that_wait_for_events_are_named_below(as_lead: Client) -> None:
    running(name="After a ticket", cadence="event", trigger_event="ticket_solved")

    page = as_lead.get(reverse("surveys:campaign_calendar")).content.decode()

    assert "on no date of their own" in page
    assert "After a ticket" in page
