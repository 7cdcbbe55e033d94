"""Playbooks: what a start creates, once per cause, and how one ends."""

import datetime as dt
from typing import Any

import pytest

from accounts.models import Event
from accounts.services import accounts as account_services
from core.errors import Refused
from team.models import User
from tests import factories
from workflows.domain import Priority, TaskState
from workflows.models import Notification, Playbook, PlaybookRun, PlaybookTask, Rule, Run, RunStep, Task
from workflows.notifying import words
from workflows.rules import catalogue
from workflows.services import playbooks, renewals, tasks
from workflows.work import library

pytestmark = pytest.mark.django_db


@pytest.fixture
def playbook() -> Playbook:
    made = Playbook.objects.create(name="Rescue")
    PlaybookTask.objects.create(
        playbook=made, position=1, title="Call {contact} of {account}", offset=1, priority="high",
        checklist=["Read", "Call {contact}"],
    )  # fmt: skip
    PlaybookTask.objects.create(playbook=made, position=2, title="Look again", offset=10)
    return made


@pytest.fixture
def ann(csm: User) -> Any:
    account = factories.an_account(owner=csm, renewal_on=dt.date(2026, 7, 11))
    return factories.a_contact(account=account, first_name="Ann", last_name="Vogt")


def test_a_start_creates_every_task_with_its_date(
    playbook: Playbook, ann: Any, csm: User, frozen: Any
) -> None:
    started = playbooks.start(playbook=playbook, account=ann.account, contact=ann, actor=csm)

    first, second = Task.objects.filter(playbook_run=started).order_by("due_at")
    assert (first.title, first.priority, first.assignee) == ("Call Ann Vogt of Acme", "high", csm)
    assert first.due_at == dt.datetime(2026, 3, 18, 10, tzinfo=dt.UTC)
    # Two weeks later, at the same hour of the clock on the wall, which is an hour earlier in UTC by then.
    assert second.due_at == dt.datetime(2026, 3, 31, 9, tzinfo=dt.UTC)
    assert list(first.checklist.order_by("position").values_list("text", flat=True)) == [
        "Read",
        "Call Ann Vogt",
    ]
    assert Event.objects.get(kind="playbook.started").data["tasks"] == 2


def test_a_rule_starts_it_once_for_a_cause(playbook: Playbook, ann: Any, frozen: Any) -> None:
    rule = Rule.objects.create(name="R", trigger="response.scored")
    run = Run.objects.create(
        rule=rule, rule_version=1, cause_key="response:1:scored", account=ann.account, contact=ann,
        started_at=dt.datetime(2026, 3, 17, tzinfo=dt.UTC),
    )  # fmt: skip

    first = playbooks.start(playbook=playbook, account=ann.account, contact=ann, run=run)
    second = playbooks.start(playbook=playbook, account=ann.account, contact=ann, run=run)

    assert first == second
    assert Task.objects.count() == 2


def test_by_hand_it_is_not_started_twice_at_a_time(playbook: Playbook, ann: Any, csm: User) -> None:
    started = playbooks.start(playbook=playbook, account=ann.account, contact=ann, actor=csm)

    with pytest.raises(Refused, match="under way for Ann Vogt"):
        playbooks.start(playbook=playbook, account=ann.account, contact=ann, actor=csm)
    playbooks.start(playbook=playbook, account=ann.account, actor=csm)
    playbooks.stop(started=started, actor=csm)
    playbooks.start(playbook=playbook, account=ann.account, contact=ann, actor=csm)

    assert PlaybookRun.objects.count() == 3


def test_it_is_done_with_its_last_task(playbook: Playbook, ann: Any, csm: User) -> None:
    started = playbooks.start(playbook=playbook, account=ann.account, contact=ann, actor=csm)
    first, second = started.tasks.order_by("due_at")

    tasks.finish_task(task=first, outcome="", actor=csm)
    started.refresh_from_db()
    assert started.state == "running"
    tasks.finish_task(task=second, outcome="", actor=csm, state=TaskState.CANCELLED)
    started.refresh_from_db()

    assert (started.state, Event.objects.filter(kind="playbook.finished").count()) == ("done", 1)


def test_stopping_cancels_what_is_open_and_keeps_what_was_done(
    playbook: Playbook, ann: Any, csm: User
) -> None:
    started = playbooks.start(playbook=playbook, account=ann.account, contact=ann, actor=csm)
    tasks.finish_task(task=started.tasks.order_by("due_at")[0], outcome="", actor=csm)

    playbooks.stop(started=started, actor=csm)

    assert sorted(started.tasks.values_list("state", flat=True)) == ["cancelled", "done"]
    with pytest.raises(Refused, match="ended"):
        playbooks.stop(started=started, actor=csm)


def test_offsets_from_a_date_of_the_account(ann: Any, csm: User, frozen: Any) -> None:
    library.ensure()
    renewal = Playbook.objects.get(key="renewal-120")

    started = playbooks.start(playbook=renewal, account=ann.account, actor=csm)

    dates = [task.due_at.date() for task in started.tasks.order_by("due_at")]
    # 120 days before 11 July is 13 March, which has passed: the first is due today. 90 before is a Sunday.
    assert dates == [
        dt.date(2026, 3, 17), dt.date(2026, 4, 13), dt.date(2026, 5, 12), dt.date(2026, 6, 15),
    ]  # fmt: skip


def test_a_missing_date_is_named_and_nothing_is_left_behind(ann: Any, csm: User) -> None:
    library.ensure()
    ann.account.renewal_on = None
    ann.account.save()

    with pytest.raises(Refused, match="no renewal date"):
        playbooks.start(playbook=Playbook.objects.get(key="renewal-120"), account=ann.account, actor=csm)

    assert not Task.objects.exists()
    assert not PlaybookRun.objects.exists()


def test_what_cannot_be_started_says_why(playbook: Playbook, ann: Any, csm: User) -> None:
    empty = Playbook.objects.create(name="Empty")
    with pytest.raises(Refused, match="no tasks yet"):
        playbooks.start(playbook=empty, account=ann.account, actor=csm)
    Playbook.objects.filter(pk=playbook.pk).update(is_active=False)
    with pytest.raises(Refused, match="archived"):
        playbooks.start(playbook=playbook, account=ann.account, actor=csm)
    with pytest.raises(Refused, match="needs an account"):
        playbooks.start(playbook=playbook, account=None, actor=csm)


def test_the_ready_ones_start_and_stay_as_people_changed_them(ann: Any, csm: User) -> None:
    library.ensure()
    Playbook.objects.filter(key="onboarding").update(name="Our start")
    PlaybookTask.objects.filter(playbook__key="silent-account", position=1).delete()
    library.ensure()

    assert Playbook.objects.filter(key__isnull=False).count() == len(library.PLAYBOOKS)
    assert Playbook.objects.get(key="silent-account").tasks.count() == 2
    for ready in Playbook.objects.filter(key__isnull=False):
        assert playbooks.start(playbook=ready, account=ann.account, contact=ann, actor=csm).tasks.exists()


def test_the_step_of_a_rule_starts_it(playbook: Playbook, ann: Any, frozen: Any) -> None:
    step = catalogue.step_types["start_playbook"]
    rule = Rule.objects.create(name="R", trigger="response.scored")
    run = Run.objects.create(
        rule=rule, rule_version=1, cause_key="response:1:scored", account=ann.account, contact=ann,
        started_at=dt.datetime(2026, 3, 17, tzinfo=dt.UTC),
    )  # fmt: skip
    row = RunStep(run=run, kind="start_playbook", settings={"playbook": str(playbook.pk)})

    made = [step.do(row), step.do(row)]

    assert made[0] == made[1] == {"playbook": playbook.pk, "playbook_run": PlaybookRun.objects.get().pk}
    assert step.words(row.settings) == "start the playbook “Rescue”"
    assert (str(playbook.pk), "Rescue") in step.settings[0].choices()
    with pytest.raises(Refused, match="is gone"):
        step.do(RunStep(run=run, kind="start_playbook", settings={"playbook": "99"}))


# --- A renewal that moves ------------------------------------------------------------------------------------
@pytest.fixture
def renewing(ann: Any, csm: User, frozen: Any) -> PlaybookRun:
    """Under way for an account that renews on 11 July: one task counts from the start, one from the renewal."""
    made = Playbook.objects.create(name="Renewal")
    PlaybookTask.objects.create(playbook=made, position=1, title="Look", offset=1)
    PlaybookTask.objects.create(playbook=made, position=2, title="Offer", anchor="renewal", offset=-10)
    return playbooks.start(playbook=made, account=ann.account, actor=csm)


def move_renewal(account: Any, day: dt.date | None) -> int:
    account_services.update_account(account=account, values={"renewal_on": day}, actor=None)
    return renewals.follow()


def test_tasks_that_count_from_the_renewal_move_with_it(renewing: PlaybookRun, csm: User) -> None:
    look, offer = renewing.tasks.order_by("pk")
    assert offer.due_at == dt.datetime(2026, 6, 29, 15, tzinfo=dt.UTC)

    assert move_renewal(renewing.account, dt.date(2026, 9, 11)) == 1
    assert renewals.follow() == 0

    offer.refresh_from_db()
    assert offer.due_at == dt.datetime(2026, 8, 28, 15, tzinfo=dt.UTC)
    said = offer.comments.get()
    assert said.author is None
    assert said.body == (
        "The renewal moved from 11 July 2026 to 11 September 2026. This is due on 28 August 2026 now, no longer on"
        " 29 June 2026."
    )
    told = Notification.objects.get(user=csm, task=offer, topic="task_comment")
    assert words.of(told).title == "Due on another day: Offer"
    assert not look.comments.exists()
    assert renewing.tasks.get(pk=look.pk).due_at == look.due_at


def test_what_is_done_or_was_set_by_hand_stays(renewing: PlaybookRun, ann: Any, csm: User) -> None:
    offer = renewing.tasks.order_by("pk").last()
    assert offer is not None
    chosen = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
    tasks.change_task(
        task=offer, title=offer.title, description="", assignee=csm, priority=Priority.NORMAL, due_at=chosen, actor=csm
    )  # fmt: skip
    other = playbooks.start(playbook=renewing.playbook, account=ann.account, contact=ann, actor=csm)
    done = other.tasks.order_by("pk").last()
    assert done is not None
    tasks.finish_task(task=done, outcome="", actor=csm)

    move_renewal(renewing.account, dt.date(2026, 9, 11))

    assert Task.objects.get(pk=offer.pk).due_at == chosen
    assert (
        "chosen by hand and stays; the playbook would have it on 28 August 2026" in offer.comments.get().body
    )
    assert Task.objects.get(pk=done.pk).due_at == done.due_at
    assert not done.comments.exists()


def test_a_renewal_that_comes_nearer_puts_nothing_into_the_past(renewing: PlaybookRun, frozen: Any) -> None:
    move_renewal(renewing.account, dt.date(2026, 3, 20))
    offer = renewing.tasks.order_by("pk").last()
    assert offer is not None
    assert offer.due_at == dt.datetime(2026, 3, 17, 16, tzinfo=dt.UTC)

    frozen.shift(dt.timedelta(days=1))

    assert renewals.follow() == 0  # it moved once, for one change
    assert move_renewal(renewing.account, None) == 0
    assert offer.comments.count() == 1
