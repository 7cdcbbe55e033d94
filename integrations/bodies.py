"""The bodies of deliveries: JSON, and forms in the three ways that systems mean them.

Read strictly: what comes to our door is signed at best, and never trusted. What cannot be read is `Unusable`, in words that
do not quote it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import unquote_to_bytes

from core.api_wire import Malformed, read_json
from integrations.contract import Unusable

MAX_FORM_FIELDS = 2_000
MAX_FORM_LEVELS = 8
_BEFORE_TEXT = b"\xef\xbb\xbf \t\r\n"


# --- Either --------------------------------------------------------------------------------------------------
def is_json(body: bytes) -> bool:
    """Whether it begins as JSON does; content types are often wrong."""
    return body.lstrip(_BEFORE_TEXT)[:1] in {b"{", b"["}


def json_or_form(
    body: bytes, *, form: Callable[[bytes], Mapping[str, Any]], trailing_commas: bool = False
) -> Any:
    """The body as JSON, or as a form read by `form`, told by its first character. Raises `Unusable`."""
    if is_json(body):
        return json_of(body, trailing_commas=trailing_commas)
    found = form(body) if body.strip() else {}
    if not found:
        raise Unusable("The delivery is neither JSON nor a form.")
    return found


def is_readable(body: bytes) -> bool:
    """Whether some system could read it, whatever it means: valid JSON, a form, or nothing at all."""
    if not is_json(body):
        return not body or b"=" in body
    try:
        json_of(body, trailing_commas=True)
    except Unusable:
        return False
    return True


# --- JSON ----------------------------------------------------------------------------------------------------
def json_of(body: bytes, *, trailing_commas: bool = False) -> Any:
    """JSON by the rules of core.api_wire. `trailing_commas` allows a comma before a closing bracket, which the examples of
    some makers have. Raises `Unusable` for everything else that parsers disagree about."""
    try:
        return read_json(body)
    except Malformed as error:
        trouble = error.message
    if trailing_commas:
        try:
            mended = _TRAILING_COMMA.sub(lambda found: found.group(1) or "", body.decode("utf-8-sig"))
            return read_json(mended.encode())
        except (Malformed, UnicodeDecodeError):
            pass
    raise Unusable(trouble)


# A whole string (kept, closed or not), or a comma that nothing follows.
_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*+(?:"|\Z|\\\Z))|,(?=\s*[}\]])', re.DOTALL)


# --- Forms ---------------------------------------------------------------------------------------------------
def form_pairs(body: bytes) -> list[tuple[str, bytes]]:
    """The fields in order, names decoded, values as the bytes that were meant: signatures are made over those.

    Raises `Unusable` for more fields than any form has.
    """
    pieces = body.lstrip(_BEFORE_TEXT).split(b"&", MAX_FORM_FIELDS)
    if len(pieces) > MAX_FORM_FIELDS:
        raise Unusable(f"The form has more than {MAX_FORM_FIELDS:,} fields.")
    fields = []
    for piece in pieces:
        name, _, value = piece.partition(b"=")
        if name:
            fields.append((_unquoted(name).decode("utf-8", "replace"), _unquoted(value)))
    return fields


def _unquoted(piece: bytes) -> bytes:
    return unquote_to_bytes(piece.replace(b"+", b" "))


def plain_form(body: bytes) -> dict[str, str]:
    """The fields under their names as they are written, as texts; of those given twice the last. Raises `Unusable`."""
    try:
        body.decode()
    except UnicodeDecodeError:
        raise Unusable("The form is not written in UTF-8.") from None
    return {name: value.decode("utf-8", "replace") for name, value in form_pairs(body)}


def nested_form(body: bytes) -> dict[str, Any]:
    """A form whose names have brackets as a nested object: `response[score]=4` is {"response": {"score": "4"}}.

    Brackets may come percent-encoded or raw; an empty value is None; of names that contradict each other the first holds.
    Values that hold an unencoded plus (offsets of times, addresses in a field for them) get it back. Raises `Unusable`.
    """
    found: dict[str, Any] = {}
    for name, value in form_pairs(body):
        parts = _parts(name)
        is_mail = "mail" in parts[-1].lower() or parts[-1] == "external_id"
        said = _mended(value.decode("utf-8", "replace").strip(), is_mail=is_mail)
        _put(found, parts, said or None)
    return found


def _parts(name: str) -> list[str]:
    head, bracket, rest = name.partition("[")
    if not head or not bracket or not rest.endswith("]"):
        return [name]
    return [head, *rest[:-1].split("][")][:MAX_FORM_LEVELS]


def _put(into: dict[str, Any], parts: Sequence[str], value: str | None) -> None:
    for part, following in pairwise(parts):
        if following == "":  # a list: tags[]=a&tags[]=b
            entries = into.setdefault(part, [])
            if isinstance(entries, list):
                entries.append(value)
            return
        inner = into.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        into = inner
    into.setdefault(parts[-1], value)


_LOST_PLUS_OF_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?) +(\d{2}:?\d{2})")
_LOST_PLUS_OF_MAIL = re.compile(r"[^\s@]+ [^\s@]+@[^\s@]+\.[^\s@]+")


def _mended(value: str, *, is_mail: bool) -> str:
    time = _LOST_PLUS_OF_TIME.fullmatch(value)
    if time:
        return f"{time.group(1)}+{time.group(2)}"
    return value.replace(" ", "+") if is_mail and _LOST_PLUS_OF_MAIL.fullmatch(value) else value
