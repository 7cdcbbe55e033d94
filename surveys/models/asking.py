"""Asks and the messages that carry them."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Account, Contact
from core.outbox import OutboxRow
from surveys.choices import Channel, IntentState, InvitationState, MessageKind, pairs
from surveys.models.campaign import Variant, Wave
from surveys.models.survey import SurveyVersion
from surveys.querysets import InvitationQuerySet, ScoreIntentQuerySet


class Invitation(models.Model):
    """One ask of one person in one wave. `recipient_key` is the contact's address key and never changes."""

    # Indexes are the dearest part of planning (bench/planning.py), so keys that another index begins with have none.
    wave = models.ForeignKey(
        Wave, on_delete=models.PROTECT, null=True, related_name="invitations", db_index=False
    )
    version = models.ForeignKey(SurveyVersion, on_delete=models.PROTECT, related_name="+", db_index=False)
    contact = models.ForeignKey(
        Contact, on_delete=models.SET_NULL, null=True, related_name="invitations", db_index=False
    )
    account = models.ForeignKey(
        Account, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    recipient_key = models.CharField(max_length=64)
    channel = models.CharField(
        max_length=10, choices=pairs(Channel), default=Channel.EMAIL, db_default="email"
    )
    variant = models.ForeignKey(
        Variant, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    cost = models.PositiveSmallIntegerField(
        default=0,
        db_default=0,
        help_text="What its messages took of the person's budget, in tenths of an ask.",
    )
    reminders = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="How many were made.")
    reminded_at = models.DateTimeField(null=True, help_text="When the last message after the first was made.")
    context = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text="Data of the event that led to the ask, such as the agent of a ticket.",
    )
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False,
        help_text="Who asked this person by hand; with a reason where a rule stood against it.",
    )  # fmt: skip
    override_reason = models.CharField(max_length=200, blank=True, default="", db_default="")
    language = models.CharField(max_length=10, default="en")
    state = models.CharField(max_length=10, choices=pairs(InvitationState), default=InvitationState.PLANNED)
    is_test = models.BooleanField(default=False)
    tester = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+",
        help_text="Who a test goes to, at their own address; set exactly when is_test.",
    )  # fmt: skip
    planned_at = models.DateTimeField(db_default=Now())
    asked_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(null=True)
    scored_at = models.DateTimeField(null=True)
    commented_at = models.DateTimeField(null=True)
    declined_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    outcome_reason = models.CharField(max_length=30, blank=True, default="")

    objects: ClassVar = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            # The key first, so that the same index finds what an address was ever asked.
            models.UniqueConstraint(fields=["recipient_key", "wave"], name="surveys_invitation_once"),
            models.CheckConstraint(
                condition=Q(is_test=True) | Q(tester__isnull=True), name="surveys_invitation_tester"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-planned_at"], name="surveys_invitation_account"),
            # What an account was asked since it answered last, without reading the asks of all years before.
            models.Index(
                fields=["account", "asked_at"],
                condition=Q(is_test=False, asked_at__isnull=False),
                name="surveys_invitation_asked",
            ),
            models.Index(fields=["contact", "-planned_at"], name="surveys_invitation_contact"),
            models.Index(fields=["wave", "state", "id"], name="surveys_invitation_state"),
        ]

    def __str__(self) -> str:
        return f"Invitation {self.pk}"


class Delivery(OutboxRow):
    """One message of an invitation: owner of the Message-ID, the claim, the fence and the outcome."""

    invitation = models.ForeignKey(
        Invitation, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    step = models.CharField(max_length=20, default="first")
    channel = models.CharField(max_length=10, choices=pairs(Channel), default=Channel.EMAIL)
    message_id = models.CharField(max_length=120)
    provider_id = models.CharField(max_length=200, blank=True, default="")
    sent_at = models.DateTimeField(null=True)
    code = models.CharField(max_length=20, blank=True, default="")
    cost = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="In tenths of an ask.")
    segments = models.PositiveSmallIntegerField(null=True, help_text="Parts of an SMS.")
    price = models.DecimalField(max_digits=10, decimal_places=5, null=True)
    price_currency = models.CharField(max_length=3, blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["invitation", "step", "channel"], name="surveys_delivery_once")
        ]
        indexes = [
            models.Index(fields=["next_at", "id"], condition=Q(state="pending"), name="surveys_delivery_due"),
            models.Index(
                fields=["lease_until"],
                condition=Q(state__in=["claimed", "sending"]),
                name="surveys_delivery_leased",
            ),
            models.Index(
                fields=["state", "id"],
                condition=Q(state__in=["in_doubt", "failed", "dead"]),
                name="surveys_delivery_troubled",
            ),
            models.Index(
                fields=["provider_id"], condition=~Q(provider_id=""), name="surveys_delivery_provider"
            ),
            models.Index(
                fields=["sent_at"],
                condition=Q(channel="sms", state="done", price__isnull=True),
                name="surveys_delivery_unpriced",
            ),
            models.Index(fields=["message_id"], name="surveys_delivery_message"),
        ]

    def __str__(self) -> str:
        return self.key


class ExternalAsk(models.Model):
    """An ask that another tool made, as it reported it. It counts like ours."""

    source = models.CharField(max_length=40)
    external_id = models.CharField(max_length=200)
    contact = models.ForeignKey(Contact, on_delete=models.SET_NULL, null=True, related_name="+")
    account = models.ForeignKey(Account, on_delete=models.SET_NULL, null=True, related_name="+")
    recipient_key = models.CharField(max_length=64)
    kind = models.CharField(max_length=15)
    channel = models.CharField(max_length=10, choices=pairs(Channel), default=Channel.EMAIL)
    cost = models.PositiveSmallIntegerField(default=10, help_text="In tenths of an ask.")
    asked_at = models.DateTimeField()
    reported_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "external_id"], name="surveys_externalask_once")
        ]
        indexes = [models.Index(fields=["recipient_key", "asked_at"], name="surveys_externalask_key")]

    def __str__(self) -> str:
        return f"Ask by {self.source}"


class InboundMessage(models.Model):
    """A mail or SMS that came back: a reply, a word such as STOP, an out-of-office note."""

    channel = models.CharField(max_length=10, choices=pairs(Channel))
    provider = models.CharField(max_length=40)
    provider_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=15, choices=pairs(MessageKind))
    from_key = models.CharField(max_length=64)
    from_address = models.CharField(max_length=254)
    subject = models.CharField(max_length=200, blank=True, default="")
    body = models.TextField(blank=True, default="")
    received_at = models.DateTimeField()
    contact = models.ForeignKey(Contact, on_delete=models.SET_NULL, null=True, related_name="+")
    account = models.ForeignKey(Account, on_delete=models.SET_NULL, null=True, related_name="+")
    invitation = models.ForeignKey(Invitation, on_delete=models.SET_NULL, null=True, related_name="messages")
    handled_at = models.DateTimeField(null=True)
    handled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "provider_id"], name="surveys_inboundmessage_once")
        ]
        indexes = [models.Index(fields=["-received_at"], name="surveys_inboundmessage_when")]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class PageVisit(models.Model):
    """A look at the hosted page or an open of the mail: evidence, never an answer."""

    invitation = models.ForeignKey(Invitation, on_delete=models.CASCADE, related_name="visits")
    kind = models.CharField(max_length=10)
    score = models.SmallIntegerField(null=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["invitation", "at"], name="surveys_pagevisit_invitation"),
            # What is forgotten every night is found by its age.
            models.Index(fields=["at"], name="surveys_pagevisit_at"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class ScoreIntent(models.Model):
    """A click on a score that no human gesture has confirmed yet. Never a response."""

    invitation = models.OneToOneField(Invitation, on_delete=models.CASCADE, related_name="intent")
    score = models.SmallIntegerField()
    comment = models.TextField(
        blank=True, default="", help_text="What was sent with a score that is held back."
    )
    answers = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text="What was said with it to the further questions, by the question's key.",
    )
    may_contact = models.BooleanField(default=False, db_default=False)
    may_quote = models.BooleanField(default=False, db_default=False)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    evidence = models.JSONField(default=dict)
    suspicion = models.CharField(max_length=200, blank=True, default="")
    state = models.CharField(max_length=10, choices=pairs(IntentState), default=IntentState.WAITING)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    objects: ClassVar = ScoreIntentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(score__gte=0) & Q(score__lte=10), name="surveys_scoreintent_range"
            )
        ]
        indexes = [models.Index(fields=["state", "-last_seen_at"], name="surveys_scoreintent_state")]

    def __str__(self) -> str:
        return f"Intent {self.pk}"
