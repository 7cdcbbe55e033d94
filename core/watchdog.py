"""Seeing that a worker cluster works, not only that it runs.

One killed process can leave a django-q2 cluster waiting for ever while it looks alive. So a beat is sent through the
cluster's own queue; when none comes back for a while the cluster is killed, its claims are taken back, and a new one
is started.
"""

import logging
import os
import socket
import sys
import time
import uuid
from dataclasses import dataclass, field

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from core import jobs, outbox
from core import outbox_sql as sql
from core.processes import Child, say

logger = logging.getLogger(__name__)
STARTING_SECONDS = 30.0


@dataclass
class WorkerCluster:
    """The worker's child process together with the signs of life it owes us."""

    stall_seconds: float = field(default_factory=lambda: settings.WATCHDOG_SECONDS)
    token: str = ""
    _alive_at: float = 0.0
    _last_beat: object = None
    _beat_at: float = 0.0
    _tidy_at: float = 0.0

    def __post_init__(self) -> None:
        self.child = Child(
            "worker",
            [sys.executable, "-X", "faulthandler", sys.argv[0], "cluster"],
            environment=self._new_cluster,
            after_death=self._take_back,
        )

    def watch(self) -> None:
        """To be called often: sends beats, looks for their echo, restarts a cluster that gives none."""
        if not self.child.is_running:
            return
        now = time.monotonic()
        try:
            if now >= self._tidy_at:
                self._tidy_at = now + 60
                jobs.ensure_schedule()
            if now >= self._beat_at:
                self._beat_at = now + min(15.0, self.stall_seconds / 6)
                jobs.ask_for_beat(self.token)
                self._look(now)
        except (DatabaseError, InterfaceError):
            # Without the database nobody can give a sign of life; that is no reason to kill.
            connection.close()
            self._alive_at = self._beat_at = now + 1.0
        allowed = self.stall_seconds if self._last_beat else max(self.stall_seconds, STARTING_SECONDS)
        if now - self._alive_at > allowed:
            logger.critical(
                "The worker gave no sign of life for %.0f s: it is started anew", now - self._alive_at
            )
            self.child.kill()
            self.child.start()

    def _look(self, now: float) -> None:
        beat = jobs.last_beat(self.token)
        if beat is not None and beat != self._last_beat:
            self._last_beat = beat
            self._alive_at = now

    def _new_cluster(self) -> dict[str, str]:
        self.token = uuid.uuid4().hex[:8]
        self._alive_at = time.monotonic()
        self._last_beat = None
        try:
            jobs.cluster_started(self.token, f"{socket.gethostname()}:{os.getpid()}")
        except (DatabaseError, InterfaceError):
            connection.close()
        return {"NPS_WORKER_TOKEN": self.token}

    def _take_back(self) -> None:
        """The group is dead for certain: what it held need not wait for the lease to run out."""
        try:
            taken = outbox.reap(token=self.token)
            jobs.cluster_ended(self.token)
            if taken:
                say("worker", f"{taken} row(s) taken back from the cluster that ended")
        except (DatabaseError, InterfaceError):
            connection.close()


def queue_length() -> int:
    """How many wake-ups wait, for operation pages."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM django_q_ormq WHERE lock <= {sql.now()}")
        return int(cursor.fetchone()[0])
