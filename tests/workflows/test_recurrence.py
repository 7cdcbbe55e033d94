"""Tasks that come again."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from team.models import User
from tests import factories
from workflows.models import Task
from workflows.services import recurring, tasks
from workflows.work import recurrence
from workflows.work.domain import NextAt

pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")


@given(
    frequency=st.sampled_from(sorted(recurrence.FREQUENCIES)),
    interval=st.integers(1, 12),
    starts_on=st.dates(dt.date(2020, 1, 1), dt.date(2030, 12, 31)),
    wait=st.integers(-400, 2000),
)
def test_the_next_day_is_later_and_none_is_left_out(
    frequency: str, interval: int, starts_on: dt.date, wait: int
) -> None:
    rule = recurrence.rule(frequency, interval=interval)
    after = starts_on + dt.timedelta(days=wait)

    found = recurrence.next_on(rule, starts_on, after)

    assert found > after
    assert found >= starts_on
    assert recurrence.next_on(rule, starts_on, found - dt.timedelta(days=1)) == found


@pytest.mark.parametrize(
    ("rule", "starts_on", "after", "expected"),
    [
        ("FREQ=MONTHLY;INTERVAL=1", "2026-01-31", "2026-01-31", "2026-02-28"),
        ("FREQ=MONTHLY;INTERVAL=1", "2026-01-31", "2026-02-28", "2026-03-31"),
        ("FREQ=YEARLY;INTERVAL=1", "2024-02-29", "2024-02-29", "2025-02-28"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH", "2026-03-16", "2026-03-19", "2026-03-30"),
        ("FREQ=MONTHLY;INTERVAL=3", "2026-11-30", "2026-11-30", "2027-02-28"),
    ],
)
def test_days_of_a_series(rule: str, starts_on: str, after: str, expected: str) -> None:
    day = dt.date.fromisoformat

    assert recurrence.next_on(rule, day(starts_on), day(after)) == day(expected)


@pytest.mark.parametrize(
    "rule",
    ["", "FREQ=SECONDLY", "FREQ=WEEKLY;INTERVAL=0", "FREQ=WEEKLY;BYDAY=XX", "FREQ=DAILY;BYSETPOS=1", "weekly",
     "FREQ=MONTHLY;BYDAY=MO", "FREQ=DAILY;INTERVAL=²"],
)  # fmt: skip
def test_what_is_no_recurrence_is_refused(rule: str) -> None:
    with pytest.raises(recurrence.NotARule):
        recurrence.checked(rule)


def test_a_recurrence_reads_like_a_sentence() -> None:
    assert recurrence.words("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH") == "every 2 weeks on Monday and Thursday"
    assert recurrence.words("FREQ=MONTHLY;INTERVAL=1") == "every month"


@pytest.fixture
def weekly(csm: User, frozen: Any) -> Task:
    """Due on Tuesday at 10 in Berlin, and every week."""
    due = dt.datetime(2026, 3, 24, 10, tzinfo=BERLIN)
    task = tasks.create_task(
        title="Look at usage", account=factories.an_account(owner=csm), assignee=csm, actor=csm, due_at=due,
        checklist=["Seats", "Sign-ins"],
    )  # fmt: skip
    recurring.repeat(task=task, rule="FREQ=WEEKLY", next_at=NextAt.DONE, actor=csm)
    task.refresh_from_db()
    return task


def test_the_next_task_comes_with_the_end_of_this_one(weekly: Task, csm: User) -> None:
    line = weekly.checklist.get(position=1)
    tasks.tick(item=line, is_done=True, actor=csm)

    tasks.finish_task(task=weekly, outcome="Fine", actor=csm)

    following = Task.objects.get(series=weekly.series, state="open")
    assert (following.title, following.assignee, following.account) == ("Look at usage", csm, weekly.account)
    assert list(following.checklist.values_list("text", "done_at")) == [("Seats", None), ("Sign-ins", None)]
    # A week later at ten by the clock on the wall, although summer time has begun.
    assert following.due_at == dt.datetime(2026, 3, 31, 10, tzinfo=BERLIN)
    assert following.due_at.hour == 8


def test_it_is_made_once_whoever_asks(weekly: Task, csm: User) -> None:
    tasks.finish_task(task=weekly, outcome="", actor=csm)

    recurring.make_next(weekly)
    recurring.make_due()

    assert Task.objects.filter(series=weekly.series).count() == 2


def test_days_that_passed_are_left_out(weekly: Task, csm: User, frozen: Any) -> None:
    frozen.move_to("2026-05-01T10:00:00Z")

    tasks.finish_task(task=weekly, outcome="", actor=csm)

    assert Task.objects.get(series=weekly.series, state="open").occurs_on == dt.date(2026, 5, 5)


def test_a_series_can_make_the_next_task_when_the_day_has_come(weekly: Task, csm: User, frozen: Any) -> None:
    recurring.repeat(task=weekly, rule="FREQ=DAILY", next_at=NextAt.DUE, actor=csm)
    assert recurring.make_due() == 0
    frozen.move_to("2026-03-24T09:00:00Z")

    assert recurring.make_due() == 1
    assert recurring.make_due() == 0

    assert list(Task.objects.order_by("occurs_on").values_list("occurs_on", "state")) == [
        (dt.date(2026, 3, 24), "open"),
        (dt.date(2026, 3, 25), "open"),
    ]


def test_a_series_ends_when_told_so(weekly: Task, csm: User) -> None:
    recurring.end_series(task=weekly, actor=csm)

    tasks.finish_task(task=weekly, outcome="", actor=csm)

    assert Task.objects.count() == 1


def test_the_next_task_of_somebody_who_left_goes_to_the_owner(weekly: Task, csm: User, lead: User) -> None:
    weekly.account.owner = lead
    weekly.account.save()
    User.objects.filter(pk=csm.pk).update(is_active=False)

    tasks.finish_task(task=weekly, outcome="", actor=lead)

    assert Task.objects.get(series=weekly.series, state="open").assignee == lead


def test_without_a_date_nothing_repeats(csm: User) -> None:
    task = tasks.create_task(title="Some day", account=None, assignee=csm, actor=csm)

    with pytest.raises(Invalid, match="due date"):
        recurring.repeat(task=task, rule="FREQ=WEEKLY", next_at=NextAt.DONE, actor=csm)
