"""Asking and listening: surveys, campaigns, invitations, answers, scores and the figures kept from them."""

from enum import StrEnum
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from simple_history.models import HistoricalRecords

from accounts.models import Account, Contact, Segment
from core.outbox import OutboxRow
from surveys.choices import (
    CampaignState,
    Channel,
    Identity,
    IntentState,
    InvitationState,
    LoopStatus,
    MetricFamily,
    Reason,
    ResponseState,
    SuppressionReason,
    SurveyState,
    Unit,
    WaveState,
)
from surveys.querysets import InvitationQuerySet, ResponseQuerySet, ScoreIntentQuerySet


def choices(values: type[StrEnum]) -> list[tuple[str, str]]:
    return [(v.value, v.value.replace("_", " ").capitalize()) for v in values]


class Survey(models.Model):
    """What is asked. The wording lives in versions; `current` is what the next wave asks."""

    name = models.CharField(max_length=120)
    metric = models.CharField(max_length=10, choices=choices(MetricFamily), default=MetricFamily.NPS)
    state = models.CharField(max_length=10, choices=choices(SurveyState), default=SurveyState.DRAFT)
    external_id = models.CharField(max_length=120, null=True, blank=True, unique=True)
    current = models.ForeignKey(
        "surveys.SurveyVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    history = HistoricalRecords()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name"], name="surveys_survey_name")]

    def __str__(self) -> str:
        return self.name


class SurveyVersion(models.Model):
    """The wording and look of a survey (surveys/content.py). Never changed once somebody has seen it."""

    survey = models.ForeignKey(Survey, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    content = models.JSONField(default=dict)
    logo = models.FileField(upload_to="brand/", blank=True)
    used_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["survey", "number"], name="surveys_surveyversion_number")
        ]

    def __str__(self) -> str:
        return f"Version {self.number} of survey {self.survey_id}"


class Campaign(models.Model):
    """Who is asked a survey, when, and how many a day."""

    name = models.CharField(max_length=120)
    survey = models.ForeignKey(Survey, on_delete=models.PROTECT, related_name="campaigns")
    segment = models.ForeignKey(
        Segment, on_delete=models.PROTECT, null=True, blank=True, related_name="campaigns"
    )
    channel = models.CharField(max_length=10, choices=choices(Channel), default=Channel.EMAIL)
    state = models.CharField(max_length=10, choices=choices(CampaignState), default=CampaignState.DRAFT)
    starts_at = models.DateTimeField(null=True, blank=True)
    daily_limit = models.PositiveIntegerField(null=True, blank=True)
    expires_after_days = models.PositiveSmallIntegerField(default=30)
    pause_reason = models.CharField(max_length=200, blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    launched_at = models.DateTimeField(null=True, blank=True)
    launched_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+",
        help_text="Whose row scope bounds the audience.",
    )  # fmt: skip
    finished_at = models.DateTimeField(null=True, blank=True)
    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name"], name="surveys_campaign_name"),
            models.CheckConstraint(
                condition=Q(daily_limit__isnull=True) | Q(daily_limit__gte=1),
                name="surveys_campaign_daily_limit",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Wave(models.Model):
    """One round of a campaign. Pins the version asked and remembers how far planning got."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="waves")
    number = models.PositiveIntegerField()
    version = models.ForeignKey(SurveyVersion, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=choices(WaveState), default=WaveState.PLANNING)
    planned_through = models.BigIntegerField(default=0, help_text="Accounts up to this id are planned.")
    planned_count = models.PositiveIntegerField(default=0)
    excluded_count = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    planned_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "number"], name="surveys_wave_number")]

    def __str__(self) -> str:
        return f"Wave {self.number} of campaign {self.campaign_id}"


class WaveDay(models.Model):
    """How many invitations of a wave were released on a local date: the ledger behind the daily limit."""

    wave = models.ForeignKey(Wave, on_delete=models.CASCADE, related_name="days")
    local_date = models.DateField()
    released = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["wave", "local_date"], name="surveys_waveday_once")]

    def __str__(self) -> str:
        return f"{self.local_date} of wave {self.wave_id}"


class Exclusion(models.Model):
    """Somebody in the audience of a wave who is not asked, and why."""

    wave = models.ForeignKey(Wave, on_delete=models.CASCADE, related_name="exclusions", db_index=False)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="+", db_index=False)
    reason = models.CharField(max_length=20, choices=choices(Reason))
    next_eligible_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact", "wave"], name="surveys_exclusion_once")]
        indexes = [models.Index(fields=["wave", "reason"], name="surveys_exclusion_reason")]

    def __str__(self) -> str:
        return f"{self.reason} {self.pk}"


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
    language = models.CharField(max_length=10, default="en")
    state = models.CharField(max_length=10, choices=choices(InvitationState), default=InvitationState.PLANNED)
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
    channel = models.CharField(max_length=10, choices=choices(Channel), default=Channel.EMAIL)
    message_id = models.CharField(max_length=120)
    provider_id = models.CharField(max_length=200, blank=True, default="")
    sent_at = models.DateTimeField(null=True)
    code = models.CharField(max_length=20, blank=True, default="")

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
        ]

    def __str__(self) -> str:
        return self.key


class PageVisit(models.Model):
    """A look at the hosted page or an open of the mail: evidence, never an answer."""

    invitation = models.ForeignKey(Invitation, on_delete=models.CASCADE, related_name="visits")
    kind = models.CharField(max_length=10)
    score = models.SmallIntegerField(null=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["invitation", "at"], name="surveys_pagevisit_invitation")]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class ScoreIntent(models.Model):
    """A click on a score that no human gesture has confirmed yet. Never a response."""

    invitation = models.OneToOneField(Invitation, on_delete=models.CASCADE, related_name="intent")
    score = models.SmallIntegerField()
    comment = models.TextField(
        blank=True, default="", help_text="What was sent with a score that is held back."
    )
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    evidence = models.JSONField(default=dict)
    suspicion = models.CharField(max_length=200, blank=True, default="")
    state = models.CharField(max_length=10, choices=choices(IntentState), default=IntentState.WAITING)
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
    channel = models.CharField(max_length=10, choices=choices(Channel))
    metric = models.CharField(max_length=10, choices=choices(MetricFamily), default=MetricFamily.NPS)
    scale_min = models.SmallIntegerField(default=0)
    scale_max = models.SmallIntegerField(default=10)
    score = models.SmallIntegerField()
    comment = models.TextField(blank=True, default="")
    language = models.CharField(max_length=10, blank=True, default="")
    state = models.CharField(max_length=10, choices=choices(ResponseState), default=ResponseState.SCORED)
    may_contact = models.BooleanField(default=False)
    responded_at = models.DateTimeField()
    received_at = models.DateTimeField(db_default=Now())
    source_updated_at = models.DateTimeField(null=True)
    finalised_at = models.DateTimeField(null=True)
    locked_at = models.DateTimeField(
        null=True, help_text="From this moment on the answer cannot be changed; set when it arrives."
    )
    excluded_reason = models.CharField(max_length=200, blank=True, default="")
    deleted_upstream_at = models.DateTimeField(null=True)
    superseded_at = models.DateTimeField(null=True)
    identity = models.CharField(max_length=10, choices=choices(Identity), default=Identity.MATCHED)
    identity_hint = models.JSONField(default=dict)
    attributes = models.JSONField(default=dict)
    origin = models.CharField(max_length=10, default="live")
    loop_status = models.CharField(max_length=10, choices=choices(LoopStatus), default=LoopStatus.OPEN)
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
        ]

    def __str__(self) -> str:
        return f"Response {self.pk}"


class ResponseRevision(models.Model):
    """What was known of a response from `known_at` on: numbers and keys, no text. Append-only."""

    response = models.ForeignKey(Response, on_delete=models.CASCADE, related_name="revisions", db_index=False)
    known_at = models.DateTimeField(db_default=Now())
    responded_at = models.DateTimeField()
    score = models.SmallIntegerField()
    contact_key = models.BigIntegerField(null=True)
    account_key = models.BigIntegerField(null=True)
    survey_key = models.BigIntegerField()
    is_excluded = models.BooleanField(default=False)
    is_deleted = models.BooleanField(default=False)
    attributes = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["response", "known_at"], name="surveys_revision_response")]

    def __str__(self) -> str:
        return f"Revision {self.pk}"


class ContactScore(models.Model):
    """A contact's latest and previous counted score, by `responded_at`."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="scores", db_index=False)
    metric = models.CharField(max_length=10, choices=choices(MetricFamily), default=MetricFamily.NPS)
    latest = models.ForeignKey(Response, on_delete=models.CASCADE, related_name="+", db_index=False)
    latest_score = models.SmallIntegerField()
    latest_at = models.DateTimeField()
    previous = models.ForeignKey(
        Response, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
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

    Kept by surveys/insight/rollups.py. `changes_on` is the day on which the oldest of these answers leaves the window.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="scores", db_index=False)
    metric = models.CharField(max_length=10, choices=choices(MetricFamily), default=MetricFamily.NPS)
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


class FigureState(models.Model):
    """The one row that says in which time zone the kept figures were built. Its lock makes folding take turns."""

    zone = models.CharField(max_length=64)
    built_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="surveys_figurestate_single_row")]

    def __str__(self) -> str:
        return f"Figures in {self.zone}"


class FigureMark(models.Model):
    """A change to what is counted, not yet folded into the tallies: an answer that came (+1) or went (−1).

    Append-only, written in the transaction of the change; the fold deletes exactly the marks it read.
    """

    delta = models.SmallIntegerField()
    metric = models.CharField(max_length=10, default=MetricFamily.NPS)
    account_key = models.BigIntegerField(null=True)
    survey_key = models.BigIntegerField()
    channel = models.CharField(max_length=10)
    score = models.SmallIntegerField()
    responded_at = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True)
    plan = models.CharField(max_length=60, blank=True, default="")
    segment = models.CharField(max_length=60, blank=True, default="")
    country = models.CharField(max_length=2, blank=True, default="")
    owner_key = models.CharField(max_length=20, blank=True, default="")

    def __str__(self) -> str:
        return f"Mark {self.pk}"


class Tally(models.Model):
    """Answers per score of one day, survey and breakdown value (docs/decisions/0004-kept-histograms.md).

    `span` 0: answers given on the day. `span` w: answers that on this day stop being "the latest of their contact in
    the trailing w days". Figures are sums of these rows.
    """

    metric = models.CharField(max_length=10, default=MetricFamily.NPS)
    breakdown = models.CharField(max_length=10)
    span = models.SmallIntegerField()
    day = models.DateField()
    survey_key = models.BigIntegerField()
    value = models.CharField(max_length=60, blank=True, default="")
    s0 = models.IntegerField(default=0)
    s1 = models.IntegerField(default=0)
    s2 = models.IntegerField(default=0)
    s3 = models.IntegerField(default=0)
    s4 = models.IntegerField(default=0)
    s5 = models.IntegerField(default=0)
    s6 = models.IntegerField(default=0)
    s7 = models.IntegerField(default=0)
    s8 = models.IntegerField(default=0)
    s9 = models.IntegerField(default=0)
    s10 = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["breakdown", "span", "day", "survey_key", "value", "metric"],
                name="surveys_tally_once",
            )
        ]

    def __str__(self) -> str:
        return f"Tally {self.pk}"


class Suppression(models.Model):
    """An address that must not be asked, kept as an HMAC so that it outlives the erased person."""

    address_key = models.CharField(max_length=64)
    channel = models.CharField(max_length=10, choices=choices(Channel), default=Channel.EMAIL)
    reason = models.CharField(max_length=15, choices=choices(SuppressionReason))
    detail = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    lifted_at = models.DateTimeField(null=True)
    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["address_key", "channel"],
                condition=Q(lifted_at__isnull=True),
                name="surveys_suppression_active",
            )
        ]

    def __str__(self) -> str:
        return f"{self.reason} {self.pk}"


class MetricDefinition(models.Model):
    """A named way of counting, shown beside every figure that uses it."""

    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    metric = models.CharField(max_length=10, choices=choices(MetricFamily), default=MetricFamily.NPS)
    unit = models.CharField(max_length=20, choices=choices(Unit))
    window_days = models.PositiveSmallIntegerField()
    surveys = models.ManyToManyField(Survey, blank=True, related_name="+")
    history = HistoricalRecords()

    def __str__(self) -> str:
        return self.name
