"""The preference page: what somebody may be asked about, a pause, and the way back; changed by a press only."""

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Contact, Event
from core import clock
from surveys import eligibility, tokens
from surveys.choices import SurveyKind
from surveys.models import Invitation, Preference, Suppression
from surveys.services import preferences
from team.models import User
from tests.surveys import hosted

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked() -> Invitation:
    return hosted.invitation()


@pytest.fixture
def anybody() -> Client:
    return Client(enforce_csrf_checks=True)


def url(asked: Invitation) -> str:
    return reverse("surveys:preferences", args=[tokens.preference_token(asked)])


def chosen() -> tuple[list[str], bool]:
    row = Preference.objects.get()
    return row.unwanted, row.paused_until is not None and row.paused_until > clock.now()


def test_looking_at_the_page_changes_nothing(asked: Invitation, anybody: Client) -> None:
    for query in ({}, {"act": "save"}, {"act": "pause"}, {"lang": "de"}):
        page = anybody.get(url(asked), query)
        anybody.head(url(asked), query)

    assert page.status_code == 200
    assert not Preference.objects.exists()
    assert not page.cookies
    assert page["Referrer-Policy"] == "no-referrer"


def test_an_unticked_topic_is_not_asked_about(asked: Invitation, anybody: Client) -> None:
    page = anybody.post(url(asked), {"act": "save", "topic": ["relationship"]}).content.decode()

    assert "keep to your choice" in page
    assert chosen() == (["transactional"], False)
    anybody.post(url(asked), {"act": "save", "topic": ["relationship", "transactional", "made up"]})
    assert chosen() == ([], False)


def test_a_pause_lasts_six_months_and_can_be_ended(asked: Invitation, anybody: Client) -> None:
    both = ["relationship", "transactional"]
    page = anybody.post(url(asked), {"act": "save", "topic": both, "pause": "1"}).content.decode()

    assert "Surveys are paused until" in page
    until = Preference.objects.get().paused_until
    assert until is not None
    assert dt.timedelta(days=180) <= until - clock.now() <= dt.timedelta(days=185)
    assert asked.contact is not None
    assert eligibility.judge_contact(asked.contact).reason == "paused"

    page = anybody.post(url(asked), {"act": "resume"}).content.decode()

    assert "paused until" not in page
    assert chosen() == ([], False)


def test_a_pause_that_is_over_is_not_shown(asked: Invitation, anybody: Client) -> None:
    Preference.objects.create(
        address_key=asked.recipient_key,
        paused_until=clock.now() - dt.timedelta(days=1),
        unwanted=["relationship"],
    )

    page = anybody.get(url(asked)).content.decode()

    assert "paused until" not in page
    assert page.count(" checked") == 1


def test_a_pause_is_never_made_shorter(asked: Invitation) -> None:
    far = clock.now() + dt.timedelta(days=900)
    Preference.objects.create(address_key=asked.recipient_key, paused_until=far)

    preferences.choose(invitation=asked, wanted=list(SurveyKind), is_paused=True, now=clock.now())

    assert Preference.objects.get().paused_until == far


def test_stopping_everything_is_one_link_away(asked: Invitation, anybody: Client) -> None:
    page = anybody.get(url(asked)).content.decode()
    stop = reverse("surveys:unsubscribe", args=[tokens.unsubscribe_token(asked)])

    assert f'href="{stop}?lang=en"' in page
    anybody.post(stop)
    assert "already unsubscribed" in anybody.get(url(asked)).content.decode()


def test_only_the_address_of_the_link_is_meant(asked: Invitation, anybody: Client) -> None:
    other = hosted.contact("other@example.com")
    anybody.post(url(asked), {"act": "save", "address_key": other.address_key, "email": other.email})

    assert Preference.objects.get().address_key == asked.recipient_key


@pytest.mark.parametrize("purpose", ["answer", "unsubscribe", "test", "nonce", "reply"])
def test_no_other_link_opens_the_page(asked: Invitation, anybody: Client, purpose: str) -> None:
    token = tokens.make(tokens.Purpose(purpose), asked.pk)

    assert anybody.get(f"/p/{token}/").status_code == 404
    assert anybody.post(f"/p/{token}/", {"act": "save"}).status_code == 404
    assert not Preference.objects.exists()


def test_its_own_link_opens_nothing_else(asked: Invitation, anybody: Client) -> None:
    token = tokens.preference_token(asked)

    assert anybody.post(f"/u/{token}/").status_code == 404
    assert anybody.get(f"/r/{token}/").status_code == 404
    assert anybody.get(f"/p/{token[:-1]}A/").status_code == 404
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("act", ["", "delete", "save\x00"])
def test_an_unknown_wish_changes_nothing(asked: Invitation, anybody: Client, act: str) -> None:
    assert anybody.post(url(asked), {"act": act, "pause": "1"}).status_code == 400
    assert not Preference.objects.exists()


def test_a_test_mail_changes_nobody(lead: User, anybody: Client) -> None:
    made = hosted.survey()
    test = Invitation.objects.create(version=made.current, is_test=True, tester=lead, recipient_key="k" * 64)

    for act in ("save", "resume"):
        assert anybody.post(url(test), {"act": act, "pause": "1"}).status_code == 200
    assert not Preference.objects.exists()


def test_the_page_speaks_the_language_of_the_mail(anybody: Client) -> None:
    asked = hosted.invitation(person=hosted.contact(language="de"))

    page = anybody.post(url(asked), {"act": "save", "pause": "1"}).content.decode()

    assert "Umfragen sind bis" in page
    assert "ausgesetzt." in page
    assert 'lang="de"' in page


def test_the_link_works_for_ever(asked: Invitation, anybody: Client) -> None:
    Invitation.objects.update(contact=None, expires_at="2020-01-01T00:00Z")

    assert anybody.post(url(asked), {"act": "save"}).status_code == 200
    assert Preference.objects.get().unwanted == ["relationship", "transactional"]


def test_an_erased_persons_choices_go(asked: Invitation) -> None:
    assert asked.contact is not None
    preferences.choose(invitation=asked, wanted=list(SurveyKind), is_paused=True, now=clock.now())

    preferences.forget(asked.contact)

    assert not Preference.objects.exists()


# --- The language of future asks, and what colleagues see ------------------------------------------------------
BOTH = ["relationship", "transactional"]


def test_the_language_of_future_asks_can_be_chosen(asked: Invitation, anybody: Client) -> None:
    page = anybody.get(url(asked)).content.decode()
    assert '<option value="en" lang="en" selected>English</option>' in page

    anybody.post(url(asked), {"act": "save", "topic": BOTH, "language": "fr"})

    asked.contact.refresh_from_db()
    assert asked.contact.language == "fr"
    assert "selected>Français</option>" in anybody.get(url(asked)).content.decode()
    event = Event.objects.get(kind="preferences.changed")
    assert (event.contact_id, event.data) == (asked.contact_id, {"language": "fr"})


@pytest.mark.parametrize("sent", ["xx", "", "<b>"])
def test_no_language_of_ours_changes_nothing(asked: Invitation, anybody: Client, sent: str) -> None:
    anybody.post(url(asked), {"act": "save", "topic": BOTH, "language": sent})

    asked.contact.refresh_from_db()
    assert asked.contact.language != sent or not sent
    assert not Event.objects.filter(kind="preferences.changed").exists()


def test_a_regional_form_of_the_same_language_is_kept(asked: Invitation, anybody: Client) -> None:
    Contact.objects.filter(pk=asked.contact_id).update(language="de-AT")

    anybody.post(url(asked), {"act": "save", "topic": BOTH, "language": "de"})

    asked.contact.refresh_from_db()
    assert asked.contact.language == "de-AT"


def test_every_change_of_what_may_be_asked_stands_on_the_timeline_once(
    asked: Invitation, anybody: Client, as_lead: Client
) -> None:
    anybody.post(url(asked), {"act": "save", "topic": ["relationship"], "pause": "1"})
    anybody.post(url(asked), {"act": "save", "topic": ["relationship"]})
    anybody.post(url(asked), {"act": "resume"})
    anybody.post(url(asked), {"act": "resume"})

    first, second = Event.objects.filter(kind="preferences.changed").order_by("pk")
    assert set(first.data) == {"unwanted", "paused_until"}
    assert first.data["unwanted"] == ["transactional"]
    assert second.data == {"paused_until": ""}
    page = as_lead.get(reverse("accounts:contact_detail", args=[asked.contact_id]), {"tab": "timeline"})
    shown = " ".join(page.content.decode().split())
    assert "no transactional surveys" in shown
    assert "no pause any more" in shown


def test_a_test_writes_no_event_and_changes_no_language(anybody: Client, lead: User) -> None:
    tried = hosted.invitation(is_test=True, tester=lead)

    anybody.post(url(tried), {"act": "save", "topic": [], "pause": "1", "language": "fr"})

    assert not Event.objects.filter(kind="preferences.changed").exists()
