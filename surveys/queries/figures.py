"""What the NPS page, its export and the API show: figures with their doubt, their definition and the way to their rows."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import dropwhile
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum
from django.urls import reverse

from accounts import segments
from accounts.models import Account
from core import charts
from surveys.choices import MetricFamily, Unit
from surveys.domain import Category, Counts, Difference, Interval, Scale, Summary, difference, scale, summary
from surveys.insight import figures, rollups
from surveys.insight.figures import ATTRIBUTES, Figure, Question
from surveys.models import AccountScore, Invitation, MetricDefinition, Survey
from surveys.queries.campaigns import FUNNEL, STAGES
from team import queries as team_queries
from team.models import User

WINDOWS = rollups.SPANS
TREND_POINTS = 12
MIN_PEOPLE = 3  # below so many people an account's mean says more about the person than the account
LISTED = 5
BY = {"plan": "Plan", "segment": "Segment", "country": "Country", "owner": "Owner", "channel": "Channel"}
UNITS = {Unit.LATEST_PER_CONTACT: "latest answer per contact", Unit.ALL_RESPONSES: "all answers"}
DEFAULTS = {
    "company": ("Company NPS", Unit.LATEST_PER_CONTACT, 90),
    "account": ("Account score", Unit.MEAN_PER_ACCOUNT, 365),
    "all": ("All answers", Unit.ALL_RESPONSES, 90),
}


# --- Definitions ---------------------------------------------------------------------------------------------
def definition(key: str) -> MetricDefinition:
    """The named way of counting; its default where nobody has stored one."""
    found = MetricDefinition.objects.filter(key=key).first()
    if found is None:
        name, unit, days = DEFAULTS[key]
        found = MetricDefinition(key=key, name=name, metric=MetricFamily.NPS, unit=unit, window_days=days)
    return found


def find_definition(key: str) -> MetricDefinition | None:
    if key in DEFAULTS:
        return definition(key)
    return MetricDefinition.objects.filter(key=key).first()


def question_of(chosen: MetricDefinition, user: User) -> Question:
    """The question a definition asks; one per account is asked of the people behind it."""
    unit = Unit.ALL_RESPONSES if chosen.unit == Unit.ALL_RESPONSES else Unit.LATEST_PER_CONTACT
    surveys = tuple(chosen.surveys.values_list("pk", flat=True)) if chosen.pk else ()
    return Question(user, days=chosen.window_days, unit=unit, surveys=surveys, metric=chosen.metric)


def described(question: Question) -> str:
    """How a figure was counted, in a few words that stand beside it."""
    return f"{UNITS[Unit(question.unit)]}, {question.days} days"


# --- The way to the rows -------------------------------------------------------------------------------------
def rows_url(question: Question, as_of: dt.date, **more: Any) -> str:
    """The list of exactly the answers that a figure counted."""
    params: list[tuple[str, Any]] = []
    if question.unit == Unit.ALL_RESPONSES:
        since = as_of - dt.timedelta(days=question.days - 1)
        params += [("since", since.isoformat()), ("until", as_of.isoformat()), ("counted", "true")]
    else:
        params += [("latest", question.days), ("as_of", as_of.isoformat())]
    params += [("survey", pk) for pk in question.surveys]
    for key, value in question.where.items():
        params.append(("owner_then" if key == "owner" else key, value or "none"))
    if question.saved is not None:
        params.append(("saved", question.saved.pk))
    for key, value in more.items():
        params += [(key, one) for one in (value if isinstance(value, list) else [value])]
    return f"{reverse('surveys:response_list')}?{urlencode(params)}"


# --- The page ------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Part:
    """One row of a breakdown."""

    value: str
    label: str
    figure: Figure
    change: Difference | None
    url: str
    arr: Decimal | None

    @property
    def has_moved(self) -> bool:
        return self.change is not None and not self.change.is_noise

    @property
    def counts(self) -> Counts:
        return self.figure.counts


@dataclass(frozen=True, slots=True)
class AccountRow:
    account: Account
    people: int
    mean: float
    detractors: int
    url: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many customers were heard within the window."""

    heard: int
    customers: int
    silent_arr: Decimal | None

    @property
    def silent(self) -> int:
        return self.customers - self.heard


@dataclass(frozen=True, slots=True)
class NpsPage:
    question: Question
    as_of: dt.date
    definition: str
    now: Figure
    previous: Figure
    change: Difference | None
    trend: Sequence[charts.TrendPoint]
    urls: Mapping[str, str]
    score_urls: Sequence[str]
    by: str
    parts: Sequence[Part]
    best: Sequence[AccountRow]
    worst: Sequence[AccountRow]
    ranked: int
    coverage: Coverage
    funnel: Sequence[charts.Stage]
    currency: str
    zone: str

    @property
    def has_moved(self) -> bool:
        return self.change is not None and not self.change.is_noise


def trend_days(as_of: dt.date, number: int = TREND_POINTS) -> list[dt.date]:
    """The last days of the months before, and the day itself."""
    days = [as_of]
    first = as_of.replace(day=1)
    while len(days) < number:
        last = first - dt.timedelta(days=1)
        days.append(last)
        first = last.replace(day=1)
    return days[::-1]


def nps_page(question: Question, *, by: str = "plan") -> NpsPage:
    """Everything the NPS page shows. The number of statements and of rows read does not depend on the answers."""
    today = rollups.today()
    before = today - dt.timedelta(days=question.days)
    days = trend_days(today)
    found = figures.figures(question, [*days, before])
    now, previous = found[today], found[before]
    trend = [_trend_point(question, day, found[day]) for day in days]
    parts = _parts(question, today, before, by)
    worst, best, ranked = _ranked(question)
    urls = {str(name): rows_url(question, today, category=str(name)) for name in Category}
    urls["all"] = rows_url(question, today)
    urls["previous"] = rows_url(question, before)
    return NpsPage(
        question=question,
        as_of=today,
        definition=described(question),
        now=now,
        previous=previous,
        change=difference(now.counts, previous.counts),
        trend=trend,
        urls=urls,
        score_urls=[rows_url(question, today, score=score) for score in range(11)],
        by=by,
        parts=parts,
        best=best,
        worst=worst,
        ranked=ranked,
        coverage=coverage(question),
        funnel=funnel(question, today),
        currency=team_queries.workspace().currency,
        zone=rollups.state().zone,
    )


def _trend_point(question: Question, day: dt.date, found: Figure) -> charts.TrendPoint:
    interval = found.counts.interval
    return charts.TrendPoint(
        label=f"{day:%b}",
        value=found.counts.score,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        n=found.n,
        url=rows_url(question, day) if found.n else "",
    )


def _parts(question: Question, today: dt.date, before: dt.date, by: str) -> list[Part]:
    found = figures.breakdown(question, [today, before], by)
    people = _names(by, found)
    arr = _detractor_arr(question, by)
    parts = [
        Part(
            value=value,
            label=people.get(value, value) or "not known",
            figure=by_day[today],
            change=difference(by_day[today].counts, by_day[before].counts),
            url=rows_url(figures.narrowed(question, by, value), today),
            arr=arr.get(value),
        )
        for value, by_day in found.items()
        if by_day[today].n
    ]
    return sorted(parts, key=lambda part: (-(part.arr or 0), -part.figure.n, part.label))


def _names(by: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Owners are kept by their key; their names are looked up when they are shown."""
    if by != "owner":
        return {}
    ids = [int(value) for value in values if value.isdigit()]
    return {str(user.pk): str(user) for user in User.objects.filter(pk__in=ids)} | {"": "nobody"}


def owner_name(key: str) -> str:
    return _names("owner", {key: None}).get(key, f"person {key}")


def _detractor_arr(question: Question, by: str) -> dict[str, Decimal]:
    """ARR, in the workspace's currency, of the accounts where somebody is a detractor at present."""
    if by == "channel":
        return {}
    rows = (
        _customers(question)
        .filter(
            Exists(
                AccountScore.objects.filter(account=OuterRef("pk"), metric=MetricFamily.NPS, detractors__gt=0)
            )
        )
        .filter(currency=team_queries.workspace().currency, arr__isnull=False)
        .order_by()
        .values_list(by)
        .annotate(total=Sum("arr"))
    )
    return {"" if value is None else str(value): total for value, total in rows}


def _customers(question: Question) -> QuerySet[Account]:
    """Accounts that count as customers (in a customer stage or none, not churned), narrowed as they are today."""
    found: QuerySet[Account] = Account.objects.visible_to(question.user)
    found = found.filter(Q(stage__isnull=True) | Q(stage__is_customer=True), churned_on__isnull=True)
    for key, value in question.where.items():
        if key == "owner":
            found = found.filter(owner=int(value)) if value.isdigit() else found.filter(owner__isnull=True)
        elif key in ATTRIBUTES:
            found = found.filter(**{key: value})
    if question.saved is not None and question.saved.target == "account":
        found = found.filter(pk__in=segments.accounts_of(question.saved, question.user).values("pk"))
    elif question.saved is not None:
        people = segments.contacts_of(question.saved, question.user)
        found = found.filter(pk__in=people.values("account"))
    return found


def list_scored_accounts(question: Question) -> QuerySet[AccountScore]:
    """The present scores of the accounts a person may see."""
    scored = AccountScore.objects.filter(metric=question.metric).select_related("account", "account__owner")
    return scored.filter(account__in=_customers(question).order_by().values("pk"))


def list_customers(question: Question, *, heard: bool | None) -> QuerySet[Account]:
    """Customers with or without an answer in the window, the largest first."""
    found = _customers(question).select_related("owner")
    if heard is not None:
        has = Exists(_heard(min(question.days, rollups.ACCOUNT_DAYS)).filter(account=OuterRef("pk")))
        found = found.filter(has) if heard else found.exclude(has)
    return found.order_by(F("arr").desc(nulls_last=True), "name", "pk")


def _heard(days: int) -> QuerySet[AccountScore]:
    since = rollups.start_of(rollups.today() - dt.timedelta(days=days - 1), rollups.zone())
    return AccountScore.objects.filter(metric=MetricFamily.NPS, latest_at__gte=since)


def _ranked(question: Question) -> tuple[list[AccountRow], list[AccountRow], int]:
    scored = list_scored_accounts(question).filter(people__gte=MIN_PEOPLE)
    worst = list(scored.order_by("mean", "-people", "account_id")[:LISTED])
    seen = {row.pk for row in worst}
    best = [row for row in scored.order_by("-mean", "-people", "account_id")[:LISTED] if row.pk not in seen]
    return [_account_row(row) for row in worst], [_account_row(row) for row in best], scored.count()


def _account_row(row: AccountScore) -> AccountRow:
    params = urlencode({"account": row.account_id, "latest": rollups.ACCOUNT_DAYS})
    return AccountRow(
        account=row.account,
        people=row.people,
        mean=row.mean,
        detractors=row.detractors,
        url=f"{reverse('surveys:response_list')}?{params}",
    )


def coverage(question: Question) -> Coverage:
    customers = _customers(question)
    is_heard = Exists(_heard(min(question.days, rollups.ACCOUNT_DAYS)).filter(account=OuterRef("pk")))
    currency = team_queries.workspace().currency
    found = customers.annotate(is_heard=is_heard).aggregate(
        customers=Count("pk"),
        heard=Count("pk", filter=Q(is_heard=True)),
        silent_arr=Sum("arr", filter=Q(is_heard=False, currency=currency)),
    )
    return Coverage(found["heard"], found["customers"], found["silent_arr"])


# --- From asked to heard -------------------------------------------------------------------------------------
def asked(question: Question, as_of: dt.date) -> QuerySet[Invitation]:
    """The real asks that were sent within the window, as far as the person may see."""
    zone = rollups.zone()
    found: QuerySet[Invitation] = Invitation.objects.visible_to(question.user)
    found = found.real().filter(  # type: ignore[attr-defined]  # its own queryset class
        asked_at__gte=rollups.start_of(as_of - dt.timedelta(days=question.days - 1), zone),
        asked_at__lt=rollups.start_of(as_of + dt.timedelta(days=1), zone),
    )
    return found.filter(version__survey__in=question.surveys) if question.surveys else found


def funnel(question: Question, as_of: dt.date) -> list[charts.Stage]:
    """What became of the asks of the window: their answers may be younger than they are."""
    found = asked(question, as_of).aggregate(**{key: Count("pk", filter=STAGES[key][2]) for key in FUNNEL})
    url = reverse("surveys:nps_asked")
    kept = {"window": question.days, "survey": question.surveys}
    return [
        charts.Stage(STAGES[key][0], found[key], f"{url}?{urlencode({**kept, 'stage': key}, doseq=True)}")
        for key in FUNNEL
    ]


def list_surveys(metric: str = MetricFamily.NPS) -> QuerySet[Survey]:
    return Survey.objects.filter(metric=metric).order_by("name", "pk")


# --- Satisfaction and effort -----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ScalePage:
    """What the page of a CSAT or CES shows: now, the window before, the trend, the distribution and the surveys."""

    question: Question
    scale: Scale
    as_of: dt.date
    now: Summary
    previous: Summary
    trend: Sequence[charts.TrendPoint]
    distribution: Sequence[tuple[int, int, float, str]]  # score, answers, share, address of the rows
    surveys: Sequence[tuple[Survey, Summary]]
    url: str
    zone: str


def _scale_point(question: Question, day: dt.date, one: Summary) -> charts.TrendPoint:
    """What a scale is led by: of a CSAT the share of good answers in percent, of a CES the mean."""
    value: float | None
    interval: Interval | None
    if question.metric == "csat":
        value, interval = one.share, one.share_interval
    else:
        value, interval = one.mean, one.mean_interval
    return charts.TrendPoint(
        label=f"{day:%b}",
        value=value if one.n else None,
        low=interval.low if one.n and interval else None,
        high=interval.high if one.n and interval else None,
        n=one.n,
        url=f"{rows_url(question, day)}&metric={question.metric}" if one.n else "",
    )


def scale_page(question: Question) -> ScalePage:
    today = rollups.today()
    before = today - dt.timedelta(days=question.days)
    days = trend_days(today)
    found = figures.figures(question, [*days, before])
    said = {day: summary(question.metric, one.histogram) for day, one in found.items()}
    now = said[today]
    kept = scale(question.metric)
    asked_here = Survey.objects.filter(metric=question.metric).order_by("name", "pk")
    by_survey = [
        (
            one,
            summary(
                question.metric,
                figures.figures(replace(question, surveys=(one.pk,)), [today])[today].histogram,
            ),
        )
        for one in asked_here[:50]
    ]
    return ScalePage(
        question=question,
        scale=kept,
        as_of=today,
        now=now,
        previous=said[before],
        trend=list(
            dropwhile(lambda point: not point.n, (_scale_point(question, day, said[day]) for day in days))
        ),
        distribution=[
            (
                score,
                now.histogram[score],
                100 * now.histogram[score] / now.n if now.n else 0.0,
                f"{rows_url(question, today)}&metric={question.metric}&score={score}",
            )
            for score in kept.scores
        ],
        surveys=[row for row in by_survey if row[1].n],
        url=f"{rows_url(question, today)}&metric={question.metric}",
        zone=rollups.state().zone,
    )


def scale_numbers(question: Question, *, as_of: dt.date) -> dict[str, Any]:
    """The figure of a CSAT or CES with its window before, trend and distribution, for the API."""
    before = as_of - dt.timedelta(days=question.days)
    days = trend_days(as_of)
    found = figures.figures(question, [*days, before])

    def numbers(day: dt.date) -> dict[str, Any]:
        one = summary(question.metric, found[day].histogram)
        return {
            "n": one.n,
            "share": None if not one.n else round(100 * one.good / one.n, 4),
            "share_interval": _ends(one.share_interval),
            "mean": one.mean,
            "mean_interval": _ends(one.mean_interval),
            "levels": {level.name: one.count(level) for level in scale(question.metric).levels},
        }

    return {
        "metric": question.metric,
        "unit": str(question.unit),
        "window_days": question.days,
        "as_of": as_of,
        "time_zone": rollups.state().zone,
        "figure": numbers(as_of),
        "previous": numbers(before),
        "distribution": {score: found[as_of].histogram[score] for score in scale(question.metric).scores},
        "trend": [{"as_of": day, **numbers(day)} for day in days],
    }


def _ends(interval: Interval | None) -> dict[str, float] | None:
    if interval is None:
        return None
    return {"low": round(interval.low, 4), "high": round(interval.high, 4)}


# --- The API's figure ----------------------------------------------------------------------------------------
def as_numbers(found: Figure) -> dict[str, Any]:
    """A figure with its exact counts, for the API and exports."""
    counted = found.counts
    interval = counted.interval
    return {
        "nps": counted.score,
        "exact": None if counted.exact is None else round(float(counted.exact), 6),
        "n": counted.n,
        "promoters": counted.promoters,
        "passives": counted.passives,
        "detractors": counted.detractors,
        "interval": None
        if interval is None
        else {
            "low": round(interval.low, 4),
            "high": round(interval.high, 4),
            "margin": round(interval.margin, 4),
        },
    }


def nps_numbers(question: Question, *, key: str, as_of: dt.date, by: str | None) -> dict[str, Any]:
    """The figure of a definition with its comparison, trend and distribution."""
    before = as_of - dt.timedelta(days=question.days)
    days = trend_days(as_of)
    found = figures.figures(question, [*days, before])
    change = difference(found[as_of].counts, found[before].counts)
    parts = figures.breakdown(question, [as_of], by) if by else {}
    return {
        "definition": key,
        "unit": str(question.unit),
        "window_days": question.days,
        "as_of": as_of,
        "time_zone": rollups.state().zone,
        "figure": as_numbers(found[as_of]),
        "previous": as_numbers(found[before]),
        "change": None
        if change is None
        else {"points": change.points, "margin": round(change.margin, 4), "within_noise": change.is_noise},
        "mean": found[as_of].mean,
        "median": found[as_of].median,
        "distribution": found[as_of].histogram,
        "trend": [{"as_of": day, **as_numbers(found[day])} for day in days],
        "breakdown": [
            {"value": value, **as_numbers(part[as_of])}
            for value, part in sorted(parts.items())
            if part[as_of].n
        ],
    }
