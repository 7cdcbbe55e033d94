"""A lead launches a campaign; a customer gets the mail, answers on the page, and the campaign shows it."""

import datetime as dt
import re

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import Event
from surveys.models import Campaign, Invitation, Response, Suppression
from tests.conftest import Drain
from tests.surveys.asking import make_account, make_contact, make_survey
from tests.surveys.hosted import Respondent

pytestmark = pytest.mark.django_db


def launch(as_lead: Client, drain: Drain) -> Campaign:
    survey = make_survey()
    as_lead.post(reverse("surveys:campaign_create"), {"survey": survey.pk, "name": "Spring"})
    campaign = Campaign.objects.get()
    as_lead.post(reverse("surveys:campaign_audience", args=[campaign.pk]), {"segment": "everyone"})
    as_lead.post(reverse("surveys:campaign_when", args=[campaign.pk]), {"cadence": "once", "start": "now"})
    as_lead.post(reverse("surveys:campaign_launch", args=[campaign.pk]))
    drain()
    return campaign


def links(message: mail.EmailMessage) -> tuple[str, str]:
    """The paths of the score 9 and of the unsubscribe page."""
    body = str(message.body)
    score = re.search(r"https?://[^/]+(/r/[^/\s]+/9/)", body)
    stop = re.search(r"https?://[^/]+(/u/[^/\s]+/)", body)
    assert score
    assert stop
    return score.group(1), stop.group(1)


def test_an_answer_to_a_campaign_is_seen_on_the_campaign(
    as_lead: Client, drain: Drain, frozen: time_machine.Traveller
) -> None:
    contact = make_contact(make_account(), "ida@fjord.example")
    campaign = launch(as_lead, drain)
    (message,) = mail.outbox
    respondent = Respondent(Invitation.objects.get())
    score, _ = links(message)
    assert score == respondent.url("score_link", 9)
    frozen.shift(dt.timedelta(hours=2))
    respondent.look(9)
    assert not Response.objects.exists()

    respondent.send(9, "Fast and friendly.")

    drain()
    response = Response.objects.get()
    assert (response.score, response.contact) == (9, contact)
    page = as_lead.get(reverse("surveys:campaign_detail", args=[campaign.pk])).content.decode()
    assert "stage=scored" in page
    assert "stage=commented" in page
    kinds = Event.objects.filter(contact=contact).order_by("pk").values_list("kind", flat=True)
    assert kinds[0] == "survey.sent"
    assert "response.scored" in kinds


def test_who_unsubscribes_is_not_asked_by_the_next_campaign(
    as_lead: Client, client: Client, drain: Drain
) -> None:
    make_contact(make_account(), "ida@fjord.example")
    launch(as_lead, drain)
    _, stop = links(mail.outbox[0])

    client.post(stop)

    assert Suppression.objects.get().reason == "unsubscribed"
    assert Invitation.objects.get().state == "declined"
