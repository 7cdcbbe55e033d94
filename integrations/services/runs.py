"""Runs as rows: beginning, pausing, ending them, and what a schedule begins by itself. The work is in integrations/pulling.py.

A connection has at most one open run; the database holds that (integrations_syncrun_one_open). Whoever changes a run holds
its connection's row first, then the run's.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from core import clock, jobs
from core.errors import Refused
from integrations import queries, registry
from integrations.domain import OPEN_RUNS, ConnectionState, RunKind, RunState
from integrations.models import Connection, HookDelivery, SyncRun
from integrations.services import notices
from team import queries as team_queries
from team.models import User

PULL = "integrations.pull"
DELIVERY = "hook_delivery"
FETCH = "answer_fetch"
# Runs that fail one after the other before the connection counts as broken; a refused credential breaks it at once.
FAILURES = 3
RESCAN_HOUR = 3
CANCELLED_WORDS = "Stopped by a person."
# What `SyncRun.position` says of the survey at hand: where in its window, and the patience there is left with it.
PLACE = ("cursor", "seen", "repeats", "empty", "expiries", "polling_since", "days", "share")


def open_run(connection: Connection) -> SyncRun | None:
    """The pull that is queued, at work, waiting or paused."""
    return SyncRun.objects.filter(connection=connection, state__in=OPEN_RUNS).first()


@transaction.atomic
def start(
    connection: Connection,
    *,
    kind: RunKind,
    requested_by: User | None = None,
    since: dt.datetime | None = None,
    onward: SyncRun | None = None,
) -> SyncRun:
    """Queue a run. Refuses while another is open. Unless a window is given, one that failed is carried on with: `onward`, or
    the one that is left unfinished."""
    if open_run(connection) is not None:
        raise _running()
    now = clock.now()
    run = SyncRun(connection=connection, kind=kind, since=since, until=now, requested_by=requested_by)
    if onward is None and kind in {RunKind.SCHEDULED, RunKind.BY_HAND, RunKind.FIRST}:
        onward = queries.unfinished(connection)
    if onward is not None:
        run.kind, run.since, run.until = onward.kind, onward.since, onward.until
        run.position, run.continues, run.total = _onward(onward.position), onward, None
    try:
        with transaction.atomic():
            run.save()
    except IntegrityError:
        raise _running() from None
    _submit(run)
    return run


@transaction.atomic
def carry_on_failed(run: SyncRun, *, requested_by: User) -> SyncRun:
    """A run that failed goes on where it stopped, as a run of its own."""
    left = queries.unfinished(run.connection)
    if left is None or left.pk != run.pk:
        raise Refused(
            "This run is not left to be carried on: a later one has read what it did not.", code="not_left"
        )
    return start(run.connection, kind=RunKind(run.kind), requested_by=requested_by, onward=run)


def _onward(position: Mapping[str, Any]) -> dict[str, Any]:
    """Where a run goes on that carries on with a failed one: at its place, with new patience. What was gone is looked for
    again: an address may have been mended since."""
    kept = {key: value for key, value in position.items() if key == "cursor" or key not in PLACE}
    gone = kept.pop("gone", [])
    kept["done"] = [pk for pk in kept.get("done", []) if pk not in gone]
    return kept


def _running() -> Refused:
    return Refused("A run is at work already. Wait for its end, or stop it.", code="running")


def _submit(run: SyncRun) -> None:
    number = int(run.job_key.rpartition(":")[2] or 0) + 1 if run.job_key else 1
    run.job_key = f"{PULL}:{run.pk}:{number}"
    SyncRun.objects.filter(pk=run.pk).update(job_key=run.job_key)
    jobs.submit(PULL, subject_id=run.pk, key=run.job_key, requested_by=run.requested_by_id)


def pause_open(connection: Connection) -> None:
    """The open run stops after its page and stays where it is."""
    SyncRun.objects.filter(connection=connection, state__in=OPEN_RUNS).update(
        state=RunState.PAUSED, waits_until=None
    )


def cancel_open(connection: Connection) -> None:
    SyncRun.objects.filter(connection=connection, state__in=OPEN_RUNS).update(
        state=RunState.CANCELLED, waits_until=None, finished_at=clock.now(), error=CANCELLED_WORDS
    )


@transaction.atomic
def carry_on(run: SyncRun) -> SyncRun:
    """A paused run goes on where it was."""
    held: SyncRun = SyncRun.objects.select_for_update(of=("self",), no_key=True).get(pk=run.pk)
    if held.state != RunState.PAUSED:
        raise Refused("This run is not paused.", code="not_paused")
    held.state, held.retries, held.trouble_since, held.error = RunState.QUEUED, 0, None, ""
    held.save(update_fields=["state", "retries", "trouble_since", "error"])
    _submit(held)
    return held


# --- Ends ----------------------------------------------------------------------------------------------------
@transaction.atomic
def finish(run: SyncRun) -> None:
    """The run read its whole window."""
    held = _hold_connection(run)
    now = clock.now()
    run.state, run.finished_at, run.waits_until, run.error = RunState.DONE, now, None, ""
    run.save(update_fields=["state", "finished_at", "waits_until", "error"])
    if run.kind == RunKind.REREAD:
        return  # it says nothing of the other side
    is_first = held.first_sync_at is None
    held.last_sync_at, held.failures, held.last_error, held.last_error_at = now, 0, "", None
    if is_first:
        held.first_sync_at = now
    held.save(update_fields=["last_sync_at", "failures", "last_error", "last_error_at", "first_sync_at"])
    if held.state == ConnectionState.ACTIVE:
        _plan_next(held, now)
    if is_first:
        notices.queue(notices.Mail.FIRST_SYNC, held, run=run)


@transaction.atomic
def fail(run: SyncRun, words: str, *, breaks: bool = False) -> None:
    """The run stops with an error in words. `breaks`: only a person can help; so do several failures in a row."""
    held = _hold_connection(run)
    now = clock.now()
    run.state, run.finished_at, run.waits_until, run.error = RunState.FAILED, now, None, words[:500]
    run.save(update_fields=["state", "finished_at", "waits_until", "error"])
    if held.state == ConnectionState.DISCONNECTED or run.kind == RunKind.REREAD:
        return
    held.failures += 1
    held.last_error, held.last_error_at = words[:500], now
    held.save(update_fields=["failures", "last_error", "last_error_at"])
    if breaks or held.failures >= FAILURES:
        break_connection(held, words)
    elif held.state == ConnectionState.ACTIVE:
        _plan_next(held, now)


def break_connection(held: Connection, words: str) -> None:
    """Nothing more is pulled until a person acts; the one who connected it gets a mail. `held` is locked by the caller."""
    if held.state != ConnectionState.ACTIVE:
        return
    now = clock.now()
    held.state, held.broken_since, held.next_run_at = ConnectionState.BROKEN, now, None
    held.last_error, held.last_error_at = words[:500], now
    held.save(update_fields=["state", "broken_since", "next_run_at", "last_error", "last_error_at"])
    notices.queue(notices.Mail.BROKEN, held)


def _plan_next(held: Connection, now: dt.datetime) -> None:
    held.next_run_at = now + dt.timedelta(minutes=held.every_minutes)
    held.save(update_fields=["next_run_at"])


def _hold_connection(run: SyncRun) -> Connection:
    return Connection.objects.select_for_update(of=("self",), no_key=True).get(pk=run.connection_id)


# --- By itself -----------------------------------------------------------------------------------------------
def start_due() -> int:
    """With every tick: begin the runs that are due; returns how many."""
    now = clock.now()
    due = Connection.objects.filter(state=ConnectionState.ACTIVE, next_run_at__lte=now).order_by(
        "next_run_at"
    )
    started = 0
    for pk in list(due.values_list("pk", flat=True)[:200]):
        with transaction.atomic():
            held = Connection.objects.select_for_update(of=("self",), no_key=True).get(pk=pk)
            if held.state != ConnectionState.ACTIVE or open_run(held) is not None:
                continue
            # First what was left unfinished; the nightly reading comes with the next run.
            is_rescan = queries.unfinished(held) is None and _wants_rescan(held, now)
            start(held, kind=RunKind.RESCAN if is_rescan else RunKind.SCHEDULED)
            _plan_next(held, now)
            started += 1
    return started


def _wants_rescan(held: Connection, now: dt.datetime) -> bool:
    """Once a night, for a source that cannot tell what changed. It reads what is new as well."""
    system = registry.all_systems().get(held.system)
    here = now.astimezone(team_queries.zone())
    if system is None or system.rescan is None or held.first_sync_at is None or here.hour < RESCAN_HOUR:
        return False
    if held.rescanned_on == here.date():
        return False
    held.rescanned_on = here.date()
    held.save(update_fields=["rescanned_on"])
    return True


def patience() -> dt.timedelta:
    """How long a run waits for a source that has trouble before a person is asked to look."""
    return dt.timedelta(hours=settings.CONNECTION_PATIENCE_HOURS)


def release_deliveries(connection: Connection) -> None:
    """What came in while it was paused is taken in now."""
    if HookDelivery.objects.filter(connection=connection, state="pending").exists():
        jobs.wake(DELIVERY)
    jobs.wake(FETCH)
