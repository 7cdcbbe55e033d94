"""SatisMeter: answers of all its forms are read right, and its list is read whole, whatever it does."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from integrations.contract import (
    AccessDenied,
    Ask,
    CursorExpired,
    Delivery,
    Gone,
    Page,
    Role,
    TryLater,
    Unusable,
)
from integrations.line import Line
from integrations.records import Metric, Record, Status
from integrations.systems.satismeter import SYSTEM, read_response
from tests.integrations.fixtures import load
from tests.integrations.mutations import ODD, mutated
from tests.integrations.vendor import Answer, Call, Vendor, reply

UNTIL = dt.datetime(2031, 8, 1, tzinfo=dt.UTC)
SINCE = dt.datetime(2031, 1, 1, tzinfo=dt.UTC)
CAMPAIGNS = {"c1": {"type": "nps"}, "c2": {"type": "csat"}}


# --- One answer ----------------------------------------------------------------------------------------------
def test_a_delivery_is_read_whole() -> None:
    payload = load("satismeter/webhook")

    record = read_response(payload)

    assert (record.external_id, record.metric, record.score) == ("r1", Metric.NPS, 3)
    assert (record.comment, record.status) == ("Exports are slow", Status.COMPLETED)
    assert record.responded_at == dt.datetime(2031, 2, 3, 4, 5, 6, 700_000, tzinfo=dt.UTC)
    assert (record.person.email, record.person.external_id, record.person.name) == (
        "Ann@Example.org",
        "u-42",
        "Ann Doe",
    )
    assert record.properties == {"plan": "pro", "seats": 12, "address.city": "Bonn"}
    assert record.channel == "In-app"
    assert record.raw == payload


def test_a_dismissed_survey_is_declined() -> None:
    record = read_response(load("satismeter/webhook_dismissed"))

    assert (record.status, record.score) == (Status.DECLINED, None)


def test_an_answer_with_answers_only_takes_the_first_number_and_the_last_words_written() -> None:
    record = read_response(load("satismeter/v3_answers_only"), campaigns=CAMPAIGNS)

    assert (record.score, record.metric, record.survey_id) == (9, Metric.NPS, "c1")
    assert record.comment == "Support answers within the hour"
    assert record.language == "ja"


def test_the_older_export_is_read_by_rating_and_never_by_its_contribution() -> None:
    record = read_response(load("satismeter/legacy"))

    assert (record.score, record.comment, record.status) == (0, "We are leaving", Status.COMPLETED)
    assert record.person.external_id == "u-45"


def test_rating_and_feedback_alone_are_an_answer() -> None:
    payload = {"rating": 8, "feedback": " Fine "}

    record = read_response(payload)

    assert (record.score, record.comment, record.status) == (8, "Fine", Status.COMPLETED)
    assert record.external_id == read_response(dict(payload)).external_id != ""


@pytest.mark.parametrize(
    ("rating", "score"), [("7", 7), (7.0, 7), (0, 0), ("0", 0), (True, None), (11, None), (-1, None), ([], None)]
)  # fmt: skip
def test_a_rating_is_read_as_number_or_text_and_never_bent(rating: object, score: int | None) -> None:
    record = read_response({"id": "r", "rating": rating})

    assert record.score == score
    assert bool(record.trouble) == (score is None)


def test_no_rating_is_no_trouble() -> None:
    assert read_response({"id": "r", "rating": None}).trouble == ""


def test_satisfaction_is_never_taken_for_nps() -> None:
    by_id = read_response({"id": "r", "campaign": "c2", "rating": 4}, campaigns=CAMPAIGNS)
    inside = read_response({"id": "r", "campaign": {"id": "c2", "type": "csat"}, "rating": 4})

    for record in (by_id, inside):
        assert (record.metric, record.score, record.scale_min, record.scale_max) == (Metric.CSAT, 4, 1, 5)


def test_a_campaign_of_an_unknown_kind_is_no_nps() -> None:
    record = read_response({"id": "r", "campaign": "c", "rating": 4}, campaigns={"c": {"type": "pmf"}})

    assert record.metric is Metric.OTHER


def test_the_set_scale_holds_for_what_is_no_nps() -> None:
    record = read_response({"id": "r", "rating": 7}, metric=Metric.CES, scale=(1, 10))

    assert (record.score, record.scale_max) == (7, 10)
    assert read_response({"id": "r", "rating": 9, "category": "promoter"}, scale=(1, 5)).score == 9


def test_a_pending_answer_is_partial_with_its_score() -> None:
    record = read_response({"id": "r", "rating": 9, "pending": True})

    assert (record.status, record.score) == (Status.PARTIAL, 9)


def test_a_person_deleted_over_there_does_not_come_back() -> None:
    payload = load("satismeter/legacy")
    payload["user"]["deleted"] = True

    record = read_response(payload)

    assert (record.person.email, record.person.external_id, record.properties) == ("", "", {})
    assert record.score == 0


@pytest.mark.parametrize(
    "user", [None, [], "u-1", {}, {"anonymousId": "a1"}, {"email": None, "traits": None}]
)
def test_an_anonymous_answer_is_kept(user: object) -> None:
    record = read_response({"id": "r", "rating": 5, "user": user})

    assert (record.score, record.person.email) == (5, "")


def test_chosen_fields_go_before_our_proposals() -> None:
    record = read_response(
        load("satismeter/webhook"),
        chosen={
            Role.SCORE: ["answers.q1"],
            Role.COMMENT: ["feedback", "answers.q2"],
            Role.PERSON_ID: ["user.traits.address.city"],
        },
    )

    assert (record.score, record.comment, record.person.external_id) == (2, "Exports are slow", "Bonn")


@given(mutated(load("satismeter/webhook")) | mutated(load("satismeter/v3_answers_only")) | ODD)
def test_no_payload_brings_the_reader_down(payload: Any) -> None:
    try:
        record = read_response(payload, campaigns=CAMPAIGNS)
    except Unusable:
        return
    assert record.external_id
    assert record.score is None or record.scale_min <= record.score <= record.scale_max


# --- The list ------------------------------------------------------------------------------------------------
def answer(number: int, **more: Any) -> dict[str, Any]:
    created = SINCE + dt.timedelta(hours=number)
    return {
        "id": f"r{number}",
        "created": created.isoformat(),
        "rating": number % 11,
        "campaign": "c1",
        **more,
    }


class Project:
    """A project over there: its answers, newest first, pages with cursors, thirty days without a start."""

    def __init__(self, vendor: Vendor, answers: list[dict[str, Any]]) -> None:
        self.answers = answers
        self.names_campaigns = True
        vendor.on("GET", "/api/v3/projects/p1/campaigns/(c\\d)/responses", self.listed)
        self.url = vendor.url
        vendor.on("GET", "/api/v3/projects/p1/responses", self.listed)
        vendor.on("GET", "/api/v3/projects/p1/campaigns", lambda _: reply(load("satismeter/campaigns")))
        vendor.on("GET", "/api/v3/projects/p1", lambda _: reply({"data": {"id": "p1", "name": "Acme"}}))
        vendor.on("GET", "/api/responses", self.export)

    def within(self, call: Call, default_since: dt.datetime) -> list[dict[str, Any]]:
        since = dt.datetime.fromisoformat(call.first("startDate") or default_since.isoformat())
        until = dt.datetime.fromisoformat(call.first("endDate"))
        return [a for a in self.answers if since <= dt.datetime.fromisoformat(a["created"]) < until]

    def listed(self, call: Call) -> Answer:
        if call.headers.get("authorization") != "Bearer key-1":
            return reply({"error": "unauthorized"}, 401)
        found = self.within(call, UNTIL - dt.timedelta(days=30))[::-1]
        found = [a for a in found if not call.found or a["campaign"] == call.found[0]]
        if not self.names_campaigns:
            found = [{key: value for key, value in a.items() if key != "campaign"} for a in found]
        size = min(max(int(call.first("pageSize", "20")), 1), 100)
        begin = int(call.first("pageCursor", "c0")[1:])
        more = begin + size < len(found)
        page = {"hasNextPage": more, "size": size} | ({"nextPageCursor": f"c{begin + size}"} if more else {})
        return reply({"data": found[begin : begin + size], "page": page})

    def export(self, call: Call) -> Answer:
        if not call.headers.get("authorization", "").startswith("Basic a2V5LTE6"):
            return reply({}, 401)
        assert (call.first("format"), call.first("project")) == ("json", "p1")
        return reply({"responses": self.within(call, SINCE)})


@pytest.fixture
def project(vendor: Vendor) -> Project:
    return Project(vendor, [answer(n) for n in range(250)])


@pytest.fixture
def one_kind(project: Project, vendor: Vendor) -> Project:
    """The same project with one campaign."""
    only = {"data": [{"id": "c1", "name": "Relationship", "type": "nps"}]}
    vendor.on("GET", "/api/v3/projects/p1/campaigns", lambda _: reply(only))
    return project


@pytest.fixture
def line(line_to: Callable[..., Line], vendor: Vendor) -> Line:
    return line_to(
        SYSTEM, options={"base_url": f"{vendor.url}/", "project": "p1"}, secrets={"api_key": "key-1"}
    )


def read_all(line: Line, survey_id: str = "", since: dt.datetime | None = SINCE) -> list[Record]:
    found: list[Record] = []
    page: Page | None = None
    while page is None or page.cursor is not None:
        cursor = json.loads(json.dumps(page.cursor)) if page else None
        page = SYSTEM.pull(line, Ask(survey_id=survey_id, since=since, until=UNTIL, cursor=cursor))
        found += page.records
    return found


def test_the_whole_history_is_read_page_by_page(one_kind: Project, line: Line, vendor: Vendor) -> None:
    found = read_all(line, since=None)

    assert sorted(r.external_id for r in found) == sorted(a["id"] for a in one_kind.answers)
    lists = [call for call in vendor.calls if call.path.endswith("/responses")]
    assert len(lists) == 3
    assert {call.first("startDate") for call in lists} == {"2013-01-01T00:00:00.000Z"}
    assert {call.first("endDate") for call in lists} == {"2031-08-01T00:00:00.000Z"}


def test_an_answer_that_comes_while_pages_are_read_loses_none(one_kind: Project, line: Line) -> None:
    first = SYSTEM.pull(line, Ask(survey_id="", since=SINCE, until=UNTIL))
    one_kind.answers.append(answer(300))  # newest first: every page moves by one

    rest = SYSTEM.pull(line, Ask(survey_id="", since=SINCE, until=UNTIL, cursor=first.cursor))

    assert {r.external_id for r in [*first.records, *rest.records]} >= {f"r{n}" for n in range(51, 250)}


def test_one_campaign_is_picked_out_of_the_project(project: Project, line: Line) -> None:
    project.answers += [answer(n, campaign="c2", rating=4) for n in range(300, 303)]

    found = read_all(line, survey_id="c2")

    assert [(r.metric, r.scale_max, r.survey_id) for r in found] == [(Metric.CSAT, 5, "c2")] * 3


@pytest.mark.parametrize("names_campaigns", [True, False])
def test_a_project_that_measures_different_things_is_measured_by_campaign(
    project: Project, line: Line, names_campaigns: bool
) -> None:
    project.answers += [answer(n, campaign="c2", rating=4) for n in range(300, 303)]
    project.names_campaigns = names_campaigns

    found = {r.external_id: (r.survey_id, r.metric) for r in read_all(line)}

    assert len(found) == 253
    assert (found["r1"], found["r301"]) == (("c1", Metric.NPS), ("c2", Metric.CSAT))


def test_without_lists_by_campaign_the_campaign_is_picked_out_of_the_project(
    project: Project, line: Line, vendor: Vendor
) -> None:
    project.answers += [answer(n, campaign="c2", rating=4) for n in range(300, 303)]
    vendor.on("GET", "/api/v3/projects/p1/campaigns/.*", lambda _: reply({}, 404))

    assert {r.external_id for r in read_all(line, survey_id="c2")} == {"r300", "r301", "r302"}
    project.names_campaigns = False
    assert {r.metric for r in read_all(line)} == {Metric.NPS}  # as the setting says
    assert len(read_all(line)) == 253


def test_answers_that_name_no_campaign_are_not_guessed_into_one(
    project: Project, line: Line, vendor: Vendor
) -> None:
    project.names_campaigns = False
    vendor.on("GET", "/api/v3/projects/p1/campaigns/.*", lambda _: reply({}, 404))
    # There is no list by campaign: the first page says so.
    first = SYSTEM.pull(line, Ask(survey_id="c1", since=SINCE, until=UNTIL))

    page = SYSTEM.pull(line, Ask(survey_id="c1", since=SINCE, until=UNTIL, cursor=first.cursor))

    assert page.records == []
    assert page.notes == [
        "100 answers name no campaign and were left out. Choose all campaigns of the project."
    ]


def test_a_campaign_that_goes_away_in_the_middle_leaves_the_others(
    project: Project, line: Line, vendor: Vendor
) -> None:
    project.answers = [answer(1), answer(2, campaign="c2", rating=4)]
    project.names_campaigns = False
    vendor.on("GET", "/api/v3/projects/p1/campaigns/c2/responses", lambda _: reply({}, 404))

    assert {r.external_id for r in read_all(line)} == {"r1"}


def test_a_project_without_a_list_of_campaigns_is_read_all_the_same(
    project: Project, line: Line, vendor: Vendor
) -> None:
    vendor.on("GET", "/api/v3/projects/p1/campaigns", lambda _: reply({}, 404))

    assert len(read_all(line)) == 250


def test_a_project_describes_itself(project: Project, line: Line) -> None:
    assert SYSTEM.check(line) == "Acme, 2 campaigns"
    assert [(s.id, s.metric) for s in SYSTEM.surveys(line)] == [
        ("", None),
        ("c1", Metric.NPS),
        ("c2", Metric.CSAT),
    ]


def test_fields_are_proposed_with_examples_really_seen(
    vendor: Vendor, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.clock.now", lambda: UNTIL)
    Project(vendor, [load("satismeter/v3_answers_only")])

    fields = {field.key: field for field in SYSTEM.fields(line, "")}

    assert fields["rating"].role is Role.SCORE
    assert fields["user.email"].examples == ("cy@example.org",)
    assert fields["answers.q3"].label == "Why?"
    assert fields["answers.q3"].examples == ("Support answers within the hour",)
    assert fields["user.traits.plan"].examples == ("team",)


def test_the_older_export_is_read_by_months(
    project: Project, line_to: Callable[..., Line], vendor: Vendor
) -> None:
    options = {"base_url": vendor.url, "project": "p1", "api": "legacy"}
    line = line_to(SYSTEM, options=options, secrets={"api_key": "key-1"})

    found = read_all(line)

    assert sorted(r.external_id for r in found) == sorted(a["id"] for a in project.answers)
    windows = [(call.first("startDate"), call.first("endDate")) for call in vendor.calls]
    assert windows[0] == ("2031-01-01T00:00:00.000Z", "2031-01-31T00:00:00.000Z")
    assert windows[-1][1] == "2031-08-01T00:00:00.000Z"
    assert SYSTEM.check(line) == "Project p1, by the older export"


def test_a_key_that_is_refused_is_named_with_the_remedy(
    project: Project, line_to: Callable[..., Line], vendor: Vendor
) -> None:
    line = line_to(SYSTEM, options={"base_url": vendor.url, "project": "p1"}, secrets={"api_key": "other"})
    vendor.fail(reply({}, 401))

    with pytest.raises(AccessDenied, match="Settings → Integrations → API"):
        SYSTEM.check(line)


def test_a_project_that_is_unknown_is_named(line: Line) -> None:
    with pytest.raises(Gone, match="project id"):
        SYSTEM.check(line)


@pytest.mark.parametrize(
    ("answers", "trouble"),
    [
        (reply({}, 429, Retry_After="9"), TryLater),
        (reply({}, 500), TryLater),
        (reply("<html>Sign in</html>", kind="text/html"), Unusable),
        (reply('{"data":[{"id":"r1","rat'), Unusable),
        (reply([]), Unusable),
        (reply({"data": [], "page": {"hasNextPage": True}}), Unusable),
        (reply({"data": None}), Unusable),
    ],
)
def test_a_page_that_fails_is_asked_for_again_and_nothing_is_lost(
    project: Project, line: Line, vendor: Vendor, answers: Answer, trouble: type[Exception]
) -> None:
    first = SYSTEM.pull(line, Ask(survey_id="", since=SINCE, until=UNTIL))
    again = Ask(survey_id="", since=SINCE, until=UNTIL, cursor=first.cursor)
    vendor.fail(answers)

    with pytest.raises(trouble):
        SYSTEM.pull(line, again)

    assert len(SYSTEM.pull(line, again).records) == 100


def test_a_page_that_repeats_stops_the_run(line: Line, vendor: Vendor, project: Project) -> None:
    page = {"data": [answer(1)], "page": {"hasNextPage": True, "nextPageCursor": "c1"}}
    vendor.on("GET", "/api/v3/projects/p1/responses", lambda _: reply(page))

    with pytest.raises(Unusable, match="same page twice"):
        read_all(line)


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_cursor_that_is_no_longer_known_begins_the_period_again(
    project: Project, line: Line, vendor: Vendor, status: int
) -> None:
    first = SYSTEM.pull(line, Ask(survey_id="", since=SINCE, until=UNTIL))
    vendor.fail(reply({}, status))

    with pytest.raises(CursorExpired):
        SYSTEM.pull(line, Ask(survey_id="", since=SINCE, until=UNTIL, cursor=first.cursor))


def test_what_is_no_answer_on_a_page_is_left_out_with_a_note(vendor: Vendor, line: Line) -> None:
    Project(vendor, [])
    vendor.on("GET", "/api/v3/projects/p1/responses", lambda _: reply({"data": [7, None, {}, answer(1)]}))

    page = SYSTEM.pull(line, Ask(survey_id="", since=SINCE, until=UNTIL))

    assert [r.external_id for r in page.records] == ["r1"]
    assert page.notes == ["3 entries of the page were no answers and were left out."]


# --- Webhooks ------------------------------------------------------------------------------------------------
def delivered(payload: Any) -> Delivery:
    return Delivery(body=json.dumps(payload).encode(), headers={"content-type": "application/json"})


def test_a_delivery_is_heard_without_a_call(line: Line, vendor: Vendor) -> None:
    SYSTEM.verify(line, delivered(load("satismeter/webhook")))

    (record,) = SYSTEM.hear(line, delivered(load("satismeter/webhook")))

    assert (record.external_id, record.score) == ("r1", 3)
    assert vendor.calls == []


def test_a_delivery_of_a_campaign_that_a_pull_has_seen_is_measured_by_it(
    project: Project, line: Line
) -> None:
    read_all(line)

    (record,) = SYSTEM.hear(line, delivered({"response": {"id": "r", "rating": 4, "campaign": "c2"}}))

    assert record.metric is Metric.CSAT


def test_news_of_another_kind_is_nothing(line: Line) -> None:
    assert SYSTEM.hear(line, delivered({"event": "survey.published", "survey": {"id": "s"}})) == ()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"7", b"<html>", b'{"response":', b"\xff\xfe\x00", b'{"a":NaN}', b"[" * 9_999]
)
def test_a_delivery_that_cannot_be_read_is_said_to_be_unusable(line: Line, body: bytes) -> None:
    with pytest.raises(Unusable):
        SYSTEM.hear(line, Delivery(body=body, headers={}))
