"""Triggers that time brings: a renewal in so many days, a date of an account that is reached.

Once a day, early in the workspace's morning, one event is recorded for each account, date and number of days that a rule
which is on asks for; each once, however often this runs. Days on which nobody looked are made up for as long as rules act
on what is past (`ACT_WITHIN`), so that a holiday of the server costs no renewal. Of an account that was imported after
such a day it is told as imported: nobody was late for it here.
"""

import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from accounts import segments, timeline
from accounts.conditions import as_date
from accounts.domain import Origin
from accounts.models import Account, Event
from core import clock, jobs
from team import queries as team_queries
from workflows.rules import active
from workflows.rules.bringing import brought_in
from workflows.rules.domain import ACT_WITHIN
from workflows.rules.triggers import DATE, RENEWAL

logger = logging.getLogger(__name__)

JOB = "workflows.dates"
MORNING = dt.time(6)
CHUNK = 2_000
RENEWAL_FIELD = "renewal_on"


@dataclass(frozen=True, slots=True, order=True)
class Asked:
    """An event of `kind` on the day that lies `offset` days after the date in `field` (before it where negative)."""

    kind: str
    field: str
    offset: int

    def data(self, value: dt.date) -> dict[str, Any]:
        if self.kind == RENEWAL:
            return {"days": -self.offset, "renewal_on": value.isoformat()}
        return {"field": self.field, "offset": self.offset, "date": value.isoformat()}


def asked() -> list[Asked]:
    """What the rules that are on ask for."""
    found = set()
    for judge in active.current().rules:
        settings = judge.rule.trigger_settings
        if judge.rule.trigger == RENEWAL and isinstance(settings.get("days"), int):
            found.add(Asked(RENEWAL, RENEWAL_FIELD, -settings["days"]))
        elif judge.rule.trigger == DATE and settings.get("field"):
            found.add(Asked(DATE, str(settings["field"]), int(settings.get("offset") or 0)))
    return sorted(found)


def record_due(day: dt.date, one: Asked) -> int:
    """Record the events of one date and offset that are due on `day` or were in the days before; returns how many."""
    known = segments.fields_for("account").get(one.field)
    if known is None:
        logger.warning("A rule waits for a date that accounts no longer have: %s", one.field)
        return 0
    shift = dt.timedelta(days=one.offset)
    first, last = day - ACT_WITHIN + dt.timedelta(days=1) - shift, day - shift
    accounts: QuerySet[Account] = Account.objects.live()
    if known.annotate is not None:
        accounts = known.annotate(accounts)
    # Dates in custom fields are ISO texts, which sort as the dates do.
    low, high = (value.isoformat() if one.field.startswith("custom.") else value for value in (first, last))
    due = accounts.filter(**{f"{known.path}__gte": low, f"{known.path}__lte": high}).annotate(
        due_value=F(known.path)
    )
    rows = [
        (pk, value)
        for pk, raw in due.order_by("pk").values_list("pk", "due_value")
        if (value := as_date(raw, dt.UTC)) is not None
    ]
    return sum(_record(chunk, one) for chunk in _chunks(rows))


def _chunks(rows: Sequence[tuple[int, dt.date]]) -> Iterator[Sequence[tuple[int, dt.date]]]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


@transaction.atomic
def _record(rows: Sequence[tuple[int, dt.date]], one: Asked) -> int:
    wanted = {f"account:{pk}:{one.field}:{value.isoformat()}:{one.offset}": (pk, value) for pk, value in rows}
    told = Event.objects.filter(kind=one.kind, account__in=[pk for pk, _ in rows], cause_key__in=list(wanted))
    for key in told.values_list("cause_key", flat=True):
        wanted.pop(key, None)
    if not wanted:
        return 0
    accounts = Account.objects.in_bulk([pk for pk, _ in wanted.values()])
    facts = timeline.facts_of_many([(accounts[pk], None) for pk, _ in wanted.values()])
    zone = team_queries.zone()
    now = clock.now()
    earliest = min(value for _, value in wanted.values()) + dt.timedelta(days=one.offset)
    this_morning = _morning(now.astimezone(zone).date(), zone)
    late = [pk for pk, value in wanted.values() if _due(value, one, zone) < this_morning]
    imported = brought_in("account", late, since=_morning(earliest, zone)) if late else set()
    timeline.record_many(
        [
            Event(
                kind=one.kind,
                account_id=pk,
                subject_type="account",
                subject_id=pk,
                cause_key=key,
                origin=Origin.IMPORT if pk in imported else Origin.LIVE,
                occurred_at=min(now, _due(value, one, zone)),
                data=one.data(value),
                facts=then,
            )
            for (key, (pk, value)), then in zip(wanted.items(), facts, strict=True)
        ]
    )
    return len(wanted)


def _due(value: dt.date, one: Asked, zone: dt.tzinfo) -> dt.datetime:
    return _morning(value + dt.timedelta(days=one.offset), zone)


def _morning(day: dt.date, zone: dt.tzinfo) -> dt.datetime:
    return dt.datetime.combine(day, MORNING, tzinfo=zone).astimezone(dt.UTC)


def run(day: dt.date) -> int:
    """Record everything that is due on this day; returns how many events."""
    return sum(record_due(day, one) for one in asked())


def register() -> None:
    @jobs.handler(JOB, long=True)
    def work(job: jobs.JobContext) -> None:
        day = dt.date.fromisoformat(str(job.payload["day"]))
        every = asked()
        for number, one in enumerate(every):
            record_due(day, one)
            job.report(number + 1, len(every))

    def submit(day: dt.date) -> None:
        jobs.submit(JOB, payload={"day": day.isoformat()}, key=f"{JOB}:{day.isoformat()}")

    jobs.daily(JOB, at=MORNING, zone=lambda: team_queries.workspace().time_zone, func=submit)
