"""Bodies of deliveries: JSON and forms, whatever their state."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations import bodies
from integrations.contract import Unusable


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
    assert bodies.json_of(body, trailing_commas=True) == meant


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"a": NaN}', b'{"a": Infinity}', b'{"a": "\xff"}', b'{"a": 1, "a": 2}', '{"a": 1}'.encode("utf-16"), b"[" * 50_000, b'{"a":' + b"9" * 5_000 + b"}"]
)  # fmt: skip
def test_what_is_no_json_is_unusable(body: bytes) -> None:
    with pytest.raises(Unusable):
        bodies.json_of(body, trailing_commas=True)


def test_a_huge_body_of_quotes_is_refused_as_fast_as_a_small_one() -> None:
    with pytest.raises(Unusable):
        bodies.json_of(b'{"' + b'\\"' * 1_000_000, trailing_commas=True)


@given(st.binary(max_size=60))
def test_no_body_brings_the_reader_down(body: bytes) -> None:
    with contextlib.suppress(Unusable):
        bodies.json_or_form(body, form=bodies.nested_form, trailing_commas=True)
    with contextlib.suppress(Unusable):
        bodies.json_or_form(body, form=bodies.plain_form)


@pytest.mark.parametrize(
    "body",
    [
        b"response[score]=4&response[text]=&response[end_user_properties][plan]=Pro&event_name=created",
        b"response%5Bscore%5D=4&response%5Btext%5D=&response%5Bend_user_properties%5D%5Bplan%5D=Pro&event_name=created",
    ],
)
def test_bracket_keys_of_a_form_are_objects_raw_or_encoded(body: bytes) -> None:
    assert bodies.nested_form(body) == {
        "response": {"score": "4", "text": None, "end_user_properties": {"plan": "Pro"}},
        "event_name": "created",
    }


def test_a_plus_that_nobody_encoded_comes_back() -> None:
    form = bodies.nested_form(
        b"mail=ann+nps@example.org&at=2031-08-04 13:57:26 +0200&text=a+b%2Bc&tags[]=x&tags[]=y"
    )

    assert form == {
        "mail": "ann+nps@example.org",
        "at": "2031-08-04 13:57:26+0200",
        "text": "a b+c",
        "tags": ["x", "y"],
    }


def test_an_address_within_a_comment_keeps_the_blank_before_it() -> None:
    form = bodies.nested_form(b"response[text]=Ask+bob@example.org&response[email]=ann+nps@example.org")

    assert form == {"response": {"text": "Ask bob@example.org", "email": "ann+nps@example.org"}}


@pytest.mark.parametrize(
    ("body", "meant"),
    [
        (b"a=1&a[b]=2", {"a": "1"}),
        (b"a[b]=2&a=1", {"a": {"b": "2"}}),
        (b"a[=1&]=2&[x]=3", {"a[": "1", "]": "2", "[x]": "3"}),
    ],
)
def test_keys_that_contradict_each_other_keep_the_first(body: bytes, meant: Any) -> None:
    assert bodies.nested_form(body) == meant


def test_a_form_of_too_many_fields_is_unusable() -> None:
    with pytest.raises(Unusable):
        bodies.nested_form(b"&".join(b"a%d=1" % n for n in range(3_000)))


def test_a_comma_too_many_is_an_error_where_nobody_asked_for_it() -> None:
    with pytest.raises(Unusable):
        bodies.json_of(b'{"a": 1,}')


_documents = st.recursive(
    st.integers(-5, 5) | st.text(max_size=3).filter(lambda text: "\x00" not in text),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


@settings(deadline=None)
@given(_documents)
def test_json_reads_what_json_writes(document: Any) -> None:
    assert bodies.json_of(json.dumps(document).encode()) == document


def test_the_values_of_a_form_are_the_bytes_that_were_meant() -> None:
    assert bodies.form_pairs(b"MSG=%7B%22a%22%3A+1%7D&HMAC=ab%FF&&=x&MSG=2") == [
        ("MSG", b'{"a": 1}'),
        ("HMAC", b"ab\xff"),
        ("MSG", b"2"),
    ]


def test_a_plain_form_keeps_its_names_as_they_are_written() -> None:
    assert bodies.plain_form(b"nps%5Bscore%5D=9&why=&who=ann%40example.org") == {
        "nps[score]": "9",
        "why": "",
        "who": "ann@example.org",
    }


@pytest.mark.parametrize(("body", "meant"), [(b' {"a": "1"}', {"a": "1"}), (b"a=1", {"a": "1"})])
def test_the_first_character_tells_json_from_a_form(body: bytes, meant: Any) -> None:
    assert bodies.json_or_form(body, form=bodies.plain_form) == meant


@pytest.mark.parametrize("body", [b"", b"  ", b"&&", b"=1", b'{"a'])
def test_what_is_neither_json_nor_a_form_is_unusable(body: bytes) -> None:
    with pytest.raises(Unusable):
        bodies.json_or_form(body, form=bodies.nested_form)
