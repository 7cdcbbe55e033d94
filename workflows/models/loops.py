"""Closed loops: the promise to each unhappy customer, and how it was kept."""

from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from accounts.models import Account, Contact, Interaction
from accounts.querysets import OfAccountQuerySet
from surveys.models import Response
from workflows.choices import choices
from workflows.loop.domain import ContactBy, LoopPause


def detractors() -> list[str]:
    return ["detractor"]


class WorkSettings(models.Model):
    """The one row of what the company promises and how its week looks. Read it through `workflows.queries.worktime`."""

    country = models.CharField(max_length=2, blank=True, default="")
    region = models.CharField(max_length=6, blank=True, default="")
    loop_categories = models.JSONField(default=detractors)
    contact_days = models.PositiveSmallIntegerField(default=1, validators=[MinValueValidator(1)])
    resolution_days = models.PositiveSmallIntegerField(default=5, validators=[MinValueValidator(1)])
    escalations = models.PositiveSmallIntegerField(default=3, validators=[MaxValueValidator(3)])
    escalation_minutes = models.PositiveIntegerField(default=480, validators=[MinValueValidator(60)])
    history = HistoricalRecords()

    class Meta:
        verbose_name_plural = "work settings"
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="workflows_worksettings_single_row"),
            models.CheckConstraint(condition=Q(escalations__lte=3), name="workflows_worksettings_cap"),
            models.CheckConstraint(
                condition=Q(escalation_minutes__gte=60), name="workflows_worksettings_gap"
            ),
        ]

    def __str__(self) -> str:
        return "Work settings"


class LoopOutcome(models.Model):
    """What can come of a loop, as the company words it. Ready ones have a `key`."""

    key = models.SlugField(max_length=40, null=True, blank=True, unique=True)
    label = models.CharField(max_length=80, unique=True)
    position = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.label


class Loop(models.Model):
    """The clocks of one answer that somebody must follow up.

    Where the conversation stands is the answer's own `loop_status`; this row holds when it should have got there and
    when it did. Times are those of the owner's calendar as it was when they were set. While `paused_at` is set nothing
    is due and nothing is counted.
    """

    response = models.OneToOneField(Response, on_delete=models.CASCADE, related_name="loop")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, null=True, related_name="loops")
    contact = models.ForeignKey(Contact, on_delete=models.SET_NULL, null=True, related_name="loops")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="loops"
    )
    category = models.CharField(max_length=20)
    started_at = models.DateTimeField(help_text="When it was scored.")
    contact_due_at = models.DateTimeField()
    resolution_due_at = models.DateTimeField()
    contacted_at = models.DateTimeField(null=True)
    contacted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    contact_by = models.CharField(max_length=10, choices=choices(ContactBy), blank=True, default="")
    interaction = models.ForeignKey(Interaction, on_delete=models.SET_NULL, null=True, related_name="+")
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    outcome = models.ForeignKey(LoopOutcome, on_delete=models.SET_NULL, null=True, related_name="loops")
    contact_breached_at = models.DateTimeField(null=True)
    resolution_breached_at = models.DateTimeField(null=True)
    escalations = models.PositiveSmallIntegerField(default=0)
    escalated_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    pause = models.CharField(max_length=10, choices=choices(LoopPause), blank=True, default="")

    objects: ClassVar = OfAccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(paused_at__isnull=True, pause="") | (Q(paused_at__isnull=False) & ~Q(pause="")),
                name="workflows_loop_pause",
            ),
        ]
        indexes = [
            models.Index(
                fields=["contact_due_at"],
                condition=Q(contacted_at__isnull=True, resolved_at__isnull=True, paused_at__isnull=True),
                name="workflows_loop_contact_due",
            ),
            models.Index(
                fields=["resolution_due_at"],
                condition=Q(resolved_at__isnull=True, paused_at__isnull=True),
                name="workflows_loop_resolve_due",
            ),
            models.Index(fields=["started_at"], name="workflows_loop_started"),
        ]

    def __str__(self) -> str:
        return f"Loop {self.pk}"
