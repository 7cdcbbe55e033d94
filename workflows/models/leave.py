"""When people work, when they are away, and who does their work meanwhile."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from workflows.calendars.domain import NewWork, OpenWork
from workflows.choices import choices
from workflows.models.alerts import Alert
from workflows.models.loops import Loop
from workflows.models.tasks import Task


class WorkHours(models.Model):
    """A person's working week where it differs from the company's. Empty hours and country are the company's."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="work_hours")
    weekdays = models.CharField(max_length=7, default="12345", help_text="ISO numbers, Monday is 1.")
    day_start = models.TimeField(null=True, blank=True)
    day_end = models.TimeField(null=True, blank=True)
    country = models.CharField(max_length=2, blank=True, default="")
    region = models.CharField(max_length=6, blank=True, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(weekdays=""), name="workflows_workhours_weekdays"),
            models.CheckConstraint(
                condition=Q(day_start__isnull=True, day_end__isnull=True) | Q(day_start__lt=F("day_end")),
                name="workflows_workhours_hours",
            ),
        ]

    def __str__(self) -> str:
        return f"Working hours of user {self.user_id}"


class Leave(models.Model):
    """Days on which a person is away, both ends included, in their own zone; why is nobody's business.

    `new_work` says who gets what comes meanwhile, `open_work` what becomes of what is open when it begins.
    `began_at` and `ended_at` mark that the hand-over and the way back have been done.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="leaves")
    starts_on = models.DateField()
    ends_on = models.DateField()
    stand_in = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    new_work = models.CharField(max_length=10, choices=choices(NewWork), default=NewWork.STAND_IN)
    open_work = models.CharField(max_length=10, choices=choices(OpenWork), default=OpenWork.KEEP)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    began_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ends_on__gte=F("starts_on")), name="workflows_leave_period"),
            models.CheckConstraint(
                condition=Q(stand_in__isnull=True) | ~Q(stand_in=F("user")), name="workflows_leave_stand_in"
            ),
        ]
        indexes = [models.Index(fields=["user", "ends_on"], name="workflows_leave_user")]

    def __str__(self) -> str:
        return f"Leave {self.pk}"


class HandOver(models.Model):
    """One task, alert or loop that a stand-in does during a leave; it goes back when the leave ends."""

    leave = models.ForeignKey(Leave, on_delete=models.CASCADE, related_name="hand_overs")
    task = models.ForeignKey(Task, on_delete=models.CASCADE, null=True, related_name="hand_overs")
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, null=True, related_name="hand_overs")
    loop = models.ForeignKey(Loop, on_delete=models.CASCADE, null=True, related_name="hand_overs")
    stand_in = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["leave", "task"], name="workflows_handover_task"),
            models.UniqueConstraint(fields=["leave", "alert"], name="workflows_handover_alert"),
            models.UniqueConstraint(fields=["leave", "loop"], name="workflows_handover_loop"),
        ]

    def __str__(self) -> str:
        return f"Hand-over {self.pk}"


class Turn(models.Model):
    """Whose turn it was last in a round of people."""

    key = models.CharField(max_length=120, unique=True)
    last = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.key
