"""The worker cluster itself, without anyone watching it. `manage.py worker` starts it."""

from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand
from django_q.cluster import Cluster

from core import jobs
from core.processes import forks_die_with_us


class DrainingCluster(Cluster):
    """Tells its workers to end after the batch in hand before it waits for them."""

    def sig_handler(self, signum: int, frame: FrameType | None) -> None:
        jobs.request_stop()
        super().sig_handler(signum, frame)


class Command(BaseCommand):
    help = "Runs the worker cluster alone. Use `manage.py worker`, which also watches it."

    def handle(self, *args: Any, **options: Any) -> None:
        forks_die_with_us()
        DrainingCluster().start()
