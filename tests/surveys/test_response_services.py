"""What people and schedules do with answers: exclude, restore, assign, close the loop, finalise, link, set aside."""

import datetime as dt

import pytest

from accounts.models import Contact, Event
from core import clock
from core.errors import Invalid, Refused
from surveys.models import ContactScore, Response, ResponseRevision
from surveys.queries import feedback
from surveys.queries import inbox as inbox_queries
from surveys.services import inbox, responses
from team.models import AuditEntry, Workspace
from tests import factories


@pytest.fixture
def survey(db):
    return factories.a_survey()


@pytest.fixture
def ann(csm):
    account = factories.an_account("Acme", owner=csm, plan="Gold", domain="acme.example")
    return factories.a_contact(account=account, first_name="Ann", last_name="Lee", phone="+49 30 1")


def only(response):
    return Response.objects.filter(pk=response.pk)


def kinds():
    return list(Event.objects.order_by("pk").values_list("kind", flat=True))


# --- Excluding -----------------------------------------------------------------------------------------------
def test_an_excluded_answer_gives_way_to_the_one_before_and_comes_back(survey, ann, lead, frozen):
    first = factories.respond(survey, 9, email=ann.email, responded_at=clock.now() - dt.timedelta(days=5))
    second = factories.respond(survey, 1, email=ann.email)

    responses.exclude_responses(responses=only(second), reason="  Wrong   button ", actor=lead)

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.superseded_at, second.excluded_reason) == (None, "Wrong button")
    assert ContactScore.objects.get().latest_score == 9
    assert ResponseRevision.objects.filter(response=second).latest("pk").is_excluded is True
    assert AuditEntry.objects.filter(action="response.excluded", actor=lead, object_id=second.pk).exists()

    responses.restore_responses(responses=only(second), actor=lead)

    first.refresh_from_db()
    assert first.superseded_at == second.responded_at
    score = ContactScore.objects.get()
    assert (score.latest_score, score.previous_score) == (1, 9)
    assert kinds()[-2:] == ["response.excluded", "response.restored"]


def test_excluding_the_only_answer_leaves_the_contact_without_a_score(survey, ann, lead):
    response = factories.respond(survey, 9, email=ann.email)

    responses.exclude_responses(responses=only(response), reason="A test", actor=lead)

    assert not ContactScore.objects.exists()


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201])
def test_excluding_needs_a_reason(survey, ann, lead, reason):
    response = factories.respond(survey, 9, email=ann.email)

    with pytest.raises(Invalid) as refused:
        responses.exclude_responses(responses=only(response), reason=reason, actor=lead)

    assert refused.value.field == "reason"
    response.refresh_from_db()
    assert response.excluded_reason == ""


def test_excluding_twice_changes_nothing_more(survey, ann, lead):
    response = factories.respond(survey, 9, email=ann.email)
    everything = Response.objects.all()

    assert responses.exclude_responses(responses=everything, reason="A test", actor=lead) == 1
    assert responses.exclude_responses(responses=everything, reason="Again", actor=lead) == 0

    response.refresh_from_db()
    assert response.excluded_reason == "A test"


def test_a_whole_filter_is_changed_in_slices(survey, ann, lead, monkeypatch):
    monkeypatch.setattr(responses, "SLICE", 2)
    for score in range(5):
        factories.respond(survey, score, email=ann.email)

    changed = responses.set_loop_status(
        responses=Response.objects.filter(score__lt=4), status="closed", actor=lead
    )

    assert changed == 4
    assert sorted(Response.objects.filter(loop_status="closed").values_list("score", flat=True)) == [
        0,
        1,
        2,
        3,
    ]


# --- The loop ------------------------------------------------------------------------------------------------
def test_the_status_is_told_to_the_timeline_once(survey, ann, csm):
    response = factories.respond(survey, 2, email=ann.email)

    for status in ("contacted", "contacted", "closed", "open"):
        responses.set_loop_status(responses=only(response), status=status, actor=csm)

    assert kinds() == ["response.scored", "loop.contacted", "loop.closed", "loop.reopened"]
    event = Event.objects.get(kind="loop.closed")
    assert (event.actor, event.account, event.cause_key) == (
        csm,
        ann.account,
        f"response:{response.pk}:closed",
    )


def test_an_unknown_status_is_refused(survey, ann, csm):
    with pytest.raises(Invalid):
        responses.set_loop_status(responses=Response.objects.all(), status="lost", actor=csm)


def test_answers_are_given_to_people_who_may_work(survey, ann, csm, lead, viewer):
    response = factories.respond(survey, 2, email=ann.email)

    assert responses.assign_responses(responses=only(response), assignee=csm, actor=lead) == 1
    assert responses.assign_responses(responses=only(response), assignee=csm, actor=lead) == 0
    with pytest.raises(Invalid):
        responses.assign_responses(responses=only(response), assignee=viewer, actor=lead)

    response.refresh_from_db()
    assert response.assignee == csm


# --- Schedules -----------------------------------------------------------------------------------------------
def test_a_silent_partial_answer_is_finalised_after_the_hours_of_the_workspace(survey, ann, frozen):
    Workspace.objects.update_or_create(pk=1, defaults={"partial_hours": 12})
    response = factories.respond(survey, 9, email=ann.email)
    whole = factories.respond(survey, 9, email=ann.email, comment="Good")
    assert whole.finalised_at is not None
    frozen.shift(dt.timedelta(hours=11, minutes=59))
    assert responses.finalise_due() == 0
    frozen.shift(dt.timedelta(minutes=1))

    assert responses.finalise_due() == 1
    assert responses.finalise_due() == 0

    response.refresh_from_db()
    assert (response.finalised_at, response.state) == (clock.now(), "scored")
    assert kinds()[-1] == "response.finalised"


def test_a_partial_answer_that_was_touched_is_not_silent(survey, ann, frozen):
    factories.respond(survey, 9, email=ann.email, external_id="x1")
    frozen.shift(dt.timedelta(hours=10))
    factories.respond(survey, 4, email=ann.email, external_id="x1")
    frozen.shift(dt.timedelta(hours=3))

    assert responses.finalise_due() == 0


def test_the_tick_finalises(survey, ann, frozen):
    from core import jobs

    factories.respond(survey, 9, email=ann.email)
    frozen.shift(dt.timedelta(days=1))

    jobs.tick()

    assert Response.objects.get().finalised_at == clock.now()


# --- The inbox -----------------------------------------------------------------------------------------------
@pytest.fixture
def waiting(survey, db):
    return factories.respond(survey, 2, email="a.lee@acme.example", name="Ann Lee", phone="+49 30 1")


def test_linking_announces_the_answer_and_counts_it(waiting, ann, lead):
    assert kinds() == []

    linked = inbox.link_response(response=waiting, contact=ann, actor=lead)

    assert (linked.identity, linked.contact, linked.account, linked.identity_hint) == (
        "matched",
        ann,
        ann.account,
        {},
    )
    assert linked.attributes["plan"] == "Gold"
    assert ContactScore.objects.get().latest == linked
    event = Event.objects.get()
    assert (event.kind, event.cause_key) == ("response.scored", f"response:{linked.pk}:scored")
    assert event.occurred_at == waiting.responded_at


def test_linking_to_somebody_else_moves_score_and_chain(survey, ann, lead):
    bea = factories.a_contact("bea@acme.example", account=ann.account)
    older = factories.respond(survey, 9, email=ann.email, responded_at=clock.now() - dt.timedelta(days=3))
    response = factories.respond(survey, 2, email=ann.email)

    inbox.link_response(response=response, contact=bea, actor=lead)

    older.refresh_from_db()
    assert older.superseded_at is None
    assert {s.contact_id: s.latest_score for s in ContactScore.objects.all()} == {ann.pk: 9, bea.pk: 2}
    assert kinds() == ["response.scored", "response.scored", "response.updated"]


def test_a_contact_that_is_gone_takes_no_answers(waiting, ann, lead):
    Contact.objects.filter(pk=ann.pk).update(erased_at=clock.now())
    ann.refresh_from_db()

    with pytest.raises(Refused):
        inbox.link_response(response=waiting, contact=ann, actor=lead)


def test_a_contact_is_made_of_what_the_answer_said(waiting, ann, lead):
    linked = inbox.create_contact_from(response=waiting, account=ann.account, actor=lead)

    contact = linked.contact
    assert (contact.first_name, contact.last_name, contact.email, contact.phone, contact.account) == (
        "Ann", "Lee", "a.lee@acme.example", "+49 30 1", ann.account,
    )  # fmt: skip


def test_an_answer_is_set_aside_and_taken_back_once(waiting, lead):
    inbox.ignore_response(response=waiting, actor=lead)
    with pytest.raises(Refused):
        inbox.ignore_response(response=waiting, actor=lead)
    assert feedback.count_inbox(lead) == 0

    inbox.take_back(response=waiting, actor=lead)

    assert feedback.count_inbox(lead) == 1


def test_suggestions_name_their_reason_best_first(waiting, ann, lead):
    colleague = factories.a_contact("carl@acme.example", account=ann.account, last_name="Zorn")
    namesake = factories.a_contact("other@else.example", first_name="ann", last_name="LEE")

    found = inbox_queries.look([waiting], lead)[waiting.pk]

    assert [(s.contact.pk, s.reason) for s in found.suggestions] == [
        (ann.pk, "same phone number"), (namesake.pk, "same name"), (colleague.pk, "works at acme.example"),
    ]  # fmt: skip


def test_the_inbox_is_for_people_who_see_everything(waiting, csm, lead):
    assert feedback.list_inbox(lead).count() == 1
    assert feedback.list_inbox(csm).count() == 0
