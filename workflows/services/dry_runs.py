"""Trying a rule on what has happened."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import Count
from django.db.models.functions import Now

from core import bulk, clock, jobs
from core.errors import Invalid, Refused
from core.models import Job
from team.models import User
from workflows.models import DryRun, DryRunHit, Rule
from workflows.rules import checking, dry_run
from workflows.rules.definition import values_of
from workflows.rules.domain import CONFIRM_ABOVE
from workflows.rules.verdicts import DryRunState, Verdict

__all__ = ["CONFIRM_ABOVE", "DAYS", "DAYS_OFFERED", "MAX_DAYS", "start"]

JOB = "workflows.dry_run"
DAYS = 90
DAYS_OFFERED = (30, 90, 180, 365)
MAX_DAYS = 730
REACH_DAYS = 30
KEPT = 3
"""Dry runs of a rule that are kept; older ones go when a new one starts."""

AT_ONCE = 2_000
"""With at most so many events to judge, the answer is there at once and needs no job."""


def start(
    *,
    rule: Rule,
    actor: User,
    days: int = DAYS,
    as_if_live: bool = True,
    definition: Mapping[str, Any] | None = None,
) -> DryRun:
    """Look at the last `days` days with the rule as it is now, or with the values of `definition` in its place. Small
    histories are done when this returns; of large ones the state says how far it is. Writes to nobody and changes nothing
    but its own result."""
    if not 1 <= days <= MAX_DAYS:
        raise Invalid(f"Choose a number of days from 1 to {MAX_DAYS}.", field="days")
    problems = checking.check(definition or values_of(rule)).problems
    if problems:
        raise checking.NotReady(problems)
    with transaction.atomic():
        rule = Rule.objects.select_for_update(of=("self",)).get(pk=rule.pk)
        running = DryRun.objects.filter(
            rule=rule, rule_version=rule.version, state=DryRunState.RUNNING, days=days, as_if_live=as_if_live
        )
        for one in running:
            if one.definition == definition:
                return one
        old = list(DryRun.objects.filter(rule=rule).order_by("-pk").values_list("pk", flat=True)[KEPT - 1 :])
        DryRunHit.objects.filter(dry_run__in=old)._raw_delete(DryRunHit.objects.db)  # nothing points at them
        DryRun.objects.filter(pk__in=old).delete()
        made = DryRun.objects.create(
            rule=rule,
            rule_version=rule.version,
            definition=definition,
            as_if_live=as_if_live,
            until=clock.now(),
            days=days,
            requested_by=actor,
        )
        rehearsal = dry_run.Rehearsal(made)
        if rehearsal.is_large(AT_ONCE):
            jobs.submit(JOB, made.pk, key=f"{JOB}:{made.pk}", requested_by=actor.pk)
            return made
        _do(rehearsal, made, 0, days)
        _finish(made)
    return made


def _failed(job: Job) -> None:
    DryRun.objects.filter(pk=job.subject_id or 0, state=DryRunState.RUNNING).update(
        state=DryRunState.FAILED, error=job.error[:300], finished_at=Now()
    )


@jobs.handler(JOB, long=True, on_failed=_failed)
def carry_on(job: jobs.JobContext) -> None:
    """Judge day after day; a kill or a pause costs the day it was at."""
    if job.subject_id is not None:
        work_off(job.subject_id, keep_alive=job.extend_lease, after_day=job.report)


def work_off(
    pk: int,
    *,
    keep_alive: Callable[[], object] = lambda: None,
    after_day: Callable[[int, int], object] = lambda done, total: None,
) -> None:
    """Do what is left of a dry run. `after_day(done, total)` may raise to end the slice; nothing is done twice."""
    made = DryRun.objects.select_related("rule").filter(pk=pk, state=DryRunState.RUNNING).first()
    if made is None:
        return
    rehearsal = dry_run.Rehearsal(made, keep_alive=keep_alive)
    for number in range(made.days_done, made.days):
        _do(rehearsal, made, number, number + 1)
        after_day(number + 1, made.days + 1)
    _finish(made)


def _do(rehearsal: dry_run.Rehearsal, made: DryRun, first: int, last: int) -> None:
    hits, seen = rehearsal.days(first, last)
    made.days_done, made.events_seen = last, made.events_seen + seen
    made.from_history = rehearsal.from_history
    with transaction.atomic():
        still = DryRun.objects.filter(pk=made.pk, state=DryRunState.RUNNING).update(
            days_done=made.days_done, events_seen=made.events_seen, from_history=made.from_history
        )
        if not still:
            raise Refused("Another look at the past has replaced this one.", code="replaced")
        bulk.insert(DryRunHit, hits)


def _finish(made: DryRun) -> None:
    made.reach, made.state = _reach(made), DryRunState.DONE
    DryRun.objects.filter(pk=made.pk).update(reach=made.reach, state=made.state, finished_at=Now())


def _reach(made: DryRun) -> int:
    """How many people it would have run for in its last 30 days; accounts, where runs are about no person."""
    since = made.until - dt.timedelta(days=REACH_DAYS)
    hits = DryRunHit.objects.filter(
        dry_run=made, verdict__in=(Verdict.FIRES, Verdict.HELD), occurred_at__gte=since
    )
    found = hits.aggregate(people=Count("contact", distinct=True), accounts=Count("account", distinct=True))
    return max(int(found["people"]), int(found["accounts"]))
