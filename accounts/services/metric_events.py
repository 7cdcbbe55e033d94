"""The event `metric.crossed`: a value went over or under a threshold that somebody asked for.

Thresholds are set on the metric, or asked for by higher apps (active rules), which register a reader here.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import OuterRef, Subquery

from accounts import timeline
from accounts.domain import Origin
from accounts.metric_values import Crossing, Threshold, crossings, plain, read_thresholds
from accounts.models import Account, Event, Metric, MetricPoint
from core import clock

KIND = "metric.crossed"
Asked = Mapping[str, Collection[Threshold]]
Place = tuple[int, int]
Moment = tuple[dt.datetime, Decimal]

_readers: dict[str, Callable[[], Asked]] = {}


def ask(name: str, read: Callable[[], Asked]) -> None:
    """Have more thresholds watched: `read()` gives them by the key of the metric. Call from `AppConfig.ready`."""
    _readers[name] = read


def thresholds_of(metrics: Iterable[Metric]) -> dict[int, list[Threshold]]:
    """What is watched for each of these metrics; those without a threshold are left out."""
    asked = [read() for read in _readers.values()]
    found = {}
    for metric in metrics:
        watched = set(read_thresholds(metric.thresholds))
        for one in asked:
            watched |= set(one.get(metric.key, ()))
        if watched:
            found[metric.pk] = sorted(watched)
    return found


def newest(accounts: Collection[int], metrics: Collection[int]) -> dict[Place, Moment]:
    """The newest point of each account and metric, with one statement per metric."""
    found: dict[Place, Moment] = {}
    for metric in sorted(metrics):
        last = MetricPoint.objects.filter(account=OuterRef("pk"), metric=metric).order_by(
            "-observed_at", "-recorded_at", "-pk"
        )
        rows = Account.objects.filter(pk__in=accounts).annotate(
            last_at=Subquery(last.values("observed_at")[:1]), last_value=Subquery(last.values("value")[:1])
        )
        for account, at, value in rows.values_list("pk", "last_at", "last_value"):
            if at is not None:
                found[account, metric] = (at, value)
    return found


@dataclass(frozen=True, slots=True)
class Arrival:
    """One point that says something new."""

    account: Account
    metric: Metric
    value: Decimal
    observed_at: dt.datetime


def record_crossings(
    *, before: Mapping[Place, Moment], arrived: Sequence[Arrival], watched: Mapping[int, Sequence[Threshold]]
) -> int:
    """Write the events of the points that arrived, each crossing once; returns how many.

    `before` are the newest points as they were. A correction that says the same again is not a second crossing.
    """
    by_place: dict[Place, list[Arrival]] = defaultdict(list)
    for one in arrived:
        if one.metric.pk in watched:
            by_place[one.account.pk, one.metric.pk].append(one)
    found: list[tuple[Arrival, Crossing]] = []
    for place, points in by_place.items():
        crossed = crossings(
            last=before.get(place),
            points=[(one.observed_at, one.value) for one in points],
            thresholds=watched[place[1]],
        )
        found += [(points[0], crossing) for crossing in crossed]
    if not found:
        return 0
    keys = [cause(one.account.pk, one.metric.pk, crossing) for one, crossing in found]
    known = set(
        Event.objects.filter(
            kind=KIND,
            account__in={one.account.pk for one, _ in found},
            occurred_at__in={crossing.observed_at for _, crossing in found},
        ).values_list("cause_key", flat=True)
    )
    new = {key: pair for key, pair in zip(keys, found, strict=True) if key not in known}
    facts = timeline.facts_of_many([(one.account, None) for one, _ in new.values()])
    now = clock.now()
    timeline.record_many(
        [
            timeline.draft(columns(one.account.pk, one.metric, crossing, recorded_at=now) | {"facts": then})
            for (one, crossing), then in zip(new.values(), facts, strict=True)
        ]
    )
    return len(new)


def columns(account: int, metric: Metric, crossing: Crossing, *, recorded_at: dt.datetime) -> dict[str, Any]:
    """The event of a crossing; without facts."""
    return {
        "kind": KIND,
        "account_id": account,
        "contact_id": None,
        "actor_id": None,
        "subject_type": "account",
        "subject_id": account,
        "cause_key": cause(account, metric.pk, crossing),
        "origin": Origin.LIVE.value,
        "occurred_at": crossing.observed_at,
        "recorded_at": recorded_at,
        "data": {
            "metric": metric.key,
            "direction": crossing.threshold.side.value,
            "threshold": plain(crossing.threshold.value),
            "value": plain(crossing.value),
            "before": plain(crossing.before),
        },
    }


def cause(account: int, metric: int, crossing: Crossing) -> str:
    """What names a crossing: the same for a correction that crosses the threshold at the same moment."""
    threshold = crossing.threshold
    moment = crossing.observed_at.astimezone(dt.UTC).isoformat()
    return f"metric:{account}:{metric}:{threshold.side}:{plain(threshold.value)}:{moment}"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A point as it was stored."""

    observed_at: dt.datetime
    recorded_at: dt.datetime
    value: Decimal


def replay(
    points: Iterable[Recorded], thresholds: Sequence[Threshold]
) -> Iterator[tuple[dt.datetime, Crossing]]:
    """The crossings of the points of one account and metric, given in the order in which they were stored, each with when
    it became known: those that would have been told, had the thresholds been watched."""
    last: Moment | None = None
    call: list[Recorded] = []
    for point in points:
        # Points of one call are stored at one moment, corrections among them a microsecond later each.
        if call and point.recorded_at - call[-1].recorded_at > dt.timedelta(microseconds=1):
            yield from _of_call(last, call, thresholds)
            last, call = _newest_of(last, call), []
        call.append(point)
    yield from _of_call(last, call, thresholds)


def _of_call(
    last: Moment | None, call: Sequence[Recorded], thresholds: Sequence[Threshold]
) -> Iterator[tuple[dt.datetime, Crossing]]:
    moments = [(point.observed_at, point.value) for point in call]
    for crossing in crossings(last=last, points=moments, thresholds=thresholds):
        yield call[0].recorded_at, crossing


def _newest_of(last: Moment | None, call: Sequence[Recorded]) -> Moment | None:
    for point in call:
        if last is None or point.observed_at >= last[0]:
            last = (point.observed_at, point.value)
    return last
