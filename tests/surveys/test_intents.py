"""The page of clicks: what waits there, and what a person's decision does."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Event
from surveys.models import Response, ScoreIntent
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
