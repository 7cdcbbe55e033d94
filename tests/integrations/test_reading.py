"""Reading parts of answers of other systems, whatever their state."""

from typing import Any

from hypothesis import given

from integrations import reading, records
from tests.integrations.mutations import ODD


def test_properties_are_flat_and_keep_their_values() -> None:
    assert reading.flat({"plan": "pro", "since": 1930000000, "address": {"city": "Bonn"}, "tags": ["a"], "x": {}}) == {
        "plan": "pro", "since": 1930000000, "address.city": "Bonn", "tags": ["a"], "x": {},
    }  # fmt: skip
    assert reading.flat('{"plan": "pro"}') == {"plan": "pro"}
    assert reading.flat("{plan") == reading.flat(None) == reading.flat([1]) == {}


def test_a_path_finds_names_that_hold_dots_themselves() -> None:
    payload = {"user": {"traits": {"plan.name": "pro", "plan": {"size": 3}}}}

    assert reading.at(payload, "user.traits.plan.name") == "pro"
    assert reading.at(payload, "user.traits.plan.size") == 3
    assert reading.at(payload, "user.none.size") is None


@given(ODD)
def test_no_value_brings_the_small_readers_down(value: Any) -> None:
    records.moment(value)
    records.score(value)
    reading.flat(value)
    score, trouble = reading.scored(value, low=0, high=10)
    assert score is None or trouble == ""


def test_examples_are_few_different_and_short() -> None:
    assert reading.examples([None, "", " a  b ", "a b", True, ["x"], "c"]) == ("a b", "yes", '["x"]')
    (long,) = reading.examples(["y" * 500])
    assert len(long) == reading.MAX_EXAMPLE_CHARS


def test_an_answer_without_an_id_is_named_by_its_content() -> None:
    assert reading.identity({"score": 9, "who": "a"}) == reading.identity({"who": "a", "score": 9})
    assert reading.identity({"score": 9, "who": "b"}) != reading.identity({"score": 9, "who": "a"})
    assert reading.identity({"id": 7, "score": 9}) == "7"
