"""Medallia: fields of the instance's own, a keyset that loses nothing, errors beside data, a feed with a token."""

import base64
import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.contract import (
    AccessDenied,
    Ask,
    Delivery,
    Forged,
    Gone,
    Reference,
    Role,
    TryLater,
    Unusable,
)
from integrations.line import Line
from integrations.records import Metric, Record, Status
from integrations.systems import medallia
from integrations.systems.medallia import SYSTEM, TEMPLATE, read_response
from tests.integrations.damage import damaged
from tests.integrations.fixtures import load
from tests.integrations.vendor import Answer, Call, Vendor, reply

UNTIL = dt.datetime(2031, 8, 1, tzinfo=dt.UTC)
LineTo = Callable[..., Line]
CHOSEN = {
    Role.SCORE: ["q_ltr"], Role.COMMENT: ["q_comment", "q_more"], Role.EMAIL: ["e_email"], Role.PERSON_ID: ["a_customerid"],
    Role.RESPONDED_AT: ["e_creationdate"],
}  # fmt: skip


def node(**changes: Any) -> dict[str, Any]:
    return {**load("medallia/feedback")["data"]["feedback"]["nodes"][0], **changes}


# --- Reading one record --------------------------------------------------------------------------------------
def test_a_record_is_read_by_the_chosen_fields_and_the_names_of_choices() -> None:
    record = read_response(node(), mapping=CHOSEN, zone="America/New_York")

    assert (record.external_id, record.score, record.metric) == ("1001", 10, Metric.NPS)
    assert record.comment == "Saved us weeks"
    assert (record.person.email, record.person.external_id) == ("ann@example.org", "u-42")
    assert record.responded_at == dt.datetime(2031, 7, 9, 4, 0, 1, tzinfo=dt.UTC)
    assert record.properties == {"e_region": "EMEA"}
    assert record.raw == node()


def test_aliases_of_others_are_read_without_a_choice() -> None:
    record = read_response(
        {"id": "77", "score": {"values": ["0"]}, "text": {"values": ["No"]}, "created": {"values": ["2031-07-09 10:00:00"]}}
    )  # fmt: skip

    assert (record.external_id, record.score, record.comment) == ("77", 0, "No")
    assert record.responded_at == dt.datetime(2031, 7, 9, 10, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("field", "score"),
    [
        ({"values": []}, None), ({"values": None}, None), (None, None), ([], None), ({"values": [""]}, None),
        ({"values": ["9"]}, 9), ({"values": [9]}, 9), ("9", 9), ({"values": ["12"]}, None), ({"values": ["7.5"]}, None),
        ({"values": ["3"], "options": [{"id": "3", "name": "2"}]}, 2),
        ({"values": ["11"], "options": [{"id": "11", "name": "10 - Extremely likely"}]}, 10),
        ({"values": ["11"], "options": [{"id": "11", "name": "Extremely likely - 10"}]}, 10),
        ({"values": ["9"], "options": [{"id": "9", "name": "Promoter"}]}, None),
        ({"values": ["8.0"], "units": []}, 8), ({"values": ["11"], "labels": ["10"]}, 10),
    ],
)  # fmt: skip
def test_a_score_is_the_value_or_the_name_of_the_choice_and_never_its_id(
    field: Any, score: int | None
) -> None:
    assert read_response(node(q_ltr=field), mapping=CHOSEN).score == score


def test_what_medallia_excluded_is_excluded() -> None:
    mapping = {**CHOSEN, Role.STATUS: ["e_status"]}

    assert (
        read_response(node(e_status={"values": ["AUTOEXCLUDED"]}), mapping=mapping).status is Status.EXCLUDED
    )
    assert read_response(node(e_status={"values": ["1"]}), mapping=mapping).status is Status.COMPLETED


def test_seconds_in_a_custom_field_are_a_time() -> None:
    record = read_response(
        node(k_finish={"values": ["1940000000"]}), mapping={**CHOSEN, Role.RESPONDED_AT: ["k_finish"]}
    )

    assert record.responded_at == dt.datetime.fromtimestamp(1_940_000_000, dt.UTC)


@given(damaged(node()))
def test_no_payload_makes_the_reader_raise(payload: Any) -> None:
    record = read_response(payload, mapping=CHOSEN)

    assert record.score is None or 0 <= record.score <= 10


# --- The local vendor ----------------------------------------------------------------------------------------
class Instance:
    """Answers of which several have the same second; a token is good for one hour, and until it is revoked."""

    def __init__(self, vendor: Vendor) -> None:
        self.rows = [
            (f"2031-07-09 00:00:{number // 4:02}", f"{1000 + number}", str(number % 11))
            for number in range(14)
        ]
        self.errors: list[dict[str, str]] | None = None
        self.minted = 0
        self.queries: list[dict[str, Any]] = []
        self.most = 1_000
        vendor.on("POST", "/oauth/acme/token", self._token)
        vendor.on("POST", "/data/v0/query", self._query)

    def _token(self, call: Call) -> Answer:
        if call.headers["authorization"] != "Basic Y2lkOmNzZWM=" or call.form() != {
            "grant_type": "client_credentials"
        }:
            return reply({"error": "invalid_client"}, 401)
        self.minted += 1
        return reply({"access_token": f"m{self.minted}", "token_type": "Bearer", "expires_in": 3600})

    def _query(self, call: Call) -> Answer:
        if call.headers.get("authorization") != f"Bearer m{self.minted}":
            return reply({"error": "token"}, 401)
        asked = call.json()
        self.queries.append(asked)
        if "fields(" in asked["query"]:
            return self._answer({"fields": {"nodes": [
                {"id": "a_surveyid", "name": "Survey ID", "dataType": "INT"}, {"id": "q_ltr_segment", "name": "NPS Segment", "dataType": "ENUM"},
                {"id": "q_ltr", "name": "Likelihood to recommend", "dataType": "ENUM"}, {"id": "q_why", "name": "Reason for score", "dataType": "COMMENT"},
                {"id": "e_email", "name": "Responder Email", "dataType": "STRING"}, {"id": 'bad"id', "name": "x", "dataType": "STRING"},
            ]}})  # fmt: skip
        told = asked["variables"]
        rows = [row for row in self.rows if row[0] < told.get("end", "9") and row[0] >= told.get("start", "")]
        if "last" in told:
            rows = [
                row
                for row in rows
                if row[0] > told["last"] or (row[0] == told["last"] and row[1] > told["lastId"])
            ]
        if "ids" in told:
            rows = [row for row in rows if row[1] in told["ids"]]
        nodes = [
            {"id": row[1], "e_creationdate": {"values": [row[0]]}, "a_surveyid": {"values": [row[1]]}, "q_ltr": {"values": [row[2]]}}
            for row in rows[: min(told["first"], self.most)]
        ]  # fmt: skip
        return self._answer({"feedback": {"totalCount": len(rows), "nodes": nodes}})

    def _answer(self, data: Any) -> Answer:
        return reply({"data": data, "errors": self.errors, "extensions": {"more": 1}})


@pytest.fixture
def instance(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> Instance:
    monkeypatch.setattr(medallia, "PAGE_SIZE", 3)
    return Instance(vendor)


@pytest.fixture
def line(vendor: Vendor, line_to: LineTo) -> Line:
    return line_to(
        SYSTEM,
        options={
            "token_url": f"{vendor.url}/oauth/acme/token",
            "api_url": f"{vendor.url}/data/v0/query",
            "client_id": "cid",
            "properties": 'e_region, k_plan, bad"id',
        },
        secrets={"client_secret": "csec", "hook": "feed-1"},
        mapping=CHOSEN,
    )


def asked(cursor: Any = None, since: dt.datetime | None = None) -> Ask:
    return Ask(survey_id="feedback", since=since, until=UNTIL, cursor=cursor)


def run(line: Line) -> list[Record]:
    found: list[Record] = []
    cursor = None
    for _ in range(30):
        page = SYSTEM.pull(line, asked(cursor))
        found += page.records
        cursor = json.loads(json.dumps(page.cursor))
        if cursor is None:
            return found
    raise AssertionError("The run did not end.")


# --- Pulling -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("most", [1_000, 2, 1])
def test_answers_of_the_same_second_are_neither_lost_nor_doubled(
    instance: Instance, line: Line, most: int
) -> None:
    instance.most = most

    found = run(line)
    assert [record.external_id for record in found] == [row[1] for row in instance.rows]
    assert [record.score for record in found] == [int(row[2]) for row in instance.rows]


def test_values_go_as_variables_and_only_names_of_fields_into_the_query(
    instance: Instance, line: Line
) -> None:
    line.options = {**line.options, "zone": "America/New_York"}
    first = SYSTEM.pull(line, asked(since=dt.datetime(2031, 7, 1, tzinfo=dt.UTC)))

    query, variables = instance.queries[-1]["query"], instance.queries[-1]["variables"]
    assert variables == {"first": 3, "start": "2031-06-30 20:00:00", "end": "2031-07-31 20:00:00"}
    assert '{fieldIds: ["e_creationdate"], gte: $start}' in query
    assert "k_plan: fieldData" in query
    assert "bad" not in query
    assert "ASC" in query
    assert first.total == 14

    SYSTEM.pull(line, asked(first.cursor))
    query, variables = instance.queries[-1]["query"], instance.queries[-1]["variables"]
    assert (variables["last"], variables["lastId"]) == ("2031-07-09 00:00:00", "1002")
    assert '{or: [{fieldIds: ["e_creationdate"], gt: $last}, {and: [' in query


def test_a_field_of_seconds_is_compared_with_seconds(instance: Instance, line: Line) -> None:
    line.options = {**line.options, "date_field": "k_finish", "date_form": "epoch"}

    SYSTEM.pull(line, asked(since=dt.datetime(2031, 7, 1, tzinfo=dt.UTC)))
    assert instance.queries[-1]["variables"]["start"] == "1940630400"
    assert 'fieldIds: ["k_finish"]' in instance.queries[-1]["query"]


def test_a_remark_beside_the_data_is_noted_and_the_rest_is_read(instance: Instance, line: Line) -> None:
    instance.errors = [{"message": "Invalid field id: k_plan"}]

    page = SYSTEM.pull(line, asked())
    assert len(page.records) == 3
    assert "Invalid field id: k_plan" in page.notes[0]


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (reply({"data": None, "errors": [{"message": "Rate limit exceeded"}]}), TryLater),
        (reply({"data": {"feedback": None}, "errors": [{"message": "Unauthorized"}]}), AccessDenied),
        (reply({"errors": [{"message": "Cannot parse"}]}), Unusable), (reply({"errors": [None]}), Unusable),
        (reply({"data": {"feedback": []}}), Unusable), (reply({}), Unusable), (reply([]), Unusable), (reply({}, 500), TryLater),
        (reply({}, 429, X_RateLimit_Reset="4"), TryLater), (reply({}, 403), AccessDenied), (reply({}, 404), Unusable),
        (reply("<html>Log in</html>", kind="text/html"), Unusable), (reply('{"data": {"feed'), Unusable),
    ],
)  # fmt: skip
def test_a_failure_is_named_and_the_run_goes_on_from_there(
    instance: Instance, line: Line, vendor: Vendor, answer: Answer, trouble: type[Exception]
) -> None:
    first = SYSTEM.pull(line, asked())
    vendor.fail(answer)

    with pytest.raises(trouble):
        SYSTEM.pull(line, asked(first.cursor))
    assert SYSTEM.pull(line, asked(first.cursor)).records[0].external_id == "1003"


def test_a_page_that_repeats_stops_the_run(instance: Instance, line: Line, vendor: Vendor) -> None:
    same = {"data": {"feedback": {"totalCount": 9, "nodes": [node()]}}}
    first = SYSTEM.pull(line, asked())
    vendor.on("POST", "/data/v0/query", lambda _: reply(same))
    again = SYSTEM.pull(line, asked(first.cursor))

    with pytest.raises(Unusable, match="same page twice"):
        SYSTEM.pull(line, asked(again.cursor))


def test_one_answer_is_fetched_by_its_id(instance: Instance, line: Line) -> None:
    assert SYSTEM.fetch(line, Reference(external_id="1005", survey_id="feedback")).score == 5
    with pytest.raises(Gone):
        SYSTEM.fetch(line, Reference(external_id="9", survey_id="feedback"))


# --- Getting in and describing -------------------------------------------------------------------------------
def test_the_token_is_minted_once_early_and_again_when_it_is_refused(instance: Instance, line: Line) -> None:
    assert SYSTEM.check(line) == "Medallia at 127.0.0.1, 14 answers"
    SYSTEM.check(line)
    assert instance.minted == 1
    line.keep(expires_at="1000000000")
    SYSTEM.check(line)
    assert instance.minted == 2
    line.keep(access_token="revoked")
    SYSTEM.check(line)
    assert instance.minted == 3


def test_wrong_credentials_are_said(instance: Instance, line: Line) -> None:
    line.secrets["client_secret"] = "other"
    with pytest.raises(AccessDenied, match="401"):
        SYSTEM.check(line)
    line.secrets = {}
    with pytest.raises(AccessDenied, match="client secret"):
        SYSTEM.check(line)


def test_the_fields_of_the_instance_are_proposed_with_examples(instance: Instance, line: Line) -> None:
    fields = {field.key: field for field in SYSTEM.fields(line, "feedback")}

    assert {key: field.role for key, field in fields.items()} == {
        "a_surveyid": None, "q_ltr_segment": None, "q_ltr": Role.SCORE, "q_why": Role.COMMENT, "e_email": Role.EMAIL,
    }  # fmt: skip
    assert fields["q_ltr"].examples == ("0", "1", "2")
    assert [survey.id for survey in SYSTEM.surveys(line)] == ["feedback"]


# --- The feed ------------------------------------------------------------------------------------------------
def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"medallia:{password}".encode()).decode()


@pytest.mark.parametrize(
    "headers",
    [{"x-webhook-token": "feed-1"}, {"authorization": "Bearer feed-1"}, {"authorization": basic("feed-1")}],
)
def test_the_token_is_accepted_in_a_header_or_as_a_password(line: Line, headers: dict[str, str]) -> None:
    SYSTEM.verify(line, Delivery(body=b"{}", headers=headers))
    line.secrets = {"hook": "new", "hook_previous": "feed-1"}
    SYSTEM.verify(line, Delivery(body=b"{}", headers=headers))


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"x-webhook-token": ""}, {"x-webhook-token": "feed-2"}, {"authorization": "Bearer "}, {"authorization": "Basic ###"},
        {"authorization": basic("")}, {"authorization": basic("feed-2")}, {"authorization": "feed-1"}, {"x-webhook-token": "é"},
        {"authorization": "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode()},
    ],
)  # fmt: skip
def test_another_token_is_forged(line: Line, headers: dict[str, str]) -> None:
    with pytest.raises(Forged):
        SYSTEM.verify(line, Delivery(body=b"{}", headers=headers))


def test_without_a_secret_nothing_is_believed(line_to: LineTo) -> None:
    with pytest.raises(Forged):
        SYSTEM.verify(line_to(SYSTEM), Delivery(body=b"{}", headers={"x-webhook-token": ""}))


def heard(line: Line, told: Any) -> list[Any]:
    return list(SYSTEM.hear(line, Delivery(body=json.dumps(told).encode(), headers={})))


def test_records_of_our_template_are_read(line: Line) -> None:
    first, second = heard(line, load("medallia/feed"))

    assert (first.external_id, first.score, first.comment, first.person.external_id) == (
        "1001",
        9,
        "Saved us weeks",
        "u-42",
    )
    assert (second.external_id, second.score, second.comment, second.person.email) == ("1002", None, None, "")
    assert first.properties == {}


def test_one_object_and_a_list_are_read_too(line: Line) -> None:
    one = load("medallia/feed")["records"][0]

    assert heard(line, one) == heard(line, [one]) == heard(line, {"records": [one]})
    assert heard(line, {"a_surveyid": "5", "q_ltr": "3"})[0].score == 3
    assert heard(line, {**one, "event": "delete"}) == [
        Reference(external_id="1001", survey_id="feedback", is_deleted=True)
    ]
    assert heard(line, []) == []


def test_the_published_template_is_what_is_read(line: Line) -> None:
    filled = TEMPLATE.replace("${a_surveyid}", "8").replace("${q_ltr}", "7")

    (record,) = SYSTEM.hear(line, Delivery(body=filled.encode(), headers={}))
    assert isinstance(record, Record)
    assert (record.external_id, record.score, record.comment, record.responded_at) == ("8", 7, None, None)


@pytest.mark.parametrize(
    "body", [b"", b"<xml/>", b"[1]", b"3", b'{"score":"9"}', b'{"records":[{}]}', b"[" * 9999]
)
def test_a_body_that_is_no_feed_is_unusable(line: Line, body: bytes) -> None:
    with pytest.raises(Unusable):
        SYSTEM.hear(line, Delivery(body=body, headers={}))


@given(data=st.data())
def test_hearing_ends_in_records_or_in_unusable(data: st.DataObject) -> None:
    body = json.dumps(data.draw(damaged(load("medallia/feed")))).encode()
    try:
        found = SYSTEM.hear(Line(SYSTEM, options={}, secrets={}), Delivery(body=body, headers={}))
    except Unusable:
        return
    assert all(each.external_id for each in found)
