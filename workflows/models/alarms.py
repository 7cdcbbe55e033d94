"""Alarms on the NPS: what is watched, and every look that was taken."""

from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from simple_history.models import HistoricalRecords

from accounts.models import Segment
from surveys.choices import Channel, pairs
from surveys.domain import Counts
from surveys.models import Survey
from team.domain import RowScope
from team.models import User
from team.scope import scope_of
from workflows.alarms.evidence import MIN_N_FLOOR, Change, Direction, Verdict, moved_words, sentence
from workflows.choices import choices


class AlarmQuerySet(models.QuerySet["Alarm"]):
    def visible_to(self, user: User) -> Self:
        """An alarm counts everybody's answers, so it is for those who may see all rows."""
        return self if user.is_active and scope_of(user) is RowScope.ALL else self.none()


class Alarm(models.Model):
    """Watches the NPS of everybody, or of a segment, survey or channel, and tells only of changes that are evidence."""

    name = models.CharField(max_length=120)
    segment = models.ForeignKey(
        Segment, on_delete=models.PROTECT, null=True, blank=True, related_name="alarms",
        help_text="Accounts or contacts that are in it on the day of the look.",
    )  # fmt: skip
    survey = models.ForeignKey(Survey, on_delete=models.PROTECT, null=True, blank=True, related_name="alarms")
    channel = models.CharField(max_length=10, choices=pairs(Channel), blank=True, default="")
    direction = models.CharField(max_length=5, choices=choices(Direction), default=Direction.FALL)
    window_days = models.PositiveSmallIntegerField(default=90)
    threshold = models.PositiveSmallIntegerField(default=10, help_text="Points of NPS.")
    min_n = models.PositiveIntegerField(default=50, help_text="Answers, in each of the two windows.")
    every_weeks = models.PositiveSmallIntegerField(default=1)
    is_active = models.BooleanField(default=True)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="alarms",
        help_text="Who gets the alert.",
    )  # fmt: skip
    fired_on = models.DateField(
        null=True, blank=True, editable=False,
        help_text="The day up to which the last reported change was seen; answers up to it are no longer compared with.",
    )  # fmt: skip
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    history = HistoricalRecords(excluded_fields=["fired_on"])

    objects: ClassVar = AlarmQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name"], name="workflows_alarm_name"),
            models.CheckConstraint(
                condition=Q(window_days__gte=14, window_days__lte=365), name="workflows_alarm_window"
            ),
            models.CheckConstraint(condition=Q(min_n__gte=MIN_N_FLOOR), name="workflows_alarm_min_n"),
            models.CheckConstraint(
                condition=Q(threshold__gte=1, threshold__lte=100), name="workflows_alarm_threshold"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AlarmLook(models.Model):
    """One look: both windows with their counts, the interval that decided, and what was decided."""

    alarm = models.ForeignKey(Alarm, on_delete=models.CASCADE, related_name="looks", db_index=False)
    day = models.DateField(help_text="The last day of the present window.")
    before_from = models.DateField()
    now_from = models.DateField()
    promoters_before = models.PositiveIntegerField()
    passives_before = models.PositiveIntegerField()
    detractors_before = models.PositiveIntegerField()
    promoters_now = models.PositiveIntegerField()
    passives_now = models.PositiveIntegerField()
    detractors_now = models.PositiveIntegerField()
    pairs = models.PositiveIntegerField(help_text="People who answered in both windows.")
    points = models.FloatField(null=True)
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    z = models.FloatField()
    min_n = models.PositiveIntegerField()
    threshold = models.PositiveSmallIntegerField()
    verdict = models.CharField(max_length=16, choices=choices(Verdict))
    looked_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["alarm", "day"], name="workflows_alarmlook_once")]

    def __str__(self) -> str:
        return f"Look {self.pk}"

    @property
    def before(self) -> Counts:
        return Counts(self.promoters_before, self.passives_before, self.detractors_before)

    @property
    def now(self) -> Counts:
        return Counts(self.promoters_now, self.passives_now, self.detractors_now)

    @property
    def has_moved(self) -> bool:
        return self.verdict == Verdict.MOVED

    @property
    def change(self) -> Change | None:
        if self.points is None or self.low is None or self.high is None:
            return None
        return Change(self.points, self.low, self.high, self.z)

    @property
    def moved_words(self) -> str:
        return "" if self.points is None else moved_words(self.points)

    @property
    def sentence(self) -> str:
        return sentence(
            Verdict(self.verdict), self.change, n_before=self.before.n, n_now=self.now.n, min_n=self.min_n,
            threshold=self.threshold,
        )  # fmt: skip
