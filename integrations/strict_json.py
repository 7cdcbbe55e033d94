"""JSON from strangers: what two readers could read in two ways is not read at all."""

import json
from typing import Any

MAX_DEPTH = 100
MAX_DIGITS = 40


class NotStrict(ValueError):
    """Not JSON, or JSON that is ambiguous: keys twice, NaN, numbers and nesting without measure."""


def loads(body: bytes) -> Any:
    """The document. Raises `NotStrict` whose text says what is wrong with it, without quoting it."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotStrict("It is not written in UTF-8.") from None
    if _depth(text) > MAX_DEPTH:
        raise NotStrict(f"It is nested deeper than {MAX_DEPTH} levels.")
    try:
        return json.loads(
            text, object_pairs_hook=_once, parse_constant=_no_constant, parse_int=_integer, parse_float=_float
        )
    except NotStrict:
        raise
    except (ValueError, RecursionError):
        raise NotStrict("It is not valid JSON.") from None


def _depth(text: str) -> int:
    """The deepest nesting of brackets, at least; brackets within texts only make it larger."""
    deepest = depth = 0
    inside = escaped = False
    for char in text:
        if inside:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                inside = False
        elif char == '"':
            inside = True
        elif char in "[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                return deepest
        elif char in "]}":
            depth -= 1
    return deepest


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NotStrict("A key stands in it twice.")
    return found


def _no_constant(_: str) -> Any:
    raise NotStrict("It holds NaN or Infinity, which are no JSON.")


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise NotStrict("It holds a number without measure.")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if len(text) > MAX_DIGITS * 2 or value in (float("inf"), float("-inf")):
        raise NotStrict("It holds a number without measure.")
    return value
