"""Numbers about accounts over time, pushed from outside."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from accounts import cleaning, extend, history
from accounts.metric_values import (
    MAX_CHOICE,
    MAX_CHOICES,
    Direction,
    MetricType,
    read,
    read_thresholds,
    stored_thresholds,
)
from accounts.models import Account, Metric, MetricPoint
from accounts.services import metric_events
from accounts.services.metric_events import Arrival
from core import clock
from core.errors import Invalid, Refused
from team import audit
from team.models import User

MAX_POINTS = 1000
EARLIEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
# Clocks of other systems run a little ahead.
AHEAD = dt.timedelta(minutes=10)
RETENTION = (30, 36_500)


# --- Definitions ---------------------------------------------------------------------------------------------
@transaction.atomic
def define_metric(
    *,
    key: str,
    actor: User | None,
    label: str | None = None,
    unit: str | None = None,
    type: str | None = None,
    choices: Sequence[str] | None = None,
    direction: str | None = None,
    retention_days: int | None = None,
    keep_for_good: bool = False,
    thresholds: Sequence[Mapping[str, Any]] | None = None,
) -> Metric:
    """Add a metric, or change one. What is None stays as it is, or gets its ordinary value on a new metric.

    `retention_days` (30 to 36,500) is how long points are kept, `keep_for_good` takes that limit away. Once there are
    points the type is for good, and choices can only be added at the end: points hold their place in the list.
    """
    key = cleaning.text(key, field="key", label="Key", limit=60, is_required=True)
    if not all(c.isascii() and (c.isalnum() or c in "_-") for c in key):
        raise Invalid("The key is letters, digits, underscores and hyphens.", field="key")
    metric = Metric.objects.select_for_update().filter(key=key).first() or Metric(key=key)
    before = _described(metric)
    if label is not None or not metric.label:
        text = cleaning.text(label or "", field="label", label="Label", limit=80)
        metric.label = text or key.replace("_", " ").capitalize()
    if unit is not None:
        metric.unit = cleaning.text(unit, field="unit", label="Unit", limit=20)
    if direction is not None:
        metric.direction = cleaning.choice(direction, list(Direction), field="direction", label="Direction")
    _set_type(metric, type=type, choices=choices)
    if thresholds is not None:
        metric.thresholds = stored_thresholds(read_thresholds(thresholds))
    if metric.thresholds and metric.type == MetricType.CHOICE:
        raise Invalid("A metric of choices has no thresholds.", field="thresholds")
    if keep_for_good:
        metric.retention_days = None
    elif retention_days is not None:
        if not RETENTION[0] <= retention_days <= RETENTION[1]:
            raise Invalid("Points are kept for 30 to 36,500 days.", field="retention_days")
        metric.retention_days = retention_days
    if metric.pk is not None and _described(metric) == before:
        return metric
    history.sign(metric, actor)
    try:
        with transaction.atomic():
            metric.save()
    except IntegrityError:
        raise Refused(
            "This metric is being added by somebody else right now. Try again.", field="key"
        ) from None
    audit.record(action="metric.defined", actor=actor, obj=metric, key=key)
    return metric


def _described(metric: Metric) -> tuple[Any, ...]:
    return (
        metric.label, metric.unit, metric.type, list(metric.choices), metric.direction, metric.retention_days,
        list(metric.thresholds),
    )  # fmt: skip


def _set_type(metric: Metric, *, type: str | None, choices: Sequence[str] | None) -> None:
    has_points = metric.pk is not None and MetricPoint.objects.filter(metric=metric).exists()
    if type is not None and type != metric.type:
        wanted = cleaning.choice(type, list(MetricType), field="type", label="Type")
        if has_points:
            raise Refused(
                "The type cannot change once there are points. Define another metric.", field="type"
            )
        metric.type = wanted
    if metric.type != MetricType.CHOICE:
        metric.choices = []
        return
    if choices is not None:
        words = [
            cleaning.text(one, field="choices", label="A choice", limit=MAX_CHOICE, is_required=True)
            for one in choices
        ]
        if len(set(words)) < len(words):
            raise Invalid("A choice is listed twice.", field="choices")
        if len(words) > MAX_CHOICES:
            raise Invalid(f"A metric has at most {MAX_CHOICES} choices.", field="choices")
        if has_points and words[: len(metric.choices)] != metric.choices:
            raise Refused(
                "Points hold the place of their choice, so choices can only be added at the end.",
                field="choices",
            )
        metric.choices = words
    if len(metric.choices) < 2:
        raise Invalid("A metric of choices needs at least two.", field="choices")


# --- Points --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Point:
    """`value` as it was at `observed_at`. A later point for the same moment corrects it; both are kept."""

    metric: Metric
    account: Account
    value: Decimal
    observed_at: dt.datetime


def check_moment(observed_at: dt.datetime) -> None:
    """Refuse a time that cannot be meant."""
    if observed_at > clock.now() + AHEAD:
        raise Invalid(
            "observed_at lies in the future. Send the time at which it was observed.", field="observed_at"
        )
    if observed_at < EARLIEST:
        raise Invalid(
            "observed_at lies before the year 2000. Send the time at which it was observed, with its zone.",
            field="observed_at",
        )


@transaction.atomic
def put_points(*, points: Sequence[Point], actor: User | None) -> list[str]:
    """Store points with the time they were recorded; returns what became of each, in their order.

    "created" · "updated": it corrects what was known for its moment · "unchanged": equal to the last one known for its
    account, metric and moment, and not stored again. Crossed thresholds become events of the timeline.
    """
    for point in points:
        check_moment(point.observed_at)
    now = clock.now()
    accounts = {point.account.pk for point in points}
    metrics = {point.metric.pk: point.metric for point in points}
    # Two calls about one account take turns: neither stores what the other just did, or crosses a threshold again.
    list(
        Account.objects.select_for_update(of=("self",), no_key=True)
        .filter(pk__in=accounts)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    watched = metric_events.thresholds_of(metrics.values())
    before = metric_events.newest(accounts, watched)
    stored = _known(points)
    rows: list[MetricPoint] = []
    arrived: list[Arrival] = []
    results: list[str] = []
    for point in points:
        place = (point.account.pk, point.metric.pk, point.observed_at)
        held = stored.get(place)
        if held is not None and held[0] == point.value:
            results.append("unchanged")
            continue
        # A correction is known later than what it corrects, also within one call.
        recorded = now if held is None else max(now, held[1] + dt.timedelta(microseconds=1))
        stored[place] = (point.value, recorded)
        results.append("created" if held is None else "updated")
        arrived.append(Arrival(point.account, point.metric, point.value, point.observed_at))
        rows.append(
            MetricPoint(
                metric=point.metric,
                account=point.account,
                value=point.value,
                observed_at=point.observed_at,
                recorded_at=recorded,
            )
        )
    MetricPoint.objects.bulk_create(rows, batch_size=1000)
    if watched:
        metric_events.record_crossings(before=before, arrived=arrived, watched=watched)
    extend.points_stored(row.account_id for row in rows)
    if rows:
        audit.record(action="metric.points_put", actor=actor, count=len(rows))
    return results


def _known(points: Sequence[Point]) -> dict[tuple[int, int, dt.datetime], tuple[Decimal, dt.datetime]]:
    """What is stored for the moments of these points: the value recorded last, and when that was."""
    rows = MetricPoint.objects.filter(
        account__in={p.account.pk for p in points},
        metric__in={p.metric.pk for p in points},
        observed_at__in={p.observed_at for p in points},
    ).order_by("recorded_at", "pk")
    return {
        (account, metric, observed): (value, recorded)
        for account, metric, observed, value, recorded in rows.values_list(
            "account_id", "metric_id", "observed_at", "value", "recorded_at"
        )
    }


class Reader:
    """Turns rows of a call into points: metrics and accounts are found by key for all rows together, and only accounts
    in `user`'s sight."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], user: User) -> None:
        self._now = clock.now()
        self._metrics = {m.key: m for m in Metric.objects.filter(key__in={row["metric"] for row in rows})}
        ids = {row["account"] for row in rows if "account" in row}
        keys = {row["account_external_id"] for row in rows if "account_external_id" in row}
        visible = Account.objects.visible_to(user).filter(Q(pk__in=ids) | Q(external_id__in=keys))
        self._by_id = {account.pk: account for account in visible}
        self._by_key = {account.external_id: account for account in self._by_id.values()}

    def point(self, row: Mapping[str, Any]) -> Point:
        """Raises `Invalid` naming what is wrong with this row."""
        metric = self._metrics.get(row["metric"])
        if metric is None:
            raise Invalid(
                "There is no metric with this key. Define it first.", field="metric", code="not_found"
            )
        if "account" in row:
            found = self._by_id.get(row["account"])
        else:
            found = self._by_key.get(row.get("account_external_id"))
        if found is None:
            raise Invalid(
                "There is no account with this id that the key may see.", field="account", code="not_found"
            )
        observed = row.get("observed_at") or self._now
        check_moment(observed)
        return Point(metric, found, read(metric.type, metric.choices, row["value"]), observed)


def read_points(*, rows: Sequence[Mapping[str, Any]], user: User) -> list[Point]:
    """All of the rows as points; the first that is wrong is refused with its position, counted from 0."""
    reader = Reader(rows, user)
    points = []
    for position, row in enumerate(rows):
        try:
            points.append(reader.point(row))
        except Invalid as refusal:
            raise Invalid(
                f"Row {position}: {refusal.message}", field=refusal.field, code=refusal.code
            ) from None
    return points


def put_values(
    *, account: Account, values: Mapping[str, Any], observed_at: dt.datetime | None, actor: User
) -> dict[str, str]:
    """Several metrics of one account as they were at one moment (now, if none is given), all or none.

    Returns what became of each, by the key of the metric. A refusal names the metric in question.
    """
    if not values:
        raise Invalid("Send at least one value.", field="values", code="required")
    if len(values) > MAX_POINTS:
        raise Invalid(f"One call takes at most {MAX_POINTS:,} values.", field="values")
    moment = observed_at or clock.now()
    check_moment(moment)
    found = {m.key: m for m in Metric.objects.filter(key__in=set(values))}
    points = []
    for key, raw in values.items():
        if key not in found:
            raise Invalid(
                f"There is no metric with the key “{key[:60]}”. Define it first.",
                field=f"values.{key[:60]}",
                code="not_found",
            )
        metric = found[key]
        points.append(
            Point(metric, account, read(metric.type, metric.choices, raw, field=f"values.{key}"), moment)
        )
    results = put_points(points=points, actor=actor)
    return dict(zip(values, results, strict=True))
