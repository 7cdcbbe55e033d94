"""Webhooks over REST: a key sets up what it may read, sees its log, and automation platforms subscribe with one call."""

import json
from typing import Any

import pytest
from django.test import Client
from standardwebhooks.webhooks import Webhook as Verifier

from accounts.api.serializers import (
    AccountSerializer,
    ContactSerializer,
    ContractSerializer,
    InteractionSerializer,
)
from integrations.outgoing import payload
from integrations.outgoing.models import Webhook
from surveys.api.campaigns import InvitationSerializer
from surveys.api.in_app import InAppMessageSerializer
from surveys.api.serializers import ResponseSerializer
from team.models import ApiKey, User
from tests import factories
from tests.conftest import Drain
from tests.core.http_server import HttpServer, plain
from tests.integrations.webhooks.conftest import someone_answers
from workflows.api.alert_serializers import AlertSerializer
from workflows.api.work_serializers import LoopSerializer, TaskSerializer

READ_ALL = ("accounts:read", "responses:read", "surveys:read", "work:read")


class Api:
    def __init__(self, user: User, *scopes: str) -> None:
        self.client = Client()
        self.key = factories.an_api_key(user, *(scopes or ("webhooks:write", *READ_ALL)), rate_limit=10_000)

    def __call__(self, method: str, path: str, data: Any = None) -> Any:
        sent = {"data": data, "content_type": "application/json"} if data is not None else {}
        return getattr(self.client, method)(f"/api/v1{path}", headers={"Authorization": self.key}, **sent)


def test_a_webhook_is_set_up_changed_paused_and_ended(receiver: HttpServer, lead: User) -> None:
    api = Api(lead)
    made = api("post", "/webhooks/", {"url": f"{receiver.url}/x", "kinds": ["response.scored"]})
    assert made.status_code == 201, made.json()
    assert made.json()["secret"].startswith("whsec_")
    path = f"/webhooks/{made.json()['id']}/"

    assert "secret" not in api("get", path).json()
    assert [row["id"] for row in api("get", "/webhooks/").json()["results"]] == [made.json()["id"]]
    changed = api("patch", path, {"name": "Mine", "kinds": ["task.created", "response.scored"]})
    assert (changed.json()["name"], changed.json()["kinds"]) == ("Mine", ["response.scored", "task.created"])
    assert api("post", f"{path}pause/", {}).json()["state"] == "paused"
    assert api("post", f"{path}resume/", {}).json()["state"] == "active"
    rotated = api("post", f"{path}rotate/", {}).json()
    assert rotated["secret"] not in {made.json()["secret"], ""}
    assert rotated["previous_until"] is not None
    assert api("delete", path).status_code == 204
    assert not Webhook.objects.exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "http://169.254.169.254/"}, "url"),
        ({"url": "ftp://example.com/"}, "url"),
        ({"kinds": ["no.such"]}, "kinds"),
        ({"conditions": {"field": "nothing", "op": "is", "value": "x"}}, "conditions"),
        ({"conditions": {"all": "no"}}, "conditions"),
        ({"name": "x" * 121}, "name"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(
    change: dict[str, Any], field: str, receiver: HttpServer, lead: User
) -> None:
    given = {"url": f"{receiver.url}/x", "kinds": ["response.scored"], **change}

    answer = Api(lead)("post", "/webhooks/", given)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == field
    assert not Webhook.objects.exists()


def test_a_key_cannot_hear_more_through_a_webhook_than_it_may_read(
    receiver: HttpServer, administrator: User, drain: Drain
) -> None:
    narrow = Api(administrator, "webhooks:write", "responses:read")
    refused = narrow("post", "/webhooks/", {"url": receiver.url, "kinds": ["task.created"]})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "missing_scope")

    assert (
        narrow("post", "/webhooks/", {"url": receiver.url, "kinds": ["response.scored"]}).status_code == 201
    )
    contact = factories.a_contact("ann@acme.example", account=factories.an_account("Acme"))
    factories.respond(factories.a_survey(), 3, contact_id=contact.pk)
    drain()
    data = json.loads(receiver.heard[0].body)["data"]
    assert data["response"]["score"] == 3
    assert data["contact"] == {"id": contact.pk}
    assert data["account"] == {"id": contact.account_id}

    wide, _ = Api(administrator), None
    other = wide("post", "/webhooks/", {"url": receiver.url, "kinds": ["account.created"]}).json()["id"]
    stolen = narrow("patch", f"/webhooks/{other}/", {"url": f"{receiver.url}/thief"})
    assert (stolen.status_code, stolen.json()["errors"][0]["code"]) == (403, "missing_scope")


def test_a_webhook_stops_with_the_key_that_made_it(receiver: HttpServer, lead: User, drain: Drain) -> None:
    api = Api(lead)
    api("post", "/webhooks/", {"url": receiver.url, "kinds": ["response.scored"]})
    from core import clock

    ApiKey.objects.update(revoked_at=clock.now())
    someone_answers(3)
    drain()

    assert not receiver.heard
    from integrations.outgoing import standing

    standing.pause_orphans()
    assert Webhook.objects.values_list("state", "reason").get() == ("paused", "key")


def test_others_webhooks_are_not_there(
    receiver: HttpServer, lead: User, csm: User, administrator: User
) -> None:
    api = Api(lead)
    made = api("post", "/webhooks/", {"url": receiver.url, "kinds": ["response.scored"]}).json()["id"]

    assert Api(csm)("get", f"/webhooks/{made}/").status_code == 404
    assert Api(csm)("delete", f"/webhooks/{made}/").status_code == 404
    assert Api(csm)("get", "/webhook-deliveries/").json()["results"] == []
    assert Api(administrator)("get", f"/webhooks/{made}/").status_code == 200


def test_a_viewer_looks_on(receiver: HttpServer, viewer: User) -> None:
    answer = Api(viewer)("post", "/webhooks/", {"url": receiver.url, "kinds": ["response.scored"]})

    assert answer.status_code == 403


def test_the_log_is_read_and_sent_again(receiver: HttpServer, lead: User, drain: Drain) -> None:
    api = Api(lead)
    webhook = api("post", "/webhooks/", {"url": receiver.url, "kinds": ["response.scored"]}).json()["id"]
    receiver.answers.append(plain("500 Oh", b"broken"))
    someone_answers(3)
    drain()

    (row,) = api("get", f"/webhook-deliveries/?webhook={webhook}&state=pending").json()["results"]
    detail = api("get", f"/webhook-deliveries/{row['id']}/").json()
    assert [(one["status"], one["excerpt"]) for one in detail["tries"]] == [(500, "broken")]
    assert api("post", f"/webhook-deliveries/{row['id']}/replay/", {}).status_code == 409

    test = api("post", f"/webhooks/{webhook}/test/", {"kind": "response.scored"})
    assert (test.status_code, test.json()["cause"]) == (201, "test")
    drain()
    assert [one for one in receiver.heard if json.loads(one.body)["data"].get("is_test")]
    again = api(
        "post", f"/webhooks/{webhook}/replay/", {"since": "2020-01-01T00:00:00Z", "only_failed": False}
    )
    assert again.json() == {"deliveries": 0}


def test_platforms_subscribe_read_samples_and_unsubscribe(
    receiver: HttpServer, lead: User, drain: Drain
) -> None:
    api = Api(lead)
    invented = api("get", "/webhook-events/response.scored/samples/").json()
    assert invented[0]["data"]["is_test"] is True

    made = api("post", "/hooks/", {"target_url": f"{receiver.url}/z", "event": "response.scored"})
    assert made.status_code == 201
    someone_answers(3)
    drain()
    heard = receiver.heard[0]
    Verifier(made.json()["secret"]).verify(heard.body, heard.headers)
    (sample,) = api("get", "/webhook-events/response.scored/samples/").json()
    assert sample == json.loads(heard.body)

    kinds = [one["kind"] for one in api("get", "/webhook-events/").json()]
    assert "response.scored" in kinds
    assert api("get", "/webhook-events/no.such/samples/").status_code == 404
    ended = api("delete", f"/hooks/{made.json()['id']}/")
    assert (ended.status_code, ended.content) == (204, b"")


def test_every_event_has_an_example_in_the_shape_of_true_ones(lead: User) -> None:
    from integrations.outgoing import catalogue

    for kind, known in catalogue.all_types().items():
        sample = payload.example(kind)
        assert set(sample) == {"id", "type", "timestamp", "data"}
        assert set(sample["data"]["change"]) == set(known.change)
        if known.subject:
            assert sample["data"][known.subject]["id"]


@pytest.mark.parametrize(
    ("name", "serializer"),
    [
        ("response", ResponseSerializer), ("invitation", InvitationSerializer), ("contract", ContractSerializer),
        ("interaction", InteractionSerializer), ("alert", AlertSerializer), ("task", TaskSerializer),
        ("loop", LoopSerializer), ("account", AccountSerializer), ("contact", ContactSerializer),
        ("in_app_message", InAppMessageSerializer),
    ],
)  # fmt: skip
def test_an_example_has_the_fields_that_the_api_has(name: str, serializer: Any) -> None:
    assert set(payload._EXAMPLES[name]) == set(serializer.Meta.fields)


def test_the_documentation_describes_every_event() -> None:
    from pathlib import Path

    from integrations.outgoing import catalogue

    text = (Path(__file__).parents[3] / "docs/webhooks.md").read_text()
    for kind, known in catalogue.all_types().items():
        assert f"| `{kind}` | {known.about} |" in text
        for name, one in known.change.items():
            assert f"`{name}` {one.about}" in text
