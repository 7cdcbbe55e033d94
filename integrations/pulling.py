"""The job that reads a window from a source, page by page, and can be ended and begun again at any moment.

For each page: ask, then in one transaction take the answers in, count them, and save where to ask next. A kill in between
repeats one page, to no effect. What the source says wrong is answered like this:

- not now (429, 5xx, no line): the run waits, as long as it was told to or longer and longer, without holding a worker; after
  NPS_CONNECTION_PATIENCE_HOURS a person is asked to look.
- our credentials are refused: the connection is broken at once.
- the cursor is no longer known: the window begins again.
- something unusable, pages that repeat, a cursor that stands still: the run stops and says so; the next one goes on there.
"""

import datetime as dt
import hashlib
import logging
import time
from collections.abc import Mapping
from typing import Any

from django.db import OperationalError, connection, transaction

from core import clock, jobs
from core.errors import Refused
from integrations import intake, progress, registry
from integrations.contract import AccessDenied, Ask, CursorExpired, Gone, Page, Trouble, TryLater, Unusable
from integrations.domain import LineKind, Result, RunKind, RunState
from integrations.intake import Line, Tally
from integrations.models import ConnectedSurvey, RawAnswer, SyncRun
from integrations.records import Status
from integrations.rereading import Rereading, Stopped
from integrations.services import lines, runs
from surveys.models import Response
from surveys.services import responses

logger = logging.getLogger(__name__)
MAX_WAIT = 3_600.0
# An export that is still being made after so long will not come.
MAX_POLLING = dt.timedelta(hours=6)
# Windows that began anew because the source forgot the cursor, before that is called a fault.
MAX_EXPIRIES = 3
PAGES_REMEMBERED = 30
# Pages in a row that hold no answer, before the source is taken to go on for ever.
MAX_EMPTY_PAGES = 2_000
# A rescan that finds fewer than this share of what is known says more about the source's listing than about its answers.
PLAUSIBLE = 0.5
_ATTEMPTS = 4


class _Stopped(Exception):
    """Somebody paused or cancelled the run, or another job has it now."""


def _gave_up(job: Any) -> None:
    """Five attempts ended in an error of ours."""
    run = SyncRun.objects.filter(pk=job.subject_id or 0, job_key=job.key).first()
    if run is not None and run.is_open and run.state != RunState.PAUSED:
        runs.fail(run, "It stopped five times with an error of ours; the log of the server says more.")


@jobs.handler(runs.PULL, long=True, on_failed=_gave_up)
def pull(job: jobs.JobContext) -> None:
    """Do, or carry on with, one run."""
    run = SyncRun.objects.select_related("connection").filter(pk=job.subject_id or 0).first()
    if run is None or run.job_key != job.job.key:
        return
    work = Rereading(run, job).work if run.kind == RunKind.REREAD else _Pull(run, job).work
    try:
        work()
    except (_Stopped, Stopped):
        return


class _Pull:
    def __init__(self, run: SyncRun, job: jobs.JobContext) -> None:
        self._asked_at = clock.now()
        self.run = run
        self.job = job
        self.connection = run.connection
        self.began = self.extended = time.monotonic()

    # -- The whole --
    def work(self) -> None:
        self._begin()
        try:
            for survey in (
                self.connection.surveys.filter(is_enabled=True).select_related("survey").order_by("pk")
            ):
                if str(survey.pk) not in self._position("done", []):
                    self._read(survey)
            self._end()
        except TryLater as trouble:
            self._wait(trouble)
        except AccessDenied as trouble:
            self._fail(trouble.message, breaks=True)
        except (Trouble, Refused) as trouble:
            if isinstance(trouble, Unusable) and self.run.continues_id is not None and self.run.pages == 0:
                self._forget_place()  # the second run in a row that comes to no page from there
            self._fail(trouble.message)

    def _position(self, key: str, default: Any) -> Any:
        return self.run.position.get(key, default)

    def _begin(self) -> None:
        with transaction.atomic():
            held = self._hold((RunState.QUEUED, RunState.RUNNING, RunState.WAITING))
            held.state, held.waits_until = RunState.RUNNING, None
            held.started_at = held.started_at or clock.now()
            # When the first of the runs that read this window together began: what they listed since is there.
            held.position.setdefault("began", held.started_at.isoformat())
            held.save(update_fields=["state", "waits_until", "started_at", "position"])

    def _hold(self, states: tuple[RunState, ...] = (RunState.RUNNING,)) -> SyncRun:
        """The run's row, locked, if it is still ours to work on."""
        rows = SyncRun.objects.select_for_update(of=("self",), no_key=True).filter(pk=self.run.pk)
        held: SyncRun | None = rows.first()
        if held is None or held.state not in states or held.job_key != self.job.job.key:
            raise _Stopped
        held.connection = self.connection
        self.run = held
        return held

    def _end(self) -> None:
        with transaction.atomic():
            gone = self._position("gone", [])
            if gone and len(gone) == len(self._position("done", [])):
                raise Gone("None of the chosen surveys exists over there any more. Choose others.")
            # The connection's row first, as everywhere; `finish` and `fail` take it.
            if SyncRun.objects.filter(
                pk=self.run.pk, state=RunState.RUNNING, job_key=self.job.job.key
            ).exists():
                runs.finish(self.run)
        self.job.report(self.run.received, self.run.received)

    # -- One survey --
    def _read(self, survey: ConnectedSurvey) -> None:
        system = registry.get(self.connection.system)
        line = lines.open_line(self.connection, survey=survey, pause=self._nap)
        while True:
            ask = Ask(
                survey_id=survey.remote_id,
                since=self._since(survey),
                until=self.run.until,
                cursor=self._position("cursor", None),
            )
            self._asked_at = clock.now()
            try:
                page = system.pull(line, ask)
            except CursorExpired:
                self._begin_again()
                continue
            except Gone as gone:
                self._leave(survey, gone)
                return
            self._look_at(page, ask)
            is_last = self._take(page, survey)
            self.job.report(self.run.received, self.run.total)
            if is_last:
                return
            if page.wait > 0:
                self._rest(page.wait)

    def _since(self, survey: ConnectedSurvey) -> dt.datetime | None:
        """From when on: kept with the position, so that a window stays what it was when it began."""
        kept = self._position("since", {})
        if str(survey.pk) in kept:
            said = kept[str(survey.pk)]
            return dt.datetime.fromisoformat(said) if said else None
        system = registry.get(self.connection.system)
        since = survey.synced_until - system.overlap if survey.synced_until else None
        if self.run.since is not None:
            since = self.run.since
        elif self.run.kind == RunKind.RESCAN and system.rescan is not None:
            window = self.run.until - system.rescan
            since = window if since is None else min(window, since)
        elif self.run.kind == RunKind.FIRST or since is None:
            since = self.connection.history_since
        self.run.position["since"] = {**kept, str(survey.pk): since.isoformat() if since else ""}
        return since

    def _look_at(self, page: Page, ask: Ask) -> None:
        """Refuse pages that lead nowhere."""
        now = clock.now()
        if page.cursor is None:
            return
        if page.wait > 0 and not page.records:
            since = self._position("polling_since", "") or now.isoformat()
            self.run.position["polling_since"] = since
            if now - dt.datetime.fromisoformat(since) > MAX_POLLING:
                self._forget_place()
                raise Unusable("The export that was asked for did not come within six hours.")
            return
        self.run.position.pop("polling_since", None)
        if ask.cursor is not None and dict(page.cursor) == dict(ask.cursor):
            raise Unusable("The pages do not advance: after one page the same place was named again.")
        if page.records:
            seen = self._position("seen", [])
            mark = _mark([record.external_id for record in page.records])
            repeats = self._position("repeats", 0) + 1 if mark in seen else 0
            if repeats > 1:
                raise Unusable(
                    "The pages repeat: the same answers came three times in a row under new places."
                )
            self.run.position["repeats"] = repeats
            self.run.position["seen"] = [*seen, mark][-PAGES_REMEMBERED:]
            self.run.position.pop("empty", None)
            return
        empty = self._position("empty", 0) + 1
        if empty > MAX_EMPTY_PAGES:
            raise Unusable(f"{MAX_EMPTY_PAGES:,} pages in a row came without an answer and without an end.")
        self.run.position["empty"] = empty

    def _take(self, page: Page, survey: ConnectedSurvey) -> bool:
        """Take a page in and save the place behind it, in one transaction; True when it was the last."""
        position = {**self.run.position}
        for attempt in range(_ATTEMPTS):
            try:
                with transaction.atomic():
                    self._take_once(page, survey, position)
                break
            except OperationalError as error:
                # The database let another transaction go first. Nothing was written.
                if attempt + 1 == _ATTEMPTS or connection.in_atomic_block or not _may_repeat(error):
                    raise
        return page.cursor is None

    def _take_once(self, page: Page, survey: ConnectedSurvey, position: Mapping[str, Any]) -> None:
        run = self._hold()
        run.position = {**position}
        tally = intake.take_in(
            self.connection,
            page.records,
            run=run,
            is_history=self._is_history(),
            is_listing=True,
            asked_at=self._asked_at,
        )
        tally.lines += [Line(LineKind.NOTE, "", note) for note in page.notes]
        run.position["cursor"] = dict(page.cursor) if page.cursor is not None else None
        if page.total is not None:
            run.position["totals"] = {**run.position.get("totals", {}), str(survey.pk): page.total}
        times = [at for record in page.records if (at := record.responded_at or record.updated_at)]
        run.position["days"] = progress.read_on(run.position.get("days", {}), times)
        if page.cursor is None:
            self._close(survey, tally)
        intake.log(run, tally)
        run.pages += 1
        run.total = self._total()
        run.position["share"] = self._share(survey) if run.total is None else None
        run.retries, run.trouble_since, run.error = 0, None, ""
        now = time.monotonic()
        run.busy_seconds += now - self.began
        self.began = now
        run.save()

    def _is_history(self) -> bool:
        return self.run.kind in {RunKind.FIRST, RunKind.BACKFILL}

    def _total(self) -> int | None:
        """How many there will be in all, as far as every source said; what is done counts as it was."""
        totals = self._position("totals", {})
        wanted = {
            str(pk) for pk in self.connection.surveys.filter(is_enabled=True).values_list("pk", flat=True)
        }
        return min(max(sum(totals.values()), self.run.received), 2**31 - 1) if wanted <= set(totals) else None

    def _share(self, survey: ConnectedSurvey) -> float | None:
        """The part of all windows that was read, as far as the days of the answers tell."""
        of_this = progress.share(self._position("days", {}), since=self._since(survey), until=self.run.until)
        number = self.connection.surveys.filter(is_enabled=True).count()
        return (
            None
            if of_this is None
            else min((len(self._position("done", [])) + of_this) / max(number, 1), 1.0)
        )

    def _close(self, survey: ConnectedSurvey, tally: Tally) -> None:
        """A survey's window was read to its end."""
        position = self.run.position
        position["done"] = [*position.get("done", []), str(survey.pk)]
        for key in runs.PLACE:
            position.pop(key, None)
        totals = position.get("totals", {})
        if str(survey.pk) not in totals:
            counted = self.run.received + tally.counts["received"] - sum(totals.values())
            position["totals"] = {**totals, str(survey.pk): max(counted, 0)}
        if self.run.kind == RunKind.RESCAN:
            self._miss(survey, tally)
        if survey.synced_until is None or survey.synced_until < self.run.until:
            ConnectedSurvey.objects.filter(pk=survey.pk).update(synced_until=self.run.until)

    def _miss(self, survey: ConnectedSurvey, tally: Tally) -> None:
        """What the source no longer lists is gone there: deleted, or anonymised away. Only if the list is plausible."""
        system = registry.get(self.connection.system)
        since = self._since(survey)
        if system.rescan is None or since is None:
            return
        if not system.missing_is_gone:
            ConnectedSurvey.objects.filter(pk=survey.pk).update(rescanned_at=clock.now())
            return
        began = dt.datetime.fromisoformat(self._position("began", ""))
        # A day inside the window: what was created before and answered after its edge need not be listed.
        known = RawAnswer.objects.filter(
            connection=self.connection,
            response__isnull=False,
            response__deleted_upstream_at__isnull=True,
            responded_at__gte=since + dt.timedelta(days=1),
            responded_at__lt=self.run.until - system.overlap,
        )
        if survey.remote_id:
            known = known.filter(remote_survey=survey.remote_id)
        missing = known.filter(seen_at__lt=began)
        number, of = missing.count(), known.count()
        ConnectedSurvey.objects.filter(pk=survey.pk).update(rescanned_at=clock.now())
        if not number:
            return
        if of - number < of * PLAUSIBLE:
            tally.lines.append(
                Line(
                    LineKind.NOTE, "",
                    f"Of {of:,} answers that are known, the source listed {of - number:,}. That is too few to believe that the"
                    " others were deleted there, so they stay.",
                )
            )  # fmt: skip
            return
        while rows := list(missing.order_by("pk").values_list("pk", "response_id", "external_id")[:500]):
            responses.mark_deleted_upstream(
                responses=Response.objects.filter(pk__in=[response_id for _, response_id, _ in rows])
            )
            RawAnswer.objects.filter(pk__in=[pk for pk, _, _ in rows]).update(
                status=Status.DELETED, result=Result.DELETED, run=self.run
            )
            tally.counts["deleted"] += len(rows)
            tally.lines += [
                Line(LineKind.DELETED, key, "The source no longer lists it; it counts no more.", "", pk)
                for _, pk, key in rows
            ]

    def _leave(self, survey: ConnectedSurvey, gone: Gone) -> None:
        """A survey that is not there any more does not keep the others from being read."""
        with transaction.atomic():
            run = self._hold()
            tally = Tally()
            tally.lines.append(Line(LineKind.NOTE, "", f"{survey} could not be read: {gone.message}"))
            intake.log(run, tally)
            position = run.position
            position["done"] = [*position.get("done", []), str(survey.pk)]
            position["gone"] = [*position.get("gone", []), str(survey.pk)]
            for key in runs.PLACE:
                position.pop(key, None)
            run.save()

    # -- Waits and ends --
    def _nap(self, seconds: float) -> None:
        """Keep a pace without being taken for dead."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 20.0))
            jobs.beat()
            if time.monotonic() - self.extended > 30:
                self.extended = time.monotonic()
                self.job.extend_lease()

    def _begin_again(self) -> None:
        with transaction.atomic():
            run = self._hold()
            expiries = run.position.get("expiries", 0) + 1
            if expiries > MAX_EXPIRIES:
                raise Unusable("The source forgets again and again where we are, before the end is reached.")
            for key in runs.PLACE:
                run.position.pop(key, None)
            run.position["expiries"] = expiries
            tally = Tally()
            tally.lines.append(
                Line(
                    LineKind.NOTE,
                    "",
                    "The source forgot where we were; the window is read again from its beginning.",
                )
            )
            intake.log(run, tally)
            run.save()

    def _forget_place(self) -> None:
        """The place leads nowhere, so the next run begins this survey's window again instead of failing there for ever."""
        with transaction.atomic():
            run = self._hold()
            for key in runs.PLACE:
                run.position.pop(key, None)
            run.save(update_fields=["position"])

    def _rest(self, seconds: float) -> None:
        """Come back later, as the source wishes, without holding a worker."""
        with transaction.atomic():
            run = self._hold()
            run.state = RunState.WAITING
            run.waits_until = clock.now() + dt.timedelta(seconds=seconds)
            run.save()
        raise jobs.Paused(min(seconds, MAX_WAIT))

    def _wait(self, trouble: TryLater) -> None:
        now = clock.now()
        with transaction.atomic():
            run = self._hold()
            run.retries += 1
            run.trouble_since = run.trouble_since or now
            is_over = now - run.trouble_since >= runs.patience()
            after = trouble.after if trouble.after is not None else min(30.0 * 2 ** (run.retries - 1), 900.0)
            after = min(max(after, 1.0), MAX_WAIT)
            run.error = trouble.message[:500]
            if not is_over:
                run.state, run.waits_until = RunState.WAITING, now + dt.timedelta(seconds=after)
            run.save()
        if is_over:
            hours = int(runs.patience().total_seconds() // 3600)
            self._fail(f"For {hours} hours nothing could be read: {trouble.message}", breaks=True)
            return
        raise jobs.Paused(after)

    def _fail(self, words: str, *, breaks: bool = False) -> None:
        still_ours = SyncRun.objects.filter(
            pk=self.run.pk, job_key=self.job.job.key, state=RunState.RUNNING
        ).exists()
        if still_ours:
            logger.warning("Connection %s, run %s: %s", self.connection.pk, self.run.pk, words)
            self.run = SyncRun.objects.get(pk=self.run.pk)
            runs.fail(self.run, words, breaks=breaks)


def _mark(ids: list[str]) -> str:
    return hashlib.blake2b("\n".join(sorted(ids)).encode("utf-8", "replace"), digest_size=8).hexdigest()


def _may_repeat(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", "") in {"40P01", "40001"}
