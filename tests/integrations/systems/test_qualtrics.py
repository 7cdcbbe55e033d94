"""Qualtrics: scores among keys that look like them, exports that take time, expire and explode, events that prove themselves."""

import datetime as dt
import io
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.contract import (
    AccessDenied,
    Ask,
    Delivery,
    Forged,
    Gone,
    Page,
    Reference,
    Role,
    TryLater,
    Unusable,
)
from integrations.line import Line
from integrations.records import Metric, Record, Status
from integrations.systems import qualtrics
from integrations.systems.qualtrics import SYSTEM, read_csv, read_csv_file, read_response, slim
from tests.integrations.damage import damaged
from tests.integrations.fixtures import HERE, load
from tests.integrations.test_packed import zipped
from tests.integrations.vendor import Answer, Call, Vendor, reply

UNTIL = dt.datetime(2031, 2, 1, tzinfo=dt.UTC)
LineTo = Callable[..., Line]
SURVEY = "SV_aaaaaaaaaaaaaaa"


def response() -> dict[str, Any]:
    found: dict[str, Any] = load("qualtrics/export")["responses"][0]
    return found


def file(name: str) -> bytes:
    return (HERE / "qualtrics" / name).read_bytes()


# --- Reading one response ------------------------------------------------------------------------------------
def test_the_score_is_told_from_what_looks_like_one() -> None:
    record = read_response(response())

    assert (record.score, record.metric, record.comment) == (9, Metric.NPS, "Fast, friendly")
    assert (record.external_id, record.status) == ("R_000000000000001", Status.COMPLETED)
    assert (record.person.email, record.person.external_id, record.person.name) == (
        "ann@example.org",
        "u-42",
        "Ann Doe",
    )
    assert record.properties == {"account_id": "A-7", "plan": "gold"}
    assert record.responded_at == dt.datetime(2031, 1, 2, 3, 5, 7, 120_000, tzinfo=dt.UTC)
    assert (record.language, record.channel) == ("EN", "email")


def test_the_definition_tells_the_question_where_the_group_is_missing() -> None:
    payload = response()
    del payload["values"]["QID1_NPS_GROUP"]

    assert read_response(payload).score is None
    record = read_response(payload, load("qualtrics/survey"))
    assert (record.score, record.comment) == (9, "Fast, friendly")
    assert read_response(payload, slim(load("qualtrics/survey"))) == record


@pytest.mark.parametrize("as_list", [True, False])
def test_the_other_form_of_the_definition_is_read_too(as_list: bool) -> None:
    choices: Any = [{"Display": str(n)} for n in range(11)]
    if not as_list:
        choices = {str(n): choice for n, choice in enumerate(choices)}
    definition = {"result": {"SurveyID": SURVEY, "Questions": {
        "QID1": {"QuestionType": "MC", "Selector": "NPS", "Choices": choices, "QuestionText": "Recommend?"},
        "QID2": {"QuestionType": "TE", "Selector": "ML", "Choices": None},
    }}}  # fmt: skip
    payload = {"result": {"responseId": "R_1", "values": {"QID2_TEXT": "Good", "QID1": "0"}}}

    record = read_response(payload, definition)
    assert (record.external_id, record.score, record.comment, record.survey_id) == ("R_1", 0, "Good", SURVEY)


def test_a_question_of_satisfaction_is_read_by_its_recodes_where_chosen() -> None:
    record = read_response(response(), load("qualtrics/survey"), mapping={Role.SCORE: ["QID7"]})

    assert (record.metric, record.score, record.scale_min, record.scale_max) == (Metric.CSAT, 4, 1, 5)


def test_people_and_comments_are_read_where_a_person_pointed() -> None:
    mapping = {Role.PERSON_ID: ["account_id"], Role.COMMENT: ["QID5_4_TEXT", "QID2_TEXT"]}

    record = read_response(response(), mapping=mapping)
    assert (record.person.external_id, record.comment) == ("A-7", "other\n\nFast, friendly")


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"status": 0}, Status.COMPLETED), ({"status": "0"}, Status.COMPLETED), ({"status": 1}, Status.TEST),
        ({"status": "Survey Preview"}, Status.TEST), ({"status": "Survey Test"}, Status.TEST), ({"status": 2}, Status.TEST),
        ({"status": 8}, Status.EXCLUDED), ({"status": "Spam"}, Status.EXCLUDED), ({"status": "IP-Adresse"}, Status.COMPLETED),
        ({"distributionChannel": "preview"}, Status.TEST), ({"finished": 0}, Status.PARTIAL), ({"finished": False}, Status.PARTIAL),
        ({"finished": "False"}, Status.PARTIAL), ({"finished": None, "progress": 40}, Status.PARTIAL),
        ({"finished": "Falsch", "progress": "40"}, Status.PARTIAL), ({"finished": "Wahr", "progress": "100"}, Status.COMPLETED),
        ({"finished": True, "progress": 40}, Status.COMPLETED), ({"status": "Umfragevorschau"}, Status.TEST),
        ({"finished": None, "progress": None}, Status.COMPLETED),
    ],
)  # fmt: skip
def test_the_status_is_told_from_status_and_finished(told: dict[str, Any], status: Status) -> None:
    payload = response()
    payload["values"] |= told

    assert read_response(payload).status is status


def test_a_comment_is_found_where_keys_are_in_no_order() -> None:
    payload = {"responseId": "R_1", "values": {
        "QID9_TEXT": "later", "QID3_TEXT": "Why", "QID0_TEXT": "before", "QID2": 4, "QID2_NPS_GROUP": 1,
    }}  # fmt: skip

    assert read_response(payload).comment == "Why"


@given(damaged(response()), damaged(load("qualtrics/survey")))
def test_no_payload_makes_the_reader_raise(payload: Any, survey: Any) -> None:
    record = read_response(payload, survey)

    assert record.score is None or record.scale_min <= record.score <= record.scale_max
    slim(survey)


# --- Files ---------------------------------------------------------------------------------------------------
def test_a_file_is_read_by_its_third_header_row() -> None:
    first, preview, partial = read_csv(file("export.csv"))

    assert (first.external_id, first.score, first.metric) == ("R_000000000000001", 9, Metric.NPS)
    assert first.comment == "Fast,\nfriendly 🙂"
    assert (first.person.email, first.person.external_id) == ("ann@example.org", "u-42")
    assert first.properties == {"account_id": "A-7"}
    assert first.responded_at == dt.datetime(2031, 1, 2, 3, 5, 7, tzinfo=dt.UTC)
    assert (preview.status, preview.score) == (Status.TEST, 0)
    assert (partial.status, partial.score) == (Status.PARTIAL, None)


def test_labels_other_languages_and_zones_do_not_matter() -> None:
    first, test, partial = read_csv(file("labels.csv"))

    assert (first.score, first.comment) == (0, "Zu langsam")
    assert first.responded_at == dt.datetime(2031, 7, 2, 1, 5, 7, tzinfo=dt.UTC)
    assert (test.status, partial.status, partial.score) == (Status.TEST, Status.PARTIAL, 8)


def test_a_file_of_2017_has_two_header_rows() -> None:
    (record,) = read_csv(file("legacy.csv"), mapping={Role.COMMENT: ["Q2"]}, zone="America/Denver")

    assert (record.external_id, record.score, record.comment) == ("R_0000000000legac", 7, "Okay")
    assert (record.person.email, record.person.external_id, record.person.name) == (
        "ann@example.org",
        "u-1",
        "Doe, Ann",
    )
    assert record.responded_at == dt.datetime(2017, 3, 1, 17, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize("rows", [[0], [0, 1], [0, 2], [0, 1, 2]])
def test_header_rows_that_somebody_took_out_are_not_missed(rows: list[int]) -> None:
    lines = file("export.csv").split(b"\n")
    content = b"\n".join([lines[row] for row in rows] + lines[3:])

    found = read_csv(content)
    assert [record.score for record in found] == [9, 0, None]


def test_packed_and_tabbed_files_are_read_as_well() -> None:
    tabbed = file("export.csv").decode().replace(",\n", ";\n").replace(",", "\t").encode()

    assert [record.score for record in read_csv(zipped(file("export.csv")))] == [9, 0, None]
    assert read_csv(tabbed)[0].external_id == "R_000000000000001"
    assert read_csv(tabbed.decode().encode("utf-16"))[0].external_id == "R_000000000000001"
    assert next(read_csv_file(io.BytesIO(file("export.csv")))).score == 9


def test_questions_in_a_list_are_read_like_those_by_id() -> None:
    listed = {
        "result": {
            "elements": [{"QuestionID": "QID5", "QuestionType": "MC", "Selector": "NPS", "Choices": []}]
        }
    }

    assert read_response({"responseId": "R_1", "values": {"QID5": 3}}, listed).score == 3


@pytest.mark.parametrize("content", [b"", b"\n\n", b"a,b\n1,2\n", b"<html></html>", b"PK\x03\x04 broken"])
def test_what_is_no_file_of_theirs_is_refused(content: bytes) -> None:
    with pytest.raises(Unusable):
        read_csv(content)


@given(st.binary(max_size=300), st.integers(0, 1500))
def test_no_file_makes_the_reader_raise_anything_else(noise: bytes, place: int) -> None:
    content = file("export.csv")
    for broken in (noise, content[:place] + noise + content[place:]):
        try:
            read_csv(broken)
        except Unusable:
            continue


# --- The local vendor ----------------------------------------------------------------------------------------
class Brand:
    """Exports that are ready at the third look, files that can be taken away, surveys over two pages."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.responses = [self.made(number) for number in range(12)]
        self.unfinished = [self.made(99, finished=0, progress=30)]
        self.jobs: dict[str, dict[str, Any]] = {}
        self.is_packed = True
        self.keeps_files = True
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.is_admin = True
        on = vendor.on
        on("GET", "/API/v3/surveys", self._surveys)
        on("GET", f"/API/v3/surveys/{SURVEY}", lambda _: reply(load("qualtrics/survey")))
        on("POST", f"/API/v3/surveys/{SURVEY}/export-responses", self._begin)
        on("GET", f"/API/v3/surveys/{SURVEY}/export-responses/(ES_[^/]+)", self._look)
        on("GET", f"/API/v3/surveys/{SURVEY}/export-responses/([^/]+)-def/file", self._file)
        on("GET", f"/API/v3/surveys/{SURVEY}/responses/([^/]+)", self._one)
        on(
            "GET",
            "/API/v3/eventsubscriptions",
            lambda _: self.result({"elements": list(self.subscriptions.values())}),
        )
        on("POST", "/API/v3/eventsubscriptions", self._subscribe)
        on("DELETE", "/API/v3/eventsubscriptions/([^/]+)", lambda call: reply({}) if self.subscriptions.pop(call.found[0], None) else reply({}, 404))  # fmt: skip

    def made(self, number: int, **more: Any) -> dict[str, Any]:
        made = response()
        made["responseId"] = made["values"]["_recordId"] = f"R_{number:015}"
        made["values"] |= {"QID1": number % 11, **more}
        return made

    @staticmethod
    def result(body: Any, status: int = 200) -> Answer:
        return reply({"result": body, "meta": {"httpStatus": f"{status}"}}, status)

    def _surveys(self, call: Call) -> Answer:
        if call.headers.get("x-api-token", call.headers.get("authorization")) not in {
            "tok",
            "Bearer a1",
            "Bearer a2",
        }:
            return reply({"meta": {"error": {"errorCode": "AUTH_6"}}}, 401)
        offset = int(call.first("offset", "0"))
        following = "https://elsewhere.qualtrics.com/API/v3/surveys?offset=1" if offset == 0 else None
        return self.result(
            {
                "elements": [{"id": f"SV_{offset}", "name": f"Pulse {offset}", "isActive": True}],
                "nextPage": following,
            }
        )

    def _begin(self, call: Call) -> Answer:
        number = f"ES_{len(self.jobs)}"
        self.jobs[number] = {**call.json(), "looks": 0}
        return self.result({"progressId": number, "percentComplete": 0.0, "status": "inProgress"})

    def _look(self, call: Call) -> Answer:
        job = self.jobs[call.found[0]]
        job["looks"] += 1
        if job.get("fails"):
            return self.result({"percentComplete": 10.0, "status": "failed"})
        if job["looks"] < 3:
            return self.result({"percentComplete": 33.0 * job["looks"], "status": "inProgress"})
        return self.result({"percentComplete": 100.0, "status": "complete", "fileId": f"{call.found[0]}-def"})

    def _file(self, call: Call) -> Answer:
        if not self.keeps_files:
            return reply({"meta": {"error": {}}}, 404)
        job = self.jobs[call.found[0]]
        found = self.unfinished if job.get("exportResponsesInProgress") else self.responses
        body = json.dumps({"responses": found}).encode()
        return reply(zipped(body) if self.is_packed else body, kind="application/octet-stream")

    def _one(self, call: Call) -> Answer:
        found = [each for each in self.responses if each["responseId"] == call.found[0]]
        return self.result(found[0]) if found else reply({"meta": {}}, 404)

    def _subscribe(self, call: Call) -> Answer:
        if not self.is_admin:
            return reply({"meta": {"error": {"errorCode": "AUTHZ"}}}, 403)
        identity = f"SUB_{len(self.vendor.calls)}"
        self.subscriptions[identity] = {"id": identity, **call.json()}
        return self.result({"id": identity})


@pytest.fixture
def brand(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> Brand:
    monkeypatch.setattr(qualtrics, "PAGE_SIZE", 5)
    return Brand(vendor)


@pytest.fixture
def line(vendor: Vendor, line_to: LineTo) -> Line:
    return line_to(SYSTEM, options={"base_url": vendor.url}, secrets={"token": "tok", "hook": "qkey-1"})


def asked(cursor: Any = None, since: dt.datetime | None = None) -> Ask:
    return Ask(survey_id=SURVEY, since=since, until=UNTIL, cursor=cursor)


def run(line: Line, *, since: dt.datetime | None = None) -> tuple[list[Record], list[Page]]:
    found: list[Record] = []
    pages: list[Page] = []
    cursor = None
    for _ in range(40):
        page = SYSTEM.pull(line, asked(cursor, since))
        pages.append(page)
        found += page.records
        cursor = json.loads(json.dumps(page.cursor))
        if cursor is None:
            return found, pages
    raise AssertionError("The run did not end.")


# --- Pulling -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("is_packed", [True, False])
def test_an_export_is_begun_looked_at_and_taken_in_pieces(brand: Brand, line: Line, is_packed: bool) -> None:
    brand.is_packed = is_packed

    found, pages = run(line, since=dt.datetime(2031, 1, 1, tzinfo=dt.UTC))
    assert [(record.external_id, record.score) for record in found] == [
        (f"R_{number:015}", number % 11) for number in range(12)
    ]
    assert [page.wait for page in pages[:4]] == [5.0, 6.0, 7.0, 0.0]
    assert [len(page.records) for page in pages[4:]] == [5, 5, 2]
    assert pages[-1].total == 12
    assert brand.jobs["ES_0"] == {
        "format": "json", "compress": True, "sortByLastModifiedDate": True, "looks": 3,
        "startDate": "2031-01-01T00:00:00Z", "endDate": "2031-02-01T00:00:00Z",
    }  # fmt: skip


def test_unfinished_answers_take_a_second_export(brand: Brand, line: Line) -> None:
    line.options = {**line.options, "partial": "yes"}

    found, _ = run(line)
    assert (found[-1].status, len(found)) == (Status.PARTIAL, 13)


def test_a_file_that_is_gone_is_exported_again(brand: Brand, line: Line) -> None:
    first = asked({"step": "take", "part": "finished", "restarts": 0, "file": "ES_9-def", "at": 5})
    brand.keeps_files = False
    page = SYSTEM.pull(line, first)
    assert page.cursor is not None
    assert (page.cursor["step"], page.cursor["part"]) == ("begin", "finished")
    assert "made again" in page.notes[0]

    brand.keeps_files = True
    cursor: Any = page.cursor
    found: list[Record] = []
    while cursor is not None:
        page = SYSTEM.pull(line, asked(cursor))
        found, cursor = [*found, *page.records], page.cursor
    assert len(found) == 12


def test_an_export_that_never_comes_about_ends_the_run(brand: Brand, line: Line) -> None:
    brand.keeps_files = False

    with pytest.raises(Unusable, match="no longer there"):
        run(line)
    assert len(brand.jobs) == 4


def test_an_export_that_failed_is_made_again(brand: Brand, line: Line) -> None:
    begun = SYSTEM.pull(line, asked())
    brand.jobs["ES_0"]["fails"] = True

    page = SYSTEM.pull(line, asked(begun.cursor))
    assert page.cursor is not None
    assert page.cursor["step"] == "begin"


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (reply({}, 401), AccessDenied), (reply({}, 403), AccessDenied), (reply({}, 429, Retry_After="3"), TryLater),
        (reply({}, 500), TryLater), (reply("<html>Log in</html>", kind="text/html"), Unusable), (reply({}), Unusable),
        (reply([]), Unusable), (reply({}, 302, Location="https://ca1.qualtrics.com"), Unusable), (reply('{"result'), Unusable),
    ],
)  # fmt: skip
@pytest.mark.parametrize("step", [0, 1])
def test_a_failure_is_named_and_the_run_goes_on_from_there(
    brand: Brand, line: Line, vendor: Vendor, answer: Answer, trouble: type[Exception], step: int
) -> None:
    cursor = SYSTEM.pull(line, asked()).cursor if step else None
    vendor.fail(answer)

    with pytest.raises(trouble):
        SYSTEM.pull(line, asked(cursor))
    assert SYSTEM.pull(line, asked(cursor)).cursor is not None


def test_a_limit_without_a_time_waits_as_long_as_is_usual_there(
    brand: Brand, line: Line, vendor: Vendor
) -> None:
    vendor.fail(reply({}, 429), reply({}, 429, Retry_After="40"))

    waits = []
    for _ in range(2):
        with pytest.raises(TryLater) as caught:
            SYSTEM.pull(line, asked())
        waits.append(caught.value.after)
    assert waits == [5.0, 40.0]


# --- Describing ----------------------------------------------------------------------------------------------
def test_the_check_names_where_and_how_many(brand: Brand, line: Line, vendor: Vendor) -> None:
    assert SYSTEM.check(line) == "Qualtrics at 127.0.0.1, 1 or more surveys"
    line.secrets["token"] = "stolen"
    with pytest.raises(AccessDenied, match="data centre"):
        SYSTEM.check(line)
    line.secrets = {}
    with pytest.raises(AccessDenied, match="token"):
        SYSTEM.check(line)


@pytest.mark.parametrize(
    ("told", "host"),
    [
        ("fra1", "https://fra1.qualtrics.com"), ("acme.fra1.qualtrics.com", "https://acme.fra1.qualtrics.com"),
        ("https://fra1.qualtrics.com/API/v3/", "https://fra1.qualtrics.com"), ("http://127.0.0.1:8980", "http://127.0.0.1:8980"),
    ],
)  # fmt: skip
def test_the_data_centre_may_be_told_in_any_way(told: str, host: str, line_to: LineTo) -> None:
    assert qualtrics._host(line_to(SYSTEM, options={"base_url": told})) == host


def test_all_surveys_are_listed_from_our_host_alone(brand: Brand, line: Line) -> None:
    assert [survey.id for survey in SYSTEM.surveys(line)] == ["SV_0", "SV_1"]


def test_fields_are_proposed_in_the_order_they_are_asked(brand: Brand, line: Line) -> None:
    fields = SYSTEM.fields(line, SURVEY)

    assert [field.key for field in fields[:4]] == ["QID3_TEXT", "QID7", "QID1", "QID2_TEXT"]
    assert {field.key: field.role for field in fields if field.role} == {
        "QID1": Role.SCORE, "QID2_TEXT": Role.COMMENT, "recipientEmail": Role.EMAIL, "externalDataReference": Role.PERSON_ID,
    }  # fmt: skip


# --- OAuth ---------------------------------------------------------------------------------------------------
def test_a_client_gets_its_token_early_and_again_when_it_is_refused(
    brand: Brand, vendor: Vendor, line_to: LineTo
) -> None:
    minted: list[Call] = []

    def token(call: Call) -> Answer:
        minted.append(call)
        if call.headers["authorization"] != "Basic Y2lkOmNzZWM=":
            return reply({"error": "invalid_client"}, 401)
        return reply({"access_token": f"a{len(minted)}", "expires_in": 3600, "token_type": "Bearer"})

    vendor.on("POST", "/oauth2/token", token)
    line = line_to(
        SYSTEM,
        options={"base_url": vendor.url, "access": "client", "client_id": "cid"},
        secrets={"client_secret": "csec"},
    )
    SYSTEM.check(line)
    SYSTEM.check(line)
    assert len(minted) == 1
    assert minted[0].form()["grant_type"] == "client_credentials"
    line.keep(expires_at="1000000000")
    SYSTEM.check(line)
    assert (len(minted), line.secrets["access_token"]) == (2, "a2")
    line.keep(access_token="revoked")
    with pytest.raises(AccessDenied):
        SYSTEM.check(line)  # the third token is one this brand does not know
    assert len(minted) == 3


# --- Events --------------------------------------------------------------------------------------------------
MSG = (
    '{"Status":"Complete","SurveyID":"SV_aaaaaaaaaaaaaaa","ResponseID":"R_bbbbbbbbbbbbbbb",'
    '"CompletedDate":"2031-05-04 03:02:01","BrandID":"acme"}'
)
HMAC = (
    "83b3f1e03da506e43fe0938cc7997a1d1b8aeaf5017ba8b56d6cdc8a9c361ab2"
    "8d3c9e465fde60055df3678d6819e2daa38c456ff3ebe59b0aed29919b81a09e"
)
TOPIC = "acme.surveyengine.completedResponse.SV_aaaaaaaaaaaaaaa"


def event(**fields: str) -> Delivery:
    told = {"HMAC": HMAC, "MSG": MSG, "Topic": TOPIC, "undefined": "", **fields}
    return Delivery(
        body=urlencode({name: value for name, value in told.items() if value is not None}).encode(),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )


def test_the_published_vector_is_accepted_also_during_a_rotation(line: Line) -> None:
    SYSTEM.verify(line, event())
    SYSTEM.verify(
        line, Delivery(body=f"HMAC={HMAC}&MSG={quote(MSG)}&Topic=x&undefined=".encode(), headers={})
    )
    line.secrets = {"hook": "new", "hook_previous": "qkey-1"}
    SYSTEM.verify(line, event())


@pytest.mark.parametrize(
    "forged",
    [
        event(HMAC=""), event(HMAC="0" * 128), event(MSG=MSG.replace("bbb", "ccc")), event(MSG=MSG.replace(",", ", ")),
        event(HMAC=HMAC[:64]), event(HMAC="é" * 128), Delivery(body=b"", headers={}),
        Delivery(body=event().body + b"&MSG=%7B%7D", headers={}), Delivery(body=b"Topic=x&ResponseID=R_1", headers={}),
        Delivery(body=b"a&" * 5000, headers={}),
    ],
)  # fmt: skip
def test_what_does_not_prove_itself_is_forged(line: Line, forged: Delivery) -> None:
    with pytest.raises(Forged):
        SYSTEM.verify(line, forged)


def test_without_a_shared_key_nothing_is_believed(line_to: LineTo) -> None:
    with pytest.raises(Forged):
        SYSTEM.verify(line_to(SYSTEM), event())


def test_an_event_refers_to_the_answer_of_what_was_signed(line: Line) -> None:
    meant = [Reference(external_id="R_bbbbbbbbbbbbbbb", survey_id=SURVEY, wait=5.0)]

    assert SYSTEM.hear(line, event()) == meant
    assert SYSTEM.hear(line, event(Topic="acme.surveyengine.completedResponse.SV_other")) == meant
    plain = json.loads(MSG) | {"Topic": TOPIC, "RecipientID": "", "ResponseEventContext": "x"}
    assert SYSTEM.hear(line, Delivery(body=urlencode(plain).encode(), headers={})) == meant
    assert list(SYSTEM.hear(line, event(Topic="acme.controlpanel.activateSurvey"))) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"MSG=x",
        b"MSG=%5B%5D",
        b"[]",
        b"{}",
        b"ResponseID=R_1",
        b"MSG=" + b"%5B" * 9999,
        b"\xff\xfe",
    ],
)
def test_a_body_that_is_no_event_is_unusable(line: Line, body: bytes) -> None:
    with pytest.raises(Unusable):
        SYSTEM.hear(line, Delivery(body=body, headers={}))


@given(data=st.data())
def test_hearing_ends_in_references_or_in_unusable(data: st.DataObject) -> None:
    message = json.dumps(data.draw(damaged(json.loads(MSG))))
    try:
        found = SYSTEM.hear(Line(SYSTEM, options={}, secrets={}), event(MSG=message))
    except Unusable:
        return
    assert all(isinstance(each, Reference) and each.external_id for each in found)


def test_the_answer_of_an_event_is_fetched(brand: Brand, line: Line) -> None:
    assert SYSTEM.fetch(line, Reference(external_id=f"R_{3:015}", survey_id=SURVEY)).score == 3
    with pytest.raises(Gone):
        SYSTEM.fetch(line, Reference(external_id="R_notyet", survey_id=SURVEY))


def test_a_subscription_is_replaced_and_can_be_taken_back(brand: Brand, line: Line) -> None:
    brand.subscriptions["other"] = {"id": "other", "publicationUrl": "https://else.example.com"}
    for secret in ("one", "two"):
        state = SYSTEM.subscribe(
            line, survey_ids=[SURVEY], url="https://crm.example.com/hear/x", secret=secret
        )

    (hook,) = [each for each in brand.subscriptions.values() if each["id"] != "other"]
    assert (hook["topics"], hook["sharedKey"], hook["encrypt"]) == (
        f"surveyengine.completedResponse.{SURVEY}",
        "two",
        False,
    )
    SYSTEM.unsubscribe(line, json.loads(json.dumps(state)))
    SYSTEM.unsubscribe(line, state)
    assert list(brand.subscriptions) == ["other"]


def test_who_may_not_subscribe_is_told_what_to_do(brand: Brand, line: Line) -> None:
    brand.is_admin = False

    with pytest.raises(AccessDenied, match="brand administrator"):
        SYSTEM.subscribe(line, survey_ids=[SURVEY], url="https://crm.example.com/hear/x", secret="s")
