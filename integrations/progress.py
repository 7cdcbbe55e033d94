"""How much of a window has been read, by the days of its answers: for sources that do not say how many answers there are.

Nothing is said of a list that keeps no order, nor before a second page showed which way it goes.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any


class Way(StrEnum):
    """The order of a list's pages in time."""

    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"
    NONE = "none"


def read_on(days: Mapping[str, Any], times: Sequence[dt.datetime]) -> dict[str, Any]:
    """What is known of the days read so far, with those of one page more; plain values that JSON keeps."""
    if not times:
        return dict(days)
    low, high = min(times).timestamp(), max(times).timestamp()
    if not days:
        return {"from": [low, high], "at": [low, high], "way": Way.UNKNOWN.value}
    low_before, high_before = days["at"]
    way = Way.NONE
    if (low, high) == (low_before, high_before):
        way = Way(days["way"])
    elif low >= low_before and high >= high_before:
        way = Way.UP
    elif low <= low_before and high <= high_before:
        way = Way.DOWN
    if Way(days["way"]) not in {Way.UNKNOWN, way}:
        way = Way.NONE
    return {**days, "at": [low, high], "way": way.value}


def share(days: Mapping[str, Any], *, since: dt.datetime | None, until: dt.datetime) -> float | None:
    """The part of the window that was read, 0 to 1; None where the days do not tell."""
    way = Way(days.get("way", Way.UNKNOWN))
    if way is Way.UP:
        start, at, end = days["from"][0], days["at"][1], until.timestamp()
    elif way is Way.DOWN and since is not None:
        start, at, end = days["from"][1], days["at"][0], since.timestamp()
    else:
        return None
    return min(max((at - start) / (end - start), 0.0), 1.0) if start != end else None
