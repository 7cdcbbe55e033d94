"""Who is asked and when: campaigns, their rounds, and who was left out."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from simple_history.models import HistoricalRecords

from accounts.models import Contact, Segment, TrackedEvent
from surveys.choices import Cadence, CampaignState, Channel, Reason, TriggerState, WaveState, pairs
from surveys.models.survey import Survey, SurveyVersion


def email_only() -> list[str]:
    return [Channel.EMAIL.value]


class Campaign(models.Model):
    """Who is asked a survey, when, how often, on which channels, and how fast. Rules: surveys/services/campaigns.py."""

    name = models.CharField(max_length=120)
    survey = models.ForeignKey(Survey, on_delete=models.PROTECT, related_name="campaigns")
    segment = models.ForeignKey(
        Segment, on_delete=models.PROTECT, null=True, blank=True, related_name="campaigns"
    )
    channels = models.JSONField(
        default=email_only, help_text="In order of preference; each person gets the first that reaches them."
    )
    fallback_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="After so many days without an answer the next channel is tried."
    )
    send_as_owner = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=pairs(CampaignState), default=CampaignState.DRAFT)
    starts_at = models.DateTimeField(null=True, blank=True)
    # How often (surveys/cadence.py)
    cadence = models.CharField(max_length=15, choices=pairs(Cadence), default=Cadence.ONCE)
    every_days = models.PositiveSmallIntegerField(null=True, blank=True)
    period_months = models.PositiveSmallIntegerField(null=True, blank=True)
    anchor = models.CharField(max_length=60, blank=True, default="", help_text="The account date it follows.")
    offsets = models.JSONField(default=list, blank=True, help_text='From that date, such as ["-90d", "6m"].')
    grace_days = models.PositiveSmallIntegerField(
        default=14,
        help_text="For so many days after the date somebody who may not be asked yet is tried again.",
    )
    trigger_event = models.CharField(max_length=80, blank=True, default="")
    trigger_conditions = models.JSONField(default=dict, blank=True)
    delay_minutes = models.PositiveIntegerField(default=0)
    planned_on = models.DateField(null=True, blank=True, help_text="The local date it was last planned for.")
    # How fast (surveys/pacing.py)
    daily_limit = models.PositiveIntegerField(null=True, blank=True)
    hourly_limit = models.PositiveIntegerField(null=True, blank=True)
    spread_days = models.PositiveSmallIntegerField(null=True, blank=True)
    daily_answers_limit = models.PositiveIntegerField(null=True, blank=True)
    target_answers = models.PositiveIntegerField(null=True, blank=True)
    target_days = models.PositiveSmallIntegerField(null=True, blank=True)
    account_week_limit = models.PositiveSmallIntegerField(null=True, blank=True)
    sample_percent = models.PositiveSmallIntegerField(default=100)
    # At what hours (surveys/windows.py); 1 is Monday
    send_weekdays = models.CharField(max_length=7, blank=True, default="")
    send_from = models.TimeField(null=True, blank=True)
    send_until = models.TimeField(null=True, blank=True)
    in_contact_zone = models.BooleanField(default=True)
    skip_holidays = models.BooleanField(default=False)
    # Once more (surveys/reminders.py)
    reminders = models.PositiveSmallIntegerField(default=0)
    reminder_gap_days = models.PositiveSmallIntegerField(default=5)
    expires_after_days = models.PositiveSmallIntegerField(default=30)
    experiment_horizon = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Arms are compared once, when so many people were asked in each (surveys/experiments.py).",
    )
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
            models.CheckConstraint(
                condition=Q(sample_percent__gte=1, sample_percent__lte=100),
                name="surveys_campaign_sample_percent",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def asks_on_sight(self) -> bool:
        """Whether it asks whoever comes by in a widget, so that nobody is planned and it runs until it is stopped."""
        return (
            self.cadence == Cadence.ONCE
            and list(self.channels) == [Channel.IN_APP]
            and hasattr(self, "placement")
        )


class Variant(models.Model):
    """One arm of an experiment within a campaign: another wording, channel or hour. Empty means as the campaign has it.

    `texts` is what it says differently, {language: {"subject": …, "intro": …}}; `version` is made of them and of the
    survey as it is whenever a round begins (surveys/services/experiments.py).
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="variants")
    key = models.CharField(max_length=1)
    name = models.CharField(max_length=80)
    weight = models.PositiveSmallIntegerField(default=1)
    texts = models.JSONField(default=dict, blank=True)
    version = models.ForeignKey(
        SurveyVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    channel = models.CharField(max_length=10, choices=pairs(Channel), blank=True, default="")
    send_hour = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "key"], name="surveys_variant_key"),
            models.CheckConstraint(
                condition=Q(weight__gte=1, weight__lte=100), name="surveys_variant_weight"
            ),
            models.CheckConstraint(
                condition=Q(send_hour__isnull=True) | Q(send_hour__lte=23), name="surveys_variant_send_hour"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.name}"


class Wave(models.Model):
    """One round of a campaign. Pins the version asked and remembers how far planning got.

    A campaign that asks once has one. One by calendar has one for each period. The others plan a little every day, into
    the round of the month (event triggers: of the day) that began on `starts_on`.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="waves")
    number = models.PositiveIntegerField()
    version = models.ForeignKey(SurveyVersion, on_delete=models.PROTECT, related_name="+")
    starts_on = models.DateField(null=True, help_text="The local date the round began.")
    spread_until = models.DateTimeField(null=True, help_text="By then the last of it is to be sent.")
    state = models.CharField(max_length=10, choices=pairs(WaveState), default=WaveState.PLANNING)
    planned_through = models.BigIntegerField(default=0, help_text="Accounts up to this id are planned.")
    planned_count = models.PositiveIntegerField(default=0)
    excluded_count = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    planned_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "number"], name="surveys_wave_number"),
            models.UniqueConstraint(fields=["campaign", "starts_on"], name="surveys_wave_starts_on"),
        ]

    def __str__(self) -> str:
        return f"Wave {self.number} of campaign {self.campaign_id}"


class Trigger(models.Model):
    """An event that is to make a campaign ask somebody, after the campaign's delay; judged when it fires."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="triggers", db_index=False)
    event = models.ForeignKey(TrackedEvent, on_delete=models.CASCADE, related_name="+")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    fires_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=pairs(TriggerState), default=TriggerState.WAITING)
    reason = models.CharField(max_length=20, choices=pairs(Reason), blank=True, default="")
    next_eligible_at = models.DateTimeField(null=True)
    invitation = models.OneToOneField(
        "surveys.Invitation", on_delete=models.SET_NULL, null=True, related_name="trigger"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "event"], name="surveys_trigger_once")]
        indexes = [
            models.Index(fields=["fires_at"], condition=Q(state="waiting"), name="surveys_trigger_due"),
        ]

    def __str__(self) -> str:
        return f"Trigger {self.pk}"


class WaveDay(models.Model):
    """How many invitations of a wave were released on a local date: the ledger behind every limit.

    `hours` counts them by hour (UTC, "2026-03-17T13"). `quota` is how many the date was found to need when it began, by
    spread, target and limit of answers; empty where none of them is set.
    """

    wave = models.ForeignKey(Wave, on_delete=models.CASCADE, related_name="days")
    local_date = models.DateField()
    released = models.PositiveIntegerField(default=0)
    hours = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    quota = models.PositiveIntegerField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["wave", "local_date"], name="surveys_waveday_once")]

    def __str__(self) -> str:
        return f"{self.local_date} of wave {self.wave_id}"


class Exclusion(models.Model):
    """Somebody in the audience of a wave who is not asked, and why.

    A line of a report, written by the hundred thousand in one statement with the invitations: the database does not check
    both ends of each, which took as long as writing them. Who deletes a wave or a person deletes their lines with them
    (`on_delete`, and the merge of contacts); every page reads them joined to the person.
    """

    wave = models.ForeignKey(
        Wave, on_delete=models.CASCADE, related_name="exclusions", db_index=False, db_constraint=False
    )
    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    reason = models.CharField(max_length=20, choices=pairs(Reason))
    next_eligible_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact", "wave"], name="surveys_exclusion_once")]
        indexes = [models.Index(fields=["wave", "reason"], name="surveys_exclusion_reason")]

    def __str__(self) -> str:
        return f"{self.reason} {self.pk}"
