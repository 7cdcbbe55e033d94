"""What pages and the API read about alarms."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery

from accounts import segments
from accounts.domain import Sharing
from accounts.models import Segment
from core import charts
from core.errors import Refused
from surveys.choices import MetricFamily
from surveys.domain import round_half_away
from surveys.insight import figures, rollups
from surveys.insight.figures import Question
from surveys.models import Survey
from surveys.queries import figures as figure_queries
from team.domain import RowScope
from team.models import User
from team.permissions import can_view
from team.scope import scope_of
from workflows.alarms import evidence
from workflows.alarms.evidence import Direction
from workflows.models import Alarm, AlarmLook

POINTS = 13
SERIES_STEP = dt.timedelta(weeks=2)
LOOKS = 60


def may_see(user: User) -> bool:
    """Alarms count everybody's answers: they are for those who may see all rows."""
    return can_view(user) and scope_of(user) is RowScope.ALL


def list_alarms(user: User) -> QuerySet[Alarm]:
    found: QuerySet[Alarm] = Alarm.objects.visible_to(user).select_related("segment", "survey", "assignee")
    return found.order_by("-is_active", "name", "pk")


def list_looks(alarm: Alarm) -> QuerySet[AlarmLook]:
    return AlarmLook.objects.filter(alarm=alarm).order_by("-day")


def with_latest_look(alarms: QuerySet[Alarm]) -> QuerySet[Alarm]:
    """Each alarm with its last look alone in `latest_looks`."""
    newest = AlarmLook.objects.filter(alarm=OuterRef("alarm")).order_by("-day").values("pk")[:1]
    last = AlarmLook.objects.filter(pk=Subquery(newest))
    return alarms.prefetch_related(Prefetch("looks", queryset=last, to_attr="latest_looks"))


def alarms_of_segment(segment_id: int) -> list[str]:
    names = Alarm.objects.filter(segment=segment_id).order_by("name").values_list("name", flat=True)
    return [f"alarm “{name}”" for name in names]


def choosable_segments(user: User) -> QuerySet[Segment]:
    return Segment.objects.visible_to(user).filter(sharing=Sharing.EVERYBODY).order_by("target", "name", "pk")


def choosable_surveys() -> QuerySet[Survey]:
    return Survey.objects.filter(metric=MetricFamily.NPS).order_by("name", "pk")


# --- In words ------------------------------------------------------------------------------------------------
_CADENCE = {1: "every week", 2: "every two weeks", 4: "every four weeks", 13: "every quarter"}
_DIRECTION = {Direction.FALL: "falls", Direction.RISE: "rises", Direction.BOTH: "moves"}


def whose(alarm: Alarm) -> str:
    """Whose NPS it is: "everybody", "the segment Enterprise, by e-mail"."""
    said = f"the segment {alarm.segment.name}" if alarm.segment is not None else "everybody"
    if alarm.survey is not None:
        said += f", survey {alarm.survey.name}"
    if alarm.channel:
        said += f", by {alarm.get_channel_display().lower()}"
    return said


def described(alarm: Alarm) -> str:
    """The alarm as a sentence."""
    return (
        f"Tells when the NPS of {whose(alarm)} {_DIRECTION[Direction(alarm.direction)]} by at least {alarm.threshold}"
        f" points from one window of {alarm.window_days} days to the next, with at least {alarm.min_n:,} answers in both"
        f" and more than noise. Looks {_CADENCE[alarm.every_weeks]}."
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """An alarm as the list shows it."""

    alarm: Alarm
    whose: str
    look: AlarmLook | None
    state: str
    tone: str
    trouble: str


def standing(alarm: Alarm, look: AlarmLook | None, today: dt.date) -> Standing:
    """`state` in a word or two: off, moved, waiting (for answers after an alarm), too few, quiet."""
    trouble = _trouble(alarm)
    if not alarm.is_active:
        state, tone = "off", ""
    elif trouble:
        state, tone = "cannot look", "bad"
    elif look is not None and look.has_moved:
        state, tone = (
            ("fell" if (look.points or 0) < 0 else "rose"),
            "bad" if (look.points or 0) < 0 else "good",
        )
    elif is_resting(alarm, today):
        state, tone = "told", "watch"
    elif look is None or look.verdict == evidence.Verdict.TOO_FEW:
        state, tone = "too few answers", ""
    else:
        state, tone = "quiet", ""
    return Standing(alarm, whose(alarm), look, state, tone, trouble)


def _trouble(alarm: Alarm) -> str:
    if alarm.segment is None:
        return ""
    try:
        segments.parse(alarm.segment.conditions, alarm.segment.target)
    except Refused as refusal:
        return refusal.message
    return ""


def compares_again_on(alarm: Alarm) -> dt.date | None:
    """After an alarm: the first day on which there is a window before the present one without anything it told of."""
    if alarm.fired_on is None:
        return None
    return alarm.fired_on + dt.timedelta(days=alarm.window_days + 1)


def is_resting(alarm: Alarm, today: dt.date) -> bool:
    again = compares_again_on(alarm)
    return again is not None and today <= again


# --- The page ------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class AlarmPage:
    standing: Standing
    sentence: str
    series: Sequence[charts.TrendPoint]
    changes: Sequence[charts.TrendPoint]
    looks: Sequence[AlarmLook]
    looks_a_year: int
    z: float
    confidence: float
    detectable: int | None
    compares_again_on: dt.date | None
    next_look_on: dt.date | None
    now_url: str
    before_url: str
    counted: str


def alarm_page(alarm: Alarm, user: User) -> AlarmPage:
    """The trailing NPS of the last half year, the looks with the interval that decided, and what a look can
    see at all at the present number of answers."""
    looks = list(list_looks(alarm)[:LOOKS])
    latest = looks[0] if looks else None
    today = rollups.today()
    shown = standing(alarm, latest, today)
    direction = Direction(alarm.direction)
    z = evidence.boundary(alarm.every_weeks, direction)
    question = _question(alarm, user)
    end = latest.day if latest else today - dt.timedelta(days=1)
    days = [end - SERIES_STEP * back for back in range(POINTS - 1, -1, -1)]
    found = {} if shown.trouble else figures.figures(question, days)
    is_resting_now = is_resting(alarm, today)
    return AlarmPage(
        standing=shown,
        sentence=described(alarm),
        series=[_series_point(question, day, found[day]) for day in days if day in found],
        changes=[_change_point(look) for look in reversed(looks[:POINTS])],
        looks=looks,
        looks_a_year=evidence.looks_a_year(alarm.every_weeks),
        z=z,
        confidence=100 * evidence.confidence_of(z),
        detectable=_detectable(latest),
        compares_again_on=compares_again_on(alarm) if is_resting_now else None,
        next_look_on=_next_look(alarm, latest),
        now_url=figure_queries.rows_url(question, end),
        before_url=figure_queries.rows_url(question, end - dt.timedelta(days=alarm.window_days)),
        counted=f"latest answer per contact, the {alarm.window_days} days up to each day, with the 95 % interval",
    )


def _question(alarm: Alarm, user: User) -> Question:
    return Question(
        user,
        days=alarm.window_days,
        surveys=(alarm.survey_id,) if alarm.survey_id else (),
        where={"channel": alarm.channel} if alarm.channel else {},
        saved=alarm.segment,
    )


def _next_look(alarm: Alarm, latest: AlarmLook | None) -> dt.date | None:
    """The morning of the next look: a look counts up to the day before."""
    if not alarm.is_active:
        return None
    if latest is None:
        return rollups.today()
    return max(latest.day + dt.timedelta(days=7 * alarm.every_weeks + 1), rollups.today())


def _detectable(latest: AlarmLook | None) -> int | None:
    """The change that would just have been evidence at the latest look: half the width of its interval."""
    if latest is None or latest.low is None or latest.high is None:
        return None
    return round_half_away((latest.high - latest.low) / 2)


def _series_point(question: Question, day: dt.date, found: figures.Figure) -> charts.TrendPoint:
    interval = found.counts.interval
    return charts.TrendPoint(
        label=f"{day:%-d %b}",
        value=found.counts.score,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        n=found.n,
        url=figure_queries.rows_url(question, day) if found.n else "",
    )


def _change_point(look: AlarmLook) -> charts.TrendPoint:
    return charts.TrendPoint(
        label=f"{look.day:%-d %b}",
        value=look.points,
        low=look.low,
        high=look.high,
        n=min(look.before.n, look.now.n),
    )
