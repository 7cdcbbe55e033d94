"""A campaign that asks again and again shows its rounds beside each other."""

import datetime as dt

import pytest

from surveys.models import Campaign, Invitation, Wave
from surveys.queries import rounds
from team.models import User
from tests import factories
from tests.surveys.asking import make_account, make_campaign, make_contact, make_survey

pytestmark = pytest.mark.django_db
ASKED = dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC)


def ask(campaign: Campaign, starts_on: dt.date, score: int | None = None) -> None:
    number = Invitation.objects.count() + 1
    wave, _ = Wave.objects.get_or_create(
        campaign=campaign,
        starts_on=starts_on,
        defaults={"number": number, "version": campaign.survey.current},
    )
    contact = make_contact(make_account(f"Company {number}"), f"p{number}@fjord.example")
    invitation = Invitation.objects.create(
        wave=wave, version=wave.version, contact=contact, account=contact.account, recipient_key=contact.address_key,
        asked_at=ASKED, scored_at=ASKED if score is not None else None,
    )  # fmt: skip
    if score is not None:
        factories.respond(campaign.survey, score, contact_id=contact.pk, invitation_id=invitation.pk)


def test_each_round_has_its_own_figure(lead: User) -> None:
    campaign = make_campaign(make_survey(), cadence="calendar", period_months=3)
    for score in (9, 10, 3):
        ask(campaign, dt.date(2026, 1, 1), score)
    ask(campaign, dt.date(2026, 4, 1), 2)
    ask(campaign, dt.date(2026, 4, 1))

    second, first = rounds.rounds(campaign, lead)

    assert (first.round.starts_on, first.round.sent, first.value, first.n) == (dt.date(2026, 1, 1), 3, 33, 3)
    assert (second.round.sent, second.round.scored, second.value) == (2, 1, -100)


def test_days_of_events_are_put_together_by_month(lead: User) -> None:
    campaign = make_campaign(make_survey(), cadence="event", trigger_event="ticket_solved")
    for day in (2, 9, 30):
        ask(campaign, dt.date(2026, 3, day), 9)

    (march,) = rounds.rounds(campaign, lead)

    assert (march.round.starts_on, march.round.sent, march.n) == (dt.date(2026, 3, 1), 3, 3)


def test_people_out_of_sight_are_not_counted(csm: User) -> None:
    campaign = make_campaign(make_survey(), cadence="calendar", period_months=3)
    ask(campaign, dt.date(2026, 1, 1), 9)

    assert rounds.rounds(campaign, csm) == []
