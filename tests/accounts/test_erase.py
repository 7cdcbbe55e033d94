"""Forgetting a person: no trace of who they were in any table, and not one figure changes. And showing them what is known."""

import datetime as dt
import json

import pytest
from django.apps import apps
from django.db import connection

from accounts import timeline
from accounts.models import Contact, FormerAddress, Interaction, TrackedEvent
from accounts.services import contacts as contact_services
from accounts.services import erase, merge, person_export
from core import clock
from core.errors import Refused
from core.models import IdempotencyKey
from surveys.choices import SuppressionReason
from surveys.models import (
    Campaign,
    ExternalAsk,
    InboundMessage,
    Invitation,
    Preference,
    Response,
    Suppression,
    SurveyVersion,
    Visitor,
    Wave,
    Widget,
)
from surveys.services import inbox, responses, suppressions
from team.models import AuditEntry
from tests import factories
from tests.surveys.test_rollups import fold_all, kept
from workflows.models import Alert, Task

NAME, LAST, MAIL, WORDS, PHONE, OUTSIDE = (
    "Canaria", "Vogelsang", "canaria.vogelsang@zoo.example", "quetzalcoatlus", "+493055512345", "crm-canary-77",
)  # fmt: skip
CANARIES = (NAME, LAST, "canaria", MAIL, WORDS, PHONE, "5551234", OUTSIDE, "old.nest@zoo.example")


@pytest.fixture
def survey(db):
    return factories.a_survey()


@pytest.fixture
def zoo(csm):
    return factories.an_account("Tiergarten", owner=csm, domain="tiergarten.example")


@pytest.fixture
def canary(zoo, lead):
    values = {
        "account": zoo, "first_name": NAME, "last_name": LAST, "email": "old.nest@zoo.example", "phone": PHONE,
        "external_id": OUTSIDE, "job_title": f"Head of {WORDS}",
    }  # fmt: skip
    contact = contact_services.create_contact(values=values, actor=lead)
    return contact_services.update_contact(contact=contact, values={"email": MAIL}, actor=lead)


@pytest.fixture
def everywhere(canary, zoo, survey, lead, csm, settings):
    """The person in every table that may hold something of them."""
    version = SurveyVersion.objects.create(survey=survey, number=1, content={})
    wave = Wave.objects.create(
        campaign=Campaign.objects.create(name="Spring", survey=survey), number=1, version=version
    )
    ask = Invitation.objects.create(
        wave=wave, version=version, contact=canary, account=zoo, recipient_key=canary.address_key,
        context={"agent": WORDS}, override_reason=WORDS,
    )  # fmt: skip
    factories.respond(
        survey, 9, email=MAIL, comment=f"The {WORDS} is great", external_id=MAIL, may_contact=True
    )
    waiting = factories.respond(survey, 2, email="who@else.example", name=f"{NAME} {LAST}", comment=WORDS)
    inbox.link_response(response=waiting, contact=canary, actor=lead)
    factories.respond(survey, 3, email=f"{NAME}@gmail.com", name=NAME)  # somebody else for all we know
    Response.objects.filter(identity="inbox").delete()
    double = contact_services.create_contact(
        values={"account": zoo, "first_name": NAME, "last_name": LAST, "email": "c.v@zoo.example"}, actor=lead
    )
    factories.respond(survey, 8, email="c.v@zoo.example", comment=WORDS)
    merge.merge_contacts(survivor=canary, loser=double, actor=lead)
    Interaction.objects.create(
        account=zoo,
        contact=canary,
        kind="call",
        subject=LAST,
        body=WORDS,
        outcome=WORDS,
        happened_at=clock.now(),
    )
    TrackedEvent.objects.create(
        name="login", account=zoo, contact=canary, source="app", external_id=MAIL, data={"who": MAIL},
        occurred_at=clock.now(),
    )  # fmt: skip
    Task.objects.create(title=f"Call {LAST}", description=WORDS, outcome=WORDS, contact=canary, account=zoo)
    Alert.objects.create(
        kind="detractor",
        contact=canary,
        account=zoo,
        outcome=WORDS,
        snooze_reason=WORDS,
        opened_at=clock.now(),
    )
    InboundMessage.objects.create(
        channel="email", provider="smtp", provider_id=f"<{MAIL}>", kind="reply", from_key=canary.address_key,
        from_address=MAIL, subject=WORDS, body=WORDS, received_at=clock.now(), contact=canary, invitation=ask,
    )  # fmt: skip
    ExternalAsk.objects.create(
        source="other", external_id=MAIL, contact=canary, recipient_key=canary.address_key, kind="relationship",
        asked_at=clock.now(),
    )  # fmt: skip
    Preference.objects.create(address_key=canary.address_key)
    widget = Widget.objects.create(name="App", key="w1")
    Visitor.objects.create(widget=widget, key="k", contact=canary, traits={"email": MAIL})
    IdempotencyKey.objects.create(
        scope="api:1:x", key="k", request_hash="h", status=201, body=json.dumps({"email": MAIL}).encode()
    )
    timeline.record(kind="contact.updated", cause_key="x", contact=canary, account=zoo)


def everything() -> str:
    """All cells of all tables as one text."""
    parts = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            for row in cursor.fetchall():
                for cell in row:
                    if isinstance(cell, bytes | memoryview):
                        cell = bytes(cell).decode(errors="replace")
                    parts.append(f"{table}: {cell}")
    return "\n".join(parts)


def test_no_trace_stays_and_no_figure_changes(everywhere, canary, lead, drain):
    drain()
    fold_all()
    before = kept()
    assert all(word.casefold() in everything().casefold() for word in (NAME, LAST, MAIL, WORDS))

    erase.request_erasure(contact=canary, actor=lead)
    drain()

    fold_all()
    assert kept() == before
    left = [
        line for line in everything().splitlines() for word in CANARIES if word.casefold() in line.casefold()
    ]
    assert left == []
    address_key = Suppression.objects.get(channel="email", reason="erased", address_key=canary.address_key)
    assert address_key.lifted_at is None
    canary.refresh_from_db()
    assert canary.erased_at is not None
    assert sorted(Response.objects.filter(contact=canary).values_list("score", flat=True)) == [2, 8, 9]
    assert AuditEntry.objects.filter(action="contact.erased", object_id=canary.pk).count() == 1


def test_every_personal_field_of_a_model_that_names_people_is_covered(everywhere, canary, lead):
    """A relation without `erase` would keep what its model declares personal."""
    from accounts import extend
    from core.privacy import declarations

    pointing = {
        model._meta.label
        for model in apps.get_models()
        for field in model._meta.local_fields
        if field.is_relation and field.related_model is Contact and "Historical" not in model.__name__
    }
    assert pointing
    uncovered = [
        label
        for label in pointing - {"accounts.Contact"}
        if declarations[label].personal and extend.registered.relations[label].erase is None
    ]
    assert uncovered == []


def test_the_keys_are_free_again(canary, zoo, lead):
    erase.erase_contact(contact=canary, actor=lead)

    new = contact_services.create_contact(
        values={"account": zoo, "last_name": "Other", "email": MAIL, "external_id": OUTSIDE}, actor=lead
    )
    assert new.email == MAIL


def test_a_late_copy_of_an_old_answer_brings_nobody_back(canary, survey, lead, frozen):
    first = factories.respond(survey, 9, email=MAIL, comment=WORDS, external_id="s-1")
    erase.erase_contact(contact=canary, actor=lead)

    again = factories.respond(survey, 9, email=MAIL, comment=WORDS, external_id="s-1")
    other = factories.respond(
        survey, 4, email=MAIL, name=f"{NAME} {LAST}", comment=WORDS, external_id="s-2",
        responded_at=clock.now() - dt.timedelta(days=1),
    )  # fmt: skip

    assert (again.pk, again.comment) == (first.pk, "")
    assert (other.identity, other.comment, other.identity_hint) == ("anonymous", "", {})
    frozen.shift(dt.timedelta(days=1))
    later = factories.respond(survey, 4, email=MAIL, external_id="s-3")
    assert (later.identity, later.contact) == ("inbox", None)


def test_a_newer_version_of_a_late_copy_says_nothing_of_them_either(frozen, canary, survey, lead):
    waiting = factories.respond(survey, 3, email=PHONE, name=NAME, comment=WORDS, external_id="s-0")
    Response.objects.filter(pk=waiting.pk).update(identity_hint={"email": MAIL, "name": NAME})
    given = {"email": MAIL, "name": f"{NAME} {LAST}", "responded_at": clock.now()}
    frozen.shift(dt.timedelta(hours=1))
    erase.erase_contact(contact=canary, actor=lead)
    factories.respond(survey, 4, external_id="s-2", **given)

    for key in ("s-0", "s-2"):
        again = factories.respond(survey, 5, external_id=key, comment=WORDS, may_quote=True, **given)
        assert (again.score, again.comment, again.identity_hint, again.may_quote) == (5, "", {}, False), key


def test_who_was_on_the_list_before_is_forgotten_as_of_the_erasure(frozen, canary, survey, lead):
    suppressions.suppress(address_key=canary.address_key, reason=SuppressionReason.UNSUBSCRIBED)
    frozen.shift(dt.timedelta(days=30))
    given = clock.now()
    frozen.shift(dt.timedelta(days=30))
    erase.erase_contact(contact=canary, actor=lead)

    late = factories.respond(survey, 4, email=MAIL, name=NAME, comment=WORDS, responded_at=given)

    assert (late.identity, late.comment, late.identity_hint) == ("anonymous", "", {})


def test_a_late_copy_that_says_only_the_number_brings_nobody_back(canary, survey, lead):
    given = {
        "phone": "+49 30 5551 2345",
        "responded_at": clock.now() - dt.timedelta(days=1),
        "comment": WORDS,
    }
    erase.erase_contact(contact=canary, actor=lead)

    late = factories.respond(survey, 4, **given)
    other = factories.respond(survey, 4, email="who@else.example", **given)

    assert (late.identity, late.comment, late.identity_hint) == ("anonymous", "", {})
    assert (other.identity, other.comment) == ("inbox", WORDS)  # the number may be a company's


def test_answers_that_wait_under_a_former_address_go_too_and_a_successor_s_stay(frozen, canary, survey, lead):
    old = {"email": "Old.Nest@zoo.example", "comment": WORDS}
    before = factories.respond(survey, 1, responded_at=clock.now() - dt.timedelta(days=1), **old)
    frozen.shift(dt.timedelta(days=1))
    named = factories.respond(survey, 2, name=f"{LAST}, {NAME}", **old)
    successor = factories.respond(survey, 3, name="Some Body", **old)

    told = person_export.export_person(contact=canary, actor=lead)
    erase.erase_contact(contact=canary, actor=lead)

    (answers,) = [one.rows for one in told.sections if one.key == "surveys.Response"]
    assert sorted(row["score"] for row in answers if not row.get("known_to_be_theirs")) == [1, 2]
    rows = Response.objects.filter(pk__in=[before.pk, named.pk])
    assert [(row.identity, row.identity_hint, row.comment) for row in rows] == [("ignored", {}, "")] * 2
    successor.refresh_from_db()
    assert (successor.identity, successor.comment) == ("inbox", WORDS)


def test_a_merge_cannot_be_undone_once_the_person_is_erased(everywhere, canary, lead):
    erase.erase_contact(contact=canary, actor=lead)

    with pytest.raises(Refused, match="erased"):
        merge.undo_merge(merge=merge.Merge.objects.get(), actor=lead)


def test_a_tombstone_stands_for_its_survivor(everywhere, canary, lead, drain):
    erase.request_erasure(contact=Contact.objects.get(merged_into=canary), actor=lead)
    drain()

    canary.refresh_from_db()
    assert canary.erased_at is not None


def test_an_excluded_answer_of_the_erased_is_restored_without_them(canary, survey, lead):
    answer = factories.respond(survey, 9, email=MAIL)
    rows = Response.objects.filter(pk=answer.pk)
    responses.exclude_responses(responses=rows, reason="A test", actor=lead)
    erase.erase_contact(contact=canary, actor=lead)

    responses.restore_responses(responses=rows, actor=lead)

    fold_all()
    assert sum(kept().values()) > 0


# --- Pages ---------------------------------------------------------------------------------------------------
def test_erasing_on_the_page_asks_for_the_word(canary, as_lead, as_csm, drain):
    url = f"/contacts/{canary.pk}/erase/"
    assert as_csm.get(url).status_code == 403
    assert as_lead.get(url).status_code == 200
    assert as_lead.post(url, {"word": "no"}).status_code == 422
    as_lead.post(url, {"word": "Erase"})
    drain()

    assert as_lead.get(f"/contacts/{canary.pk}/").status_code == 404


def test_everything_known_is_downloaded_in_two_forms(everywhere, canary, as_csm, as_stranger, as_viewer):
    url = f"/contacts/{canary.pk}/known/"
    assert as_stranger.get(url).status_code == 404
    assert as_viewer.post(url, {"form": "json"}).status_code == 403

    found = json.loads(as_csm.post(url, {"form": "json"}).content)
    page = as_csm.post(url, {"form": "page"}).content.decode()

    data = found["data"]
    assert data["person"][0]["email"] == MAIL
    assert {row["last_name"] for row in data["person"]} == {LAST}
    assert sorted(row["score"] for row in data["surveys.Response"]) == [2, 8, 9]
    for section in ("person_before", "surveys.Invitation", "surveys.InboundMessage", "accounts.Interaction",
                    "accounts.TrackedEvent", "accounts.FormerAddress", "workflows.Task", "surveys.Visitor"):  # fmt: skip
        assert data[section], section
    for word in (NAME, MAIL, WORDS):
        assert word in page
    assert AuditEntry.objects.filter(action="contact.exported", object_id=canary.pk).count() == 2


def test_a_former_address_is_kept_with_the_person(canary):
    assert FormerAddress.objects.get().email_key == "old.nest@zoo.example"


def test_a_merge_that_was_undone_leaves_nothing_of_the_erased_with_the_other(lead):
    acme = factories.an_account()
    other = factories.a_contact("ann@acme.example", account=acme, first_name="Ann", last_name="Lee")
    person = factories.a_contact(
        "zoe.zett@acme.example", account=acme, first_name="Zoe", last_name="Zett", phone="+4930901820"
    )
    done = merge.merge_contacts(
        survivor=other, loser=person, actor=lead, choices={"email": "loser", "last_name": "loser"}
    )
    merge.undo_merge(merge=done, actor=lead)
    person.refresh_from_db()

    erase.erase_contact(contact=person, actor=lead)

    other.refresh_from_db()
    assert (other.email, other.last_name) == ("ann@acme.example", "Lee")
    assert not Contact.history.filter(email__startswith="zoe").exists()
    assert not Contact.history.filter(last_name="Zett").exists()
    assert not FormerAddress.objects.filter(email_key__startswith="zoe").exists()


def test_stored_copies_with_a_former_number_or_id_go_too(lead):
    person = factories.a_contact(account=factories.an_account(), phone="+4930901820", external_id="crm-zoe-1")
    contact_services.update_contact(
        contact=person, values={"phone": "+4930901821", "external_id": "crm-zoe-2"}, actor=lead
    )
    copies = [
        IdempotencyKey.objects.create(
            scope="t", key=f"k{n}", request_hash="f", status=200, body=json.dumps({"said": text}).encode()
        )
        for n, text in enumerate(["+4930901820", "crm-zoe-1"])
    ]

    erase.erase_contact(contact=person, actor=lead)

    assert [IdempotencyKey.objects.get(pk=one.pk).body for one in copies] == [b"{}"] * 2
