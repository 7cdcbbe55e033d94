"""Stopping surveys: by the page, by the mail program's button, and back again."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Event
from surveys import tokens
from surveys.models import Invitation, Suppression
from tests.surveys import hosted

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked() -> Invitation:
    return hosted.invitation()


@pytest.fixture
def anybody() -> Client:
    return Client(enforce_csrf_checks=True)


def url(asked: Invitation, name: str = "unsubscribe") -> str:
    return reverse(f"surveys:{name}", args=[tokens.unsubscribe_token(asked)])


def active() -> list[str]:
    return list(Suppression.objects.filter(lifted_at__isnull=True).values_list("address_key", flat=True))


def test_looking_at_the_page_does_nothing(asked: Invitation, anybody: Client) -> None:
    page = anybody.get(url(asked))
    anybody.head(url(asked))

    assert page.status_code == 200
    assert "Stop surveys" in page.content.decode()
    assert (active(), Event.objects.count()) == ([], 0)
    assert page["Referrer-Policy"] == "no-referrer"
    assert not page.cookies


def test_a_mail_program_unsubscribes_with_one_request_without_cookies(
    asked: Invitation, anybody: Client
) -> None:
    answer = anybody.post(url(asked), {"List-Unsubscribe": "One-Click"})

    assert answer.status_code == 200
    assert active() == [asked.recipient_key]
    asked.refresh_from_db()
    assert (asked.state, asked.outcome_reason) == ("declined", "unsubscribed")
    assert asked.declined_at is not None
    event = Event.objects.get()
    assert (event.kind, event.contact_id, event.cause_key) == (
        "survey.declined", asked.contact_id, f"invitation:{asked.pk}:declined",
    )  # fmt: skip


def test_unsubscribing_twice_is_unsubscribing_once(asked: Invitation, anybody: Client) -> None:
    for _ in range(2):
        assert anybody.post(url(asked)).status_code == 200

    assert len(active()) == 1
    assert Event.objects.count() == 1
    assert "already unsubscribed" in anybody.get(url(asked)).content.decode()


def test_that_was_a_mistake_brings_it_back(asked: Invitation, anybody: Client) -> None:
    page = anybody.post(url(asked)).content.decode()
    assert "That was a mistake" in page

    undone = anybody.post(url(asked, "unsubscribe_undo"))

    assert "You will be asked again" in undone.content.decode()
    assert active() == []
    asked.refresh_from_db()
    assert (asked.state, asked.declined_at) == ("sent", None)


def test_undoing_lifts_no_bounce(asked: Invitation, anybody: Client) -> None:
    Suppression.objects.create(address_key=asked.recipient_key, reason="complained")

    anybody.post(url(asked))
    anybody.post(url(asked, "unsubscribe_undo"))

    assert active() == [asked.recipient_key]


def test_only_the_address_of_the_link_is_meant(asked: Invitation, anybody: Client) -> None:
    other = hosted.contact("other@example.com")

    anybody.post(url(asked), {"email": other.email, "address_key": other.address_key})

    assert active() == [asked.recipient_key]


def test_an_answered_invitation_stays_answered(asked: Invitation, anybody: Client) -> None:
    hosted.Respondent(asked).send(9)

    anybody.post(url(asked))

    asked.refresh_from_db()
    assert asked.state == "answered"
    assert active() == [asked.recipient_key]
    assert not Event.objects.filter(kind="survey.declined").exists()


def test_an_answer_link_does_not_unsubscribe(asked: Invitation, anybody: Client) -> None:
    for token in (tokens.answer_token(asked), tokens.unsubscribe_token(asked).swapcase(), "x"):
        assert anybody.post(f"/u/{token}/").status_code == 404
        assert anybody.post(f"/u/{token}/undo/").status_code == 404
    assert active() == []


def test_the_link_works_for_ever(asked: Invitation, anybody: Client) -> None:
    Invitation.objects.update(contact=None, expires_at="2020-01-01T00:00Z")

    assert anybody.post(url(asked)).status_code == 200
    assert active() == [asked.recipient_key]


def test_a_test_mail_unsubscribes_nobody(lead: Any, anybody: Client) -> None:
    made = hosted.survey()
    test = Invitation.objects.create(version=made.current, is_test=True, tester=lead, recipient_key="k" * 64)

    page = anybody.post(url(test))

    assert page.status_code == 200
    assert "Test." in page.content.decode()
    assert active() == []


def test_the_page_speaks_the_language_of_the_mail(anybody: Client) -> None:
    asked = hosted.invitation(person=hosted.contact(language="de"))

    assert "Keine Umfragen mehr" in anybody.get(url(asked)).content.decode()
    assert "schickt keine Umfragen mehr" in anybody.post(url(asked)).content.decode()


def test_the_address_is_short(asked: Invitation) -> None:
    assert len(url(asked)) < 60
