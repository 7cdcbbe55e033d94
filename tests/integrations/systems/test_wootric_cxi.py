"""Wootric CXI: the newest feedback is read as far back as it is listed, and it is said where that ends."""

import contextlib
import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from integrations.contract import Ask, Page, Role, Unusable
from integrations.line import Line
from integrations.records import Metric, Record
from integrations.systems.wootric_cxi import SYSTEM, read_response
from tests.integrations.fixtures import load
from tests.integrations.mutations import ODD, mutated
from tests.integrations.vendor import Answer, Call, Vendor, reply

NEWEST = 1_930_000_000
UNTIL = dt.datetime(2031, 3, 1, tzinfo=dt.UTC)


def test_an_item_is_read_whole() -> None:
    record = read_response(load("wootric_cxi/item"), chosen={Role.PERSON_ID: ["properties.customer_id"]})

    assert (record.external_id, record.metric, record.score, record.scale_max) == (
        "cxi-501",
        Metric.CSAT,
        5,
        5,
    )
    assert (record.person.email, record.person.external_id) == ("cy@example.org", "c-9")
    assert (record.comment, record.properties["plan"]) == ("Good value", "pro")
    assert record.responded_at == dt.datetime.fromtimestamp(NEWEST, dt.UTC)


def test_an_item_that_the_main_product_has_too_bears_its_id() -> None:
    record = read_response(
        {**load("wootric_cxi/item"), "wootric_response_id": 7001, "user_id": "u-1", "metric_type": "nps"}
    )

    assert (record.external_id, record.metric, record.person.external_id) == ("7001", Metric.NPS, "u-1")


@given(mutated(load("wootric_cxi/item")) | ODD)
def test_no_payload_brings_the_reader_down(payload: Any) -> None:
    with contextlib.suppress(Unusable):
        assert read_response(payload).external_id


@pytest.fixture
def line(line_to: Callable[..., Line], vendor: Vendor) -> Line:
    items = [
        {"id": n, "metric_type": "nps", "score": 9, "feedback_date": NEWEST - n * 60} for n in range(1_700)
    ]

    def listed(call: Call) -> Answer:
        assert call.headers["authorization"] == "Bearer t-1"
        size, page = int(call.first("per_page")), int(call.first("page"))
        return reply({"total_count": len(items), "items": items[(page - 1) * size : page * size]})

    vendor.on("POST", "/oauth/token", lambda _: reply({"access_token": "t-1", "expires_in": 7200}))
    vendor.on("GET", "/v1/responses", listed)
    options = {"base_url": vendor.url, "cxi_url": vendor.url, "client_id": "cid"}
    return line_to(SYSTEM, options=options, secrets={"client_secret": "csec"})


def read_all(line: Line, since: dt.datetime | None) -> tuple[list[Record], list[str]]:
    found: list[Record] = []
    notes: list[str] = []
    page: Page | None = None
    while page is None or page.cursor is not None:
        page = SYSTEM.pull(
            line, Ask(survey_id="", since=since, until=UNTIL, cursor=page.cursor if page else None)
        )
        found += page.records
        notes += page.notes
    return found, notes


def test_reading_ends_where_the_window_begins(line: Line, vendor: Vendor) -> None:
    found, notes = read_all(line, dt.datetime.fromtimestamp(NEWEST - 60 * 60, dt.UTC))

    assert [r.external_id for r in found] == [f"cxi-{n}" for n in range(61)]
    assert notes == []
    assert len([call for call in vendor.calls if call.path == "/v1/responses"]) == 2


def test_what_lies_beyond_the_last_page_is_said(line: Line) -> None:
    found, notes = read_all(line, None)

    assert len(found) == 1_500
    assert "newest 1,500" in notes[0]


def test_it_describes_itself(line: Line) -> None:
    assert SYSTEM.check(line) == "Wootric CXI, 1,700 pieces of feedback"
    assert [s.count for s in SYSTEM.surveys(line)] == [1_700]
    assert {f.key for f in SYSTEM.fields(line, "")} == {"score", "feedback", "user_id"}
