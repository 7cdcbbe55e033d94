"""Background work for production: a worker cluster and its watchdog."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from core.processes import Supervisor
from core.watchdog import WorkerCluster


class Command(BaseCommand):
    help = "Works off the background work, and restarts the worker cluster when it hangs."

    def handle(self, *args: Any, **options: Any) -> None:
        cluster = WorkerCluster()
        Supervisor([cluster.child], watch=cluster.watch, stop_seconds=settings.STOP_SECONDS).run()
