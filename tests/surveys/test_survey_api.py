"""Surveys over the API: the same rules as in the editor, in JSON."""

import json
from typing import Any

import pytest
from django.test import Client

from surveys.models import Survey, SurveyVersion
from team.models import User
from tests import factories
from tests.surveys import hosted

pytestmark = pytest.mark.django_db
LIST = "/api/v1/surveys/"
Call = Any


@pytest.fixture
def call(lead: User) -> Call:
    key = factories.an_api_key(lead, "surveys:read", "surveys:write")

    def send(method: str, url: str, body: Any = None, **headers: str) -> Any:
        return Client(headers={"Authorization": key, **headers}).generic(
            method, url, data=json.dumps(body) if body is not None else "", content_type="application/json"
        )

    return send


def test_a_survey_is_written_and_read_back(call: Call) -> None:
    content = {"subject_name": "Fleetdesk", "languages": {"en": {"question": "Good?"}}}

    made = call(
        "POST", LIST, {"name": "From the API", "external_id": "x1", "content": content, "state": "active"}
    )

    assert made.status_code == 201
    shown = made.json()
    assert (shown["name"], shown["external_id"], shown["state"], shown["version"]) == (
        "From the API",
        "x1",
        "active",
        1,
    )
    assert shown["content"]["languages"]["en"]["question"] == "Good?"
    assert call("GET", f"{LIST}{shown['id']}/").json() == shown
    assert [row["id"] for row in call("GET", LIST + "?external_id=x1").json()["results"]] == [shown["id"]]


def test_all_mistakes_of_the_content_are_named_at_once(call: Call) -> None:
    content = {"brand_colour": "red", "languages": {"en": {"intro": "{{ nope }}"}}}

    refused = call("POST", LIST, {"name": "Bad", "content": content})

    assert refused.status_code == 400
    assert {error["attr"] for error in refused.json()["errors"]} == {
        "content.brand_colour", "content.languages.en.intro",
    }  # fmt: skip
    assert Survey.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"content": {}}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "x", "content": []}, "content"),
        ({"name": "x", "content": {"colour": "red"}}, "content.colour"),
        ({"name": "x", "state": "draft"}, "state"),
    ],
)
def test_a_body_of_another_shape_is_refused(call: Call, body: Any, attr: str) -> None:
    refused = call("POST", LIST, body)

    assert refused.status_code == 400
    assert [error["attr"] for error in refused.json()["errors"]] == [attr]


def test_a_frozen_version_gets_a_successor(call: Call) -> None:
    made = hosted.survey()
    hosted.invitation(asked=made)

    changed = call(
        "PATCH", f"{LIST}{made.pk}/", {"content": {"subject_name": "Newdesk", "languages": {"en": {}}}}
    )

    assert changed.json()["version"] == 2
    assert [version.content["subject_name"] for version in SurveyVersion.objects.order_by("number")] == [
        "Fleetdesk", "Newdesk",
    ]  # fmt: skip


def test_a_stale_change_is_refused(call: Call) -> None:
    made = hosted.survey(state="draft")
    read = call("GET", f"{LIST}{made.pk}/")
    assert (
        call("PATCH", f"{LIST}{made.pk}/", {"name": "First"}, **{"If-Match": read["ETag"]}).status_code == 200
    )

    late = call("PATCH", f"{LIST}{made.pk}/", {"name": "Second"}, **{"If-Match": read["ETag"]})

    assert late.status_code == 412
    assert Survey.objects.get().name == "First"


def test_names_and_external_ids_are_unique(call: Call) -> None:
    call("POST", LIST, {"name": "One", "external_id": "x1"})

    by_name, by_id = (
        call("POST", LIST, {"name": "One"}),
        call("POST", LIST, {"name": "Two", "external_id": "x1"}),
    )

    assert (by_name.status_code, by_name.json()["errors"][0]["attr"]) == (409, "name")
    assert (by_id.status_code, by_id.json()["errors"][0]["attr"]) == (409, "external_id")


def test_the_key_of_a_csm_reads_and_does_not_write(csm: User) -> None:
    made = hosted.survey()
    key = factories.an_api_key(csm, "surveys:read", "surveys:write")
    client = Client(headers={"Authorization": key})

    assert client.get(LIST).status_code == 200
    assert (
        client.patch(f"{LIST}{made.pk}/", {"name": "x"}, content_type="application/json").status_code == 403
    )
    assert Client().get(LIST).status_code == 401
