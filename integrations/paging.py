"""Walking through a list that is asked for by time and page number and that grows and moves while it is read.

Page numbers alone lose answers: one that is changed or deleted meanwhile moves all behind it by a place, and many lists end at
a certain page. So the walk goes by time: after a full page whose answers stand in order, it asks again from the last one's time
and page 1. Only answers of the same time are reached by page numbers. A list that keeps no order is read by page numbers.
Answers at the seams come twice; taking them in twice has no effect.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from integrations.contract import Unusable


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk stands: the time asked for in UNIX seconds, the page, and the ids of the page before."""

    since: int
    page: int = 1
    before: tuple[str, ...] = ()

    @classmethod
    def of(cls, cursor: Mapping[str, Any] | None, *, since: float) -> "Place":
        if not cursor:
            return cls(math.floor(since))
        return cls(int(cursor["since"]), int(cursor["page"]), tuple(cursor.get("before", ())))

    def cursor(self) -> dict[str, Any]:
        return {"since": self.since, "page": self.page, "before": list(self.before)}


def onward(
    place: Place,
    rows: Sequence[tuple[str, float | None]],
    *,
    size: int,
    host: str,
    max_pages: int | None = None,
    back: int = 0,
    is_short_end: bool = True,
) -> tuple[Place | None, str]:
    """The place after a page of `rows` (id, time), or None at the end; and a note for the log, mostly empty.

    `back` seconds are read again at each step, for lists of which it is not known whether they include the time asked for.
    `is_short_end`: a page with fewer than `size` rows is the last. Otherwise only an empty one is, or a short one that comes
    again. Raises `Unusable` for a full page that comes again, and for a list without order that is longer than its pages.
    """
    if not rows:
        return None, ""
    ids = tuple(row[0] for row in rows)
    comes_again = place.page > 1 and ids == place.before
    if len(rows) < size and (is_short_end or comes_again):
        return None, ""
    if comes_again:
        raise Unusable(f"{host} sent the same page twice. Nothing was lost; the run goes on from this page.")
    times = [row[1] for row in rows if row[1] is not None]
    is_ordered = len(times) == len(rows) and all(a <= b for a, b in pairwise(times))
    if is_ordered and times[0] >= place.since - 1 - back:
        following = math.floor(times[-1]) - back
        if following > place.since:
            return Place(following, 1, ids), ""
        if max_pages is not None and place.page >= max_pages:
            note = f"{host} lists at most {max_pages * size:,} answers of the same moment; more of them cannot be read."
            return Place(place.since + 1, 1, ids), note
    if max_pages is not None and place.page >= max_pages:
        raise Unusable(
            f"{host} lists its answers without order and ends after {max_pages} pages. Choose a shorter history."
        )
    return Place(place.since, place.page + 1, ids), ""
