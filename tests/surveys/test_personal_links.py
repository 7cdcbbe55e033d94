"""Campaigns whose asks are personal links: handed out, not sent, and taken away as a list."""

import csv
import io
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from surveys.choices import Channel
from surveys.models import Campaign, Delivery, Invitation, Response
from surveys.services import campaigns as services
from team.models import AuditEntry, User
from tests.conftest import Browser, Drain
from tests.surveys.asking import make_account, make_campaign, make_contact, make_survey

pytestmark = pytest.mark.django_db


def launched(lead: User, drain: Drain, **fields: Any) -> Campaign:
    campaign = make_campaign(
        make_survey(), state="draft", channels=[Channel.LINK.value], expires_after_days=10, **fields
    )
    services.launch(campaign=campaign, actor=lead)
    drain()
    campaign.refresh_from_db()
    return campaign


def rows_of(response: Any) -> list[dict[str, str]]:
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_links_are_handed_out_and_nothing_is_sent(
    lead: User, drain: Drain, mailoutbox: list[Any], frozen: Any
) -> None:
    make_contact(make_account(), "ida@fjord.example")
    make_contact(make_account("Other"), "")  # a letter needs no e-mail address
    campaign = launched(lead, drain)

    assert (
        list(Invitation.objects.values_list("state", "channel", "outcome_reason"))
        == [("sent", "link", "")] * 2
    )
    assert not Delivery.objects.exists()
    assert mailoutbox == []
    ask = Invitation.objects.first()
    assert ask is not None
    assert ask.asked_at is not None
    assert ask.expires_at is not None
    assert (ask.expires_at - ask.asked_at).days == 10
    assert campaign.state == "finished"


def test_the_list_holds_an_address_for_each_that_answers_for_them(
    lead: User, as_lead: Client, drain: Drain
) -> None:
    ida = make_contact(make_account("=1+1"), "ida@fjord.example", last_name="Berg")
    campaign = launched(lead, drain)

    (row,) = rows_of(as_lead.get(reverse("surveys:campaign_links", args=[campaign.pk])))

    assert (row["contact_id"], row["email"], row["account"]) == (str(ida.pk), "ida@fjord.example", "'=1+1")
    path = row["link"].split("/", 3)[3]
    page = Client().get(f"/{path}")
    assert page.status_code == 200
    from tests.surveys.hosted import Respondent

    Respondent(Invitation.objects.get()).send(9, gesture="pointer", script="1")
    assert Response.objects.get().contact_id == ida.pk
    entry = AuditEntry.objects.get(action="campaign.links_exported")
    assert (entry.actor, entry.detail) == (lead, {"number": 1})


def test_nobody_takes_links_of_people_out_of_sight(
    lead: User, csm: User, viewer: User, browser_of: Browser, drain: Drain
) -> None:
    make_contact(make_account("Mine", owner=csm), "ida@fjord.example")
    make_contact(make_account("Not mine"), "ole@fjord.example")
    campaign = launched(lead, drain)
    url = reverse("surveys:campaign_links", args=[campaign.pk])

    assert [row["email"] for row in rows_of(browser_of(csm).get(url))] == ["ida@fjord.example"]
    assert browser_of(viewer).get(url).status_code == 403


def test_a_list_of_nobody_is_refused(as_lead: Client) -> None:
    campaign = make_campaign(make_survey(), channels=["link"])
    page = as_lead.get(reverse("surveys:campaign_links", args=[campaign.pk]), follow=True)

    assert "No personal links" in page.content.decode()
    assert not AuditEntry.objects.filter(action="campaign.links_exported").exists()
