"""Reading bodies, signatures and properties of other systems, whatever their state."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations import reading, records
from integrations.contract import Delivery, Unusable
from tests.integrations.mutations import ODD


@pytest.mark.parametrize(
    ("body", "meant"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'\xef\xbb\xbf {"a": "\xc3\xa9"}', {"a": "é"}),
        (b'{"a": [1, 2,], "b": "x,}",\n}', {"a": [1, 2], "b": "x,}"}),
        (b'{"a": "\\",]", }', {"a": '",]'}),
    ],
)
def test_json_is_read_in_its_encoding_and_with_commas_too_many(body: bytes, meant: Any) -> None:
    assert reading.json_of(body) == meant


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"a": NaN}', b'{"a": Infinity}', b'{"a": "\xff"}', b'{"a": 1, "a": 2}', '{"a": 1}'.encode("utf-16"), b"[" * 50_000, b'{"a":' + b"9" * 5_000 + b"}"]
)  # fmt: skip
def test_what_is_no_json_is_unusable(body: bytes) -> None:
    with pytest.raises(Unusable):
        reading.json_of(body)


def test_a_huge_body_of_quotes_is_refused_as_fast_as_a_small_one() -> None:
    with pytest.raises(Unusable):
        reading.json_of(b'{"' + b'\\"' * 1_000_000)


@given(st.binary(max_size=60))
def test_no_body_brings_the_reader_down(body: bytes) -> None:
    with contextlib.suppress(Unusable):
        reading.body_of(Delivery(body=body, headers={}))


@pytest.mark.parametrize(
    "body",
    [
        b"response[score]=4&response[text]=&response[end_user_properties][plan]=Pro&event_name=created",
        b"response%5Bscore%5D=4&response%5Btext%5D=&response%5Bend_user_properties%5D%5Bplan%5D=Pro&event_name=created",
    ],
)
def test_bracket_keys_of_a_form_are_objects_raw_or_encoded(body: bytes) -> None:
    assert reading.form_of(body) == {
        "response": {"score": "4", "text": None, "end_user_properties": {"plan": "Pro"}},
        "event_name": "created",
    }


def test_a_plus_that_nobody_encoded_comes_back() -> None:
    form = reading.form_of(
        b"mail=ann+nps@example.org&at=2031-08-04 13:57:26 +0200&text=a+b%2Bc&tags[]=x&tags[]=y"
    )

    assert form == {
        "mail": "ann+nps@example.org",
        "at": "2031-08-04 13:57:26+0200",
        "text": "a b+c",
        "tags": ["x", "y"],
    }


@pytest.mark.parametrize(
    ("body", "meant"),
    [
        (b"a=1&a[b]=2", {"a": "1"}),
        (b"a[b]=2&a=1", {"a": {"b": "2"}}),
        (b"a[=1&]=2&[x]=3", {"a[": "1", "]": "2", "[x]": "3"}),
    ],
)
def test_keys_that_contradict_each_other_keep_the_first(body: bytes, meant: Any) -> None:
    assert reading.form_of(body) == meant


def test_a_form_of_too_many_fields_is_unusable() -> None:
    with pytest.raises(Unusable):
        reading.form_of(b"&".join(b"a%d=1" % n for n in range(3_000)))


def test_a_signature_holds_for_any_secret_given_and_for_no_empty_one() -> None:
    import hashlib
    import hmac

    made = "sha1=" + hmac.new(b"old", b"body", hashlib.sha1).hexdigest()
    of_nothing = "sha1=" + hmac.new(b"", b"body", hashlib.sha1).hexdigest()

    def is_signed(said: str, *secrets: str) -> bool:
        return reading.is_signed(b"body", said, secrets=secrets, digest="sha1", prefix="sha1=")

    assert is_signed(made, "new", "old")
    assert not is_signed(made, "new")
    assert not is_signed(made.removeprefix("sha1="), "old")
    assert not is_signed(of_nothing, "")
    assert not is_signed("sha1=ü\ud800", "old")


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
