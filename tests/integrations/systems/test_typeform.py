"""Typeform: the right number among many, paging downward, webhooks that prove themselves, consent that renews itself."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations import records
from integrations.contract import (
    AccessDenied,
    Ask,
    CursorExpired,
    Delivery,
    Forged,
    Gone,
    Reference,
    Role,
    TryLater,
    Unusable,
)  # fmt: skip
from integrations.line import Line
from integrations.records import Metric, Record, Status
from integrations.systems import typeform
from integrations.systems.typeform import SYSTEM, home_of, read_response, slim
from tests.integrations.damage import damaged
from tests.integrations.fixtures import load
from tests.integrations.vendor import Answer, Call, Vendor, reply

NOON = dt.datetime(2031, 10, 7, 12, tzinfo=dt.UTC)
LineTo = Callable[..., Line]


# --- Reading one response ------------------------------------------------------------------------------------
def test_the_score_is_that_of_the_nps_question_and_not_the_first_number() -> None:
    record = read_response(load("typeform/event"))

    assert (record.score, record.metric, record.comment) == (0, Metric.NPS, "Crashes")
    assert (record.external_id, record.survey_id, record.person.external_id) == ("t1", "f1", "u-42")
    assert record.responded_at == dt.datetime(2031, 10, 6, 23, 58, 18, tzinfo=dt.UTC)
    assert record.status is Status.COMPLETED
    assert record.properties == {"user_id": "u-42"}


def test_a_payload_of_2016_is_read_like_one_of_today() -> None:
    record = read_response(load("typeform/event_2016"))

    assert (record.score, record.metric, record.comment) == (9, Metric.NPS, "It just works")


def test_the_shape_before_that_with_values_beside_types_is_read_too() -> None:
    record = read_response(
        {"uid": "x1", "token": "tok", "answers": [{"field_id": 3, "type": "number", "value": {"amount": 8}}]},
        {"fields": [{"id": 3, "type": "nps"}]},
    )

    assert (record.external_id, record.survey_id, record.score) == ("tok", "x1", 8)


def test_answers_are_joined_to_their_questions_by_id_and_never_by_place() -> None:
    record = read_response(load("typeform/item"), load("typeform/form"))

    assert (record.score, record.metric, record.comment) == (10, Metric.NPS, "Quick answers")
    assert record.person == records.Person(email="ann@example.org", name="Ann Doe")
    assert record.properties == {"account": "A-7", "email": "xxxxx", "plan": "gold", "score": 3}
    assert record.raw == load("typeform/item")


def test_a_question_that_is_newer_than_the_definition_is_read_too() -> None:
    form = {"fields": [{"id": "A", "type": "short_text", "title": "Your name"}]}
    item = {"token": "t", "answers": [
        {"field": {"id": "A", "type": "short_text"}, "type": "text", "text": "Ann"},
        {"field": {"id": "N", "type": "nps"}, "type": "number", "number": 6},
        {"field": {"id": "W", "type": "long_text"}, "type": "text", "text": "Slow"},
    ]}  # fmt: skip

    record = read_response(item, form)
    assert (record.score, record.comment) == (6, "Slow")


def test_a_scale_that_does_not_ask_for_a_recommendation_is_no_nps_unless_a_person_says_so() -> None:
    form = {"id": "f", "fields": [
        {"id": "A", "type": "opinion_scale", "title": "How happy?", "properties": {"steps": 11}},
        {"id": "B", "type": "opinion_scale", "title": "How easy?", "properties": {"steps": 11}},
    ]}  # fmt: skip
    item = {"token": "t", "answers": [
        {"field": {"id": "A", "type": "opinion_scale"}, "type": "number", "number": 3},
        {"field": {"id": "B", "type": "opinion_scale"}, "type": "number", "number": 7},
    ]}  # fmt: skip

    assert read_response(item, form).score is None
    chosen = read_response(item, form, mapping={Role.SCORE: ["B"]})
    assert (chosen.score, chosen.metric) == (7, Metric.NPS)


def test_the_only_rating_of_a_form_is_read_on_its_own_scale() -> None:
    form = {"fields": [{"id": "A", "type": "rating", "title": "Happy?", "properties": {"steps": 5}}]}
    item = {
        "token": "t",
        "answers": [{"field": {"id": "A", "type": "rating"}, "type": "number", "number": 4}],
    }

    record = read_response(item, form)
    assert (record.metric, record.score, record.scale_min, record.scale_max) == (Metric.CSAT, 4, 1, 5)
    record = read_response(item, None)
    assert record.score is None
    assert "scale" in record.trouble


def test_comments_and_people_are_read_where_a_person_pointed() -> None:
    record = read_response(
        load("typeform/item"),
        load("typeform/form"),
        mapping={Role.COMMENT: ["q4", "Q6"], Role.PERSON_ID: ["hidden.account"]},
    )

    assert record.comment == "Quick answers\n\nAnn"
    assert record.person.external_id == "A-7"


@pytest.mark.parametrize(
    ("item", "status"),
    [
        ({"token": "t", "landed_at": "2031-01-01T00:00:00Z", "submitted_at": None, "answers": None}, Status.PARTIAL),
        ({"token": "t", "landed_at": "2031-01-01T00:00:00Z", "submitted_at": "0001-01-01T00:00:00Z"}, Status.PARTIAL),
        ({"token": "t", "response_type": "partial", "staged_at": "2031-01-01T00:00:00Z"}, Status.PARTIAL),
        ({"token": "t", "response_type": "completed", "submitted_at": "2031-01-01T00:00:00Z"}, Status.COMPLETED),
        ({"event_type": "form_response_partial", "form_response": {"token": "t"}}, Status.PARTIAL),
    ],
)  # fmt: skip
def test_what_was_not_submitted_is_partial(item: dict[str, Any], status: Status) -> None:
    assert read_response(item).status is status


@pytest.mark.parametrize(
    ("told", "score"), [("9", 9), (9.0, 9), (True, None), (11, None), (-1, None), (7.5, None)]
)
def test_a_score_is_a_whole_number_of_the_scale_or_none(told: Any, score: int | None) -> None:
    event = load("typeform/event")
    event["form_response"]["answers"][1]["number"] = told

    record = read_response(event)
    assert record.score == score
    assert bool(record.trouble) is (score is None)


@given(damaged(load("typeform/item")), damaged(load("typeform/form")))
def test_no_payload_makes_the_reader_raise(item: Any, form: Any) -> None:
    record = read_response(item, form)

    assert record.score is None or record.scale_min <= record.score <= record.scale_max
    slim(form)


# --- The local vendor ----------------------------------------------------------------------------------------
class Forms:
    """Two forms with responses, listed as Typeform lists them: newest first, `before` a token, ends inclusive."""

    def __init__(self, vendor: Vendor, count: int) -> None:
        self.items = [
            {"token": f"t{number}", "response_type": "completed",
             "submitted_at": (NOON - dt.timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
             "answers": [{"field": {"id": "Q2", "type": "opinion_scale"}, "type": "number", "number": number % 11}]}
            for number in range(1, count + 1)
        ]  # fmt: skip
        self.partial: list[dict[str, Any]] = []
        self.hooks: dict[str, Any] = {}
        form = load("typeform/form")
        vendor.on("GET", "/forms", self._forms)
        vendor.on("GET", "/forms/f2", lambda _: reply(form))
        vendor.on("GET", "/forms/f2/responses", self._responses)
        vendor.on("PUT", "/forms/([^/]+)/webhooks/([^/]+)", self._hook)
        vendor.on("DELETE", "/forms/([^/]+)/webhooks/([^/]+)", self._unhook)

    def _forms(self, call: Call) -> Answer:
        if call.headers.get("authorization") != "Bearer pat-1":
            return reply({"code": "AUTHENTICATION_FAILED"}, 401)
        page, listed = (
            int(call.first("page", "1")),
            [{"id": f"f{n}", "title": f"Form {n}"} for n in range(1, 4)],
        )
        size = int(call.first("page_size", "10"))
        pages = -(-len(listed) // 2)
        return reply(
            {"total_items": 3, "page_count": pages, "items": listed[(page - 1) * 2 : page * 2][:size]}
        )

    def _responses(self, call: Call) -> Answer:
        items = self.partial if call.first("response_type", "completed") == "partial" else self.items
        since, until, before = call.first("since"), call.first("until", "9"), call.first("before")
        wanted = call.first("included_response_ids")
        items = [
            i for i in items if since <= i["submitted_at"] <= until and (not wanted or i["token"] == wanted)
        ]
        total = len(items)
        if before:
            places = [place for place, item in enumerate(items) if item["token"] == before]
            if not places:
                return reply({"code": "VALIDATION_ERROR"}, 400)
            items = items[places[0] + 1 :]
        return reply(
            {"total_items": total, "page_count": 1, "items": items[: int(call.first("page_size", "25"))]}
        )

    def _hook(self, call: Call) -> Answer:
        self.hooks["/".join(call.found)] = call.json()
        return reply(call.json())

    def _unhook(self, call: Call) -> Answer:
        return reply(None, 204) if self.hooks.pop("/".join(call.found), None) else reply({}, 404)


@pytest.fixture
def forms(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> Forms:
    monkeypatch.setattr(typeform, "PAGE_SIZE", 10)
    return Forms(vendor, 23)


@pytest.fixture
def line(vendor: Vendor, line_to: LineTo) -> Line:
    return line_to(SYSTEM, options={"base_url": vendor.url}, secrets={"token": "pat-1", "hook": "tfsecret-1"})


def run(line: Line, since: dt.datetime | None = None, until: dt.datetime = NOON) -> list[Record]:
    found: list[Record] = []
    cursor = None
    for _ in range(20):
        page = SYSTEM.pull(line, Ask(survey_id="f2", since=since, until=until, cursor=cursor))
        found += page.records
        cursor = json.loads(json.dumps(page.cursor))
        if cursor is None:
            return found
    raise AssertionError("The run did not end.")


# --- Pulling -------------------------------------------------------------------------------------------------
def test_a_pull_pages_downward_until_there_is_nothing(forms: Forms, line: Line, vendor: Vendor) -> None:
    found = run(line)

    assert [record.external_id for record in found] == [item["token"] for item in forms.items]
    assert {record.metric for record in found} == {Metric.NPS}
    lists = [call for call in vendor.calls if call.path.endswith("/responses")]
    assert [call.first("before") for call in lists] == ["", "t10", "t20", "t23"]
    assert all("sort" not in call.query and "after" not in call.query for call in lists)


def test_a_window_has_both_its_ends(forms: Forms, line: Line) -> None:
    found = run(line, since=NOON - dt.timedelta(minutes=10))

    assert [record.external_id for record in found] == [f"t{number}" for number in range(1, 11)]


def test_the_first_page_tells_how_many_there_are(forms: Forms, line: Line) -> None:
    page = SYSTEM.pull(line, Ask(survey_id="f2", since=None, until=NOON))

    assert page.total == 23


def test_partial_answers_are_read_where_wanted(forms: Forms, line: Line) -> None:
    forms.partial = [{**forms.items[0], "token": "p1", "response_type": "partial"}]
    line.options = {**line.options, "partial": "yes"}

    found = run(line)
    assert (found[-1].external_id, found[-1].status, len(found)) == ("p1", Status.PARTIAL, 24)


def test_a_place_that_is_gone_begins_the_window_again(forms: Forms, line: Line) -> None:
    ask = Ask(survey_id="f2", since=None, until=NOON, cursor={"type": "completed", "before": "deleted"})

    with pytest.raises(CursorExpired):
        SYSTEM.pull(line, ask)


def test_a_page_that_repeats_stops_the_run(forms: Forms, line: Line, vendor: Vendor) -> None:
    vendor.on("GET", "/forms/f2/responses", lambda _: reply({"items": forms.items[:10], "total_items": 23}))

    with pytest.raises(Unusable, match="same page twice"):
        run(line)


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (reply({}, 401), AccessDenied), (reply({}, 403), AccessDenied), (reply({}, 429), TryLater), (reply({}, 500), TryLater),
        (reply("<html>Log in</html>", kind="text/html"), Unusable), (reply('{"items": [{"tok'), Unusable), (reply([]), Unusable),
        (reply({"items": None}), Unusable), (reply({}, 404), Gone),
    ],
)  # fmt: skip
def test_a_failure_in_the_middle_is_named_and_the_run_goes_on_from_there(
    forms: Forms, line: Line, vendor: Vendor, answer: Answer, trouble: type[Exception]
) -> None:
    first = SYSTEM.pull(line, Ask(survey_id="f2", since=None, until=NOON))
    ask = Ask(survey_id="f2", since=None, until=NOON, cursor=first.cursor)
    vendor.fail(answer)

    with pytest.raises(trouble):
        SYSTEM.pull(line, ask)
    assert SYSTEM.pull(line, ask).records[0].external_id == "t11"


def test_one_response_is_fetched_by_its_token(forms: Forms, line: Line) -> None:
    assert SYSTEM.fetch(line, Reference(external_id="t7", survey_id="f2")).score == 7
    with pytest.raises(Gone):
        SYSTEM.fetch(line, Reference(external_id="nobody", survey_id="f2"))


def test_answers_are_asked_for_where_the_form_says_they_are_but_only_at_typeform() -> None:
    eu = "https://api.eu.typeform.com/forms/f2/responses"

    assert home_of("https://api.typeform.com", eu) == "https://api.eu.typeform.com"
    assert (
        home_of("https://api.typeform.com", "https://evil.example/forms/f2/responses")
        == "https://api.typeform.com"
    )
    assert home_of("http://127.0.0.1:9", eu) == "http://127.0.0.1:9"


# --- Describing ----------------------------------------------------------------------------------------------
def test_the_check_names_what_was_found_and_refuses_a_wrong_token(
    forms: Forms, line: Line, line_to: LineTo
) -> None:
    assert SYSTEM.check(line) == "Typeform, 3 forms"
    with pytest.raises(AccessDenied, match="401"):
        SYSTEM.check(line_to(SYSTEM, options=line.options, secrets={"token": "stolen"}))
    with pytest.raises(AccessDenied, match="token"):
        SYSTEM.check(line_to(SYSTEM, options=line.options))


def test_all_forms_are_listed(forms: Forms, line: Line) -> None:
    assert [survey.id for survey in SYSTEM.surveys(line)] == ["f1", "f2", "f3"]


def test_the_question_to_count_is_proposed_with_what_was_really_answered(forms: Forms, line: Line) -> None:
    forms.items.insert(0, load("typeform/item"))

    fields = {field.key: field for field in SYSTEM.fields(line, "f2")}
    assert {key: field.role for key, field in fields.items() if field.role} == {
        "Q2": Role.SCORE, "Q4": Role.COMMENT, "hidden.email": Role.EMAIL,
    }  # fmt: skip
    assert fields["Q2"].examples == ("10", "1", "2")
    assert fields["hidden.account"].examples == ("A-7",)


# --- Webhooks ------------------------------------------------------------------------------------------------
BODY = b'{"event_id":"01TEST","event_type":"form_response","form_response":{"form_id":"f1","token":"t1"}}'
SIGNED = "sha256=/8xKFjOjlVqLR+H9Dk6QWAcvZRAc/gBPKpXVve+b/8o="


def test_the_published_vector_is_accepted_also_during_a_rotation(line: Line) -> None:
    delivery = Delivery(body=BODY, headers={"typeform-signature": SIGNED})

    SYSTEM.verify(line, delivery)
    line.secrets = {"hook": "new", "hook_previous": "tfsecret-1"}
    SYSTEM.verify(line, delivery)
    line.secrets = {"hook": "new"}
    with pytest.raises(Forged):
        SYSTEM.verify(line, delivery)


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (BODY, None), (BODY, ""), (BODY, "sha256="), (BODY, SIGNED[7:]), (BODY, SIGNED.replace("/", "_").replace("+", "-")),
        (BODY + b" ", SIGNED), (BODY, "sha256=" + "ff" * 32), (BODY, "sha1=" + SIGNED[7:]), (BODY, "sha256=é"), (b"", SIGNED),
    ],
)  # fmt: skip
def test_what_does_not_prove_itself_is_forged(line: Line, body: bytes, signature: str | None) -> None:
    headers = {} if signature is None else {"typeform-signature": signature}

    with pytest.raises(Forged):
        SYSTEM.verify(line, Delivery(body=body, headers=headers))


def test_without_a_secret_nothing_is_believed(line_to: LineTo) -> None:
    with pytest.raises(Forged):
        SYSTEM.verify(line_to(SYSTEM), Delivery(body=BODY, headers={"typeform-signature": SIGNED}))


def test_an_event_is_the_whole_answer(line: Line) -> None:
    (record,) = SYSTEM.hear(line, Delivery(body=json.dumps(load("typeform/event")).encode(), headers={}))

    assert isinstance(record, Record)
    assert (record.score, record.comment) == (0, "Crashes")


def test_a_scale_that_the_event_leaves_out_is_known_from_the_form(forms: Forms, line: Line) -> None:
    SYSTEM.subscribe(line, survey_ids=["f2"], url="https://crm.example.com/hear/x", secret="s")
    item = {**load("typeform/item"), "form_id": "f2"}
    item["definition"] = {"id": "f2", "fields": [
        {"id": "Q2", "type": "opinion_scale", "title": "How likely are you to recommend us?", "properties": {}},
    ]}  # fmt: skip
    body = json.dumps({"event_type": "form_response", "form_response": item}).encode()

    (record,) = SYSTEM.hear(line, Delivery(body=body, headers={}))
    assert isinstance(record, Record)
    assert (record.score, record.metric) == (10, Metric.NPS)


@pytest.mark.parametrize(
    "body",
    [b"", b"x", b"[]", b"null", b"3", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"form_response":{"answers":[]}}', b'{"a":NaN}'],
)  # fmt: skip
def test_a_body_that_is_no_event_is_unusable(line: Line, body: bytes) -> None:
    with pytest.raises(Unusable):
        SYSTEM.hear(line, Delivery(body=body, headers={}))


def test_news_of_other_kinds_is_let_pass(line: Line) -> None:
    assert list(SYSTEM.hear(line, Delivery(body=b'{"event_type":"form_deleted"}', headers={}))) == []


@given(data=st.data())
def test_hearing_ends_in_records_or_in_unusable(data: st.DataObject) -> None:
    body = json.dumps(data.draw(damaged(load("typeform/event")))).encode()
    line = Line(SYSTEM, options={}, secrets={})
    try:
        heard = SYSTEM.hear(line, Delivery(body=body, headers={}))
    except Unusable:
        return
    assert all(isinstance(each, Record) and each.external_id for each in heard)


def test_a_subscription_is_one_a_form_and_can_be_taken_back(forms: Forms, line: Line) -> None:
    for secret in ("one", "two"):
        state = SYSTEM.subscribe(line, survey_ids=["f2"], url="https://crm.example.com/hear/x", secret=secret)

    (hook,) = forms.hooks.values()
    assert (hook["secret"], hook["enabled"], hook["verify_ssl"]) == ("two", True, True)
    SYSTEM.unsubscribe(line, json.loads(json.dumps(state)))
    SYSTEM.unsubscribe(line, state)
    assert forms.hooks == {}


def test_a_form_that_is_no_longer_chosen_sends_no_more(forms: Forms, line: Line, vendor: Vendor) -> None:
    vendor.on("GET", "/forms/f1", lambda _: reply({"id": "f1", "fields": []}))
    for chosen in (["f1", "f2"], ["f2"]):
        SYSTEM.subscribe(line, survey_ids=chosen, url="https://crm.example.com/hear/x", secret="s")

    assert [key.partition("/")[0] for key in forms.hooks] == ["f2"]


# --- Consent -------------------------------------------------------------------------------------------------
@pytest.fixture
def consenting(vendor: Vendor, line_to: LineTo) -> Line:
    """A connection by OAuth; every refresh token is good for one use."""
    refreshes = {"r0": 0}

    def token(call: Call) -> Answer:
        form = call.form()
        if (form["client_id"], form["client_secret"]) != ("cid", "csec"):
            return reply({"error": "invalid_client"}, 400)
        if form["grant_type"] == "authorization_code" and form["code"] != "yes":
            return reply({"error": "invalid_grant"}, 400)
        if form["grant_type"] == "refresh_token" and form["refresh_token"] not in refreshes:
            return reply({"error": "invalid_grant"}, 400)
        number = refreshes.pop(form.get("refresh_token", "r0"), 0) + 1
        refreshes[f"r{number}"] = number
        return reply({"access_token": f"a{number}", "refresh_token": f"r{number}", "expires_in": 604_800})

    vendor.on("POST", "/oauth/token", token)
    vendor.on(
        "GET",
        "/forms",
        lambda call: reply(
            {"total_items": 1, "items": []}, 200 if call.headers["authorization"] == "Bearer a2" else 401
        ),
    )
    return line_to(
        SYSTEM,
        options={"base_url": vendor.url, "access": "oauth", "client_id": "cid"},
        secrets={"client_secret": "csec"},
    )


def test_consent_is_asked_for_with_a_refresh_token_and_redeemed(consenting: Line, vendor: Vendor) -> None:
    url = SYSTEM.consent_url(consenting, redirect="https://crm.example.com/back", state="st")
    assert url.startswith(f"{vendor.url}/oauth/authorize?")
    assert "offline" in url
    assert "state=st" in url
    assert "csec" not in url

    SYSTEM.redeem(consenting, code="yes", redirect="https://crm.example.com/back")
    assert (consenting.secrets["access_token"], consenting.secrets["refresh_token"]) == ("a1", "r1")


def test_a_token_that_ended_is_renewed_and_the_new_refresh_token_kept(consenting: Line) -> None:
    SYSTEM.redeem(consenting, code="yes", redirect="https://crm.example.com/back")

    assert SYSTEM.check(consenting) == "Typeform, 1 form"
    assert (consenting.secrets["access_token"], consenting.secrets["refresh_token"]) == ("a2", "r2")


def test_a_token_about_to_end_is_renewed_before_it_is_used(consenting: Line, vendor: Vendor) -> None:
    SYSTEM.redeem(consenting, code="yes", redirect="https://crm.example.com/back")
    consenting.keep(expires_at="1000000000")

    SYSTEM.check(consenting)
    assert [call.path for call in vendor.calls] == ["/oauth/token", "/oauth/token", "/forms"]


def test_a_consent_that_ended_says_what_to_do(consenting: Line) -> None:
    consenting.keep(access_token="a9", refresh_token="used")

    with pytest.raises(AccessDenied, match="Connect again"):
        SYSTEM.check(consenting)


def test_every_setting_says_where_it_is_found() -> None:
    assert all(setting.where or setting.choices for setting in typeform.SYSTEM.settings)
