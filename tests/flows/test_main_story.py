"""The main job over HTTP: launch, mail, click, answer, alert, reply, close; everything stands on the timeline."""

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import Event
from surveys.models import Campaign, ContactScore, Invitation, Response, ScoreIntent
from team.models import User
from tests import factories
from tests.surveys import asking
from workflows.models import Alert, Task

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(csm: User, lead: User, as_lead: Client, drain: Any) -> str:
    """A campaign launched from its page; the path of the score link 3 in the mail it sent."""
    account = factories.an_account(owner=csm)
    asking.make_contact(account, "ann@acme.example", first_name="Ann", last_name="Vogt")
    campaign = asking.make_campaign(asking.make_survey(), state="draft")  # type: ignore[arg-type]
    as_lead.post(reverse("surveys:campaign_launch", args=[campaign.pk]))
    drain()
    (message,) = mail.outbox
    mail.outbox.clear()
    (path,) = set(re.findall(r"/r/[\w-]+/3/", message.body)) or set(
        re.findall(r"/r/[\w-]+/\?score=3", message.body)
    )
    return path


def _form(html: str) -> dict[str, str]:
    """The hidden fields of the hosted page, as a browser sends them back."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', html))


def test_a_click_alone_is_an_intent_and_no_answer(asked: str, client: Client, drain: Any) -> None:
    page = client.get(asked, follow=True)
    drain()

    assert page.status_code == 200
    assert ScoreIntent.objects.get().score == 3
    assert not Response.objects.exists()
    assert not Alert.objects.exists()


def test_from_the_launch_to_the_closed_loop(
    asked: str, client: Client, as_csm: Client, csm: User, drain: Any, time_machine_later: Any
) -> None:
    page = client.get(asked, follow=True)
    html = page.content.decode()
    time_machine_later()
    action = re.search(r'<form[^>]*\baction="([^"]*)"', html)
    assert action is not None, html
    answer = {**_form(html), "score": "3", "comment": "Reports are slow", "via": "button"}

    sent = client.post(action[1] or page.request["PATH_INFO"], answer, follow=True)
    drain()

    assert sent.status_code == 200
    response = Response.objects.get()
    assert (response.score, response.comment, response.contact.email) == (
        3,
        "Reports are slow",
        "ann@acme.example",
    )
    assert ContactScore.objects.get().latest_score == 3
    assert Invitation.objects.get().state == "answered"
    alert = Alert.objects.get()
    assert (alert.assignee, Task.objects.get().title) == (csm, "Call Ann Vogt")
    assert any("answered 3" in m.subject for m in mail.outbox)

    as_csm.post(
        reverse("workflows:alert_reply", args=[alert.pk]), {"subject": "Sorry", "body": "I call you."}
    )
    as_csm.post(
        reverse("workflows:alert_log", args=[alert.pk]),
        {"kind": "call", "body": "Talked.", "outcome": "Fix on Friday", "close": "on"},
    )
    drain()

    kinds = list(Event.objects.filter(contact=response.contact).values_list("kind", flat=True))
    assert {"survey.sent", "response.scored", "alert.raised", "task.created", "interaction.logged"} <= set(
        kinds
    )
    assert {"loop.contacted", "loop.closed", "alert.closed", "task.completed"} <= set(kinds)
    assert kinds.count("response.scored") == 1
    html = as_csm.get(reverse("accounts:account_detail", args=[response.account_id])).content.decode()
    assert "Reports are slow" in html
    assert "Fix on Friday" in html


def test_a_finished_campaign_asked_each_person_once(asked: str, drain: Any) -> None:
    drain()

    assert Invitation.objects.count() == 1
    assert Campaign.objects.get().state in {"running", "finished"}


@pytest.fixture
def time_machine_later() -> Any:
    """Half a minute passes: long enough for a reader."""
    import datetime as dt

    import time_machine

    traveller: Any = None

    def later() -> None:
        nonlocal traveller
        traveller = time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=45), tick=True)
        traveller.start()

    yield later
    if traveller is not None:
        traveller.stop()
