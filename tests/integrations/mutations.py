"""Payloads gone wrong: any part of a good one missing, replaced or wrapped, for parsers that must not fall over."""

import copy
from typing import Any

from hypothesis import strategies as st

ODD: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["", " ", "\x00", "\ud800", "7.5", "9", "2031-99-99", "0001-01-01T00:00:00+14:00", "NaN", "{", "[]"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += _paths(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += _paths(inner, (*path, index))
    return found


@st.composite
def mutated(draw: st.DrawFn, payload: Any) -> Any:
    """`payload` with up to three of its parts replaced by something odd or taken out."""
    made = copy.deepcopy(payload)
    for _ in range(draw(st.integers(1, 3))):
        paths = _paths(made)
        if not paths:
            break
        *way, last = draw(st.sampled_from(paths))
        holder = made
        for step in way:
            holder = holder[step]
        if draw(st.booleans()):
            holder[last] = draw(ODD)
        elif isinstance(holder, dict):
            del holder[last]
        else:
            holder.pop(last)
    return made
