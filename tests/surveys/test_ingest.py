"""The one door for answers: what it takes, whose it is, which answer counts, and that nothing is there twice."""

import datetime as dt
import itertools
import threading

import pytest
from django.db import close_old_connections, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.models import CustomField, Event, EventRelay
from core import clock
from surveys.ingest import Outcome, ingest
from surveys.models import ContactScore, FigureMark, Invitation, Response, ResponseRevision, SurveyVersion
from tests import factories

NOW = dt.datetime(2026, 3, 17, 10, 0, tzinfo=dt.UTC)


@pytest.fixture
def survey(db):
    return factories.a_survey()


@pytest.fixture
def acme(db, csm):
    return factories.an_account("Acme", plan="Gold", segment="SMB", country="DE", owner=csm, arr="1200.00")


@pytest.fixture
def ann(acme):
    return factories.a_contact("ann@acme.example", account=acme)


def one(answer, **options) -> Outcome:
    (outcome,) = ingest([answer], **options)
    return outcome


# --- What one answer does ------------------------------------------------------------------------------------
def test_an_answer_is_matched_scored_remembered_and_announced(survey, ann, acme, frozen):
    outcome = one(factories.answer_to(survey, 9, email=" Ann@ACME.example ", comment="Good"))

    response = Response.objects.get()
    assert outcome == Outcome("created", response.pk, "matched")
    assert (response.contact, response.account, response.score, response.comment) == (ann, acme, 9, "Good")
    assert (response.state, response.finalised_at, response.locked_at) == (
        "completed", NOW, NOW + dt.timedelta(hours=24),
    )  # fmt: skip
    assert response.attributes == {
        "plan": "Gold", "segment": "SMB", "country": "DE", "owner": acme.owner_id, "stage": None,
    }  # fmt: skip
    score = ContactScore.objects.get(contact=ann)
    assert (score.latest_score, score.previous_score) == (9, None)
    revision = ResponseRevision.objects.get()
    assert (revision.score, revision.contact_key, revision.account_key) == (9, ann.pk, acme.pk)
    event = Event.objects.get()
    assert (event.kind, event.account, event.contact) == ("response.scored", acme, ann)
    assert event.cause_key == f"response:{response.pk}:scored"
    assert event.data == {
        "metric": "nps", "score": 9, "category": "promoter", "survey": survey.pk, "channel": "api", "state": "completed",
        "has_comment": True,
    }  # fmt: skip
    assert event.facts["arr"] == "1200.00"
    assert event.facts["score"] == 9
    assert EventRelay.objects.get().event == event
    assert FigureMark.objects.get().delta == 1


def test_a_second_answer_supersedes_the_first(survey, ann, frozen):
    first = factories.respond(survey, 9, email=ann.email)
    frozen.shift(dt.timedelta(days=40))

    second = factories.respond(survey, 4, email=ann.email)

    first.refresh_from_db()
    assert first.superseded_at == second.responded_at
    score = ContactScore.objects.get(contact=ann)
    assert (score.latest_score, score.previous_score) == (4, 9)


def test_latest_is_by_time_of_the_answer_and_not_of_its_arrival(survey, ann, frozen):
    newest = factories.respond(survey, 9, email=ann.email)

    late = factories.respond(survey, 2, email=ann.email, responded_at=NOW - dt.timedelta(days=9))

    assert late.superseded_at == newest.responded_at
    score = ContactScore.objects.get(contact=ann)
    assert (score.latest_score, score.previous_score) == (9, 2)


# --- Idempotence ---------------------------------------------------------------------------------------------
def test_the_same_answer_again_changes_nothing(survey, ann, frozen):
    answer = factories.answer_to(survey, 9, email=ann.email, external_id="x1")
    first = one(answer)

    again = one(answer)

    assert (again.result, again.response_id) == ("unchanged", first.response_id)
    assert (Response.objects.count(), Event.objects.count(), ResponseRevision.objects.count()) == (1, 1, 1)
    assert FigureMark.objects.count() == 1


def test_the_same_answer_twice_in_one_batch_is_one_response(survey, ann):
    answer = factories.answer_to(survey, 9, email=ann.email, external_id="x1")

    results = [outcome.result for outcome in ingest([answer, answer, answer])]

    assert results == ["created", "unchanged", "unchanged"]
    assert Response.objects.count() == 1


def test_the_same_external_id_of_another_source_is_another_answer(survey, ann):
    one(factories.answer_to(survey, 9, email=ann.email, external_id="x1"))

    outcome = one(factories.answer_to(survey, 3, email=ann.email, external_id="x1", source="typeform"))

    assert outcome.result == "created"


def test_newer_wins_by_the_time_of_the_source(survey, ann, frozen):
    at = NOW - dt.timedelta(hours=3)
    newer = {"external_id": "x1", "email": ann.email, "responded_at": at}
    one(factories.answer_to(survey, 8, **newer, source_updated_at=NOW - dt.timedelta(hours=1)))

    older = one(factories.answer_to(survey, 2, **newer, source_updated_at=NOW - dt.timedelta(hours=2)))

    assert (older.result, older.code) == ("unchanged", "stale")
    assert Response.objects.get().score == 8


def test_a_changed_score_is_an_update_with_the_cause_of_the_first(survey, ann, frozen):
    response = factories.respond(survey, 9, email=ann.email, external_id="x1")
    frozen.shift(dt.timedelta(hours=2))

    outcome = one(factories.answer_to(survey, 3, email=ann.email, external_id="x1"))

    assert outcome.result == "updated"
    response.refresh_from_db()
    assert (response.score, response.responded_at) == (3, NOW)
    assert ContactScore.objects.get().latest_score == 3
    assert ResponseRevision.objects.count() == 2
    event = Event.objects.latest("pk")
    assert (event.kind, event.cause_key) == ("response.updated", f"response:{response.pk}:scored")
    assert (event.data["previous_score"], event.data["previous_category"]) == (9, "promoter")


# --- Partial answers and the edit window ---------------------------------------------------------------------
@pytest.fixture
def invitation(survey, ann, acme):
    version = SurveyVersion.objects.create(survey=survey, number=1)
    return Invitation.objects.create(
        version=version, contact=ann, account=acme, recipient_key="k" * 64, state="sent", asked_at=clock.now()
    )


def invited(survey, invitation, score=9, **fields):
    return factories.answer_to(
        survey, score, source="hosted", channel="email", invitation_id=invitation.pk, **fields
    )


def test_a_score_counts_at_once_and_the_comment_completes_it(survey, invitation, frozen):
    one(invited(survey, invitation))
    response = Response.objects.get()
    assert (response.state, response.finalised_at) == ("scored", None)
    frozen.shift(dt.timedelta(minutes=3))

    one(invited(survey, invitation, comment="Because of the export", completed=True))

    response.refresh_from_db()
    assert (response.state, response.comment) == ("completed", "Because of the export")
    assert response.version == invitation.version
    invitation.refresh_from_db()
    assert (invitation.state, invitation.scored_at) == ("answered", NOW)
    assert invitation.commented_at == NOW + dt.timedelta(minutes=3)
    assert list(Event.objects.order_by("pk").values_list("kind", flat=True)) == [
        "response.scored", "response.completed",
    ]  # fmt: skip
    assert FigureMark.objects.count() == 1


def test_a_comment_that_is_not_said_stays(survey, invitation, frozen):
    one(invited(survey, invitation, comment="Slow export"))

    one(invited(survey, invitation, 6))

    response = Response.objects.get()
    assert (response.score, response.comment) == (6, "Slow export")


def test_after_the_edit_window_the_score_is_locked(survey, invitation, frozen):
    one(invited(survey, invitation, 9))
    frozen.shift(dt.timedelta(hours=24))

    outcome = one(invited(survey, invitation, 2))

    assert (outcome.result, outcome.code, outcome.field) == ("refused", "locked", "score")
    assert Response.objects.get().score == 9


def test_after_the_edit_window_a_first_comment_is_still_taken_but_not_a_second(survey, invitation, frozen):
    one(invited(survey, invitation, 9))
    frozen.shift(dt.timedelta(hours=30))

    first = one(invited(survey, invitation, 9, comment="Late thought"))
    second = one(invited(survey, invitation, 9, comment="Something else"))

    assert first.result == "updated"
    assert (second.result, second.code, second.field) == ("refused", "locked", "comment")
    assert Response.objects.get().comment == "Late thought"


def test_a_correction_may_change_a_locked_answer(survey, invitation, frozen):
    one(invited(survey, invitation, 9))
    frozen.shift(dt.timedelta(days=3))

    outcome = one(invited(survey, invitation, 2, origin="correction"))

    assert outcome.result == "updated"
    assert Response.objects.get().score == 2


def test_the_answer_to_a_test_is_not_recorded(survey, invitation, csm):
    Invitation.objects.update(is_test=True, tester=csm)

    outcome = one(invited(survey, invitation))

    assert (outcome.result, outcome.code) == ("unchanged", "test")
    assert not Response.objects.exists()
    assert not Event.objects.exists()


# --- Identity ------------------------------------------------------------------------------------------------
def test_an_unknown_address_waits_in_the_inbox_and_counts_nowhere(survey, db):
    outcome = one(factories.answer_to(survey, 2, email="Who@Nowhere.example", name="Who", phone="+49 1"))

    response = Response.objects.get()
    assert (outcome.result, outcome.identity) == ("created", "inbox")
    assert response.identity_hint == {"email": "Who@Nowhere.example", "name": "Who", "phone": "+49 1"}
    assert not Event.objects.exists()
    assert not FigureMark.objects.exists()


def test_what_is_no_address_is_kept_all_the_same(survey, db):
    outcome = one(factories.answer_to(survey, 2, email="not an address"))

    assert outcome.identity == "inbox"
    assert Response.objects.get().identity_hint == {"email": "not an address"}


def test_an_update_that_says_who_it_was_takes_it_out_of_the_inbox(survey, ann, frozen):
    one(factories.answer_to(survey, 2, external_id="x1"))
    assert Response.objects.get().identity == "inbox"

    outcome = one(factories.answer_to(survey, 2, external_id="x1", email=ann.email))

    response = Response.objects.get()
    assert (outcome.result, response.identity, response.contact) == ("updated", "matched", ann)
    assert response.identity_hint == {}
    assert Event.objects.get().kind == "response.scored"
    assert ContactScore.objects.get().latest == response


def test_an_open_link_may_be_answered_by_nobody_in_particular(survey, db):
    outcome = one(factories.answer_to(survey, 7, channel="link", source="hosted"))

    assert outcome.identity == "anonymous"
    assert FigureMark.objects.count() == 1
    assert Event.objects.get().account is None


@pytest.mark.parametrize("given_by", ["contact_id", "contact_external_id", "email"])
def test_every_identifier_finds_the_contact(survey, ann, given_by):
    ann.external_id = "crm-7"
    ann.save(update_fields=["external_id"])
    value = {"contact_id": ann.pk, "contact_external_id": "crm-7", "email": "ANN@acme.example"}[given_by]

    outcome = one(factories.answer_to(survey, 5, **{given_by: value}))

    assert outcome.identity == "matched"
    assert Response.objects.get().contact == ann


def test_answers_of_a_merged_contact_go_to_the_survivor(survey, ann, acme):
    survivor = factories.a_contact("bea@acme.example", account=acme)
    ann.merged_into = survivor
    ann.save(update_fields=["merged_into"])

    one(factories.answer_to(survey, 5, contact_id=ann.pk))

    assert Response.objects.get().contact == survivor


def test_a_plus_tag_is_another_address(survey, ann):
    assert one(factories.answer_to(survey, 5, email="ann+x@acme.example")).identity == "inbox"


def test_a_key_that_may_not_see_the_account_leaves_the_answer_in_the_inbox(survey, ann, stranger):
    outcome = one(factories.answer_to(survey, 5, email=ann.email, external_id="x1"), visible_to=stranger)

    assert outcome.identity == "inbox"
    assert not ContactScore.objects.exists()


def test_a_key_that_may_not_see_the_account_cannot_change_its_answer(survey, ann, stranger):
    one(factories.answer_to(survey, 9, email=ann.email, external_id="x1"))

    outcome = one(factories.answer_to(survey, 0, email=ann.email, external_id="x1"), visible_to=stranger)

    assert (outcome.result, outcome.code, outcome.field) == ("refused", "conflict", "external_id")
    assert Response.objects.get().score == 9


# --- What is refused -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("score", [-1, 11, 7.5, "seven", "7", True, None, 7.0])
def test_a_score_is_a_whole_number_from_0_to_10(survey, score):
    outcome = one(factories.answer_to(survey, score))

    assert (outcome.result, outcome.field) == ("refused", "score")
    assert not Response.objects.exists()


def test_0_is_a_score(survey, ann):
    one(factories.answer_to(survey, 0, email=ann.email))

    assert ContactScore.objects.get().latest_score == 0


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("survey_id", {"survey_id": 999_999}),
        ("invitation_id", {"invitation_id": 999_999}),
        ("responded_at", {"responded_at": dt.datetime(2026, 1, 1)}),
        ("responded_at", {"responded_at": dt.datetime(2099, 1, 1, tzinfo=dt.UTC)}),
        ("responded_at", {"responded_at": dt.datetime(1970, 1, 1, tzinfo=dt.UTC)}),
        ("comment", {"comment": "x" * 20_001}),
        ("external_id", {"external_id": "x" * 201}),
        ("external_id", {"external_id": ""}),
        ("source", {"source": "A B"}),
        ("channel", {"channel": "pigeon"}),
        ("origin", {"origin": "elsewhere"}),
    ],
)
def test_refusals_name_the_field_and_leave_nothing(survey, field, fields):
    import dataclasses

    outcome = one(dataclasses.replace(factories.answer_to(survey), **fields))

    assert (outcome.result, outcome.field) == ("refused", field)
    assert outcome.message
    assert not Response.objects.exists()


def test_an_invitation_of_another_survey_is_refused(survey, invitation):
    other = factories.a_survey("Other")

    outcome = one(invited(other, invitation))

    assert (outcome.result, outcome.code) == ("refused", "foreign_invitation")


def test_one_bad_answer_of_a_batch_does_not_hinder_the_others(survey, ann):
    answers = [factories.answer_to(survey, score, external_id=f"x{score}") for score in (9, 11, 3)]

    assert [outcome.result for outcome in ingest(answers)] == ["created", "refused", "created"]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("x" * 20_000, "x" * 20_000),
        ("Grüße 👩‍👩‍👧 🇩🇪", "Grüße 👩‍👩‍👧 🇩🇪"),
        ("تجربة \u202eممتازة", "تجربة \u202eممتازة"),
        ("a\x00b\x1b[2Jc\r\nd", "ab[2Jc\nd"),
        ("<script>alert(1)</script> {{ 7*7 }}", "<script>alert(1)</script> {{ 7*7 }}"),
        ("=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
        ("half \ud83d pair", "half ? pair"),
        ("  \n ", ""),
    ],
)
def test_comments_are_kept_as_said_without_control_characters(survey, ann, said, kept):
    one(factories.answer_to(survey, 5, email=ann.email, comment=said))

    assert Response.objects.get().comment == kept


def test_facts_of_other_apps_are_remembered(survey, ann, monkeypatch):
    from accounts import extend

    monkeypatch.setitem(
        extend.registered.facts, "test", lambda keys: [{"health": 40, "of": account} for account, _ in keys]
    )

    one(factories.answer_to(survey, 5, email=ann.email))

    facts = Event.objects.get().facts
    assert (facts["health"], facts["of"]) == (40, ann.account_id)


def test_a_custom_number_beyond_64_bits_hinders_no_answer(survey, ann, acme):
    CustomField.objects.create(target="account", key="rows", label="Rows", type="number", is_personal=False)
    acme.custom = {"rows": 10**30}
    acme.save()

    one(factories.answer_to(survey, 5, email=ann.email))

    assert 10**30 in Event.objects.get().facts.values()


def test_the_number_of_statements_does_not_grow_with_the_answers(survey, acme, django_assert_max_num_queries):
    for k in range(60):
        factories.a_contact(f"c{k}@acme.example", account=acme)
    answers = [factories.answer_to(survey, k % 11, email=f"c{k}@acme.example") for k in range(60)]
    ingest(answers[:2])

    with django_assert_max_num_queries(20):
        ingest(answers[2:])


# --- The chain, against recomputation ------------------------------------------------------------------------
class ChainTest(TestCase):
    """Whatever order answers arrive in, the chain is what a fresh look at all of them gives."""

    def setUp(self):
        self.survey = factories.a_survey()
        account = factories.an_account()
        self.people = [factories.a_contact(f"p{k}@acme.example", account=account) for k in range(3)]

    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(
            st.lists(
                st.tuples(st.integers(0, 2), st.integers(0, 12), st.integers(0, 10)), min_size=1, max_size=4
            ),
            min_size=1,
            max_size=5,
        )
    )
    def test_chain_equals_recomputation(self, batches):
        start = clock.now() - dt.timedelta(days=30)
        for batch in batches:
            ingest(
                [
                    factories.answer_to(
                        self.survey, score, contact_id=self.people[who].pk,
                        responded_at=start + dt.timedelta(days=day),
                    )
                    for who, day, score in batch
                ]
            )  # fmt: skip

        for person in self.people:
            rows = list(Response.objects.filter(contact=person).order_by("responded_at", "pk"))
            for row, following in itertools.zip_longest(rows, rows[1:]):
                assert row.superseded_at == (following.responded_at if following else None)
            score = ContactScore.objects.filter(contact=person).first()
            assert (score is None) == (not rows)
            if score is not None:
                assert score.latest_id == rows[-1].pk
                assert score.previous_id == (rows[-2].pk if len(rows) > 1 else None)


# --- Several at once -----------------------------------------------------------------------------------------
def _at_once(number, work):
    barrier = threading.Barrier(number)
    results, errors = [], []

    def run(k):
        try:
            barrier.wait()
            results.append(work(k))
        except Exception as error:
            errors.append(error)
        finally:
            close_old_connections()
            connection.close()

    threads = [threading.Thread(target=run, args=(k,)) for k in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors
    return results


@pytest.mark.django_db(transaction=True)
def test_many_at_once_with_one_external_id_make_one_response():
    survey = factories.a_survey()
    ann = factories.a_contact(account=factories.an_account())
    answer = factories.answer_to(survey, 9, email=ann.email, external_id="same")

    outcomes = _at_once(20, lambda _: one(answer))

    assert Response.objects.count() == 1
    assert sorted(o.result for o in outcomes) == ["created", *["unchanged"] * 19]
    assert {o.response_id for o in outcomes} == {Response.objects.get().pk}


@pytest.mark.django_db(transaction=True)
def test_many_at_once_of_one_contact_make_one_unbroken_chain():
    survey = factories.a_survey()
    ann = factories.a_contact(account=factories.an_account())
    start = clock.now() - dt.timedelta(days=50)

    _at_once(12, lambda k: one(factories.answer_to(survey, k % 11, email=ann.email,
                                                   responded_at=start + dt.timedelta(days=(k * 7) % 12))))  # fmt: skip

    rows = list(Response.objects.order_by("responded_at", "pk"))
    assert [row.superseded_at for row in rows] == [*(row.responded_at for row in rows[1:]), None]
    assert ContactScore.objects.get().latest_id == rows[-1].pk


@pytest.mark.django_db(transaction=True)
def test_nothing_is_left_when_the_transaction_around_it_fails():
    survey = factories.a_survey()
    ann = factories.a_contact(account=factories.an_account())

    with transaction.atomic():
        one(factories.answer_to(survey, 9, email=ann.email))
        transaction.set_rollback(True)

    assert not Response.objects.exists()
    assert not Event.objects.exists()
    assert not FigureMark.objects.exists()
