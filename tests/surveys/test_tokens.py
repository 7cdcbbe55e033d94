"""Links in mails: what they open, and that nothing else does."""

import datetime as dt

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from surveys import tokens
from surveys.tokens import Purpose

NOW = dt.datetime(2026, 3, 17, 10, 0, tzinfo=dt.UTC)


@given(ident=st.integers(0, 2**63 - 1), purpose=st.sampled_from(list(Purpose)))
def test_a_token_is_read_for_its_purpose_alone(ident: int, purpose: Purpose) -> None:
    token = tokens.make(purpose, ident)

    assert tokens.read(purpose, token) == ident
    assert all(tokens.read(other, token) is None for other in Purpose if other is not purpose)


def test_tokens_are_short_enough_for_a_path_and_long_enough_for_chance() -> None:
    token = tokens.make(Purpose.UNSUBSCRIBE, 10**12)

    assert len(f"/u/{token}/") < 60
    assert len(token) - len(tokens._base36(10**12)) == 22  # 22 letters of 6 bits: 132 bits


@given(st.data())
def test_a_changed_letter_makes_a_token_unknown(data: st.DataObject) -> None:
    token = tokens.make(Purpose.ANSWER, 4711)
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("aZ09-_./%\u0000é").filter(lambda c: c != token[at]))

    assert tokens.read(Purpose.ANSWER, token[:at] + letter + token[at + 1 :]) is None


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "../../etc",
        "'",
        "%00",
        "0" * 22,
        "1" * 500,
        "é" * 30,
        tokens.make(Purpose.ANSWER, 7).swapcase(),
    ],
    ids=["empty", "short", "path", "quote", "nul", "only-mac", "long", "letters", "case-flipped"],
)
def test_strange_tokens_are_unknown(token: str) -> None:
    assert tokens.read(Purpose.ANSWER, token) is None


def test_a_leading_zero_makes_no_second_token_of_the_same_row() -> None:
    token = tokens.make(Purpose.ANSWER, 7)

    assert tokens.read(Purpose.ANSWER, "0" + token) is None


def test_links_survive_a_new_key_while_the_old_one_is_a_fallback() -> None:
    with override_settings(SECRET_KEY="old" * 20):
        token, nonce = tokens.make(Purpose.ANSWER, 7), tokens.make_nonce("t", NOW)

    with override_settings(SECRET_KEY="new" * 20, SECRET_KEY_FALLBACKS=["old" * 20]):
        assert tokens.read(Purpose.ANSWER, token) == 7
        assert tokens.read_nonce("t", nonce) == NOW
        assert tokens.make(Purpose.ANSWER, 7) != token
    with override_settings(SECRET_KEY="new" * 20):
        assert tokens.read(Purpose.ANSWER, token) is None


def test_a_nonce_tells_when_the_page_of_its_token_was_made() -> None:
    nonce = tokens.make_nonce("token", NOW)

    assert tokens.read_nonce("token", nonce) == NOW
    assert tokens.read_nonce("other", nonce) is None
    assert tokens.read_nonce("token", nonce[:-1] + ("a" if nonce[-1] != "a" else "b")) is None
    assert tokens.read_nonce("token", "") is None
