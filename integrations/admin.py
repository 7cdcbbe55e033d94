"""Back office: connections, their runs, and the state of what was delivered. Nothing secret is shown."""

from django.contrib import admin

from integrations.chat.models import ChatChannel, ChatMessage
from integrations.models import (
    AnswerFetch,
    ConnectedSurvey,
    Connection,
    HookDelivery,
    RawAnswer,
    RunLine,
    SyncRun,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
)
from team.backoffice import BackOffice, OutboxAdmin


@admin.register(Connection)
class ConnectionAdmin(BackOffice):
    list_display = ("name", "system", "state", "next_run_at", "last_sync_at", "last_error")
    list_filter = ("state", "system")
    search_fields = ("name",)
    exclude = ("secrets", "hook_token", "hook_token_hash")
    ordering = ("name", "pk")


@admin.register(ConnectedSurvey)
class ConnectedSurveyAdmin(BackOffice):
    list_display = ("connection", "remote_name", "remote_id", "survey", "is_enabled", "synced_until")
    list_select_related = ("connection", "survey")
    ordering = ("connection", "pk")


@admin.register(SyncRun)
class SyncRunAdmin(BackOffice):
    list_display = (
        "connection",
        "kind",
        "state",
        "received",
        "created",
        "refused",
        "started_at",
        "finished_at",
        "error",
    )
    list_filter = ("state", "kind")
    list_select_related = ("connection",)
    ordering = ("-pk",)


@admin.register(RunLine)
class RunLineAdmin(BackOffice):
    list_display = ("run", "kind", "external_id", "message", "at")
    list_filter = ("kind",)
    list_select_related = ("run",)
    ordering = ("-pk",)


@admin.register(RawAnswer)
class RawAnswerAdmin(BackOffice):
    list_display = ("connection", "external_id", "status", "result", "received_at", "seen_at")
    list_filter = ("result",)
    search_fields = ("external_id",)
    list_select_related = ("connection",)
    ordering = ("-pk",)


@admin.register(HookDelivery)
class HookDeliveryAdmin(OutboxAdmin):
    list_display = ("connection", "state", "verdict", "answers", "repeats", "received_at", "error")
    list_select_related = ("connection",)
    exclude = ("body", "headers", "query")


@admin.register(AnswerFetch)
class AnswerFetchAdmin(OutboxAdmin):
    list_display = ("connection", "external_id", "state", "attempts", "next_at", "error")
    list_select_related = ("connection",)


@admin.register(ChatChannel)
class ChatChannelAdmin(BackOffice):
    list_display = ("name", "kind", "host", "state", "last_sent_at", "last_error")
    list_filter = ("kind", "state")
    search_fields = ("name",)
    exclude = ("url",)
    ordering = ("name", "pk")


@admin.register(ChatMessage)
class ChatMessageAdmin(OutboxAdmin):
    list_display = (
        "channel",
        "alert",
        "step",
        "is_gathered",
        "state",
        "attempts",
        "next_at",
        "finished_at",
        "error",
    )
    list_select_related = ("channel", "alert", "step")


@admin.register(Webhook)
class WebhookAdmin(BackOffice):
    list_display = ("name", "state", "reason", "owner", "last_success_at", "failures", "last_error")
    list_filter = ("state",)
    search_fields = ("name",)
    list_select_related = ("owner",)
    exclude = ("secrets",)
    ordering = ("name", "pk")
    page = "integrations:webhook_detail"


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(OutboxAdmin):
    list_display = ("webhook", "kind", "cause", "state", "attempts", "status", "next_at", "error")
    list_select_related = ("webhook",)


@admin.register(WebhookAttempt)
class WebhookAttemptAdmin(BackOffice):
    list_display = ("delivery", "number", "at", "status", "duration_ms", "error")
    list_select_related = ("delivery",)
    exclude = ("excerpt",)
    ordering = ("-pk",)
