"""What nobody recorded because no rule that was on asked for it: dates that came, thresholds that were crossed.

They follow from what was known at each time: the tracked changes of accounts, and the points of metrics in the order in
which they were stored. Each is found by the function that finds it when it happens, and becomes the event that would have
been recorded, with the facts of the account as they were then; it is not stored. What the log holds is left out here.
"""

import datetime as dt
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any

from django.db.models import F
from django.db.models.fields.json import KeyTransform

from accounts import segments, timeline
from accounts.conditions import as_date
from accounts.domain import Origin
from accounts.models import Account, Event, Metric, MetricPoint
from accounts.services import metric_events
from accounts.services.metric_events import Recorded
from team import queries as team_queries
from workflows.health import then as health
from workflows.models import Rule
from workflows.rules import dates
from workflows.rules.bringing import UNSEEN
from workflows.rules.domain import ACT_WITHIN
from workflows.rules.judging import IMPORTED
from workflows.rules.triggers import CROSSED, DATE, RENEWAL, threshold_of

REBUILT = frozenset({RENEWAL, DATE, CROSSED})
"""The triggers whose causes follow from history."""
CHUNK = 2_000
CUSTOM = timeline.CUSTOM_FACTS["account"]
HEALTH_FACTS = frozenset({"health.band", "health.score"})


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that would have been told at a time: of which account, and the event but for its facts."""

    at: dt.datetime
    account_id: int
    columns: dict[str, Any]

    @property
    def known_at(self) -> dt.datetime:
        """When the event would have been recorded, with the facts of that moment."""
        found: dt.datetime = self.columns["recorded_at"]
        return found

    @property
    def since(self) -> dt.datetime:
        """When it happened."""
        found: dt.datetime = self.columns["occurred_at"]
        return found


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """An event that would have been recorded, and when a rule would have heard of it. What the `unsure` facts were at that
    moment is not known."""

    at: dt.datetime
    event: Event
    unsure: frozenset[str]


class Past:
    """The causes of a rule within a window that are not in the log, in the order in which they became known."""

    def __init__(
        self,
        rule: Rule,
        *,
        since: dt.datetime,
        until: dt.datetime,
        as_if_live: bool = False,
        keep_alive: Callable[[], object] = lambda: None,
    ) -> None:
        """With `as_if_live`, values that were sent late count for when they were observed. `keep_alive` is called now and
        then."""
        self.keep_alive = keep_alive
        self._moved: dict[int, int] = {}
        self._causes: list[Cause] = []
        if rule.trigger not in REBUILT:
            return
        self._moved = _survivors()
        first: dict[str, Cause] = {}
        for cause in _causes(rule, until, as_if_live, keep_alive):
            if not since <= cause.at < until:
                continue
            key = cause.columns["cause_key"]
            if key not in first or cause.at < first[key].at:
                first[key] = cause
        for key in _told(rule, since, until):
            first.pop(key, None)
        self._causes = sorted(first.values(), key=lambda one: (one.at, one.account_id))

    def between(self, first: dt.datetime, last: dt.datetime) -> "Iterator[Rebuilt]":
        """Those that became known from `first` to before `last`, as events."""
        begin, end = (bisect_left(self._causes, moment, key=lambda one: one.at) for moment in (first, last))
        for start in range(begin, end, CHUNK):
            self.keep_alive()
            chunk = self._causes[start : min(start + CHUNK, end)]
            stand = [self._moved.get(one.account_id, one.account_id) for one in chunk]
            living = set(Account.objects.filter(pk__in=stand).values_list("pk", flat=True))
            facts = facts_then([(one.account_id, one.known_at) for one in chunk])
            imports = _imports_of(chunk)
            for cause, account, (then, unsure) in zip(chunk, stand, facts, strict=True):
                if account in living:
                    event = timeline.draft(cause.columns | {"account_id": account, "facts": then})
                    if any(
                        cause.since - UNSEEN <= moment < cause.known_at
                        for moment in imports[cause.account_id]
                    ):
                        event.origin = Origin.IMPORT.value
                    yield Rebuilt(cause.at, event, unsure)


def _imports_of(causes: Sequence[Cause]) -> dict[int, list[dt.datetime]]:
    """When something of these accounts was imported or brought in, where a date was found late and that may be why."""
    late = [one for one in causes if one.since < one.known_at and one.columns["kind"] != CROSSED]
    found: dict[int, list[dt.datetime]] = defaultdict(list)
    if late:
        told = Event.objects.filter(
            origin__in=IMPORTED,
            account__in={one.account_id for one in late},
            recorded_at__gte=min(one.since for one in late) - UNSEEN,
        )
        for account, moment in told.order_by().values_list("account_id", "recorded_at"):
            found[account].append(moment)
    return found


def is_large(rule: Rule, number: int) -> bool:
    """Whether there are more than so many rows of history to read."""
    rows: Any = None
    if rule.trigger in {RENEWAL, DATE}:
        rows = Account.history.order_by()
    elif rule.trigger == CROSSED:
        rows = MetricPoint.objects.filter(metric__key=str(rule.trigger_settings.get("metric"))).order_by()
    return rows is not None and len(rows.values_list("pk")[: number + 1]) > number


def _causes(
    rule: Rule, until: dt.datetime, as_if_live: bool, keep_alive: Callable[[], object]
) -> Iterator[Cause]:
    if rule.trigger == CROSSED:
        return _crossings(rule, until, as_if_live, keep_alive)
    asked = dates.asked_by(rule)
    return iter(()) if asked is None else _dates(asked, until, keep_alive)


def _told(rule: Rule, since: dt.datetime, until: dt.datetime) -> Iterator[str]:
    """The causes of the window that the log holds; each may have happened some days before it became known."""
    told = Event.objects.filter(kind=rule.trigger, occurred_at__gte=since - ACT_WITHIN, occurred_at__lt=until)
    return told.order_by().values_list("cause_key", flat=True).iterator(chunk_size=CHUNK)


def _survivors() -> dict[int, int]:
    """Where accounts that were merged away live on."""
    into = dict(Account.objects.filter(merged_into__isnull=False).values_list("pk", "merged_into_id"))
    found = {}
    for pk in into:
        last, seen = pk, {pk}
        while (above := into.get(last)) is not None and above not in seen:
            last = above
            seen.add(above)
        found[pk] = last
    return found


# --- Dates ---------------------------------------------------------------------------------------------------
def _dates(asked: dates.Asked, until: dt.datetime, keep_alive: Callable[[], object]) -> Iterator[Cause]:
    """Each date that stood at an account on a morning on which it was due, once for accounts that were one by then."""
    merges: list[_Merge] = []
    found = list(_due_dates(asked, until, keep_alive, merges))
    of_gone: dict[tuple[int, dt.date], dt.datetime] = {}
    gone = {one.gone for one in merges}
    for value, cause in found:
        if cause.account_id in gone:
            key = (cause.account_id, value)
            of_gone[key] = min(cause.at, of_gone.get(key, cause.at))
    into: dict[int, list[_Merge]] = defaultdict(list)
    for one in merges:
        into[one.survivor].append(one)

    def has_come(account: int, value: dt.date, at: dt.datetime) -> bool:
        """Whether it came to an account that was part of this one by then."""
        parts = [one.gone for one in into.get(account, ()) if one.holds_at(at)]
        return any(of_gone.get((part, value), at) < at or has_come(part, value, at) for part in parts)

    for value, cause in found:
        if not has_come(cause.account_id, value, cause.at):
            yield cause


@dataclass(frozen=True, slots=True)
class _Merge:
    """From when, and until when if it was undone, an account was part of another."""

    gone: int
    survivor: int
    since: dt.datetime
    until: dt.datetime | None

    def holds_at(self, moment: dt.datetime) -> bool:
        return self.since <= moment and (self.until is None or moment < self.until)


def _due_dates(
    asked: dates.Asked, until: dt.datetime, keep_alive: Callable[[], object], merges: list[_Merge]
) -> Iterator[tuple[dt.date, Cause]]:
    """The dates of each account by itself; what was merged on the way is added to `merges`."""
    if asked.field not in segments.fields_for("account"):
        return
    zone = team_queries.zone()
    column = (
        KeyTransform(asked.field.removeprefix(CUSTOM), "custom")
        if asked.field.startswith(CUSTOM)
        else F(asked.field)
    )
    rows = (
        Account.history.filter(history_date__lt=until)
        .order_by("id", "history_date", "history_id")
        .values_list("id", "history_date", "history_type", "merged_into_id", column)
    )
    for number, (account, states) in enumerate(groupby(rows.iterator(chunk_size=CHUNK), key=itemgetter(0))):
        if number % CHUNK == 0:
            keep_alive()
        every = list(states)
        for here, after in zip(every, [*every[1:], None], strict=True):
            _, begin, kind, merged_into, raw = here
            end = after[1] if after else None
            if merged_into is not None:
                merges.append(_Merge(account, merged_into, begin, end))
            value = as_date(raw, dt.UTC)
            if value is None or kind == "-" or merged_into is not None:
                continue
            at = dates.found_on(asked, value, since=begin, until=end, zone=zone)
            if at is not None:
                yield value, Cause(at, account, asked.columns(account, value, found_at=at, zone=zone))


# --- Metrics -------------------------------------------------------------------------------------------------
def _crossings(
    rule: Rule, until: dt.datetime, as_if_live: bool, keep_alive: Callable[[], object]
) -> Iterator[Cause]:
    threshold = threshold_of(rule.trigger_settings)
    metric = Metric.objects.filter(key=str(rule.trigger_settings.get("metric"))).first()
    if threshold is None or metric is None:
        return
    rows = (
        MetricPoint.objects.filter(metric=metric, recorded_at__lt=until)
        .order_by("account_id", "recorded_at", "pk")
        .values_list("account_id", "observed_at", "recorded_at", "value")
    )
    for number, (account, points) in enumerate(groupby(rows.iterator(chunk_size=CHUNK), key=itemgetter(0))):
        if number % CHUNK == 0:
            keep_alive()
        stored = (Recorded(observed, recorded, value) for _, observed, recorded, value in points)
        for known_at, crossing in metric_events.replay(stored, [threshold]):
            at = crossing.observed_at if as_if_live else known_at
            yield Cause(at, account, metric_events.columns(account, metric, crossing, recorded_at=known_at))


# --- Facts ---------------------------------------------------------------------------------------------------
def facts_then(moments: Sequence[tuple[int, dt.datetime]]) -> list[tuple[dict[str, Any], frozenset[str]]]:
    """What an event about each account would have remembered at each moment, and which of it is not known for sure."""
    if not moments:
        return []
    public = timeline.public_fields()
    rows = Account.history.filter(
        id__in={pk for pk, _ in moments}, history_date__lte=max(at for _, at in moments)
    )
    states: dict[int, list[Any]] = defaultdict(list)
    for row in rows.order_by("id", "history_date", "history_id").iterator(chunk_size=CHUNK):
        states[row.id].append(row)
    found = []
    for (account, at), of_health in zip(moments, health.known_at(moments), strict=True):
        own: dict[str, Any] = {}
        place = bisect_right(states[account], at, key=attrgetter("history_date"))
        if place:
            row = states[account][place - 1]
            columns = {key: getattr(row, column) for key, column in timeline.ACCOUNT_FACTS.items()}
            own = timeline.facts_of_columns(columns) | timeline.custom_facts("account", row.custom, public)
        found.append((own | of_health.facts, frozenset() if of_health.is_sure else HEALTH_FACTS))
    return found
