"""The plumbing of the API: reading strictly, refusing in one shape, paging, doing things once."""

import json
from http import HTTPStatus
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.http import HttpRequest
from django.test import Client
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from core import api, idempotency, ratelimit
from core.errors import Invalid, Refused
from core.models import IdempotencyKey, RateBucket
from team.authentication import HasScope
from team.domain import ApiScope
from team.models import Team, User
from tests import factories

requests = APIRequestFactory()


class EchoSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=80)
    size = serializers.IntegerField(min_value=0, required=False)


class Echo(api.ApiViewSet):
    """Answers what it read, and makes a team of every name: something to count."""

    scopes = {"read": ApiScope.TEAM_READ, "write": ApiScope.WORK_WRITE}
    serializer_class = EchoSerializer

    def create(self, request: Any) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        name = serializer.validated_data["name"]
        if name == "refused":
            raise Refused("Choose another name.", field="name", code="name_taken")
        if name == "broken":
            raise RuntimeError("the secret inside")
        team = Team.objects.create(name=name)
        return Response({"id": team.pk, "name": team.name}, status=HTTPStatus.CREATED)


@pytest.fixture
def key(csm: User) -> str:
    return factories.an_api_key(csm, "work:write", rate_limit=1000)


@pytest.fixture
def send(key: str):
    view = Echo.as_view({"post": "create"})

    def post(body: bytes | Any, content_type: str = "application/json", path: str = "/echo/", **headers: str):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = requests.generic(
            "POST", path, raw, content_type=content_type, headers={"Authorization": key, **headers}
        )
        response = view(request)
        if hasattr(response, "render"):
            response.render()
        response.json = lambda: json.loads(response.content)
        return response

    return post


def errors_of(response: Any) -> list[dict[str, Any]]:
    body = json.loads(response.content)
    assert set(body) == {"type", "errors"}
    assert all(set(error) == {"code", "detail", "attr"} for error in body["errors"])
    return body["errors"]


# --- Reading ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("body", "trouble"), [
    (b'{"name": "a", "name": "b"}', 'The name "name" occurs twice'),
    (b'{"name": NaN}', "NaN is not a JSON number"),
    (b'{"name": -Infinity}', "-Infinity is not"),
    (b'{"size": 1e309}', "1e309 is too large"),
    (b'{"size": 9223372036854775808}', "does not fit into 64 bits"),
    (b'{"size": ' + b"9" * 5000 + b"}", "does not fit into 64 bits"),
    (b'{"name": "\\ud800"}', "half a surrogate pair"),
    (b"[" * 51 + b"]" * 51, "more than 50 levels"),
    (b"[" * 100_000, "more than 50 levels"),
    (b'{"name": ', "line 1, column 10"),
    (b'{"name": "a"} trailing', "not valid JSON"),
    (b'{"name": "\xff"}', "not UTF-8"),
    (b'{"name": "raw \x00"}', "not valid JSON"),
])  # fmt: skip
def test_json_that_parsers_disagree_about_is_refused(send, body: bytes, trouble: str):
    response = send(body)

    assert response.status_code == HTTPStatus.BAD_REQUEST
    (error,) = errors_of(response)
    assert error["code"] == "parse_error"
    assert trouble in error["detail"]
    assert not Team.objects.filter(name="a").exists()


def test_fifty_levels_are_read():
    assert api.read_json(b"[" * 50 + b"]" * 50)


def test_the_number_zero_of_every_kind_is_read():
    assert api.read_json(b"[0, -0.0, 1e-400, 9223372036854775807]") == [0, 0.0, 0.0, 2**63 - 1]


def test_nul_characters_are_taken_out_and_other_signs_kept(send):
    response = send('{"name": "a\\u0000b \\ud83d\\ude00 \u202e עברית"}'.encode())

    assert response.status_code == HTTPStatus.CREATED
    assert response.json()["name"] == "ab 😀 \u202e עברית"


@pytest.mark.parametrize("content_type", [
    "application/json; charset=utf-16", "text/plain", "application/xml", "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded", "application/json; charset=bz2",
])  # fmt: skip
def test_only_json_in_utf8_is_taken(send, content_type: str):
    response = send(b'{"name": "a"}', content_type)

    assert response.status_code == HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    assert errors_of(response)


def test_utf8_may_be_named(send):
    assert send(b'{"name": "a"}', 'application/json; charset="UTF-8"').status_code == HTTPStatus.CREATED


def test_ten_megabytes_are_refused(send):
    response = send(b'{"name": "' + b"x" * 10_000_000 + b'"}')

    assert response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert errors_of(response)[0]["code"] == "too_large"


@pytest.mark.parametrize("body", [[], "text", 7, None, True, [{"name": "a"}]])
def test_something_else_than_an_object_is_refused(send, body: Any):
    response = send(body)

    assert response.status_code == HTTPStatus.BAD_REQUEST
    assert errors_of(response)


# --- Refusing --------------------------------------------------------------------------------------------------
def test_wrong_fields_are_named(send):
    response = send({"size": -1})

    assert response.json()["type"] == "validation_error"
    assert {(error["attr"], error["code"]) for error in errors_of(response)} == {
        ("name", "required"), ("size", "min_value"),
    }  # fmt: skip


def test_a_refusal_keeps_its_code_field_and_status(send):
    response = send({"name": "refused"})

    assert response.status_code == HTTPStatus.CONFLICT
    assert errors_of(response) == [{"code": "name_taken", "detail": "Choose another name.", "attr": "name"}]


def test_a_failure_tells_nothing_of_its_inside(send):
    response = send({"name": "broken"})

    assert response.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert "secret" not in response.content.decode()
    assert errors_of(response)


@pytest.mark.parametrize("path", ["/api/v0/", "/api/schema", "/api/v1/nothing/", "/api/v1/users/999999/x"])
def test_an_address_that_does_not_exist_answers_in_the_same_shape(client: Client, db: None, path: str):
    for response in (client.get(path), client.post(path, {}, content_type="application/json")):
        assert response.status_code == HTTPStatus.NOT_FOUND
        assert errors_of(response)[0]["code"] == "not_found"


def test_a_view_without_scopes_lets_nobody_in(key: str):
    class Open(api.ApiView):
        permission_classes = [HasScope]

        def get(self, request: HttpRequest) -> Response:
            return Response({})

    response = Open.as_view()(requests.get("/", headers={"Authorization": key}))

    assert response.status_code == HTTPStatus.FORBIDDEN


# --- Lists -----------------------------------------------------------------------------------------------------
USERS = "/api/v1/users/"


@pytest.fixture
def get(csm: User):
    header = factories.an_api_key(csm, "team:read", rate_limit=1000)

    def fetch(url: str = USERS, **params: Any):
        return Client().get(url, params, headers={"Authorization": header})

    return fetch


def names(response: Any) -> list[str]:
    return [row["name"] for row in response.json()["results"]]


def test_pages_follow_each_other_without_gap_or_repetition(get):
    for number in range(7):
        factories.user(f"p{number}@example.com", name=["Same", "Other"][number % 2])
    expected = names(get(page_size=500, ordering="-name"))

    found, response = [], get(page_size=2, ordering="-name")
    while True:
        found += [row["id"] for row in response.json()["results"]]
        if response.json()["next"] is None:
            break
        response = get(response.json()["next"])

    assert len(found) == len(set(found)) == len(expected) == 8
    assert expected == sorted(expected, reverse=True)


def test_rows_added_meanwhile_repeat_none(get):
    for number in range(4):
        factories.user(f"p{number}@example.com", name=f"N{number}")
    first = get(page_size=2, ordering="name")
    factories.user("early@example.com", name="AAA")

    second = get(first.json()["next"])

    assert not set(names(first)) & set(names(second))


@pytest.mark.parametrize(("params", "field"), [
    ({"page_size": "0"}, "page_size"), ({"page_size": "501"}, "page_size"), ({"page_size": "10000000"}, "page_size"),
    ({"page_size": "-1"}, "page_size"), ({"page_size": "²"}, "page_size"), ({"cursor": "forged"}, "cursor"),
    ({"cursor": "Ä"}, "cursor"), ({"cursor": ""}, "cursor"), ({"ordering": "password"}, "ordering"),
    ({"ordering": "-1;select"}, "ordering"), ({"ordering": "team__name"}, "ordering"),
    ({"owner__password__startswith": "a"}, "owner__password__startswith"), ({"_connector": "OR 1=1 --"}, "_connector"),
    ({'a"b': "1"}, 'a"b'), ({"offset": "9" * 18}, "offset"), ({"callback": "x"}, "callback"), ({"format": "api"}, "format"),
    ({"__class__": "x"}, "__class__"), ({"fields": "password"}, "fields"), ({"expand": "team.owner"}, "expand"),
    ({"role": "emperor"}, "role"), ({"team": "9" * 30}, "team"), ({"team": "x"}, "team"), ({"email": "\x00"}, "email"),
])  # fmt: skip
def test_a_parameter_that_makes_no_sense_is_refused_by_name(get, params: dict[str, str], field: str):
    response = get(**params)

    assert response.status_code == HTTPStatus.BAD_REQUEST
    assert errors_of(response)[0]["attr"] == field


def test_a_cursor_of_another_order_is_refused(get):
    factories.user("p@example.com")
    token = get(page_size=1).json()["next"].split("cursor=")[1].split("&")[0]

    assert get(cursor=token, ordering="name", page_size=1).status_code == HTTPStatus.BAD_REQUEST


def test_the_ordering_and_filters_stay_on_the_next_page(get):
    for number in range(3):
        factories.user(f"p{number}@example.com", name=f"N{number}")

    assert "ordering=-name" in get(page_size=1, ordering="-name", role="csm").json()["next"]
    assert "role=csm" in get(page_size=1, ordering="-name", role="csm").json()["next"]


def test_a_row_that_is_not_there_is_404(get):
    for number in ("999999999999999999", "99999999999999999999999"):
        assert get(f"{USERS}{number}/").status_code == HTTPStatus.NOT_FOUND


# --- Many at once ----------------------------------------------------------------------------------------------
def test_every_row_of_a_bulk_call_has_its_result():
    rows = [{"name": "a", "external_id": "x"}, {"size": 1, "external_id": "y"}, "nonsense"]

    good, refused = api.validate_rows(rows, EchoSerializer)
    body = api.bulk_response([api.RowResult(0, "created", id=7, external_id="x"), *refused]).data

    assert [index for index, _ in good] == [0]
    assert body["created"] == 1
    assert body["refused"] == 2
    assert [row["index"] for row in body["results"]] == [0, 1, 2]
    assert body["results"][1]["errors"] == [
        {"code": "required", "detail": "This field is required.", "attr": "name"}
    ]
    assert body["results"][1]["external_id"] == "y"
    assert api.BulkResultSerializer(body).data == body


@pytest.mark.parametrize(("data", "status"), [({}, 400), ([], 400), ("x", 400), ([{}] * 1001, 413)])
def test_a_bulk_call_takes_a_list_of_up_to_a_thousand(data: Any, status: int):
    with pytest.raises(Refused) as refusal:
        api.bulk_rows(data)

    assert refusal.value.status == status


# --- Once ------------------------------------------------------------------------------------------------------
def test_a_repeated_request_gets_the_first_answer(send):
    first = send({"name": "Team A"}, **{"Idempotency-Key": "k1"})
    second = send({"name": "Team A"}, **{"Idempotency-Key": "k1"})

    assert first.status_code == second.status_code == HTTPStatus.CREATED
    assert json.loads(first.content) == json.loads(second.content)
    assert second["Idempotency-Replayed"] == "true"
    assert second["RateLimit-Limit"] == "1000"
    assert Team.objects.filter(name="Team A").count() == 1


def test_the_same_key_with_another_body_is_422(send):
    send({"name": "Team A"}, **{"Idempotency-Key": "k1"})

    response = send({"name": "Team B"}, **{"Idempotency-Key": "k1"})

    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert errors_of(response)[0]["code"] == "idempotency_mismatch"
    assert not Team.objects.filter(name="Team B").exists()


@pytest.mark.parametrize("name", ["refused", "broken"])
def test_a_request_that_came_to_nothing_may_be_sent_anew(send, name: str):
    assert send({"name": name}, **{"Idempotency-Key": "k1"}).status_code >= HTTPStatus.BAD_REQUEST

    assert send({"name": "Team A"}, **{"Idempotency-Key": "k1"}).status_code == HTTPStatus.CREATED


def test_keys_of_two_api_keys_are_apart(send, lead: User):
    send({"name": "Team A"}, **{"Idempotency-Key": "k1"})
    other = factories.an_api_key(lead, "work:write")

    response = send({"name": "Team B"}, **{"Idempotency-Key": "k1", "Authorization": other})

    assert response.status_code == HTTPStatus.CREATED


@pytest.mark.parametrize("key", ["", "x" * 256, "with blank", "ünicode", "line\nbreak"])
def test_a_key_that_no_header_should_carry_is_refused(key: str):
    with pytest.raises(Invalid):
        idempotency.check_key(key)


def test_the_work_and_its_answer_are_stored_together(db: None):
    def work() -> idempotency.Answer:
        Team.objects.create(name="Half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        idempotency.once(scope="s", key="k", request="r", work=work)

    assert not Team.objects.exists()
    assert not IdempotencyKey.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_request_still_in_flight_is_409():
    inside, go_on = Barrier(2), Barrier(2)
    outcome: list[Any] = []

    def slow() -> idempotency.Answer:
        inside.wait(10)
        go_on.wait(10)
        return idempotency.Answer(201, b"{}")

    def first() -> None:
        outcome.append(idempotency.once(scope="s", key="k", request="r", work=slow).status)
        connection.close()

    thread = Thread(target=first)
    thread.start()
    inside.wait(10)
    with pytest.raises(idempotency.InFlight):
        idempotency.once(scope="s", key="k", request="r", work=lambda: pytest.fail("done twice"))
    go_on.wait(10)
    thread.join(10)

    assert outcome == [201]
    again = idempotency.once(scope="s", key="k", request="r", work=lambda: pytest.fail("done twice"))
    assert again.replayed


def test_old_answers_and_full_buckets_are_forgotten(db: None):
    idempotency.once(scope="s", key="old", request="r", work=lambda: idempotency.Answer(200, b""))
    idempotency.once(scope="s", key="new", request="r", work=lambda: idempotency.Answer(200, b""))
    ratelimit.take("old", limit=5, per_seconds=60)
    ratelimit.take("new", limit=5, per_seconds=60)
    long_ago = "2020-01-01 00:00:00+00:00"
    IdempotencyKey.objects.filter(key="old").update(created_at=long_ago)
    RateBucket.objects.filter(key="old").update(updated_at=long_ago)

    with transaction.atomic():
        assert idempotency.purge() == ratelimit.purge() == 1

    assert IdempotencyKey.objects.get().key == "new"
    assert RateBucket.objects.get().key == "new"
