"""What a person does with an import: upload, say how it is read and mapped, check, start, stop, carry on, take back, delete."""

import datetime as dt
import json
import re
import unicodedata
import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from accounts.domain import ImportState
from accounts.imports import reading, running, targets, workbooks
from accounts.imports.mapping import Columns
from accounts.imports.reading import Dialect, Reader, Scan
from accounts.imports.targets import Look
from accounts.models import Import, ImportRow
from core import clock, jobs
from core.errors import Invalid, Refused
from team import audit
from team.models import User

WORKING = frozenset({ImportState.CHECKING, ImportState.RUNNING})
# The answers a mapping may be changed in; afterwards rows have been written by it.
OPEN = frozenset({ImportState.UPLOADED, ImportState.CHECKED})


def upload_import(*, file: "UploadedFile[Any]", target: str, actor: User) -> Import:
    """Take a file in: its kind is judged by its bytes, its digest taken, dialect and mapping proposed.

    Refuses what is neither CSV nor an Excel workbook, is larger than NPS_MAX_IMPORT_BYTES, or has no header.
    """
    targets.named(target)
    refuse_too_large(file.size or 0)
    scan = Scan()
    for chunk in file.chunks():
        scan.feed(chunk)
        refuse_too_large(scan.size)
    scan.feed(b"", final=True)
    run = Import(
        target=target, file_name=plain_file_name(file.name or ""), byte_size=scan.size, sha256=scan.sha256
    )
    run.created_by, run.created_at = actor, clock.now()
    try:
        if workbooks.is_packed(scan.head):
            _store_sheets(run, file)
            dialect = _dialect_of_sheet(run)
        else:
            reading.refuse_other_types(scan.head)
            dialect = reading.guess(scan)
            file.seek(0)
            run.file.name = _store(run, file)
        _settle_questions(run, dialect, _look(run, dialect), fresh=True)
        with transaction.atomic():
            run.save()
            audit.record(action="import.uploaded", actor=actor, obj=run, target=target, bytes=scan.size)
    except BaseException:
        for name in _stored_names(run):
            run.file.storage.delete(name)
        raise
    return run


def _store(run: Import, file: Any) -> str:
    """Storage never sees the name it was uploaded under."""
    return str(run.file.storage.save(f"imports/{uuid.uuid4().hex}.csv", file))


def _store_sheets(run: Import, file: "UploadedFile[Any]") -> None:
    """Keep each sheet as CSV; the fullest one is proposed, for notes and legends are short."""
    with workbooks.converted(file) as found:
        for sheet, path in found:
            with path.open("rb") as csv_file:
                run.sheets.append({**sheet.as_json(), "file": _store(run, File(csv_file))})
    run.file.name = max(run.sheets, key=lambda sheet: int(sheet["rows"]))["file"]


def _dialect_of_sheet(run: Import) -> Dialect:
    """Cells of a workbook have a type: only their texts can leave dates and decimals open."""
    scan = Scan()
    with run.file.storage.open(run.file.name or "", "rb") as file:
        scan.feed(file.read(reading.HEAD))
    scan.feed(b"", final=True)
    form = reading.guess_form(scan.head.decode("utf-8", "ignore"), ",")
    return Dialect(form=form, numbered="rows")


def _stored_names(run: Import) -> list[str]:
    names = [str(sheet["file"]) for sheet in run.sheets]
    return names if not run.file.name or run.file.name in names else [run.file.name, *names]


def too_large_text() -> str:
    megabytes = settings.MAX_IMPORT_BYTES / 1_000_000
    return f"The file is larger than {megabytes:,.0f} MB. Part it into several files, or leave out columns that are not needed."


def refuse_too_large(size: int) -> None:
    if size > settings.MAX_IMPORT_BYTES:
        raise Invalid(too_large_text(), field="file", code="too_large", status=413)


def plain_file_name(name: str) -> str:
    """The name as a page may show it: no folders, no invisible or direction-changing characters."""
    base = re.split(r"[/\\]", name)[-1]
    base = "".join(c for c in base if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn"}).strip()
    return base[:200] or "file.csv"


def look(run: Import, dialect: Dialect | None = None) -> Look:
    """Headers and sample values as the file reads in that dialect."""
    return _look(run, dialect or Dialect.of(run.dialect))


def _look(run: Import, dialect: Dialect) -> Look:
    if not run.file.name:
        raise Refused("The uploaded file has been deleted. Upload it again.")
    with run.file.storage.open(run.file.name, "rb") as file:
        reader = Reader(file, dialect)
        samples = reading.sample_columns(reader, len(reader.headers))
        return Look(reader.headers, samples, reader.ids, reader.notes, reader.zone, dialect.form)


def _settle_questions(run: Import, dialect: Dialect, seen: Look, *, fresh: bool) -> None:
    """Keep the headers, propose a mapping, and take over what the sample proves about dates and decimals."""
    target = targets.named(run.target)
    run.headers = seen.headers
    if fresh:
        run.mapping = target.propose(run, seen).as_json()
    for question, proved in target.questions(Columns.of(run.mapping), seen, dialect).items():
        if proved and not getattr(dialect, question):
            setattr(dialect, question, proved)
    run.dialect = dialect.as_json()


@transaction.atomic
def change_dialect(*, run: Import, dialect: Dialect, actor: User) -> Import:
    """Read the file another way; the mapping is proposed anew where that changes the columns."""
    held = _hold(run, OPEN)
    seen = _look(held, dialect)
    _settle_questions(held, dialect, seen, fresh=seen.headers != held.headers)
    _reset(held)
    held.save()
    return held


@transaction.atomic
def choose_sheet(*, run: Import, number: int, actor: User) -> Import:
    """Read another sheet of the workbook; the mapping is proposed anew."""
    held = _hold(run, OPEN)
    if not 0 <= number < len(held.sheets):
        raise Invalid("Choose one of the workbook's sheets.", field="sheet")
    if not held.file.name:
        raise Refused("The uploaded file has been deleted. Upload it again.")
    held.file.name = held.sheets[number]["file"]
    dialect = _dialect_of_sheet(held)
    _settle_questions(held, dialect, _look(held, dialect), fresh=True)
    _reset(held)
    held.save()
    return held


@transaction.atomic
def start_check(*, run: Import, dialect: Dialect, columns: Columns, actor: User) -> Import:
    """Keep the mapping and have the whole file checked in the background. Refuses a mapping that cannot work."""
    held = _hold(run, OPEN)
    seen = _look(held, dialect)
    targets.named(held.target).check(held, columns, look=seen, dialect=dialect, actor=actor)
    _settle_questions(held, dialect, seen, fresh=False)
    held.mapping, held.dialect = columns.as_json(), dialect.as_json()
    _reset(held)
    _submit(held, ImportState.CHECKING, actor)
    audit.record(action="import.check_started", actor=actor, obj=held, key=columns.key)
    return held


@transaction.atomic
def start_import(*, run: Import, actor: User) -> Import:
    """Write what the check found. Refuses before a check, and twice."""
    held = _hold(run, {ImportState.CHECKED})
    held.mapping = targets.named(held.target).begin(held, Columns.of(held.mapping), actor).as_json()
    _reset(held, keep_check=True)
    _submit(held, ImportState.RUNNING, actor)
    audit.record(action="import.started", actor=actor, obj=held)
    return held


@transaction.atomic
def carry_on(*, run: Import, actor: User) -> Import:
    """Go on behind the last row that was written, after a stop or a failure."""
    held = _hold(run, {ImportState.CANCELLED, ImportState.FAILED})
    if not held.file:
        raise Refused(
            "The uploaded file has been deleted. Upload it again; rows that are in already will be unchanged."
        )
    held.finished_at, held.error = None, ""
    _submit(held, ImportState.RUNNING, actor, is_new=False)
    audit.record(action="import.carried_on", actor=actor, obj=held, rows=held.rows_done)
    return held


@transaction.atomic
def cancel(*, run: Import, actor: User) -> Import:
    """Stop after the batch in hand. What was written stays; a check that is stopped leaves nothing behind."""
    held = _hold(run, WORKING)
    is_check = held.state == ImportState.CHECKING
    if is_check:
        _reset(held)
    held.state = ImportState.UPLOADED if is_check else ImportState.CANCELLED
    held.job_key, held.finished_at = "", None if is_check else clock.now()
    held.save()
    audit.record(action="import.cancelled", actor=actor, obj=held, rows=held.rows_done)
    return held


@transaction.atomic
def take_back(*, run: Import, actor: User) -> Import:
    """Have what an import brought in counted no more, where its target knows how."""
    held = _hold(run, {ImportState.DONE, ImportState.CANCELLED, ImportState.FAILED})
    targets.named(held.target).take_back(held, actor)
    audit.record(action="import.taken_back", actor=actor, obj=held)
    return held


@transaction.atomic
def delete_import(*, run: Import, actor: User) -> None:
    """Delete the file, the refused rows and the entry itself; what was imported stays."""
    held = _hold(run, {state for state in ImportState if state not in WORKING})
    audit.record(action="import.deleted", actor=actor, obj=held)
    _drop_file(held)
    held.delete()


def note_download(*, run: Import, actor: User) -> None:
    audit.record(action="import.refused_downloaded", actor=actor, obj=run, count=run.refused_count)


@transaction.atomic
def clear_old(today: dt.date) -> int:
    """Every day: files older than NPS_IMPORT_KEEP_DAYS go, with all cells taken from them; counts stay."""
    before = clock.now() - dt.timedelta(days=settings.IMPORT_KEEP_DAYS)
    old = (
        Import.objects.select_for_update()
        .filter(cleared_at=None, created_at__lt=before)
        .exclude(state__in=WORKING)
    )
    count = 0
    for run in old.order_by("pk")[:500]:
        _drop_file(run)
        ImportRow.objects.filter(run=run).delete()
        run.headers, run.cleared_at = [], clock.now()
        run.checked = {key: run.checked[key] for key in ("counts", "at", "by") if key in run.checked}
        if run.state in OPEN:
            run.state, run.finished_at = ImportState.CANCELLED, clock.now()
        run.save()
        audit.record(action="import.cleared", actor=None, obj=run)
        count += 1
    return count


@transaction.atomic
def forget(texts: Sequence[str]) -> None:
    """Somebody was erased: refused rows and samples in which one of these texts stands go, and so do the files of imports
    that are over; other files go by their age (`clear_old`)."""
    needles = {form for text in texts if text for form in (text, json.dumps(text)[1:-1])}
    if needles:
        for model, name in ((ImportRow, "cells"), (Import, "checked")):
            rows: Any = model._base_manager.annotate(_text=Cast(name, TextField()))
            hit = Q(pk__in=[])
            for needle in needles:
                hit |= Q(_text__icontains=needle)
            if model is ImportRow:
                rows.filter(hit).delete()
                continue
            for run in rows.filter(hit):
                run.checked = {key: value for key, value in run.checked.items() if key != "samples"}
                run.save(update_fields=["checked"])
    over = Import.objects.select_for_update().filter(state=ImportState.DONE)
    for run in over.exclude(file="").order_by("pk"):
        _drop_file(run)
        run.save(update_fields=["file"])


def _drop_file(run: Import) -> None:
    """The file goes when the deletion is certain."""
    names, storage = _stored_names(run), run.file.storage
    run.file, run.sheets = "", []
    for name in names:
        transaction.on_commit(partial(storage.delete, name))


def _hold(run: Import, states: Any) -> Import:
    held = Import.objects.select_for_update().get(pk=run.pk)
    if held.state not in states:
        raise Refused(
            _MOVED.get(ImportState(held.state), "This import is at another step by now."), code="wrong_step"
        )
    return held


_MOVED = {
    ImportState.UPLOADED: "The file has to be checked first.",
    ImportState.CHECKING: "The file is being checked at the moment. Wait for it, or stop it first.",
    ImportState.CHECKED: "Nothing of this file is being imported.",
    ImportState.RUNNING: "The import is running. Wait for it, or stop it first.",
    ImportState.DONE: "This import is finished.",
    ImportState.CANCELLED: "This import was stopped.",
    ImportState.FAILED: "This import has failed.",
}


def _reset(held: Import, *, keep_check: bool = False) -> None:
    """Back to the first row."""
    ImportRow.objects.filter(run=held).delete()
    held.position = held.rows_done = 0
    held.created_count = held.updated_count = held.unchanged_count = held.refused_count = 0
    held.accounts_created = held.unmatched_count = 0
    held.finished_at, held.error, held.job_key = None, "", ""
    if not keep_check:
        held.rows_total, held.checked, held.state = 0, {}, ImportState.UPLOADED


def _submit(held: Import, state: ImportState, actor: User, *, is_new: bool = True) -> None:
    job = jobs.submit(running.JOB, held.pk, requested_by=actor.pk, payload={"position": held.position})
    held.state, held.job_key = state, job.key
    if is_new or held.started_at is None:
        held.started_at = clock.now()
    held.save()
