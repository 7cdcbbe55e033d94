"""Starting back-tests and working them off, a day at a time."""

import datetime as dt

from django.db import transaction
from django.db.models import F, Min

from accounts.models import Contract
from core import clock, jobs
from core.errors import Invalid, Refused
from core.models import Job
from surveys.insight import rollups
from team import audit
from team.models import User
from workflows.health import backtest, versions
from workflows.health.backtest_domain import HORIZONS, Against, BackTestState, evaluation_days
from workflows.health.discrimination import LEAST_OUTCOMES
from workflows.models import BackTest, BackTestDay, HealthVersion

JOB = "workflows.backtest"
UNDER_WAY = (BackTestState.WAITING, BackTestState.RUNNING)


@transaction.atomic
def start(
    *, horizon_days: int, against: str, actor: User | None, version: HealthVersion | None = None,
    since: dt.date | None = None,
) -> BackTest:  # fmt: skip
    """Queue a replay of `version` (the one in force) over the evaluation days since `since` (the first contract).

    Refuses where there is nothing to replay, or while another back-test is under way.
    """
    if horizon_days not in HORIZONS:
        raise Invalid("Look 90 or 180 days ahead.", field="horizon_days")
    if against not in set(Against):
        raise Invalid("Hold it against churn, or against churn and downgrades.", field="against")
    version = version or versions.in_force()
    if version is None:
        raise Refused("There is no health configuration yet. Save one first.", code="no_configuration")
    if BackTest.objects.filter(state__in=UNDER_WAY).exists():
        raise Refused("Another back-test is under way. Wait until it is done.", code="under_way")
    first = Contract.objects.aggregate(first=Min("starts_on"))["first"]
    if first is None:
        raise Refused(
            "There are no contracts, so nobody can have left. Bring contracts in with their outcomes first.",
            code="no_contracts",
        )
    days = evaluation_days(rollups.today(), max(since or first, first), horizon_days)
    if not days:
        raise Refused(
            f"The history is shorter than {horizon_days} days, so no stretch of it is over. Choose a later day to ask"
            " again, or the shorter horizon.",
            field="horizon_days",
            code="too_short",
        )
    made = BackTest.objects.create(
        version=version,
        against=against,
        horizon_days=horizon_days,
        since=days[0],
        days=[day.isoformat() for day in days],
        requested_by=actor,
        requested_at=clock.now(),
    )
    jobs.submit(JOB, subject_id=made.pk, key=f"{JOB}:{made.pk}", requested_by=actor.pk if actor else None)
    audit.record(action="backtest.started", actor=actor, obj=made, horizon=horizon_days)
    return made


def _work(job: jobs.JobContext) -> None:
    """Evaluate the days that are not kept yet, then sum up. After a kill it goes on with the next day."""
    test = BackTest.objects.select_related("version").filter(pk=job.subject_id or 0).first()
    if test is None or test.state not in UNDER_WAY:
        return
    BackTest.objects.filter(pk=test.pk).update(state=BackTestState.RUNNING)
    config = versions.config_of(test.version)
    days = [dt.date.fromisoformat(day) for day in test.days]
    kept = set(BackTestDay.objects.filter(backtest=test).values_list("day", flat=True))
    for day in days:
        if day in kept:
            continue
        rows = backtest.evaluate(config, day, horizon=test.horizon_days, against=Against(test.against))
        with transaction.atomic():
            BackTestDay.objects.create(backtest=test, day=day, rows=backtest.packed(rows))
            BackTest.objects.filter(pk=test.pk).update(days_done=F("days_done") + 1)
        kept.add(day)
        job.report(len(kept), len(days) + 1)
    job.extend_lease()
    _sum_up(test)
    job.report(len(days) + 1, len(days) + 1)


def _sum_up(test: BackTest) -> None:
    config = versions.config_of(test.version)
    stored = BackTestDay.objects.filter(backtest=test).order_by("day").values_list("day", "rows")
    days = [(day, backtest.unpacked(rows)) for day, rows in stored.iterator()]
    found = backtest.results(config, days)
    suggested = {} if found["is_refused"] else backtest.suggestion(config, days)
    with transaction.atomic():
        BackTest.objects.filter(pk=test.pk).update(
            state=BackTestState.REFUSED if found["is_refused"] else BackTestState.DONE,
            results=found,
            suggestion=suggested,
            outcomes=found["left"],
            evaluations=found["evaluations"],
            error=_refusal(found) if found["is_refused"] else "",
            finished_at=clock.now(),
        )
        BackTestDay.objects.filter(backtest=test).delete()


def _refusal(found: dict[str, object]) -> str:
    return (
        f"Only {found['left']} of those with a score left, and {LEAST_OUTCOMES} are needed: a score of middling worth"
        f" (AUC .70) would be known to ±{found['half_width']:.2f} at best, which fits a good one and a coin alike."
    )


def _failed(job: Job) -> None:
    BackTest.objects.filter(pk=job.subject_id or 0, state__in=UNDER_WAY).update(
        state=BackTestState.FAILED, error=job.error[:500], finished_at=clock.now()
    )


def register() -> None:
    jobs.handler(JOB, long=True, on_failed=_failed)(_work)
