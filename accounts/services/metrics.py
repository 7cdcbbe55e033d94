"""Numbers about accounts over time, pushed from outside."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from accounts import cleaning, extend, history
from accounts.models import Account, Metric, MetricPoint
from core import clock
from core.errors import Invalid, Refused
from team import audit
from team.models import User

MAX_POINTS = 1000


@dataclass(frozen=True, slots=True)
class Point:
    """`value` as it was at `observed_at`. A later point for the same moment corrects it; both are kept."""

    metric: Metric
    account: Account
    value: Decimal
    observed_at: dt.datetime


@transaction.atomic
def define_metric(*, key: str, label: str, unit: str, actor: User | None) -> Metric:
    """Add a metric, or give an existing one another label or unit."""
    key = cleaning.text(key, field="key", label="Key", limit=60, is_required=True)
    if not all(c.isascii() and (c.isalnum() or c in "_-") for c in key):
        raise Invalid("The key is letters, digits, underscores and hyphens.", field="key")
    label = cleaning.text(label, field="label", label="Label", limit=80) or key.replace("_", " ").capitalize()
    unit = cleaning.text(unit, field="unit", label="Unit", limit=20)
    metric = Metric.objects.select_for_update().filter(key=key).first() or Metric(key=key)
    if metric.pk is not None and (metric.label, metric.unit) == (label, unit):
        return metric
    metric.label, metric.unit = label, unit
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


@transaction.atomic
def put_points(*, points: Sequence[Point], actor: User | None) -> int:
    """Store points with the time they were recorded; returns how many said something new.

    A point equal to the last one known for its account, metric and moment is not stored again.
    """
    now = clock.now()
    latest = future = now + dt.timedelta(minutes=10)
    for point in points:
        if point.observed_at > future:
            raise Invalid(
                "observed_at lies in the future. Send the time at which it was observed.", field="observed_at"
            )
        latest = min(latest, point.observed_at)
    stored: dict[tuple[int, int, dt.datetime], tuple[Decimal, dt.datetime]] = {}
    known = MetricPoint.objects.filter(
        account__in={p.account.pk for p in points},
        metric__in={p.metric.pk for p in points},
        observed_at__gte=latest,
    ).order_by("recorded_at", "pk")
    for row in known.values_list("account_id", "metric_id", "observed_at", "value", "recorded_at"):
        stored[row[0], row[1], row[2]] = (row[3], row[4])
    rows: list[MetricPoint] = []
    for point in points:
        place = (point.account.pk, point.metric.pk, point.observed_at)
        before = stored.get(place)
        if before is not None and before[0] == point.value:
            continue
        # A correction is known later than what it corrects, also within one call.
        recorded = now if before is None else max(now, before[1] + dt.timedelta(microseconds=1))
        stored[place] = (point.value, recorded)
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
    extend.points_stored(row.account_id for row in rows)
    if rows:
        audit.record(action="metric.points_put", actor=actor, count=len(rows))
    return len(rows)


def read_points(*, rows: Sequence[Mapping[str, Any]], user: User) -> list[Point]:
    """Points whose metrics and accounts are found by key, for all rows together; only accounts in `user`'s sight."""
    metrics = {m.key: m for m in Metric.objects.filter(key__in={row["metric"] for row in rows})}
    ids = {row["account"] for row in rows if "account" in row}
    keys = {row["account_external_id"] for row in rows if "account_external_id" in row}
    visible = Account.objects.visible_to(user).filter(Q(pk__in=ids) | Q(external_id__in=keys))
    by_id = {account.pk: account for account in visible}
    by_key = {account.external_id: account for account in by_id.values()}
    points = []
    for position, row in enumerate(rows):
        metric = metrics.get(row["metric"])
        if metric is None:
            raise Invalid(
                f"Row {position}: there is no metric with this key. Define it first.",
                field="metric",
                code="not_found",
            )
        found = by_id.get(row["account"]) if "account" in row else by_key.get(row.get("account_external_id"))
        if found is None:
            raise Invalid(
                f"Row {position}: there is no account with this id that the key may see.",
                field="account",
                code="not_found",
            )
        points.append(Point(metric, found, row["value"], row["observed_at"]))
    return points
