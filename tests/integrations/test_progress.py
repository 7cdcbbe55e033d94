"""How far a run is where the source does not say how many answers there are."""

import datetime as dt

import pytest

from integrations import progress
from integrations.domain import RunState
from integrations.models import SyncRun

BEGIN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
END = BEGIN + dt.timedelta(days=100)


def read(*pages: tuple[int, int]) -> float | None:
    days: dict[str, object] = {}
    for page in pages:
        days = progress.read_on(days, [BEGIN + dt.timedelta(days=day) for day in page])
    return progress.share(days, since=BEGIN, until=END)


@pytest.mark.parametrize(
    ("pages", "part"),
    [
        ([(0, 5), (5, 25)], 0.25),
        ([(100, 95), (95, 25)], 0.75),
        ([(0, 5), (5, 5), (5, 50)], 0.5),
        ([(0, 5)], None),
        ([(0, 5), (5, 10), (0, 5)], None),
        ([(10, 20), (5, 30)], None),
        ([], None),
    ],
)
def test_the_days_of_an_ordered_list_tell_how_far_it_is(
    pages: list[tuple[int, int]], part: float | None
) -> None:
    found = read(*pages)

    assert found is None if part is None else found == pytest.approx(part)


def test_an_empty_page_changes_nothing() -> None:
    assert progress.read_on({}, []) == {}


def test_the_time_left_follows_from_the_part_that_was_read() -> None:
    run = SyncRun(state=RunState.RUNNING, received=50, busy_seconds=30.0, position={"share": 0.25})

    assert run.seconds_left == pytest.approx(90)
    run.total = 100
    assert run.seconds_left == pytest.approx(30)
