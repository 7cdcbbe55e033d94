"""Three kinds of work over core.Job rows: one with an effect that cannot be taken back, one that kills, one that is quick."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.db.models import Q

STORM_BATCH = 10


def write_to_sink(batch: Any) -> None:
    """Each row's effect is one line in the sink, written at once, as a mail server takes a message."""
    fenced = batch.fence(batch.rows)
    sink = os.open(os.environ["FAULTS_SINK"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        for row in fenced:
            time.sleep(0.005)
            os.write(sink, f"{row.subject_id}\n".encode())
    finally:
        os.close(sink)
    batch.done(fenced)
    batch.release([row for row in batch.rows if row not in fenced])


def kill_at_thirteen(batch: Any) -> None:
    for row in batch.rows:
        if row.subject_id == 13:
            os.kill(os.getpid(), signal.SIGKILL)
        batch.done([row])


def note_when(batch: Any) -> None:
    batch.done(batch.rows)


class FaultsConfig(AppConfig):
    name = "tests.faults"
    path = str(Path(__file__).parent)

    def ready(self) -> None:
        from core import jobs, outbox

        # They would claim the same table's rows.
        outbox.unregister(jobs.JOB)
        outbox.unregister(jobs.LONG_JOB)
        for name, handle, options in (
            ("storm", write_to_sink, {"batch": STORM_BATCH, "lease_seconds": 4}),
            ("killer", kill_at_thirteen, {"lease_seconds": 2, "idempotent": True}),
            ("quick", note_when, {}),
        ):
            outbox.register(outbox.Kind(name, "core.Job", handle, scope=Q(kind=name), **options))
