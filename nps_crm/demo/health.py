"""Two years of health: what the product and the help desk counted, how the CSMs felt, and the scores that follow from it.

The scores are computed for each week from what was known then, by the same statement as every night, so the demo's
history can be explained and replayed like a real one.
"""

import datetime as dt
import random
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import F

from accounts.domain import Origin
from accounts.models import Account, Contract, Event, Interaction, Metric, MetricPoint
from nps_crm.demo import story
from surveys.models import ResponseRevision
from team.models import User
from workflows.health import compute
from workflows.models import HealthSentiment, HealthSnapshot
from workflows.services import health

WEEKS = 104
BATCH = 500
NOTES = (
    "", "", "Good call with the sponsor.", "New team lead, starts from scratch with us.", "Asked about the roadmap twice.",
    "Rollout to the second site is on.", "Complains about the slow reports.", "Talks about another vendor.",
)  # fmt: skip


def fill(
    *, rng: random.Random, now: dt.datetime, moods: Mapping[int, story.Mood], people: Mapping[str, User]
) -> int:
    """Fill it in; returns how many snapshots there are."""
    # The past was written a moment ago. Say that it was written when it happened, so that it can be replayed.
    Interaction.objects.update(created_at=F("happened_at"))
    ResponseRevision.objects.update(known_at=F("responded_at"))
    accounts = list(Account.objects.filter(merged_into__isnull=True).order_by("pk"))
    _past_of(accounts)
    _points(rng, now, accounts, moods)
    _sentiments(rng, now, accounts, moods)
    today = now.date()
    days = [today - dt.timedelta(days=7 * back) for back in range(WEEKS, 0, -1)]
    made = compute.backfill(days)
    compute.recompute(tell=False)
    _events()
    _judgements(now, accounts, people)
    return made


def _past_of(accounts: Sequence[Account]) -> None:
    """Each contract as a change in the account's history: its renewal and ARR as they were then."""
    history: Any = Account.history.model
    latest = {row.id: row for row in Account.history.order_by("history_id")}
    rows = []
    for contract in Contract.objects.filter(account__in=accounts).order_by("starts_on", "pk"):
        template = latest.get(contract.account_id)
        if template is None:
            continue
        values = {
            field.attname: getattr(template, field.attname)
            for field in history._meta.concrete_fields
            if field.name != "history_id"
        }
        values |= {
            "renewal_on": contract.ends_on, "arr": contract.arr, "history_type": "~", "history_change_reason": None,
            "history_date": dt.datetime.combine(contract.starts_on, dt.time(8), dt.UTC),
        }  # fmt: skip
        rows.append(history(**values))
    history.objects.bulk_create(rows, batch_size=BATCH)


def _mood(moods: Mapping[int, story.Mood], account: Account, day: dt.date, today: dt.date) -> float:
    """How an account does on a day, from 0 to 1."""
    mood = moods.get(account.pk)
    expected = 7.0 if mood is None else story.expected(mood, day, today)
    return min(max((expected - 4.8) / 4.4, 0), 1)


def _points(
    rng: random.Random, now: dt.datetime, accounts: Sequence[Account], moods: Mapping[int, story.Mood]
) -> None:
    active, _ = Metric.objects.get_or_create(
        key="active_users", defaults={"label": "Active users", "unit": "people"}
    )
    tickets, _ = Metric.objects.get_or_create(key="open_tickets", defaults={"label": "Open tickets"})
    rows = []
    for account in accounts:
        seats, adoption = account.seats or 20, rng.uniform(0.5, 0.85)
        for back in range(WEEKS, -1, -1):
            at = now - dt.timedelta(days=7 * back, hours=rng.randrange(1, 12))
            day = at.date()
            if (account.customer_since and day < account.customer_since) or (
                account.churned_on and day > account.churned_on
            ):
                continue
            good = _mood(moods, account, day, now.date())
            users = round(seats * min(max(adoption * (0.45 + 0.65 * good) + rng.gauss(0, 0.03), 0.02), 1))
            waiting = max(0, round(rng.gauss((1 - good) * 9, 1.4)))
            for metric, value in ((active, users), (tickets, waiting)):
                rows.append(
                    MetricPoint(
                        metric=metric, account=account, value=Decimal(value), observed_at=at, recorded_at=at
                    )
                )
    MetricPoint.objects.bulk_create(rows, batch_size=1000)


def _sentiments(
    rng: random.Random, now: dt.datetime, accounts: Sequence[Account], moods: Mapping[int, story.Mood]
) -> None:
    rows = []
    for account in accounts:
        back = rng.randrange(2, 70)
        while account.owner_id and back < 7 * WEEKS:
            at = now - dt.timedelta(days=back, hours=rng.randrange(8))
            day = at.date()
            if account.customer_since and day < account.customer_since:
                break
            if account.churned_on is None or day <= account.churned_on:
                felt = min(
                    5, max(1, round(1 + 4 * _mood(moods, account, day, now.date()) + rng.gauss(0, 0.6)))
                )
                rows.append(
                    HealthSentiment(
                        account=account, value=felt, note=rng.choice(NOTES), by_id=account.owner_id, at=at
                    )
                )
            back += rng.randrange(45, 100)
    HealthSentiment.objects.bulk_create(rows, batch_size=BATCH)


def _events() -> None:
    """The changes of band that the nights would have told."""
    rows: list[Event] = []
    before: dict[int, HealthSnapshot] = {}
    for one in HealthSnapshot.objects.order_by("account_id", "day"):
        last = before.get(one.account_id)
        if last is not None and last.band and last.band != one.band:
            change = {
                "account_id": one.account_id, "before": last.band, "band": one.band, "score_before": last.score,
                "score": one.score, "profile": one.profile,
            }  # fmt: skip
            columns = compute.band_event(
                change, version=one.version, origin=Origin.DEMO, at=one.computed_at, day=one.day
            )
            rows.append(Event(**columns, facts={"health.band": one.band, "health.score": one.shown}))
        before[one.account_id] = one
    Event.objects.bulk_create(rows, batch_size=BATCH)


def _judgements(now: dt.datetime, accounts: Sequence[Account], people: Mapping[str, User]) -> None:
    """Two accounts that their CSMs see otherwise than the figures do."""
    owned = [account for account in accounts if account.owner_id and account.churned_on is None]
    healthy = [a for a in owned if a.health.band == "healthy"]
    poor = [a for a in owned if a.health.band == "at_risk"]
    for chosen, band, reason, days in (
        (
            healthy[:1],
            "at_risk",
            "Their sponsor leaves at the end of the month and nobody has taken over.",
            45,
        ),
        (poor[:1], "watch", "They are moving systems until spring; the figures are low because of it.", 60),
    ):
        for account in chosen:
            health.override(
                account=account, band=band, reason=reason, actor=account.owner,
                expires_on=now.date() + dt.timedelta(days=days),
            )  # fmt: skip
