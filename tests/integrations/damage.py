"""Payloads gone wrong, from a fixed list of what goes wrong: parts missing, nulls, texts for numbers, lists for objects.

Cheap to draw, so that many are tried; tests/integrations/mutations.py draws any value at all.
"""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

ODD: list[Any] = [
    None, "", " ", 0, -1, 7, 7.5, 10**400, float("nan"), True, "x", "0", "11", "9.0", [], {}, [None], [[]], [{}], {"": None},
    {"values": None}, ["a", 1], "2031-02-30T10:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "\x00",
]  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield (*path, key)
            yield from _places(each, (*path, key))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield (*path, place)
            yield from _places(each, (*path, place))


@st.composite
def damaged(draw: st.DrawFn, payload: Any) -> Any:
    """`payload` with up to four of its parts replaced by something odd, or taken out."""
    changed = copy.deepcopy(payload)
    for _ in range(draw(st.integers(1, 4))):
        places = list(_places(changed))
        if not places:
            break
        *path, last = draw(st.sampled_from(places))
        holder = changed
        for step in path:
            holder = holder[step]
        if draw(st.booleans()):
            holder[last] = copy.deepcopy(draw(st.sampled_from(ODD)))
        else:
            del holder[last]
    return changed
