"""Rows of the machinery itself: background work, schedules, limits. None of them holds personal data."""

from django.db import models
from django.db.models.functions import Now

from core.outbox import OutboxRow, due_indexes


class Instance(models.Model):
    """The one row that says which deployment this database belongs to (core.outbox, "Copies and restores")."""

    epoch = models.PositiveIntegerField(default=1)
    fingerprint = models.CharField(max_length=200, blank=True, default="")
    released_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="core_instance_single_row")]

    def __str__(self) -> str:
        return f"Instance, epoch {self.epoch}"


class Heartbeat(models.Model):
    """A sign of life: of a worker cluster (through its own queue), or of the minutely tick."""

    name = models.CharField(max_length=80, unique=True)
    host = models.CharField(max_length=120, blank=True, default="")
    started_at = models.DateTimeField(db_default=Now())
    beat_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name


class ScheduleSlot(models.Model):
    """One run of one schedule: its existence is the proof that the run was begun."""

    job = models.CharField(max_length=80)
    slot = models.CharField(max_length=40)
    claimed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "slot"], name="core_scheduleslot_once")]

    def __str__(self) -> str:
        return f"{self.job} {self.slot}"


class RateBucket(models.Model):
    """A token bucket (core.ratelimit)."""

    key = models.CharField(max_length=120, primary_key=True)
    tokens = models.FloatField()
    allowed = models.BooleanField(default=True)
    updated_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.key


class IdempotencyKey(models.Model):
    """The stored answer to a request that carried an `Idempotency-Key` (core.idempotency)."""

    scope = models.CharField(max_length=64)
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    content_type = models.CharField(max_length=100, default="application/json")
    body = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="core_idempotencykey_once")]

    def __str__(self) -> str:
        return f"{self.scope} {self.pk}"


class Job(OutboxRow):
    """A piece of work with progress: an import, an export, a rebuild. `payload` holds ids and positions only."""

    kind = models.CharField(max_length=60)
    subject_id = models.BigIntegerField(null=True, blank=True)
    payload = models.JSONField(default=dict, blank=True)
    progress_done = models.BigIntegerField(default=0)
    progress_total = models.BigIntegerField(null=True, blank=True)
    requested_by = models.BigIntegerField(null=True, blank=True)

    class Meta:
        indexes = [
            *due_indexes("core_job"),
            models.Index(fields=["kind", "subject_id"], name="core_job_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
