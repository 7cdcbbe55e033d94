"""Pages of tasks, playbooks, loops, working time and promises."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client

from accounts.services import interactions
from surveys.choices import LoopStatus
from surveys.models import Response
from surveys.services import responses
from team.models import User
from tests import factories
from workflows.models import Alert, Leave, Loop, LoopOutcome, Playbook, PlaybookRun, Task, WorkSettings
from workflows.queries import loops
from workflows.services import loop as closing
from workflows.services import playbooks, tasks
from workflows.work import library

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(csm: User) -> Any:
    account = factories.an_account(owner=csm, renewal_on=dt.date(2027, 1, 1))
    return factories.a_contact(account=account, first_name="Ann", last_name="Vogt")


@pytest.fixture
def task(ann: Any, csm: User) -> Task:
    return tasks.create_task(
        title="Call Ann", account=ann.account, contact=ann, assignee=csm, actor=csm, checklist=["Read", "Dial"],
        due_at=dt.datetime(2026, 3, 20, 16, tzinfo=dt.UTC),
    )  # fmt: skip


def text(response: Any) -> str:
    return str(response.content.decode())


# --- Tasks ---------------------------------------------------------------------------------------------------
def test_the_list_shows_whose_tasks_and_which(
    as_csm: Client, as_lead: Client, task: Task, csm: User, lead: User, frozen: Any, browser_of: Any
) -> None:
    assert "Call Ann" in text(as_csm.get("/tasks/"))
    assert "0 of 2 ticked" in text(as_csm.get("/tasks/"))
    assert "Call Ann" not in text(as_lead.get("/tasks/"))
    assert "Call Ann" in text(as_lead.get("/tasks/?whose=all"))
    assert "Call Ann" not in text(as_csm.get("/tasks/?overdue=true"))
    frozen.move_to("2026-03-21T10:00:00Z")
    as_csm = browser_of(csm)  # sessions end meanwhile
    assert "overdue" in text(as_csm.get("/tasks/?overdue=true"))
    assert "Call Ann" in text(as_csm.get("/tasks/?whose=team&q=acme&sort=-priority"))
    assert "No task matches" in text(as_csm.get("/tasks/?q=nothing-of-the-sort"))


def test_work_of_somebody_deactivated_has_a_tab(as_lead: Client, task: Task, csm: User) -> None:
    assert "Nobody’s work" not in text(as_lead.get("/tasks/"))
    User.objects.filter(pk=csm.pk).update(is_active=False)

    assert "Nobody’s work" in text(as_lead.get("/tasks/"))
    page = text(as_lead.get("/tasks/?whose=nobody"))
    assert "Call Ann" in page
    assert "deactivated" in page
    assert "Nobody does this." in text(as_lead.get(f"/tasks/{task.pk}/"))


def test_ticked_tasks_and_whole_filters_change_in_bulk(
    as_csm: Client, as_stranger: Client, task: Task, csm: User, lead: User
) -> None:
    other = tasks.create_task(title="Other", account=None, assignee=csm, actor=csm)

    as_stranger.post("/tasks/bulk/", {"ids": [task.pk], "action": "done"})
    task.refresh_from_db()
    assert task.state == "open"
    as_csm.post("/tasks/bulk/", {"ids": [task.pk], "action": "priority", "priority": "high"})
    as_csm.post(
        "/tasks/bulk/?whose=mine&q=other", {"all_matching": "1", "action": "assign", "assignee": lead.pk}
    )
    refused = as_csm.post("/tasks/bulk/", {"ids": [task.pk], "action": "assign"}, follow=True)

    task.refresh_from_db()
    other.refresh_from_db()
    assert (task.priority, task.assignee, other.assignee) == ("high", csm, lead)
    assert "Choose what is to be done" in text(refused)


def test_lines_are_ticked_without_script(as_csm: Client, task: Task) -> None:
    line = task.checklist.get(text="Read")
    url = f"/tasks/{task.pk}/lines/{line.pk}/"

    as_csm.post(url, {"action": "tick"})
    line.refresh_from_db()
    assert line.done_at is not None
    as_csm.post(url, {"action": "untick"})
    as_csm.post(f"/tasks/{task.pk}/lines/", {"lines": "Write\n\nSend"})
    as_csm.post(f"/tasks/{task.pk}/lines/{task.checklist.get(text='Dial').pk}/", {"action": "remove"})

    assert list(task.checklist.order_by("position").values_list("text", "done_at")) == [
        ("Read", None), ("Write", None), ("Send", None),
    ]  # fmt: skip


def test_comments_and_repeating(as_csm: Client, as_viewer: Client, task: Task) -> None:
    as_csm.post(f"/tasks/{task.pk}/comment/", {"body": "Back on Monday <b>"})
    assert as_csm.post(f"/tasks/{task.pk}/comment/", {"body": " "}).status_code == 422
    assert as_viewer.post(f"/tasks/{task.pk}/comment/", {"body": "x"}).status_code == 403
    as_csm.post(
        f"/tasks/{task.pk}/repeat/", {"every": "2", "unit": "WEEKLY", "weekdays": ["MO"], "next_at": "done"}
    )
    wrong = as_csm.post(
        f"/tasks/{task.pk}/repeat/", {"every": "1", "unit": "DAILY", "weekdays": ["MO"], "next_at": "done"}
    )

    page = text(as_csm.get(f"/tasks/{task.pk}/"))
    assert "Back on Monday &lt;b&gt;" in page
    assert "comes again every 2 weeks on Monday" in page
    assert wrong.status_code == 422
    as_csm.post(f"/tasks/{task.pk}/repeat/", {"action": "end"})
    assert "comes again" not in text(as_csm.get(f"/tasks/{task.pk}/"))


# --- Playbooks -----------------------------------------------------------------------------------------------
def test_a_playbook_is_made_without_any_code(as_lead: Client, as_csm: Client, csm: User) -> None:
    as_lead.post("/playbooks/new/", {"name": "Rescue", "description": "After a bad week"})
    playbook = Playbook.objects.get(name="Rescue")
    task = {
        "title": "Call {contact}", "description": "", "days": "3", "unit": "business_days", "side": "after",
        "anchor": "start", "route": "person", "user": csm.pk, "priority": "high", "checklist": "Read\nCall",
    }  # fmt: skip
    url = f"/playbooks/{playbook.pk}/"

    assert as_csm.post(f"{url}tasks/new/", task).status_code == 403
    as_lead.post(f"{url}tasks/new/", task)
    wrong = as_lead.post(f"{url}tasks/new/", {**task, "side": "before"})
    nobody = as_lead.post(f"{url}tasks/new/", {**task, "user": ""})
    as_lead.post(f"{url}tasks/new/", {**task, "title": "Write", "route": "owner"})
    first, second = playbook.tasks.order_by("position")
    as_lead.post(f"{url}tasks/{second.pk}/move/", {"action": "up"})

    page = text(as_lead.get(url))
    assert "3 business days after the start · Carla Csm · 2 lines to tick" in page
    assert page.index("Write") < page.index("Call [the contact]")
    assert "Nothing can be due before the start" in text(wrong)
    assert "Choose an active colleague" in text(nobody)
    as_lead.post(f"{url}tasks/{first.pk}/move/", {"action": "remove"})
    assert playbook.tasks.get().title == "Write"
    assert "Write" in text(as_lead.get(f"{url}tasks/{second.pk}/"))
    assert as_lead.post("/playbooks/new/", {"name": "rescue"}).status_code == 422


def test_copying_and_archiving(as_lead: Client) -> None:
    library.ensure()
    ready = Playbook.objects.get(key="onboarding")

    as_lead.post(f"/playbooks/{ready.pk}/copy/")
    as_lead.post(f"/playbooks/{ready.pk}/archive/", {"active": "0"})

    ready.refresh_from_db()
    copy = Playbook.objects.get(name=f"{ready.name} (copy)")
    assert (ready.is_active, copy.key, copy.tasks.count()) == (False, None, 4)
    assert "archived" in text(as_lead.get("/playbooks/"))


def test_starting_following_and_stopping_one(as_csm: Client, as_stranger: Client, ann: Any) -> None:
    library.ensure()
    ready = Playbook.objects.get(key="detractor-recovery")
    url = f"/playbooks/start/?contact={ann.pk}"

    assert as_stranger.get(url).status_code == 404
    assert "Detractor recovery" in text(as_csm.get(url))
    page = as_csm.post(url, {"playbook": ready.pk}, follow=True)
    again = as_csm.post(url, {"playbook": ready.pk})

    started = PlaybookRun.objects.get()
    assert "Call Ann Vogt" in text(page)
    assert again.status_code == 422
    assert "under way for Ann Vogt" in text(again)
    assert "0 of 4 tasks" in text(as_csm.get(f"/accounts/{ann.account_id}/?tab=tasks"))
    assert "started" in text(as_csm.get(f"/accounts/{ann.account_id}/"))
    assert as_stranger.get(f"/playbooks/runs/{started.pk}/").status_code == 404
    as_csm.post(f"/playbooks/runs/{started.pk}/stop/")
    assert not Task.objects.filter(state="open").exists()
    assert "stopped" in text(as_csm.get(f"/playbooks/runs/{started.pk}/"))


# --- Loops ---------------------------------------------------------------------------------------------------
@pytest.fixture
def answer(ann: Any, lead: User, drain: Any, frozen: Any) -> Response:
    response = factories.respond(factories.a_survey(), 3, email=ann.email)
    drain()
    return response


def test_the_clock_is_shown_where_the_answer_is(
    as_csm: Client, stranger: User, csm: User, answer: Response, frozen: Any, browser_of: Any
) -> None:
    pages = (
        "/loops/",
        "/feedback/",
        f"/feedback/{answer.pk}/",
        f"/accounts/{answer.account_id}/?tab=answers",
    )
    for url in pages:
        assert "1 day left" in text(as_csm.get(url)), url
    frozen.move_to("2026-03-18T08:00:00Z")
    assert "2 h left" in text(browser_of(csm).get("/loops/"))
    frozen.move_to("2026-03-19T12:00:00Z")
    as_csm, as_stranger = browser_of(csm), browser_of(stranger)
    for url in pages:
        assert "1 day over" in text(as_csm.get(url)), url
    assert "Ann Vogt" in text(as_csm.get("/loops/?state=late"))
    assert "Ann Vogt" not in text(as_stranger.get("/loops/?whose=all"))


def test_closing_asks_what_came_of_it(as_csm: Client, answer: Response) -> None:
    alert = Alert.objects.get()
    outcome = LoopOutcome.objects.get(key="explained")

    assert as_csm.post(f"/alerts/{alert.pk}/close/", {"outcome": "", "code": ""}).status_code == 422
    as_csm.post(f"/alerts/{alert.pk}/close/", {"outcome": "", "code": outcome.pk})

    loop = Loop.objects.get()
    assert (loop.outcome, loop.resolved_at is not None) == (outcome, True)
    assert "closed in time" in text(as_csm.get("/loops/?state=closed"))


def test_what_was_closed_last_stands_first(
    ann: Any, as_csm: Client, answer: Response, frozen: Any, csm: User, drain: Any
) -> None:
    second = factories.respond(factories.a_survey("Second"), 3, email=ann.email)
    drain()
    for row in (second, answer):
        frozen.shift(dt.timedelta(hours=1))
        closing.set_status(response=row, status=LoopStatus.CLOSED, outcome=None, actor=csm)

    page = as_csm.get("/loops/?state=closed")

    assert [loop.response_id for loop, _ in page.context["rows"]] == [answer.pk, second.pk]


def test_an_outcome_can_be_said_afterwards(
    as_csm: Client, as_viewer: Client, answer: Response, csm: User, drain: Any
) -> None:
    loop, outcome = Loop.objects.get(), LoopOutcome.objects.get(key="solved")
    assert "This loop is open" in text(
        as_csm.post(f"/loops/{loop.pk}/outcome/", {"outcome": outcome.pk}, follow=True)
    )
    responses.set_loop_status(responses=Response.objects.all(), status="closed", actor=csm)
    drain()

    assert "no outcome yet" in text(as_csm.get("/loops/?state=closed"))
    assert as_viewer.post(f"/loops/{loop.pk}/outcome/", {"outcome": outcome.pk}).status_code == 403
    as_csm.post(f"/loops/{loop.pk}/outcome/", {"outcome": outcome.pk})

    loop.refresh_from_db()
    assert loop.outcome == outcome


def test_statistics_count_what_one_sees(
    as_csm: Client, as_stranger: Client, answer: Response, ann: Any, csm: User, drain: Any, frozen: Any
) -> None:
    frozen.shift(dt.timedelta(hours=3))
    interactions.log_interaction(account=ann.account, contact=ann, kind="call", body="x", actor=csm)
    drain()

    page = text(as_csm.get("/loops/statistics/?by=team"))
    assert "1 loop" in page
    assert "3 h" in page
    assert "1 of 1 decided" in page
    assert "Not enough to say." in page
    assert "North" in page
    assert "No loops in this time" in text(as_stranger.get("/loops/statistics/"))
    for odd in ("?days=x&by=y&since=2026-99-99", "?owner=abc", "?segment=%00", "?owner=99999999999999999999"):
        assert as_csm.get(f"/loops/statistics/{odd}").status_code == 200


# --- Working time and promises -------------------------------------------------------------------------------
def test_everybody_sets_their_own_week_and_leads_that_of_the_team(
    as_csm: Client,
    as_lead: Client,
    as_stranger: Client,
    as_viewer: Client,
    csm: User,
    lead: User,
    frozen: Any,
) -> None:
    url = f"/settings/working-time/{csm.pk}/"
    week = {
        "weekdays": ["1", "2", "3"],
        "day_start": "08:00",
        "day_end": "12:00",
        "country": "DE",
        "region": "BY",
    }

    assert as_csm.get("/settings/working-time/").status_code == 302
    as_csm.post(url, week)
    assert as_stranger.get(url).status_code == 404
    assert as_viewer.get(url).status_code == 403
    assert as_csm.post(url, {**week, "country": "XX"}).status_code == 422
    assert "Mon to Wed, 08:00–12:00" in text(as_lead.get("/settings/working-time/"))

    leave = {
        "starts_on": "2026-04-01",
        "ends_on": "2026-04-10",
        "stand_in": lead.pk,
        "new_work": "stand_in",
        "open_work": "hand_over",
    }
    assert as_lead.post(f"{url}leave/", leave).status_code == 302
    assert as_csm.post(f"{url}leave/", {**leave, "stand_in": ""}).status_code == 422
    page = text(as_csm.get(url))
    assert "1 Apr to 10 Apr 2026" in page
    assert "Standing in." in text(as_lead.get(f"/settings/working-time/{lead.pk}/"))
    as_csm.post(f"{url}leave/{Leave.objects.get().pk}/end/")
    assert not Leave.objects.exists()


def test_a_task_says_that_its_person_is_away(
    as_lead: Client, as_csm: Client, task: Task, csm: User, lead: User, frozen: Any
) -> None:
    as_csm.post(
        f"/settings/working-time/{csm.pk}/leave/",
        {"starts_on": "2026-03-17", "ends_on": "2026-03-20", "stand_in": lead.pk, "new_work": "stand_in", "open_work": "keep"},
    )  # fmt: skip

    assert "is away until 20 Mar; Lea Lead stands in" in text(as_lead.get(f"/tasks/{task.pk}/"))


def test_promises_are_the_administrators(as_administrator: Client, as_lead: Client) -> None:
    values = {
        "loop_categories": ["detractor", "dissatisfied"], "contact_days": "2", "resolution_days": "10",
        "escalations": "2", "escalation_minutes": "120", "country": "de", "region": "",
    }  # fmt: skip
    assert as_lead.get("/settings/promises/").status_code == 403
    as_administrator.post("/settings/promises/", values)
    wrong = as_administrator.post("/settings/promises/", {**values, "resolution_days": "1"})
    as_administrator.post("/settings/promises/outcomes/", {"label": "Left us"})
    twice = as_administrator.post("/settings/promises/outcomes/", {"label": "left us"})
    added = LoopOutcome.objects.get(label="Left us")
    as_administrator.post(f"/settings/promises/outcomes/{added.pk}/", {"label": "They left"})

    row = WorkSettings.objects.get()
    assert (row.loop_categories, row.contact_days, row.country) == (["detractor", "dissatisfied"], 2, "DE")
    assert (wrong.status_code, twice.status_code) == (422, 422)
    added.refresh_from_db()
    assert (added.label, added.is_active) == ("They left", False)
    assert "They left" in text(as_administrator.get("/settings/promises/"))


def test_a_list_of_clocks_costs_the_same_for_one_and_for_many(
    as_csm: Client, ann: Any, csm: User, drain: Any, django_assert_max_num_queries: Any
) -> None:
    survey = factories.a_survey()
    for number in range(6):
        contact = factories.a_contact(f"p{number}@acme.example", account=ann.account)
        factories.respond(survey, 2, email=contact.email)
    drain()
    playbooks.start(playbook=Playbook.objects.get(key="silent-account"), account=ann.account, actor=csm)

    for url, limit in (("/loops/", 30), ("/feedback/", 40), ("/tasks/", 30)):
        with django_assert_max_num_queries(limit):
            as_csm.get(url)


def test_the_date_of_a_task_stands_in_its_form_and_survives_saving(as_csm: Client, task: Task) -> None:
    url = f"/tasks/{task.pk}/"

    assert 'value="2026-03-20"' in text(as_csm.get(url))


def test_each_outcome_is_counted_as_often_as_it_was_chosen(ann: Any, csm: User, drain: Any) -> None:
    survey, solved = factories.a_survey(), LoopOutcome.objects.get(key="solved")
    for number in range(3):
        contact = factories.a_contact(f"p{number}@acme.example", account=ann.account)
        factories.respond(survey, 2, email=contact.email)
    drain()
    for loop in Loop.objects.all():
        closing.set_status(response=loop.response, status=LoopStatus.CLOSED, outcome=solved, actor=csm)

    assert loops.outcome_counts(loops.list_loops(user=csm)) == [("Solved", 3)]
    assert loops.figures(loops.list_loops(user=csm))[0].n == 3
