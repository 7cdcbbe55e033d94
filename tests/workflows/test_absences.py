"""Working hours and leave: who does what meanwhile, and how it comes back."""

import datetime as dt
from typing import Any

import pytest

from core.errors import Invalid, Refused
from team.domain import Role
from team.models import Team, User
from tests import factories
from workflows import people
from workflows.calendars.domain import NewWork, OpenWork
from workflows.models import Alert, Leave, Notification, Task
from workflows.notifying import words
from workflows.queries import worktime
from workflows.services import absences, tasks

pytestmark = pytest.mark.django_db
TODAY = dt.date(2026, 3, 17)


@pytest.fixture
def colleague(north: Team) -> User:
    return factories.user("colleague@example.com", role=Role.CSM, name="Cora Colleague", team=north)


@pytest.fixture
def account(csm: User) -> Any:
    return factories.an_account(owner=csm)


def plan(user: User, colleague: User | None, **fields: Any) -> Leave:
    values: dict[str, Any] = {
        "user": user, "starts_on": TODAY + dt.timedelta(days=1), "ends_on": TODAY + dt.timedelta(days=7),
        "stand_in": colleague, "new_work": NewWork.STAND_IN, "open_work": OpenWork.HAND_OVER, "actor": user, **fields,
    }  # fmt: skip
    return absences.plan_leave(**values)


def a_task(csm: User, account: Any, **fields: Any) -> Task:
    return tasks.create_task(title="Call Ann", account=account, assignee=csm, actor=csm, **fields)


def holder(task: Task) -> User | None:
    return Task.objects.select_related("assignee").get(pk=task.pk).assignee


def test_open_work_goes_to_the_stand_in_and_comes_back(
    csm: User, colleague: User, account: Any, frozen: Any
) -> None:
    task, done = a_task(csm, account), a_task(csm, account)
    alert = Alert.objects.create(kind="detractor", account=account, assignee=csm, opened_at=frozen_now())
    leave = plan(csm, colleague)
    assert absences.follow_calendar() == 0
    assert holder(task) == csm

    frozen.move_to("2026-03-18T08:00:00Z")
    assert absences.follow_calendar() == 1
    assert absences.follow_calendar() == 0
    alert.refresh_from_db()
    assert [holder(task), holder(done), alert.assignee] == [colleague] * 3
    tasks.finish_task(task=done, outcome="", actor=colleague)

    frozen.move_to("2026-03-25T08:00:00Z")
    assert absences.follow_calendar() == 1
    alert.refresh_from_db()
    leave.refresh_from_db()
    assert [holder(task), holder(done), alert.assignee] == [csm, colleague, csm]
    assert leave.ended_at is not None


def frozen_now() -> dt.datetime:
    from core import clock

    return clock.now()


def test_what_somebody_reassigned_meanwhile_stays(
    csm: User, colleague: User, lead: User, account: Any, frozen: Any
) -> None:
    task = a_task(csm, account)
    plan(csm, colleague, starts_on=TODAY)
    assert holder(task) == colleague
    tasks.assign_tasks(chosen=Task.objects.all(), assignee=lead, actor=lead)
    tasks.assign_tasks(chosen=Task.objects.all(), assignee=colleague, actor=lead)

    frozen.move_to("2026-03-25T08:00:00Z")
    absences.follow_calendar()

    assert holder(task) == colleague


def test_new_work_goes_to_the_stand_in(csm: User, colleague: User, account: Any, frozen: Any) -> None:
    plan(csm, colleague, starts_on=TODAY, open_work=OpenWork.KEEP)

    assert people.route("owner", account) == colleague
    chosen = people.choose("person", account, {"user": csm.pk})
    task = tasks.create_task(
        title="New", account=None, assignee=chosen.user, covering=chosen.leave, actor=None
    )
    assert holder(task) == colleague
    frozen.move_to("2026-03-25T08:00:00Z")
    absences.follow_calendar()

    assert holder(task) == csm
    assert people.route("owner", account) == csm


def test_a_stand_in_who_is_away_has_one_too(
    csm: User, colleague: User, lead: User, account: Any, frozen: Any
) -> None:
    plan(csm, colleague, starts_on=TODAY)
    plan(colleague, lead, starts_on=TODAY)

    assert people.route("owner", account) == lead


def test_two_who_stand_in_for_each_other_leave_it_to_the_fall_back_person(
    csm: User, colleague: User, lead: User, account: Any, frozen: Any
) -> None:
    plan(csm, colleague, starts_on=TODAY, open_work=OpenWork.KEEP)
    plan(colleague, csm, starts_on=TODAY, open_work=OpenWork.KEEP)

    assert people.route("owner", account) == lead


def test_work_that_waits_is_due_after_the_leave(csm: User, account: Any, frozen: Any) -> None:
    inside = a_task(csm, account, due_at=dt.datetime(2026, 3, 19, 13, tzinfo=dt.UTC))
    before = a_task(csm, account, due_at=dt.datetime(2026, 3, 17, 15, tzinfo=dt.UTC))
    plan(csm, None, starts_on=dt.date(2026, 3, 18), ends_on=dt.date(2026, 3, 22), new_work=NewWork.WAIT,
         open_work=OpenWork.MOVE)  # fmt: skip

    frozen.move_to("2026-03-18T08:00:00Z")
    absences.follow_calendar()

    inside.refresh_from_db()
    before.refresh_from_db()
    assert inside.due_at == dt.datetime(2026, 3, 23, 13, tzinfo=dt.UTC)
    assert before.due_at == dt.datetime(2026, 3, 17, 15, tzinfo=dt.UTC)
    due = tasks.due_in_business_days(days=1, assignee=csm, start=dt.datetime(2026, 3, 17, 10, tzinfo=dt.UTC))
    assert due == dt.datetime(2026, 3, 23, 10, tzinfo=dt.UTC)
    assert people.route("owner", account) == csm


def test_back_earlier(csm: User, colleague: User, account: Any, frozen: Any) -> None:
    task = a_task(csm, account)
    leave = plan(csm, colleague, starts_on=TODAY)
    frozen.move_to("2026-03-19T08:00:00Z")

    absences.end_leave(leave=leave, actor=csm)

    leave.refresh_from_db()
    assert holder(task) == csm
    assert leave.ends_on == dt.date(2026, 3, 18)
    assert worktime.leave_of(csm) is None
    with pytest.raises(Refused, match="over already"):
        absences.end_leave(leave=leave, actor=csm)


def test_a_leave_that_never_began_is_gone(csm: User, colleague: User, frozen: Any) -> None:
    absences.end_leave(leave=plan(csm, colleague), actor=csm)

    assert not Leave.objects.exists()


def test_nothing_goes_back_to_somebody_who_was_deactivated(
    csm: User, colleague: User, account: Any, frozen: Any
) -> None:
    task = a_task(csm, account)
    plan(csm, colleague, starts_on=TODAY)
    User.objects.filter(pk=csm.pk).update(is_active=False)

    frozen.move_to("2026-03-25T08:00:00Z")
    absences.follow_calendar()

    assert holder(task) == colleague


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"ends_on": dt.date(2026, 3, 17)}, "ends_on"),
        ({"ends_on": dt.date(2028, 3, 17)}, "ends_on"),
        ({"starts_on": dt.date(2026, 3, 1), "ends_on": dt.date(2026, 3, 16)}, "ends_on"),
        ({"stand_in": None}, "stand_in"),
    ],
)
def test_a_leave_that_cannot_be(
    csm: User, colleague: User, frozen: Any, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        plan(csm, colleague, **fields)

    assert refusal.value.field == field


def test_two_leaves_do_not_overlap(csm: User, colleague: User, frozen: Any) -> None:
    plan(csm, colleague)

    with pytest.raises(Refused, match="already"):
        plan(csm, colleague, starts_on=dt.date(2026, 3, 24), ends_on=dt.date(2026, 3, 30))


def test_turns_go_round_and_pass_over_who_is_away(
    csm: User, colleague: User, lead: User, viewer: User, account: Any, frozen: Any
) -> None:
    settings = {"users": [csm.pk, colleague.pk, lead.pk, viewer.pk]}
    everybody = sorted([csm.pk, colleague.pk, lead.pk])

    rounds = [people.route("round_robin", account, settings).pk for _ in range(6)]
    assert rounds == everybody * 2
    plan(colleague, lead, starts_on=TODAY)
    rounds = [people.route("round_robin", account, settings).pk for _ in range(4)]

    assert colleague.pk not in rounds
    assert len(set(rounds)) == 2


def test_a_role_nobody_has_falls_back_to_the_owner(csm: User, lead: User, account: Any) -> None:
    assert people.route("role", account, {"role": "support"}) == csm
    account.owners.create(user=lead, role="support")
    assert people.route("role", account, {"role": "support"}) == lead


def test_a_working_week_that_cannot_be(csm: User) -> None:
    week = {"weekdays": "12345", "day_start": None, "day_end": None, "country": "", "region": ""}

    for wrong, field in (
        ({"weekdays": "9"}, "weekdays"),
        ({"day_start": dt.time(9)}, "day_end"),
        ({"day_start": dt.time(9), "day_end": dt.time(9)}, "day_end"),
        ({"country": "XX"}, "country"),
        ({"country": "DE", "region": "ZZ"}, "region"),
    ):
        with pytest.raises(Invalid) as refusal:
            absences.set_hours(user=csm, actor=csm, **{**week, **wrong})
        assert refusal.value.field == field

    absences.set_hours(user=csm, actor=csm, **{**week, "country": "de", "region": "by"})
    assert not worktime.calendar_of(csm).is_working_day(dt.date(2026, 1, 6))
    assert worktime.calendar_of(None).is_working_day(dt.date(2026, 1, 6))


def test_the_stand_in_is_told_once_of_all_that_was_handed_over(
    csm: User, colleague: User, account: Any, frozen: Any
) -> None:
    for _ in range(3):
        a_task(csm, account)
    Alert.objects.create(kind="detractor", account=account, assignee=csm, opened_at=frozen_now())

    plan(csm, colleague, starts_on=TODAY)

    (told,) = Notification.objects.filter(user=colleague)
    said = words.of(told)
    assert said.title == "3 tasks and one alert of Carla Csm are yours until 24 March 2026"
    assert said.path == "/tasks/"


def test_with_nothing_handed_over_nobody_is_told(csm: User, colleague: User, frozen: Any) -> None:
    plan(csm, colleague, starts_on=TODAY)

    assert not Notification.objects.filter(user=colleague).exists()
