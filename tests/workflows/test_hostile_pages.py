"""What a browser never sends, sent to the pages of what acts: refused or ignored, never an error of ours."""

import pytest
from django.db import transaction
from django.test import Client

from team.models import User
from tests import factories
from workflows.models import Task
from workflows.services import tasks

pytestmark = pytest.mark.django_db
NUL = "a\x00b"
LONG = "9" * 5_000


@pytest.fixture
def as_admin(administrator: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(administrator)
    return client


def test_addresses_with_nonsense_are_pages_all_the_same(as_admin: Client) -> None:
    keys = [
        "q",
        "kind",
        "severity",
        "assignee",
        "state",
        "whose",
        "page",
        "rule",
        "runs",
        "owner",
        "team",
        "segment",
        "account",
        "outcome",
        "started_after",
        "show",
        "band",
        "change",
        "profile",
        "renewal",
        "risk",
        "currency",
        "saved",
        "days",
        "since",
        "by",
        "from",
        "to",
        "sort",
        "priority",
        "overdue",
        "playbook",
    ]
    pages = (
        "/alerts/", "/tasks/", "/loops/", "/loops/statistics/", "/rules/", "/runs/", "/notifications/", "/health/",
        "/portfolio/", "/playbooks/", "/playbooks/start/", "/tasks/new/", "/alarms/", "/segments/", "/rules/new/",
    )  # fmt: skip
    broken = []
    for page in pages:
        for junk in (NUL, LONG, "9" * 25, "-1", "😀", "2026-02-31"):
            mark = transaction.savepoint()
            status = as_admin.get(page, dict.fromkeys(keys, junk)).status_code
            transaction.savepoint_rollback(mark)
            if status >= 500:
                broken.append((page, junk[:10]))
    assert broken == []


def test_a_task_is_finished_with_an_outcome_that_no_database_stores(as_admin: Client, csm: User) -> None:
    task = tasks.create_task(title="Call", account=factories.an_account("Acme"), assignee=csm, actor=csm)

    assert as_admin.post(f"/tasks/{task.pk}/finish/", {"outcome": NUL}).status_code < 500

    assert "\x00" not in Task.objects.get(pk=task.pk).outcome
    assert Task.objects.get(pk=task.pk).state == "done"


@pytest.mark.parametrize("field", ["name", "note", "trigger", "description"])
def test_a_rule_is_written_with_text_that_no_database_stores(as_admin: Client, field: str) -> None:
    given = {"do": "draft", "name": "Rule", "trigger": "response.scored", "note": "", field: NUL}

    assert as_admin.post("/rules/new/", given).status_code < 500
