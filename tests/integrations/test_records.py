"""Reading what other systems write: times in all the forms seen, scores that are scores."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations import records


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2031-07-31T19:48:07.648Z", "2031-07-31T19:48:07.648+00:00"),
        ("2031-12-16 09:05:00 -0800", "2031-12-16T17:05:00+00:00"),
        ("2031-12-01 18:36:59", "2031-12-01T18:36:59+00:00"),
        ("2031-08-04T13:57:26.558-07:00", "2031-08-04T20:57:26.558+00:00"),
        ("2031-01-01T21:56:31.182613+00:00", "2031-01-01T21:56:31.182613+00:00"),
        ("2031-07-09T00:00:17.6593098Z", "2031-07-09T00:00:17.659309+00:00"),
        ("2031-05-07T06:18", "2031-05-07T06:18:00+00:00"),
        ("2031-05-07", "2031-05-07T00:00:00+00:00"),
        (1930000000, "2031-02-27T23:06:40+00:00"),
        ("1930000000", "2031-02-27T23:06:40+00:00"),
        (1930000000123, "2031-02-27T23:06:40.123+00:00"),
    ],
)
def test_every_form_of_time_that_was_seen_is_read(written: object, meant: str) -> None:
    assert records.moment(written) == dt.datetime.fromisoformat(meant)


def test_a_time_without_offset_is_read_in_the_zone_of_the_connection() -> None:
    assert records.moment("2031-07-01 12:00:00", zone="Europe/Berlin") == dt.datetime(
        2031, 7, 1, 10, 0, tzinfo=dt.UTC
    )


@pytest.mark.parametrize(
    "written", [None, "", "yesterday", "2031-13-01", True, float("nan"), -5, [], "2031-02-30 10:00"]
)
def test_what_is_no_time_is_none(written: object) -> None:
    assert records.moment(written) is None


@given(st.datetimes(min_value=dt.datetime(1970, 1, 2), max_value=dt.datetime(2099, 1, 1)))
def test_a_time_survives_being_written_and_read(moment: dt.datetime) -> None:
    aware = moment.replace(tzinfo=dt.UTC)

    assert records.moment(aware.isoformat()) == aware


@pytest.mark.parametrize(("said", "score"), [(0, 0), ("0", 0), (0.0, 0), ("10", 10), (" 7 ", 7), ("9.0", 9)])
def test_a_score_is_read_as_number_or_text(said: object, score: int) -> None:
    assert records.score(said) == score


@pytest.mark.parametrize(
    "said", [True, False, None, "", "seven", 7.5, "7.5", 11, -1, "1e1", float("inf"), [9], "٩x"]
)
def test_what_is_no_score_is_never_bent_into_one(said: object) -> None:
    assert records.score(said) is None
