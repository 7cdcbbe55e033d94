"""Delighted: old and new answers are read right, and it is said what became of the service where it no longer answers."""

import datetime as dt
import hashlib
import hmac
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from integrations.contract import (
    AccessDenied,
    Ask,
    Delivery,
    Forged,
    Gone,
    Page,
    Role,
    Trouble,
    TryLater,
    Unsubscribed,
    Unusable,
)
from integrations.line import Line
from integrations.records import Metric, Record, Status
from integrations.systems.delighted import SYSTEM, read_response
from tests.integrations.fixtures import load
from tests.integrations.mutations import ODD, mutated
from tests.integrations.vendor import Answer, Call, Vendor, reply

START = 1_930_000_000
SINCE = dt.datetime.fromtimestamp(START, dt.UTC)
UNTIL = SINCE + dt.timedelta(days=90)
VECTOR = b'{"event_type":"survey_response.created","event_id":"ev-1","event_data":{"id":"9001","score":10}}'
VECTOR_SIGNATURE = "sha256=9b4894e8c78473e443578521ae6d6ef5b0e7e800b412fc59c2f16f83d689ec19"


# --- One answer ----------------------------------------------------------------------------------------------
def test_a_delivery_is_read_whole() -> None:
    payload = load("delighted/webhook_updated")

    record = read_response(payload, chosen={Role.PERSON_ID: ["person_properties.customer_id"]})

    assert (record.external_id, record.metric, record.score, record.comment) == (
        "9001",
        Metric.NPS,
        2,
        "Too slow",
    )
    assert record.responded_at == dt.datetime.fromtimestamp(1_930_000_100, dt.UTC)
    assert record.updated_at == dt.datetime.fromtimestamp(1_930_000_200, dt.UTC)
    person = record.person
    assert (person.email, person.name, person.phone) == ("ann@example.org", "Ann Doe", "+49301234567")
    assert person.external_id == "c-9"
    assert record.properties == {"plan": "pro", "customer_id": "c-9", "Delighted Source": "Email"}
    assert (record.channel, record.status, record.raw) == ("Email", Status.COMPLETED, payload)


def test_an_old_answer_without_type_change_and_person_is_nps() -> None:
    record = read_response(load("delighted/old_record"))

    assert (record.metric, record.score, record.comment, record.updated_at) == (Metric.NPS, 10, None, None)
    assert (record.person.email, record.person.external_id, record.properties) == ("", "", {})


@pytest.mark.parametrize(
    ("kind", "metric", "scale", "score"),
    [
        ("csat", Metric.CSAT, (1, 5), 5),
        ("ces", Metric.CES, (1, 5), 1),
        ("five_star", Metric.OTHER, (1, 5), 3),
        ("thumbs", Metric.OTHER, (0, 1), 0),
        ("pmf", Metric.OTHER, (0, 10), 2),
    ],
)
def test_every_kind_has_its_scale(kind: str, metric: Metric, scale: tuple[int, int], score: int) -> None:
    record = read_response({"id": "1", "survey_type": kind, "score": score})

    assert (record.metric, (record.scale_min, record.scale_max), record.score) == (metric, scale, score)


def test_a_score_beyond_the_scale_is_said_and_not_bent() -> None:
    record = read_response({"id": "1", "survey_type": "csat", "score": 9})

    assert (record.score, record.trouble) == (None, "“9” is not a whole number from 1 to 5.")


def test_further_questions_can_be_comments() -> None:
    chosen = {Role.COMMENT: ["comment", "additional_answers.q1", "additional_answers.q2"]}

    record = read_response(load("delighted/webhook_updated"), chosen=chosen)

    assert record.comment == "Too slow\n\nNothing else\n\nSpeed, Price"


@given(mutated(load("delighted/webhook_updated")) | mutated(load("delighted/old_record")) | ODD)
def test_no_payload_brings_the_reader_down(payload: Any) -> None:
    try:
        record = read_response(payload, chosen={Role.COMMENT: ["additional_answers.q2"]})
    except Unusable:
        return
    assert record.external_id
    assert record.score is None or record.scale_min <= record.score <= record.scale_max


# --- Deliveries ----------------------------------------------------------------------------------------------
def line_without_calls(**secrets: str) -> Line:
    return Line(SYSTEM, options={}, secrets=secrets)


def signed(body: bytes, signature: str | None) -> Delivery:
    return Delivery(
        body=body, headers={} if signature is None else {"x-delighted-webhook-signature": signature}
    )


@pytest.mark.parametrize(
    "secrets",
    [
        {"api_key": "dlkey-1"},
        {"api_key": "other", "hook": "dlkey-1"},
        {"api_key": "other", "hook": "new", "hook_previous": "dlkey-1"},
    ],
)
def test_the_makers_signature_is_accepted_under_the_key_that_holds(secrets: dict[str, str]) -> None:
    SYSTEM.verify(line_without_calls(**secrets), signed(VECTOR, VECTOR_SIGNATURE))


@pytest.mark.parametrize(
    ("delivery", "secrets"),
    [
        (signed(VECTOR, None), {"api_key": "dlkey-1"}),
        (signed(VECTOR, "sha256="), {"api_key": "dlkey-1"}),
        (signed(VECTOR + b"\n", VECTOR_SIGNATURE), {"api_key": "dlkey-1"}),
        (signed(VECTOR.replace(b"10", b"0"), VECTOR_SIGNATURE), {"api_key": "dlkey-1"}),
        (signed(VECTOR, VECTOR_SIGNATURE), {"api_key": "dlkey-1", "hook": "other"}),
        (signed(VECTOR, VECTOR_SIGNATURE), {}),
        (signed(VECTOR, "sha256=" + hmac.new(b"", VECTOR, hashlib.sha256).hexdigest()), {}),
    ],
)
def test_a_delivery_that_proves_nothing_is_forged(delivery: Delivery, secrets: dict[str, str]) -> None:
    with pytest.raises(Forged):
        SYSTEM.verify(line_without_calls(**secrets), delivery)


def heard(payload: Any) -> Any:
    return SYSTEM.hear(line_without_calls(), Delivery(body=json.dumps(payload).encode(), headers={}))


def test_answers_and_changes_are_heard_although_their_events_bear_the_same_id() -> None:
    payload = load("delighted/webhook_updated")
    later = {**payload, "event_data": {**payload["event_data"], "score": 7, "updated_at": 1930000900}}

    assert [heard(each)[0].score for each in (payload, later)] == [2, 7]


def test_a_person_who_unsubscribes_is_news_of_its_own() -> None:
    (news,) = heard(load("delighted/webhook_unsubscribe"))

    assert isinstance(news, Unsubscribed)
    assert news.person.email == "ann@example.org"
    assert news.at == dt.datetime.fromtimestamp(1_930_000_300, dt.UTC)


@pytest.mark.parametrize(
    "payload",
    [{}, {"event_type": "person.created", "event_data": {"id": "1"}}, {"event_type": "unsubscribe.created", "event_data": {}},
     {"event_type": "survey_response.created", "event_data": None}],
)  # fmt: skip
def test_news_of_another_kind_is_nothing(payload: Any) -> None:
    assert heard(payload) == ()


@pytest.mark.parametrize("body", [b"", b"[]", b'{"event_type":', b"event_type=x"])
def test_a_delivery_that_cannot_be_read_is_said_to_be_unusable(body: bytes) -> None:
    with pytest.raises(Unusable):
        SYSTEM.hear(line_without_calls(), Delivery(body=body, headers={}))


# --- The list ------------------------------------------------------------------------------------------------
class Project:
    """Answers over there, listed by time of change (or, `by_creation`, by that), pages of at most 100."""

    def __init__(self, vendor: Vendor, count: int, *, by_creation: bool = False) -> None:
        self.by_creation = by_creation
        self.answers = [self.answer(n) for n in range(count)]
        vendor.on("GET", "/v1/survey_responses.json", self.listed)

    def answer(self, number: int, **more: Any) -> dict[str, Any]:
        created = START + number * 50
        # Every third one was changed, much later.
        updated = created + 10**6 if number % 3 == 0 else None
        return {
            "id": str(number), "person": {"id": "1", "email": f"p{number}@example.org", "name": None},
            "survey_type": "nps", "score": number % 11, "comment": None, "created_at": created, "updated_at": updated,
            "person_properties": {"customer_id": f"c-{number}"}, "notes": [], "tags": [],
        } | more  # fmt: skip

    def listed(self, call: Call) -> Answer:
        if call.headers.get("authorization") != "Basic a2V5LTE6":
            return reply({"status": 401}, 401)
        assert call.headers["accept"] == "application/json"
        changed: Callable[[dict[str, Any]], int] = lambda a: a["updated_at"] or a["created_at"]  # noqa: E731
        rows = [a for a in self.answers if changed(a) >= int(call.first("updated_since", "0"))]
        rows.sort(key=(lambda a: a["created_at"]) if self.by_creation else changed)
        rows = rows[::-1] if call.first("order") == "desc" else rows
        size, page = min(int(call.first("per_page", "20")), 100), int(call.first("page", "1"))
        rows = rows[(page - 1) * size : page * size]
        if call.first("expand[]") != "person":
            rows = [{**row, "person": row["person"]["id"]} for row in rows]
        return reply(rows)


@pytest.fixture
def line(line_to: Callable[..., Line], vendor: Vendor) -> Line:
    return line_to(SYSTEM, options={"base_url": f"{vendor.url}/v1"}, secrets={"api_key": "key-1"})


def read_all(line: Line, since: dt.datetime | None = SINCE) -> list[Record]:
    found: list[Record] = []
    page: Page | None = None
    while page is None or page.cursor is not None:
        cursor = json.loads(json.dumps(page.cursor)) if page else None
        page = SYSTEM.pull(line, Ask(survey_id="", since=since, until=UNTIL, cursor=cursor))
        found += page.records
    return found


@pytest.mark.parametrize("by_creation", [False, True])
@pytest.mark.parametrize("since", [None, SINCE])
def test_every_answer_is_read_with_its_person_in_either_order(
    vendor: Vendor, line: Line, since: dt.datetime | None, by_creation: bool
) -> None:
    Project(vendor, 250, by_creation=by_creation)

    found = read_all(line, since)

    assert {r.external_id: r.person.email for r in found} == {str(n): f"p{n}@example.org" for n in range(250)}


@pytest.mark.parametrize("by_creation", [False, True])
def test_an_answer_that_changes_while_pages_are_read_hides_none(
    vendor: Vendor, line: Line, by_creation: bool
) -> None:
    project = Project(vendor, 250, by_creation=by_creation)
    first = SYSTEM.pull(line, Ask(survey_id="", since=SINCE, until=UNTIL))
    for each in project.answers[:40]:
        each["updated_at"] = START + 10**7

    found = [*first.records]
    cursor = first.cursor
    while cursor is not None:
        page = SYSTEM.pull(line, Ask(survey_id="", since=SINCE, until=UNTIL, cursor=cursor))
        found, cursor = [*found, *page.records], page.cursor

    assert {r.external_id for r in found} == {str(n) for n in range(250)}


def test_a_late_change_of_the_last_answer_of_a_page_hides_none_behind_it(vendor: Vendor, line: Line) -> None:
    project = Project(vendor, 250, by_creation=True)
    for number, each in enumerate(project.answers):
        each["updated_at"] = START + 10**7 if number == 99 else None

    assert {r.external_id for r in read_all(line)} == {str(n) for n in range(250)}


def test_answers_without_a_score_are_left_out_with_a_note(vendor: Vendor, line: Line) -> None:
    project = Project(vendor, 2)
    project.answers.append(project.answer(3, score=None))
    project.answers.append({key: value for key, value in project.answer(4).items() if key != "score"})

    page = SYSTEM.pull(line, Ask(survey_id="", since=SINCE, until=UNTIL))

    assert {r.external_id for r in page.records} == {"0", "1"}
    assert page.notes == ["2 entries of the page had no score and were left out."]


def test_a_project_describes_itself(vendor: Vendor, line: Line) -> None:
    Project(vendor, 4)

    assert SYSTEM.check(line).startswith("Delighted project, newest answer of 2031-")
    assert [(s.id, s.metric) for s in SYSTEM.surveys(line)] == [("", Metric.NPS)]
    fields = {f.key: f for f in SYSTEM.fields(line, "")}
    assert fields["person_properties.customer_id"].role is Role.PERSON_ID
    assert "p3@example.org" in fields["person.email"].examples


@pytest.mark.parametrize(
    ("failure", "trouble"),
    [
        (reply({}, 401), AccessDenied),
        (reply({}, 404), Gone),
        (reply({}, 410), Gone),
        (reply({}, 301, Location="https://example.org/"), Unusable),
        (reply("<html>Goodbye</html>", kind="text/html"), Unusable),
        (reply({"message": "ended"}), Unusable),
    ],
)
def test_a_service_that_has_ended_is_said_to_have(
    vendor: Vendor, line: Line, failure: Answer, trouble: type[Trouble]
) -> None:
    vendor.fail(failure, failure)

    for ask in (
        lambda: SYSTEM.check(line),
        lambda: SYSTEM.pull(line, Ask(survey_id="", since=None, until=UNTIL)),
    ):
        with pytest.raises(trouble, match=r"ended its service on 30 June 2026.*Imports"):
            ask()


def test_a_host_that_is_gone_is_said_to_be(line_to: Callable[..., Line], settings: Any) -> None:
    settings.FETCH_ALLOW = ["127.0.0.1"]
    with socket.socket() as taken:  # bound and not listening: nobody answers, and nobody else can
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        line = line_to(SYSTEM, options={"base_url": url}, secrets={"api_key": "key-1"})

        with pytest.raises(TryLater, match=r"could not be reached.*ended its service"):
            SYSTEM.check(line)


@pytest.mark.parametrize(
    ("failure", "trouble", "after"),
    [
        (reply({}, 429, Retry_After="11"), TryLater, 11.0),
        (reply({}, 429), TryLater, None),
        (reply({}, 503), TryLater, None),
        (reply('[{"id":"1","sco'), Unusable, None),
    ],
)
def test_a_page_that_fails_is_asked_for_again_and_nothing_is_lost(
    vendor: Vendor, line: Line, failure: Answer, trouble: type[Trouble], after: float | None
) -> None:
    Project(vendor, 150)
    first = SYSTEM.pull(line, Ask(survey_id="", since=SINCE, until=UNTIL))
    again = Ask(survey_id="", since=SINCE, until=UNTIL, cursor=first.cursor)
    vendor.fail(failure)

    with pytest.raises(trouble) as caught:
        SYSTEM.pull(line, again)
    assert getattr(caught.value, "after", None) == after

    rest = SYSTEM.pull(line, again)
    assert {r.external_id for r in [*first.records, *rest.records]} == {str(n) for n in range(150)}


def test_a_page_that_repeats_stops_the_run(vendor: Vendor, line: Line) -> None:
    project = Project(vendor, 0)
    rows = [project.answer(n, updated_at=START) for n in range(100)]
    vendor.on("GET", "/v1/survey_responses.json", lambda _: reply(rows))

    with pytest.raises(Unusable, match="same page twice"):
        read_all(line)
