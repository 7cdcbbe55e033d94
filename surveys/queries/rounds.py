"""The rounds of a campaign beside each other: how many were asked, how many answered, and what they said.

A round is a wave; a campaign that asks at events has a wave for every day with one, so its rounds are months.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db.models import Count, Q

from core import clock
from surveys import domain
from surveys.choices import Cadence, MetricFamily
from surveys.models import Campaign, Delivery, Invitation, Response
from team.models import User

# The speed is what left within this time.
RECENT = dt.timedelta(minutes=10)


@dataclass(slots=True)
class Round:
    """`starts_on` is None for a campaign that asks once. `histogram` counts the answers that count, by score."""

    starts_on: dt.date | None
    planned: int = 0
    sent: int = 0
    scored: int = 0
    histogram: dict[int, int] = field(default_factory=dict)

    @property
    def share(self) -> float:
        return self.scored / self.sent if self.sent else 0.0


@dataclass(frozen=True, slots=True)
class RoundLine:
    """A round with its figure: NPS, or the share of good answers where the survey asks something else."""

    round: Round
    value: int | None
    interval: domain.Interval | None
    n: int


def rounds(campaign: Campaign, user: User) -> list[RoundLine]:
    """The rounds, newest first, counted over people the reader may see. Two statements."""
    by_month = campaign.cadence == Cadence.EVENT
    found: dict[dt.date | None, Round] = {}

    def of(starts_on: dt.date | None) -> Round:
        key = starts_on.replace(day=1) if by_month and starts_on else starts_on
        return found.setdefault(key, Round(key))

    asked = (
        Invitation.objects.visible_to(user)
        .filter(wave__campaign=campaign)
        .values("wave__starts_on")
        .annotate(
            planned=Count("pk"),
            sent=Count("pk", filter=Q(asked_at__isnull=False)),
            scored=Count("pk", filter=Q(scored_at__isnull=False)),
        )
    )
    for row in asked:
        one = of(row["wave__starts_on"])
        one.planned += row["planned"]
        one.sent += row["sent"]
        one.scored += row["scored"]
    answers = (
        Response.objects.visible_to(user)
        .counted()
        .filter(invitation__wave__campaign=campaign)
        .values_list("invitation__wave__starts_on", "score")
        .annotate(n=Count("pk"))
        .order_by()
    )
    histograms: dict[dt.date | None, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for starts_on, score, n in answers:
        histograms[of(starts_on).starts_on][score] += n
    for key, histogram in histograms.items():
        found[key].histogram = dict(histogram)
    ordered = sorted(found.values(), key=lambda one: one.starts_on or dt.date.min, reverse=True)
    return [_line(one, campaign.survey.metric) for one in ordered]


def _line(one: Round, metric: str) -> RoundLine:
    if metric == MetricFamily.NPS:
        counts = domain.counts(_all_scores(one.histogram))
        return RoundLine(one, counts.score, counts.interval, counts.n)
    summary = domain.summary(metric, one.histogram)
    return RoundLine(one, summary.share, summary.share_interval, summary.n)


def _all_scores(histogram: Mapping[int, int]) -> list[int]:
    return [histogram.get(score, 0) for score in range(11)]


def sent_per_hour(campaign: Campaign) -> int | None:
    """How fast messages leave at present; None when none left within the last ten minutes."""
    recent = Delivery.objects.filter(
        invitation__wave__campaign=campaign, sent_at__gt=clock.now() - RECENT
    ).count()
    return round(recent * dt.timedelta(hours=1) / RECENT) if recent else None
