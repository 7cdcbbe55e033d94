"""From what a source says to an answer of ours: every record of every system goes through `take_in`, in one transaction.

What is promised, for each record:

- The same words again change nothing, and an older version than the one known (by the source's own time) neither; so a
  page, a delivery or a whole window may be taken in any number of times, and its records in any order.
- It is taken only into the survey that was chosen for it, and only where metric and scale are that survey's own.
- Declined, test and scoreless ones never become an answer; deleted ones count no more, also where the news of it came before
  the answer (which is then kept as deleted), and count again should the source show them again; excluded ones are excluded with a reason and restored when the source includes them again.
- A source may correct its own answers, also after our edit window: what it says is what was answered.
- Who was erased here is not taken in again.
- Whatever becomes of it, it is counted, and what was not simply taken in has a line that says why.
"""

import datetime as dt
import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import connection as database
from django.db import models

from accounts.domain import Origin
from core import bulk, clock
from integrations.contract import Role
from integrations.domain import LineKind, Result
from integrations.models import ConnectedSurvey, Connection, RawAnswer, RunLine, SyncRun
from integrations.records import Metric, Record, Status
from surveys import domain, ingest
from surveys.choices import Channel, Identity
from surveys.models import Response
from surveys.services import responses

FRESH = dt.timedelta(days=7)
EXCLUDED_REASON = "Excluded at the source"
MAX_PROPERTIES = 60
MAX_PROPERTY = 200
MAX_PAYLOAD = 200_000
_SLICE = 500
_DEPTH = 40
_NOT_ANSWERED = {
    Status.DECLINED: "The person declined to answer.",
    Status.DISQUALIFIED: "The source disqualified the person.",
    Status.OVERQUOTA: "The source had enough answers of this kind.",
}
_CHANNELS = {
    "email": Channel.EMAIL,
    "mail": Channel.EMAIL,
    "sms": Channel.SMS,
    "text": Channel.SMS,
    "link": Channel.LINK,
    "url": Channel.LINK,
    "web": Channel.IN_APP,
    "in_app": Channel.IN_APP,
    "in-app": Channel.IN_APP,
    "inapp": Channel.IN_APP,
    "widget": Channel.IN_APP,
    "mobile": Channel.IN_APP,
    "mobile_sdk": Channel.IN_APP,
    "sdk": Channel.IN_APP,
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log, before it has a row."""

    kind: LineKind
    external_id: str
    message: str
    field: str = ""
    response_id: int | None = None


@dataclass(slots=True)
class Tally:
    """What became of some records."""

    counts: Counter[str] = field(default_factory=Counter)
    lines: list[Line] = field(default_factory=list)

    def note(self, result: Result, line: Line | None = None) -> None:
        self.counts[result] += 1
        if line is not None:
            self.lines.append(line)


@dataclass(slots=True)
class _Case:
    """One record on its way: what is known of it, and what is to be done."""

    record: Record
    known: RawAnswer | None
    digest: str
    target: ConnectedSurvey | None = None
    answer: ingest.Answer | None = None
    result: Result | None = None
    response_id: int | None = None
    afterwards: str = ""
    comes_deleted: bool = False


def take_in(
    connection: Connection,
    records: Sequence[Record],
    *,
    run: SyncRun | None,
    is_history: bool,
    is_listing: bool,
    is_kept: bool = False,
    asked_at: dt.datetime | None = None,
    now: dt.datetime | None = None,
) -> Tally:
    """Take records in; the caller holds a transaction. `is_history`: none of them is news, however fresh. `is_listing`: the
    source lists them as they are now (a pull), as against telling what happened (a delivery), which may come late.
    `is_kept`: they were read again from what is kept here, which is the newest that is known, and the source said nothing;
    then the time of an answer is corrected too, as it may have been read from the wrong place.
    `asked_at`: when the listing was asked for; a deletion that was heard of since is newer than the listing."""
    now = now or clock.now()
    take_turns(connection)
    tally = Tally()
    tally.counts["received"] = len(records)
    cases = _cases(connection, records, tally, now)
    targets = {row.remote_id: row for row in connection.surveys.select_related("survey")}
    _adopt(connection, cases, targets, tally)
    mapping = _Mapping(connection, targets.values())
    for case in cases:
        case.comes_deleted = _comes_deleted(case, is_listing=is_listing, asked_at=asked_at)
        _decide(
            case, connection, targets, mapping, tally, now,
            is_history=is_history, is_listing=is_listing, is_kept=is_kept,
        )  # fmt: skip
    _ingest([case for case in cases if case.answer is not None], tally)
    if is_kept:
        _set_times(cases, tally)
    _settle(cases)
    _remember(connection, cases, run, now, is_kept=is_kept)
    return tally


_LOCK = 730_411


def take_turns(held: Connection) -> None:
    """One at a time for a connection, until the transaction ends: what is decided here is decided on what is known. Who reads
    what is kept before taking it in comes here first."""
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, held.pk % 2**31])


# --- What is known -------------------------------------------------------------------------------------------
def _cases(connection: Connection, records: Sequence[Record], tally: Tally, now: dt.datetime) -> list[_Case]:
    """One case for each answer: of several versions in one page the newest, and of those without a time the last."""
    newest: dict[str, Record] = {}
    for record in records:
        if not is_id(record.external_id):
            tally.note(
                Result.REFUSED,
                Line(
                    LineKind.REFUSED, "", "The answer has no usable id (1 to 200 characters).", "external_id"
                ),
            )
            continue
        other = newest.get(record.external_id)
        if other is not None:
            tally.note(Result.UNCHANGED)
            if _is_older(record.updated_at, other.updated_at):
                continue
        newest[record.external_id] = record
    known: dict[str, RawAnswer] = {}
    ids = list(newest)
    for start in range(0, len(ids), _SLICE):
        rows = (
            RawAnswer.objects.filter(connection=connection, external_id__in=ids[start : start + _SLICE])
            .defer("payload")
            .order_by("external_id")
            .select_for_update(of=("self",), no_key=True)
        )
        known.update({row.external_id: row for row in rows})
    cases = [_Case(record, known.get(key), "") for key, record in newest.items()]
    for case in cases:
        case.response_id = case.known.response_id if case.known else None
    return cases


def _target_of(record: Record, targets: Mapping[str, ConnectedSurvey]) -> ConnectedSurvey | None:
    return targets.get(record.survey_id) or targets.get("")


def _adopt(
    connection: Connection, cases: Sequence[_Case], targets: Mapping[str, ConnectedSurvey], tally: Tally
) -> None:
    """Answers that came in as a file of the same system, whose source is the system's bare key, are ours from now on."""
    metrics: dict[str, str] = {}
    for case in cases:
        target = _target_of(case.record, targets)
        if (
            case.response_id is None
            and not (case.known and case.known.is_erased)
            and target
            and target.is_enabled
        ):
            metrics[case.record.external_id] = target.survey.metric
    adopted = (
        responses.adopt_responses(metrics=metrics, source=connection.system, into=connection.source)
        if metrics
        else {}
    )
    for case in cases:
        case.response_id = adopted.get(case.record.external_id, case.response_id)
    if adopted:
        number = f"{len(adopted):,} answers" if len(adopted) > 1 else "1 answer"
        tally.lines.append(
            Line(
                LineKind.NOTE,
                "",
                f"{number} had come in as a file before; from now on this connection keeps them.",
            )
        )


def is_id(text: str) -> bool:
    """Whether an answer can be known by it."""
    return 0 < len(text) <= 200 and not any(ord(c) < 32 or 0xD800 <= ord(c) <= 0xDFFF for c in text)


def _is_older(new: dt.datetime | None, old: dt.datetime | None) -> bool:
    return new is not None and old is not None and new < old


def _later(new: dt.datetime | None, old: dt.datetime | None) -> dt.datetime | None:
    """The later of two moments of the source; what is known stays where nothing is said."""
    return max(new, old) if new is not None and old is not None else new or old


class _Mapping:
    """Which properties a person chose for a role that the module itself found nothing for."""

    def __init__(self, connection: Connection, surveys: Iterable[ConnectedSurvey]) -> None:
        self._all = connection.mapping
        self._own = {row.remote_id: row.mapping for row in surveys}

    def value(self, record: Record, target: ConnectedSurvey, role: Role) -> str:
        keys = self._own.get(target.remote_id, {}).get(role) or self._all.get(role) or ()
        for key in keys:
            found = record.properties.get(key)
            if isinstance(found, str | int | float) and not isinstance(found, bool) and str(found).strip():
                return str(found).strip()
        return ""


def _comes_deleted(case: _Case, *, is_listing: bool, asked_at: dt.datetime | None) -> bool:
    """Whether the source had told that this was deleted, and what it says now is from before that."""
    known, record = case.known, case.record
    if known is None or known.status != Status.DELETED or record.status is Status.DELETED:
        return False
    if is_listing and (asked_at is None or known.received_at <= asked_at):
        return False
    return not (
        record.updated_at is not None
        and known.source_updated_at is not None
        and record.updated_at > known.source_updated_at
    )


# --- Deciding ------------------------------------------------------------------------------------------------
def _decide(
    case: _Case,
    connection: Connection,
    targets: Mapping[str, ConnectedSurvey],
    mapping: _Mapping,
    tally: Tally,
    now: dt.datetime,
    *,
    is_history: bool,
    is_listing: bool,
    is_kept: bool,
) -> None:
    record, known = case.record, case.known

    def end(result: Result, kind: LineKind | None = None, message: str = "", field: str = "") -> None:
        case.result = result
        line = Line(kind, record.external_id, message, field, case.response_id) if kind is not None else None
        tally.note(result, line)

    target = case.target = _target_of(record, targets)
    case.digest = _digest(record, target)
    if known is not None and known.is_erased:
        return end(Result.SKIPPED, LineKind.SKIPPED, "The person was erased here; it is not taken in again.")
    is_new_here = case.comes_deleted and case.response_id is None
    is_old = known is not None and _is_older(record.updated_at, known.source_updated_at)
    if is_old and not is_new_here and not is_kept:
        return end(Result.UNCHANGED)
    was_deleted = known is not None and known.status == Status.DELETED
    if case.comes_deleted and not is_new_here:
        return end(Result.UNCHANGED)
    settled = {Result.CREATED, Result.UPDATED, Result.UNCHANGED, Result.DECLINED, Result.DELETED}
    settled |= {Result.EXCLUDED, Result.INCLUDED}
    if known is not None and known.digest == case.digest and known.result in settled and not was_deleted:
        return end(Result.UNCHANGED)
    if record.status is Status.TEST:
        return end(Result.SKIPPED, LineKind.SKIPPED, "A test or preview.")
    if record.status is Status.DELETED:
        case.afterwards = "delete"
        if case.response_id is None:
            return end(Result.SKIPPED, LineKind.SKIPPED, "Deleted at the source before it was known here.")
        return end(Result.DELETED, LineKind.DELETED, "Deleted at the source; it counts no more.")
    if record.status in _NOT_ANSWERED:
        return end(Result.DECLINED, LineKind.DECLINED, _NOT_ANSWERED[record.status])
    if target is None or not target.is_enabled:
        return end(
            Result.SKIPPED, LineKind.SKIPPED, "Its survey was not chosen for this connection.", "survey"
        )
    refusal = _misfit(record, target)
    if refusal:
        return end(Result.REFUSED, LineKind.REFUSED, *refusal)
    if record.score is None:
        if record.trouble:
            return end(Result.REFUSED, LineKind.REFUSED, record.trouble[:500], "score")
        return end(Result.SKIPPED, LineKind.SKIPPED, "There is no score in it.", "score")
    came_at = known.received_at if is_kept and known is not None else None if is_listing else now
    responded_at = record.responded_at or record.updated_at or came_at
    if responded_at is None:
        return end(Result.REFUSED, LineKind.REFUSED, "It does not say when it was answered.", "responded_at")
    if known is not None and known.responded_at is not None and record.responded_at is None:
        responded_at = known.responded_at
    case.answer = _answer(case, connection, target, mapping, responded_at, now, is_history=is_history)
    if is_kept and known is not None:
        newest = _later(record.updated_at, known.source_updated_at)
        case.answer = replace(case.answer, source_updated_at=newest)
    if case.comes_deleted:
        case.afterwards = "delete"
    elif record.status is Status.EXCLUDED:
        case.afterwards = "exclude"
    elif was_deleted:
        case.afterwards = "undelete"
    elif known is not None and known.status == Status.EXCLUDED:
        case.afterwards = "include"
    return None


def _misfit(record: Record, target: ConnectedSurvey) -> tuple[str, str] | None:
    """Why the record cannot count in that survey: metric and scale must be the same, nothing is converted."""
    survey = target.survey
    metric = record.metric
    if metric is Metric.OTHER and target.metric:
        metric = Metric(target.metric)
    if metric != survey.metric:
        said = "neither NPS, CSAT nor CES" if metric is Metric.OTHER else metric.upper()
        return (f"It measures {said}, and {survey.name} {survey.metric.upper()}.", "metric")
    scale = domain.scale(survey.metric)
    if record.score is not None and (record.scale_min, record.scale_max) != (scale.low, scale.high):
        return (
            f"It was answered on a scale from {record.scale_min} to {record.scale_max}; {scale.label} goes from"
            f" {scale.low} to {scale.high}, and nothing is converted.",
            "score",
        )
    return None


def _answer(
    case: _Case,
    connection: Connection,
    target: ConnectedSurvey,
    mapping: _Mapping,
    responded_at: dt.datetime,
    now: dt.datetime,
    *,
    is_history: bool,
) -> ingest.Answer:
    record = case.record
    assert record.score is not None
    person = record.person
    if case.response_id is not None:
        origin = Origin.CORRECTION
    elif is_history or case.comes_deleted or responded_at < now - FRESH:
        origin = Origin.BACKFILL
    else:
        origin = Origin.LIVE

    def who(role: Role, said: str, limit: int) -> str:
        return plain_text(said or mapping.value(record, target, role))[:limit]

    return ingest.Answer(
        survey_id=target.survey_id,
        score=record.score,
        source=connection.source,
        external_id=record.external_id,
        channel=_CHANNELS.get(record.channel.strip().lower(), Channel.API),
        responded_at=responded_at,
        comment=plain_text(record.comment)[: ingest.MAX_COMMENT] if record.comment else None,
        contact_external_id=who(Role.PERSON_ID, person.external_id, 121),
        email=who(Role.EMAIL, person.email, 255),
        name=who(Role.NAME, person.name, 200),
        phone=who(Role.PHONE, person.phone, 40),
        language=plain_text(record.language or mapping.value(record, target, Role.LANGUAGE))[:10],
        completed=record.status is not Status.PARTIAL,
        source_updated_at=record.updated_at,
        origin=origin,
        attributes=flat(record.properties),
    )


def _digest(record: Record, target: ConnectedSurvey | None) -> str:
    """Tells the same words for the same survey again, whatever the form they came in."""
    person = record.person
    said = [
        target.survey_id if target else None, record.metric, record.score, record.scale_min, record.scale_max,
        record.comment or "", record.status, _iso(record.responded_at), _iso(record.updated_at), person.email,
        person.external_id, person.name, person.phone, record.language, record.channel, dict(record.properties),
        record.trouble, target.is_enabled if target else None,
    ]  # fmt: skip
    text = json.dumps(said, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


def _iso(moment: dt.datetime | None) -> str:
    return moment.isoformat() if moment else ""


# --- What may be kept ----------------------------------------------------------------------------------------
def plain_text(text: str) -> str:
    """Text that a database keeps: no NUL, no half of a character."""
    if text.isascii():
        return text.replace("\x00", "")
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def flat(properties: Mapping[str, Any]) -> dict[str, Any]:
    """What the source knew about the person, as attributes of the answer: at most 60 short values, nothing nested.

    Attributes stay when a person is erased, so what names or reaches somebody is left out: it belongs to the contact.
    """
    found: dict[str, Any] = {}
    for key, value in properties.items():
        if len(found) == MAX_PROPERTIES:
            break
        name = plain_text(str(key))[:60]
        if _is_personal(name, value):
            continue
        if isinstance(value, str):
            found[name] = plain_text(value)[:MAX_PROPERTY]
        elif isinstance(value, bool | int | float) and math.isfinite(value):
            found[name] = value
    return found


_PERSONAL = frozenset(
    {
        "name", "firstname", "lastname", "fullname", "surname", "givenname", "familyname", "middlename", "displayname",
        "username", "nickname", "phone", "phonenumber", "mobile", "mobilephone", "telephone", "email", "emailaddress", "address",
        "street", "birthday", "birthdate", "dateofbirth", "ip", "ipaddress", "useragent", "avatar", "comment", "feedback",
    }
)  # fmt: skip
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def _is_personal(name: str, value: Any) -> bool:
    last = re.split(r"[.\[\]\"]+", name.strip(']"'))[-1]
    if re.sub(r"[^a-z]", "", last.lower()) in _PERSONAL:
        return True
    return isinstance(value, str) and _ADDRESS.search(value) is not None


def payload_of(raw: Any) -> Any:
    """The payload as it may be stored as JSON; None for what is too large or too deep to be kept."""
    if raw is None:
        return None
    try:
        text = json.dumps(raw, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None
    if len(text) > MAX_PAYLOAD:
        return None
    if "\\u0000" in text or "\\ud" in text.lower():
        return _scrubbed(raw, 0)
    return raw


def _scrubbed(value: Any, depth: int) -> Any:
    if depth > _DEPTH:
        return None
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, Mapping):
        return {plain_text(str(key)): _scrubbed(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_scrubbed(item, depth + 1) for item in value]
    return value


# --- Doing ---------------------------------------------------------------------------------------------------
def _ingest(cases: Sequence[_Case], tally: Tally) -> None:
    outcomes = ingest.ingest([case.answer for case in cases if case.answer is not None])
    for case, outcome in zip(cases, outcomes, strict=True):
        case.response_id = outcome.response_id or case.response_id
        if outcome.result == "refused":
            case.result, case.afterwards = Result.REFUSED, ""
            tally.note(
                Result.REFUSED,
                Line(
                    LineKind.REFUSED, case.record.external_id, outcome.message[:500], outcome.field,
                    outcome.response_id,
                ),
            )  # fmt: skip
            continue
        case.result = Result(outcome.result)
        if case.comes_deleted:
            case.result = Result.DELETED
            said = "It was deleted at the source before it came; it is kept and counts nowhere."
            tally.note(
                case.result,
                Line(LineKind.DELETED, case.record.external_id, said, response_id=case.response_id),
            )
            continue
        if case.afterwards == "exclude":
            case.result = Result.EXCLUDED
        elif case.afterwards in {"include", "undelete"}:
            case.result = Result.INCLUDED
        tally.note(Result.UPDATED if case.result is Result.INCLUDED else case.result)
        if outcome.result == "created" and outcome.identity == Identity.INBOX:
            tally.counts["unmatched"] += 1
            tally.lines.append(
                Line(
                    LineKind.UNMATCHED, case.record.external_id,
                    "We know nobody by what the source says of the person; it waits in the inbox.",
                    response_id=outcome.response_id,
                )
            )  # fmt: skip


def _set_times(cases: Sequence[_Case], tally: Tally) -> None:
    """When those that were here already were answered, where that was read from another place than before."""
    said = {
        case.response_id: case
        for case in cases
        if case.answer is not None
        and case.response_id is not None
        and case.record.responded_at is not None
        and case.result not in {Result.CREATED, Result.REFUSED}
    }
    corrected = responses.correct_times(
        times={pk: case.record.responded_at for pk, case in said.items() if case.record.responded_at}
    )
    for pk in corrected:
        if said[pk].result is Result.UNCHANGED:
            said[pk].result = Result.UPDATED
            tally.counts[Result.UNCHANGED] -= 1
            tally.counts[Result.UPDATED] += 1


def _settle(cases: Sequence[_Case]) -> None:
    """News about answers as a whole: gone, back, left out."""

    def of(what: str) -> "models.QuerySet[Response]":
        ids = [c.response_id for c in cases if c.afterwards == what and c.response_id is not None]
        return Response.objects.filter(pk__in=ids)

    wanted = {case.afterwards for case in cases}
    if "delete" in wanted:
        responses.mark_deleted_upstream(responses=of("delete"))
    if "undelete" in wanted:
        responses.restore_upstream(responses=of("undelete"))
    if "exclude" in wanted:
        responses.exclude_responses(responses=of("exclude"), reason=EXCLUDED_REASON, actor=None)
    if "include" in wanted:
        # Only what the source itself had left out: a person's own exclusion stands.
        left_out = of("include").filter(excluded_reason=EXCLUDED_REASON)
        responses.restore_responses(responses=left_out, actor=None)


_KEPT = [
    "remote_survey", "status", "source_updated_at", "responded_at", "received_at", "seen_at", "digest", "payload", "result",
    "response", "run",
]  # fmt: skip


def _remember(
    connection: Connection, cases: Sequence[_Case], run: SyncRun | None, now: dt.datetime, *, is_kept: bool
) -> None:
    rows: list[RawAnswer] = []
    seen: list[int] = []
    for case in cases:
        known = case.known
        if known is not None and (case.result is Result.UNCHANGED or known.is_erased):
            if not is_kept:
                seen.append(known.pk)
            if case.answer is None:
                continue
        if case.result is None:
            continue
        record = case.record
        rows.append(
            RawAnswer(
                connection=connection,
                external_id=record.external_id,
                remote_survey=plain_text(record.survey_id)[:200],
                status=Status.DELETED if case.comes_deleted else record.status,
                source_updated_at=_later(record.updated_at, known.source_updated_at if known else None),
                responded_at=record.responded_at or (known.responded_at if known else None),
                received_at=known.received_at if is_kept and known else now,
                seen_at=known.seen_at if is_kept and known else now,
                digest=case.digest,
                payload=payload_of(record.raw),
                result=case.result,
                response_id=case.response_id,
                run=run,
                first_run=run,
            )
        )
    if seen:
        RawAnswer.objects.filter(pk__in=seen, seen_at__lt=now).update(seen_at=now)
    if rows:
        rows.sort(key=lambda row: row.external_id)
        bulk.upsert(RawAnswer, rows, unique=["connection", "external_id"], update=_KEPT)


# --- The log -------------------------------------------------------------------------------------------------
COUNTERS = (
    "received", "created", "updated", "unchanged", "unmatched", "refused", "declined", "skipped", "deleted", "excluded",
)  # fmt: skip
# How many lines of a kind a run keeps; what is above is counted, and listed by `RawAnswer.run`.
MAX_LINES: Mapping[LineKind, int] = {LineKind.REFUSED: 10_000, LineKind.NOTE: 200}
_MAX_OTHER_LINES = 1_000


def log(run: SyncRun, tally: Tally) -> None:
    """Add to the run's counts (without saving them) and write its lines."""
    before = {kind: getattr(run, counter) for kind, counter in _COUNTER_OF.items()}
    for name in COUNTERS:
        setattr(run, name, getattr(run, name) + tally.counts[name])
    rows: list[RunLine] = []
    written: Counter[str] = Counter()
    for line in tally.lines:
        if before.get(line.kind, 0) + written[line.kind] >= MAX_LINES.get(line.kind, _MAX_OTHER_LINES):
            continue
        written[line.kind] += 1
        rows.append(
            RunLine(
                run=run, kind=line.kind, external_id=line.external_id, field=line.field[:40],
                message=line.message[:500], response_id=line.response_id,
            )
        )  # fmt: skip
    RunLine.objects.bulk_create(rows, batch_size=_SLICE)


_COUNTER_OF = {
    LineKind.REFUSED: "refused",
    LineKind.UNMATCHED: "unmatched",
    LineKind.DECLINED: "declined",
    LineKind.SKIPPED: "skipped",
    LineKind.DELETED: "deleted",
}
