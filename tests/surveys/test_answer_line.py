"""The door of answers on the connection that its threads share: the same refusals and the same exact rate."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client

from core.models import RateBucket
from surveys.models import Response
from team.authentication import new_key
from team.models import ApiKey
from tests import factories

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


class Door:
    def __init__(self, **columns: Any) -> None:
        text, prefix, digest = new_key()
        self.text = text
        owner = factories.user("lead@example.com", role="lead")
        self.key = ApiKey.objects.create(
            name="door", user=owner, prefix=prefix, digest=digest,
            **{"scopes": ["responses:write"], "rate_limit": 3, **columns},
        )  # fmt: skip
        self.survey = factories.a_survey()

    def send(self, text: str = "", **more: Any) -> Any:
        return Client().post(
            "/api/v1/responses",
            {"survey": self.survey.pk, "score": 9, **more},
            content_type="application/json",
            headers={"Authorization": f"Bearer {text or self.text}"},
        )


def test_the_rate_of_a_key_is_exact_and_told() -> None:
    door = Door(rate_limit=1)  # the next one is a minute away
    factories.a_contact("ann@acme.example", account=factories.an_account())

    taken, refused = (door.send(email="ann@acme.example", external_id=f"x{n}") for n in range(2))

    assert (taken.status_code, refused.status_code) == (201, 429)
    assert (taken.headers["RateLimit-Limit"], taken.headers["RateLimit-Remaining"]) == ("1", "0")
    assert refused.headers["Retry-After"]
    assert Response.objects.count() == 1


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"revoked_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}, "revoked_key"),
        ({"expires_at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, "expired_key"),
    ],
)
def test_a_key_that_is_over_takes_nothing_from_its_rate(columns: dict[str, Any], code: str) -> None:
    door = Door(**columns)

    refused = door.send()

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (401, code)
    assert not RateBucket.objects.filter(key=f"api:{door.key.pk}").exists()


def test_a_wrong_secret_takes_nothing_from_the_rate_of_the_key_it_names() -> None:
    door = Door()
    wrong = door.text[:-1] + ("A" if door.text[-1] != "A" else "B")

    assert door.send(wrong).status_code == 401
    assert not RateBucket.objects.filter(key=f"api:{door.key.pk}").exists()


def test_an_answer_again_changes_nothing_and_a_newer_one_updates() -> None:
    door = Door(rate_limit=100)
    ann = factories.a_contact("ann@acme.example", account=factories.an_account())

    said = {"email": ann.email, "external_id": "x1"}
    results = [
        door.send(**said).json()["result"],
        door.send(**said).json()["result"],
        door.send(**said, score=3, comment="Slow").json()["result"],
        door.send(email="nobody@acme.example", external_id="x2").json()["identity"],
    ]

    assert results == ["created", "unchanged", "updated", "inbox"]
    assert Response.objects.get(external_id="x1").score == 3
