"""Quarters of the year."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveys.quarters import Quarter, last_quarters, quarter_of, read_quarter

TODAY = dt.date(2026, 3, 17)


@given(st.dates(dt.date(1990, 1, 1), dt.date(2100, 1, 1)))
def test_every_day_lies_in_its_quarter_and_quarters_leave_no_gap(day: dt.date) -> None:
    found = quarter_of(day)

    assert found.first <= day <= found.last
    assert found.next.first == found.last + dt.timedelta(days=1)
    assert found.next.previous == found == found.previous.next
    assert 90 <= (found.last - found.first).days + 1 <= 92


def test_the_last_quarters_begin_with_that_of_today() -> None:
    assert [q.label for q in last_quarters(TODAY, 3)] == ["Q1 2026", "Q4 2025", "Q3 2025"]


@pytest.mark.parametrize(
    ("key", "found"),
    [("2026-1", Quarter(2026, 1)), ("2025-4", Quarter(2025, 4)), ("2026-2", None), ("2026-5", None), ("", None),
     ("1999-4", None), ("2026-01", None), ("9999-1", None)],
)  # fmt: skip
def test_only_a_quarter_that_has_begun_is_read(key: str, found: Quarter | None) -> None:
    assert read_quarter(key, TODAY) == found
