"""Alarms that have been looking for half a year, lists that somebody keeps, and a back-test."""

import datetime as dt

from accounts import extend
from accounts.models import Segment
from team.models import User
from workflows.alarms.evidence import Direction
from workflows.health.backtest_domain import Against
from workflows.models import Alarm
from workflows.services import alarms, backtests

WEEKS = 26
KEPT = ("detractors_without_contact", "quiet_accounts", "red_with_renewal")


def fill(lead: User) -> None:
    for key in KEPT:
        one = extend.registered.ready_lists.get(key)
        if one is not None:
            Segment.objects.get_or_create(
                name=one.name, target=one.target, defaults={"conditions": one.conditions, "owner": lead}
            )
    middle = Segment.objects.filter(name="Mid-market", target="account").first()
    _watch(lead, name="All customers", direction=Direction.FALL, threshold=8, min_n=100)
    _watch(
        lead, name="Any change by quarter", direction=Direction.BOTH, threshold=5, min_n=100, every_weeks=13
    )
    if middle is not None:
        _watch(lead, name=middle.name, segment=middle, threshold=10, min_n=30)
    # Ten days to replay: the worker needs a second or two for it once the demo runs.
    backtests.start(horizon_days=180, against=Against.CHURN_OR_DOWNGRADE, actor=lead)


def _watch(lead: User, **values: object) -> None:
    """An alarm with the looks of half a year; only the one of today would tell anybody."""
    alarm = Alarm.objects.create(created_by=lead, assignee=lead, **values)
    last = alarms.last_full_day()
    step = 7 * alarm.every_weeks
    for back in range(WEEKS * 7 // step, -1, -1):
        alarms.look(alarm=alarm, day=last - dt.timedelta(days=step * back), is_quiet=back > 0)
