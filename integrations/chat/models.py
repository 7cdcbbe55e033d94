"""Chat channels, and the messages to them."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from core.outbox import OutboxRow, due_indexes
from integrations.chat.domain import KIND_LABELS, ChannelState, ChatKind
from workflows.models import Alert, RunStep


class ChatChannel(models.Model):
    """A channel of Slack or Teams. `url` is the secret that lets one write there: sealed, and never shown again.

    `topics` are what it is told of ("alert.detractor"). It rests until `resume_at` where the other side asked for it.
    """

    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=10, choices=[(k.value, KIND_LABELS[k]) for k in ChatKind])
    url = models.TextField(blank=True, default="")
    host = models.CharField(max_length=253, blank=True, default="")
    topics = models.JSONField(default=list)
    shows_words = models.BooleanField(default=True)
    per_hour = models.PositiveSmallIntegerField(default=20)
    state = models.CharField(
        max_length=10, choices=[(s.value, s.value) for s in ChannelState], default=ChannelState.ACTIVE
    )
    resume_at = models.DateTimeField(null=True)
    last_sent_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True, default="")
    broken_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name


class ChatMessage(OutboxRow):
    """One message to a channel, about an alert, from a step of a rule, or to try the channel out.

    Of what comes faster than the channel's share of an hour, each keeps its row and is carried by one message
    (`carried_by`). What it says is put into words when it is sent. `doubts` counts times after which nobody knew
    whether it had arrived: it is sent once more, then left in doubt.
    """

    channel = models.ForeignKey(
        ChatChannel, on_delete=models.CASCADE, related_name="messages", db_index=False
    )
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, null=True, related_name="chat_messages")
    step = models.ForeignKey(RunStep, on_delete=models.SET_NULL, null=True, related_name="chat_messages")
    is_test = models.BooleanField(default=False)
    is_gathered = models.BooleanField(default=False)
    carried_by = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="carries")
    due_at = models.DateTimeField(db_default=Now())
    doubts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        indexes = [
            *due_indexes("integrations_chat"),
            models.Index(fields=["channel", "-id"], name="integrations_chat_log"),
        ]

    def __str__(self) -> str:
        return f"Chat message {self.pk}"
