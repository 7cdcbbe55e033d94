"""The bodies of deliveries, read strictly: what a system sends to our door is signed at best, and never trusted."""

from typing import Any
from urllib.parse import unquote_to_bytes

from core.api_wire import Malformed, read_json
from integrations.contract import Delivery, Unusable

_MOST_FIELDS = 1_000


def json_of(delivery: Delivery) -> Any:
    """The body as JSON, whatever its content type says. Raises `Unusable` for what is none or what parsers disagree about."""
    return json_from(delivery.body)


def json_from(raw: bytes) -> Any:
    """`raw` as JSON by the rules of core.api_wire. Raises `Unusable`."""
    try:
        return read_json(raw)
    except Malformed as error:
        raise Unusable(error.message) from None


def form_of(delivery: Delivery) -> list[tuple[str, bytes]]:
    """The fields of a form in order, names decoded, values as the bytes that were meant: signatures are made over those.

    Raises `Unusable` for more fields than any form has.
    """
    pieces = delivery.body.split(b"&", _MOST_FIELDS)
    if len(pieces) > _MOST_FIELDS:
        raise Unusable(f"The form has more than {_MOST_FIELDS:,} fields.")
    fields = []
    for piece in pieces:
        name, _, value = piece.partition(b"=")
        if name:
            fields.append((_plain(name).decode("utf-8", "replace"), _plain(value)))
    return fields


def _plain(piece: bytes) -> bytes:
    return unquote_to_bytes(piece.replace(b"+", b" "))
