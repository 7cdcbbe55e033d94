"""Every resource takes an `Idempotency-Key` on POST: the same request twice has one effect and one answer."""

import json
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, Contact
from team.models import User
from tests import factories
from workflows.models import Task

CASES = {
    "tasks": (
        Task,
        lambda user: {"title": "Call back", "assignee": user.pk},
        lambda user: {"title": "Write", "assignee": user.pk},
    ),
    "contacts/bulk": (
        Contact,
        lambda user: [{"email": "new@x.example", "first_name": "Ann"}],
        lambda user: [{"email": "other@x.example"}],
    ),
    "accounts": (Account, lambda user: {"name": "Acme"}, lambda user: {"name": "Nordwind"}),
}


@pytest.fixture
def post(lead: User):
    key = factories.an_api_key(lead, "work:write", "accounts:write", rate_limit=1000)

    def send(path: str, body: Any) -> Any:
        headers = {"Authorization": key, "Idempotency-Key": "once"}
        return Client().post(
            f"/api/v1/{path}/", json.dumps(body), content_type="application/json", headers=headers
        )

    return send


@pytest.mark.parametrize("path", CASES)
def test_a_repeated_request_is_done_once_and_gets_the_first_answer(post: Any, lead: User, path: str) -> None:
    model, body, _ = CASES[path]

    first, second = post(path, body(lead)), post(path, body(lead))

    assert first.status_code < HTTPStatus.MULTIPLE_CHOICES
    assert (second.status_code, second.json()) == (first.status_code, first.json())
    assert second["Idempotency-Replayed"] == "true"
    assert model.objects.count() == 1


@pytest.mark.parametrize("path", CASES)
def test_the_same_key_with_another_body_is_refused(post: Any, lead: User, path: str) -> None:
    model, body, other = CASES[path]
    post(path, body(lead))

    response = post(path, other(lead))

    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert model.objects.count() == 1


def test_a_resource_without_post_says_so(post: Any) -> None:
    assert post("alerts", {}).status_code == HTTPStatus.METHOD_NOT_ALLOWED
