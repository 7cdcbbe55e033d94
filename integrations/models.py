"""Connections to other systems, what was pulled and heard from them, and the log of it."""

import datetime as dt
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from core.outbox import OutboxRow, due_indexes
from integrations.chat.models import ChatChannel, ChatMessage
from integrations.domain import (
    OPEN_RUNS,
    RUN_TITLES,
    ConnectionState,
    HookState,
    LineKind,
    Result,
    RunKind,
    RunState,
    Verdict,
    pairs,
)
from integrations.outgoing.models import Webhook, WebhookAttempt, WebhookDelivery
from integrations.querysets import ConnectionQuerySet, OfConnectionQuerySet
from surveys.choices import MetricFamily
from surveys.models import Response, Survey

__all__ = [
    "AnswerFetch",
    "ChatChannel",
    "ChatMessage",
    "ConnectedSurvey",
    "Connection",
    "HookDelivery",
    "RawAnswer",
    "RunLine",
    "SyncRun",
    "Webhook",
    "WebhookAttempt",
    "WebhookDelivery",
]


class Connection(models.Model):
    """One configured outside system. Written by integrations/services/connections.py; `secrets` and `hook_token` are sealed
    (core.secrets) and only opened by integrations/vault.py.

    `mapping` is {role: [keys of fields]} for all surveys; a survey's own mapping goes before it.
    """

    system = models.CharField(max_length=30)
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=12, choices=pairs(ConnectionState), default=ConnectionState.DRAFT)
    options = models.JSONField(default=dict)
    secrets = models.TextField(default="", blank=True)
    mapping = models.JSONField(default=dict)
    zone = models.CharField(max_length=60, default="UTC")
    connected_to = models.CharField(
        max_length=200, blank=True, default="", help_text="Whom the last check found over there."
    )
    history_since = models.DateTimeField(null=True, blank=True)
    every_minutes = models.PositiveIntegerField(default=60)
    next_run_at = models.DateTimeField(null=True, blank=True)
    rescanned_on = models.DateField(null=True, blank=True)
    first_sync_at = models.DateTimeField(null=True, blank=True)
    last_sync_at = models.DateTimeField(null=True, blank=True)
    broken_since = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0, help_text="Runs that failed since the last good one.")
    last_error = models.CharField(max_length=500, blank=True, default="")
    last_error_at = models.DateTimeField(null=True, blank=True)
    renewing_until = models.DateTimeField(
        null=True,
        blank=True,
        help_text="By the database's clock: until then one worker alone renews the access.",
    )
    hook_state = models.CharField(max_length=10, choices=pairs(HookState), default=HookState.OFF)
    hook_token = models.TextField(default="", blank=True)
    hook_token_hash = models.CharField(max_length=64, null=True, unique=True)
    hook_previous_until = models.DateTimeField(
        null=True, blank=True, help_text="Until when deliveries signed with the secret before are taken."
    )
    hook_subscription = models.JSONField(default=dict, blank=True)
    hook_error = models.CharField(max_length=500, blank=True, default="")
    hook_heard_at = models.DateTimeField(null=True, blank=True)
    hook_forged = models.PositiveIntegerField(default=0)
    hook_forged_at = models.DateTimeField(null=True, blank=True)
    hook_forged_reason = models.CharField(max_length=200, blank=True, default="")
    hook_altered = models.PositiveIntegerField(
        default=0,
        db_default=0,
        help_text="Deliveries under the id of an earlier one with another body; the earlier ones stand.",
    )
    hook_altered_at = models.DateTimeField(null=True, blank=True)
    connected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="connections"
    )
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar = ConnectionQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["next_run_at"], condition=Q(state="active"), name="integrations_connection_due"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def source(self) -> str:
        """What stands in `Response.source` of its answers."""
        return f"{self.system}:{self.pk}"


class ConnectedSurvey(models.Model):
    """A survey over there whose answers count for one of ours. `remote_id` "" stands for all that have no row of their own.

    Everything up to `synced_until`, in the source's own time, has been read.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="surveys")
    remote_id = models.CharField(max_length=200, blank=True, default="")
    remote_name = models.CharField(max_length=300, blank=True, default="")
    metric = models.CharField(
        max_length=10, choices=pairs(MetricFamily), blank=True, default="",
        help_text="What a person said it measures, where the source cannot tell.",
    )  # fmt: skip
    survey = models.ForeignKey(Survey, on_delete=models.PROTECT, related_name="connections")
    is_enabled = models.BooleanField(default=True)
    mapping = models.JSONField(default=dict, blank=True)
    synced_until = models.DateTimeField(null=True, blank=True)
    rescanned_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "remote_id"], name="integrations_connectedsurvey_once"
            )
        ]

    def __str__(self) -> str:
        return self.remote_name or self.remote_id or "All surveys"


class SyncRun(models.Model):
    """One pull with its log, or one day's deliveries (`kind` hook).

    `position` is where it stands: the surveys that are done, and the cursor in the one at hand. It is saved in the
    transaction that takes a page in, so after a kill nothing is lost and a page is taken in again at worst, to no effect.
    `busy_seconds` is the time spent working, without waits, for rate and time left.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="runs")
    kind = models.CharField(max_length=10, choices=pairs(RunKind))
    state = models.CharField(max_length=10, choices=pairs(RunState), default=RunState.QUEUED)
    since = models.DateTimeField(null=True)
    until = models.DateTimeField()
    position = models.JSONField(default=dict)
    continues = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="+")
    received = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    unmatched = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    declined = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    deleted = models.PositiveIntegerField(default=0)
    excluded = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(null=True)
    pages = models.PositiveIntegerField(default=0)
    busy_seconds = models.FloatField(default=0)
    day = models.DateField(null=True, help_text="Of a hook run: the day it is the log of.")
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    waits_until = models.DateTimeField(null=True)
    trouble_since = models.DateTimeField(null=True)
    retries = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True, default="")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    job_key = models.CharField(max_length=200, blank=True, default="")

    objects: ClassVar = OfConnectionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection"],
                condition=Q(state__in=[s.value for s in OPEN_RUNS]),
                name="integrations_syncrun_one_open",
            ),
            models.UniqueConstraint(
                fields=["connection", "day"],
                condition=Q(day__isnull=False),
                name="integrations_syncrun_day_once",
            ),
        ]
        indexes = [models.Index(fields=["connection", "-id"], name="integrations_syncrun_log")]

    def __str__(self) -> str:
        return f"Run {self.pk}"

    @property
    def title(self) -> str:
        """What it is called on pages; a day's deliveries with their day."""
        title = RUN_TITLES[RunKind(self.kind)]
        return f"{title} of {self.day:%-d %b %Y}" if self.day else title

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_RUNS

    @property
    def rate(self) -> float | None:
        """Answers a second while it worked; None before there is anything to say."""
        return self.received / self.busy_seconds if self.busy_seconds > 0 and self.received else None

    @property
    def seconds_left(self) -> float | None:
        """How much longer it will work at this rate: by the answers that are left, else by the days that are; None where
        neither is known."""
        if not self.rate or not self.is_open:
            return None
        if self.total is not None:
            return max(0.0, (self.total - self.received) / self.rate)
        share = self.position.get("share")
        return self.busy_seconds * (1 - share) / share if share else None

    @property
    def duration(self) -> dt.timedelta | None:
        if self.started_at is None or self.finished_at is None:
            return None
        return self.finished_at - self.started_at


class RawAnswer(models.Model):
    """What a source last said of one answer: the link between it, ours, and the run that brought it.

    A run keeps no lines of its own for what was taken: its new answers are `filter(first_run=run)`, those it changed
    `filter(run=run, result="updated")`.
    `digest` tells the same words again without reading them; `payload` is the answer as it came, so that it can be read
    again under another mapping, and is dropped after NPS_RAW_ANSWER_DAYS. `is_erased`: the person was erased here, and the
    source's copy is not taken in again.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="raw", db_index=False)
    external_id = models.CharField(max_length=200)
    remote_survey = models.CharField(max_length=200, blank=True, default="")
    status = models.CharField(max_length=12, default="completed")
    source_updated_at = models.DateTimeField(null=True)
    responded_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="When the source last listed or sent it.")
    digest = models.CharField(max_length=32)
    payload = models.JSONField(null=True)
    result = models.CharField(max_length=10, choices=pairs(Result))
    response = models.ForeignKey(Response, on_delete=models.SET_NULL, null=True, related_name="raw")
    first_run = models.ForeignKey(SyncRun, on_delete=models.SET_NULL, null=True, related_name="new_raw")
    run = models.ForeignKey(SyncRun, on_delete=models.SET_NULL, null=True, related_name="raw")
    is_erased = models.BooleanField(default=False)

    objects: ClassVar = OfConnectionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "external_id"], name="integrations_rawanswer_once")
        ]
        indexes = [
            models.Index(
                fields=["connection", "remote_survey", "responded_at"], name="integrations_rawanswer_window"
            ),
            models.Index(
                fields=["received_at"],
                condition=Q(payload__isnull=False),
                name="integrations_rawanswer_kept",
            ),
        ]

    def __str__(self) -> str:
        return f"Raw answer {self.pk}"


class RunLine(models.Model):
    """A line of a run's log: what was refused, declined, skipped or is nobody's, and notes. What was taken in without
    remark has no line (`RawAnswer.run` tells)."""

    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="lines", db_index=False)
    kind = models.CharField(max_length=10, choices=pairs(LineKind))
    external_id = models.CharField(max_length=200, blank=True, default="")
    field = models.CharField(max_length=40, blank=True, default="")
    message = models.CharField(max_length=500)
    response = models.ForeignKey(Response, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["run", "kind", "id"], name="integrations_runline_log")]

    def __str__(self) -> str:
        return f"Line {self.pk}"


class HookDelivery(OutboxRow):
    """One delivery to our door, stored as it came before anything is done with it.

    `key` is made of the connection and of the delivery's own id (`System.delivery_id`), where it has none of the body, so
    that the same again is known. `body` is emptied when it was taken in, except of the last 20, which are the examples shown
    to the person who maps; and after NPS_HOOK_KEEP_DAYS. `digest` outlives it.
    """

    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    body = models.BinaryField(default=b"")
    headers = models.JSONField(default=dict)
    query = models.JSONField(default=dict)
    size = models.PositiveIntegerField(default=0)
    received_at = models.DateTimeField()
    verdict = models.CharField(max_length=10, choices=pairs(Verdict), blank=True, default="")
    answers = models.PositiveIntegerField(default=0, help_text="How many answers it told of.")
    repeats = models.PositiveIntegerField(default=0)
    digest = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="SHA-256 of the body where the key is made of an id: another body under the same id is not taken.",
    )

    class Meta:
        indexes = [
            *due_indexes("integrations_delivery"),
            models.Index(fields=["connection", "-id"], name="integrations_delivery_log"),
        ]

    def __str__(self) -> str:
        return f"Delivery {self.pk}"


class AnswerFetch(OutboxRow):
    """An answer that a delivery only named: to be fetched, once for all the news that come close together.

    `wanted` counts the news; a row that was named again while it was fetched is fetched again.
    """

    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="fetches", db_index=False
    )
    external_id = models.CharField(max_length=200)
    remote_survey = models.CharField(max_length=200, blank=True, default="")
    wanted = models.PositiveIntegerField(default=1)

    class Meta:
        indexes = [
            *due_indexes("integrations_fetch"),
            models.Index(fields=["connection", "-id"], name="integrations_fetch_log"),
        ]

    def __str__(self) -> str:
        return f"Fetch {self.pk}"
