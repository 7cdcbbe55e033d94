"""What a rule would have done: a dry run over past events, and every time it would have run."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from accounts.models import Account, Contact, Event
from accounts.querysets import OfAccountQuerySet
from workflows.choices import choices
from workflows.models.rules import Rule
from workflows.rules.verdicts import DryRunState, Verdict


class DryRun(models.Model):
    """One look at the past with one version of a rule, over the `days` days before `until`.

    `definition` holds what somebody wants to save over a rule that is on; empty where a saved version was tried.
    `as_if_live` counts imported history as if it had come in live. `reach` is how many people (or accounts, where a run
    is about an account) it would have written to, or run for, in its last 30 days.
    """

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="dry_runs")
    rule_version = models.PositiveIntegerField()
    definition = models.JSONField(null=True, blank=True)
    as_if_live = models.BooleanField(default=True)
    until = models.DateTimeField()
    days = models.PositiveSmallIntegerField()
    days_done = models.PositiveSmallIntegerField(default=0)
    events_seen = models.PositiveIntegerField(default=0)
    from_history = models.PositiveIntegerField(
        default=0, help_text="Causes among them that nobody recorded then, made up from what was known."
    )
    reach = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=10, choices=choices(DryRunState), default=DryRunState.RUNNING)
    error = models.CharField(max_length=300, blank=True, default="")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["rule", "-id"], name="workflows_dryrun_of_rule")]

    def __str__(self) -> str:
        return f"Dry run {self.pk}"

    @property
    def is_done(self) -> bool:
        return self.state == DryRunState.DONE

    @property
    def is_over(self) -> bool:
        return self.state != DryRunState.RUNNING

    @property
    def version_text(self) -> str:
        return f"version {self.rule_version}"


class DryRunHit(models.Model):
    """One event whose rule would have run, or why not. `occurred_at` is when the run would have begun, `ends_at` when it would
    have been over, empty where the log does not say. An event that nobody recorded then is empty. `messages` is how many it would have written, `withheld` why it would have written fewer.
    """

    dry_run = models.ForeignKey(DryRun, on_delete=models.CASCADE, related_name="hits", db_index=False)
    event = models.ForeignKey(Event, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, null=True, related_name="+")
    contact = models.ForeignKey(Contact, on_delete=models.SET_NULL, null=True, related_name="+")
    cause_key = models.CharField(max_length=160)
    occurred_at = models.DateTimeField()
    verdict = models.CharField(max_length=16, choices=choices(Verdict))
    ends_at = models.DateTimeField(null=True)
    messages = models.PositiveSmallIntegerField(default=0)
    withheld = models.CharField(max_length=20, blank=True, default="")

    objects: ClassVar = OfAccountQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["dry_run", "verdict", "-occurred_at"], name="workflows_dryrunhit_list"),
        ]

    def __str__(self) -> str:
        return f"Hit {self.pk}"
