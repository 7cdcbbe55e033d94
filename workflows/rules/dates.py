"""Triggers that time brings: a renewal in so many days, a date of an account that is reached.

Once a day, early in the workspace's morning, one event is recorded for each account, date and number of days that a rule
which is on asks for; each once, however often this runs. Days on which nobody looked are made up for as long as rules act
on what is past (`ACT_WITHIN`), so that a holiday of the server costs no renewal. Of an account that was imported after
such a day it is told as imported: nobody was late for it here.
"""

import datetime as dt
import logging
from collections.abc import Collection, Iterator, Sequence
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
from workflows.models import Rule
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

    def due(self, value: dt.date) -> dt.date:
        """The day on which the event of this date is due."""
        return value + dt.timedelta(days=self.offset)

    def cause(self, account: int, value: dt.date) -> str:
        return f"account:{account}:{self.field}:{value.isoformat()}:{self.offset}"

    def columns(
        self, account: int, value: dt.date, *, found_at: dt.datetime, zone: dt.tzinfo
    ) -> dict[str, Any]:
        """The event of an account whose date is this, found due at a time; without facts."""
        return {
            "kind": self.kind,
            "account_id": account,
            "contact_id": None,
            "actor_id": None,
            "subject_type": "account",
            "subject_id": account,
            "cause_key": self.cause(account, value),
            "origin": Origin.LIVE.value,
            "occurred_at": min(found_at, morning(self.due(value), zone)),
            "recorded_at": found_at,
            "data": self.data(value),
        }


def asked_by(rule: Rule) -> Asked | None:
    """What one rule asks for; None where it waits for no date, or does not say for which."""
    settings = rule.trigger_settings
    if rule.trigger == RENEWAL and isinstance(settings.get("days"), int):
        return Asked(RENEWAL, RENEWAL_FIELD, -settings["days"])
    if rule.trigger == DATE and settings.get("field"):
        return Asked(DATE, str(settings["field"]), int(settings.get("offset") or 0))
    return None


def asked() -> list[Asked]:
    """What the rules that are on ask for."""
    found = {one for judge in active.current().rules if (one := asked_by(judge.rule)) is not None}
    return sorted(found)


def found_on(
    one: Asked, value: dt.date, *, since: dt.datetime, until: dt.datetime | None, zone: dt.tzinfo
) -> dt.datetime | None:
    """When the looks of each morning find a date due that stood at the account from `since` to before `until`; None where
    they never do, as it stood there too late or not long enough."""
    due = one.due(value)
    day = max(due, since.astimezone(zone).date())
    if morning(day, zone) < since:
        day += dt.timedelta(days=1)
    look = morning(day, zone)
    return look if day < due + ACT_WITHIN and (until is None or look < until) else None


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
    wanted = {one.cause(pk, value): (pk, value) for pk, value in rows}
    causes = {key: key for key in wanted}
    values = dict(rows)
    merged = merged_into(values)
    for gone, survivor in merged.items():
        # The customer has had it already under the account that was merged away.
        causes[one.cause(gone, values[survivor])] = one.cause(survivor, values[survivor])
    told = Event.objects.filter(kind=one.kind, account__in=[*values, *merged])
    told = told.filter(cause_key__in=list(causes))
    for key in told.values_list("cause_key", flat=True):
        wanted.pop(causes[key], None)
    if not wanted:
        return 0
    accounts = Account.objects.in_bulk([pk for pk, _ in wanted.values()])
    facts = timeline.facts_of_many([(accounts[pk], None) for pk, _ in wanted.values()])
    zone, now = team_queries.zone(), clock.now()
    this_morning = morning(now.astimezone(zone).date(), zone)
    due = {pk: morning(one.due(value), zone) for pk, value in wanted.values()}
    late = [pk for pk, moment in due.items() if moment < this_morning]
    imported = brought_in("account", late, since=min(due.values())) if late else set()
    events = []
    for (pk, value), then in zip(wanted.values(), facts, strict=True):
        columns = one.columns(pk, value, found_at=now, zone=zone) | {"facts": then}
        if pk in imported:
            columns["origin"] = Origin.IMPORT.value
        events.append(timeline.draft(columns))
    timeline.record_many(events)
    return len(wanted)


def merged_into(accounts: Collection[int]) -> dict[int, int]:
    """The accounts that were merged into these, each with the one it lives on in; those merged into them before as well."""
    found: dict[int, int] = {}
    above = {pk: pk for pk in accounts}
    while above:
        rows = Account.objects.filter(merged_into__in=list(above)).values_list("pk", "merged_into_id")
        above = {pk: above[into] for pk, into in rows if into is not None and pk not in found}
        found |= above
    return found


def morning(day: dt.date, zone: dt.tzinfo) -> dt.datetime:
    """When a day is looked at."""
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
