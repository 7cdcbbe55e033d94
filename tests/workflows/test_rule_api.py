"""Rules and runs over REST."""

from typing import Any

import pytest

from accounts.models import Contact
from team.models import User
from tests import factories
from tests.workflows.test_api import Api
from workflows.models import Rule, Run
from workflows.services import reach

pytestmark = pytest.mark.django_db
TASK = {"kind": "create_task", "title": "Call", "due_business_days": 1, "priority": "high"}
RULE = {
    "name": "Call detractors",
    "trigger": "response.scored",
    "conditions": {"all": [{"field": "event.category", "op": "in", "value": ["detractor"]}]},
    "steps": [TASK],
}


@pytest.fixture
def ann(csm: User) -> Contact:
    return factories.a_contact(account=factories.an_account(owner=csm), first_name="Ann")


@pytest.fixture
def run(ann: Contact, drain: Any) -> Run:
    factories.respond(factories.a_survey(), 3, email=ann.email)
    drain()
    return Run.objects.get()


def test_a_rule_is_written_changed_and_taken_away(lead: User) -> None:
    api = Api(lead)
    made = api("post", "/rules/", RULE)
    assert made.status_code == 201
    body = made.json()
    assert (body["state"], body["version"], body["steps"][0]["kind"]) == ("draft", 1, "create_task")
    address = f"/rules/{body['id']}/"

    assert api("patch", address, {"name": "Other", "version": 1}).json()["version"] == 2
    assert api("patch", address, {"name": "Third", "version": 1}).status_code == 412
    assert [one["version"] for one in api("get", f"{address}versions/").json()] == [2, 1]
    assert api("get", f"{address}words/").json()["when"]
    assert api("delete", address).status_code == 204
    assert not Rule.objects.filter(pk=body["id"]).exists()


def test_every_problem_comes_back_at_its_place(lead: User) -> None:
    answer = Api(lead)("post", "/rules/", {**RULE, "steps": [{"kind": "create_task"}, {"kind": "dance"}]})

    assert answer.status_code == 400
    places = {error["attr"] for error in answer.json()["errors"]}
    assert {"steps.0.title", "steps.1"} <= places
    assert not Rule.objects.filter(name=RULE["name"]).exists()


@pytest.mark.parametrize(
    "body",
    [
        {"steps": "x"}, {"steps": [[[]]]}, {"conditions": "a"}, {"trigger_settings": [1]}, {"exit_on": ["bored"]},
        {"reentry": "sometimes"}, {"max_runs_per_day": 0}, {"name": "x" * 121}, {"steps": [{"kind": {"a": 1}}]},
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused(lead: User, body: dict[str, Any]) -> None:
    assert Api(lead)("post", "/rules/", {**RULE, **body}).status_code == 400


def test_only_leads_write_and_switch(csm: User) -> None:
    api, rule = Api(csm), Rule.objects.get(key="detractor-recovery")

    assert api("post", "/rules/", RULE).status_code == 403
    assert api("patch", f"/rules/{rule.pk}/", {"name": "Mine"}).status_code == 403
    assert api("delete", f"/rules/{rule.pk}/").status_code == 403
    assert api("post", f"/rules/{rule.pk}/dry-run/", {}).status_code == 403
    assert api("get", f"/rules/{rule.pk}/").status_code == 200


def test_the_catalogue_says_what_rules_are_made_of(csm: User) -> None:
    found = Api(csm)("get", "/rules/catalogue/").json()

    (task,) = [one for one in found["steps"] if one["kind"] == "create_task"]
    assert {"key", "label", "type", "required"} <= task["settings"][0].keys()
    assert "response.scored" in [one["key"] for one in found["triggers"]]


def test_a_rule_goes_out_and_comes_in_as_a_file(lead: User) -> None:
    api = Api(lead)
    made = api("post", "/rules/", RULE).json()

    file = api("get", f"/rules/{made['id']}/export/").json()
    came = api("post", "/rules/import/", file)

    assert came.status_code == 201
    (one,) = came.json()["rules"]
    assert (one["missing"], one["problems"]) == ([], [])
    assert Rule.objects.get(pk=one["id"]).steps == made["steps"]
    assert api("post", "/rules/import/", {"format": "x"}).status_code == 400


def test_a_dry_run_answers_with_what_the_key_may_see(lead: User, csm: User, run: Run) -> None:
    other = factories.a_contact("bo@other.example", account=factories.an_account("Other"))
    factories.respond(factories.a_survey("Second"), 1, email=other.email)
    address = f"/rules/{run.rule_id}/dry-run/"
    assert Api(lead)("get", address).status_code == 404

    started = Api(lead)("post", address, {"days": 30})

    assert started.status_code == 202
    assert Api(lead)("get", address).json()["found"]["fires"] == 2
    assert Api(csm)("get", address).json()["found"]["fires"] == 1
    (hit,) = Api(csm)("get", f"{address}hits/").json()["results"]
    assert (hit["contact"], hit["verdict"]) == (run.contact_id, "fires")


def test_runs_are_listed_with_their_steps_to_whom_they_concern(
    lead: User, csm: User, stranger: User, run: Run
) -> None:
    (found,) = Api(csm)("get", f"/runs/?rule={run.rule_id}&contact={run.contact_id}&state=done").json()[
        "results"
    ]

    assert found["id"] == run.pk
    assert [step["path"] for step in found["steps"]] == ["0", "1"]
    assert Api(stranger)("get", "/runs/").json()["results"] == []
    assert Api(stranger)("get", f"/runs/{run.pk}/").status_code == 404
    assert Api(csm)("post", f"/runs/{run.pk}/stop/").status_code == 403
    assert Api(lead)("post", f"/runs/{run.pk}/stop/").status_code == 409
    assert Api(lead)("post", f"/runs/{run.pk}/steps/9/retry/").status_code == 404
    assert Api(lead)("post", f"/runs/{run.pk}/steps/0/skip/").status_code == 409


def test_a_rule_with_problems_is_not_switched_on(lead: User) -> None:
    api = Api(lead)
    made = api("post", "/rules/", {**RULE, "steps": [], "draft": True}).json()

    answer = api("patch", f"/rules/{made['id']}/", {"is_active": True})

    assert answer.status_code == 400
    assert not Rule.objects.get(pk=made["id"]).is_active


def test_a_rule_nobody_tried_is_tried_before_it_is_switched_on(
    lead: User, ann: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.respond(factories.a_survey(), 3, email=ann.email)
    monkeypatch.setattr(reach, "CONFIRM_ABOVE", 0)
    api = Api(lead)
    address = f"/rules/{api('post', '/rules/', RULE).json()['id']}/"

    refused = api("patch", address, {"is_active": True})
    assert refused.status_code in {400, 409, 422}
    assert "1 people" in refused.content.decode()
    assert api("patch", address, {"is_active": True, "confirm_reach": 1}).json()["is_active"]
