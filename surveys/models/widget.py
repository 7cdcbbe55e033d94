"""The widget in a customer's own product: where it may run, where campaigns show in it, and who was seen there."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from simple_history.models import HistoricalRecords

from accounts.models import Contact
from surveys.choices import WidgetMode, WidgetTheme, pairs
from surveys.models.campaign import Campaign


class Widget(models.Model):
    """A place where widget.js runs. `key` is public; the secret that signs identities is not."""

    name = models.CharField(max_length=80, unique=True)
    key = models.CharField(max_length=24, unique=True)
    origins = models.JSONField(
        default=list, help_text="Origins that may use it, such as https://app.example.com."
    )
    secret = models.TextField(blank=True, default="", help_text="Encrypted.")
    previous_secret = models.TextField(blank=True, default="", help_text="Encrypted; good while keys rotate.")
    previous_until = models.DateTimeField(null=True, blank=True)
    theme = models.CharField(
        max_length=5, choices=pairs(WidgetTheme), default=WidgetTheme.AUTO, db_default="auto"
    )
    creates_contacts = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Whether somebody whose signed identity names an account of ours becomes a contact when asked.",
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())
    history = HistoricalRecords(excluded_fields=["secret", "previous_secret"])

    def __str__(self) -> str:
        return self.name


class Placement(models.Model):
    """How a campaign shows in a widget, and to whom: by trait, address, event, delay, device and sample."""

    campaign = models.OneToOneField(Campaign, on_delete=models.CASCADE, related_name="placement")
    widget = models.ForeignKey(Widget, on_delete=models.PROTECT, related_name="placements")
    mode = models.CharField(max_length=10, choices=pairs(WidgetMode), default=WidgetMode.CORNER)
    url_pattern = models.CharField(max_length=200, blank=True, default="")
    trait_conditions = models.JSONField(default=list, blank=True)
    event = models.CharField(max_length=80, blank=True, default="")
    devices = models.CharField(max_length=20, blank=True, default="")
    delay_seconds = models.PositiveSmallIntegerField(default=0)
    sample_percent = models.PositiveSmallIntegerField(default=100)
    asks_strangers = models.BooleanField(
        default=False, help_text="Whether visitors without identity are asked."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(sample_percent__gte=1, sample_percent__lte=100),
                name="surveys_placement_sample_percent",
            )
        ]

    def __str__(self) -> str:
        return f"Placement of campaign {self.campaign_id}"


class Visitor(models.Model):
    """A browser, or a person known by a signed identity, that a widget has seen. Traits never authorise anything."""

    widget = models.ForeignKey(Widget, on_delete=models.CASCADE, related_name="visitors", db_index=False)
    key = models.CharField(max_length=64)
    contact = models.ForeignKey(Contact, on_delete=models.SET_NULL, null=True, related_name="+")
    traits = models.JSONField(default=dict)
    first_seen_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(db_default=Now())
    last_shown_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    declined_at = models.DateTimeField(null=True)
    session = models.CharField(
        max_length=60, blank=True, default="", help_text="In which it was last shown one."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["widget", "key"], name="surveys_visitor_once")]

    def __str__(self) -> str:
        return f"Visitor {self.pk}"
