"""Who a visitor is: only what the host's server has signed."""

import contextlib
import datetime as dt
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surveys.widget.identity import Person, Untrusted, sign, verify

NOW = dt.datetime(2026, 3, 17, 10, tzinfo=dt.UTC)
SECRET, OTHER = "ws_" + "a" * 40, "ws_" + "b" * 40
SOON = int(NOW.timestamp()) + 600


def who(claimed: Any, *secrets: str, key: str = "wk_1") -> Person | None:
    return verify(claimed, key=key, secrets=secrets or (SECRET,), now=NOW)


def token(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> dict[str, str]:
    claims = {"sub": "u-1", "exp": SOON} | claims
    return {
        "token": jwt.encode({k: v for k, v in claims.items() if v is not None}, secret, algorithm=algorithm)
    }


def refused(claimed: Any, *secrets: str) -> str:
    with pytest.raises(Untrusted) as error:
        who(claimed, *secrets)
    assert error.value.message.endswith(".")
    return error.value.code


def test_nobody_claimed_is_a_stranger() -> None:
    assert who(None) is None
    assert who({}) is None


def test_a_signed_id_is_believed_and_proves_the_id_alone() -> None:
    found = who(
        {"id": "u-1", "signature": sign("u-1", SECRET), "email": "boss@shop.example", "account": "A-1"}
    )

    assert found == Person(external_id="u-1")


@pytest.mark.parametrize(
    ("claimed", "code"),
    [
        ({"id": "u-1"}, "unsigned"),
        ({"id": "u-1", "signature": ""}, "unsigned"),
        ({"id": "u-1", "signature": sign("u-2", SECRET)}, "forged"),
        ({"id": "u-1", "signature": sign("u-1", OTHER)}, "forged"),
        ({"id": "u-1", "signature": "0" * 64}, "forged"),
        ({"id": "u-1", "signature": "ü" * 64}, "forged"),
        ({"id": "u-1", "signature": 7}, "forged"),
        ({"id": "", "signature": "x"}, "malformed"),
        ({"id": "u" * 121, "signature": "x"}, "malformed"),
        ({"id": {"$ne": 1}, "signature": "x"}, "malformed"),
        ("u-1", "malformed"),
        ({"token": "a.b"}, "malformed"),
        ({"token": "x" * 4001}, "malformed"),
        ({"token": 7}, "malformed"),
    ],
)
def test_what_is_not_signed_is_refused_with_a_reason(claimed: Any, code: str) -> None:
    assert refused(claimed) == code


def test_a_token_vouches_for_what_is_inside() -> None:
    found = who(token(email="ida@fjord.example", name="Ida Berg", account="A-1"))

    assert found == Person(external_id="u-1", email="ida@fjord.example", name="Ida Berg", account="A-1")


@pytest.mark.parametrize(
    ("claimed", "code"),
    [
        (token(OTHER), "forged"),
        (token(exp=int(NOW.timestamp()) - 61), "expired"),
        (token(exp=None), "no_expiry"),
        (token(exp="tomorrow"), "malformed"),
        (token(nbf=SOON), "not_yet"),
        (token(aud="wk_2"), "other_widget"),
        (token(sub=None), "malformed"),
        (token(sub=""), "malformed"),
        (token(algorithm="HS512"), "algorithm"),
        (token("", algorithm="none"), "algorithm"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_token_that_proves_nothing_is_refused(claimed: Any, code: str) -> None:
    assert refused(claimed) == code


def test_a_token_for_this_widget_may_say_so() -> None:
    assert who(token(aud="wk_1")) == Person(external_id="u-1")
    assert who(token(aud=["wk_1", "other"])) == Person(external_id="u-1")


def test_while_secrets_rotate_both_count() -> None:
    signed = {"id": "u-1", "signature": sign("u-1", OTHER)}

    assert who(signed, SECRET, OTHER) == Person(external_id="u-1")
    assert refused(signed, SECRET) == "forged"
    assert who(token(OTHER), SECRET, OTHER) == Person(external_id="u-1")


def test_without_any_secret_nobody_is_believed() -> None:
    with pytest.raises(Untrusted):
        verify(token(), key="wk_1", secrets=(), now=NOW)


@settings(max_examples=40, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_nothing_a_browser_can_say_breaks_it(said: Any) -> None:
    for claimed in (said, {"token": said}, {"id": said, "signature": said}):
        with contextlib.suppress(Untrusted):
            assert verify(claimed, key="wk_1", secrets=(SECRET,), now=NOW) is None
