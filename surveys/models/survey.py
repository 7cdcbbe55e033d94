"""What is asked: surveys and the versions of their wording."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from simple_history.models import HistoricalRecords

from surveys.choices import MetricFamily, SurveyKind, SurveyState, pairs


class Survey(models.Model):
    """What is asked. The wording lives in versions; `current` is what the next wave asks."""

    name = models.CharField(max_length=120)
    metric = models.CharField(max_length=10, choices=pairs(MetricFamily), default=MetricFamily.NPS)
    kind = models.CharField(max_length=15, choices=pairs(SurveyKind), default=SurveyKind.RELATIONSHIP)
    state = models.CharField(max_length=10, choices=pairs(SurveyState), default=SurveyState.DRAFT)
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


class PublicLink(models.Model):
    """An address that anybody may open to answer a survey: a link, a QR code, a kiosk, or an embedded page.

    Its answers are anonymous, unless it asks for an e-mail address and one is given. `origins` are the web sites that
    may embed it; empty: none may. The two limits are what one link and one network address may send in an hour.
    """

    survey = models.ForeignKey(Survey, on_delete=models.CASCADE, related_name="public_links")
    name = models.CharField(max_length=80)
    source_tag = models.SlugField(max_length=40, blank=True, default="")
    is_kiosk = models.BooleanField(default=False)
    kiosk_seconds = models.PositiveSmallIntegerField(default=10)
    origins = models.JSONField(default=list, blank=True)
    asks_email = models.BooleanField(default=False)
    hourly_limit = models.PositiveIntegerField(default=1000)
    address_hourly_limit = models.PositiveIntegerField(default=60)
    refused_count = models.PositiveIntegerField(
        default=0, help_text="Answers refused because a limit was reached."
    )
    last_refused_at = models.DateTimeField(null=True)
    is_active = models.BooleanField(default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    history = HistoricalRecords(excluded_fields=["refused_count", "last_refused_at"])

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["survey", "name"], name="surveys_publiclink_name"),
            models.CheckConstraint(
                condition=models.Q(kiosk_seconds__gte=3, kiosk_seconds__lte=300),
                name="surveys_publiclink_kiosk_seconds",
            ),
            models.CheckConstraint(
                condition=models.Q(hourly_limit__gte=1, address_hourly_limit__gte=1),
                name="surveys_publiclink_limits",
            ),
        ]

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
