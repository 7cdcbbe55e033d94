"""Signed words the browser carries between two requests: what it may show, what it has shown, and "nothing for you".

A ticket is ours alone to read and make; it holds numbers of rows and moments, nothing personal and no secret. It says
for which widget and which visitor it was made, so that it serves nobody else.
"""

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from django.core import signing


class Kind(StrEnum):
    OFFER = "offer"
    ASK = "ask"
    NOTHING = "nothing"
    TEST = "test"
    MESSAGE = "message"


MAX_LENGTH = 600


def seal(kind: Kind, values: Mapping[str, Any], *, now: dt.datetime) -> str:
    """A ticket of a kind over JSON values."""
    return _signer(kind).sign_object({**values, "t": int(now.timestamp())}, serializer=signing.JSONSerializer)


def read(kind: Kind, ticket: Any, *, now: dt.datetime, good_for: dt.timedelta) -> dict[str, Any] | None:
    """What a ticket of this kind holds, with its moment as `t`; None when it is not ours or too old."""
    if not isinstance(ticket, str) or not 0 < len(ticket) <= MAX_LENGTH:
        return None
    try:
        found: dict[str, Any] = _signer(kind).unsign_object(ticket, serializer=signing.JSONSerializer)
    except (signing.BadSignature, ValueError):
        return None
    age = now.timestamp() - found["t"]
    return found if -60 <= age <= good_for.total_seconds() else None


def _signer(kind: Kind) -> signing.Signer:
    return signing.Signer(salt=f"surveys.widget.{kind.value}")
