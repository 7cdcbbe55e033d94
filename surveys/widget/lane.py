"""What decisions need from the database: the look at the visitor, and the count of the limits, in one round trip.

On PostgreSQL visitors who wait in this process are looked up together: a look costs the database little more for eight of
them than for one (bench/widget.py), and on a connection that the threads of the process share (core/hotline.py).
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core import hotline, ratelimit, roundtrip
from core.ratelimit import Verdict
from core.together import Together
from surveys.sql_dialect import is_postgresql
from surveys.widget import limits, queries
from surveys.widget.config import Config
from surveys.widget.identity import Person
from surveys.widget.queries import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Somebody to decide about. `due` are the buckets to count them in."""

    config: Config
    keys: Sequence[str]
    person: Person | None
    due: Mapping[str, int]
    now: dt.datetime


Found = tuple[Standing, Mapping[str, Verdict]]


def look_up(visit: Visit) -> Found:
    """How things stand with a visitor, and what the count of their request says."""
    if is_postgresql() and visit.person is not None and queries.is_grouped(visit.config):
        return _lane.submit(visit)
    look = queries.look_at(config=visit.config, keys=visit.keys, person=visit.person, now=visit.now)
    # The count last: its rows are the same for many and must not be held while the other is read.
    seen, counted = roundtrip.run(look.statement, _count(visit.due))
    return look.read(seen), _verdicts(visit.due, counted)


def _count(due: Mapping[str, int]) -> roundtrip.Statement:
    return ratelimit.taking_each(due, per_seconds=limits.PER_SECONDS)


def _verdicts(due: Mapping[str, int], rows: roundtrip.Rows) -> dict[str, Verdict]:
    return ratelimit.verdicts_of(due, rows, per_seconds=limits.PER_SECONDS)


def _together(visits: Sequence[Visit]) -> list[Found]:
    config, now = visits[0].config, visits[0].now
    due = {name: limit for visit in visits for name, limit in visit.due.items()}
    people = [(visit.person, visit.keys) for visit in visits if visit.person is not None]
    look = queries.look_at_many(config=config, people=people, now=now)
    with hotline_of_visitors.held():
        seen, counted = roundtrip.run(look.statement, _count(due))
    verdicts = _verdicts(due, counted)
    return [
        (
            look.read([row[1:] for row in seen if row[0] == number]),
            {name: verdicts[name] for name in visit.due},
        )
        for number, visit in enumerate(visits)
    ]


def _goes_with(others: Sequence[Visit], visit: Visit) -> bool:
    """Visitors of one widget; and no bucket twice, for one statement counts each once."""
    return all(one.config is visit.config and not one.due.keys() & visit.due.keys() for one in others)


hotline_of_visitors = hotline.Hotline()
_lane: Together[Visit, Found] = Together(_together, at_most=queries.GROUP, goes_with=_goes_with)
