"""The promises of a closed loop: when they are due, what meets them, and who hears when they are broken."""

import datetime as dt
from typing import Any

import pytest

from accounts.models import Event, Interaction
from accounts.services import erase, interactions
from surveys.choices import Channel, MessageKind
from surveys.models import Response, Survey
from surveys.services import messages, responses
from team.models import User
from tests import factories
from workflows.models import Alert, Loop, LoopOutcome, WorkSettings
from workflows.services import alerts, loop_clocks
from workflows.services import loop as closing

pytestmark = pytest.mark.django_db
MONDAY_10 = dt.datetime(2026, 3, 16, 10, tzinfo=dt.UTC)
TUESDAY_10 = dt.datetime(2026, 3, 17, 10, tzinfo=dt.UTC)


@pytest.fixture
def survey() -> Survey:
    return factories.a_survey()


@pytest.fixture
def ann(csm: User) -> Any:
    return factories.a_contact(account=factories.an_account(owner=csm), first_name="Ann", last_name="Vogt")


@pytest.fixture
def answer(survey: Survey, ann: Any, lead: User, drain: Any, frozen: Any) -> Response:
    response = factories.respond(survey, 3, email=ann.email)
    drain()
    return response


def the_loop() -> Loop:
    return Loop.objects.get()


def told(kind: str) -> int:
    return Event.objects.filter(kind=kind).count()


def test_the_clocks_run_from_the_score_in_the_owners_working_time(answer: Response, csm: User) -> None:
    loop = the_loop()

    assert (loop.owner, loop.category, loop.started_at) == (csm, "detractor", TUESDAY_10)
    assert loop.contact_due_at == TUESDAY_10 + dt.timedelta(days=1)
    assert loop.resolution_due_at == TUESDAY_10 + dt.timedelta(days=7)


@pytest.mark.parametrize(("categories", "score", "expected"), [
    (["detractor"], 7, 0), (["detractor", "passive"], 7, 1), ([], 0, 0), (["detractor"], 6, 1),
])  # fmt: skip
def test_which_answers_are_followed_up_is_a_setting(
    survey: Survey, ann: Any, drain: Any, categories: list[str], score: int, expected: int
) -> None:
    WorkSettings.objects.create(pk=1, loop_categories=categories)

    factories.respond(survey, score, email=ann.email)
    drain()

    assert Loop.objects.count() == expected


def test_a_logged_call_meets_the_first_promise(answer: Response, ann: Any, csm: User, drain: Any) -> None:
    interactions.log_interaction(account=ann.account, contact=ann, kind="call", body="Talked", actor=csm)
    drain()

    loop = the_loop()
    answer.refresh_from_db()
    assert (loop.contacted_at, loop.contacted_by, loop.contact_by) == (TUESDAY_10, csm, "logged")
    assert answer.loop_status == "contacted"
    assert told("loop.contacted") == 1


def test_a_reply_from_the_alert_page_meets_it_at_once(answer: Response, csm: User, drain: Any) -> None:
    closing.reply(alert=Alert.objects.get(), subject="Sorry", body="Let us talk", actor=csm)

    assert the_loop().interaction == Interaction.objects.get()
    drain()
    assert (the_loop().contact_by, told("loop.contacted")) == ("logged", 1)


def test_what_no_person_did_is_no_contact(answer: Response, ann: Any, csm: User, drain: Any) -> None:
    # An automatic mail, logged without a person; a note; a call with somebody else; a call before the answer.
    account = ann.account
    other = factories.a_contact("bob@acme.example", account=account)
    for fields in (
        {"contact": ann, "kind": "mail", "actor": None},
        {"contact": ann, "kind": "note", "actor": csm},
        {"contact": other, "kind": "call", "actor": csm},
        {"contact": ann, "kind": "call", "actor": csm, "happened_at": MONDAY_10},
    ):
        interactions.log_interaction(account=account, body="x", **fields)
    responses.set_loop_status(responses=Response.objects.all(), status="contacted", actor=None)
    drain()

    assert the_loop().contacted_at is None


@pytest.mark.parametrize("kind", [MessageKind.AUTO_REPLY, MessageKind.REPLY])
def test_a_mail_from_the_customer_is_not_our_contact(
    answer: Response, ann: Any, drain: Any, kind: Any
) -> None:
    messages.receive(
        channel=Channel.EMAIL, provider="smtp", provider_id="m1", kind=kind, from_address=ann.email,
        from_key="k", received_at=TUESDAY_10, subject="Out of office", body="Back on Monday", contact=ann,
    )  # fmt: skip
    drain()

    answer.refresh_from_db()
    assert the_loop().contacted_at is None
    assert answer.loop_status == "open"


def test_saying_so_counts_and_can_be_taken_back(answer: Response, csm: User, drain: Any) -> None:
    only = Response.objects.filter(pk=answer.pk)
    responses.set_loop_status(responses=only, status="contacted", actor=csm)
    drain()
    assert the_loop().contact_by == "stated"

    responses.set_loop_status(responses=only, status="open", actor=csm)
    drain()

    assert (the_loop().contacted_at, the_loop().contact_by) == (None, "")


def test_closing_with_an_outcome_and_opening_again(answer: Response, csm: User, drain: Any) -> None:
    outcome = LoopOutcome.objects.get(key="solved")
    alert = Alert.objects.get()

    closing.log_contact(
        alert=alert, kind="call", body="Fixed", outcome="", close=True, actor=csm, code=outcome
    )
    drain()

    loop = the_loop()
    assert (loop.resolved_by, loop.outcome, Alert.objects.get(pk=alert.pk).outcome) == (
        csm,
        outcome,
        "Solved",
    )
    event = Event.objects.get(kind="loop.resolved")
    assert (event.data["outcome"], event.data["in_time"], event.data["contacted"]) == ("solved", True, True)
    responses.set_loop_status(responses=Response.objects.all(), status="open", actor=csm)
    drain()
    assert (the_loop().resolved_at, the_loop().outcome) == (None, None)


def test_a_broken_promise_is_told_once_and_to_a_lead_three_times_at_most(
    answer: Response, csm: User, lead: User, drain: Any, frozen: Any
) -> None:
    WorkSettings.objects.update_or_create(pk=1, defaults={"escalation_minutes": 60})
    assert loop_clocks.watch() == 0
    frozen.shift(dt.timedelta(days=1, minutes=1))

    assert loop_clocks.watch() == 2
    assert loop_clocks.watch() == 0
    escalation = Alert.objects.get(kind="loop_late")
    assert (escalation.assignee, escalation.response) == (lead, answer)
    for minutes, expected in ((59, 1), (2, 2), (30, 2), (31, 3), (120, 3), (600, 3)):
        frozen.shift(dt.timedelta(minutes=minutes))
        loop_clocks.watch()
        assert the_loop().escalations == expected

    event = Event.objects.get(kind="loop.breached")
    assert (event.data["clock"], event.data["hours"], event.subject_type) == ("contact", 8.0, "loop")


def test_contact_settles_the_escalation(
    answer: Response, ann: Any, csm: User, lead: User, drain: Any, frozen: Any
) -> None:
    frozen.shift(dt.timedelta(days=1, minutes=1))
    loop_clocks.watch()

    # Had in time, logged too late.
    interactions.log_interaction(
        account=ann.account, contact=ann, kind="call", body="x", actor=csm,
        happened_at=TUESDAY_10 + dt.timedelta(hours=2),
    )  # fmt: skip
    drain()

    loop = the_loop()
    assert (loop.contact_breached_at, loop.escalations) == (None, 0)
    assert not Alert.objects.filter(kind="loop_late", state="open").exists()


def test_the_promise_goes_with_the_alert(answer: Response, csm: User, lead: User) -> None:
    alerts.assign_alert(alert=Alert.objects.get(), assignee=lead, actor=csm)

    assert the_loop().owner == lead


def test_snoozing_pauses_nothing_and_exclusion_does(
    answer: Response, lead: User, drain: Any, frozen: Any
) -> None:
    alerts.snooze_alert(
        alert=Alert.objects.get(), until=TUESDAY_10 + dt.timedelta(days=3), reason="Later", actor=lead
    )
    frozen.shift(dt.timedelta(hours=2))
    assert loop_clocks.watch() == 0
    assert (the_loop().pause, the_loop().contact_due_at) == ("", TUESDAY_10 + dt.timedelta(days=1))
    only = Response.objects.filter(pk=answer.pk)
    responses.exclude_responses(responses=only, reason="A test", actor=lead)
    drain()
    frozen.shift(dt.timedelta(days=7))
    assert loop_clocks.watch() == 0

    responses.restore_responses(responses=only, actor=lead)
    drain()

    # Six of eight hours were left on Tuesday at noon; it is noon of the next Tuesday.
    loop = the_loop()
    assert (loop.pause, loop.contact_due_at) == ("", TUESDAY_10 + dt.timedelta(days=8))


def test_an_answer_that_became_better_needs_no_follow_up(
    survey: Survey, ann: Any, drain: Any, frozen: Any
) -> None:
    first = factories.respond(survey, 3, email=ann.email, external_id="a")
    drain()
    factories.respond(survey, 9, email=ann.email, external_id="a")
    drain()

    assert (the_loop().response, the_loop().pause) == (first, "rescored")


def test_nobody_is_to_be_called_who_was_erased(
    answer: Response, ann: Any, administrator: User, drain: Any, frozen: Any
) -> None:
    erase.erase_contact(contact=ann, actor=administrator)
    drain()
    frozen.shift(dt.timedelta(days=30))

    assert loop_clocks.watch() == 0
    assert the_loop().pause == "erased"


def test_history_and_the_unknown_start_no_clock(survey: Survey, ann: Any, drain: Any, frozen: Any) -> None:
    factories.respond(survey, 2, email="nobody@nowhere.example")
    factories.respond(survey, 2, email=ann.email, responded_at=TUESDAY_10 - dt.timedelta(days=8))
    drain()

    assert not Loop.objects.exists()
