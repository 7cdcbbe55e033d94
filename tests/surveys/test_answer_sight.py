"""What a key may do to answers: only within its person's sight, under its person's name, and on record."""

import json
import threading

import pytest
from django.test import Client

from accounts.models import Event
from core import clock
from surveys.api import door
from surveys.models import Response
from team.models import ApiKey, AuditEntry
from tests import factories

URL = "/api/v1/responses"
both_doors = pytest.mark.parametrize("ordinary", [False, True], ids=["fast door", "ordinary door"])


@pytest.fixture
def survey(db):
    return factories.a_survey()


def send(user, answer, *, ordinary=False):
    headers = {"HTTP_IDEMPOTENCY_KEY": f"key-{clock.now().timestamp()}"} if ordinary else {}
    authorization = factories.an_api_key(user, "responses:write")
    body = json.dumps(answer)
    return Client().post(
        URL, body, content_type="application/json", HTTP_AUTHORIZATION=authorization, **headers
    )


@both_doors
@pytest.mark.parametrize("owner", ["stranger", None], ids=["of somebody else", "of nobody"])
def test_an_answer_out_of_sight_is_neither_changed_nor_told(survey, csm, stranger, owner, ordinary):
    if owner:
        factories.a_contact("bo@other.example", account=factories.an_account("Other", owner=stranger))
    factories.respond(survey, 9, email="bo@other.example", external_id="x1", comment="Secret")
    mine = factories.a_contact("ann@acme.example", account=factories.an_account("Acme", owner=csm))

    for contact in ("bo@other.example", mine.email):
        refused = send(
            csm, {"survey": survey.pk, "score": 0, "external_id": "x1", "email": contact}, ordinary=ordinary
        )
        assert refused.status_code == 409
        assert refused.json()["errors"][0]["code"] == "conflict"
        assert "Secret" not in refused.content.decode()

    assert Response.objects.get().score == 9


@both_doors
def test_an_answer_over_the_api_carries_its_sender(survey, lead, ordinary):
    factories.a_contact("ann@acme.example", account=factories.an_account("Acme"))

    send(lead, {"survey": survey.pk, "score": 9, "email": "ann@acme.example"}, ordinary=ordinary)

    assert Event.objects.get(kind="response.scored").actor == lead


@both_doors
def test_only_who_leads_corrects_and_it_is_on_record_with_the_key(survey, csm, lead, ordinary):
    factories.a_contact("ann@acme.example", account=factories.an_account("Acme", owner=csm))
    factories.respond(survey, 9, email="ann@acme.example", external_id="x1", comment="Fine")
    correction = {"survey": survey.pk, "score": 2, "external_id": "x1", "origin": "correction"}

    refused = send(csm, correction, ordinary=ordinary)
    assert (refused.status_code, refused.json()["errors"][0]["attr"]) == (403, "origin")
    assert Response.objects.get().score == 9

    assert send(lead, correction, ordinary=ordinary).status_code == 200
    entry = AuditEntry.objects.get(action="response.corrected")
    assert (entry.actor, entry.object_id, entry.detail) == (
        lead,
        Response.objects.get().pk,
        {"score": 2, "was": 9},
    )
    assert entry.api_key == ApiKey.objects.get(user=lead)


def test_the_key_of_one_request_is_not_said_of_the_next(survey, lead, client):
    send(lead, {"survey": survey.pk, "score": 2, "origin": "correction"})
    client.post("/auth/login/", {"login": "nobody@example.com", "password": "wrong"})

    assert AuditEntry.objects.get(action="sign_in_failed").api_key is None


def test_an_interrupted_leader_lets_those_go_who_wait(monkeypatch):
    def interrupted(slots):
        raise SystemExit

    monkeypatch.setattr(door, "_settle", interrupted)
    lane, waiting = door._Lane(), door._Slot(None, None, None)
    lane._waiting.append(waiting)

    with pytest.raises(SystemExit):
        lane.submit(door._Slot(None, None, None))

    assert waiting.error.code == "interrupted"
    assert lane._waiting == []


def test_requests_that_come_while_one_is_written_are_written_together(monkeypatch):
    lane, groups = door._Lane(), []
    begun, may_end = threading.Event(), threading.Event()

    def settle(slots):
        groups.append(len(slots))
        begun.set()
        assert may_end.wait(20)
        for slot in slots:
            slot.outcome = "written"

    monkeypatch.setattr(door, "_settle", settle)
    slots = [door._Slot(None, None, None) for _ in range(6)]
    threads = [threading.Thread(target=lane.submit, args=[slot]) for slot in slots]
    threads[0].start()
    assert begun.wait(20)
    for thread in threads[1:]:
        thread.start()
    while len(lane._waiting) < 5:
        threading.Event().wait(0.001)
    may_end.set()
    for thread in threads:
        thread.join(20)

    assert groups == [1, 5]
    assert all(slot.is_settled for slot in slots)


def test_who_comes_alone_waits_for_nobody(monkeypatch):
    lane, waits = door._Lane(), []
    monkeypatch.setattr(
        door, "_settle", lambda slots: [setattr(slot, "outcome", "written") for slot in slots]
    )
    monkeypatch.setattr(lane._came, "wait", waits.append)

    for _ in range(3):
        lane.submit(door._Slot(None, None, None))

    assert waits == []
