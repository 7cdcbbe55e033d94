"""API keys: who may make them, what they may do, how often, and how they end."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import pytest
import time_machine
from django.db import connection
from django.test import Client

from core import clock, ratelimit
from core.errors import Invalid, Refused
from team.authentication import NotAuthenticated, authenticate_key, check_scope, digest, has_scope
from team.domain import ApiScope
from team.models import ApiKey, AuditEntry, User
from team.services import keys
from tests import factories

USERS = "/api/v1/users/"
AUDIT = "/api/v1/audit-entries/"


def get(header: str | None, url: str = USERS, **extra: str):
    headers = {"Authorization": header} if header is not None else {}
    return Client().get(url, headers={**headers, **extra})


def error_of(response) -> dict:
    body = response.json()
    assert set(body) == {"type", "errors"}
    (error,) = body["errors"]
    assert set(error) == {"code", "detail", "attr"}
    return error


@pytest.fixture
def key(csm: User) -> str:
    return factories.an_api_key(csm, "team:read")


# --- Making ----------------------------------------------------------------------------------------------------
def test_a_new_key_is_known_only_by_its_digest(administrator: User, csm: User):
    key, text = keys.create_key(name="Warehouse", user=csm, scopes=["accounts:read"], actor=administrator)

    key.refresh_from_db()
    assert key.digest == digest(text)
    assert text not in str(ApiKey.objects.values())
    assert text not in str(AuditEntry.objects.values())
    assert authenticate_key(f"Bearer {text}")[0] == csm


@pytest.mark.parametrize(("fields", "field"), [
    ({"name": " "}, "name"), ({"scopes": []}, "scopes"), ({"scopes": ["accounts:everything"]}, "scopes"),
    ({"rate_limit": 0}, "rate_limit"), ({"expires_at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, "expires_at"),
])  # fmt: skip
def test_a_key_that_makes_no_sense_is_refused(administrator: User, fields: dict, field: str):
    with pytest.raises(Invalid) as refusal:
        keys.create_key(**{
            "name": "Warehouse", "user": administrator, "scopes": ["accounts:read"], "actor": administrator, **fields,
        })  # fmt: skip

    assert refusal.value.field == field
    assert not ApiKey.objects.exists()


def test_the_key_of_a_viewer_can_only_read(administrator: User, viewer: User):
    with pytest.raises(Refused):
        keys.create_key(name="Wide", user=viewer, scopes=["accounts:write"], actor=administrator)

    assert keys.create_key(name="Narrow", user=viewer, scopes=["accounts:read"], actor=administrator)


# --- Who is asking ---------------------------------------------------------------------------------------------
def test_a_key_opens_the_api_for_its_person(key: str, csm: User):
    response = get(key)

    assert response.status_code == HTTPStatus.OK
    assert [row["email"] for row in response.json()["results"]] == [csm.email]


@pytest.mark.parametrize("header", [
    None, "", "Bearer", "Bearer ", "Bearer null", "Basic abc", "Bearer nps_AAAAAAAA_" + "x" * 43, "bearer nps_x",
    "Bearer nps_AAAAAAAA_" + "x" * 42, "Token nps_AAAAAAAA_" + "x" * 43,
])  # fmt: skip
def test_without_a_good_key_the_answer_is_401(db: None, header: str | None):
    response = get(header)

    assert response.status_code == HTTPStatus.UNAUTHORIZED
    assert response["WWW-Authenticate"] == "Bearer"
    assert error_of(response)["code"] in {"not_authenticated", "unknown_key"}


@pytest.mark.parametrize("change", [
    lambda key: key + " ", lambda key: key + "\n", lambda key: f"{key}, {key}", lambda key: key.replace("Bearer ", "Bearer  "),
    lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
])  # fmt: skip
def test_a_key_that_is_not_exactly_right_is_refused(key: str, change):
    with pytest.raises(NotAuthenticated):
        authenticate_key(change(key))


def test_a_key_in_the_address_is_refused_even_when_it_is_valid(key: str):
    text = key.removeprefix("Bearer ")

    for response in (get(None, f"{USERS}?api_key={text}"), get(key, f"{USERS}?token={text}")):
        assert response.status_code == HTTPStatus.UNAUTHORIZED
        assert error_of(response)["code"] == "key_in_address"


def test_a_revoked_key_is_refused_by_the_next_request(key: str, administrator: User):
    assert get(key).status_code == HTTPStatus.OK

    keys.revoke_key(key=ApiKey.objects.get(), actor=administrator)

    assert error_of(get(key))["code"] == "revoked_key"


def test_an_expired_key_is_refused(csm: User, frozen: time_machine.Traveller):
    key = factories.an_api_key(csm, "team:read", expires_at=clock.now() + dt.timedelta(minutes=1))
    assert get(key).status_code == HTTPStatus.OK

    frozen.shift(60)

    assert error_of(get(key))["code"] == "expired_key"


def test_the_key_of_a_deactivated_person_is_refused(key: str, csm: User):
    User.objects.filter(pk=csm.pk).update(is_active=False)

    assert error_of(get(key))["code"] == "inactive_owner"


def test_a_session_is_no_key(as_administrator: Client):
    assert as_administrator.get(USERS).status_code == HTTPStatus.UNAUTHORIZED


def test_asking_with_a_key_costs_few_queries(key: str, django_assert_num_queries):
    get(key)

    with django_assert_num_queries(1):
        authenticate_key(key)


def test_use_is_noted_at_most_once_a_minute(key: str, frozen: time_machine.Traveller):
    get(key)
    first = ApiKey.objects.get().last_used_at
    frozen.shift(59)
    get(key)
    assert ApiKey.objects.get().last_used_at == first

    frozen.shift(1)
    get(key)

    assert ApiKey.objects.get().last_used_at == first + dt.timedelta(seconds=60)


# --- What it may do --------------------------------------------------------------------------------------------
def test_a_key_needs_the_scope(csm: User):
    response = get(factories.an_api_key(csm, "accounts:read"))

    assert response.status_code == HTTPStatus.FORBIDDEN
    assert error_of(response)["code"] == "missing_scope"
    assert "team:read" in error_of(response)["detail"]


def test_writing_includes_reading_of_the_same_thing():
    key = ApiKey(scopes=["accounts:write"])

    assert has_scope(key, ApiScope.ACCOUNTS_READ)
    assert not has_scope(key, ApiScope.RESPONSES_READ)
    assert not has_scope(ApiKey(scopes=["accounts:read"]), ApiScope.ACCOUNTS_WRITE)


def test_a_person_who_became_a_viewer_writes_no_more(viewer: User):
    key = ApiKey(scopes=["accounts:write"], user=viewer)

    with pytest.raises(Refused) as refusal:
        check_scope(viewer, key, ApiScope.ACCOUNTS_WRITE)

    assert refusal.value.status == HTTPStatus.FORBIDDEN


def test_the_audit_log_is_for_keys_of_administrators(key: str, administrator: User):
    assert get(key, AUDIT).status_code == HTTPStatus.FORBIDDEN
    assert get(factories.an_api_key(administrator, "team:read"), AUDIT).status_code == HTTPStatus.OK


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "trace"])
def test_a_list_that_is_only_read_takes_no_other_method(key: str, method: str):
    response = getattr(Client(), method)(
        USERS, headers={"Authorization": key, "X-HTTP-Method-Override": "GET"},
    )  # fmt: skip

    assert response.status_code in {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.FORBIDDEN}


def test_passwords_are_no_part_of_a_person(key: str):
    (row,) = get(key).json()["results"]

    assert set(row) == {"id", "email", "name", "title", "role", "team", "is_active"}


# --- How often -------------------------------------------------------------------------------------------------
def test_every_answer_tells_the_rate(key: str):
    response = get(key)

    assert response["RateLimit-Limit"] == "100"
    assert response["RateLimit-Remaining"] == "99"
    assert 0 < int(response["RateLimit-Reset"]) <= 60


def test_the_rate_of_a_key_is_exact(csm: User, lead: User):
    key, other = factories.an_api_key(csm, "team:read", rate_limit=3), factories.an_api_key(lead, "team:read")

    answers = [get(key) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert error_of(answers[-1])["code"] == "throttled"
    assert 1 <= int(answers[-1]["Retry-After"]) <= 20
    assert answers[-1]["RateLimit-Remaining"] == "0"
    assert get(other).status_code == HTTPStatus.OK


def test_refused_requests_count_too(csm: User):
    key = factories.an_api_key(csm, "accounts:read", rate_limit=2)

    assert [get(key).status_code for _ in range(3)] == [403, 403, 429]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_three_hundred_at_once_get_no_more_than_the_limit():
    def take(_: int) -> bool:
        try:
            return ratelimit.take("race", limit=100, per_seconds=3600).allowed
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as pool:
        allowed = sum(pool.map(take, range(300)))

    # A token comes back every 36 seconds; a run that takes longer than that may see one.
    assert allowed in {100, 101}


def test_a_bucket_fills_evenly(db: None):
    for _ in range(4):
        ratelimit.take("even", limit=4, per_seconds=3600)
    refused = ratelimit.take("even", limit=4, per_seconds=3600)

    assert not refused.allowed
    assert refused.remaining == 0
    assert 890 < refused.reset_seconds <= 900
