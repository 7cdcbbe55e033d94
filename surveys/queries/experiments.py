"""What an experiment shows: its arms with their doubt, and what may be said of the difference."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Sum, When
from django.db.models.functions import Coalesce
from django.urls import reverse

from core import clock
from surveys import domain, experiments
from surveys.choices import MetricFamily
from surveys.domain import Counts, Interval
from surveys.experiments import Gap, Moments, Share, Split, Verdict
from surveys.models import Campaign, Invitation, Variant
from surveys.queries import campaigns as campaign_queries
from surveys.queries.audience import audience
from team.domain import RowScope
from team.models import User
from team.scope import scope_of

SETTLED = dt.timedelta(days=experiments.SETTLED_DAYS)
# Of a survey that was never asked nobody knows how many answer; mails of this kind are answered by about so many.
USUAL_SHARE = 0.2
MIN_HISTORY = 50
EFFECTS = (3, 5, 10)
HISTORY = dt.timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One arm, of the people the reader may see. `gap` and `nps_gap` are to the first arm, None for it."""

    variant: Variant
    units: int
    planned: int
    asked: int
    delivered: int
    opened: int
    answered: Share
    counts: Counts
    nps_interval: Interval | None
    gap: Gap | None
    nps_gap: Gap | None
    url: str

    @property
    def key(self) -> str:
        return self.variant.key

    @property
    def response_rate(self) -> float | None:
        return self.answered.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """An experiment as it stands. `verdict` is None for readers who do not see everybody: it is about all."""

    arms: Sequence[Arm]
    horizon: int
    split: Split | None
    verdict: Verdict | None
    has_nps: bool
    detectable: float | None

    @property
    def winner(self) -> str:
        return self.verdict.winner if self.verdict is not None else ""


def list_variants(campaign: Campaign) -> QuerySet[Variant]:
    return campaign.variants.select_related("version").order_by("key")


def compare(campaign: Campaign, user: User) -> Comparison | None:
    """None for a campaign without an experiment."""
    variants = list(list_variants(campaign))
    if not variants:
        return None
    has_nps = campaign.survey.metric == MetricFamily.NPS
    horizon = max(campaign.experiment_horizon or 0, experiments.MIN_HORIZON)
    comparisons = experiments.pairs_of(len(variants))
    seen = {variant.pk: _of(campaign, user, variant) for variant in variants}
    moments = {pk: _moments(rows) for pk, rows in seen.items()}
    scores = {pk: _scores(rows) if has_nps else (Counts(), 1.0) for pk, rows in seen.items()}
    first = variants[0].pk
    arms = []
    for variant in variants:
        pk = variant.pk
        numbers = _numbers(seen[pk])
        counts, effect = scores[pk]
        is_first = pk == first
        arms.append(
            Arm(
                variant=variant,
                units=numbers["units"],
                planned=numbers["planned"],
                asked=numbers["sent"],
                delivered=numbers["delivered"],
                opened=numbers["opened"],
                answered=experiments.share(moments[pk]),
                counts=counts,
                nps_interval=experiments.nps_interval(counts, effect),
                gap=None
                if is_first
                else experiments.gap_of_shares(moments[pk], moments[first], comparisons=comparisons),
                nps_gap=None
                if is_first
                else experiments.gap_of_nps(
                    counts, scores[first][0], effects=(effect, scores[first][1]), comparisons=comparisons
                ),
                url=_rows_url(campaign, variant),
            )
        )
    found = experiments.split([arm.units for arm in arms], [arm.variant.weight for arm in arms])
    sees_all = scope_of(user) is RowScope.ALL
    baseline = arms[0].answered.value
    return Comparison(
        arms=arms,
        horizon=horizon,
        split=found if sees_all else None,
        verdict=_verdict(arms, seen, horizon, found) if sees_all else None,
        has_nps=has_nps,
        detectable=experiments.visible(baseline, horizon, arms=len(arms))
        if baseline is not None and 0 < baseline < 1
        else None,
    )


def _verdict(
    arms: Sequence[Arm], seen: Mapping[int, QuerySet[Invitation]], horizon: int, split: Split | None
) -> Verdict:
    now = clock.now()
    frozen: dict[str, Moments] = {}
    is_settled = True
    for arm in arms:
        last = _last_of_horizon(seen[arm.variant.pk], horizon)
        if last is None:
            frozen[arm.key] = Moments()
            continue
        at, pk = last
        is_settled = is_settled and now >= at + SETTLED
        inside = seen[arm.variant.pk].filter(Q(asked_at__lt=at) | Q(asked_at=at, pk__lte=pk))
        frozen[arm.key] = _moments(inside, answered=Q(scored_at__lte=F("asked_at") + SETTLED))
    return experiments.judge(
        frozen,
        names={arm.key: arm.variant.name for arm in arms},
        asked={arm.key: arm.asked for arm in arms},
        horizon=horizon,
        is_settled=is_settled,
        is_skewed=split is not None and split.is_skewed,
    )


def _of(campaign: Campaign, user: User, variant: Variant) -> QuerySet[Invitation]:
    return campaign_queries.invitations(campaign, user).filter(variant=variant, is_test=False)


def _last_of_horizon(rows: QuerySet[Invitation], horizon: int) -> tuple[dt.datetime, int] | None:
    """The last of the first `horizon` people asked, by time."""
    asked = rows.filter(asked_at__isnull=False).order_by("asked_at", "pk").values_list("asked_at", "pk")
    return next(((at, pk) for at, pk in asked[horizon - 1 : horizon] if at is not None), None)


def _by_unit(rows: QuerySet[Invitation]) -> QuerySet[Any, Any]:
    """Grouped by what was assigned as one; an erased person without an account stays a unit of their own."""
    return (
        rows.annotate(
            alone=Case(
                When(account__isnull=True, then=Coalesce("contact", -F("pk"))),
                default=None,
                output_field=IntegerField(),
            )
        )
        .order_by()
        .values("account", "alone")
    )


def _moments(rows: QuerySet[Invitation], *, answered: Q | None = None) -> Moments:
    """Of those asked: how many, and how many answered, by unit."""
    said = Q(scored_at__isnull=False) if answered is None else answered
    units = _by_unit(rows.filter(asked_at__isnull=False)).annotate(n=Count("pk"), y=Count("pk", filter=said))
    return _summed(units)


def _scores(rows: QuerySet[Invitation]) -> tuple[Counts, float]:
    """The counted scores of an arm, and their design effect."""
    answered = rows.filter(
        response__excluded_reason="", response__deleted_upstream_at__isnull=True, response__isnull=False
    )
    is_promoter = Q(response__score__gte=domain.PROMOTER_FROM)
    is_detractor = Q(response__score__lt=domain.PASSIVE_FROM)
    found = answered.order_by().aggregate(
        n=Count("pk"), promoters=Count("pk", filter=is_promoter), detractors=Count("pk", filter=is_detractor)
    )
    counts = Counts(
        found["promoters"], found["n"] - found["promoters"] - found["detractors"], found["detractors"]
    )
    units = _by_unit(answered).annotate(
        n=Count("pk"), y=Count("pk", filter=is_promoter) - Count("pk", filter=is_detractor)
    )
    return counts, experiments.nps_effect(counts, _summed(units))


def _summed(units: QuerySet[Any, Any]) -> Moments:
    found = units.aggregate(
        units=Count("*"),
        sum_n=Sum("n"),
        sum_y=Sum("y"),
        sum_nn=Sum(F("n") * F("n")),
        sum_yy=Sum(F("y") * F("y")),
        sum_ny=Sum(F("n") * F("y")),
    )
    return Moments(
        found["units"], *(int(found[key] or 0) for key in ("sum_n", "sum_y", "sum_nn", "sum_yy", "sum_ny"))
    )


def _numbers(rows: QuerySet[Invitation]) -> dict[str, int]:
    stages = campaign_queries.STAGES
    found = rows.order_by().aggregate(
        planned=Count("pk"),
        **{key: Count("pk", filter=stages[key][2]) for key in ("sent", "delivered", "opened")},
    )
    found["units"] = _by_unit(rows).annotate(n=Count("pk")).aggregate(units=Count("*"))["units"]
    return found


def _rows_url(campaign: Campaign, variant: Variant) -> str:
    people = reverse("surveys:campaign_invitations", args=[campaign.pk])
    return f"{people}?{urlencode({'stage': 'sent', 'arm': variant.key})}"


# --- Before the launch ---------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """How many an arm are needed for which difference, from a share that is usual here."""

    share: float
    is_measured: bool
    asked: int
    people: int
    needed: Sequence[tuple[int, int]]

    def visible(self, arms: int = 2) -> float:
        """The difference in points that the whole audience, split evenly, can show."""
        return experiments.visible(self.share, max(1, self.people // arms), arms=arms)


def power(campaign: Campaign, user: User, *, arms: int = 2) -> Power:
    """From how many answered this survey within a year; from what is usual where it was hardly asked."""
    asked = (
        Invitation.objects.visible_to(user)
        .real()
        .filter(version__survey=campaign.survey_id, asked_at__gte=clock.now() - HISTORY)
        .order_by()
        .aggregate(n=Count("pk"), y=Count("pk", filter=Q(scored_at__isnull=False)))
    )
    is_measured = asked["n"] >= MIN_HISTORY and 0 < asked["y"] < asked["n"]
    share = asked["y"] / asked["n"] if is_measured else USUAL_SHARE
    return Power(
        share=share,
        is_measured=is_measured,
        asked=asked["n"],
        people=audience(segment=campaign.segment, user=user).count(),
        needed=[(points, experiments.needed(share, points, arms=arms)) for points in EFFECTS],
    )
