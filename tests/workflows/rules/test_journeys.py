"""The way through the steps: waiting, asking, leaving early, giving way to people, customers that change."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Account, Contact, Interaction
from accounts.services import erase, merge
from core import clock
from core.errors import Refused
from team.models import User
from tests import factories
from tests.conftest import Drain
from tests.workflows.rules.conftest import TASK, WAIT, WRITE, MakeRule, PassTime, scored, tell
from workflows.calendars.domain import WorkCalendar, never
from workflows.models import Alert, DryRun, Run, RunStep, Task
from workflows.rules import journeys
from workflows.rules.definition import walk
from workflows.services import alerts, tasks
from workflows.services import rules as services

BERLIN = ZoneInfo("Europe/Berlin")
CALENDAR = WorkCalendar(zone=BERLIN, is_off=never)


def local(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=BERLIN).astimezone(dt.UTC)  # type: ignore[arg-type, misc]


# --- Places --------------------------------------------------------------------------------------------------
_steps = st.recursive(
    st.just([{"kind": "create_task"}]),
    lambda inner: st.lists(
        st.one_of(
            st.just({"kind": "create_task"}),
            st.fixed_dictionaries({"kind": st.just("branch"), "then": inner, "else": inner}),
        ),
        max_size=3,
    ),
    max_leaves=8,
)


@given(_steps, st.booleans())
def test_walking_from_place_to_place_meets_every_step_of_the_ways_taken_once(steps: Any, yes: bool) -> None:
    arm = "then" if yes else "else"
    every = [path for path, _ in walk(steps)]
    wanted = [path for path in every if ("else" if yes else "then") not in path.split(".")]

    met = []
    path: str | None = "0" if steps else None
    while path is not None:
        step = journeys.step_at(steps, path)
        assert step is not None
        met.append(path)
        inner = journeys.first_in(steps, path, arm) if step["kind"] == "branch" else None
        path = inner or journeys.after(steps, path)

    assert met == wanted


# --- Waiting -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("step", "start", "end"),
    [
        # Days stay at their time on the wall across both changes of the clocks; hours are hours that pass.
        ({"amount": 1, "unit": "days"}, local(2026, 3, 28, 10), local(2026, 3, 29, 10)),
        ({"amount": 24, "unit": "hours"}, local(2026, 3, 28, 10), local(2026, 3, 29, 11)),
        ({"amount": 1, "unit": "days"}, local(2026, 10, 24, 10), local(2026, 10, 25, 10)),
        ({"amount": 24, "unit": "hours"}, local(2026, 10, 24, 10), local(2026, 10, 25, 9)),
        # A time that the clocks skip comes when they have.
        ({"until": "time", "time": "02:30"}, local(2026, 3, 28, 12), local(2026, 3, 29, 3, 30)),
        ({"amount": 1, "unit": "days"}, local(2026, 3, 28, 2, 30), local(2026, 3, 29, 3, 30)),
        ({"until": "time", "time": "09:00"}, local(2026, 3, 28, 8), local(2026, 3, 28, 9)),
        ({"until": "time", "time": "09:00"}, local(2026, 3, 28, 9), local(2026, 3, 29, 9)),
        ({"until": "time", "time": "09:00", "working_days": True}, local(2026, 3, 27, 10), local(2026, 3, 30, 9)),
        # Working time: Friday afternoon and Monday morning are one stretch.
        ({"until": "business", "amount": 4, "unit": "hours"}, local(2026, 3, 27, 15), local(2026, 3, 30, 11)),
        ({"until": "business", "amount": 2, "unit": "days"}, local(2026, 3, 26, 11), local(2026, 3, 30, 11)),
        ({"until": "event", "amount": 2, "unit": "days"}, local(2026, 3, 28, 10), local(2026, 3, 30, 10)),
    ],
)  # fmt: skip
def test_a_wait_ends_when_people_expect_it(
    step: dict[str, Any], start: dt.datetime, end: dt.datetime
) -> None:
    assert journeys.wait_end(step, start, zone=BERLIN, calendar=CALENDAR) == end


pytestmark = pytest.mark.django_db


def test_a_run_waits_and_then_goes_on(
    make_rule: MakeRule, ann: Contact, drain: Drain, time_passes: PassTime
) -> None:
    make_rule(steps=[WAIT, TASK])
    scored(ann)
    drain()
    run, row = Run.objects.get(), RunStep.objects.get()
    assert (run.state, Task.objects.count()) == ("waiting", 0)
    assert row.due_at == row.next_at
    assert dt.timedelta(days=2, hours=22) < row.due_at - clock.now() < dt.timedelta(days=3, hours=2)

    time_passes()

    assert (Run.objects.get().state, Task.objects.count()) == ("done", 1)


@pytest.mark.parametrize("comes", [True, False])
def test_a_wait_for_an_event_ends_with_it_or_with_its_time(
    make_rule: MakeRule, ann: Contact, drain: Drain, time_passes: PassTime, comes: bool
) -> None:
    until = {"kind": "wait", "until": "event", "event": "message.received", "amount": 5, "unit": "days"}
    make_rule(steps=[until, TASK])
    other = factories.a_contact("bo@acme.example", account=ann.account)
    scored(ann)
    drain()
    tell("message.received", other)
    drain()
    assert Run.objects.get().state == "waiting"

    if comes:
        tell("message.received", ann)
        drain()
    else:
        time_passes()

    assert Run.objects.get().state == "done"
    assert RunStep.objects.get(path="0").note == ("It happened." if comes else "")


@pytest.mark.parametrize(("plan", "title"), [("Scale", "Large"), ("Team", "Small")])
def test_a_branch_asks_of_the_customer_as_it_is_then(
    make_rule: MakeRule,
    ann: Contact,
    account: Account,
    drain: Drain,
    time_passes: PassTime,
    plan: str,
    title: str,
) -> None:
    asks = {
        "all": [
            {"field": "plan", "op": "in", "value": ["Scale"]},
            {"field": "event.score", "op": "lt", "value": 7},
        ]
    }
    inner = {
        "kind": "branch",
        "conditions": asks,
        "then": [{**TASK, "title": "Large"}],
        "else": [{**TASK, "title": "Small"}],
    }
    make_rule(steps=[WAIT, inner, {**TASK, "title": "After"}])
    scored(ann)
    drain()
    Account.objects.filter(pk=account.pk).update(plan=plan)

    time_passes()

    assert list(Task.objects.order_by("pk").values_list("title", flat=True)) == [title, "After"]
    assert Run.objects.get().state == "done"


# --- Leaving -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("exit_on", "kind", "data"),
    [
        ("replied", "message.received", {}),
        ("answered", "response.scored", {"category": "promoter"}),
        ("unsubscribed", "survey.declined", {"reason": "unsubscribed"}),
        ("unsubscribed", "preferences.changed", {"paused_until": "2027-01-01"}),
    ],
)
def test_what_the_customer_does_ends_a_journey(
    make_rule: MakeRule, ann: Contact, drain: Drain, exit_on: str, kind: str, data: dict[str, Any]
) -> None:
    rule = make_rule(steps=[WAIT, TASK], exit_on=[exit_on], trigger="task.overdue")
    staying = make_rule(steps=[WAIT, TASK], exit_on=["task_closed"], trigger="task.overdue")
    tell("task.overdue", ann)
    drain()
    tell(kind, ann, data=data)
    drain()

    run = Run.objects.get(rule=rule)
    assert (run.state, run.reason.startswith("Ended early: the customer")) == ("exited", True)
    assert RunStep.objects.get(run=run).outcome == "cancelled"
    assert Run.objects.get(rule=staying).state == "waiting"


def test_a_choice_of_language_and_a_survey_put_off_end_nothing(
    make_rule: MakeRule, ann: Contact, drain: Drain
) -> None:
    make_rule(steps=[WAIT, TASK], exit_on=["unsubscribed"])
    scored(ann)
    drain()
    tell("preferences.changed", ann, data={"language": "de"})
    tell("survey.declined", ann, data={"reason": "dismissed"})
    drain()

    assert Run.objects.get().state == "waiting"


def test_closing_its_task_or_alert_ends_a_journey(
    make_rule: MakeRule, ann: Contact, csm: User, drain: Drain
) -> None:
    by_task = make_rule(name="T", steps=[TASK, WAIT, TASK], exit_on=["task_closed"])
    by_alert = make_rule(
        name="A", steps=[{"kind": "create_alert", "alert": "reply"}, WAIT, TASK], exit_on=["alert_closed"]
    )
    scored(ann)
    drain()

    tasks.finish_task(task=Task.objects.get(), outcome="Called", actor=csm)
    alerts.close_alert(alert=Alert.objects.get(), outcome="Called", actor=csm)
    drain()

    assert set(Run.objects.values_list("rule", "state")) == {(by_task.pk, "exited"), (by_alert.pk, "exited")}


# --- Giving way ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "is_automatic", "suppresses", "messages"),
    [("call", False, True, 0), ("note", False, True, 1), ("mail", True, True, 1), ("call", False, False, 1)],
)
def test_nothing_is_written_to_whom_a_colleague_has_reached(
    make_rule: MakeRule, ann: Contact, csm: User, drain: Drain, time_passes: PassTime, written: list[int],
    kind: str, is_automatic: bool, suppresses: bool, messages: int,
) -> None:  # fmt: skip
    make_rule(steps=[WAIT, WRITE, TASK], reply_suppresses=suppresses)
    scored(ann)
    drain()
    Interaction.objects.create(
        account=ann.account,
        contact=ann,
        user=csm,
        kind=kind,
        is_automatic=is_automatic,
        happened_at=clock.now(),
    )

    time_passes()

    assert (len(written), Task.objects.count()) == (messages, 1)
    row = RunStep.objects.get(kind="write")
    assert (row.outcome, "colleague" in row.note) == ("done" if messages else "skipped", not messages)


def test_nothing_is_written_to_whom_has_replied(
    make_rule: MakeRule, ann: Contact, drain: Drain, time_passes: PassTime, written: list[int]
) -> None:
    make_rule(steps=[WAIT, WRITE])
    scored(ann)
    drain()
    tell("message.received", ann)

    time_passes()

    assert (written, RunStep.objects.get(kind="write").outcome) == ([], "skipped")


# --- Customers that change -----------------------------------------------------------------------------------
def test_a_run_follows_the_account_it_is_about(
    make_rule: MakeRule, ann: Contact, account: Account, lead: User, drain: Drain, time_passes: PassTime
) -> None:
    make_rule(steps=[WAIT, TASK], one_run_per="account")
    other = factories.an_account("Other", owner=lead)
    bo = factories.a_contact("bo@other.example", account=other)
    scored(ann)
    scored(bo)
    drain()

    merge.merge_accounts(survivor=other, loser=account, actor=lead)
    drain()
    time_passes()

    first, second = Run.objects.order_by("pk")
    assert {first.account, second.account} == {other}
    assert (first.state, second.state) == ("done", "exited")
    assert "merged" in second.reason
    assert Task.objects.get().account == other


def test_a_run_for_an_erased_person_ends(
    make_rule: MakeRule, ann: Contact, lead: User, drain: Drain, time_passes: PassTime
) -> None:
    make_rule(steps=[WAIT, TASK])
    scored(ann)
    drain()

    erase.erase_contact(contact=ann, actor=lead)
    time_passes()

    run = Run.objects.get()
    assert (run.state, run.reason, Task.objects.count()) == ("exited", "The person was erased.", 0)


def test_work_of_an_owner_who_left_goes_to_who_stands_in(
    make_rule: MakeRule,
    ann: Contact,
    csm: User,
    lead: User,
    administrator: User,
    drain: Drain,
    time_passes: PassTime,
) -> None:
    make_rule(steps=[WAIT, TASK])
    scored(ann)
    drain()
    csm.is_active = False
    csm.save()

    time_passes()

    assert Task.objects.get().assignee in {lead, administrator}


# --- By hand -------------------------------------------------------------------------------------------------
def test_a_stopped_run_does_nothing_more_and_cannot_be_stopped_twice(
    make_rule: MakeRule, ann: Contact, lead: User, drain: Drain, time_passes: PassTime
) -> None:
    make_rule(steps=[WAIT, TASK])
    scored(ann)
    drain()
    run = Run.objects.get()

    services.stop_run(run=run, actor=lead)
    time_passes()

    assert (Run.objects.get().state, Task.objects.count()) == ("stopped", 0)
    with pytest.raises(Refused):
        services.stop_run(run=run, actor=lead)
    with pytest.raises(Refused):
        services.skip_step(step=RunStep.objects.get(), actor=lead)


def test_a_wait_can_be_skipped(make_rule: MakeRule, ann: Contact, lead: User, drain: Drain) -> None:
    make_rule(steps=[WAIT, TASK])
    scored(ann)
    drain()

    services.skip_step(step=RunStep.objects.get(), actor=lead)
    drain()

    assert (Run.objects.get().state, Task.objects.count()) == ("done", 1)
    assert RunStep.objects.get(path="0").outcome == "skipped"
    with pytest.raises(Refused):
        services.skip_step(step=RunStep.objects.get(path="1"), actor=lead)


def test_a_failed_step_is_tried_again_or_left_out_by_hand(
    make_rule: MakeRule, ann: Contact, lead: User, drain: Drain
) -> None:
    make_rule(steps=[{"kind": "create_task", "title": "Call {{ owner_name }}"}, TASK])
    Account.objects.update(owner=None)
    ann.refresh_from_db()
    scored(ann)
    drain()
    run, row = Run.objects.get(), RunStep.objects.get()
    assert (run.state, "owner_name" in run.reason) == ("failed", True)

    services.retry_step(step=row, actor=lead)
    drain()
    assert Run.objects.get().state == "failed"
    services.skip_step(step=row, actor=lead)
    drain()

    assert (Run.objects.get().state, Task.objects.get().title) == ("done", "Call")


def test_a_rule_that_reaches_many_is_switched_on_only_by_who_confirms_the_number(
    make_rule: MakeRule, lead: User
) -> None:
    rule = make_rule(is_active=False)
    DryRun.objects.create(rule=rule, rule_version=1, until=clock.now(), days=90, state="done", reach=50_000)

    for confirmed in (None, 200, 49_999):
        with pytest.raises(Refused) as refused:
            services.switch_rule(rule=rule, is_active=True, actor=lead, confirmed_reach=confirmed)
        assert "50,000" in refused.value.message
    assert services.switch_rule(rule=rule, is_active=True, actor=lead, confirmed_reach=50_000).is_active
