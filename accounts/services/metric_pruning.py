"""Which points of metrics are kept for how long.

Every point is kept for 90 days, with its corrections. Of older days the last moment is kept, of weeks older than 400
days the last moment of each (ISO weeks, UTC). A metric's own `retention_days` then takes away what is older. The newest
point of an account and metric always stays: it is what the account's figures show, and what a health score reads.
"""

import datetime as dt

from django.db.models import F, Max, OuterRef, QuerySet, Subquery, Window
from django.db.models.functions import TruncDate, TruncWeek

from accounts.models import Metric, MetricPoint
from core import clock

WHOLE = dt.timedelta(days=90)
DAILY = dt.timedelta(days=400)
# Each day looks at the points that just came of age; once a week at all, for history that was sent late.
LATELY = dt.timedelta(days=4)
SUNDAY = 6
_SLICE = 5_000


def prune(day: dt.date) -> int:
    """Delete what need not be kept; returns how many points went. Registered for every night."""
    now = clock.now()
    everything = day.weekday() == SUNDAY
    gone = 0
    for older, bucket in ((WHOLE, TruncDate), (DAILY, TruncWeek)):
        points = MetricPoint.objects.filter(observed_at__lt=_start_of_week(now - older))
        if not everything:
            points = points.filter(
                observed_at__gte=_start_of_week(now - older - LATELY) - dt.timedelta(days=7)
            )
        last = Window(
            Max("observed_at"),
            partition_by=[F("account_id"), F("metric_id"), bucket("observed_at", tzinfo=dt.UTC)],
        )
        gone += _delete(points.annotate(last=last).filter(observed_at__lt=F("last")))
    for metric in Metric.objects.filter(retention_days__isnull=False).order_by("pk"):
        assert metric.retention_days is not None
        newest = MetricPoint.objects.filter(account=OuterRef("account"), metric=metric).order_by(
            "-observed_at"
        )
        points = MetricPoint.objects.filter(
            metric=metric, observed_at__lt=now - dt.timedelta(days=metric.retention_days)
        )
        gone += _delete(points.filter(observed_at__lt=Subquery(newest.values("observed_at")[:1])))
    return gone


def _start_of_week(moment: dt.datetime) -> dt.datetime:
    """Monday, 0:00 UTC: a day or week is thinned when it is over, and looked at as a whole."""
    day = moment.astimezone(dt.UTC).date()
    return dt.datetime.combine(day - dt.timedelta(days=day.weekday()), dt.time(), tzinfo=dt.UTC)


def _delete(points: QuerySet[MetricPoint]) -> int:
    ids = list(points.values_list("pk", flat=True))
    for start in range(0, len(ids), _SLICE):
        MetricPoint.objects.filter(pk__in=ids[start : start + _SLICE])._raw_delete("default")
    return len(ids)
