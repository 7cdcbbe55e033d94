"""What the machinery writes down is kept as long as it is of use."""

import datetime as dt
import importlib

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from core import jobs
from core.models import Heartbeat, Job, ScheduleSlot
from core.outbox import State

KEPT = {
    "schedule slots": dt.timedelta(days=400),
    "jobs": dt.timedelta(days=90),
    "heartbeats": dt.timedelta(days=1),
}


def prune(day: dt.date) -> None:
    """Once a day: forget what no one will ask for. Jobs that failed stay until a person has dealt with them."""
    ended = Q(state__in=[State.DONE, State.CANCELLED])
    ScheduleSlot.objects.filter(claimed_at__lt=Now() - KEPT["schedule slots"]).delete()
    Job.objects.filter(ended, finished_at__lt=Now() - KEPT["jobs"]).delete()
    Heartbeat.objects.exclude(name=jobs.TICK).filter(
        Q(beat_at__lt=Now() - KEPT["heartbeats"]), started_at__lt=Now() - KEPT["heartbeats"]
    ).delete()
    jobs.forget_old_tasks()
    importlib.import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
