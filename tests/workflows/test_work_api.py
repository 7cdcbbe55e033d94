"""Tasks, playbooks, loops and leave over REST."""

import datetime as dt
from typing import Any

import pytest

from surveys.models import Response
from team.models import User
from tests import factories
from tests.workflows.test_api import Api
from workflows import bulk
from workflows.models import Leave, Loop, LoopOutcome, Playbook, PlaybookRun, Task
from workflows.services import tasks

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(csm: User) -> Any:
    return factories.a_contact(account=factories.an_account(owner=csm), first_name="Ann", last_name="Vogt")


def test_a_task_with_lines_due_in_business_days(csm: User, ann: Any, frozen: Any) -> None:
    api = Api(csm)
    body = {
        "title": "Call",
        "assignee": csm.pk,
        "contact": ann.pk,
        "due_in_business_days": 3,
        "checklist": ["A", "B"],
    }

    made = api("post", "/tasks/", body)

    assert made.status_code == 201
    task = made.json()
    assert (task["due_at"], task["account"]) == ("2026-03-20T10:00:00Z", ann.account_id)
    line = task["checklist"][0]
    ticked = api("patch", f"/tasks/{task['id']}/checklist/{line['id']}/", {"done": True}).json()
    assert (ticked["checklist"][0]["done_by"], ticked["checklist"][1]["done_at"]) == (csm.pk, None)
    assert len(api("post", f"/tasks/{task['id']}/checklist/", {"lines": ["C"]}).json()["checklist"]) == 3
    assert api("delete", f"/tasks/{task['id']}/checklist/{line['id']}/").status_code == 204
    both = api("post", "/tasks/", {**body, "due_at": "2026-04-01T10:00:00Z"})
    assert (both.status_code, both.json()["errors"][0]["attr"]) == (400, "due_in_business_days")


def test_comments_and_repetition(csm: User, ann: Any, stranger: User, frozen: Any) -> None:
    api = Api(csm)
    task = tasks.create_task(title="Call", account=ann.account, assignee=csm, actor=csm)
    url = f"/tasks/{task.pk}/"

    assert api("post", f"{url}comments/", {"body": "Back on Monday"}).status_code == 201
    assert [c["body"] for c in api("get", f"{url}comments/").json()] == ["Back on Monday"]
    assert Api(stranger)("get", f"{url}comments/").status_code == 404
    undated = api("post", f"{url}repeat/", {"rule": "FREQ=WEEKLY"})
    assert (undated.status_code, undated.json()["errors"][0]["attr"]) == (400, "due_at")
    api("patch", url, {"due_at": "2026-03-20T09:00:00Z"})
    wrong = api("post", f"{url}repeat/", {"rule": "FREQ=SECONDLY"})
    assert (wrong.status_code, wrong.json()["errors"][0]["attr"]) == (400, "rule")
    again = api("post", f"{url}repeat/", {"rule": "freq=weekly;byday=fr,mo"}).json()
    assert again["series"]["rule"] == "FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,FR"
    assert api("delete", f"{url}repeat/").status_code == 204
    assert api("get", url).json()["series"]["is_active"] is False


def test_many_tasks_change_by_filter_or_by_name(csm: User, lead: User, ann: Any, stranger: User) -> None:
    api = Api(csm)
    made = [
        tasks.create_task(title=f"Task {n}", account=ann.account, assignee=csm, actor=csm) for n in range(3)
    ]

    nobody = Api(stranger)("post", "/tasks/bulk/", {"action": "done"})
    some = api("post", "/tasks/bulk/", {"action": "priority", "priority": "high", "tasks": [made[0].pk]})
    by_filter = api("post", "/tasks/bulk/?priority=normal", {"action": "assign", "assignee": lead.pk})
    missing = api("post", "/tasks/bulk/", {"action": "assign"})

    assert [r.json().get("changed") for r in (nobody, some, by_filter)] == [0, 1, 2]
    assert Task.objects.filter(assignee=lead).count() == 2
    assert (missing.status_code, missing.json()["errors"][0]["attr"]) == (400, "assignee")


def test_more_tasks_than_fit_at_once_are_refused(
    csm: User, lead: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MAX_BULK", 1)
    for n in range(2):
        tasks.create_task(title=f"Task {n}", account=None, assignee=csm, actor=csm)

    refused = Api(csm)("post", "/tasks/bulk/", {"action": "done"})

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (409, "too_many")
    assert not Task.objects.filter(state="done").exists()


def test_playbooks_are_made_started_and_stopped(csm: User, lead: User, ann: Any, stranger: User) -> None:
    described = {
        "name": "Rescue",
        "tasks": [
            {"title": "Call {contact}", "offset": 2, "checklist": ["Read"]},
            {
                "title": "Offer",
                "anchor": "renewal",
                "offset": -10,
                "route": "role",
                "role": "account_manager",
            },
        ],
    }
    assert Api(csm)("post", "/playbooks/", described).status_code == 403
    made = Api(lead)("post", "/playbooks/", described)
    assert made.status_code == 201
    assert [task["title"] for task in made.json()["tasks"]] == ["Call {contact}", "Offer"]
    assert made.json()["tasks"][1]["role"] == "account_manager"
    wrong = Api(lead)(
        "post", "/playbooks/", {**described, "name": "X", "tasks": [{"title": "A", "route": "person"}]}
    )
    assert (wrong.status_code, wrong.json()["errors"][0]["attr"]) == (400, "user")
    assert not Playbook.objects.filter(name="X").exists()

    url = f"/playbooks/{made.json()['id']}/start/"
    undated = Api(csm)("post", url, {"contact": ann.pk})
    assert (undated.status_code, undated.json()["errors"][0]["code"]) == (409, "no_anchor")
    ann.account.renewal_on = dt.date(2030, 1, 1)
    ann.account.save()
    assert Api(stranger)("post", url, {"contact": ann.pk}).status_code == 400
    started = Api(csm)("post", url, {"contact": ann.pk})
    assert (started.status_code, started.json()["total"], started.json()["finished"]) == (201, 2, 0)
    assert Api(stranger)("get", "/playbook-runs/").json()["results"] == []
    stopped = Api(csm)("post", f"/playbook-runs/{started.json()['id']}/stop/")
    assert (stopped.json()["state"], PlaybookRun.objects.get().state) == ("stopped", "stopped")
    archived = Api(lead)("patch", f"/playbooks/{made.json()['id']}/", {"is_active": False})
    assert archived.json()["is_active"] is False


def test_loops_are_read_and_closed(csm: User, ann: Any, stranger: User, lead: User, drain: Any) -> None:
    factories.respond(factories.a_survey(), 2, email=ann.email)
    drain()
    (loop,) = Api(csm)("get", "/loops/?state=open").json()["results"]
    solved = LoopOutcome.objects.get(key="solved")
    assert Api(stranger)("get", f"/loops/{loop['id']}/").status_code == 404
    assert (loop["status"], loop["owner"], loop["contacted_at"]) == ("open", csm.pk, None)

    early = Api(csm)("patch", f"/loops/{loop['id']}/", {"outcome": solved.pk})
    closed = Api(csm)("patch", f"/loops/{loop['id']}/", {"status": "closed", "outcome": solved.pk})
    drain()

    assert early.status_code == 409
    assert (closed.json()["status"], closed.json()["outcome"]) == ("closed", solved.pk)
    assert Response.objects.get().loop_status == "closed"
    assert not Task.objects.filter(state="open").exists()
    figures = Api(csm)("get", "/loops/statistics/").json()
    assert (figures["figures"]["n"], figures["figures"]["resolution_kept"]["kept"]) == (1, 1)
    assert "at least 20" in figures["effect"]["why"]
    assert Loop.objects.get().outcome == solved


def test_leave_and_working_hours(csm: User, lead: User, stranger: User, frozen: Any) -> None:
    body = {"user": csm.pk, "starts_on": "2026-04-01", "ends_on": "2026-04-08", "stand_in": lead.pk}

    assert Api(stranger)("post", "/leaves/", body).status_code == 400
    made = Api(csm)("post", "/leaves/", body)
    assert (made.status_code, made.json()["new_work"], made.json()["open_work"]) == (201, "stand_in", "keep")
    assert len(Api(lead)("get", "/leaves/").json()["results"]) == 1
    assert Api(stranger)("get", "/leaves/").json()["results"] == []
    assert Api(csm)("delete", f"/leaves/{made.json()['id']}/").status_code == 204
    assert not Leave.objects.exists()

    url = f"/leaves/hours/{csm.pk}/"
    assert Api(csm)("get", url).json()["weekdays"] == "12345"
    assert (
        Api(csm)("put", url, {"weekdays": "1234", "day_start": "08:00", "day_end": "16:00"}).status_code
        == 200
    )
    assert Api(lead)("get", url).json()["day_end"] == "16:00:00"
    assert Api(csm)("put", url, {"weekdays": "0"}).json()["errors"][0]["attr"] == "weekdays"
    assert Api(stranger)("get", url).status_code == 404


def test_tasks_of_a_playbook_are_added_changed_and_removed_afterwards(csm: User, lead: User) -> None:
    api = Api(lead)
    made = api("post", "/playbooks/", {"name": "Rescue", "tasks": [{"title": "Call", "offset": 1}]}).json()
    url = f"/playbooks/{made['id']}/tasks/"
    offer = {"title": "Offer", "anchor": "renewal", "offset": -10, "route": "role", "role": "account_manager"}

    added = api("post", url, offer)
    changed = api("patch", f"{url}{added.json()['id']}/", {"offset": -20})
    refused = api("patch", f"{url}{added.json()['id']}/", {"anchor": "start"})
    others = Api(csm)("post", url, offer)
    elsewhere = api("patch", f"/playbooks/{made['id']}/tasks/{10**17}/", {"offset": 1})

    assert (added.status_code, changed.status_code) == (201, 200)
    assert {"title": "Offer", "offset": -20, "role": "account_manager"}.items() <= changed.json().items()
    assert (refused.status_code, refused.json()["errors"][0]["attr"]) == (400, "offset")
    assert (others.status_code, elsewhere.status_code) == (403, 404)
    shown = api("get", f"/playbooks/{made['id']}/").json()["tasks"]
    assert [(task["title"], task["offset"]) for task in shown] == [("Call", 1), ("Offer", -20)]
    assert api("delete", f"{url}{shown[0]['id']}/").status_code == 204
    assert [t["title"] for t in api("get", f"/playbooks/{made['id']}/").json()["tasks"]] == ["Offer"]
