"""What changes alarms, and the looks they take."""

import datetime as dt
import logging
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max

from accounts import history, segments, timeline
from accounts.conditions import ME, leaves
from accounts.models import Segment
from core import clock, jobs
from core.errors import Invalid, Refused
from surveys.choices import Channel, MetricFamily
from surveys.insight import rollups
from surveys.models import Survey
from team import audit
from team import queries as team_queries
from team.models import User
from team.permissions import can_work
from workflows import people
from workflows.alarms import counting, evidence
from workflows.alarms.evidence import CADENCES, MIN_N_FLOOR, Direction, Verdict
from workflows.models import Alarm, AlarmLook
from workflows.services import alerts

logger = logging.getLogger(__name__)
JOB = "workflows.alarms"
ALERT = "nps_moved"
WINDOWS = (14, 365)
EDITABLE = (
    "name", "segment", "survey", "channel", "direction", "window_days", "threshold", "min_n", "every_weeks",
    "is_active", "assignee",
)  # fmt: skip


# --- Writing -------------------------------------------------------------------------------------------------
@transaction.atomic
def create_alarm(*, actor: User, name: str, **values: Any) -> Alarm:
    """Set an alarm and take its first look. `values` are fields of `EDITABLE`; what is not named has its default."""
    alarm = Alarm(created_by=actor, assignee=actor)
    _fill(alarm, {"name": name, **values})
    _save(alarm, actor)
    audit.record(action="alarm.created", actor=actor, obj=alarm)
    look(alarm=alarm)
    return alarm


@transaction.atomic
def update_alarm(*, alarm: Alarm, actor: User, **values: Any) -> Alarm:
    """Change what is watched, or switch it on or off. Looks already taken stay as they were decided.

    A change of what is compared begins a new comparison: what an earlier alarm told no longer binds it.
    """
    alarm = Alarm.objects.select_for_update().get(pk=alarm.pk)
    watched = _watched(alarm)
    _fill(alarm, values)
    if _watched(alarm) != watched:
        alarm.fired_on = None
    _save(alarm, actor)
    audit.record(action="alarm.updated", actor=actor, obj=alarm, fields=sorted(values))
    return alarm


@transaction.atomic
def delete_alarm(*, alarm: Alarm, actor: User) -> None:
    """Take an alarm away with its looks; alerts and events it made stay."""
    audit.record(action="alarm.deleted", actor=actor, obj=alarm)
    history.sign(alarm, actor)
    alarm.delete()


def _watched(alarm: Alarm) -> tuple[Any, ...]:
    return alarm.segment_id, alarm.survey_id, alarm.channel


def _fill(alarm: Alarm, values: Mapping[str, Any]) -> None:
    for field, value in values.items():
        if field not in EDITABLE:
            raise LookupError(f"An alarm has no field {field}")
        setattr(alarm, field, value)
    alarm.name = " ".join(str(alarm.name).split())[:120]
    if not alarm.name:
        raise Invalid("Give the alarm a name.", field="name")
    if alarm.direction not in set(Direction):
        raise Invalid("Watch for a fall, a rise or both.", field="direction")
    if alarm.channel and alarm.channel not in set(Channel):
        raise Invalid("There is no such channel.", field="channel")
    if alarm.every_weeks not in CADENCES:
        raise Invalid("Look every 1, 2, 4 or 13 weeks.", field="every_weeks")
    _between(alarm.window_days, *WINDOWS, "window_days", "A window has 14 to 365 days.")
    _between(alarm.threshold, 1, 100, "threshold", "Choose 1 to 100 points.")
    _between(
        alarm.min_n, MIN_N_FLOOR, 1_000_000, "min_n",
        f"At least {MIN_N_FLOOR} answers in each window: below, no interval of an NPS can be trusted.",
    )  # fmt: skip
    _check_segment(alarm.segment)
    _check_survey(alarm.survey)
    if alarm.assignee is not None and not can_work(alarm.assignee):
        raise Refused("Choose an active colleague who can work.", field="assignee")


def _between(value: Any, low: int, high: int, field: str, message: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Invalid(message, field=field)


def _check_segment(segment: Segment | None) -> None:
    if segment is None:
        return
    tree = segments.parse(segment.conditions, segment.target)
    if any(ME in one.values for one in leaves(tree)):
        raise Refused(
            "This segment asks for “me”, and an alarm looks for nobody in particular. Choose one that names people.",
            field="segment",
        )
    if not segment.is_shared:
        raise Refused(
            "This segment is not shared with everybody, but whoever sees the alarm sees its figures. Share it first.",
            field="segment",
        )


def _check_survey(survey: Survey | None) -> None:
    if survey is not None and survey.metric != MetricFamily.NPS:
        raise Refused("This survey has no NPS. Choose a survey that asks for it.", field="survey")


def _save(alarm: Alarm, actor: User) -> None:
    history.sign(alarm, actor)
    try:
        with transaction.atomic():
            alarm.save()
    except IntegrityError:
        raise Refused(
            f"There is an alarm “{alarm.name}” already. Choose another name.", field="name", code="name_taken"
        ) from None


# --- Looking -------------------------------------------------------------------------------------------------
def last_full_day() -> dt.date:
    """Yesterday in the zone of the figures: a look never counts half a day."""
    return rollups.today() - dt.timedelta(days=1)


def is_due(alarm: Alarm, latest: dt.date | None, day: dt.date) -> bool:
    return alarm.is_active and (latest is None or (day - latest).days >= 7 * alarm.every_weeks)


@transaction.atomic
def look(*, alarm: Alarm, day: dt.date | None = None, is_quiet: bool = False) -> AlarmLook:
    """Compare the windows that end with `day` (yesterday), keep what was found, and tell if it is evidence.

    One look a day: a second one returns the first. After an alarm, answers up to the day it saw are no longer compared
    with, so the same change is told once and a further one again. A quiet look keeps what it finds and tells nobody. Raises `Invalid` for a segment that cannot be read.
    """
    alarm = Alarm.objects.select_for_update(of=("self",)).select_related("segment").get(pk=alarm.pk)
    day = day or last_full_day()
    taken = AlarmLook.objects.filter(alarm=alarm, day=day).first()
    if taken is not None:
        return taken
    until = day + dt.timedelta(days=1)
    now_from = until - dt.timedelta(days=alarm.window_days)
    before_from = now_from - dt.timedelta(days=alarm.window_days)
    if alarm.fired_on is not None:
        before_from = min(max(before_from, alarm.fired_on + dt.timedelta(days=1)), now_from)
    windows = counting.windows_of(alarm, before_from=before_from, now_from=now_from, until=until)
    direction = Direction(alarm.direction)
    verdict, change = evidence.judge(
        windows, direction=direction, every_weeks=alarm.every_weeks, min_n=alarm.min_n, threshold=alarm.threshold
    )  # fmt: skip
    before, now = windows.before, windows.now
    made = AlarmLook.objects.create(
        alarm=alarm, day=day, before_from=before_from, now_from=now_from, verdict=verdict, pairs=windows.pairs,
        promoters_before=before.promoters, passives_before=before.passives, detractors_before=before.detractors,
        promoters_now=now.promoters, passives_now=now.passives, detractors_now=now.detractors,
        points=change.points if change else None, low=change.low if change else None,
        high=change.high if change else None, z=evidence.boundary(alarm.every_weeks, direction),
        min_n=alarm.min_n, threshold=alarm.threshold, looked_at=clock.now(),
    )  # fmt: skip
    if verdict is Verdict.MOVED:
        Alarm.objects.filter(pk=alarm.pk).update(fired_on=day)
        if not is_quiet:
            _tell(alarm, made)
    return made


@transaction.atomic
def look_if_due(*, alarm: Alarm) -> AlarmLook | None:
    """The look whose turn it is; None where another worker has taken it, or the alarm was switched off or deleted. Its
    promise counts the looks of a year, so none may be taken too early."""
    held = Alarm.objects.select_for_update(of=("self",)).filter(pk=alarm.pk).first()
    if held is None:
        return None
    latest = AlarmLook.objects.filter(alarm=held).aggregate(latest=Max("day"))["latest"]
    return look(alarm=held) if is_due(held, latest, last_full_day()) else None


def _tell(alarm: Alarm, found: AlarmLook) -> None:
    """Record the event that rules wait for, and raise the alert."""
    assert found.change is not None
    cause = f"alarm:{alarm.pk}:{found.day.isoformat()}"
    timeline.record(
        kind="nps.moved",
        cause_key=cause,
        subject=("alarm", alarm.pk),
        data={
            "alarm": alarm.pk,
            "segment": alarm.segment_id,
            "survey": alarm.survey_id,
            "channel": alarm.channel,
            "direction": "fall" if found.change.points < 0 else "rise",
            "change": round(found.change.points, 4),
            "low": round(found.change.low, 4),
            "high": round(found.change.high, 4),
            "n_before": found.before.n,
            "n_after": found.now.n,
        },
    )
    assignee = alarm.assignee
    if assignee is None or not can_work(assignee):
        assignee = people.responsible_for(None)
    alerts.raise_alert(
        kind=ALERT,
        reason=f"alarm {alarm.pk}",
        assignee=assignee,
        dedupe_key=cause,
        data={"alarm": alarm.pk, "day": found.day.isoformat()},
    )


def due_alarms(day: dt.date) -> list[tuple[Alarm, dt.date | None]]:
    """The alarms whose turn it is on `day`, with the day of their latest look."""
    rows = list(Alarm.objects.filter(is_active=True).order_by("pk"))
    looked = (
        AlarmLook.objects.filter(alarm__in=rows).order_by().values_list("alarm").annotate(latest=Max("day"))
    )
    latest = dict(looked)
    return [(alarm, latest.get(alarm.pk)) for alarm in rows if is_due(alarm, latest.get(alarm.pk), day)]


def register() -> None:
    """Once a day, early in the workspace's morning, the alarms whose turn it is look."""

    @jobs.handler(JOB, long=True)
    def run(job: jobs.JobContext) -> None:
        due = due_alarms(last_full_day())
        for number, (alarm, _) in enumerate(due):
            try:
                look_if_due(alarm=alarm)
            except Refused as refusal:
                logger.warning("Alarm %s could not look: %s", alarm.pk, refusal.code)
            job.report(number + 1, len(due))

    def submit(day: dt.date) -> None:
        jobs.submit(JOB, key=f"{JOB}:{day.isoformat()}")

    jobs.daily(JOB, at=dt.time(5), zone=lambda: team_queries.workspace().time_zone, func=submit)
