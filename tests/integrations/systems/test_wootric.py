"""Wootric: answers from the API and from deliveries are the same, and its list is read past its last page."""

import datetime as dt
import gc
import hashlib
import hmac
import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import given

from integrations.contract import AccessDenied, Ask, Delivery, Forged, Page, Role, TryLater, Unusable
from integrations.line import Line
from integrations.records import Metric, Record, Status
from integrations.systems.wootric import SYSTEM, read_response
from tests.integrations.fixtures import load
from tests.integrations.mutations import ODD, mutated
from tests.integrations.vendor import Answer, Call, Vendor, reply

NOW = dt.datetime(2032, 1, 1, tzinfo=dt.UTC)
SINCE = dt.datetime(2031, 6, 1, tzinfo=dt.UTC)
VECTOR = b'{"response":{"id":7001,"email":"ann@example.org","score":4,"text":null},"event_name":"created","survey_mode":"NPS"}'
VECTOR_SIGNATURE = "sha1=6f7a8101fbc291364a8a182a2f83080f0878d931"
FORM = (
    b"response[id]=7001&response[email]=ann+nps@example.org&response[external_id]=u-42&response[score]=4&response[text]="
    b"&response[end_user_id]=55&response[end_user_properties][plan]=pro&response[end_user_properties][since]=1890000000"
    b"&response[survey_id]=9&response[created_at]=2031-08-04 13:57:26 -0700&response[updated_at]=2031-08-04 13:57:26 -0700"
    b"&response[excluded_from_calculations]=false&event_name=created&timestamp=2031-08-04 13:57:28 -0700"
    b"&account_token=NPS-00000000&survey_mode=NPS"
)


@pytest.fixture(autouse=True)
def _fixed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.clock.now", lambda: NOW)


# --- One answer ----------------------------------------------------------------------------------------------
def test_a_delivery_is_read_whole() -> None:
    payload = load("wootric/webhook_updated")

    record = read_response(payload)

    assert (record.external_id, record.survey_id, record.metric) == ("7001", "9", Metric.NPS)
    assert (record.score, record.comment, record.status) == (4, "Slow", Status.COMPLETED)
    assert record.responded_at == dt.datetime(2031, 8, 4, 20, 57, 26, 558_000, tzinfo=dt.UTC)
    assert record.updated_at == dt.datetime(2031, 8, 4, 20, 58, tzinfo=dt.UTC)
    assert (record.person.email, record.person.external_id) == ("ann@example.org", "u-42")
    assert record.properties == {"plan": "pro", "purchase_date": 1890000000}
    assert record.raw == payload


def test_an_answer_of_the_api_is_whole_although_it_says_that_it_is_not() -> None:
    record = read_response(load("wootric/response"))

    assert (record.score, record.comment, record.status) == (10, "Love it", Status.COMPLETED)
    assert record.responded_at == dt.datetime(2031, 12, 16, 17, 5, tzinfo=dt.UTC)
    assert record.properties == {"plan": "team", "purchase_date": 1890000000, "seats": "40"}


def test_a_decline_is_no_answer_and_shares_no_id_with_one() -> None:
    record = read_response(load("wootric/webhook_decline"))

    assert (record.external_id, record.status, record.score) == ("decline-7001", Status.DECLINED, None)
    assert record.person.email == "bo@example.org"


def test_a_form_says_the_same_as_json() -> None:
    (record,) = SYSTEM.hear(line_without_calls(), Delivery(body=FORM, headers={}))

    assert (record.external_id, record.score, record.comment) == ("7001", 4, None)
    assert record.person.email == "ann+nps@example.org"
    assert record.properties == {"plan": "pro", "since": "1890000000"}
    assert record.responded_at == dt.datetime(2031, 8, 4, 20, 57, 26, tzinfo=dt.UTC)
    assert record.status is Status.COMPLETED


@pytest.mark.parametrize("said", [True, "true"])
def test_an_excluded_answer_is_excluded(said: object) -> None:
    payload = load("wootric/webhook_updated")
    payload["response"]["excluded_from_calculations"] = said

    assert (read_response(payload).status, read_response(payload).score) == (Status.EXCLUDED, 4)


@pytest.mark.parametrize(
    ("mode", "metric", "scale_max"), [("CSAT", Metric.CSAT, 5), ("ces", Metric.CES, 7), ("Smile", Metric.OTHER, 10), (None, Metric.NPS, 10)]
)  # fmt: skip
def test_the_mode_tells_the_metric(mode: str | None, metric: Metric, scale_max: int) -> None:
    record = read_response({"response": {"id": 1, "score": 4}, "survey_mode": mode})

    assert (record.metric, record.scale_max, record.score) == (metric, scale_max, 4)


def test_the_time_of_the_news_stands_in_for_a_time_of_change() -> None:
    payload = load("wootric/webhook_updated")
    del payload["response"]["updated_at"]

    assert read_response(payload).updated_at == dt.datetime(2031, 8, 4, 20, 58, 2, 100_000, tzinfo=dt.UTC)


def test_a_chosen_property_is_the_persons_id_in_both_forms() -> None:
    chosen = {Role.PERSON_ID: ["properties.plan"]}

    assert read_response(load("wootric/webhook_updated"), chosen=chosen).person.external_id == "pro"
    assert read_response(load("wootric/response"), chosen=chosen).person.external_id == "team"


@given(mutated(load("wootric/webhook_updated")) | mutated(load("wootric/response")) | ODD)
def test_no_payload_brings_the_reader_down(payload: Any) -> None:
    try:
        record = read_response(payload)
    except Unusable:
        return
    assert record.external_id
    assert record.score is None or record.scale_min <= record.score <= record.scale_max


# --- Deliveries ----------------------------------------------------------------------------------------------
def line_without_calls(**secrets: str) -> Line:
    return Line(SYSTEM, options={}, secrets=secrets)


def signed(body: bytes, signature: str | None) -> Delivery:
    return Delivery(body=body, headers={} if signature is None else {"x-wootric-signature": signature})


def signature(body: bytes, secret: str) -> str:
    return "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


def test_the_makers_signature_is_accepted_in_both_formats() -> None:
    line = line_without_calls(hook="wsecret-1")

    SYSTEM.verify(line, signed(VECTOR, VECTOR_SIGNATURE))
    SYSTEM.verify(line, signed(FORM, signature(FORM, "wsecret-1")))


@pytest.mark.parametrize(
    "delivery",
    [
        signed(VECTOR, None),
        signed(VECTOR, ""),
        signed(VECTOR, "sha1="),
        signed(VECTOR, VECTOR_SIGNATURE[:-1] + "0"),
        signed(VECTOR, VECTOR_SIGNATURE.removeprefix("sha1=")),
        signed(VECTOR + b" ", VECTOR_SIGNATURE),
        signed(VECTOR.replace(b'"score":4', b'"score":9'), VECTOR_SIGNATURE),
        signed(VECTOR, signature(VECTOR, "")),
    ],
)
def test_a_delivery_that_proves_nothing_is_forged(delivery: Delivery) -> None:
    for line in (line_without_calls(hook="wsecret-1"), line_without_calls(hook=""), line_without_calls()):
        with pytest.raises(Forged):
            SYSTEM.verify(line, delivery)


def test_while_the_secret_changes_both_are_good() -> None:
    line = line_without_calls(hook="new", hook_previous="wsecret-1")

    SYSTEM.verify(line, signed(VECTOR, VECTOR_SIGNATURE))
    SYSTEM.verify(line, signed(VECTOR, signature(VECTOR, "new")))


def test_the_decline_of_the_makers_own_example_with_its_comma_too_many_is_heard() -> None:
    body = json.dumps(load("wootric/webhook_decline")).replace(
        '"survey_mode": "NPS"', '"survey_mode": "NPS",'
    )

    (record,) = SYSTEM.hear(line_without_calls(), Delivery(body=body.encode(), headers={}))

    assert record.status is Status.DECLINED


def test_news_of_another_kind_is_nothing_and_what_is_no_object_unusable() -> None:
    assert SYSTEM.hear(line_without_calls(), Delivery(body=b'{"event_name":"ping"}', headers={})) == ()
    assert SYSTEM.hear(line_without_calls(), Delivery(body=b"hello=world", headers={})) == ()
    for body in (b"[1]", b"", b'{"response":{'):
        with pytest.raises(Unusable):
            SYSTEM.hear(line_without_calls(), Delivery(body=body, headers={}))


# --- The account over there ----------------------------------------------------------------------------------
class Account:
    """Answers, declines and end users; lists of 30 pages of at most 50, filtered by time, newest first unless told."""

    def __init__(self, vendor: Vendor, count: int = 0) -> None:
        self.url = vendor.url
        self.vendor = vendor
        self.tokens = {"t-0"}
        self.refreshes: set[str] = set()
        self.grants: list[dict[str, str]] = []
        self.responses = [self.response(n) for n in range(count)]
        self.declines = [{"id": 1, "end_user_id": 1, "created_at": "2031-06-02 00:00:00 +0000"}]
        self.touched_later = False
        vendor.on("POST", "/oauth/token", self.sign_in)
        vendor.on("GET", "/v1/(responses|declines)", self.listed)
        vendor.on("GET", "/v1/end_users", self.end_users)
        vendor.on("GET", r"/v1/end_users/(\d+)", self.end_user)

    def response(self, number: int, **more: Any) -> dict[str, Any]:
        created = SINCE + dt.timedelta(minutes=number // 3)
        return {
            "id": number, "end_user_id": number % 400, "survey_id": 9 + number % 2, "score": number % 11, "text": None,
            "created_at": created.strftime("%Y-%m-%d %H:%M:%S -0000"), "end_user": {"properties": {"n": number}},
        } | more  # fmt: skip

    def sign_in(self, call: Call) -> Answer:
        form = call.form()
        self.grants.append({**form, **{key: values[0] for key, values in call.query.items()}})
        good = (
            (form.get("client_id"), form.get("client_secret")) == ("cid", "csec")
            or (form.get("username"), form.get("password")) == ("ann", "pw")
            or form.get("refresh_token") in self.refreshes
        )
        if not good:
            return reply({"error": "invalid_grant"}, 401)
        self.refreshes.discard(form.get("refresh_token", ""))
        token = f"t-{len(self.grants)}"
        self.tokens = {token}
        answer: dict[str, Any] = {
            "access_token": token, "token_type": "bearer", "expires_in": 7200, "scope": "public"
        }  # fmt: skip
        if form["grant_type"] != "client_credentials":
            self.refreshes.add(f"r-{len(self.grants)}")
            answer["refresh_token"] = f"r-{len(self.grants)}"
        return reply(answer)

    def refused(self, call: Call) -> Answer | None:
        if call.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return reply({"error": "unauthorized"}, 401)
        return None

    def listed(self, call: Call) -> Answer:
        rows = sorted(
            self.responses if call.found[0] == "responses" else self.declines,
            key=lambda r: str(r["created_at"]), reverse=call.first("sort_order", "desc") == "desc",
        )  # fmt: skip
        since = float(call.first("created[gte]", "0"))
        until = float(call.first("created[lt]", "1e12"))
        rows = [r for r in rows if since <= at(r["created_at"]) < until]
        return self.refused(call) or self.cut(call, rows)

    def cut(self, call: Call, rows: list[Any]) -> Answer:
        size = min(int(call.first("per_page", "25")), 50)
        page = int(call.first("page", "1"))
        assert page <= 30
        return reply(rows[(page - 1) * size : page * size])

    def end_user_row(self, number: int) -> dict[str, Any]:
        mine = [at(r["created_at"]) for r in self.responses if r["end_user_id"] == number]
        updated = max(mine, default=0.0) + (10**7 if self.touched_later else 0)
        return {
            "id": number, "email": f"user{number}@example.org", "external_id": f"u-{number}", "phone_number": None,
            "properties": {"plan": "now"}, "updated": updated, "last_response": None,
        }  # fmt: skip

    def end_users(self, call: Call) -> Answer:
        rows = [self.end_user_row(n) for n in {r["end_user_id"] for r in self.responses}]
        rows = sorted(
            (r for r in rows if r["updated"] >= float(call.first("updated[gte]", "0"))), key=lambda r: r["updated"]
        )  # fmt: skip
        return self.refused(call) or self.cut(call, rows)

    def end_user(self, call: Call) -> Answer:
        if call.found[0] == "13":
            return reply({"type": "error"}, 404)
        return self.refused(call) or reply(self.end_user_row(int(call.found[0])))

    def asked(self, path: str) -> int:
        return len([call for call in self.vendor.calls if call.path.startswith(path)])


@lru_cache(maxsize=5_000)
def at(written: object) -> float:
    return dt.datetime.strptime(str(written), "%Y-%m-%d %H:%M:%S %z").timestamp()


@pytest.fixture
def connect(line_to: Callable[..., Line], vendor: Vendor) -> Callable[..., Line]:
    def make(secrets: dict[str, str] | None = None, **options: str) -> Line:
        return line_to(
            SYSTEM,
            options={"base_url": vendor.url, "client_id": "cid", **options},
            secrets={"client_secret": "csec"} if secrets is None else secrets,
        )

    return make


def read_all(line: Line, survey_id: str = "", since: dt.datetime | None = SINCE) -> list[Record]:
    found: list[Record] = []
    page: Page | None = None
    while page is None or page.cursor is not None:
        cursor = json.loads(json.dumps(page.cursor)) if page else None
        page = SYSTEM.pull(line, Ask(survey_id=survey_id, since=since, until=NOW, cursor=cursor))
        found += page.records
    return found


def test_more_answers_than_thirty_pages_hold_are_all_read(
    vendor: Vendor, connect: Callable[..., Line]
) -> None:
    account = Account(vendor, 1_730)
    for each in account.responses:
        each["end_user_id"] = None

    found = read_all(connect())

    assert {r.external_id for r in found} == {str(n) for n in range(1_730)} | {"decline-1"}
    assert len(found) < 1_730 * 1.1


def test_people_are_joined_many_at_once(vendor: Vendor, connect: Callable[..., Line]) -> None:
    account = Account(vendor, 300)

    found = [r for r in read_all(connect()) if r.status is not Status.DECLINED]

    assert {r.external_id: r.person.email for r in found} == {
        str(n): f"user{n}@example.org" for n in range(300)
    }
    assert {r.person.external_id for r in found} >= {"u-1", "u-2"}
    assert found[0].properties == {"n": 0}  # those of the time of the answer, not of today
    assert account.asked("/v1/end_users") < 30


def test_people_that_no_list_brings_are_asked_for_one_by_one_and_once(
    vendor: Vendor, connect: Callable[..., Line]
) -> None:
    account = Account(vendor, 12)
    account.touched_later = True
    account.responses += [account.response(n, end_user_id=3) for n in range(12, 20)]
    vendor.on("GET", "/v1/end_users", lambda _: reply([]))
    line = connect()

    for _ in range(2):
        found = {r.external_id: r.person.email for r in read_all(line)}

    assert found["3"] == found["15"] == "user3@example.org"
    assert account.asked("/v1/end_users/3") == 1


def test_an_answer_whose_person_was_deleted_stays_without_one(
    vendor: Vendor, connect: Callable[..., Line]
) -> None:
    account = Account(vendor)
    account.responses = [account.response(1, end_user_id=13), account.response(2, end_user_id=None)]

    found = read_all(connect())

    assert [(r.score, r.person.email) for r in found][:2] == [(1, ""), (2, "")]


def test_what_was_learned_of_people_does_not_outlive_the_line(
    vendor: Vendor, connect: Callable[..., Line]
) -> None:
    Account(vendor, 5)
    line = connect()
    read_all(line)
    before = len(SYSTEM._people)

    del line
    gc.collect()

    assert len(SYSTEM._people) < before


def test_one_survey_is_picked_out_of_the_account(vendor: Vendor, connect: Callable[..., Line]) -> None:
    Account(vendor, 20)

    assert {r.survey_id for r in read_all(connect(), survey_id="10")} == {"10"}


def test_an_account_without_a_list_of_declines_is_read_all_the_same(
    vendor: Vendor, connect: Callable[..., Line]
) -> None:
    account = Account(vendor, 3)
    vendor.on("GET", "/v1/declines", lambda _: reply({}, 404))

    assert len(read_all(connect())) == 3
    assert account.asked("/v1/declines") == 1


def test_an_account_describes_itself(vendor: Vendor, connect: Callable[..., Line]) -> None:
    Account(vendor, 20)
    line = connect(account_token="NPS-1", metric="csat")  # a name, no secret

    assert SYSTEM.check(line) == "Wootric account NPS-1, newest answer of 2031-06-01"
    assert [(s.id, s.metric) for s in SYSTEM.surveys(line)] == [
        ("", Metric.CSAT),
        ("10", None),
        ("9", None),
    ]
    fields = {f.key: f for f in SYSTEM.fields(line, "")}
    assert fields["email"].role is Role.EMAIL
    assert "user19@example.org" in fields["email"].examples
    assert fields["properties.n"].examples


# --- Signing in ----------------------------------------------------------------------------------------------
def test_client_credentials_bring_a_token_that_is_used_until_it_ends(
    vendor: Vendor, connect: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account(vendor, 1)
    line = connect()

    SYSTEM.check(line)
    SYSTEM.check(line)
    assert [g["grant_type"] for g in account.grants] == ["client_credentials"]

    monkeypatch.setattr("core.clock.now", lambda: NOW + dt.timedelta(hours=2))
    SYSTEM.check(line)
    assert len(account.grants) == 2
    assert all("csec" not in call.path and "client_secret" not in call.query for call in vendor.calls)


def test_a_password_names_the_account_and_its_refresh_token_is_replaced(
    vendor: Vendor, connect: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account(vendor, 1)
    line = connect(
        {"password": "pw"}, grant="password", username="ann", client_id="", account_token="NPS-7"
    )  # fmt: skip

    SYSTEM.check(line)
    assert account.grants[0] == {
        "grant_type": "password", "username": "ann", "password": "pw", "account_token": "NPS-7"
    }  # fmt: skip
    assert line.secrets["refresh_token"] == "r-1"

    monkeypatch.setattr("core.clock.now", lambda: NOW + dt.timedelta(hours=3))
    SYSTEM.check(line)
    assert account.grants[1]["refresh_token"] == "r-1"
    assert line.secrets["refresh_token"] == "r-2"


def test_a_token_that_ends_in_the_middle_is_replaced(vendor: Vendor, connect: Callable[..., Line]) -> None:
    account = Account(vendor, 120)
    line = connect()
    first = SYSTEM.pull(line, Ask(survey_id="", since=SINCE, until=NOW))
    account.tokens = set()

    second = SYSTEM.pull(line, Ask(survey_id="", since=SINCE, until=NOW, cursor=first.cursor))

    assert len(second.records) == 50
    assert line.secrets["access_token"] in account.tokens


def test_a_refresh_token_that_is_used_up_gives_way_to_the_credentials(
    vendor: Vendor, connect: Callable[..., Line]
) -> None:
    account = Account(vendor, 1)
    line = connect({"password": "pw"}, grant="password", username="ann", client_id="")
    SYSTEM.check(line)
    account.tokens, account.refreshes = set(), set()

    SYSTEM.check(line)

    assert [g["grant_type"] for g in account.grants] == ["password", "refresh_token", "password"]


def test_other_credentials_never_use_the_token_of_those_before(
    vendor: Vendor, connect: Callable[..., Line]
) -> None:
    Account(vendor, 1)
    line = connect()
    SYSTEM.check(line)

    other = connect({**line.secrets, "client_secret": "wrong"})

    with pytest.raises(AccessDenied, match="Settings → API"):
        SYSTEM.check(other)


# --- When it fails -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("failure", "trouble"),
    [
        (reply({}, 429, X_Rate_Limit_Reset="20"), TryLater),
        (reply({}, 429), TryLater),
        (reply({}, 500), TryLater),
        (reply("<html>Sign in</html>", kind="text/html"), Unusable),
        (reply('[{"id":1,"sco'), Unusable),
        (reply({"type": "error"}), Unusable),
    ],
)
def test_a_page_that_fails_is_asked_for_again_and_nothing_is_lost(
    vendor: Vendor, connect: Callable[..., Line], failure: Answer, trouble: type[Exception]
) -> None:
    Account(vendor, 80)
    line = connect()
    first = SYSTEM.pull(line, Ask(survey_id="", since=SINCE, until=NOW))
    again = Ask(survey_id="", since=SINCE, until=NOW, cursor=first.cursor)
    vendor.fail(failure)

    with pytest.raises(trouble) as caught:
        SYSTEM.pull(line, again)
    if failure.status == 429 and isinstance(caught.value, TryLater):
        assert caught.value.after == (21.0 if "X-Rate-Limit-Reset" in failure.headers else None)

    rest = SYSTEM.pull(line, again)
    assert {r.external_id for r in [*first.records, *rest.records]} == {str(n) for n in range(80)}


def test_a_page_that_repeats_stops_the_run(vendor: Vendor, connect: Callable[..., Line]) -> None:
    account = Account(vendor)
    rows = [account.response(n, end_user_id=None) for n in range(50)]
    vendor.on("GET", "/v1/responses", lambda _: reply(rows))
    vendor.on("GET", "/v1/end_users", lambda _: reply([]))

    with pytest.raises(Unusable, match="same page twice"):
        read_all(connect())


def test_what_is_no_answer_on_a_page_is_left_out_with_a_note(
    vendor: Vendor, connect: Callable[..., Line]
) -> None:
    account = Account(vendor)
    vendor.on("GET", "/v1/responses", lambda _: reply([7, None, {}, account.response(1)]))

    page = SYSTEM.pull(connect(), Ask(survey_id="", since=SINCE, until=NOW))

    assert [r.external_id for r in page.records] == ["1"]
    assert page.notes == ["3 entries of the page were no answers and were left out."]
