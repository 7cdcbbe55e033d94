"""The kept histograms behind every figure, and how figures count."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from simple_history.models import HistoricalRecords

from surveys.choices import MetricFamily, Unit, pairs
from surveys.models.survey import Survey


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


class MetricDefinition(models.Model):
    """A named way of counting, shown beside every figure that uses it."""

    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    metric = models.CharField(max_length=10, choices=pairs(MetricFamily), default=MetricFamily.NPS)
    unit = models.CharField(max_length=20, choices=pairs(Unit))
    window_days = models.PositiveSmallIntegerField()
    surveys = models.ManyToManyField(Survey, blank=True, related_name="+")
    history = HistoricalRecords()

    def __str__(self) -> str:
        return self.name
