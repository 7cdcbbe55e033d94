"""Campaigns with a cadence that also have a place in a widget: they plan whom they ask, the place says where it shows."""

from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Contact
from core import clock
from core.errors import Invalid, Refused
from surveys import pacing, planning
from surveys.choices import Cadence, CampaignState
from surveys.models import Campaign, Invitation, Visitor, Wave
from surveys.services import campaigns
from surveys.widget import config, manage
from team.models import User
from tests.surveys import asking
from tests.surveys.in_app import Browser, Shop, person

pytestmark = pytest.mark.django_db
CADENCES: list[dict[str, Any]] = [
    {"cadence": Cadence.RECURRING, "every_days": 365},
    {"cadence": Cadence.CALENDAR, "period_months": 3},
    {"cadence": Cadence.ACCOUNT_DATE, "anchor": "customer_since", "offsets": ["90d"]},
    {"cadence": Cadence.EVENT, "trigger_event": "bought"},
    {"cadence": Cadence.ONCE, "channels": ["in_app", "email"]},
]


@pytest.fixture
def shop(lead: User) -> Shop:
    return Shop(lead)


@pytest.fixture
def ida(shop: Shop) -> Contact:
    """Somebody who was seen in the product, so that she can be planned to be asked there."""
    found = person()
    Visitor.objects.create(widget=shop.widget, key="seen-before-00001", contact=found)
    return found


def placed(shop: Shop, *, state: str = CampaignState.RUNNING, **fields: Any) -> Campaign:
    fields = {"channels": ["in_app"], "launched_at": clock.now(), "launched_by": shop.actor} | fields
    campaign = asking.make_campaign(name="Again and again", state=state, **fields)
    manage.save_placement(
        campaign=campaign, widget=shop.widget, actor=shop.actor, url_pattern="/home", mode="modal"
    )
    config.forget()
    return campaign


@pytest.mark.parametrize("plan", CADENCES, ids=lambda plan: plan["cadence"])
def test_whoever_is_not_due_is_not_asked_because_they_come_by(
    shop: Shop, ida: Contact, plan: dict[str, Any]
) -> None:
    placed(shop, **plan)

    assert Browser(shop).sign_in().decide()["survey"] is None
    assert not Invitation.objects.exists()
    assert not Wave.objects.exists()


def test_a_recurring_campaign_shows_to_whom_it_plans_where_the_place_says(shop: Shop, ida: Contact) -> None:
    campaign = placed(shop, cadence=Cadence.RECURRING, every_days=365)
    wave = asking.make_wave(campaign, starts_on=timezone.localdate().replace(day=1))
    planning.plan_wave(wave.pk)
    pacing.release(wave.pk)
    config.forget()
    browser = Browser(shop).sign_in()

    assert browser.decide(url="https://app.shop.example/elsewhere")["survey"] is None
    offered = Browser(shop, visitor="visitor-0000000002").sign_in().decide()
    assert offered["survey"]["mode"] == "modal"
    Browser(shop, visitor="visitor-0000000002").sign_in().view(offered)

    ask = Invitation.objects.get()
    assert (ask.contact, ask.wave, ask.state) == (ida, wave, "sent")
    assert Wave.objects.count() == 1


def test_a_recurring_campaign_plans_its_own_round_and_runs_on(
    shop: Shop, ida: Contact, lead: User, drain: Any
) -> None:
    campaign = placed(
        shop, state=CampaignState.DRAFT, launched_at=None, cadence=Cadence.RECURRING, every_days=90
    )

    campaigns.launch(campaign=campaign, actor=lead)
    drain()

    ask = Invitation.objects.get()
    assert (ask.contact, ask.channel) == (ida, "in_app")
    campaigns.finish_done()
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.RUNNING


def test_strangers_cannot_be_planned_so_they_are_not_asked(shop: Shop) -> None:
    campaign = placed(shop, cadence=Cadence.RECURRING, every_days=90)

    assert Browser(shop).decide()["survey"] is None
    with pytest.raises(Invalid, match="plans whom it asks"):
        manage.save_placement(campaign=campaign, widget=shop.widget, actor=shop.actor, asks_strangers=True)


def test_a_campaign_that_does_not_ask_in_the_product_gets_no_place_there(shop: Shop) -> None:
    campaign = asking.make_campaign(name="By mail", channels=["email"])

    with pytest.raises(Refused, match="does not ask in the product"):
        manage.save_placement(campaign=campaign, widget=shop.widget, actor=shop.actor)
