"""The job: a file from where it stands to its end, batch by batch, checked or written.

The check runs the same code over the whole file and writes nothing but its findings. Position, counts, refused rows and
the rows themselves are one transaction, so after a kill the next worker goes on exactly behind the last batch.
"""

import itertools
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import IntegrityError, OperationalError, connection, transaction

from accounts.domain import ImportState
from accounts.imports import summary, targets
from accounts.imports.checking import REFUSED, Plan, Prepared
from accounts.imports.reading import Dialect, Reader
from accounts.imports.targets import Judge
from accounts.models import Import, ImportRow
from core import bulk, clock, jobs
from core.errors import Refused
from core.models import Job
from team import audit
from team.models import User
from team.permissions import can_import

logger = logging.getLogger(__name__)
JOB = "accounts.import"
BATCH = 1000
TRIES = 4
# One import writes at a time: two of the same file would each make the accounts that have no unique name.
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('accounts.import'))"


class _Stopped(Exception):
    """The import was cancelled, or another job has taken it over."""


def register() -> None:
    jobs.handler(JOB, long=True, on_failed=_failed, retry_by_hand=_carry_on)(work)


def _carry_on(job: Job, actor: User) -> None:
    """An administrator has a failed import go on, like the button on its page."""
    from accounts.imports import services

    run = Import.objects.filter(pk=job.subject_id or 0, state=ImportState.FAILED).first()
    later = Job.objects.filter(kind=JOB, subject_id=job.subject_id, pk__gt=job.pk)
    if run is None or later.exists():
        raise Refused("This import has moved on. Its own page says where it stands.")
    services.carry_on(run=run, actor=actor)


def work(job: jobs.JobContext) -> None:
    run = Import.objects.filter(pk=job.subject_id or 0, job_key=job.job.key).first()
    if run is None or run.state not in {ImportState.CHECKING, ImportState.RUNNING}:
        return
    actor = User.objects.filter(pk=job.job.requested_by or 0).first()
    if actor is None or not can_import(actor):
        raise Refused("The person who started this may not import any more. Nothing more has been written.")
    try:
        if not run.rows_total:
            _count(run, job)
        _go_through(run, actor, job)
    except _Stopped:
        return


def _open(run: Import) -> Any:
    if not run.file:
        raise Refused("The uploaded file has been deleted. Upload it again.")
    try:
        return run.file.open("rb")
    except FileNotFoundError:
        raise Refused("The uploaded file is no longer in the file store. Upload it again.") from None


def _count(run: Import, job: jobs.JobContext) -> None:
    """Once through the file: it must be readable to its end before anything is judged, and progress needs a total."""
    total = 0
    with _open(run) as file:
        reader = Reader(file, Dialect.of(run.dialect))
        inspector = targets.named(run.target).inspector(run, reader)
        for row in reader:
            total += 1
            if inspector is not None:
                inspector.see(row)
            if total % 50_000 == 0:
                job.extend_lease()
    if not total:
        raise Refused("The file has column names but no rows.")
    if inspector is not None:
        inspector.settle()
    run.rows_total = total
    Import.objects.filter(pk=run.pk).update(rows_total=total)


def _go_through(run: Import, actor: User, job: jobs.JobContext) -> None:
    with _open(run) as file:
        reader = Reader(file, Dialect.of(run.dialect))
        judge = targets.named(run.target).judge(run, actor, reader)
        rows = iter(reader)
        for number, row in enumerate(itertools.islice(rows, run.position), start=1):
            judge.remember(row)
            if number % 50_000 == 0:
                job.extend_lease()
        position = run.position
        for prepared in _one_ahead(lambda: judge.prepare(itertools.islice(rows, BATCH))):
            position += len(prepared)
            _one_batch(run, judge, prepared, actor, job, position=position)
            job.report(position, run.rows_total)
    _finish(run, actor, job)


def _one_ahead(prepare: Callable[[], list[Prepared]]) -> Iterator[list[Prepared]]:
    """Read and clean the next batch while the database is busy with this one; it needs no database itself."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="import-read") as reader:
        coming = reader.submit(prepare)
        while batch := coming.result():
            coming = reader.submit(prepare)
            yield batch


def _one_batch(
    run: Import, judge: Judge, prepared: list[Prepared], actor: User, job: jobs.JobContext, *, position: int
) -> None:
    """A batch and its position in one transaction; once more when somebody wrote the same rows at the same moment."""
    is_check = run.state == ImportState.CHECKING
    for attempt in range(1, TRIES + 1):
        try:
            plan = judge.preview(prepared) if is_check else None
            with transaction.atomic():
                held = _hold(run, job)
                if plan is None:
                    if connection.vendor == "postgresql":
                        with connection.cursor() as cursor:
                            cursor.execute(_LOCK)
                    plan = judge.carry_out(prepared)
                _note(held, plan, is_check, judge)
                held.position = held.rows_done = position
                held.save(update_fields=_KEPT)
                job.save(position=position)
            return
        except (IntegrityError, OperationalError):
            judge.forget_accounts()
            if attempt == TRIES:
                raise


_KEPT = [
    "position", "rows_done", "created_count", "updated_count", "unchanged_count", "refused_count", "accounts_created",
    "unmatched_count", "checked",
]  # fmt: skip


def _hold(run: Import, job: jobs.JobContext) -> Import:
    """The import, locked, if it is still this job's to go on with."""
    held = Import.objects.select_for_update().filter(pk=run.pk, job_key=job.job.key, state=run.state).first()
    if held is None:
        raise _Stopped
    return held


def _note(held: Import, plan: Plan, is_check: bool, judge: Judge) -> None:
    """Counts, first rows and refused rows of a batch."""
    held.created_count += plan.count("created")
    held.updated_count += plan.count("updated")
    held.unchanged_count += plan.count("unchanged")
    held.refused_count += plan.count(REFUSED)
    held.accounts_created += len(plan.new_accounts)
    held.unmatched_count += plan.unmatched
    if is_check:
        judge.add_samples(held.checked, plan)
    refused = [
        ImportRow(
            run=held,
            line=decision.row.line,
            reason=decision.reason.replace("\x00", "")[:300],
            # PostgreSQL's JSON cannot hold the null character.
            cells=[cell.replace("\x00", "") for cell in decision.row.cells],
        )
        for decision in plan.decisions
        if decision.state == REFUSED
    ]
    bulk.insert(ImportRow, refused)


def _finish(run: Import, actor: User, job: jobs.JobContext) -> None:
    with transaction.atomic():
        held = _hold(run, job)
        now = clock.now()
        is_check = held.state == ImportState.CHECKING
        counts: dict[str, Any] = summary.counts_of(held)
        if is_check:
            held.checked = {**held.checked, "counts": counts, "at": now.isoformat(), "by": actor.pk}
            held.state = ImportState.CHECKED
        else:
            held.state = ImportState.DONE
        held.finished_at, held.job_key, held.error = now, "", ""
        held.save(update_fields=["state", "checked", "finished_at", "job_key", "error"])
        audit.record(
            action="import.checked" if is_check else "import.finished", actor=actor, obj=held, **counts
        )
    run.state = held.state


def _failed(job: Job) -> None:
    """The job was given up: say so on the import. What was written stays; the rest can be gone on with."""
    held = Import.objects.select_for_update().filter(pk=job.subject_id or 0, job_key=job.key).first()
    if held is None:
        return
    is_check = held.state == ImportState.CHECKING
    held.state = ImportState.UPLOADED if is_check else ImportState.FAILED
    # A refusal is a sentence; anything else begins with the name of an error.
    is_unexpected = job.error.partition(":")[0].isidentifier()
    held.error = (
        "It stopped because of an unexpected error; the log has the details." if is_unexpected else job.error
    )
    held.finished_at, held.job_key = clock.now(), ""
    held.save(update_fields=["state", "error", "finished_at", "job_key"])
    audit.record(
        action="import.failed", actor=User.objects.filter(pk=job.requested_by or 0).first(), obj=held
    )
