"""Proofs of who sent a delivery."""

import base64
import hashlib
import hmac

import pytest

from integrations import signatures

OLD = hmac.digest(b"old", b"body", "sha1")


def is_signed(said: str, *secrets: str, encoding: signatures.Encoding = "hex") -> bool:
    return signatures.is_signed(
        b"body", said, secrets=secrets, digest="sha1", prefix="sha1=", encoding=encoding
    )


def test_a_signature_holds_for_any_secret_given_and_for_no_empty_one() -> None:
    made = "sha1=" + hmac.new(b"old", b"body", hashlib.sha1).hexdigest()
    of_nothing = "sha1=" + hmac.new(b"", b"body", hashlib.sha1).hexdigest()

    assert is_signed(made, "new", "old")
    assert is_signed(f" sha1={OLD.hex().upper()} ", "old")
    assert not is_signed(made, "new")
    assert not is_signed(made)
    assert not is_signed(made.removeprefix("sha1="), "old")
    assert not is_signed(of_nothing, "")
    assert not is_signed("", "old")
    assert not is_signed("sha1=", "old")
    assert not is_signed("sha1=ü\ud800", "old")


def test_a_signature_may_be_written_as_base64_and_then_its_case_counts() -> None:
    made = "sha1=" + base64.b64encode(OLD).decode()

    assert is_signed(made, "old", encoding="base64")
    assert not is_signed(made.lower(), "old", encoding="base64")
    assert not is_signed(f"sha1={OLD.hex()}", "old", encoding="base64")


def test_a_token_is_one_of_several_and_never_an_empty_one() -> None:
    assert signatures.is_one_of("b", ["a", "b"])
    assert not signatures.is_one_of("c", ["a", "b"])
    assert not signatures.is_one_of("", [""])
    assert not signatures.is_one_of("\ud800", ["a"])


@pytest.mark.parametrize(
    ("header", "said"),
    [("Basic " + base64.b64encode(b"ann:pa:ss").decode(), "ann:pa:ss"), ("basic YTpi ", "a:b"), ("Basic ???", ""), ("Basic /w==", ""),
     ("Bearer YTpi", ""), ("", "")],
)  # fmt: skip
def test_user_and_password_are_read_from_their_header(header: str, said: str) -> None:
    assert signatures.basic_of(header) == said


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("Bearer t0ken", "t0ken"),
        ("bearer  t0ken ", "t0ken"),
        ("t0ken", ""),
        ("Bearer ", ""),
        ("Basic YTpi", ""),
    ],
)
def test_a_token_is_read_from_its_header(header: str, said: str) -> None:
    assert signatures.bearer_of(header) == said
