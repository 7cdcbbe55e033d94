"""A list that moves while it is read: every answer that stays in it is read."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.contract import Unusable
from integrations.paging import Place, onward

SIZE = 5
PAGES = 3
Row = tuple[str, float | None]


def walk(
    times: Sequence[int],
    *,
    is_inclusive: bool = True,
    back: int = 0,
    is_short_end: bool = True,
    given: int = SIZE,
) -> tuple[list[str], list[str]]:
    """Read a list of answers at these times; ids read, and notes."""
    rows: list[Row] = sorted(
        ((str(index), float(time)) for index, time in enumerate(times)), key=lambda row: (row[1], int(row[0]))
    )
    place: Place | None = Place(0)
    read, notes = [], []
    for _ in range(500):
        assert place is not None
        place = Place.of(place.cursor(), since=0)
        within = [r for r in rows if (r[1] or 0) >= place.since + (0 if is_inclusive else 1)]
        page = within[(place.page - 1) * given : place.page * given]
        read += [row[0] for row in page]
        place, note = onward(
            place, page, size=SIZE, host="vendor", max_pages=PAGES, back=back, is_short_end=is_short_end
        )
        notes += [note] * bool(note)
        if place is None:
            return read, notes
    raise AssertionError("the walk does not end")


few_at_once = st.lists(st.integers(1, 40), max_size=60).filter(
    lambda times: all(times.count(time) + times.count(time + 1) < SIZE * PAGES - SIZE for time in set(times))
)


@given(few_at_once, st.booleans(), st.booleans())
def test_every_answer_is_read_also_past_the_last_page(
    times: list[int], is_inclusive: bool, is_short_end: bool
) -> None:
    read, notes = walk(
        times, is_inclusive=is_inclusive, back=0 if is_inclusive else 1, is_short_end=is_short_end
    )

    assert set(read) == {str(index) for index in range(len(times))}
    assert notes == []


@given(st.lists(st.integers(1, 40), max_size=60, unique=True), st.integers(1, SIZE))
def test_a_list_that_gives_fewer_than_asked_for_is_read_to_its_end(times: list[int], given: int) -> None:
    read, _ = walk(times, is_inclusive=False, back=1, is_short_end=False, given=given)

    assert set(read) == {str(index) for index in range(len(times))}


def test_more_answers_of_one_moment_than_can_be_listed_are_said_and_the_walk_goes_on() -> None:
    read, notes = walk([7] * 20 + [8])

    assert len(set(read)) == 16
    assert len(notes) == 1
    assert "at most 15 answers of the same moment" in notes[0]


def test_an_answer_that_moves_away_while_pages_are_read_hides_none() -> None:
    place, _ = onward(Place(0), [(str(n), float(n)) for n in range(1, 6)], size=5, host="vendor")

    assert place == Place(5, 1, ("1", "2", "3", "4", "5"))


def test_a_list_without_order_is_read_by_pages() -> None:
    rows = [("a", 5.0), ("b", 2.0), ("c", None)]

    place, _ = onward(Place(0), rows, size=3, host="vendor")

    assert place == Place(0, 2, ("a", "b", "c"))


def test_a_list_that_pays_no_heed_to_the_time_is_read_by_pages() -> None:
    place, _ = onward(Place(50), [("a", 1.0), ("b", 60.0)], size=2, host="vendor")

    assert place == Place(50, 2, ("a", "b"))


def test_a_list_without_order_that_is_longer_than_its_pages_stops_the_run() -> None:
    with pytest.raises(Unusable, match="shorter history"):
        onward(Place(0, 3), [("a", 5.0), ("b", 2.0)], size=2, host="vendor", max_pages=3)


def test_a_full_page_that_comes_again_stops_the_run() -> None:
    with pytest.raises(Unusable, match="same page twice"):
        onward(Place(0, 2, ("a", "b")), [("a", 1.0), ("b", 1.0)], size=2, host="vendor")


def test_a_short_page_that_comes_again_is_the_end_of_a_list_without_pages() -> None:
    assert onward(Place(0, 2, ("a",)), [("a", 1.0)], size=2, host="vendor", is_short_end=False) == (None, "")
