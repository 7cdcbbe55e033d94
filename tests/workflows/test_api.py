"""Tasks, alerts and rules over REST."""

from typing import Any

import pytest
from django.test import Client

from team.models import User
from tests import factories
from workflows.models import Alert, Rule, Task

pytestmark = pytest.mark.django_db


class Api:
    def __init__(self, user: User, *scopes: str) -> None:
        self.client = Client()
        self.key = factories.an_api_key(user, *(scopes or ("work:write",)), rate_limit=10_000)

    def __call__(self, method: str, path: str, data: Any = None) -> Any:
        sent = {"data": data, "content_type": "application/json"} if data is not None else {}
        return getattr(self.client, method)(f"/api/v1{path}", headers={"Authorization": self.key}, **sent)


@pytest.fixture
def alert(csm: User, drain: Any) -> Alert:
    ann = factories.a_contact(account=factories.an_account(owner=csm), first_name="Ann")
    factories.respond(factories.a_survey(), 3, email=ann.email)
    drain()
    return Alert.objects.get()


@pytest.mark.parametrize("path", ["/tasks/", "/alerts/"])
def test_lists_follow_the_row_scope_of_the_keys_person(
    alert: Alert, csm: User, stranger: User, path: str
) -> None:
    assert len(Api(csm)("get", path).json()["results"]) == 1
    assert Api(stranger)("get", path).json()["results"] == []
    assert Api(stranger)("get", f"{path}{alert.pk}/").status_code == 404


@pytest.mark.parametrize("path", ["/tasks/", "/alerts/", "/rules/"])
def test_a_key_needs_the_scope(lead: User, path: str) -> None:
    assert Api(lead, "work:read")("get", path).status_code == 200
    assert Api(lead, "accounts:write")("get", path).status_code == 403


def test_a_task_is_created_and_finished(alert: Alert, csm: User) -> None:
    api = Api(csm)
    made = api("post", "/tasks/", {"title": "Call back", "assignee": csm.pk, "account": alert.account_id})
    assert made.status_code == 201

    done = api("patch", f"/tasks/{made.json()['id']}/", {"state": "done", "outcome": "Reached"})

    assert (done.status_code, done.json()["state"], done.json()["outcome"]) == (200, "done", "Reached")


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"assignee": 1}, "title"),
        ({"title": "Call", "assignee": 10**9}, "assignee"),
        ({"title": "Call", "assignee": "me"}, "assignee"),
        ({"title": "x" * 201, "assignee": 1}, "title"),
    ],
)
def test_a_bad_task_is_refused_by_field(csm: User, body: dict[str, Any], attr: str) -> None:
    refused = Api(csm)("post", "/tasks/", body)

    assert refused.status_code == 400
    assert attr in {error["attr"] for error in refused.json()["errors"]}
    assert not Task.objects.exists()


def test_an_account_outside_sight_is_refused_like_one_that_is_not_there(alert: Alert, stranger: User) -> None:
    api = Api(stranger)

    answers = [
        api("post", "/tasks/", {"title": "Call", "assignee": stranger.pk, "account": pk}).json()
        for pk in (alert.account_id, 10**9)
    ]

    assert answers[0] == answers[1]
    assert Task.objects.count() == 1


def test_closing_an_alert_needs_its_outcome_and_happens_once(alert: Alert, csm: User) -> None:
    api = Api(csm)
    assert api("patch", f"/alerts/{alert.pk}/", {"state": "closed"}).status_code == 400

    first = api("patch", f"/alerts/{alert.pk}/", {"state": "closed", "outcome": "Solved"})
    second = api("patch", f"/alerts/{alert.pk}/", {"state": "closed", "outcome": "Solved again"})

    assert (first.status_code, second.status_code) == (200, 409)
    assert Alert.objects.get().outcome == "Solved"


def test_only_leads_switch_rules(csm: User, lead: User) -> None:
    rule = Rule.objects.get(key="promoter-referral")

    assert Api(csm)("patch", f"/rules/{rule.pk}/", {"is_active": False}).status_code == 403
    assert Api(lead)("patch", f"/rules/{rule.pk}/", {"is_active": False}).json()["is_active"] is False


def test_a_change_is_whole_or_not_at_all(alert: Alert, csm: User, lead: User) -> None:
    api = Api(csm)
    api("patch", f"/alerts/{alert.pk}/", {"state": "closed", "outcome": "Solved"})

    refused = api(
        "patch", f"/alerts/{alert.pk}/", {"assignee": lead.pk, "state": "closed", "outcome": "Again"}
    )

    assert refused.status_code == 409
    assert Alert.objects.get().assignee == csm


@pytest.mark.parametrize("value", ["99999999999999999999", "-1", "0", "x"])
def test_an_impossible_id_in_a_filter_is_refused(csm: User, value: str) -> None:
    assert Api(csm)("get", f"/tasks/?assignee={value}").status_code == 400
