"""Getting background work done: the only door to django-q2.

What other modules use:

- `wake("survey_mail")` in the transaction that wrote outbox rows: a worker looks within a fraction of a second. Without
  it, or when it is lost, the minutely tick looks. Costs one small statement; `wake_sql(kind)` is its text without
  parameters, for statements that want to embed it.
- `@handler("accounts.import", long=True)` with `submit("accounts.import", subject_id=7)`: a job with progress, one row
  of `core.Job`::

      @jobs.handler("accounts.import", long=True)
      def import_accounts(job: jobs.JobContext) -> None:
          position = job.payload.get("position", 0)
          while rows := read(job.subject_id, position, 1000):
              with transaction.atomic():
                  write(rows)
                  position += len(rows)
                  job.save(position=position)          # same transaction: after a kill nothing is done twice
              job.report(position, total)              # progress, lease, and where a long job makes room for others

- `on_tick(name, func)`: call `func()` about once a minute. `daily(name, at=, zone=, func=)` and
  `hourly(name, minute=, func=)`: see core.schedules. All of them are called within their own error boundary, and all
  are registered in `AppConfig.ready`.

What a worker runs is a word from our own list (core.broker), never code or data from the queue.
"""

import datetime as dt
import logging
import mmap
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import close_old_connections, connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django_q.models import OrmQ, Schedule, Task

from core import outbox, schedules
from core import outbox_sql as sql
from core.errors import Refused
from core.failures import log_failure
from core.models import Heartbeat, Job
from core.outbox import LeaseLost
from core.schedules import daily, hourly

__all__ = [
    "JobContext",
    "LeaseLost",
    "daily",
    "drain",
    "handler",
    "hourly",
    "on_tick",
    "run",
    "submit",
    "tick",
    "wake",
    "wake_sql",
]

logger = logging.getLogger(__name__)
QUEUE = str(settings.Q_CLUSTER["name"])
TICK = "tick"
TICK_FUNCTION = "core.jobs.scheduled_tick"
BEAT = "beat"
DRAIN = "drain:"
DRAIN_SECONDS = 20.0
JOB_SLICE_SECONDS = 60.0
# A transaction that wrote rows but had not committed when its wake-up was taken is found by one more look.
SECOND_LOOK_SECONDS = 0.4


# --- Waking --------------------------------------------------------------------------------------------------
def wake_sql(kind: str) -> str:
    """One statement, without parameters, that queues a look at `kind` unless one is waiting already."""
    return _queue_sql(QUEUE, DRAIN + kind)


def _queue_sql(queue: str, payload: str, delay: float = 0) -> str:
    queue, payload = (text.replace("'", "''").replace("%", "") for text in (queue, payload))
    at = sql.now_plus(str(delay)) if delay else sql.now()
    # The look for a waiting row and the insert may pass another transaction's: then two look, which is harmless.
    text = (
        f"INSERT INTO django_q_ormq (key, payload, lock) SELECT '{queue}', '{payload}', {at}"
        f" WHERE NOT EXISTS (SELECT 1 FROM django_q_ormq WHERE key = '{queue}' AND payload = '{payload}'"
        f" AND lock <= {at})"
    )
    return text.replace("%%", "%")


def _queue(payload: str, *, queue: str = QUEUE, delay: float = 0) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_queue_sql(queue, payload, delay), None)


def wake(kind: str, *, after: float = 0) -> None:
    """Have a worker look for due rows of `kind` as soon as the caller's transaction is committed, or after so many seconds."""
    _queue(DRAIN + kind, delay=after)
    if after:
        return
    woken = getattr(_worker, "woken", None)
    if woken is not None and kind not in woken:
        woken.append(kind)


def wake_tick() -> None:
    """Have the tick run now instead of within the minute."""
    _queue(TICK)


# --- What a worker runs --------------------------------------------------------------------------------------
_worker = threading.local()
_stop = mmap.mmap(-1, 1)  # shared with the processes forked from this one; survives their being killed
_beaten_at = 0.0


def request_stop() -> None:
    """Ask the workers of this cluster to end after the batch in hand."""
    _stop[0] = 1


def stopping() -> bool:
    return bool(_stop[0])


def run(payload: str) -> None:
    """The one function that django-q2 calls. Never raises: what failed is in our own rows and in the log."""
    if not connection.in_atomic_block:  # only tests are
        close_old_connections()
    try:
        if payload == TICK:
            tick()
        elif payload.startswith(DRAIN):
            drain(payload.removeprefix(DRAIN))
        elif payload != BEAT:
            logger.error("The queue held something unknown")
        beat(force=payload == BEAT)
    except Exception as error:
        log_failure(logger, f"worker: {payload[:80]}", error)
        connection.close()


def scheduled_tick() -> None:
    """What django-q2's one Schedule row names; core.broker turns it into a tick."""
    tick()


def drain(kind_name: str, *, seconds: float = DRAIN_SECONDS) -> int:
    """Work off what is due of one kind, and of the kinds woken by that, then return how many rows it was.

    Makes room for others after half a second if anything else is queued, and ends after `seconds`; a new wake-up
    carries on.
    """
    started = time.monotonic()
    _worker.woken = []
    total = 0
    try:
        queue = [kind_name]
        while queue and not stopping():
            name = queue.pop(0)
            kind = outbox.kind_named(name)
            if kind is None:
                logger.error("No such kind of work: %s", name[:60])
                continue
            total += _drain_one(kind, started, seconds)
            queue += [woken for woken in _worker.woken if woken not in queue]
            _worker.woken.clear()
            if time.monotonic() - started > seconds:
                break  # what was woken has its own row in the queue
        return total
    finally:
        _worker.woken = None


def _drain_one(kind: outbox.Kind, started: float, seconds: float) -> int:
    handled = 0
    has_company = False

    def call_company(batch: "outbox.Batch[Any]") -> None:
        """A full batch means there is more: let another worker join."""
        nonlocal has_company
        if not has_company and len(batch.rows) >= kind.batch:
            has_company = True
            _queue(DRAIN + kind.name)

    while not stopping():
        count = outbox.work(kind, on_claimed=call_company)
        beat()
        if not count:
            if handled and sql.is_postgresql():
                _queue(DRAIN + kind.name, delay=SECOND_LOOK_SECONDS)
            return handled
        handled += count
        elapsed = time.monotonic() - started
        if elapsed > seconds or (elapsed > 0.5 and _others_wait(kind.name)):
            break
    _queue(DRAIN + kind.name)
    return handled


def _others_wait(kind_name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM django_q_ormq WHERE key = %s AND payload <> %s LIMIT 1", [QUEUE, DRAIN + kind_name]
        )
        return cursor.fetchone() is not None


# --- Signs of life -------------------------------------------------------------------------------------------
def beat(*, force: bool = False) -> None:
    """Note that this cluster works, at most every five seconds, never inside someone's transaction."""
    global _beaten_at
    token = settings.WORKER_TOKEN
    if not token or connection.in_atomic_block or (not force and time.monotonic() - _beaten_at < 5):
        return
    _beaten_at = time.monotonic()
    _mark_alive(token)


def _mark_alive(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO core_heartbeat (name, host, started_at, beat_at) VALUES (%s, '', {sql.now()}, {sql.now()})"
            f" ON CONFLICT (name) DO UPDATE SET beat_at = {sql.now()}",
            [name],
        )


outbox.progress = beat


def ask_for_beat(token: str) -> None:
    """Send a beat through the queue that only the cluster of `token` reads."""
    _queue(BEAT, queue=f"{QUEUE}@{token}")


_NEVER = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def last_beat(token: str) -> dt.datetime | None:
    """The last sign of life of a cluster, None before its first."""
    return (
        Heartbeat.objects.filter(name=token).exclude(beat_at=_NEVER).values_list("beat_at", flat=True).first()
    )


def cluster_started(token: str, host: str) -> None:
    """A new cluster: the first tick comes at once, not within the minute."""
    Heartbeat.objects.create(name=token, host=host[:120], beat_at=_NEVER)
    outbox.adopt()
    ensure_schedule()
    wake_tick()


def cluster_ended(token: str) -> None:
    OrmQ.objects.filter(key=f"{QUEUE}@{token}").delete()
    Heartbeat.objects.filter(name=token).delete()


def ensure_schedule() -> None:
    """Keep django-q2's one schedule in order: the tick, every minute. One bad row would stop all, so no other may be."""
    Schedule.objects.exclude(name=TICK).delete()
    soon = timezone.now() + dt.timedelta(minutes=2)
    if (
        Schedule.objects.filter(name=TICK, func=TICK_FUNCTION, next_run__lt=soon, args__isnull=True).count()
        == 1
    ):
        return
    with transaction.atomic():
        Schedule.objects.all().delete()
        Schedule.objects.create(
            name=TICK, func=TICK_FUNCTION, schedule_type=Schedule.MINUTES, minutes=1, repeats=-1
        )


def forget_old_tasks() -> None:
    """django-q2 keeps a row of each task that ran out of time; a week is enough to look into it."""
    Task.objects.filter(stopped__lt=timezone.now() - dt.timedelta(days=7)).delete()


# --- The tick ------------------------------------------------------------------------------------------------
_tick_functions: dict[str, Callable[[], object]] = {}


def on_tick(name: str, func: Callable[[], object]) -> None:
    """Call `func()` with every tick, about once a minute. It may run twice at a time, and must be short."""
    _tick_functions[name] = func


def tick() -> None:
    """Once a minute: take back what dead workers held, wake what is due, run what is scheduled."""
    steps: list[tuple[str, Callable[[], object]]] = [
        ("adopt", outbox.adopt),
        ("reap", outbox.reap),
        ("schedules", schedules.run_due),
        *_tick_functions.items(),
        ("wake", wake_due),
        ("alive", lambda: _mark_alive(TICK)),
    ]
    for name, step in steps:
        try:
            step()
        except Exception as error:
            log_failure(logger, f"tick: {name}", error)


def wake_due() -> None:
    """Queue a look at every kind of work that has something due."""
    for kind in outbox.kinds():
        try:
            if outbox.is_due(kind):
                wake(kind.name)
        except Exception as error:
            log_failure(logger, f"tick: is {kind.name} due", error)


# --- Jobs with progress --------------------------------------------------------------------------------------
class Paused(Exception):
    """Raised by `JobContext.report` when the slice of a long job is over. Let it pass.

    A handler may raise it too, to be called again after so many seconds and hold no worker until then.
    """

    def __init__(self, after: float = 0) -> None:
        super().__init__(f"{after:g} s")
        self.after = after


@dataclass
class JobContext:
    """What a job handler gets. `payload` holds ids and positions only, never personal data."""

    job: Job
    batch: "outbox.Batch[Job]"
    started: float = field(default_factory=time.monotonic)
    _reported: float = 0.0
    _extended: float = field(default_factory=time.monotonic)

    @property
    def subject_id(self) -> int | None:
        return self.job.subject_id

    @property
    def payload(self) -> dict[str, Any]:
        payload: dict[str, Any] = self.job.payload
        return payload

    def save(self, **payload: Any) -> None:
        """Keep values over a kill or a pause; in the transaction of the work itself they can never disagree with it."""
        self.job.payload = {**self.payload, **payload}
        self._write(payload=self.job.payload)

    def report(self, done: int, total: int | None = None) -> None:
        """Show progress (twice a second at most) and keep the lease.

        Call it often, right after a position was saved and outside transactions: it ends the slice of a job that has
        had its minute, by raising `Paused`. The handler is then called again, and carries on from what it saved.
        """
        now = time.monotonic()
        if now - self._reported >= 0.5 or done == total:
            self._reported = now
            self.job.progress_done, self.job.progress_total = done, total
            self._write(progress_done=done, progress_total=total)
        if now - self._extended > self.batch.kind.lease_seconds / 4:
            self.extend_lease()
        if connection.in_atomic_block:
            return
        beat()
        if done != total and (stopping() or now - self.started > JOB_SLICE_SECONDS):
            raise Paused

    def extend_lease(self) -> None:
        """Needed only by a handler that reports less than once a minute."""
        self._extended = time.monotonic()
        if not self.batch.extend([self.job]):
            raise LeaseLost

    def _write(self, **columns: Any) -> None:
        if not Job.objects.filter(pk=self.job.pk, owner=self.batch.owner).update(**columns):
            raise LeaseLost


@dataclass(frozen=True)
class _Handler:
    func: Callable[[JobContext], object]
    long: bool
    on_failed: Callable[[Job], object] | None
    retry_by_hand: Callable[[Job, Any], object] | None


_handlers: dict[str, _Handler] = {}


def handler(
    kind: str,
    *,
    long: bool = False,
    on_failed: Callable[[Job], object] | None = None,
    retry_by_hand: Callable[[Job, Any], object] | None = None,
) -> Callable[[Callable[[JobContext], object]], Callable[[JobContext], object]]:
    """Declare the function that does jobs of `kind`.

    It may be called again after a kill, so it starts from what it saved. `Refused` fails the job with its message; any
    other error is tried again, five times in all. `long` jobs leave at least one worker to others. `on_failed(job)` is
    called when the job failed for good, with `job.error`. `retry_by_hand(job, actor)` is how an administrator tries a
    failed job again where that takes more than the job itself: it makes whatever new job is needed.
    """

    def decorate(func: Callable[[JobContext], object]) -> Callable[[JobContext], object]:
        _handlers[kind] = _Handler(func, long, on_failed, retry_by_hand)
        return func

    return decorate


def submit(
    kind: str,
    subject_id: int | None = None,
    *,
    key: str = "",
    payload: dict[str, Any] | None = None,
    requested_by: int | None = None,
) -> Job:
    """Queue a job in the caller's transaction. With a `key`, the same job is never queued twice: the first is returned."""
    if kind not in _handlers:
        raise LookupError(f"No handler for jobs of kind {kind!r}")
    key = key or f"{kind}:{uuid.uuid4().hex}"
    outbox.add(
        [Job(key=key, kind=kind, subject_id=subject_id, payload=payload or {}, requested_by=requested_by)]
    )
    wake(LONG_JOB if _handlers[kind].long else JOB)
    return Job.objects.get(key=key)


JOB = "job"
LONG_JOB = "long_job"


def _long_kinds() -> Q:
    return Q(kind__in=[kind for kind, entry in _handlers.items() if entry.long])


def _work_jobs(batch: "outbox.Batch[Job]") -> None:
    for job in batch.rows:
        entry = _handlers.get(job.kind)
        if entry is None:
            batch.fail([job], "Nothing in this version does this kind of job.")
            continue
        try:
            entry.func(JobContext(job, batch))
            batch.done([job])
        except Paused as pause:
            batch.release([job], after=pause.after)
            wake(batch.kind.name, after=pause.after)
        except LeaseLost:
            batch.forget([job])
        except Refused as refusal:
            batch.fail([job], refusal.message)
            job.error = refusal.message
            _job_failed(job)
        except Exception as error:
            log_failure(logger, f"job {job.kind}", error)
            batch.retry([job], error)


def _job_failed(job: Job) -> None:
    entry = _handlers.get(job.kind)
    if entry is not None and entry.on_failed is not None:
        try:
            with transaction.atomic():
                entry.on_failed(job)
        except Exception as error:
            log_failure(logger, f"job {job.kind}: on_failed", error)


def _retry_by_hand(job: Job, actor: Any) -> None:
    entry = _handlers.get(job.kind)
    same = Job.objects.filter(pk=job.pk)
    if entry is None or entry.retry_by_hand is None:
        outbox.retry_by_hand(same)
        return
    entry.retry_by_hand(job, actor)
    same.update(state=outbox.State.CANCELLED, error="Another job carries on with it", finished_at=Now())


def register_job_kinds() -> None:
    """Called when the apps are ready; also what the tests call after a reset."""
    options: dict[str, Any] = {
        "batch": 1, "lease_seconds": 150, "idempotent": True, "on_dead": _job_failed, "order_by": ("next_at", "id"),
        "retry_by_hand": _retry_by_hand,
    }  # fmt: skip
    outbox.register(outbox.Kind(JOB, Job, _work_jobs, scope=lambda: ~_long_kinds(), **options))
    outbox.register(
        outbox.Kind(LONG_JOB, Job, _work_jobs, scope=_long_kinds, max_running=settings.LONG_JOBS, **options)
    )
