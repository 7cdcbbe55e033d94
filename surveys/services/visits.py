"""Looks at answer pages are kept as long as they are of use."""

import datetime as dt

from django.conf import settings

from core import clock, jobs
from surveys.choices import IntentState
from surveys.models import PageVisit

AT_ONCE = 10_000


def prune(day: dt.date) -> int:
    """Once a day: forget looks older than NPS_VISIT_KEEP_DAYS, but not those at an ask whose click still waits to be
    judged by them. Returns how many went."""
    before = clock.now() - dt.timedelta(days=settings.VISIT_KEEP_DAYS)
    old = PageVisit.objects.filter(at__lt=before).exclude(invitation__intent__state=IntentState.WAITING)
    gone = 0
    while ids := list(old.order_by("at").values_list("pk", flat=True)[:AT_ONCE]):
        gone += PageVisit.objects.filter(pk__in=ids).delete()[0]
        if len(ids) < AT_ONCE or jobs.stopping():
            break
    return gone


def register() -> None:
    jobs.daily("surveys.prune_visits", at=dt.time(3, 40), zone=lambda: "UTC", func=prune)
