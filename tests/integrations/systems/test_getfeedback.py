"""GetFeedback: the NPS answer is found among others and never guessed, and the list is read to an end it does not tell."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from integrations.contract import AccessDenied, Ask, Gone, Page, Role, Trouble, TryLater, Unusable
from integrations.line import Line
from integrations.records import Metric, Record, Status
from integrations.systems.getfeedback import SYSTEM, read_response
from tests.integrations.fixtures import load
from tests.integrations.mutations import ODD, mutated
from tests.integrations.vendor import Answer, Call, Vendor, reply

SINCE = dt.datetime(2031, 3, 1, tzinfo=dt.UTC)
UNTIL = dt.datetime(2031, 9, 1, tzinfo=dt.UTC)


def response(**more: Any) -> dict[str, Any]:
    found: dict[str, Any] = load("getfeedback/responses")["active_models"][0]
    return found | more


def rated(kind: str, number: Any = 9, **more: Any) -> dict[str, Any]:
    return response(answers=[{"id": 1, "type": kind, "component_id": 11, "number": number, **more}])


COMPONENTS = load("getfeedback/survey")["components"]


# --- One response --------------------------------------------------------------------------------------------
def test_a_response_is_read_whole() -> None:
    payload = response()

    record = read_response(payload, survey_id="7")

    assert (record.external_id, record.survey_id, record.metric) == ("901", "7", Metric.NPS)
    assert (record.score, record.comment, record.status) == (9, "Great help", Status.COMPLETED)
    assert record.responded_at == dt.datetime(2031, 3, 18, 0, 22, 10, 55_000, tzinfo=dt.UTC)
    assert record.updated_at == dt.datetime(2031, 3, 18, 0, 25, tzinfo=dt.UTC)
    assert (record.person.email, record.person.external_id) == ("ann@example.org", "003XX0000000001")
    assert record.properties == payload["merge_map"]
    assert record.raw == payload


@pytest.mark.parametrize("kind", ["NpsAnswer", "NPS", "NetPromoterScoreAnswer", "promoter"])
def test_a_type_that_names_nps_is_nps(kind: str) -> None:
    assert (read_response(rated(kind)).metric, read_response(rated(kind)).score) == (Metric.NPS, 9)


@pytest.mark.parametrize("scale", [10, 11, "10"])
@pytest.mark.parametrize("kind", ["RatingAnswer", "rating", "Slider"])
def test_a_number_under_a_question_about_recommending_is_nps(kind: str, scale: object) -> None:
    record = read_response(rated(kind, 0, scale=scale), components=COMPONENTS)

    assert (record.metric, record.score, record.scale_min, record.scale_max) == (Metric.NPS, 0, 0, 10)


@pytest.mark.parametrize(
    ("payload", "metric", "scale"),
    [
        (rated("RatingAnswer", 9, scale=10), Metric.OTHER, (1, 10)),
        (rated("RatingAnswer", 4, scale=5), Metric.OTHER, (1, 5)),
        (rated("RatingAnswer", 4), Metric.OTHER, (1, 5)),
        (rated("CsatAnswer", 4, scale=5), Metric.CSAT, (1, 5)),
        (rated("CES", 6, scale=7), Metric.CES, (1, 7)),
        (rated("SliderAnswer", 70, scale=100), Metric.OTHER, (0, 100)),
    ],
)
def test_any_other_number_is_not_nps_and_has_its_own_scale(
    payload: dict[str, Any], metric: Metric, scale: tuple[int, int]
) -> None:
    record = read_response(payload)

    assert (record.metric, (record.scale_min, record.scale_max)) == (metric, scale)
    assert record.score == payload["answers"][0]["number"]


def test_nps_is_found_among_other_ratings_wherever_it_stands() -> None:
    payload = response()
    payload["answers"].insert(0, {"id": 9, "type": "Rating", "component_id": 10, "number": 2, "scale": 5})

    assert (read_response(payload).metric, read_response(payload).score) == (Metric.NPS, 9)


def test_the_component_chosen_for_the_score_is_the_score() -> None:
    payload = response()
    payload["answers"].insert(0, {"id": 9, "type": "Rating", "component_id": 10, "number": 7, "scale": 11})

    chosen = read_response(payload, chosen={Role.SCORE: ["answers.10"]})
    absent = read_response(payload, chosen={Role.SCORE: ["answers.99"]})

    assert (chosen.metric, chosen.score) == (Metric.NPS, 7)
    assert absent.score is None


def test_a_chosen_component_of_five_steps_is_not_nps() -> None:
    payload = rated("Rating", 4, scale=5)

    assert read_response(payload, chosen={Role.SCORE: ["answers.11"]}).metric is Metric.OTHER


@pytest.mark.parametrize(
    ("number", "score"), [("9", 9), (9.0, 9), (0, 0), (11, None), (8.5, None), (True, None)]
)
def test_a_score_is_read_as_number_or_text_and_never_bent(number: object, score: int | None) -> None:
    record = read_response(rated("NpsAnswer", number, scale=10))

    assert (record.score, bool(record.trouble)) == (score, score is None)


def test_the_comment_is_what_was_written_after_the_score() -> None:
    payload = response()
    payload["answers"].insert(0, {"type": "ShortAnswer", "component_id": 9, "text": "My name is Ann"})

    assert read_response(payload).comment == "Great help"
    assert read_response(payload, chosen={Role.COMMENT: ["answers.13", "answers.12"]}).comment == (
        "Reports, Alerts\n\nGreat help"
    )


@pytest.mark.parametrize(
    ("fields", "email", "person_id"),
    [
        ({"Email": "a@example.org", "XID": 42}, "a@example.org", "42"),
        ({"contact_email": "a@example.org", "email": ""}, "a@example.org", ""),
        ({"respondent e-mail": "a@example.org"}, "a@example.org", ""),
        ({"email": "not an address"}, "", ""),
        ({}, "", ""),
        (None, "", ""),
        ([], "", ""),
    ],
)
def test_the_person_is_found_among_merge_fields(fields: object, email: str, person_id: str) -> None:
    person = read_response(response(merge_map=fields)).person

    assert (person.email, person.external_id) == (email, person_id)


def test_chosen_merge_fields_go_before() -> None:
    record = read_response(
        response(merge_map={"email": "team@example.org", "who": "ann@example.org", "crm": "9"}),
        chosen={Role.EMAIL: ["merge_map.who"], Role.PERSON_ID: ["merge_map.crm"]},
    )

    assert (record.person.email, record.person.external_id) == ("ann@example.org", "9")


def test_what_is_not_completed_is_partial() -> None:
    assert read_response(response(status="in_progress")).status is Status.PARTIAL
    assert read_response(response(status=None)).status is Status.COMPLETED


@given(mutated(load("getfeedback/responses")["active_models"][0]) | ODD)
def test_no_payload_brings_the_reader_down(payload: Any) -> None:
    try:
        record = read_response(payload, components=COMPONENTS)
    except Unusable:
        return
    assert record.external_id
    assert record.score is None or record.scale_min <= record.score <= record.scale_max


@given(mutated(load("getfeedback/survey")))
def test_no_survey_brings_the_reader_down(survey: Any) -> None:
    components = survey.get("components") if isinstance(survey, dict) else None
    read_response(response(), components=components if isinstance(components, list) else ())


# --- The account over there ----------------------------------------------------------------------------------
class Account:
    """One survey with responses in order of change, `largest` a page at most, whatever is asked for; since is exclusive."""

    def __init__(self, vendor: Vendor, count: int = 0, *, largest: int = 30) -> None:
        self.responses = [self.response(n) for n in range(count)]
        self.largest = largest
        self.vendor = vendor
        vendor.on("GET", "/surveys/7/responses", self.listed)
        vendor.on("GET", "/surveys/7", lambda _: reply({"active_models": [load("getfeedback/survey")]}))
        vendor.on("GET", "/surveys", self.surveys)

    def response(self, number: int) -> dict[str, Any]:
        changed = (SINCE + dt.timedelta(seconds=number // 2 + 1)).astimezone(
            dt.timezone(dt.timedelta(hours=-7))
        )
        return response(id=number, created_at=changed.isoformat(), updated_at=changed.isoformat())

    def refused(self, call: Call) -> Answer | None:
        if call.headers.get("accept") != "application/json":
            return reply("", 406)
        return None if call.headers.get("authorization") == "Bearer tok-1" else reply("", 401)

    def listed(self, call: Call) -> Answer:
        moment = dt.datetime.fromisoformat
        rows = sorted(self.responses, key=lambda r: moment(r["updated_at"]))
        if call.first("since"):
            assert call.first("since_field") == "updated_at"
            since, until = moment(call.first("since")), moment(call.first("until"))
            rows = [r for r in rows if since < moment(r["updated_at"]) < until]
        else:
            rows = rows[::-1]
        size, page = min(int(call.first("per_page")), self.largest), int(call.first("page"))
        rows = rows[(page - 1) * size : page * size]
        # An empty list is no body at all here.
        return self.refused(call) or (reply({"active_models": rows}) if rows else reply(None, 204))

    def surveys(self, call: Call) -> Answer:
        rows = [{"id": n, "title": f"Survey {n}", "responses_count": n} for n in range(1, 36)]
        size, page = int(call.first("per_page")), int(call.first("page"))
        return self.refused(call) or reply({"active_models": rows[(page - 1) * size : page * size]})


@pytest.fixture
def connect(line_to: Callable[..., Line], vendor: Vendor) -> Callable[..., Line]:
    def make(token: str = "tok-1", **options: str) -> Line:  # of a server of this test
        return line_to(SYSTEM, options={"base_url": vendor.url, **options}, secrets={"token": token})

    return make


def read_all(line: Line, since: dt.datetime | None = SINCE) -> list[Record]:
    found: list[Record] = []
    page: Page | None = None
    while page is None or page.cursor is not None:
        cursor = json.loads(json.dumps(page.cursor)) if page else None
        page = SYSTEM.pull(line, Ask(survey_id="7", since=since, until=UNTIL, cursor=cursor))
        found += page.records
    return found


@pytest.mark.parametrize("largest", [7, 30, 100])
@pytest.mark.parametrize("per_page", ["30", "100", ""])
@pytest.mark.parametrize("since", [None, SINCE])
def test_every_response_is_read_however_long_a_page_may_be(
    vendor: Vendor, connect: Callable[..., Line], largest: int, per_page: str, since: dt.datetime | None
) -> None:
    Account(vendor, 95, largest=largest)

    found = read_all(connect(per_page=per_page), since)

    assert {r.external_id for r in found} == {str(n) for n in range(95)}
    assert {r.survey_id for r in found} == {"7"}


def test_a_response_that_changes_while_pages_are_read_hides_none(
    vendor: Vendor, connect: Callable[..., Line]
) -> None:
    account = Account(vendor, 95, largest=20)
    line = connect()
    first = SYSTEM.pull(line, Ask(survey_id="7", since=SINCE, until=UNTIL))
    for each in account.responses[:15]:
        each["updated_at"] = (UNTIL - dt.timedelta(days=1)).isoformat()

    found, cursor = [*first.records], first.cursor
    while cursor is not None:
        page = SYSTEM.pull(line, Ask(survey_id="7", since=SINCE, until=UNTIL, cursor=cursor))
        found, cursor = [*found, *page.records], page.cursor

    assert {r.external_id for r in found} == {str(n) for n in range(95)}


def test_the_questions_are_asked_for_once(vendor: Vendor, connect: Callable[..., Line]) -> None:
    Account(vendor, 95)

    read_all(connect())

    assert len([call for call in vendor.calls if call.path == "/surveys/7"]) == 1


def test_the_account_describes_itself(vendor: Vendor, connect: Callable[..., Line]) -> None:
    Account(vendor, 3)
    line = connect()

    assert SYSTEM.check(line) == "GetFeedback, 30 or more surveys"
    assert [(s.id, s.name, s.count) for s in SYSTEM.surveys(line)][34] == ("35", "Survey 35", 35)
    assert len(SYSTEM.surveys(line)) == 35
    fields = {f.key: f for f in SYSTEM.fields(line, "7")}
    assert (fields["answers.11"].role, fields["answers.11"].label) == (
        Role.SCORE,
        "How likely are you to recommend us?",
    )
    assert (fields["answers.12"].role, fields["answers.12"].examples) == (Role.COMMENT, ("Great help",))
    assert fields["merge_map.email"].role is Role.EMAIL
    assert fields["merge_map.contact_id"].role is Role.PERSON_ID
    assert fields["answers.10"].role is None


def test_a_survey_without_nps_proposes_no_score(vendor: Vendor, connect: Callable[..., Line]) -> None:
    account = Account(vendor)
    account.responses = [rated("Rating", 4, scale=5) | {"updated_at": UNTIL.isoformat()}]

    assert Role.SCORE not in {f.role for f in SYSTEM.fields(connect(), "7")}


def test_a_token_that_is_refused_is_named_with_the_remedy(
    vendor: Vendor, connect: Callable[..., Line]
) -> None:
    Account(vendor)

    with pytest.raises(AccessDenied, match=r"Account Settings → API.*region"):
        SYSTEM.check(connect("other"))


def test_the_region_chooses_the_host(connect: Callable[..., Line], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refuse(_line: Line, _method: str, url: str, **_options: Any) -> None:
        asked.append(url)
        raise Gone("")

    monkeypatch.setattr(Line, "call", refuse)
    for region in ("us", "eu", ""):
        with pytest.raises(AccessDenied):
            SYSTEM.check(connect(region=region, base_url=""))

    assert [url.split("/")[2] for url in asked] == [
        "api.getfeedback.com",
        "api.eu.getfeedback.com",
        "api.getfeedback.com",
    ]


@pytest.mark.parametrize(
    ("failure", "trouble"),
    [
        (reply({}, 429, Retry_After="11"), TryLater),
        (reply({}, 429), TryLater),
        (reply({}, 503), TryLater),
        (reply("", 401), AccessDenied),
        (reply("", 406), Unusable),
        (reply({}, 404), Gone),
        (reply("<html>Sign in</html>", kind="text/html"), Unusable),
        (reply('{"active_models":[{"id":1'), Unusable),
        (reply({"error": "none"}), Unusable),
    ],
)
def test_a_page_that_fails_is_asked_for_again_and_nothing_is_lost(
    vendor: Vendor, connect: Callable[..., Line], failure: Answer, trouble: type[Trouble]
) -> None:
    Account(vendor, 40)
    line = connect()
    first = SYSTEM.pull(line, Ask(survey_id="7", since=SINCE, until=UNTIL))
    again = Ask(survey_id="7", since=SINCE, until=UNTIL, cursor=first.cursor)
    vendor.fail(failure)

    with pytest.raises(trouble):
        SYSTEM.pull(line, again)

    rest = SYSTEM.pull(line, again)
    assert {r.external_id for r in [*first.records, *rest.records]} == {str(n) for n in range(40)}


def test_a_full_page_that_repeats_stops_the_run(vendor: Vendor, connect: Callable[..., Line]) -> None:
    account = Account(vendor, 0)
    rows = [account.response(1) | {"id": n} for n in range(30)]
    vendor.on("GET", "/surveys/7/responses", lambda _: reply({"active_models": rows}))

    with pytest.raises(Unusable, match="same page twice"):
        read_all(connect())


def test_a_list_that_knows_no_pages_ends(vendor: Vendor, connect: Callable[..., Line]) -> None:
    Account(vendor, 0)
    vendor.on("GET", "/surveys/7/responses", lambda _: reply(load("getfeedback/responses")))

    assert {r.external_id for r in read_all(connect())} == {"901"}


def test_what_is_no_response_on_a_page_is_left_out_with_a_note(
    vendor: Vendor, connect: Callable[..., Line]
) -> None:
    Account(vendor, 0)
    vendor.on("GET", "/surveys/7/responses", lambda _: reply({"active_models": [7, None, {}, response()]}))

    page = SYSTEM.pull(connect(), Ask(survey_id="7", since=SINCE, until=UNTIL))

    assert [r.external_id for r in page.records] == ["901"]
    assert page.notes == ["3 entries of the page were no responses and were left out."]
