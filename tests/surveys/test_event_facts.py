"""Events remember the same facts of a customer, whichever way they are written."""

import datetime as dt
import json

import pytest

from accounts import timeline
from accounts.models import Contact, CustomField, Event
from surveys import sql_delivery
from surveys.models import Response
from surveys.services import inbox, responses
from tests import factories

OF_THE_ANSWER = {"score", "category"}


@pytest.fixture
def acme(db, csm):
    for target in ("account", "contact"):
        for key, is_personal in (("tier", False), ("mood", True)):
            CustomField.objects.create(
                target=target, key=key, label=key, type="text", is_personal=is_personal
            )
    return factories.an_account(
        "Acme", plan="Gold", segment="SMB", industry="Retail", country="DE", owner=csm, seats=12, arr="1200.00",
        currency="EUR", customer_since=dt.date(2020, 1, 1), renewal_on=dt.date(2026, 6, 1),
        custom={"tier": "A", "mood": "sour"},
    )  # fmt: skip


@pytest.fixture
def ann(acme):
    made = factories.a_contact(account=acme, role="champion", custom={"tier": "vip", "mood": "glad"})
    return Contact.objects.select_related("account").get(pk=made.pk)


def test_every_writer_of_events_remembers_the_same_facts(acme, ann, lead):
    expected = timeline.current_facts(ann.account, ann)
    assert set(expected) == {
        *timeline.ACCOUNT_FACTS, *timeline.CONTACT_FACTS, "custom.tier", "contact.custom.tier",
    }  # fmt: skip
    assert (expected["arr"], expected["renewal_on"], expected["custom.tier"]) == (
        "1200.00",
        "2026-06-01",
        "A",
    )

    response = factories.respond(factories.a_survey(), 3, email=ann.email)
    ingested = Event.objects.get(kind="response.scored").facts
    responses.exclude_responses(
        responses=Response.objects.filter(pk=response.pk), reason="A test", actor=lead
    )
    excluded = Event.objects.get(kind="response.excluded").facts

    for facts in (ingested, excluded):
        assert {key: facts[key] for key in facts.keys() - OF_THE_ANSWER} == expected
    # The sender reads its own columns; they must hold whatever events remember.
    account = sql_delivery.account_of([_raw(acme, name) for name in sql_delivery.ACCOUNT_FIELDS])
    contact = sql_delivery.contact_of([_raw(ann, name) for name in sql_delivery.CONTACT_FIELDS])
    assert timeline.current_facts(account, contact) == expected


def _raw(thing, name):
    value = getattr(thing, name)
    return json.dumps(value) if name == "custom" else value


def test_an_answer_linked_by_hand_knows_the_score_before(ann, lead):
    survey = factories.a_survey()
    factories.respond(survey, 9, email=ann.email)
    waiting = factories.respond(survey, 2, email="unknown@acme.example")

    inbox.link_response(response=waiting, contact=ann, actor=lead)

    event = Event.objects.get(kind="response.scored", subject_id=waiting.pk)
    assert (event.data["contact_score_before"], event.data["contact_category_before"]) == (9, "promoter")
    assert event.facts["industry"] == "Retail"
