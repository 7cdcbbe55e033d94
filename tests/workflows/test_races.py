"""Two workers, two tabs, two events at the same moment: each effect happens once, and nobody is thrown out by a deadlock."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import Account, Contact
from core import clock, outbox
from core.errors import Refused
from surveys.models import Response
from team import queries as team_queries
from team.models import User
from tests import factories
from tests.racing import Crossing, at_once
from tests.workflows.health.builders import component, config, in_force, point, profile
from workflows import people
from workflows.domain import AlertState, RunState, TaskState
from workflows.health import compute
from workflows.models import (
    AccountHealth,
    AlarmLook,
    Alert,
    AlertCause,
    Digest,
    HandOver,
    HealthVersion,
    Leave,
    Loop,
    Playbook,
    PlaybookRun,
    PlaybookTask,
    RewardCode,
    Rule,
    Run,
    RunStep,
    Task,
)
from workflows.rules import engine
from workflows.services import absences, alarms, alerts, digests, loop_clocks, playbooks, rewards, tasks
from workflows.services import health as health_services
from workflows.services import loop as closing

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

Many = 4
TASK = {"kind": "create_task", "title": "Call", "due_business_days": 1}


def errors(results: list[Any]) -> list[Exception]:
    return [one for one in results if isinstance(one, Exception)]


@pytest.fixture
def account(csm: User) -> Account:
    Rule.objects.update(is_active=False)
    team_queries.workspace()  # made when it is first asked for, which is another race
    return factories.an_account(owner=csm)


@pytest.fixture
def ann(account: Account) -> Contact:
    return factories.a_contact(account=account, first_name="Ann", last_name="Vogt")


def a_rule(**values: Any) -> Rule:
    return Rule.objects.create(**{"name": "Tried", "trigger": "response.scored", "steps": [TASK], **values})


def scored(contact: Contact, number: int = 1) -> Any:
    from accounts import timeline

    return timeline.record(
        kind="response.scored", account=contact.account, contact=contact, cause_key=f"response:{number}:scored",
        subject=("response", number), data={"metric": "nps", "score": 2, "category": "detractor"},
    )  # fmt: skip


def works(name: str) -> Callable[[], int]:
    """A worker that does what is due of a kind until nothing is."""

    def run() -> int:
        kind = outbox.kind_named(name)
        assert kind is not None
        total = 0
        while handled := outbox.work(kind):
            total += handled
        return total

    return run


# --- Rules -------------------------------------------------------------------------------------------------------
def test_one_event_taken_by_several_workers_starts_one_run_whose_steps_are_done_once(ann: Contact) -> None:
    a_rule(steps=[TASK, TASK, TASK])
    event = scored(ann)

    assert not errors(at_once(*[lambda: engine.on_event(event)] * Many))
    done = at_once(*[works(engine.STEP)] * Many)

    assert not errors(done)
    assert Run.objects.get().state == RunState.DONE
    assert (RunStep.objects.filter(state="done").count(), Task.objects.count(), sum(done)) == (3, 3, 3)


def test_a_step_that_two_hold_is_done_by_one(ann: Contact) -> None:
    a_rule()
    engine.on_event(scored(ann))
    kind = outbox.kind_named(engine.STEP)
    assert kind is not None
    first = outbox.claim(kind)
    RunStep.objects.update(lease_until=clock.now() - dt.timedelta(seconds=1))
    outbox.reap()
    second = outbox.claim(kind)
    assert first is not None
    assert second is not None

    assert not errors(at_once(lambda: kind.handle(first), lambda: kind.handle(second)))

    assert Task.objects.count() == 1
    assert RunStep.objects.get().state == "done"


@pytest.mark.parametrize(
    "entering",
    [
        {"one_run_per": "contact"},
        {"one_run_per": "account"},
        {"one_run_per": "contact", "reentry": "never"},
        {"one_run_per": "cause", "reentry": "after_days", "reentry_days": 30},
    ],
)
def test_events_that_come_together_start_one_journey_where_one_is_allowed(
    ann: Contact, entering: dict[str, Any]
) -> None:
    a_rule(steps=[{"kind": "wait", "until": "duration", "amount": 3, "unit": "days"}, TASK], **entering)
    events = [scored(ann, number) for number in range(Many)]

    assert not errors(at_once(*[lambda event=event: engine.on_event(event) for event in events]))

    assert Run.objects.count() == 1


def test_runs_that_start_together_keep_the_cap_of_the_day(ann: Contact) -> None:
    a_rule(max_runs_per_day=2)
    events = [scored(ann, number) for number in range(Many)]

    assert not errors(at_once(*[lambda event=event: engine.on_event(event) for event in events]))

    states = sorted(Run.objects.values_list("state", flat=True))
    assert states == [RunState.HELD] * (Many - 2) + [RunState.RUNNING] * 2


# --- Alerts and tasks --------------------------------------------------------------------------------------------
def test_what_fires_together_is_one_open_alert_that_counts(account: Account, csm: User) -> None:
    raised = at_once(*[
        lambda number=number: alerts.raise_alert(
            kind="detractor", account=account, assignee=csm, dedupe_key=f"cause:{number}"
        )
        for number in range(Many)
    ])  # fmt: skip

    assert not errors(raised)
    alert = Alert.objects.get()
    assert (alert.count, AlertCause.objects.count()) == (Many, Many)


def test_the_same_cause_told_at_once_fires_once(account: Account, csm: User) -> None:
    raised = at_once(*[
        lambda: alerts.raise_alert(kind="detractor", account=account, assignee=csm, dedupe_key="the cause")
    ] * Many)  # fmt: skip

    assert not errors(raised)
    assert (Alert.objects.get().count, AlertCause.objects.count()) == (1, 1)


def test_what_fires_while_the_alert_is_closed_is_in_it_or_in_a_new_one(account: Account, csm: User) -> None:
    def fire() -> Alert:
        return alerts.raise_alert(kind="detractor", account=account, assignee=csm, dedupe_key="second")

    first = alerts.raise_alert(kind="detractor", account=account, assignee=csm, dedupe_key="first")

    said = at_once(fire, lambda: alerts.close_alert(alert=first, outcome="Called", actor=csm))

    assert not errors(said)
    states = sorted(Alert.objects.values_list("state", flat=True))
    assert states in ([AlertState.CLOSED], [AlertState.CLOSED, AlertState.OPEN])
    assert AlertCause.objects.count() == 2


def test_a_task_closed_in_two_tabs_is_finished_once(account: Account, csm: User) -> None:
    task = tasks.create_task(title="Call", account=account, assignee=csm, actor=csm)

    closed = at_once(
        lambda: tasks.finish_task(task=task, outcome="First", actor=csm),
        lambda: tasks.finish_task(task=Task.objects.get(pk=task.pk), outcome="Second", actor=csm),
    )

    (refused,) = errors(closed)
    assert isinstance(refused, Refused)
    assert refused.code == "not_open"
    assert Task.objects.get().state == TaskState.DONE


def test_an_alert_closed_in_two_tabs_is_closed_once(account: Account, csm: User) -> None:
    alert = alerts.raise_alert(kind="detractor", account=account, assignee=csm)

    closed = at_once(*[
        lambda: closing.close_loop(alert=Alert.objects.get(pk=alert.pk), outcome="Called", actor=csm)
    ] * 2)  # fmt: skip

    (refused,) = errors(closed)
    assert getattr(refused, "code", refused) == "already_closed"


def test_turns_taken_at_once_go_round(account: Account) -> None:
    team = [factories.user(f"p{n}@example.com", role="csm", name=f"P {n}") for n in range(3)]
    settings = {"users": [person.pk for person in team]}

    chosen = at_once(*[lambda: people.route("round_robin", account, settings)] * 6)

    assert not errors(chosen)
    assert sorted(person.pk for person in chosen) == sorted([person.pk for person in team] * 2)


# --- Codes, playbooks, digests, health ---------------------------------------------------------------------------
def test_the_last_code_goes_to_one_of_two(account: Account, lead: User) -> None:
    vouchers = rewards.create_list(name="Vouchers", description="", codes=["AAA-1"], actor=lead)
    two = [factories.a_contact(f"p{n}@acme.example", account=account) for n in range(2)]

    given = at_once(*[lambda who=who: rewards.give(list=vouchers, contact=who, run=None) for who in two])

    (refused,) = errors(given)
    assert getattr(refused, "code", refused) == "no_codes"
    assert RewardCode.objects.get().contact in two


def test_one_person_asked_for_twice_has_one_code(account: Account, ann: Contact, lead: User) -> None:
    vouchers = rewards.create_list(name="Vouchers", description="", codes=["AAA-1", "BBB-2"], actor=lead)

    given = at_once(*[lambda: rewards.give(list=vouchers, contact=ann, run=None)] * Many)

    assert not errors(given)
    assert RewardCode.objects.filter(contact=ann).count() == 1


def a_playbook(number: int = 2) -> Playbook:
    made = Playbook.objects.create(name="Rescue")
    for position in range(1, number + 1):
        PlaybookTask.objects.create(
            playbook=made, position=position, title=f"Step {position}", offset=position
        )
    return made


def test_a_double_click_starts_one_playbook(account: Account, csm: User) -> None:
    playbook = a_playbook()

    started = at_once(*[lambda: playbooks.start(playbook=playbook, account=account, actor=csm)] * 2)

    (refused,) = errors(started)
    assert getattr(refused, "code", refused) == "running"
    assert (PlaybookRun.objects.count(), Task.objects.count()) == (1, 2)


def test_playbooks_that_give_out_by_the_same_rounds_do_not_wait_for_each_other(
    account: Account, csm: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = [
        {"users": [factories.user(f"r{n}{k}@example.com", role="csm", name=f"R {n}{k}").pk for k in range(2)]}
        for n in range(2)
    ]
    made = []
    for name, order in (("There", rounds), ("Back", rounds[::-1])):
        made.append(Playbook.objects.create(name=name))
        for position, settings in enumerate(order):
            PlaybookTask.objects.create(
                playbook=made[-1], position=position, title="Call", offset=1, route="round_robin",
                route_settings=settings,
            )  # fmt: skip
    crossing, real = Crossing(), people.choose

    def choose(*arguments: Any) -> Any:
        found = real(*arguments)
        crossing.meet()
        return found

    monkeypatch.setattr(people, "choose", choose)

    started = at_once(*[
        crossing.travel(lambda one=one: playbooks.start(playbook=one, account=account, actor=csm)) for one in made
    ])  # fmt: skip

    assert not errors(started)
    assert crossing.reached
    assert Task.objects.count() == 4


def test_a_digest_planned_and_sent_by_several_goes_once(
    account: Account, csm: User, frozen: Any, mailoutbox: list[Any]
) -> None:
    alerts.raise_alert(kind="detractor", account=account, assignee=csm)
    frozen.move_to(dt.datetime(2026, 3, 17, 9, 5, tzinfo=dt.UTC))

    assert not errors(at_once(*[digests.plan] * Many))
    assert not errors(at_once(*[works(digests.KIND)] * Many))

    assert Digest.objects.filter(user=csm).count() == 1
    assert [m.to for m in mailoutbox if "attention today" in m.subject].count([csm.email]) == 1


def test_health_computed_beside_a_change_of_its_configuration_ends_as_the_new_one_says(
    account: Account, lead: User, drain: Any
) -> None:
    in_force(config(profile(component("use"), component("calls", weight=3))))
    point(account, "use", 40)
    point(account, "calls", 80)
    changed = config(profile(component("use"), component("calls", weight=1)))
    compute.mark([account.pk])

    done = at_once(
        compute.fold,
        lambda: health_services.save_profiles(config=changed, note="", actor=lead),
        lambda: compute.recompute({account.pk}),
    )

    assert not errors(done)
    drain()
    kept = AccountHealth.objects.get(account=account)
    assert (kept.score, kept.version) == (60, HealthVersion.objects.order_by("-number").first().number)


def test_of_two_who_change_the_configuration_at_once_one_is_told_so(account: Account, lead: User) -> None:
    in_force(config(profile(component("use"))))
    first = HealthVersion.objects.latest("number")
    point(account, "calls", 80)

    saved = at_once(*[
        lambda weight=weight: health_services.save_profiles(
            config=config(profile(component("use"), component("calls", weight=weight))), note="", actor=lead,
            base=first.number,
        )
        for weight in (2, 3)
    ])  # fmt: skip

    (refused,) = errors(saved)
    assert getattr(refused, "code", refused) == "stale"
    assert HealthVersion.objects.latest("number").number == first.number + 1


# --- Who takes what first ----------------------------------------------------------------------------------------
@pytest.fixture
def answer(ann: Contact, drain: Any) -> Response:
    """Somebody answers 3, so that an alert, its task and the clocks of the loop stand."""
    a_rule(steps=[{"kind": "create_alert", "alert": "detractor"}, TASK])
    found = factories.respond(factories.a_survey(), 3, email=ann.email)
    drain()
    return found


def logged(contact: Contact, user: User) -> Any:
    from accounts.services import interactions

    return interactions.log_interaction(
        account=contact.account, contact=contact, kind="call", subject="", body="Spoke for a while", outcome="",
        happened_at=clock.now(), actor=user,
    )  # fmt: skip


def test_a_clock_is_met_once_by_two_who_called(answer: Response, ann: Contact, csm: User, lead: User) -> None:
    calls = [logged(ann, csm), logged(ann, lead)]

    met = at_once(*[lambda call=call: loop_clocks.note_interaction(call) for call in calls])

    assert not errors(met)
    loop = Loop.objects.get()
    assert loop.interaction in calls
    assert loop.contacted_by == loop.interaction.user
    answer.refresh_from_db()
    assert answer.loop_status == "contacted"


def test_a_call_logged_while_a_colleague_closes_the_loop(
    answer: Response, ann: Contact, csm: User, lead: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, alert, crossing = logged(ann, csm), Alert.objects.get(), Crossing()
    real = loop_clocks.responses.set_loop_status

    def met(*, responses: Any, status: str, actor: Any) -> int:
        if status == "contacted":
            crossing.meet()
        found = real(responses=responses, status=status, actor=actor)
        if status == "closed":
            crossing.meet()
        return found

    monkeypatch.setattr(loop_clocks.responses, "set_loop_status", met)

    done = at_once(
        crossing.travel(lambda: loop_clocks.note_interaction(call)),
        crossing.travel(lambda: closing.close_loop(alert=alert, outcome="Called", actor=lead)),
    )

    assert not errors(done)
    answer.refresh_from_db()
    loop = Loop.objects.get()
    assert (answer.loop_status, loop.resolved_by) == ("closed", lead)


def told_of_broken_promise(answer: Response, lead: User) -> Alert:
    """The lead was told once that nobody was in touch in time; the next look tells again."""
    late = clock.now() - dt.timedelta(days=1)
    Loop.objects.update(contact_due_at=late, contact_breached_at=late, escalated_at=late, escalations=1)
    return alerts.raise_alert(
        kind=loop_clocks.LATE, reason=f"loop:{Loop.objects.get().pk}", account=answer.account, response=answer,
        assignee=lead, dedupe_key="the first time",
    )  # fmt: skip


def test_a_promise_breaks_while_its_alert_is_closed(
    answer: Response, csm: User, lead: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = told_of_broken_promise(answer, lead)
    crossing = Crossing()
    real_raise, real_close = alerts.raise_alert, alerts.close_alert

    def raise_alert(**values: Any) -> Alert:
        crossing.meet()
        return real_raise(**values)

    def close_alert(**values: Any) -> None:
        real_close(**values)
        crossing.meet()

    monkeypatch.setattr(alerts, "raise_alert", raise_alert)
    monkeypatch.setattr(alerts, "close_alert", close_alert)

    done = at_once(
        crossing.travel(loop_clocks.watch),
        crossing.travel(lambda: closing.close_loop(alert=told, outcome="Called", actor=lead)),
    )

    assert not errors(done)
    answer.refresh_from_db()
    assert answer.loop_status == "closed"
    assert crossing.reached


def test_an_alert_handed_over_while_its_promise_breaks(
    answer: Response, csm: User, lead: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = told_of_broken_promise(answer, lead)
    crossing = Crossing()
    real_raise, real_delete = alerts.raise_alert, HandOver.objects.filter

    def raise_alert(**values: Any) -> Alert:
        crossing.meet()
        return real_raise(**values)

    def hand_overs(*args: Any, **values: Any) -> Any:
        crossing.meet()
        return real_delete(*args, **values)

    monkeypatch.setattr(alerts, "raise_alert", raise_alert)
    monkeypatch.setattr(HandOver.objects, "filter", hand_overs)

    done = at_once(
        crossing.travel(loop_clocks.watch),
        crossing.travel(lambda: alerts.assign_alert(alert=told, assignee=csm, actor=lead)),
    )

    assert not errors(done)
    assert Loop.objects.get().owner == csm
    assert crossing.reached


def test_tasks_finished_in_bulk_while_their_playbook_is_stopped(
    account: Account, csm: User, lead: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = playbooks.start(playbook=a_playbook(), account=account, actor=csm)
    crossing = Crossing()
    real = tasks.finish_task

    def finish_task(**values: Any) -> None:
        crossing.meet()
        real(**values)

    monkeypatch.setattr(tasks, "finish_task", finish_task)

    done = at_once(
        crossing.travel(lambda: playbooks.stop(started=started, actor=csm)),
        crossing.travel(
            lambda: tasks.finish_tasks(
                chosen=Task.objects.all(), state=TaskState.DONE, outcome="", actor=lead
            )
        ),
    )

    assert [error for error in errors(done) if not isinstance(error, Refused)] == []
    assert not Task.objects.filter(state=TaskState.OPEN).exists()
    assert PlaybookRun.objects.get().state != "running"


def test_leave_that_begins_while_a_loop_is_closed(
    answer: Response, csm: User, lead: User, north: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = factories.user("cora@example.com", role="csm", name="Cora", team=north)
    today = clock.now().date()
    leave = Leave.objects.create(
        user=csm,
        starts_on=today,
        ends_on=today + dt.timedelta(days=7),
        stand_in=stand_in,
        created_by=csm,
        open_work="hand_over",
    )
    alert, crossing = Alert.objects.get(kind="detractor"), Crossing()
    real_close, real_many = alerts.close_alert, absences.bulk_update_with_history

    def close_alert(**values: Any) -> None:
        real_close(**values)
        crossing.meet()

    def moved(*args: Any, **values: Any) -> Any:
        crossing.meet()
        return real_many(*args, **values)

    monkeypatch.setattr(alerts, "close_alert", close_alert)
    monkeypatch.setattr(absences, "bulk_update_with_history", moved)

    done = at_once(
        crossing.travel(absences.follow_calendar),
        crossing.travel(lambda: closing.close_loop(alert=alert, outcome="Called", actor=lead)),
    )

    assert not errors(done)
    leave.refresh_from_db()
    assert leave.began_at is not None
    assert Alert.objects.get(pk=alert.pk).state == AlertState.CLOSED


# --- Alarms ------------------------------------------------------------------------------------------------------
def test_a_look_whose_turn_two_workers_saw_is_taken_once_a_week(lead: User, frozen: Any) -> None:
    alarm = alarms.create_alarm(actor=lead, name="Everybody")
    frozen.shift(dt.timedelta(days=7))

    looks = at_once(*[lambda: alarms.look_if_due(alarm=alarm)] * Many)

    assert not errors(looks)
    assert len([one for one in looks if one is not None]) == 1
    assert AlarmLook.objects.count() == 2


def test_a_worker_that_comes_past_midnight_takes_no_second_look(lead: User, frozen: Any) -> None:
    alarm = alarms.create_alarm(actor=lead, name="Everybody")
    frozen.shift(dt.timedelta(days=7))
    (due,) = [one for one, _ in alarms.due_alarms(alarms.last_full_day())]
    alarms.look_if_due(alarm=alarm)
    frozen.shift(dt.timedelta(days=1))

    assert alarms.look_if_due(alarm=due) is None

    assert AlarmLook.objects.count() == 2
