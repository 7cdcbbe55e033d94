"""django-q2's queue table, holding plain words instead of pickles.

A row's payload is the name of what should be looked at ("tick", "drain:survey_mail", "beat"). The package that
django-q2 wants is built when the row is taken, so whoever can write to the table cannot make us run anything, equal
wake-ups are equal texts, and a changed SECRET_KEY leaves no unreadable rows behind.
"""

import time
from typing import Any

from django.conf import settings
from django.db import close_old_connections, connection
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from core import outbox_sql as sql

ENTRY = "core.jobs.run"
SCHEDULED_FUNCTION = "core.jobs.scheduled_tick"
TICK = "tick"


class Broker(ORM):
    def keys(self) -> list[str]:
        """The shared queue, and the one of this cluster alone, through which its watchdog sees it live."""
        token = getattr(settings, "WORKER_TOKEN", "")
        return [self.list_key, f"{self.list_key}@{token}"] if token else [self.list_key]

    def dequeue(self) -> list[tuple[int, str]] | None:
        if not connection.in_atomic_block:  # only tests are
            close_old_connections()
        keys = self.keys()
        marks = ", ".join(["%s"] * len(keys))
        with connection.cursor() as cursor:
            # Oldest first. The look is separate from the claim so that an idle SQLite is never locked for writing.
            cursor.execute(
                f"SELECT id, payload FROM django_q_ormq WHERE key IN ({marks}) AND lock <= {sql.now()}"
                " ORDER BY id LIMIT 4",
                keys,
            )
            for pk, payload in cursor.fetchall():
                cursor.execute(
                    f"UPDATE django_q_ormq SET lock = {sql.now_plus(str(Conf.RETRY))}"
                    f" WHERE id = %s AND lock <= {sql.now()}",
                    [pk],
                )
                if cursor.rowcount:
                    return [(pk, package(payload))]
        time.sleep(Conf.POLL)
        return None

    def enqueue(self, task: str) -> int:
        """Only django-q2's own scheduler comes this way, with the minutely tick."""
        content: dict[str, Any] = SignedPackage.loads(task)
        if content["func"] != SCHEDULED_FUNCTION:
            raise ValueError("Work is queued through core.jobs only.")
        row = OrmQ.objects.create(key=self.list_key, payload=TICK, lock=timezone.now())
        return int(row.pk)


def package(payload: str) -> str:
    task = {
        "id": f"{time.time_ns():032x}",
        "name": payload[:100],
        "func": ENTRY,
        "args": (payload,),
        "kwargs": {},
        "ack_failure": True,
        "started": timezone.now(),
    }
    return str(SignedPackage.dumps(task))
