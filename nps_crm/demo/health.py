"""How the demo's customers use the product, what their CSMs feel, and the health that comes of it over half a year."""

import datetime as dt
import random
from collections.abc import Mapping, Sequence
from copy import deepcopy
from decimal import Decimal
from typing import Any

from accounts.metric_values import Direction, MetricType
from accounts.models import Account, Metric, MetricPoint
from nps_crm.demo import story
from team import queries as team_queries
from team.models import User
from workflows.health import compute, config, defaults
from workflows.models import HealthSentiment, HealthSnapshot, HealthVersion
from workflows.services import health as services

WEEKS = 27
CHANGED_WEEKS_AGO = 9
SAID = {
    1: "They are looking at others.",
    2: "The reports cost us their patience.",
    3: "Quiet. I do not know.",
    4: "Good talks, they want more seats.",
    5: "They speak for us at fairs.",
}


def fill(
    *,
    rng: random.Random,
    now: dt.datetime,
    accounts: Sequence[Account],
    moods: Mapping[int, story.Mood],
    people: Mapping[str, User],
) -> int:
    """Metrics week by week, what CSMs feel, two versions of the configuration, and a snapshot a week.

    Returns how many points there are.
    """
    defaults.ensure()
    points = _metrics(rng, now, accounts, moods)
    _sentiments(rng, now, accounts, moods)
    first, second = _versions(now, people["lead"])
    _history(now, accounts, first, second)
    compute.recompute(tell=False)
    _override(accounts, people)
    return points


def _metrics(
    rng: random.Random, now: dt.datetime, accounts: Sequence[Account], moods: Mapping[int, story.Mood]
) -> int:
    Metric.objects.filter(key="open_tickets").update(thresholds=[{"side": "above", "value": "8"}])
    users, tickets = Metric.objects.get(key="active_users"), Metric.objects.get(key="open_tickets")
    invoices = Metric.objects.create(
        key="invoices", label="Invoices", type=MetricType.CHOICE, choices=["overdue", "open", "paid"],
        direction=Direction.HIGHER_IS_BETTER,
    )  # fmt: skip
    uptime = Metric.objects.create(key="uptime", label="Uptime", type=MetricType.PERCENT, retention_days=400)
    made: list[MetricPoint] = []

    def add(metric: Metric, account: Account, value: float, at: dt.datetime) -> None:
        made.append(
            MetricPoint(
                metric=metric, account=account, value=Decimal(str(round(value, 1))), observed_at=at, recorded_at=at
            )
        )  # fmt: skip

    for account in accounts:
        mood = moods[account.pk]
        adoption = min(0.95, max(0.08, rng.gauss(0.58, 0.18)))
        # One in nine sends nothing, one in fourteen stopped sending some weeks ago.
        silent, stopped = rng.random() < 0.11, rng.random() < 0.07
        for week in range(WEEKS, -1, -1):
            at = now - dt.timedelta(weeks=week, minutes=rng.randrange(20, 600))
            if silent or (stopped and week < 11) or (account.churned_on and at.date() > account.churned_on):
                continue
            feeling = (story.expected(mood, at.date(), now.date()) - 7.5) / 10
            share = min(1.05, max(0.0, adoption + feeling * 0.8 + rng.gauss(0, 0.03)))
            add(users, account, round((account.seats or 10) * share), at)
            add(tickets, account, max(0, round(rng.gauss(2.2 - 14 * feeling, 1.6))), at)
            if week % 4 == 0:
                unpaid = rng.random()
                add(invoices, account, 0 if unpaid < 0.07 - feeling / 4 else 1 if unpaid < 0.3 else 2, at)
                add(uptime, account, min(100, 99.9 - abs(rng.gauss(0, 0.3))), at)
    MetricPoint.objects.bulk_create(made, batch_size=1000)
    return len(made)


def _sentiments(
    rng: random.Random, now: dt.datetime, accounts: Sequence[Account], moods: Mapping[int, story.Mood]
) -> None:
    made = []
    for account in accounts:
        if account.owner is None or account.churned_on or rng.random() < 0.45:
            continue
        for days in (rng.randrange(95, 170), rng.randrange(2, 70)):
            at = now - dt.timedelta(days=days)
            expected = story.expected(moods[account.pk], at.date(), now.date())
            value = max(1, min(5, round((expected - 4.2) * 0.95 + rng.gauss(0, 0.6))))
            note = SAID[value] if rng.random() < 0.6 else ""
            made.append(HealthSentiment(account=account, value=value, note=note, by=account.owner, at=at))
    HealthSentiment.objects.bulk_create(made, batch_size=500)


def _versions(now: dt.datetime, lead: User) -> tuple[HealthVersion, HealthVersion]:
    """The one laid down, as if half a year old, and a second that knows large customers."""
    first = HealthVersion.objects.order_by("number")[0]
    HealthVersion.objects.filter(pk=first.pk).update(created_at=now - dt.timedelta(weeks=WEEKS + 4))
    raw: dict[str, Any] = deepcopy(first.config)
    standard = raw["profiles"][0]
    for component in standard["components"]:
        if component["key"] == "usage":
            component["weight"] = 22
    large = deepcopy(standard) | {
        "key": "enterprise",
        "name": "Large customers",
        "conditions": {"all": [{"field": "segment", "op": "in", "value": [story.ENTERPRISE]}]},
    }
    weights = {"nps": 20, "sentiment": 18, "touch": 18, "usage": 18}
    for component in large["components"]:
        component["weight"] = weights.get(component["key"], component["weight"])
    large["components"].append(
        {
            "key": "invoices", "group": "Commercial", "label": "Invoices", "weight": 8, "source": "metric",
            "settings": {"metric": "invoices"},
            "transform": {"kind": "thresholds", "steps": [[0, 0], [1, 60], [2, 100]], "below": None},
            "missing": "exclude", "expires_after_days": 90, "stale_after_days": 45,
        }
    )  # fmt: skip
    raw["profiles"].insert(0, large)
    saved = services.save_profiles(
        config=raw,
        note="Large customers have a profile of their own; use counts for more with everybody.",
        actor=lead,
    )
    HealthVersion.objects.filter(pk=saved.pk).update(created_at=now - dt.timedelta(weeks=CHANGED_WEEKS_AGO))
    return first, saved


def _history(
    now: dt.datetime, accounts: Sequence[Account], first: HealthVersion, second: HealthVersion
) -> None:
    """A snapshot a week. The demo's past was written today, so it is computed as of each week from what is known now."""
    ids = [account.pk for account in accounts]
    rows: list[HealthSnapshot] = []
    for week in range(WEEKS, 0, -1):
        at = now - dt.timedelta(weeks=week)
        version = first if week > CHANGED_WEEKS_AGO else second
        for one in compute.at(config.read(version.config), at, accounts=ids, is_past=False):
            rows.append(
                HealthSnapshot(
                    account_id=one.account, day=at.date(), profile=one.profile, version=version.number,
                    score=one.score, own_score=one.own_score, shown=one.shown, confidence=one.confidence,
                    band=one.band, reason=one.reason, parts=one.parts, below=one.below, computed_at=at,
                )
            )  # fmt: skip
    HealthSnapshot.objects.bulk_create(rows, batch_size=500)


def _override(accounts: Sequence[Account], people: Mapping[str, User]) -> None:
    """One account that its CSM judges otherwise than the figures."""
    fit = Account.objects.filter(health__band="watch", owner__isnull=False, segment=story.ENTERPRISE)
    account = fit.order_by("-arr", "pk").first()
    if account is not None:
        services.override(
            account=account,
            band="at_risk",
            reason="Their new head of IT wants one tool for everything. The figures do not show it yet.",
            expires_on=team_queries.today() + dt.timedelta(days=45),
            actor=account.owner or people["lead"],
        )
