"""Tasks: checklist, comments, many at once, late ones, nobody's work."""

import datetime as dt
from typing import Any

import pytest
from django.core import mail

from accounts.models import Event
from core.errors import Invalid, Refused
from team.models import NotificationPreference, User
from tests import factories
from workflows.domain import Priority, TaskState
from workflows.models import Notification, Task, WorkHours, WorkSettings
from workflows.notifying import words
from workflows.queries import tasks as queries
from workflows.services import tasks

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 17, 10, tzinfo=dt.UTC)


def a_task(csm: User, **fields: Any) -> Task:
    values: dict[str, Any] = {"title": "Call Ann", "account": None, "assignee": csm, "actor": csm, **fields}
    return tasks.create_task(**values)


def test_a_line_is_ticked_off_and_back(csm: User, lead: User, frozen: Any) -> None:
    task = a_task(csm, checklist=["Read", " ", "Call"])
    first = task.checklist.get(text="Read")

    tasks.tick(item=first, is_done=True, actor=csm)
    tasks.tick(item=first, is_done=True, actor=lead)
    first.refresh_from_db()
    assert (first.done_at, first.done_by) == (NOW, csm)
    tasks.tick(item=first, is_done=False, actor=lead)
    first.refresh_from_db()

    assert first.done_at is None
    assert list(task.checklist.order_by("position").values_list("text", flat=True)) == ["Read", "Call"]


def test_a_checklist_has_an_end(csm: User) -> None:
    with pytest.raises(Invalid, match="at most 50"):
        a_task(csm, checklist=[f"Line {n}" for n in range(51)])

    assert not Task.objects.exists()


def test_the_lines_of_a_finished_task_stay_as_they_are(csm: User) -> None:
    task = a_task(csm, checklist=["Read"])
    tasks.finish_task(task=task, outcome="", actor=csm)

    with pytest.raises(Refused, match="finished"):
        tasks.tick(item=task.checklist.get(), is_done=True, actor=csm)


def test_a_comment_is_told_to_the_assignee_in_the_ways_they_chose(csm: User, lead: User, drain: Any) -> None:
    NotificationPreference.objects.create(user=csm, choices={"task_comment": ["app", "mail"]})
    task = a_task(csm)

    tasks.comment(task=task, body="She is back on Monday.", actor=lead)
    tasks.comment(task=task, body="Thank you.", actor=csm)
    drain()

    told = Notification.objects.get(topic="task_comment")
    assert (told.user, words.of(told).title) == (csm, "Lea Lead commented: Call Ann")
    assert [message.to for message in mail.outbox] == [[csm.email]]
    assert list(task.comments.order_by("pk").values_list("author", flat=True)) == [lead.pk, csm.pk]


def test_dates_follow_the_calendar_of_whoever_does_it(csm: User, lead: User) -> None:
    WorkSettings.objects.create(pk=1, country="DE")
    WorkHours.objects.create(user=lead, weekdays="123", country="US")
    thursday = dt.datetime(2026, 4, 2, 10, tzinfo=dt.UTC)

    # Good Friday and Easter Monday are holidays in Germany, not in the USA.
    assert tasks.due_in_business_days(days=1, assignee=csm, start=thursday).date() == dt.date(2026, 4, 7)
    assert tasks.due_in_business_days(days=1, assignee=lead, start=thursday).date() == dt.date(2026, 4, 7)
    assert tasks.due_in_business_days(days=3, assignee=lead, start=thursday).date() == dt.date(2026, 4, 13)


def test_a_whole_filter_changes_hands(csm: User, lead: User, monkeypatch: Any) -> None:
    monkeypatch.setattr(tasks, "SLICE", 2)
    for number in range(5):
        a_task(csm, title=f"Task {number}")
    tasks.finish_task(task=Task.objects.get(title="Task 4"), outcome="", actor=csm)

    assert tasks.assign_tasks(chosen=Task.objects.all(), assignee=lead, actor=lead) == 4
    assert tasks.assign_tasks(chosen=Task.objects.all(), assignee=lead, actor=lead) == 0

    assert Task.objects.filter(assignee=lead).count() == 4
    assert Task.history.filter(assignee=lead, history_user=lead).count() == 4


def test_many_are_finished_postponed_and_made_urgent(csm: User, frozen: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(tasks, "SLICE", 2)
    late = a_task(csm, due_at=NOW - dt.timedelta(days=5))
    coming = a_task(csm, due_at=NOW + dt.timedelta(days=1))
    undated = a_task(csm)
    everything = Task.objects.all()
    tasks.tell_overdue()

    assert tasks.postpone_tasks(chosen=everything, days=2, actor=csm) == 2
    assert tasks.prioritise_tasks(chosen=everything, priority=Priority.HIGH, actor=csm) == 3

    for task in (late, coming, undated):
        task.refresh_from_db()
    assert (late.due_at, late.overdue_at) == (NOW + dt.timedelta(days=2), None)
    assert (coming.due_at, undated.due_at) == (NOW + dt.timedelta(days=3), None)
    assert (
        tasks.finish_tasks(chosen=everything, state=TaskState.CANCELLED, outcome="No longer", actor=csm) == 3
    )
    assert set(Task.objects.values_list("state", "outcome")) == {("cancelled", "No longer")}


def test_that_a_task_is_late_is_told_once_for_each_date(csm: User, frozen: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(tasks, "SLICE", 2)
    account = factories.an_account(owner=csm, plan="Pro")
    for number in range(3):
        a_task(csm, account=account, due_at=NOW - dt.timedelta(hours=number + 1), priority=Priority.HIGH)
    a_task(csm, due_at=NOW + dt.timedelta(hours=1))
    done = a_task(csm, due_at=NOW - dt.timedelta(days=1))
    tasks.finish_task(task=done, outcome="", actor=csm)

    assert tasks.tell_overdue() == 3
    assert tasks.tell_overdue() == 0

    events = Event.objects.filter(kind="task.overdue")
    assert events.count() == 3
    event = events.first()
    assert (event.subject_type, event.account, event.data["task_priority"], event.facts["plan"]) == (
        "task", account, "high", "Pro",
    )  # fmt: skip
    task = Task.objects.get(pk=event.subject_id)
    tasks.change_task(
        task=task, title=task.title, description="", assignee=csm, priority=Priority.LOW,
        due_at=NOW + dt.timedelta(hours=2), actor=csm,
    )  # fmt: skip
    frozen.shift(dt.timedelta(hours=3))
    assert tasks.tell_overdue() == 2
    assert Event.objects.filter(kind="task.overdue", subject_id=task.pk).count() == 2


def test_work_of_people_who_left_is_listed_as_nobodys(csm: User, lead: User, stranger: User) -> None:
    account = factories.an_account(owner=lead)
    theirs = a_task(csm, account=account)
    a_task(lead, account=account)
    orphan = tasks.create_task(title="Found", account=account, assignee=None, actor=lead)
    User.objects.filter(pk=csm.pk).update(is_active=False)

    assert set(queries.nobodys(user=lead)) == {theirs, orphan}
    assert not queries.nobodys(user=stranger).exists()
