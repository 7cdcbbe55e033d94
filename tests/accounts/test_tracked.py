"""What other systems tell: kept once, on the timeline, refused clearly."""

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from accounts.models import Event, EventRelay, TrackedEvent
from accounts.services import tracked
from core.errors import Invalid
from team.models import ApiKey, User
from tests import factories
from tests.accounts.test_api import Api, refusal

pytestmark = pytest.mark.django_db


@pytest.fixture
def call(lead: User) -> Api:
    return Api(lead)


def test_an_event_is_kept_and_on_the_timeline(call: Api) -> None:
    account = factories.an_account()
    contact = factories.a_contact(account=account, external_id="U-1")
    body = {
        "name": "ticket_solved", "email": "ANN@acme.example", "occurred_at": "2026-01-05T10:00:00Z",
        "external_id": "T-7", "data": {"agent": "Ida", "minutes": 12.5, "first": True, "note": None},
    }  # fmt: skip

    response = call("post", "/events/", body)

    assert response.status_code == 201
    shown = response.json()
    assert {key: shown[key] for key in ("name", "account", "contact", "external_id", "occurred_at", "data")} == {
        "name": "ticket_solved", "account": account.pk, "contact": contact.pk, "external_id": "T-7",
        "occurred_at": "2026-01-05T10:00:00Z", "data": body["data"],
    }  # fmt: skip
    assert shown["source"] == ApiKey.objects.get().name
    event = Event.objects.get(kind="tracked")
    assert (event.contact, event.account, event.data) == (contact, account, {"name": "ticket_solved"})
    assert event.occurred_at == dt.datetime(2026, 1, 5, 10, tzinfo=dt.UTC)
    assert event.subject_id == response.json()["id"]


def test_told_twice_it_is_one(call: Api) -> None:
    factories.a_contact()
    body = {"name": "purchase", "email": "ann@acme.example", "external_id": "P-1", "source": "shop"}

    codes = [call("post", "/events/", body).status_code for _ in range(2)]
    other_source = call("post", "/events/", body | {"source": "erp"})

    assert (codes, other_source.status_code) == ([201, 200], 201)
    assert TrackedEvent.objects.count() == Event.objects.filter(kind="tracked").count() == 2


def test_an_idempotency_key_repeats_the_answer(call: Api) -> None:
    factories.a_contact()
    body = {"name": "purchase", "email": "ann@acme.example"}

    first, second = (call("post", "/events/", body, **{"Idempotency-Key": "k-1"}) for _ in range(2))

    assert first.json() == second.json()
    assert TrackedEvent.objects.count() == 1


def test_it_can_happen_to_an_account(call: Api) -> None:
    account = factories.an_account(external_id="A-1")

    assert call("post", "/events/", {"name": "upgraded", "account_external_id": "A-1"}).status_code == 201
    assert TrackedEvent.objects.get().account == account


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"email": "ann@acme.example"}, (400, "name", "required")),
        ({"name": " ", "email": "ann@acme.example"}, (400, "name", "blank")),
        ({"name": "x"}, (400, "contact", "required")),
        ({"name": "x", "email": "nobody@acme.example"}, (422, "email", "not_found")),
        ({"name": "x", "email": "no address"}, (422, "email", "not_found")),
        ({"name": "x", "contact": 2**62}, (422, "contact", "not_found")),
        ({"name": "x", "contact": 1, "email": "ann@acme.example"}, (400, "email", "ambiguous")),
        ({"name": "x", "account_external_id": "none"}, (422, "account_external_id", "not_found")),
        ({"occurred_at": "2999-01-01T00:00:00Z"}, (400, "occurred_at", "invalid")),
        ({"occurred_at": "1970-01-01T00:00:00Z"}, (400, "occurred_at", "invalid")),
        ({"occurred_at": "yesterday"}, (400, "occurred_at", "invalid")),
        ({"data": []}, (400, "data", "invalid")),
        ({"data": {"a": {"b": 1}}}, (400, "data.a", "invalid")),
        ({"data": {"a": [1]}}, (400, "data.a", "invalid")),
        ({"data": {f"k{n}": n for n in range(51)}}, (400, "data", "invalid")),
        ({"data": {"a": "x" * 1001}}, (400, "data.a", "invalid")),
        ({"data": {f"k{n}": "x" * 900 for n in range(10)}}, (400, "data", "invalid")),
        ({"data": {"a": 2**60}}, (400, "data.a", "invalid")),
        ({"data": {" ": 1}}, (400, "data", "invalid")),
        ({"speed": 1}, (400, "speed", "unknown_field")),
    ],
)
def test_what_cannot_be_kept_is_refused(
    call: Api, body: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    factories.a_contact()
    if "name" not in body and "email" not in body:
        body = {"name": "x", "email": "ann@acme.example"} | body

    assert refusal(call("post", "/events/", body)) == expected
    assert not TrackedEvent.objects.exists()


def test_many_at_once_each_with_its_result(call: Api) -> None:
    factories.a_contact()

    body = call(
        "post",
        "/events/bulk/",
        [
            {"name": "a", "email": "ann@acme.example", "external_id": "1"},
            {"name": "a", "email": "ann@acme.example", "external_id": "1"},
            {"name": "b", "email": "nobody@acme.example", "external_id": "2"},
            {"name": "c", "email": "ann@acme.example", "data": {"x": []}},
            "text",
            {"name": "d", "email": "ann@acme.example"},
        ],
    ).json()

    assert [row["status"] for row in body["results"]] == [
        "created", "unchanged", "refused", "refused", "refused", "created",
    ]  # fmt: skip
    assert body["results"][2]["errors"][0]["attr"] == "email"
    assert TrackedEvent.objects.count() == 2
    assert EventRelay.objects.filter(event__kind="tracked").count() == 2
    assert call("post", "/events/bulk/", [{}] * 1001).status_code == 413


def test_people_out_of_sight_are_not_there(csm: User, stranger: User) -> None:
    theirs = factories.an_account("Theirs", owner=stranger)
    contact = factories.a_contact(account=theirs)

    assert refusal(Api(csm)("post", "/events/", {"name": "x", "contact": contact.pk})) == (
        422,
        "contact",
        "not_found",
    )


def test_a_merged_person_is_the_one_they_were_merged_into(call: Api) -> None:
    survivor = factories.a_contact("ann@acme.example")
    loser = factories.a_contact("old@acme.example", merged_into=survivor, external_id="OLD")

    assert (
        call("post", "/events/", {"name": "x", "contact_external_id": "OLD"}).json()["contact"] == survivor.pk
    )
    assert call("post", "/events/", {"name": "x", "contact": loser.pk}).json()["contact"] == survivor.pk


def test_the_timeline_shows_it_with_what_came_along(as_lead: Client) -> None:
    account = factories.an_account()
    contact = factories.a_contact(account=account)
    told = tracked.Told(
        name="ticket_solved", source="desk", contact=contact, data={"agent": "<b>Ida</b>", "calls": 0}
    )
    tracked.track(told=[told])

    page = as_lead.get(f"/accounts/{account.pk}/").content.decode()

    assert "ticket_solved" in page
    assert "&lt;b&gt;Ida&lt;/b&gt;" in page


def test_text_is_cleaned_and_endless_numbers_refused() -> None:
    assert tracked.check_data({" a\x00 ": "x\x07y"}) == {"a": "xy"}
    with pytest.raises(Invalid, match="finite"):
        tracked.check_data({"a": float("nan")})


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_same_told_by_many_at_once_is_one() -> None:
    contact = factories.a_contact()
    barrier = threading.Barrier(6)
    made: list[bool] = []

    def run() -> None:
        barrier.wait()
        told = tracked.Told(name="x", source="s", contact=contact, external_id="1")
        made.append(tracked.track(told=[told])[0].is_new)
        connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert sorted(made) == [False] * 5 + [True]
    assert TrackedEvent.objects.count() == 1
