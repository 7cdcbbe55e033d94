"""The job that goes through what is kept of a source's answers and reads them with the options and mapping of now.

It is for systems that only send: what was heard once cannot be asked for again, but it is kept as it came
(`RawAnswer.payload`) for NPS_RAW_ANSWER_DAYS. Read the same way, an answer is unchanged; read otherwise, it is corrected; what
was refused or left out may become an answer now. The source says nothing here, so nothing counts as seen there. Each slice
is one transaction with the place behind it, so a kill repeats nothing, and the whole may be done any number of times.

An answer whose id stands elsewhere now is renamed, so that what the source sends of it later finds it. Where another has that id,
both stay as they are and the log says so: a field that is no id must not make one answer of many.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction

from core import clock, jobs, outbox
from core.errors import Refused
from core.failures import log_failure
from integrations import intake, queries, registry
from integrations.contract import System, Trouble
from integrations.domain import LineKind, Result, RunState
from integrations.intake import Line, Tally
from integrations.line import Line as OpenLine
from integrations.models import RawAnswer, SyncRun
from integrations.records import Record
from integrations.services import lines, runs
from surveys.models import Response
from surveys.services import responses

logger = logging.getLogger(__name__)
SLICE = 200


class Stopped(Exception):
    """Somebody paused or stopped the run, or another job has it now."""


@dataclass(slots=True)
class _Read:
    row: RawAnswer
    records: Sequence[Record]


class Rereading:
    """One run of it."""

    def __init__(self, run: SyncRun, job: jobs.JobContext) -> None:
        self.run = run
        self.job = job
        self.connection = run.connection

    def work(self) -> None:
        """To the end, or until it is stopped (`Stopped`); a `Refused` ends it with its words."""
        self._begin()
        try:
            system = registry.get(self.connection.system)
            line = lines.open_line(self.connection)
            while self._slice(system, line):
                self.job.report(self.run.received, self.run.total)
        except Refused as trouble:
            if self._is_ours():
                runs.fail(self.run, trouble.message)
            return
        with transaction.atomic():
            if self._is_ours():
                runs.finish(self.run)
        self.job.report(self.run.received, self.run.received)

    def _is_ours(self) -> bool:
        mine = SyncRun.objects.filter(pk=self.run.pk, state=RunState.RUNNING, job_key=self.job.job.key)
        return mine.exists()

    def _begin(self) -> None:
        with transaction.atomic():
            run = self._hold((RunState.QUEUED, RunState.RUNNING, RunState.WAITING))
            run.state = RunState.RUNNING
            if run.started_at is None:
                run.started_at = clock.now()
                run.total = queries.kept_answers(self.connection, run.since).count()
                self._wake_unread()
            run.save()

    def _wake_unread(self) -> None:
        """Deliveries that could not be read go the way of all deliveries once more."""
        number = outbox.retry_by_hand(queries.unread_deliveries(self.connection, self.run.since))
        if not number:
            return
        jobs.wake(runs.DELIVERY)
        which = (
            "A delivery that could not be read is"
            if number == 1
            else f"{number:,} deliveries that could not be read are"
        )
        tally = Tally()
        tally.lines.append(
            Line(
                LineKind.NOTE,
                "",
                f"{which} tried again; what becomes of it stands in the log of today’s deliveries.",
            )
        )
        intake.log(self.run, tally)

    def _hold(self, states: tuple[RunState, ...] = (RunState.RUNNING,)) -> SyncRun:
        """The run's row, locked, if it is still ours to work on."""
        rows = SyncRun.objects.select_for_update(of=("self",), no_key=True).filter(pk=self.run.pk)
        held: SyncRun | None = rows.first()
        if held is None or held.state not in states or held.job_key != self.job.job.key:
            raise Stopped
        held.connection = self.connection
        self.run = held
        return held

    def _slice(self, system: System, line: OpenLine) -> bool:
        """Read the next rows; False when there were none left."""
        began = clock.now()
        with transaction.atomic():
            run = self._hold()
            intake.take_turns(self.connection)
            after = int(run.position.get("after", 0))
            rows = list(
                queries.kept_answers(self.connection, run.since).filter(pk__gt=after).order_by("pk")[:SLICE]
            )
            if not rows:
                return False
            tally = Tally()
            found = [one for row in rows if (one := self._read(system, line, row, tally)) is not None]
            records = self._named(found, tally)
            done = intake.take_in(
                self.connection, records, run=run, is_history=True, is_listing=True, is_kept=True
            )
            tally.counts += done.counts
            tally.lines += done.lines
            intake.log(run, tally)
            run.position = {**run.position, "after": rows[-1].pk}
            run.pages += 1
            run.busy_seconds += max((clock.now() - began).total_seconds(), 0.0)
            run.save()
        return True

    def _read(self, system: System, line: OpenLine, row: RawAnswer, tally: Tally) -> _Read | None:
        words = "It could not be read; the log of the server says more."
        try:
            return _Read(row, list(system.reread(line, row.payload)))
        except Trouble as trouble:
            words = trouble.message
        except Exception as error:  # whatever a payload can do to a parser
            log_failure(logger, f"Reading answer {row.pk} of connection {self.connection.pk} again", error)
        tally.counts["received"] += 1
        tally.note(Result.REFUSED, Line(LineKind.REFUSED, row.external_id, words, "", row.response_id))
        return None

    def _named(self, found: Iterable[_Read], tally: Tally) -> list[Record]:
        """The records to take in, after answers whose id stands elsewhere now were given it."""
        found = list(found)
        moved = {
            one.row.pk: one.records[0].external_id
            for one in found
            if len(one.records) == 1 and one.records[0].external_id != one.row.external_id
        }
        wanted = set(moved.values())
        taken = set(
            RawAnswer.objects.filter(connection=self.connection, external_id__in=wanted).values_list(
                "external_id", flat=True
            )
        )
        taken |= set(
            Response.objects.filter(source=self.connection.source, external_id__in=wanted).values_list(
                "external_id", flat=True
            )
        )
        names: dict[str, str] = {}
        renamed: list[RawAnswer] = []
        records: list[Record] = []
        for one in found:
            new = moved.get(one.row.pk)
            if new is None:
                records += one.records
            elif new in taken or not intake.is_id(new):
                tally.counts["received"] += 1
                tally.note(
                    Result.UNCHANGED,
                    Line(LineKind.NOTE, one.row.external_id, _TAKEN, "external_id", one.row.response_id),
                )
            else:
                taken.add(new)
                names[one.row.external_id] = new
                one.row.external_id = new
                renamed.append(one.row)
                records += one.records
        if names:
            RawAnswer.objects.bulk_update(renamed, ["external_id"])
            responses.rename_responses(source=self.connection.source, names=names)
        return records


_TAKEN = "Its id would now be one that another answer has. Both stay as they were: check which field is the answer’s id."
