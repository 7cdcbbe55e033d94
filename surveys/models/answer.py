"""Answers, what was known of them when, and the scores kept of people and accounts."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.models import Account, Contact, Import
from surveys.choices import (
    Channel,
    Identity,
    IdentityActionKind,
    LoopStatus,
    MetricFamily,
    ResponseState,
    pairs,
)
from surveys.models.asking import Invitation
from surveys.models.survey import Survey, SurveyVersion
from surveys.querysets import ResponseQuerySet


class Response(models.Model):
    """One answer with a score. Written by surveys/ingest.py and surveys/services/responses.py only.

    The composite indexes below begin with the foreign keys, whose own indexes would only cost every write.
    """

    survey = models.ForeignKey(Survey, on_delete=models.PROTECT, related_name="responses", db_index=False)
    version = models.ForeignKey(
        SurveyVersion, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    invitation = models.OneToOneField(
        Invitation, on_delete=models.SET_NULL, null=True, related_name="response"
    )
    contact = models.ForeignKey(
        Contact, on_delete=models.SET_NULL, null=True, related_name="responses", db_index=False
    )
    account = models.ForeignKey(
        Account, on_delete=models.SET_NULL, null=True, related_name="responses", db_index=False
    )
    source = models.CharField(max_length=40)
    external_id = models.CharField(max_length=200, null=True)
    channel = models.CharField(max_length=10, choices=pairs(Channel))
    metric = models.CharField(max_length=10, choices=pairs(MetricFamily), default=MetricFamily.NPS)
    scale_min = models.SmallIntegerField(default=0)
    scale_max = models.SmallIntegerField(default=10)
    score = models.SmallIntegerField()
    comment = models.TextField(blank=True, default="")
    language = models.CharField(max_length=10, blank=True, default="")
    state = models.CharField(max_length=10, choices=pairs(ResponseState), default=ResponseState.SCORED)
    answers = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        blank=True,
        help_text="What was said to the further questions, by the question's key.",
    )
    may_contact = models.BooleanField(default=False)
    may_quote = models.BooleanField(default=False, db_default=False)
    responded_at = models.DateTimeField()
    received_at = models.DateTimeField(db_default=Now())
    redated_at = models.DateTimeField(
        null=True, help_text="When it became known that it was given at another moment than was thought."
    )
    source_updated_at = models.DateTimeField(null=True)
    finalised_at = models.DateTimeField(null=True)
    locked_at = models.DateTimeField(
        null=True, help_text="From this moment on the answer cannot be changed; set when it arrives."
    )
    excluded_reason = models.CharField(max_length=200, blank=True, default="")
    deleted_upstream_at = models.DateTimeField(null=True)
    superseded_at = models.DateTimeField(null=True)
    identity = models.CharField(max_length=10, choices=pairs(Identity), default=Identity.MATCHED)
    identity_hint = models.JSONField(default=dict)
    attributes = models.JSONField(default=dict)
    origin = models.CharField(max_length=10, default="live")
    loop_status = models.CharField(max_length=10, choices=pairs(LoopStatus), default=LoopStatus.OPEN)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )

    objects: ClassVar = ResponseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "external_id"], name="surveys_response_external"),
            models.CheckConstraint(
                condition=Q(score__gte=F("scale_min")) & Q(score__lte=F("scale_max")),
                name="surveys_response_range",
            ),
            models.CheckConstraint(
                condition=~Q(metric="nps") | Q(scale_min=0, scale_max=10), name="surveys_response_nps_scale"
            ),
        ]
        indexes = [
            models.Index(fields=["contact", "-responded_at", "-id"], name="surveys_response_contact"),
            models.Index(fields=["account", "-responded_at", "-id"], name="surveys_response_account"),
            models.Index(fields=["-responded_at", "-id"], name="surveys_response_when"),
            models.Index(
                fields=["received_at"],
                condition=Q(finalised_at__isnull=True),
                name="surveys_response_partial",
            ),
            models.Index(
                fields=["-responded_at", "-id"], condition=Q(identity="inbox"), name="surveys_response_inbox"
            ),
            models.Index(
                fields=["assignee", "-responded_at"],
                condition=Q(assignee__isnull=False),
                name="surveys_response_assignee",
            ),
            models.Index(
                fields=["redated_at"],
                condition=Q(redated_at__isnull=False),
                name="surveys_response_redated",
            ),
        ]

    def __str__(self) -> str:
        return f"Response {self.pk}"


class ResponseRevision(models.Model):
    """What was known of a response from `known_at` on: numbers and keys, no text. Append-only.

    Written by the statement that writes the response, so the database does not look for it once more.
    """

    response = models.ForeignKey(
        Response, on_delete=models.CASCADE, related_name="revisions", db_index=False, db_constraint=False
    )
    known_at = models.DateTimeField(db_default=Now())
    responded_at = models.DateTimeField()
    score = models.SmallIntegerField()
    contact_key = models.BigIntegerField(null=True)
    account_key = models.BigIntegerField(null=True)
    survey_key = models.BigIntegerField()
    is_excluded = models.BooleanField(default=False)
    is_deleted = models.BooleanField(default=False)
    is_waiting = models.BooleanField(
        default=False, db_default=False, help_text="Nobody knew whose it was, so it counted nowhere."
    )
    attributes = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["response", "known_at"], name="surveys_revision_response")]

    def __str__(self) -> str:
        return f"Revision {self.pk}"


class ImportedAnswer(models.Model):
    """Which import made an answer, so that its page can show them and take them back."""

    response = models.OneToOneField(
        Response, on_delete=models.CASCADE, primary_key=True, related_name="imported"
    )
    run = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"Response {self.response_id} of import {self.run_id}"


class ContactScore(models.Model):
    """A contact's latest and previous counted score, by `responded_at`.

    Derived: whoever writes or deletes answers sets it right from those that stand (surveys/sql.py), so the database does not
    look for them once more.
    """

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="scores", db_index=False)
    metric = models.CharField(max_length=10, choices=pairs(MetricFamily), default=MetricFamily.NPS)
    latest = models.ForeignKey(
        Response, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    latest_score = models.SmallIntegerField()
    latest_at = models.DateTimeField()
    previous = models.ForeignKey(
        Response, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False, db_constraint=False
    )
    previous_score = models.SmallIntegerField(null=True)
    previous_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["contact", "metric"], name="surveys_contactscore_once")
        ]
        indexes = [models.Index(fields=["metric", "latest_score"], name="surveys_contactscore_latest")]

    def __str__(self) -> str:
        return f"Score of contact {self.contact_id}"


class AccountScore(models.Model):
    """What the people of an account say at present: latest answer per contact within the last 365 days.

    Kept by surveys/insight/rollups.py. For CSAT and CES `promoters` and `detractors` count the good and the bad level of the
    scale (surveys/domain.py). `changes_on` is the day on which the oldest of these answers leaves the window.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="scores", db_index=False)
    metric = models.CharField(max_length=10, choices=pairs(MetricFamily), default=MetricFamily.NPS)
    people = models.PositiveIntegerField()
    promoters = models.PositiveIntegerField()
    detractors = models.PositiveIntegerField()
    mean = models.FloatField()
    median = models.FloatField()
    latest_at = models.DateTimeField()
    changes_on = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "metric"], name="surveys_accountscore_once")
        ]
        indexes = [
            models.Index(fields=["metric", "mean"], name="surveys_accountscore_mean"),
            models.Index(fields=["changes_on"], name="surveys_accountscore_changes"),
        ]

    def __str__(self) -> str:
        return f"Score of account {self.account_id}"

    @property
    def passives(self) -> int:
        return self.people - self.promoters - self.detractors


class IdentityAction(models.Model):
    """One decision about whose answers are whose: one row of the inbox, or ten thousand at once. It can be undone.

    `effect` holds the figures before and after, as numbers and keys.
    """

    kind = models.CharField(max_length=10, choices=pairs(IdentityActionKind))
    number = models.PositiveIntegerField(default=0, help_text="How many answers it changed.")
    contacts_made = models.PositiveIntegerField(default=0)
    effect = models.JSONField(default=dict)
    done_at = models.DateTimeField()
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    undone_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    sealed_at = models.DateTimeField(null=True, help_text="From then on it can no longer be undone.")

    class Meta:
        indexes = [models.Index(fields=["-done_at", "-id"], name="surveys_identityaction_latest")]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class IdentityMove(models.Model):
    """What one decision did to one answer: enough to put it back, and nothing once the decision is sealed."""

    action = models.ForeignKey(IdentityAction, on_delete=models.CASCADE, related_name="moves", db_index=False)
    response = models.ForeignKey(Response, on_delete=models.CASCADE, related_name="+")
    from_contact = models.BigIntegerField(null=True)
    from_account = models.BigIntegerField(null=True)
    from_identity = models.CharField(max_length=10, choices=pairs(Identity))
    to_contact = models.BigIntegerField(null=True)
    to_account = models.BigIntegerField(null=True)
    to_identity = models.CharField(max_length=10, choices=pairs(Identity))
    hint = models.JSONField(default=dict)
    attributes = models.JSONField(default=dict)
    made_contact = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["action", "response"], name="surveys_identitymove_once")
        ]

    def __str__(self) -> str:
        return f"Move {self.pk}"
