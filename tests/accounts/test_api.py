"""The REST resources of customers: shapes, refusals, row scope, bulk."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, Contact, Contract, Event, Interaction, MetricPoint, Segment
from accounts.services import fields
from team.models import RoleScope, User
from tests import factories


class Api:
    """A client of the API with one key."""

    def __init__(self, user: User, *scopes: str) -> None:
        self.client = Client()
        self.key = factories.an_api_key(user, *(scopes or ("accounts:write",)), rate_limit=10_000)

    def __call__(self, method: str, path: str, data: Any = None, **headers: str) -> Any:
        sent = {"data": data, "content_type": "application/json"} if data is not None else {}
        return getattr(self.client, method)(
            f"/api/v1{path}", headers={"Authorization": self.key, **headers}, **sent
        )


@pytest.fixture
def api() -> Callable[..., Api]:
    return Api


def refusal(response: Any) -> tuple[int, str | None, str]:
    (error,) = response.json()["errors"]
    return response.status_code, error["attr"], error["code"]


# --- Access --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "path",
    [
        "/accounts/", "/contacts/", "/segments/", "/events/", "/contracts/", "/interactions/", "/metrics/",
        "/metric-points/", "/stages/", "/custom-fields/",
    ],
)  # fmt: skip
def test_every_list_needs_a_key_and_its_scope(lead: User, api: Any, path: str) -> None:
    assert Client().get(f"/api/v1{path}").status_code == 401
    assert api(lead, "surveys:read")("get", path).status_code == 403
    # The first configuration of health lays down the metrics that it reads.
    listed = api(lead, "accounts:read")("get", path).json()
    laid_down = {"active_users", "open_tickets"} if path == "/metrics/" else set()
    assert {row.get("key") for row in listed["results"]} == laid_down
    assert api(lead, "accounts:read")("post", path, {}).status_code in {403, 405}


def test_a_viewers_key_reads_and_does_not_write(viewer: User, api: Any) -> None:
    assert api(viewer)("get", "/accounts/").status_code == 200
    assert api(viewer)("post", "/accounts/", {"name": "Acme"}).status_code == 403


def test_rows_outside_sight_are_not_there(csm: User, stranger: User, api: Any) -> None:
    account = factories.an_account(owner=stranger)
    contact = factories.a_contact(account=account)
    contract = Contract.objects.create(account=account, starts_on="2026-01-01", ends_on="2026-12-31", arr=1)
    call = api(csm)

    for path in (f"/accounts/{account.pk}/", f"/contacts/{contact.pk}/", f"/contracts/{contract.pk}/"):
        missing = call("get", path.replace(f"/{path.split('/')[2]}/", "/999999/"))
        assert (call("get", path).status_code, call("get", path).json()) == (404, missing.json())
        assert call("patch", path, {"note": "x"}).status_code == 404
    for path in ("/accounts/", "/contacts/", "/contracts/", "/events/"):
        assert call("get", path).json()["results"] == []


@pytest.mark.parametrize(("scope", "count"), [("own", 1), ("team", 2), ("all", 3)])
def test_lists_follow_the_row_scope_of_the_keys_person(
    csm: User, stranger: User, api: Any, scope: str, count: int
) -> None:
    RoleScope.objects.create(role="csm", scope=scope)
    for owner in (csm, factories.user("mate@example.com", team=csm.team), stranger):
        factories.an_account(f"Of {owner.pk}", owner=owner)
    segment = Segment.objects.create(name="All", target="account", conditions={})
    call = api(csm)

    assert len(call("get", "/accounts/").json()["results"]) == count
    assert len(call("get", f"/accounts/?saved={segment.pk}").json()["results"]) == count
    assert call("get", f"/segments/{segment.pk}/count/").json() == {"count": count}


# --- Accounts ------------------------------------------------------------------------------------------------
def test_an_account_is_created_read_changed_and_found(lead: User, csm: User, api: Any) -> None:
    call = api(lead)
    made = call(
        "post",
        "/accounts/",
        {"name": "Acme", "external_id": "A-1", "arr": "1200.50", "owner_email": csm.email},
    )
    assert made.status_code == 201
    pk = made.json()["id"]

    changed = call("patch", f"/accounts/{pk}/", {"plan": "Scale"})

    assert changed.json() | {"updated_at": ""} == made.json() | {"plan": "Scale", "updated_at": ""}
    assert changed.json()["arr"] == "1200.50"
    assert changed.json()["owner"] == csm.pk
    for query in (
        "q=acme",
        "plan=Scale,Free",
        f"owner={csm.pk}",
        "external_id=A-1",
        "updated_since=2020-01-01T00:00:00Z",
    ):
        assert [row["id"] for row in call("get", f"/accounts/?{query}").json()["results"]] == [pk]
    assert call("get", "/accounts/?plan=Free").json()["results"] == []


def test_an_upsert_creates_once_and_leaves_what_is_not_sent(lead: User, api: Any) -> None:
    call = api(lead)
    path = "/accounts/by-external-id/A%201/"

    assert call("get", path).status_code == 404
    assert call("put", path, {"name": "Acme", "plan": "Scale"}).status_code == 201
    assert call("put", path, {"city": "Köln"}).status_code == 200

    account = Account.objects.get()
    assert (account.external_id, account.plan, account.city) == ("A 1", "Scale", "Köln")
    assert refusal(call("put", path, {"external_id": "B"})) == (400, "external_id", "invalid")


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x", "owner": 999999}, "owner"),
        ({"name": "x", "owner_email": "nobody@example.com"}, "owner_email"),
        ({"name": "x", "stage": 999999}, "stage"),
        ({"name": "x", "parent": 2**63 - 1}, "parent"),
        ({"name": "x", "arr": "1e400"}, "arr"),
        ({"name": "x", "seats": 1.5}, "seats"),
        ({"name": "x", "seats": True}, "seats"),
        ({"name": "x", "custom": "text"}, "custom"),
        ({"name": "x", "id": 7}, "id"),
        ({"name": "x", "created_at": "2020-01-01T00:00:00Z"}, "created_at"),
        ({"name": "x", "owner__password": "x"}, "owner__password"),
        ({"name": ["x"]}, "name"),
    ],
)
def test_a_bad_body_is_refused_by_field_and_nothing_is_written(
    lead: User, api: Any, body: Any, attr: str
) -> None:
    response = api(lead)("post", "/accounts/", body)

    assert (response.status_code, response.json()["errors"][0]["attr"]) == (400, attr)
    assert not Account.objects.exists()


@pytest.mark.parametrize("body", [[], "text", 1, None, True])
def test_a_body_that_is_no_object_is_refused(lead: User, api: Any, body: Any) -> None:
    import json

    response = api(lead)("post", "/accounts/", json.dumps(body))

    assert response.status_code == 400
    assert not Account.objects.exists()


def test_a_foreign_id_in_a_body_is_refused_like_one_that_does_not_exist(
    csm: User, stranger: User, api: Any
) -> None:
    foreign = factories.an_account("Foreign", owner=stranger, external_id="F")
    foreign_contact = factories.a_contact(account=foreign)
    mine = factories.an_account("Mine", owner=csm)
    call = api(csm)

    def compare(path: str, body: dict[str, Any], field: str, missing: Any) -> None:
        real = call("post", path, body)
        fake = call("post", path, {**body, field: missing})
        assert (real.status_code, real.json()) == (fake.status_code, fake.json())
        assert real.status_code == 400

    compare("/accounts/", {"name": "x", "parent": foreign.pk}, "parent", 999999)
    compare("/contacts/", {"email": "a@b.example", "account": foreign.pk}, "account", 999999)
    compare("/contacts/", {"email": "a@b.example", "account_external_id": "F"}, "account_external_id", "none")
    note = {"account": mine.pk, "kind": "note", "body": "x"}
    compare("/interactions/", {**note, "account": foreign.pk}, "account", 999999)
    compare("/interactions/", {**note, "contact": foreign_contact.pk}, "contact", 999999)
    assert (Account.objects.count(), Contact.objects.count(), Interaction.objects.count()) == (2, 1, 0)


def test_a_stale_etag_is_refused(lead: User, api: Any) -> None:
    account = factories.an_account()
    call = api(lead)
    etag = call("get", f"/accounts/{account.pk}/")["ETag"]
    first = call("patch", f"/accounts/{account.pk}/", {"plan": "Scale"}, **{"If-Match": etag})

    second = call("patch", f"/accounts/{account.pk}/", {"plan": "Free"}, **{"If-Match": etag})

    assert (first.status_code, refusal(second)[:1], refusal(second)[2]) == (200, (412,), "stale")
    assert (
        call("patch", f"/accounts/{account.pk}/", {"plan": "Free"}, **{"If-Match": first["ETag"]}).status_code
        == 200
    )


@pytest.mark.parametrize(
    "query",
    [
        "?owner__password__startswith=pbkdf2", "?ordering=owner__password", "?page_size=10000000", "?cursor=x",
        "?owner=x", "?account=1e9", "?saved=-1", "?updated_since=2026-02-30", "?expand=owner",
    ],
)  # fmt: skip
def test_a_query_that_is_not_known_is_refused(lead: User, api: Any, query: str) -> None:
    assert api(lead)("get", f"/accounts/{query}").status_code == 400


def test_lists_page_by_cursor_without_repeats(lead: User, api: Any) -> None:
    Account.objects.bulk_create([Account(name="Same") for _ in range(5)])
    call = api(lead)

    first = call("get", "/accounts/?ordering=name&page_size=2").json()
    seen = [row["id"] for row in first["results"]]
    url = first["next"]
    while url:
        page = call("get", url.partition("/api/v1")[2]).json()
        seen += [row["id"] for row in page["results"]]
        url = page["next"]

    assert len(seen) == len(set(seen)) == 5


# --- Contacts ------------------------------------------------------------------------------------------------
def test_a_duplicate_address_is_a_conflict(lead: User, api: Any) -> None:
    call = api(lead)
    assert call("post", "/contacts/", {"email": "Ann@acme.example"}).status_code == 201

    assert refusal(call("post", "/contacts/", {"email": "ann@ACME.example"})) == (409, "email", "email_taken")
    assert [r["email"] for r in call("get", "/contacts/?email=ANN@acme.example").json()["results"]] == [
        "Ann@acme.example"
    ]


def test_contacts_are_written_in_bulk_each_with_its_result(csm: User, stranger: User, api: Any) -> None:
    mine = factories.an_account("Mine", owner=csm, external_id="M")
    theirs = factories.an_account("Theirs", owner=stranger)
    factories.a_contact("known@x.example", account=mine, external_id="K")
    fields.create_custom_field(target="contact", label="Level", type="number", actor=None)

    response = api(csm)(
        "post",
        "/contacts/bulk/",
        [
            {"external_id": "K", "email": "known@x.example", "first_name": "Known"},
            {"email": "new@x.example", "account_external_id": "M", "custom": {"level": 3}},
            {"email": "third@x.example", "account": mine.pk},
            {"email": "f@x.example", "account": theirs.pk},
            {"email": "bad"},
            {"email": "x@x.example", "role": "king"},
            {"email": "y@x.example", "unknown": 1},
            "text",
            {"email": "z@x.example", "custom": {"level": "high"}},
        ],
    )

    body = response.json()
    assert response.status_code == 200
    assert [body[key] for key in ("created", "updated", "unchanged", "refused")] == [2, 1, 0, 6]
    assert [(r["index"], r["status"]) for r in body["results"][:3]] == [
        (0, "updated"),
        (1, "created"),
        (2, "created"),
    ]
    assert [(r["index"], r["errors"][0]["attr"]) for r in body["results"][3:]] == [
        (3, "account"), (4, "email"), (5, "role"), (6, "unknown"), (7, "non_field_errors"), (8, "custom.level"),
    ]  # fmt: skip
    assert Contact.objects.get(email="new@x.example").custom == {"level": 3}


def test_a_bulk_call_is_bounded_and_counts_once(csm: User) -> None:
    call = Api(csm)
    call.key = factories.an_api_key(csm, "accounts:write", rate_limit=3)

    too_many = call("post", "/contacts/bulk/", [{"email": f"p{n}@x.example"} for n in range(1001)])
    nothing = call("post", "/contacts/bulk/", [])
    full = call("post", "/contacts/bulk/", [{"email": f"p{n}@x.example"} for n in range(1000)])

    assert (too_many.status_code, nothing.status_code, full.json()["created"]) == (413, 400, 1000)
    assert full["RateLimit-Remaining"] == "0"
    assert call("get", "/contacts/").status_code == 429


# --- The rest ------------------------------------------------------------------------------------------------
def test_a_segment_is_kept_counted_and_refused_when_it_cannot_run(lead: User, api: Any) -> None:
    factories.an_account(plan="Scale")
    call = api(lead)
    tree = {"all": [{"field": "plan", "op": "in", "value": ["Scale"]}]}

    made = call("post", "/segments/", {"name": "Scale", "target": "account", "conditions": tree})
    bad = call("post", "/segments/", {"name": "Bad", "target": "account", "conditions": {"all": [{"field": "password", "op": "is", "value": "x"}]}})  # fmt: skip

    assert made.status_code == 201
    assert refusal(bad) == (400, "conditions", "bad_condition")
    pk = made.json()["id"]
    assert call("get", f"/segments/{pk}/count/").json() == {"count": 1}
    assert call("patch", f"/segments/{pk}/", {"name": "Scale plan"}).json()["name"] == "Scale plan"
    assert call("delete", f"/segments/{pk}/").status_code == 204
    assert call("delete", f"/segments/{pk}/").status_code == 404


def test_events_tell_what_happened_without_names(lead: User, api: Any) -> None:
    call = api(lead)
    call("post", "/contacts/", {"email": "ann@acme.example", "first_name": "Ann"})

    (event,) = call("get", "/events/?kind=contact.created").json()["results"]

    assert (event["kind"], event["actor"], event["origin"]) == ("contact.created", lead.pk, "live")
    assert "ann" not in str(event).lower()
    assert call("get", f"/events/{event['id']}/").json() == event
    assert call("delete", f"/events/{event['id']}/").status_code == 405
    assert Event.objects.count() == 1


def test_a_contract_is_added_and_gets_its_outcome(lead: User, api: Any, frozen: Any) -> None:
    account = factories.an_account(currency="EUR")
    call = api(lead)
    body = {
        "account": account.pk,
        "starts_on": "2025-04-01",
        "ends_on": "2026-03-31",
        "arr": "900",
        "currency": "EUR",
    }

    contract = call("post", "/contracts/", body).json()
    done = call(
        "post", f"/contracts/{contract['id']}/outcome/", {"outcome": "renewed", "outcome_on": "2026-03-01"}
    )

    account.refresh_from_db()
    assert (account.arr, done.json()["outcome_on"]) == (Decimal("900.00"), "2026-03-01")
    assert refusal(call("post", "/contracts/", {**body, "ends_on": "2020-01-01"}))[:2] == (400, "ends_on")
    assert refusal(call("post", f"/contracts/{contract['id']}/outcome/", {"outcome": "lost"}))[:2] == (
        400,
        "outcome",
    )


def test_an_interaction_is_logged_and_corrected(lead: User, api: Any) -> None:
    account = factories.an_account()
    call = api(lead)

    made = call(
        "post", "/interactions/", {"account": account.pk, "kind": "call", "body": "Slow\nreports"}
    ).json()
    changed = call("patch", f"/interactions/{made['id']}/", {"outcome": "Fixed"})

    assert (changed.json()["body"], changed.json()["outcome"]) == ("Slow\nreports", "Fixed")


def test_points_are_put_all_or_none(lead: User, csm: User, stranger: User, api: Any) -> None:
    mine, theirs = (
        factories.an_account("Mine", owner=csm, external_id="M"),
        factories.an_account("T", owner=stranger),
    )
    api(lead)("post", "/metrics/", {"key": "seats_used"})
    call = api(csm)

    def point(**where: Any) -> dict[str, Any]:
        return {"metric": "seats_used", "value": "5", "observed_at": "2026-01-01T00:00:00Z", **where}

    refused = call("post", "/metric-points/", [point(account=mine.pk), point(account=theirs.pk)])
    stored = call("post", "/metric-points/", [point(account=mine.pk), point(account_external_id="M")])

    assert refused.status_code == 400
    assert stored.json() == {"stored": 1, "unchanged": 1}
    assert MetricPoint.objects.count() == 1
    assert call("post", "/metric-points/", [{**point(account=mine.pk), "metric": "none"}]).status_code == 400
