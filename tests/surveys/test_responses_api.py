"""Answers and figures over the API: the fast door and the ordinary one behave alike, and refuse clearly."""

import datetime as dt
import json
import threading

import pytest
from django.db import close_old_connections, connection
from django.test import Client

from core import clock
from surveys.api import answers, serializers
from surveys.insight import rollups
from surveys.models import Response, ResponseRevision
from team.models import ApiKey, AuditEntry
from tests import factories

URL = "/api/v1/responses"


@pytest.fixture
def survey(db):
    return factories.a_survey()


@pytest.fixture
def ann(db, csm):
    return factories.a_contact(
        "ann@acme.example", account=factories.an_account("Acme", owner=csm, plan="Gold")
    )


class Api:
    """A client with a key. `ordinary` sends an Idempotency-Key, so that the request takes DRF's way."""

    def __init__(self, user, *scopes, **fields):
        header = factories.an_api_key(user, *(scopes or ("responses:write",)), **fields)
        self.key = header.removeprefix("Bearer ")
        self.client = Client(raise_request_exception=True)
        self.number = 0

    def post(self, data, *, url=URL, raw=None, ordinary=False, key=None, **headers):
        body = raw if raw is not None else json.dumps(data)
        if ordinary or key is not None:
            self.number += 1
            headers["HTTP_IDEMPOTENCY_KEY"] = key or f"key-{id(self)}-{self.number}"
        headers.setdefault("content_type", "application/json")
        headers.setdefault("HTTP_AUTHORIZATION", f"Bearer {self.key}")
        return self.client.post(url, body, **headers)

    def get(self, url, **params):
        return self.client.get(url, params, HTTP_AUTHORIZATION=f"Bearer {self.key}")

    def patch(self, url, data):
        return self.client.patch(
            url, json.dumps(data), content_type="application/json", HTTP_AUTHORIZATION=f"Bearer {self.key}"
        )


@pytest.fixture
def api(lead):
    return Api(lead, "responses:write")


both_doors = pytest.mark.parametrize("ordinary", [False, True], ids=["fast door", "ordinary door"])


def error(response):
    body = response.json()
    assert set(body) == {"type", "errors"}
    (first,) = body["errors"]
    return response.status_code, first["attr"]


# --- One answer ----------------------------------------------------------------------------------------------
@both_doors
def test_an_answer_is_created_updated_and_recognised(api, survey, ann, ordinary):
    answer = {
        "survey": survey.pk,
        "score": 9,
        "email": "ANN@acme.example",
        "external_id": "x1",
        "comment": "Fine",
    }

    created = api.post(answer, ordinary=ordinary)
    again = api.post(answer, ordinary=ordinary)
    changed = api.post({**answer, "score": 3}, ordinary=ordinary)

    response = Response.objects.get()
    assert created.status_code == 201
    assert created.json() == {"id": response.pk, "result": "created", "identity": "matched", "message": ""}
    assert (again.status_code, again.json()["result"]) == (200, "unchanged")
    assert (changed.status_code, changed.json()["result"]) == (200, "updated")
    assert (response.contact, response.score) == (ann, 3)


@both_doors
@pytest.mark.parametrize("score", [-1, 11, 7.5, "seven", "7", True, None, [7], {"a": 1}])
def test_a_score_that_is_none_is_refused_by_name(api, survey, score, ordinary):
    refused = api.post({"survey": survey.pk, "score": score}, ordinary=ordinary)

    assert error(refused) == (400, "score")
    assert not Response.objects.exists()


@both_doors
@pytest.mark.parametrize(
    ("change", "attr"),
    [
        ({"survey": 999_999}, "survey"),
        ({"survey": "1"}, "survey"),
        ({"survey": None}, "survey"),
        ({"survey": True}, "survey"),
        ({"email": 5}, "email"),
        ({"comment": ["x"]}, "comment"),
        ({"comment": "x" * 20_001}, "comment"),
        ({"responded_at": "yesterday"}, "responded_at"),
        ({"responded_at": "2026-03-17T10:00:00"}, "responded_at"),
        ({"responded_at": "0001-01-01T00:00:00+14:00"}, "responded_at"),
        ({"responded_at": "2099-01-01T00:00:00Z"}, "responded_at"),
        ({"may_contact": "true"}, "may_contact"),
        ({"contact": -1}, "contact"),
        ({"invitation": 999_999}, "invitation"),
        ({"source": "hosted"}, "source"),
        ({"source": "No Spaces"}, "source"),
        ({"channel": "pigeon"}, "channel"),
        ({"origin": "demo"}, "origin"),
        ({"attributes": {"a": {"b": 1}}}, "attributes"),
        ({"external_id": "x" * 201}, "external_id"),
        ({"comments": "typo"}, "comments"),
        ({"id": 7}, "id"),
    ],
)
def test_what_cannot_be_right_is_refused_by_name(api, survey, change, attr, ordinary):
    refused = api.post({"survey": survey.pk, "score": 7, **change}, ordinary=ordinary)

    assert error(refused) == (400, attr)
    assert not Response.objects.exists()


@both_doors
@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b'"text"', b"7", b"null", b'{"a": 1', b'{"score": NaN}', b'{"score": 1, "score": 2}',
     b"\xff\xfe{", b"[" * 5_000, b'{"comment": "\\ud83d"}', b'{"score": 1e999}'],
)  # fmt: skip
def test_malformed_bodies_are_refused(api, db, raw, ordinary):
    refused = api.post(None, raw=raw, ordinary=ordinary)

    assert refused.status_code == 400
    assert refused.json()["errors"]


@both_doors
@pytest.mark.parametrize("media", ["text/plain", "application/xml", "multipart/form-data; boundary=x",
                                   "application/json; charset=utf-16"])  # fmt: skip
def test_only_json_is_read(api, db, media, ordinary):
    assert api.post(None, raw=b"{}", ordinary=ordinary, content_type=media).status_code == 415


@both_doors
def test_a_body_of_ten_megabytes_is_too_large(api, survey, ordinary):
    raw = json.dumps({"survey": survey.pk, "score": 1, "comment": "x" * 10_000_000})

    refused = api.post(None, raw=raw, ordinary=ordinary)

    assert refused.status_code == 413
    assert not Response.objects.exists()


@both_doors
@pytest.mark.parametrize(
    ("comment", "kept"),
    [
        ("x" * 20_000, "x" * 20_000),
        ("👩‍👩‍👧 \u202eשלום", "👩‍👩‍👧 \u202eשלום"),
        ("a\x00b", "ab"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ],
)
def test_comments_of_all_kinds_are_kept(api, survey, ann, comment, kept, ordinary):
    created = api.post(
        {"survey": survey.pk, "score": 5, "email": ann.email, "comment": comment}, ordinary=ordinary
    )

    assert created.status_code == 201
    assert Response.objects.get().comment == kept


@both_doors
def test_an_unknown_address_is_kept_in_the_inbox(api, survey, ordinary):
    created = api.post({"survey": survey.pk, "score": 2, "email": "who@nowhere.example"}, ordinary=ordinary)

    assert (created.status_code, created.json()["identity"]) == (201, "inbox")


@both_doors
def test_a_locked_answer_is_a_conflict(api, survey, ann, frozen, ordinary):
    answer = {"survey": survey.pk, "score": 9, "email": ann.email, "external_id": "x1"}
    api.post(answer)
    frozen.shift(dt.timedelta(days=2))

    refused = api.post({**answer, "score": 1}, ordinary=ordinary)

    assert error(refused) == (409, "score")


# --- Who may -------------------------------------------------------------------------------------------------
@both_doors
@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer null",
        "Token x",
        "Bearer nps_abcdefgh_" + "x" * 43,
        "bearer {key}",
        "Bearer {key} ",
    ],
)
def test_without_a_good_key_nothing_is_read(api, survey, header, ordinary):
    refused = api.post(
        {"survey": survey.pk, "score": "bad"},
        ordinary=ordinary,
        HTTP_AUTHORIZATION=header.format(key=api.key),
    )

    assert refused.status_code == 401
    assert refused["WWW-Authenticate"].startswith("Bearer")


@both_doors
def test_a_revoked_key_is_refused_by_the_next_request(api, survey, ordinary):
    ApiKey.objects.update(revoked_at=clock.now())

    assert api.post({"survey": survey.pk, "score": 9}, ordinary=ordinary).status_code == 401


@both_doors
def test_a_key_of_a_deactivated_person_is_refused(api, survey, lead, ordinary):
    lead.is_active = False
    lead.save(update_fields=["is_active"])

    assert api.post({"survey": survey.pk, "score": 9}, ordinary=ordinary).status_code == 401


@both_doors
def test_reading_does_not_include_writing(lead, survey, ordinary):
    api = Api(lead, "responses:read")

    assert api.post({"survey": survey.pk, "score": 9}, ordinary=ordinary).status_code == 403


@both_doors
def test_a_viewer_writes_nothing(viewer, survey, ordinary):
    assert (
        Api(viewer, "responses:write").post({"survey": survey.pk, "score": 9}, ordinary=ordinary).status_code
        == 403
    )


@both_doors
def test_a_key_in_the_address_is_refused(api, survey, ordinary):
    refused = api.post({"survey": survey.pk, "score": 9}, url=f"{URL}?key={api.key}", ordinary=ordinary)

    assert refused.status_code == 401


def test_both_doors_draw_from_one_rate(lead, survey, frozen):
    api = Api(lead, "responses:write", rate_limit=3)
    answer = {"survey": survey.pk, "score": 9}

    statuses = [api.post(answer, ordinary=k % 2 == 1).status_code for k in range(4)]
    refused = api.post(answer)

    assert statuses == [201, 201, 201, 429]
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert refused["RateLimit-Limit"] == "3"


# --- Safe to repeat ------------------------------------------------------------------------------------------
def test_the_same_idempotency_key_gives_the_same_answer_and_one_row(api, survey):
    answer = {"survey": survey.pk, "score": 9}

    first, second = (api.post(answer, key="k1") for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert Response.objects.count() == 1


def test_the_same_idempotency_key_with_another_body_is_refused(api, survey):
    api.post({"survey": survey.pk, "score": 9}, key="k1")

    assert api.post({"survey": survey.pk, "score": 8}, key="k1").status_code == 422
    assert Response.objects.count() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_with_one_external_id_make_one_row():
    lead = factories.user("lead@example.com", role="lead")
    survey = factories.a_survey()
    ann = factories.a_contact(account=factories.an_account())
    api = Api(lead, "responses:write", rate_limit=1000)
    body = {"survey": survey.pk, "score": 9, "email": ann.email, "external_id": "same"}
    barrier = threading.Barrier(50)
    results, errors = [], []

    def send():
        try:
            barrier.wait(20)
            results.append(Api.post(api, body).json()["result"])
        except Exception as error:
            errors.append(error)
        finally:
            close_old_connections()
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not errors, errors
    assert sorted(results) == ["created", *["unchanged"] * 49]
    assert (Response.objects.count(), ResponseRevision.objects.count()) == (1, 1)


# --- Many at once --------------------------------------------------------------------------------------------
def test_a_batch_has_a_result_for_each_row(api, survey, ann):
    rows = [
        {"survey": survey.pk, "score": 9, "email": ann.email, "external_id": "a"},
        {"survey": survey.pk, "score": 11, "external_id": "b"},
        "nonsense",
        {"survey": survey.pk, "score": 2, "email": "who@nowhere.example", "external_id": "d"},
        {"survey": survey.pk, "score": 9, "email": ann.email, "external_id": "a"},
        {"survey": survey.pk, "score": 3, "wrong": 1},
    ]

    answered = api.post(rows, url=f"{URL}/bulk/")

    assert answered.status_code == 200
    body = answered.json()
    assert [row["status"] for row in body["results"]] == [
        "created", "refused", "refused", "created", "unchanged", "refused",
    ]  # fmt: skip
    assert [row["errors"][0]["attr"] for row in body["results"] if row["errors"]] == ["score", None, "wrong"]
    assert (body["created"], body["unchanged"], body["refused"]) == (2, 1, 3)
    assert body["results"][1]["external_id"] == "b"


@pytest.mark.parametrize(("rows", "status"), [([], 400), ({}, 400), ([{}] * 1_001, 413)])
def test_a_batch_is_a_list_of_at_most_a_thousand(api, db, rows, status):
    assert api.post(rows, url=f"{URL}/bulk/").status_code == status


def test_a_batch_counts_once_against_the_rate(lead, survey, frozen):
    api = Api(lead, "responses:write", rate_limit=1)

    assert api.post([{"survey": survey.pk, "score": 9}] * 50, url=f"{URL}/bulk/").status_code == 200
    assert api.post({"survey": survey.pk, "score": 9}).status_code == 429


# --- Reading and changing ------------------------------------------------------------------------------------
def test_lists_filter_and_page(api, survey, ann, frozen):
    for score in (9, 3, 10):
        factories.respond(survey, score, email=ann.email)

    promoters = api.get(f"{URL}/", category="promoter").json()
    first = api.get(f"{URL}/", page_size=2, ordering="-responded_at").json()

    assert sorted(row["score"] for row in promoters["results"]) == [9, 10]
    assert len(first["results"]) == 2
    assert len(api.client.get(first["next"], HTTP_AUTHORIZATION=f"Bearer {api.key}").json()["results"]) == 1
    assert promoters["results"][0]["account"] == ann.account_id


def test_unknown_filters_are_refused(api, db):
    assert api.get(f"{URL}/", owner__password__startswith="x").status_code == 400


def test_keys_see_what_their_person_sees(survey, ann, stranger):
    response = factories.respond(survey, 9, email=ann.email)
    api = Api(stranger, "responses:write")

    assert api.get(f"{URL}/").json()["results"] == []
    assert api.get(f"{URL}/{response.pk}/").status_code == 404
    assert api.patch(f"{URL}/{response.pk}/", {"loop_status": "closed"}).status_code == 404
    assert api.post({"survey": survey.pk, "score": 1, "contact": ann.pk}).json()["identity"] == "inbox"


def test_status_assignee_and_exclusion_can_be_changed(api, survey, ann, csm):
    response = factories.respond(survey, 2, email=ann.email)
    url = f"{URL}/{response.pk}/"

    changed = api.patch(
        url, {"loop_status": "contacted", "assignee": csm.pk, "excluded": True, "reason": "A typo"}
    )

    assert changed.status_code == 200
    body = changed.json()
    assert (body["loop_status"], body["assignee"], body["is_excluded"], body["excluded_reason"]) == (
        "contacted", csm.pk, True, "A typo",
    )  # fmt: skip
    assert set(AuditEntry.objects.filter(object_id=response.pk).values_list("action", flat=True)) >= {
        "response.excluded", "response.loop", "response.assigned",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "attr"),
    [
        ({"loop_status": "lost"}, "loop_status"),
        ({"assignee": 999_999}, "assignee"),
        ({"excluded": True}, "reason"),
    ],
)
def test_changes_that_make_no_sense_are_refused_and_change_nothing(api, survey, ann, change, attr):
    response = factories.respond(survey, 2, email=ann.email)

    refused = api.patch(f"{URL}/{response.pk}/", {"loop_status": "closed", **change})

    assert error(refused) == (400, attr)
    response.refresh_from_db()
    assert response.loop_status == "open"


def test_a_csm_does_not_take_answers_out_of_figures(survey, ann, csm):
    response = factories.respond(survey, 2, email=ann.email)

    refused = Api(csm, "responses:write").patch(f"{URL}/{response.pk}/", {"excluded": True, "reason": "x"})

    assert refused.status_code == 403


# --- Figures -------------------------------------------------------------------------------------------------
def test_the_figure_has_exact_counts_interval_and_definition(api, survey, db, frozen):
    account = factories.an_account(plan="Gold")
    for k, score in enumerate([10] * 4 + [8] * 2 + [3] * 2):
        person = factories.a_contact(f"p{k}@example.com", account=account)
        factories.respond(survey, score, contact_id=person.pk)

    body = api.get("/api/v1/nps", by="plan").json()

    assert (body["definition"], body["unit"], body["window_days"]) == ("company", "latest_per_contact", 90)
    figure = body["figure"]
    assert {k: figure[k] for k in ("nps", "exact", "n", "promoters", "passives", "detractors")} == {
        "nps": 25, "exact": 25.0, "n": 8, "promoters": 4, "passives": 2, "detractors": 2,
    }  # fmt: skip
    assert figure["interval"]["low"] < 25 < figure["interval"]["high"]
    assert body["previous"]["nps"] is None
    assert body["change"] is None
    assert body["distribution"] == [0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 4]
    assert body["trend"][-1]["as_of"] == rollups.today().isoformat()
    assert [part["value"] for part in body["breakdown"]] == ["Gold"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("window", "0"), ("window", "x"), ("window", "99999"), ("counts", "some"), ("survey", "999"), ("saved", "999"),
     ("as_of", "2026-02-30"), ("as_of", "0001-01-01"), ("by", "score"), ("definition", "none"), ("windw", "30")],
)  # fmt: skip
def test_questions_that_cannot_be_answered_are_refused_by_name(api, db, name, value):
    assert error(api.get("/api/v1/nps", **{name: value})) == (400, name)


def test_any_window_can_be_asked_for(api, survey, ann, frozen):
    factories.respond(survey, 9, email=ann.email, responded_at=clock.now() - dt.timedelta(days=6))

    assert api.get("/api/v1/nps", window="7").json()["figure"]["n"] == 1
    assert api.get("/api/v1/nps", window="6").json()["figure"]["n"] == 0


def test_figures_are_those_of_what_the_key_sees(survey, ann, stranger):
    factories.respond(survey, 9, email=ann.email)

    assert Api(stranger, "responses:read").get("/api/v1/nps").json()["figure"]["n"] == 0


# --- The two readers of an answer are twins ------------------------------------------------------------------
def test_the_documented_fields_are_those_that_are_read():
    assert set(serializers.AnswerSerializer().fields) == answers.FIELDS
