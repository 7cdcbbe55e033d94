"""The page of clicks: what waits there, and what a person's decision does."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Event
from surveys.models import Response, ScoreIntent
from surveys.services.campaigns import forget_person
from team.models import AuditEntry
from tests.surveys import hosted
from tests.surveys.hosted import Respondent

pytestmark = pytest.mark.django_db
LIST = "/feedback/clicks/"


@pytest.fixture
def scanned() -> ScoreIntent:
    """A mail whose eleven links a scanner opened."""
    jonas = Respondent(hosted.invitation())
    for score in range(11):
        jonas.look(score)
    return ScoreIntent.objects.get()


def act(client: Client, verb: str, intent: ScoreIntent, **data: Any) -> Any:
    return client.post(reverse(f"surveys:intent_{verb}", args=[intent.pk]), data)


def test_a_scanners_clicks_are_listed_with_their_evidence(as_lead: Client, scanned: ScoreIntent) -> None:
    page = as_lead.get(LIST).content.decode()

    assert "Jonas Weber" in page
    assert "Three or more different scores of the same mail were opened within a minute." in page
    assert "Opened 11 different scores" in page
    assert "after the mail was handed over" in page


def test_a_lone_click_is_unconfirmed_not_suspected(as_lead: Client) -> None:
    Respondent(hosted.invitation()).look(8)

    assert "Nobody touched the page." in as_lead.get(LIST, {"kind": "unconfirmed"}).content.decode()
    assert "No clicks here" in as_lead.get(LIST, {"kind": "suspected"}).content.decode()


def test_an_accepted_click_is_an_answer_through_the_one_door(
    as_lead: Client, lead: Any, scanned: ScoreIntent
) -> None:
    act(as_lead, "accept", scanned)

    (answer,) = Response.objects.all()
    assert (answer.score, answer.invitation_id, answer.source) == (10, scanned.invitation_id, "hosted")
    assert answer.responded_at == scanned.last_seen_at
    assert Event.objects.filter(kind="response.scored", actor=lead).count() == 1
    scanned.refresh_from_db()
    assert (scanned.state, scanned.decided_by) == ("accepted", lead)
    assert AuditEntry.objects.filter(action="intent.accepted", actor=lead, object_id=scanned.pk).exists()


def test_what_was_typed_with_a_held_back_score_is_accepted_with_it(as_lead: Client) -> None:
    Respondent(hosted.invitation()).send(3, "Slow since May", age=0.2)

    assert "Slow since May" in as_lead.get(LIST).content.decode()
    act(as_lead, "accept", ScoreIntent.objects.get())

    assert Response.objects.get().comment == "Slow since May"


def test_a_dismissed_click_counts_nowhere_and_a_real_answer_can_still_come(
    as_lead: Client, scanned: ScoreIntent
) -> None:
    act(as_lead, "dismiss", scanned)

    assert Response.objects.count() == 0
    assert "No clicks here" in as_lead.get(LIST).content.decode()
    assert "Jonas Weber" in as_lead.get(LIST, {"state": "dismissed"}).content.decode()
    assert AuditEntry.objects.filter(action="intent.dismissed").exists()
    jonas = Respondent(scanned.invitation)
    ScoreIntent.objects.get().invitation.visits.all().delete()
    jonas.send(9)
    assert Response.objects.count() == 1


@pytest.mark.parametrize(
    ("first", "second"), [("accept", "dismiss"), ("dismiss", "accept"), ("accept", "accept")]
)
def test_a_click_is_decided_once(as_lead: Client, scanned: ScoreIntent, first: str, second: str) -> None:
    act(as_lead, first, scanned)
    page = as_lead.get(act(as_lead, second, scanned)["Location"])

    assert "decided already" in page.content.decode()
    assert Response.objects.count() == (1 if first == "accept" else 0)


def test_a_click_whose_contact_was_erased_cannot_be_accepted(as_lead: Client, scanned: ScoreIntent) -> None:
    invitation = scanned.invitation
    invitation.contact = None
    invitation.save(update_fields=["contact"])

    page = as_lead.get(act(as_lead, "accept", scanned)["Location"])

    assert "The contact was erased" in page.content.decode()
    assert Response.objects.count() == 0


def test_clicks_are_seen_within_scope_and_decided_by_leads(
    as_lead: Client, as_csm: Client, as_stranger: Client, as_viewer: Client, csm: Any, scanned: ScoreIntent
) -> None:
    account = scanned.invitation.account
    account.owner = csm
    account.save(update_fields=["owner"])

    assert "Jonas Weber" in as_csm.get(LIST).content.decode()
    assert "Jonas Weber" not in as_stranger.get(LIST).content.decode()
    for client in (as_csm, as_stranger, as_viewer):
        assert act(client, "accept", scanned).status_code == 403
    assert act(Client(), "accept", scanned).status_code == 302
    assert as_lead.get(reverse("surveys:intent_accept", args=[scanned.pk])).status_code == 405
    assert Response.objects.count() == 0


def test_after_deciding_one_is_back_where_one_was(as_lead: Client, scanned: ScoreIntent) -> None:
    own = act(as_lead, "dismiss", scanned, back=LIST + "?kind=suspected")
    foreign = act(as_lead, "dismiss", scanned, back="//evil.example/feedback/clicks/")

    assert own["Location"] == LIST + "?kind=suspected"
    assert foreign["Location"] == LIST


FURTHER: dict[str, Any] = {
    "questions": [
        {"key": "reason", "kind": "choice", "options": ["slow", "dear"]},
        {"key": "wish", "kind": "text", "when": {"show": "score", "low": 0, "high": 6}},
    ],
    "languages": {
        "en": {"questions": {"reason": {"text": "What was wrong?", "options": {"slow": "Too slow", "dear": "Too dear"}},
                             "wish": {"text": "One wish?"}}},
    },
    "asks_quote": True,
}  # fmt: skip
SAID = {
    "q-reason": "slow",
    "q-wish": "Speed",
    "asked": ["reason", "wish"],
    "may_contact": "1",
    "may_quote": "1",
}


@pytest.fixture
def held() -> Respondent:
    """Somebody whose whole form was held back, sent faster than a person reads."""
    jonas = Respondent(hosted.invitation(asked=hosted.survey(**FURTHER)))
    jonas.send(3, age=0.2, **SAID)
    return jonas


def test_further_answers_and_consents_held_back_are_listed_and_accepted_with_the_score(
    as_lead: Client, held: Respondent
) -> None:
    assert not Response.objects.exists()
    page = as_lead.get(LIST).content.decode()
    for words in ("What was wrong?", "Too slow", "One wish?", "Speed", "may be contacted, may be quoted"):
        assert words in page

    act(as_lead, "accept", ScoreIntent.objects.get())

    answer = Response.objects.get()
    assert (answer.score, answer.answers) == (3, {"reason": "slow", "wish": "Speed"})
    assert (answer.may_contact, answer.may_quote, answer.state) == (True, True, "completed")
    kept = ScoreIntent.objects.get()
    assert (kept.state, kept.answers, kept.may_contact, kept.may_quote) == ("accepted", {}, False, False)


def test_of_two_held_back_forms_the_latest_word_is_kept(as_lead: Client, held: Respondent) -> None:
    held.send(9, age=0.2, **{"q-reason": "dear", "q-wish": "", "asked": ["reason", "wish"]})

    act(as_lead, "accept", ScoreIntent.objects.get())

    answer = Response.objects.get()
    # A wish is asked below 7 only: the score of 9 takes it back.
    assert (answer.score, answer.answers) == (9, {"reason": "dear"})
    assert (answer.may_contact, answer.may_quote) == (False, False)


def test_a_consent_that_was_not_asked_for_is_not_held(as_lead: Client) -> None:
    Respondent(hosted.invitation(asked=hosted.survey())).send(3, age=0.2, may_quote="1")

    assert not ScoreIntent.objects.get().may_quote


def test_when_the_person_answers_or_is_erased_nothing_held_back_is_kept(
    held: Respondent,
) -> None:
    other = Respondent(
        hosted.invitation(person=hosted.contact("other@example.com"), asked=held.invitation.version.survey)
    )
    other.send(3, age=0.2, **SAID)

    held.send(4, "Now for real")
    forget_person(contact=other.invitation.contact, stand_in="erased-1")

    for intent in ScoreIntent.objects.all():
        assert (intent.answers, intent.may_contact, intent.may_quote) == ({}, False, False)
    assert Response.objects.get().score == 4
