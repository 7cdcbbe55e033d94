"""The one source of business time, so that tests can move it."""

import datetime as dt

from django.utils import timezone


def now() -> dt.datetime:
    """The present moment, in UTC. Leases and back-off use the database's clock instead (core.outbox)."""
    return timezone.now()
