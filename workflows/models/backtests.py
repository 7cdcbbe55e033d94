"""Back-tests of health: what was asked, how far it is, and what came out."""

from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from team.domain import RowScope
from team.models import User
from team.scope import scope_of
from workflows.choices import choices
from workflows.health.backtest_domain import Against, BackTestState
from workflows.models.health import HealthVersion


class BackTestQuerySet(models.QuerySet["BackTest"]):
    def visible_to(self, user: User) -> Self:
        """A back-test looks at all customers, so it is for those who may see all rows."""
        return self if user.is_active and scope_of(user) is RowScope.ALL else self.none()


class BackTest(models.Model):
    """One replay of a health configuration over the past, against what became of the contracts.

    `results` and `suggestion` are written once, when it is done (workflows/health/backtest.py says their form).
    """

    version = models.ForeignKey(HealthVersion, on_delete=models.PROTECT, related_name="+")
    against = models.CharField(max_length=20, choices=choices(Against), default=Against.CHURN)
    horizon_days = models.PositiveSmallIntegerField(default=90)
    since = models.DateField(help_text="No evaluation day lies before it.")
    state = models.CharField(max_length=10, choices=choices(BackTestState), default=BackTestState.WAITING)
    days = models.JSONField(default=list, help_text="The evaluation days, oldest first.")
    days_done = models.PositiveSmallIntegerField(default=0)
    outcomes = models.PositiveIntegerField(default=0)
    evaluations = models.PositiveIntegerField(default=0)
    results = models.JSONField(default=dict)
    suggestion = models.JSONField(default=dict)
    error = models.CharField(max_length=500, blank=True, default="")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    requested_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    objects: ClassVar = BackTestQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(horizon_days__in=[90, 180]), name="workflows_backtest_horizon")
        ]
        indexes = [models.Index(fields=["-requested_at"], name="workflows_backtest_latest")]

    def __str__(self) -> str:
        return f"Back-test {self.pk}"


class BackTestDay(models.Model):
    """What one evaluation day gave, kept until the back-test is done. `rows` is a text of JSON that only it reads."""

    backtest = models.ForeignKey(BackTest, on_delete=models.CASCADE, related_name="kept_days", db_index=False)
    day = models.DateField()
    rows = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["backtest", "day"], name="workflows_backtestday_once")]

    def __str__(self) -> str:
        return f"Day {self.day} of back-test {self.backtest_id}"
