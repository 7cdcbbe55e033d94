"""What a rule would have done: the engine's own judgement over past events, day by day, writing nothing but the result.

Conditions read what events recorded, so the verdict on an event is the engine's. How runs stand in each other's way (one
at a time, going through it again, the cap of a day) follows from when steps would have been done: waits by their length,
early ends by the events that cause them, as far as the log tells. Of dates and metrics, what no rule asked for then is not
in the log: it is made up from history (workflows/rules/past.py). Between slices nothing is kept but what was written: every
run that would have started, and every one that something stood in the way of.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from operator import itemgetter

from django.db.models import Q, QuerySet

from accounts import conditions as language
from accounts import timeline
from accounts.conditions import Condition, Kind
from accounts.models import Event
from core import bulk
from core.errors import Refused
from team import queries as team_queries
from workflows.models import DryRun, DryRunHit, Rule
from workflows.rules import catalogue, fields, past
from workflows.rules.course import Courses
from workflows.rules.definition import values_of
from workflows.rules.domain import ACT_WITHIN, Reentry
from workflows.rules.entering import cap_of, is_single, subject_of
from workflows.rules.judging import Answer, Judge, is_actionable
from workflows.rules.past import REBUILT, Past
from workflows.rules.triggers import DATE, RENEWAL
from workflows.rules.verdicts import Verdict

CHUNK = 2_000
DAY = dt.timedelta(days=1)
SURE: frozenset[str] = frozenset()
_COLUMNS = tuple(field.attname for field in Event._meta.concrete_fields)
Heard = tuple[dt.datetime, Event, frozenset[str]]


def rule_of(dry_run: DryRun) -> Rule:
    """The rule as it was in the version that is looked at, or as somebody wants to save it; not to be saved."""
    rule = dry_run.rule
    if dry_run.definition is not None:
        return Rule(pk=rule.pk, key=rule.key, version=dry_run.rule_version, **dry_run.definition)
    if rule.version == dry_run.rule_version:
        return rule
    past = rule.history.filter(version=dry_run.rule_version).order_by("-history_date", "-history_id").first()
    if past is None:
        raise Refused("This version of the rule is no longer kept. Try it again.", code="gone")
    return Rule(pk=rule.pk, key=rule.key, version=past.version, **values_of(past))


# --- Which events --------------------------------------------------------------------------------------------
# What events hold as one word, under the same name: a condition that asks for some of them can be asked of the database
# first. The engine's judgement follows in any case.
_WORDS = {"event.category", "event.channel", "event.from", "event.to", "event.direction", "event.metric"}
_FACTS = {"plan", "segment", "country", "industry", "currency"}


def candidates(
    rule: Rule, *, since: dt.datetime, until: dt.datetime, as_recorded: bool = False
) -> QuerySet[Event]:
    """The events of a window that the rule listens to, without those that cannot fulfil its conditions; by when they
    happened, or with `as_recorded` by when they became known."""
    trigger = catalogue.triggers.get(rule.trigger)
    kinds = trigger.kinds if trigger is not None else ()
    found = Event.objects.filter(*_asked_first(rule), kind__in=kinds)
    if not as_recorded:
        return found.filter(occurred_at__gte=since, occurred_at__lt=until)
    # The index is by when they happened, and what is older when it is recorded is acted on by no rule.
    happened = found.filter(occurred_at__gte=since - ACT_WITHIN, occurred_at__lt=until + DAY)
    return happened.filter(recorded_at__gte=since, recorded_at__lt=until)


def _asked_first(rule: Rule) -> Iterator[Q]:
    """What every event that fulfils the conditions has, as filters."""
    root = language.parse(rule.conditions, fields.known(rule.trigger))
    if root.mode != "all":
        return
    for leaf in root.children:
        if not isinstance(leaf, Condition) or leaf.kind is not Kind.CHOICE or leaf.op != "in":
            continue
        if leaf.field in _WORDS:
            yield Q(**{f"data__{leaf.field.removeprefix('event.')}__in": list(leaf.values)})
        elif leaf.field in _FACTS:
            yield Q(**{f"facts__{leaf.field}__in": list(leaf.values)})


# --- Judging -------------------------------------------------------------------------------------------------
class Rehearsal:
    """One version of a rule over past events in their order. `hit` says what becomes of one event."""

    def __init__(self, dry_run: DryRun, *, keep_alive: Callable[[], object] = lambda: None) -> None:
        """`keep_alive` is called now and then while a day is judged."""
        self.dry_run, self.keep_alive = dry_run, keep_alive
        self.from_history = dry_run.from_history
        self.rule = rule_of(dry_run)
        self.zone = team_queries.zone()
        self.judge = Judge(self.rule)
        self.cap, self.is_single = cap_of(self.rule), is_single(self.rule)
        # The engine acts when an event becomes known, and a date is always found on its morning.
        self.as_recorded = not dry_run.as_if_live or self.rule.trigger in {RENEWAL, DATE}
        self.courses = Courses(self.rule, as_recorded=not dry_run.as_if_live)
        self._past: Past | None = None
        self.causes: set[str] = set()
        self.entered: dict[str, dt.datetime] = {}
        self.busy: dict[str, dt.datetime | None] = {}
        self.started: dict[dt.date, int] = {}
        kept = DryRunHit.objects.filter(dry_run=dry_run).order_by("occurred_at", "pk")
        rows = kept.values_list("cause_key", "account_id", "contact_id", "occurred_at", "ends_at", "verdict")
        for cause, account, contact, at, ends_at, verdict in rows.iterator(chunk_size=CHUNK):
            self._note(cause, self._subject(account, contact), at, ends_at, verdict)

    @property
    def begin(self) -> dt.datetime:
        return self.dry_run.until - self.dry_run.days * DAY

    def days(self, first: int, last: int) -> tuple[list[DryRunHit], int]:
        """What would have happened on the days from `first` to before `last` of the window (0 is the first of all), and
        how many events were judged."""
        hits: list[DryRunHit] = []
        seen = 0
        for batch in _batches(self._heard(self.begin + first * DAY, self.begin + last * DAY)):
            self.keep_alive()
            seen += len(batch)
            hits += [hit for at, event, unsure in batch if (hit := self.hit(event, at, unsure)) is not None]
        self.from_history += sum(hit.event_id is None for hit in hits)
        return hits, seen

    def is_large(self, number: int) -> bool:
        """Whether there are more than so many events to judge, or rows of history to read."""
        found = candidates(
            self.rule, since=self.begin, until=self.dry_run.until, as_recorded=self.as_recorded
        ).order_by()
        return len(found.values_list("pk")[: number + 1]) > number or past.is_large(self.rule, number)

    def _heard(self, since: dt.datetime, until: dt.datetime) -> Iterator[Heard]:
        """Every event of a part of the window as (when the rule hears of it, event, facts not known for sure)."""
        found = candidates(self.rule, since=since, until=until, as_recorded=self.as_recorded)
        order = "recorded_at" if self.as_recorded else "occurred_at"
        rows = found.order_by(order, "pk").values_list(*_COLUMNS).iterator(chunk_size=CHUNK)
        # Read as rows: Django takes longer to make an object of each than the rule takes to judge it.
        events = (timeline.kept(dict(zip(_COLUMNS, row, strict=True))) for row in rows)
        logged: Iterator[Heard] = ((getattr(event, order), event, SURE) for event in events)
        if self.rule.trigger not in REBUILT:
            return logged
        if self._past is None:
            self._past = Past(
                self.rule, since=self.begin, until=self.dry_run.until, as_if_live=self.dry_run.as_if_live,
                keep_alive=self.keep_alive,
            )  # fmt: skip
        rebuilt = ((one.at, one.event, one.unsure) for one in self._past.between(since, until))
        return merge(logged, rebuilt, key=itemgetter(0))

    def hit(self, event: Event, at: dt.datetime, unsure: frozenset[str] = frozenset()) -> DryRunHit | None:
        """What becomes of an event that the rule hears of at a time; None where the rule does not act on it, or its cause
        was acted on before."""
        judged = self._judge(event, unsure)
        if judged is None:
            return None
        cause = self.judge.cause_of(event)
        if cause in self.causes:
            return None
        subject = self._subject(event.account_id, event.contact_id)
        verdict = Verdict.UNKNOWN if judged is Verdict.UNKNOWN else self._stands_in_the_way(subject, at)
        course = self.courses.of(event, at) if verdict in {Verdict.FIRES, Verdict.HELD} else None
        # One that is held waits for somebody to let it go, which nobody can know; what ends it early still does.
        ends_at = course.ends_at if course else None
        if verdict is Verdict.HELD:
            ends_at = self.courses.exit_after(event, at)
        self._note(cause, subject, at, ends_at, verdict)
        return bulk.draft(
            DryRunHit,
            {
                "dry_run_id": self.dry_run.pk,
                "event_id": event.pk,
                "account_id": event.account_id,
                "contact_id": event.contact_id,
                "cause_key": cause,
                "occurred_at": at,
                "verdict": verdict.value,
                "ends_at": ends_at,
                "messages": course.messages if course else 0,
                "withheld": course.withheld if course else "",
            },
        )

    def _judge(self, event: Event, unsure: frozenset[str]) -> Verdict | None:
        if not self.dry_run.as_if_live and not is_actionable(self.rule, event, event.recorded_at):
            return None
        match self.judge.judge(event, unsure).answer:
            case Answer.FIRES:
                return Verdict.FIRES
            case Answer.UNKNOWN:
                return Verdict.UNKNOWN
        return None

    def _stands_in_the_way(self, subject: str, at: dt.datetime) -> Verdict:
        if subject and self.is_single and subject in self.busy:
            ends_at = self.busy[subject]
            if ends_at is None or ends_at > at:
                return Verdict.UNDER_WAY
        if subject and subject in self.entered and self.rule.reentry != Reentry.ALWAYS:
            days = self.rule.reentry_days or 0
            if self.rule.reentry == Reentry.NEVER or at < self.entered[subject] + days * DAY:
                return Verdict.REENTRY
        cap = self.cap
        if cap and self.started.get(at.astimezone(self.zone).date(), 0) >= cap:
            return Verdict.HELD
        return Verdict.FIRES

    def _subject(self, account: int | None, contact: int | None) -> str:
        return subject_of(self.rule.one_run_per, account, contact)

    def _note(
        self, cause: str, subject: str, at: dt.datetime, ends_at: dt.datetime | None, verdict: str
    ) -> None:
        self.causes.add(cause)
        if verdict == Verdict.HELD:
            # It has entered, and stands in the way for as long as nothing ends it.
            self.entered[subject], self.busy[subject] = at, ends_at
        elif verdict == Verdict.FIRES:
            self.entered[subject], self.busy[subject] = at, ends_at
            day = at.astimezone(self.zone).date()
            self.started[day] = self.started.get(day, 0) + 1


def _batches(events: Iterable[Heard]) -> Iterator[list[Heard]]:
    batch: list[Heard] = []
    for event in events:
        batch.append(event)
        if len(batch) >= CHUNK:
            yield batch
            batch = []
    if batch:
        yield batch
