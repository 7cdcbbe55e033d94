"""SurveyMonkey: the score is the place of the choice, the list is walked by its changes, calls are counted, events are fetched."""

import copy
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
    Page,
    Reference,
    Role,
    TryLater,
    Unusable,
)
from integrations.line import Line
from integrations.records import Metric, Person, Record, Status
from integrations.systems import surveymonkey
from integrations.systems.surveymonkey import EVENTS, SYSTEM, read_response, slim
from tests.integrations.damage import damaged
from tests.integrations.fixtures import load
from tests.integrations.vendor import Answer, Call, Vendor, reply

START = dt.datetime(2031, 6, 1, 12, tzinfo=dt.UTC)
NIGHT = dt.datetime(2031, 6, 2, tzinfo=dt.UTC)
LineTo = Callable[..., Line]


# --- Reading one response ------------------------------------------------------------------------------------
def test_the_score_is_the_place_of_the_choice_and_not_its_weight() -> None:
    record = read_response(load("surveymonkey/response"), load("surveymonkey/details"))

    assert (record.score, record.metric, record.scale_min, record.scale_max) == (8, Metric.NPS, 0, 10)
    assert record.comment == "Fine, but slow"
    assert (record.external_id, record.survey_id, record.status) == ("555", "10", Status.COMPLETED)
    assert record.person == Person(email="ann@example.org", name="Ann Doe")
    assert record.properties == {"account": "A-7"}
    assert record.responded_at == dt.datetime(2031, 6, 1, 17, 39, 51, tzinfo=dt.UTC)
    assert record.updated_at == dt.datetime(2031, 6, 1, 17, 40, 22, tzinfo=dt.UTC)
    assert record.language == "en"


def test_the_address_at_which_an_answer_can_be_changed_is_not_kept() -> None:
    assert "secret-token" not in json.dumps(read_response(load("surveymonkey/response")).raw)


def test_what_is_kept_of_a_definition_reads_the_same() -> None:
    details, response = load("surveymonkey/details"), load("surveymonkey/response")

    assert read_response(response, slim(details)) == read_response(response, details)


def choosing(choice: str) -> dict[str, Any]:
    response: dict[str, Any] = load("surveymonkey/response")
    response["pages"][1]["questions"][0]["answers"][0]["choice_id"] = choice
    return response


@pytest.mark.parametrize("score", range(11))
def test_every_choice_has_its_score(score: int) -> None:
    assert read_response(choosing(f"c{score}"), load("surveymonkey/details")).score == score


def test_not_applicable_is_no_score() -> None:
    record = read_response(choosing("na"), load("surveymonkey/details"))

    assert record.score is None
    assert record.trouble


def choices_of(details: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = details["pages"][1]["questions"][3]["answers"]["choices"]
    return found


def test_translated_ends_and_numbers_as_texts_do_not_matter() -> None:
    details = load("surveymonkey/details")
    for choice in choices_of(details):
        choice["weight"] = str(choice["weight"])
        choice["position"] = str(choice["position"])
        if choice["id"] in {"c0", "c10"}:
            choice["text"] = "<p>Sehr wahrscheinlich</p>"

    assert read_response(choosing("c10"), details).score == 10
    assert read_response(choosing("c0"), details).score == 0


def test_a_scale_from_ten_to_zero_is_read_by_its_numbers() -> None:
    details = load("surveymonkey/details")
    for choice in choices_of(details):
        choice["position"] = 12 - choice["position"] if choice["id"] != "na" else 12

    assert read_response(choosing("c9"), details).score == 9


def test_a_rating_of_stars_is_no_nps() -> None:
    details = load("surveymonkey/details")
    del details["pages"][1]["questions"][3]
    response = load("surveymonkey/response")
    response["pages"][1]["questions"].append(
        {"id": "q-star", "answers": [{"row_id": "s", "choice_id": "s4", "choice_metadata": {"weight": "4"}}]}
    )

    record = read_response(response, details)
    assert (record.metric, record.score, record.scale_min, record.scale_max) == (Metric.CSAT, 4, 1, 5)


def test_a_person_may_choose_the_question_the_comment_and_the_id() -> None:
    mapping = {
        Role.SCORE: ["q-star"],
        Role.COMMENT: ["q-why", "custom.account"],
        Role.PERSON_ID: ["custom.account"],
    }

    record = read_response(load("surveymonkey/response"), load("surveymonkey/details"), mapping=mapping)
    assert (record.metric, record.score) == (Metric.CSAT, None)
    assert record.comment == "Fine, but slow\n\nA-7"
    assert record.person.external_id == "A-7"


def test_what_was_written_beside_the_choice_is_the_comment_where_there_is_no_other() -> None:
    response = load("surveymonkey/response")
    response["pages"][1]["questions"] = [
        {
            "id": "q-nps",
            "answers": [{"choice_id": "c3", "row_id": "r1"}, {"other_id": "o", "text": "Too dear"}],
        },
        {"id": "q-why", "answers": [{"text": "   "}]},
    ]

    record = read_response(response, load("surveymonkey/details"))
    assert (record.score, record.comment) == (3, "Too dear")


def test_without_a_definition_there_is_no_score_but_where_texts_and_weight_agree() -> None:
    response = load("surveymonkey/response")

    assert read_response(response).score is None
    response["pages"][1]["questions"][0] |= {"family": "matrix", "subtype": "rating"}
    response["pages"][1]["questions"][0]["answers"][0]["simple_text"] = "8"
    record = read_response(response)
    assert (record.score, record.metric, record.comment) == (8, Metric.NPS, "Fine, but slow")
    response["pages"][1]["questions"][0]["answers"][0]["simple_text"] = "10"
    assert read_response(response).score is None


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"response_status": "partial"}, Status.PARTIAL),
        ({"response_status": "overquota"}, Status.OVERQUOTA),
        ({"response_status": "disqualified"}, Status.DISQUALIFIED),
        ({"collection_mode": "preview"}, Status.TEST),
        ({"collection_mode": "survey_preview"}, Status.TEST),
        ({"collection_mode": "data_entry"}, Status.COMPLETED),
    ],
)
def test_the_status_is_what_the_response_says(told: dict[str, str], status: Status) -> None:
    assert read_response({**load("surveymonkey/response"), **told}).status is status


def test_a_contact_of_a_list_is_found_in_the_metadata() -> None:
    response = load("surveymonkey/response") | {"email_address": "", "first_name": "", "last_name": ""}
    response["metadata"] = {"contact": {"email": {"value": "bo@example.org"}, "first_name": {"value": "Bo"}}}

    assert read_response(response).person == Person(email="bo@example.org", name="Bo")


def test_nonsense_dates_are_read_and_not_refused() -> None:
    response = load("surveymonkey/response") | {
        "date_created": "1970-01-17T19:02:30+00:00",
        "date_modified": "?",
    }

    record = read_response(response)
    assert record.responded_at == dt.datetime(1970, 1, 17, 19, 2, 30, tzinfo=dt.UTC)
    assert record.updated_at is None


@given(damaged(load("surveymonkey/response")), damaged(load("surveymonkey/details")))
def test_no_payload_makes_the_reader_raise(response: Any, details: Any) -> None:
    record = read_response(response, details)

    assert record.score is None or record.scale_min <= record.score <= record.scale_max
    read_response(response, slim(details))


# --- The local vendor ----------------------------------------------------------------------------------------
class Account:
    """A survey of SurveyMonkey: listed by change, half a dozen a page, its links on another host."""

    def __init__(self, vendor: Vendor, count: int) -> None:
        self.responses = [self.made(number) for number in range(count)]
        self.details = load("surveymonkey/details")
        self.hooks: dict[str, dict[str, Any]] = {}
        self.day = 400
        self.handshakes = True
        vendor.on("GET", "/v3/surveys", self._surveys)
        vendor.on("GET", "/v3/surveys/10/details", lambda _: reply(self.details))
        vendor.on("GET", "/v3/surveys/10/responses/bulk", self._bulk)
        vendor.on("GET", "/v3/surveys/10/responses/([^/]+)/details", self._one)
        vendor.on("GET", "/v3/collectors/20/recipients/9", lambda _: reply({"email": "rec@example.org"}))
        vendor.on(
            "GET",
            "/v3/webhooks",
            lambda _: reply(
                {"data": [{"id": i, "name": h["name"]} for i, h in self.hooks.items()], "links": {}}
            ),
        )
        vendor.on("POST", "/v3/webhooks", self._hook)
        vendor.on("PATCH", "/v3/webhooks/([^/]+)", self._change)
        vendor.on("DELETE", "/v3/webhooks/([^/]+)", lambda call: reply({}) if self.hooks.pop(call.found[0], None) else reply({}, 404))  # fmt: skip

    def made(self, number: int, *, minutes: int | None = None) -> dict[str, Any]:
        response: dict[str, Any] = choosing(f"c{number % 11}")
        moment = START + dt.timedelta(minutes=number if minutes is None else minutes)
        return {**response, "id": str(number), "date_modified": moment.isoformat()}

    def _surveys(self, call: Call) -> Answer:
        if call.headers.get("authorization") != "bearer tok":
            return reply({"error": {"id": "1013", "name": "Authorization Error"}}, 401)
        number = int(call.first("page", "1"))
        links = {"next": "https://api.surveymonkey.net/v3/surveys?page=2"} if number == 1 else {}
        granted = "surveys_read,responses_read,responses_read_detail,webhooks_write"
        return reply(
            {"data": [{"id": f"{number}0", "title": f"<i>Pulse</i> {number}"}], "total": 2, "links": links},
            X_OAuth_Scopes_Granted=granted,
        )

    def _bulk(self, call: Call) -> Answer:
        low, high = call.first("start_modified_at", "0"), call.first("end_modified_at", "9")
        found = sorted(self.responses, key=lambda each: each["date_modified"])
        found = [each for each in found if low <= each["date_modified"][:19] < high]
        if call.first("sort_order") == "DESC":
            found.reverse()
        size, number = int(call.first("per_page")), int(call.first("page", "1"))
        links = {"self": "x"}
        if number * size < len(found):
            links["next"] = f"https://api.surveymonkey.net/v3/surveys/10/responses/bulk?page={number + 1}"
        self.day -= 1
        return reply(
            {"data": found[(number - 1) * size : number * size], "total": len(found), "page": number, "links": links},
            X_Ratelimit_App_Global_Day_Limit="500",
            X_Ratelimit_App_Global_Day_Remaining=str(self.day),
            X_Ratelimit_App_Global_Day_Reset="7200",
        )  # fmt: skip

    def _one(self, call: Call) -> Answer:
        found = [each for each in self.responses if each["id"] == call.found[0]]
        return reply(found[0]) if found else reply({"error": {"id": "1020"}}, 404)

    def _hook(self, call: Call) -> Answer:
        wanted = call.json()
        addresses = {hook["subscription_url"] for hook in self.hooks.values()}
        if not self.handshakes or wanted["subscription_url"] in addresses:
            return reply({"error": {"id": "1000"}}, 400)
        identity = str(900 + len(self.hooks))
        self.hooks[identity] = wanted
        return reply({"id": identity, **wanted}, 201)

    def _change(self, call: Call) -> Answer:
        self.hooks[call.found[0]] |= call.json()
        return reply({})


@pytest.fixture
def account(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.setattr(surveymonkey, "PAGE_SIZE", 6)
    return Account(vendor, 20)


@pytest.fixture
def line(vendor: Vendor, line_to: LineTo) -> Line:
    return line_to(
        SYSTEM,
        options={"base_url": vendor.url, "client_id": "cid-1"},
        secrets={"token": "tok", "client_secret": "csec-1"},
    )


def asked(cursor: Any = None, since: dt.datetime | None = None) -> Ask:
    return Ask(survey_id="10", since=since, until=NIGHT, cursor=cursor)


def run(line: Line, *, meanwhile: Callable[[], None] | None = None) -> tuple[list[Record], list[Page]]:
    found: list[Record] = []
    pages: list[Page] = []
    cursor = None
    for _ in range(30):
        page = SYSTEM.pull(line, asked(cursor))
        found += page.records
        pages.append(page)
        cursor = json.loads(json.dumps(page.cursor))
        if cursor is None:
            return found, pages
        if meanwhile is not None:
            meanwhile()
    raise AssertionError("The run did not end.")


# --- Pulling -------------------------------------------------------------------------------------------------
def test_a_list_is_read_whole_from_our_host_alone(account: Account, line: Line, vendor: Vendor) -> None:
    found, pages = run(line)

    assert {record.external_id for record in found} == {str(number) for number in range(20)}
    assert all(record.score == int(record.external_id) % 11 for record in found)
    assert (pages[0].total, pages[1].total) == (20, None)
    bulk = [call for call in vendor.calls if call.path.endswith("/bulk")]
    assert {(call.first("sort_by"), call.first("sort_order")) for call in bulk} == {("date_modified", "ASC")}
    assert len([call for call in vendor.calls if call.path.endswith("/10/details")]) == 1


def test_an_answer_that_changes_while_we_read_makes_us_miss_no_other(account: Account, line: Line) -> None:
    def change() -> None:
        first = min(account.responses, key=lambda each: each["date_modified"])
        first["date_modified"] = (NIGHT + dt.timedelta(minutes=1)).isoformat()

    found, _ = run(line, meanwhile=change)

    assert {record.external_id for record in found} >= {str(number) for number in range(6, 20)}


def test_many_answers_of_one_second_are_reached_by_pages(account: Account, line: Line) -> None:
    account.responses = [account.made(number, minutes=3) for number in range(20)]

    found, _ = run(line)
    assert {record.external_id for record in found} == {str(number) for number in range(20)}


def test_a_page_that_repeats_stops_the_run(account: Account, line: Line, vendor: Vendor) -> None:
    same = {"data": account.responses[:6], "links": {"next": "x"}}
    vendor.on("GET", "/v3/surveys/10/responses/bulk", lambda _: reply(same))

    with pytest.raises(Unusable, match="same page twice"):
        run(line)


def test_a_window_begins_at_the_last_change(account: Account, line: Line, vendor: Vendor) -> None:
    page = SYSTEM.pull(line, asked(since=START + dt.timedelta(minutes=15)))

    assert [record.external_id for record in page.records] == ["15", "16", "17", "18", "19"]
    assert page.cursor is None
    assert vendor.calls[0].first("start_modified_at") == "2031-06-01T12:15:00"
    assert vendor.calls[0].first("end_modified_at") == "2031-06-02T00:00:00"


def test_the_run_waits_for_tomorrow_before_the_calls_are_used_up(account: Account, line: Line) -> None:
    account.day = 26

    page = SYSTEM.pull(line, asked())
    assert (page.wait, len(page.records)) == (7201.0, 6)
    assert "midnight GMT" in page.notes[0]


def test_calls_that_are_used_up_wait_for_the_day(account: Account, line: Line, vendor: Vendor) -> None:
    over = {"error": {"id": "1040", "http_status_code": 429}}
    vendor.fail(
        reply(over, 429, X_Ratelimit_App_Global_Day_Remaining="0", X_Ratelimit_App_Global_Day_Reset="40000"),
        reply(over, 429, X_Ratelimit_App_Global_Minute_Reset="17"),
        reply(over, 429, Retry_After="9"),
        reply(over, 429),
    )

    waits = []
    for _ in range(4):
        with pytest.raises(TryLater) as caught:
            SYSTEM.pull(line, asked())
        waits.append(caught.value.after)
    assert waits == [40001.0, 18.0, 9.0, None]


@pytest.mark.parametrize(
    ("answer", "trouble", "says"),
    [
        (reply({"error": {"id": "1013"}}, 401), AccessDenied, "revoked"),
        (reply({"status": 1, "errmsg": "Client revoked access grant"}), AccessDenied, "revoked"),
        (reply({"error": {"id": "1014"}}, 403), AccessDenied, "scopes"),
        (reply({"error": {"id": "1018"}}, 403), AccessDenied, "region"),
        (reply({"error": {"id": "1053"}}, 410), AccessDenied, "deleted"),
        (reply({"error": {"id": "1030"}}, 413), Unusable, "1,000 questions"),
        (reply({}, 404), Gone, "404"),
        (reply("oops", 502), TryLater, "502"),
        (reply("<html>Sign in</html>", kind="text/html"), Unusable, "login page"),
        (reply('{"data": [{"id": "1"'), Unusable, "no data"),
        (reply([1]), Unusable, "list"),
        (reply({"data": None}), Unusable, "list"),
    ],
)  # fmt: skip
def test_a_failure_is_named_and_the_run_goes_on_from_there(
    account: Account, line: Line, vendor: Vendor, answer: Answer, trouble: type[Exception], says: str
) -> None:
    first = SYSTEM.pull(line, asked())
    vendor.fail(answer)

    with pytest.raises(trouble, match=says):
        SYSTEM.pull(line, asked(first.cursor))
    # The last second of the page before is read again.
    assert [record.external_id for record in SYSTEM.pull(line, asked(first.cursor)).records][:2] == ["5", "6"]


def test_a_survey_that_was_changed_is_asked_for_again(account: Account, line: Line) -> None:
    SYSTEM.pull(line, asked())
    changed = copy.deepcopy(account.details)
    for choice in choices_of(changed):
        choice["id"] = f"new-{choice['id']}"
    account.details = changed
    account.responses = [{**choosing("new-c9"), "id": "n"}]

    assert SYSTEM.pull(line, asked()).records[0].score == 9


def test_recipients_are_looked_up_where_wanted(account: Account, line: Line) -> None:
    account.responses = [{**account.made(1), "email_address": "", "recipient_id": "9"}]

    assert SYSTEM.pull(line, asked()).records[0].person.email == ""
    line.options = {**line.options, "recipients": "yes"}
    assert SYSTEM.pull(line, asked()).records[0].person.email == "rec@example.org"


# --- Describing ----------------------------------------------------------------------------------------------
def test_the_check_says_how_many_and_names_a_missing_scope(
    account: Account, line: Line, vendor: Vendor
) -> None:
    assert SYSTEM.check(line) == "SurveyMonkey, 2 surveys"
    vendor.fail(reply({"data": [], "total": 0}, X_OAuth_Scopes_Granted="surveys_read, responses_read"))
    with pytest.raises(AccessDenied, match="responses_read_detail"):
        SYSTEM.check(line)
    line.secrets["token"] = "other"
    with pytest.raises(AccessDenied, match="revoked or replaced"):
        SYSTEM.check(line)


def test_all_pages_of_surveys_are_listed_without_markup(account: Account, line: Line) -> None:
    assert [(survey.id, survey.name) for survey in SYSTEM.surveys(line)] == [
        ("10", "Pulse 1"),
        ("20", "Pulse 2"),
    ]


def test_fields_are_proposed_with_real_examples(account: Account, line: Line) -> None:
    fields = {field.key: field for field in SYSTEM.fields(line, "10")}

    assert {key: field.role for key, field in fields.items() if field.role} == {
        "q-nps": Role.SCORE, "q-why": Role.COMMENT, "email_address": Role.EMAIL,
    }  # fmt: skip
    assert fields["q-nps"].examples == ("8", "7", "6")
    assert fields["custom.account"].examples == ("A-7",)
    assert fields["q-why"].label == "Why that score?"


# --- Events --------------------------------------------------------------------------------------------------
BODY = b'{"event_type":"response_completed","object_type":"response","object_id":"555"}'
SIGNED = "bkw5wQ11vSXw6xsSccGvz9lxavw="


def delivery(body: bytes = BODY, **headers: str) -> Delivery:
    return Delivery(body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_the_published_vector_is_accepted(line: Line) -> None:
    SYSTEM.verify(line, delivery(sm_signature=SIGNED))


@pytest.mark.parametrize(
    "forged",
    [
        delivery(), delivery(sm_signature=""), delivery(BODY + b"\n", sm_signature=SIGNED), delivery(sm_signature="é"),
        delivery(sm_signature="sha1=" + SIGNED), delivery(sm_signature=SIGNED.rstrip("=")), delivery(b"", sm_signature=SIGNED),
    ],
)  # fmt: skip
def test_what_does_not_prove_itself_is_forged(line: Line, forged: Delivery) -> None:
    with pytest.raises(Forged):
        SYSTEM.verify(line, forged)


def test_the_authorization_is_checked_beside_the_signature(line: Line) -> None:
    line.secrets |= {"hook": "new", "hook_previous": "old"}

    SYSTEM.verify(line, delivery(sm_signature=SIGNED, authorization="Bearer new"))
    SYSTEM.verify(line, delivery(sm_signature=SIGNED, authorization="Bearer old"))
    for wrong in ("", "Bearer older", "Bearer "):
        with pytest.raises(Forged):
            SYSTEM.verify(line, delivery(sm_signature=SIGNED, authorization=wrong))


def test_without_a_client_secret_nothing_is_believed(line_to: LineTo) -> None:
    with pytest.raises(Forged):
        SYSTEM.verify(line_to(SYSTEM, secrets={"hook": "x"}), delivery(sm_signature=SIGNED))


def heard(line: Line, **changes: Any) -> list[Any]:
    body = json.dumps({**load("surveymonkey/event"), **changes}).encode()
    return list(SYSTEM.hear(line, Delivery(body=body, headers={})))


def test_an_event_refers_to_the_answer(line: Line) -> None:
    assert heard(line) == [Reference(external_id="555", survey_id="10")]
    assert heard(line, resources={}) == [Reference(external_id="555", survey_id="10")]
    assert heard(line, resources=None, filter_type="collector") == [Reference(external_id="555")]
    assert heard(line, event_type="response_updated") == [
        Reference(external_id="555", survey_id="10", wait=60.0)
    ]
    assert heard(line, event_type="response_deleted")[0].is_deleted
    assert heard(line, event_type="survey_updated", object_type="survey") == []


@pytest.mark.parametrize(
    "body", [b"", b"x", b"[]", b"{}", b'{"event_type":"response_completed"}', b"[" * 9999]
)
def test_a_body_that_is_no_event_is_unusable(line: Line, body: bytes) -> None:
    with pytest.raises(Unusable):
        SYSTEM.hear(line, Delivery(body=body, headers={}))


@given(data=st.data())
def test_hearing_ends_in_references_or_in_unusable(data: st.DataObject) -> None:
    body = json.dumps(data.draw(damaged(load("surveymonkey/event")))).encode()
    try:
        found = SYSTEM.hear(Line(SYSTEM, options={}, secrets={}), Delivery(body=body, headers={}))
    except Unusable:
        return
    assert all(isinstance(each, Reference) and each.external_id for each in found)


def test_the_answer_of_an_event_is_fetched(account: Account, line: Line) -> None:
    assert SYSTEM.fetch(line, Reference(external_id="7", survey_id="10")).score == 7
    with pytest.raises(Gone):
        SYSTEM.fetch(line, Reference(external_id="77", survey_id="10"))


def test_each_kind_of_event_has_a_webhook_with_an_address_of_its_own(account: Account, line: Line) -> None:
    for secret, token in (("one", "old"), ("one", "x"), ("two", "x")):
        url = f"https://crm.example.com/hear/{token}"
        state = SYSTEM.subscribe(line, survey_ids=["10"], url=url, secret=secret)

    hooks = list(account.hooks.values())
    assert [hook["event_type"] for hook in hooks] == list(EVENTS)
    assert len({hook["subscription_url"] for hook in hooks}) == len(EVENTS)
    assert all(hook["subscription_url"].startswith("https://crm.example.com/hear/x?event=") for hook in hooks)
    assert {hook["authorization"] for hook in hooks} == {"Bearer two"}
    SYSTEM.unsubscribe(line, json.loads(json.dumps(state)))
    SYSTEM.unsubscribe(line, state)
    assert account.hooks == {}


def test_an_address_that_was_not_reached_is_said_and_nothing_stays_behind(
    account: Account, line: Line
) -> None:
    account.handshakes = False

    with pytest.raises(Unusable, match="HEAD"):
        SYSTEM.subscribe(line, survey_ids=["10"], url="https://crm.example.com/hear/x", secret="s")
    assert account.hooks == {}


# --- Consent -------------------------------------------------------------------------------------------------
def test_after_consent_calls_go_where_surveymonkey_says(
    account: Account, vendor: Vendor, line_to: LineTo
) -> None:
    def token(call: Call) -> Answer:
        form = call.form()
        if form["code"] != "yes" or form["client_secret"] != "csec-1":
            return reply({"error": "invalid_grant"}, 400)
        return reply({"access_token": "tok", "token_type": "bearer", "access_url": vendor.url})

    vendor.on("POST", "/entry/oauth/token", token)
    options = {"base_url": f"{vendor.url}/entry", "access": "oauth", "client_id": "cid-1"}
    line = line_to(SYSTEM, options=options, secrets={"client_secret": "csec-1"})

    assert SYSTEM.asks_consent(line)
    with pytest.raises(AccessDenied, match="Connect again"):
        SYSTEM.check(line)
    url = SYSTEM.consent_url(line, redirect="https://crm.example.com/back", state="st")
    assert url.startswith(f"{vendor.url}/entry/oauth/authorize?response_type=code")
    assert "csec" not in url
    with pytest.raises(Unusable):
        SYSTEM.redeem(line, code="no", redirect="https://crm.example.com/back")
    SYSTEM.redeem(line, code="yes", redirect="https://crm.example.com/back")
    assert SYSTEM.check(line) == "SurveyMonkey, 2 surveys"
