"""Connections over REST: secrets go in and never come out, and only administrators write."""

import json
from typing import Any

import pytest
from django.test import Client

from integrations.models import Connection
from surveys.models import Response, Survey
from team.models import User
from tests import factories
from tests.conftest import Drain
from tests.integrations.engine.fake import Shelf, item
from tests.integrations.vendor import reply


class Api:
    def __init__(self, user: User, *scopes: str) -> None:
        self.client = Client()
        self.key = factories.an_api_key(user, *(scopes or ("connections:write",)), rate_limit=10_000)

    def __call__(self, method: str, path: str, data: Any = None) -> Any:
        sent = {"data": data, "content_type": "application/json"} if data is not None else {}
        return getattr(self.client, method)(f"/api/v1{path}", headers={"Authorization": self.key}, **sent)


def test_a_connection_is_set_up_run_and_ended_over_rest(
    shelf: Shelf, survey: Survey, administrator: User, drain: Drain
) -> None:
    api = Api(administrator)
    shelf.items = [item("a1", 9), item("a2", None)]
    made = api(
        "post", "/connections/",
        {
            "system": "fake", "name": "Mine", "options": {"base": shelf.url}, "secrets": {"token": "sesame"},
            "surveys": [{"remote_id": "s1", "survey": survey.pk}], "history_since": "2026-01-01T00:00:00Z",
        },
    )  # fmt: skip
    assert made.status_code == 201, made.json()
    path = f"/connections/{made.json()['id']}/"
    assert made.json()["state"] == "draft"
    assert made.json()["known_secrets"] == ["token"]
    assert api("post", f"{path}check/", {}).json() == {"connected_to": "Acme"}

    assert api("post", f"{path}activate/", {}).json()["state"] == "active"
    drain()
    (run,) = api("get", f"/sync-runs/?connection={made.json()['id']}").json()["results"]
    assert (run["state"], run["received"], run["created"], run["skipped"]) == ("done", 2, 1, 1)
    (line,) = api("get", f"/sync-run-lines/?run={run['id']}&kind=skipped").json()["results"]
    assert (line["kind"], line["message"]) == ("skipped", "There is no score in it.")
    assert api("post", f"{path}run/", {"since": "2026-03-01T00:00:00Z"}).json()["kind"] == "backfill"
    drain()
    assert api("post", f"{path}pause/", {}).json()["state"] == "paused"
    assert api("post", f"{path}run/", {}).status_code == 409
    assert api("post", f"{path}resume/", {}).json()["state"] == "active"
    drain()

    ended = api("post", f"{path}disconnect/", {}).json()
    assert (ended["state"], ended["known_secrets"]) == ("disconnected", [])
    assert Response.objects.count() == 1


def test_secrets_never_come_out(active: Connection, administrator: User) -> None:
    api = Api(administrator)
    seen = [api("get", path).content.decode() for path in ("/connections/", f"/connections/{active.pk}/")]
    seen.append(
        api("patch", f"/connections/{active.pk}/", {"secrets": {"token": "sesame-2"}}).content.decode()
    )

    assert not any(word in text for text in seen for word in ("sesame", "hook-secret", active.secrets[:20]))
    assert json.loads(seen[1])["known_secrets"] == ["hook", "token"]


def test_who_may_not_administer_may_not_write(active: Connection, lead: User, stranger: User) -> None:
    assert Api(lead)("post", f"/connections/{active.pk}/pause/", {}).status_code == 403
    assert Api(lead)("patch", f"/connections/{active.pk}/", {"secrets": {"token": "x"}}).status_code == 403
    assert Api(lead)("post", f"/connections/{active.pk}/hook/", {}).status_code == 403
    assert Api(lead, "connections:read")("get", f"/connections/{active.pk}/").status_code == 200
    assert Api(stranger, "connections:read")("get", f"/connections/{active.pk}/").status_code == 404
    assert Api(lead, "responses:read")("get", "/connections/").status_code == 403


@pytest.mark.parametrize(
    "data",
    [
        {"options": {"nonsense": "1"}}, {"secrets": {"nonsense": "1"}}, {"options": {"base": "http://127.0.0.1:5432/"}},
        {"options": {"base": "http://169.254.169.254/"}}, {"options": {"base": "file:///etc/passwd"}}, {"zone": "Mars/Base"},
        {"every_minutes": 1}, {"mapping": {"score": ["a", "b"]}}, {"mapping": {"phone": ["a"]}}, {"name": " "},
        {"surveys": [{"remote_id": "s1", "survey": 999_999}]}, {"history_since": "2999-01-01T00:00:00Z"},
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_refused_by_name(
    active: Connection, administrator: User, settings: Any, data: dict[str, Any]
) -> None:
    settings.FETCH_ALLOW = []

    answer = Api(administrator)("patch", f"/connections/{active.pk}/", data)

    assert answer.status_code == 400, answer.json()
    assert answer.json()["errors"][0]["attr"]


def test_a_run_is_stopped_and_a_failed_one_carried_on_over_rest(
    active: Connection, shelf: Shelf, administrator: User, lead: User, drain: Drain
) -> None:
    api = Api(administrator)
    waiting = api("post", f"/connections/{active.pk}/run/", {}).json()
    assert Api(lead)("post", f"/sync-runs/{waiting['id']}/stop/", {}).status_code == 403
    assert api("post", f"/sync-runs/{waiting['id']}/stop/", {}).json()["state"] == "cancelled"
    assert api("post", f"/sync-runs/{waiting['id']}/stop/", {}).status_code == 409

    shelf.items = [item(f"a{n}", at="2026-03-17T09:59:30Z") for n in range(4)]
    shelf.vendor.fail(reply("nonsense"))
    failed = api("post", f"/connections/{active.pk}/run/", {}).json()
    drain()
    assert api("get", f"/sync-runs/{failed['id']}/").json()["state"] == "failed"
    onward = api("post", f"/sync-runs/{failed['id']}/carry-on/", {})
    drain()

    assert (onward.status_code, onward.json()["continues"]) == (201, failed["id"])
    assert api("get", f"/sync-runs/{onward.json()['id']}/").json()["state"] == "done"
    assert api("post", f"/sync-runs/{failed['id']}/carry-on/", {}).status_code == 409
    assert Response.objects.count() == 4


def test_the_door_stands_in_the_description_of_the_api(client: Client, db: None) -> None:
    from drf_spectacular.generators import SchemaGenerator

    described = SchemaGenerator().get_schema(request=None, public=True)

    door = described["paths"]["/api/v1/ingest/{token}"]["post"]
    assert door["security"] == [{}]
    assert {"200", "401", "404", "413", "415", "503"} <= set(door["responses"])
    for path in ("/connections/", "/sync-runs/{id}/stop/", "/sync-run-lines/", "/inbox/bulk/", "/merges/"):
        assert f"/api/v1{path}" in described["paths"]


def test_the_door_of_the_api_takes_deliveries(
    client: Client, administrator: User, survey: Survey, drain: Drain
) -> None:
    api = Api(administrator)
    made = api(
        "post", "/connections/",
        {
            "system": "webhook", "surveys": [{"remote_id": "", "survey": survey.pk}],
            "mapping": {"answer_id": ["id"], "score": ["nps"]},
        },
    ).json()  # fmt: skip
    api("post", f"/connections/{made['id']}/activate/", {})
    url = api("post", f"/connections/{made['id']}/hook/", {}).json()["url"]
    token = url.rstrip("/").rpartition("/")[2]

    sent = client.post(f"/api/v1/ingest/{token}", {"id": "r1", "nps": 10}, content_type="application/json")
    unknown = client.post("/api/v1/ingest/nonsense", {}, content_type="application/json")
    drain()

    assert (sent.status_code, unknown.status_code) == (200, 404)
    assert Response.objects.get().score == 10
