"""Back office: rules and what came of them, and the state of their work."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from team.backoffice import BackOffice, OutboxAdmin, WithHistory
from workflows.models import (
    AccountHealth,
    Alarm,
    AlarmLook,
    Alert,
    AlertCause,
    Digest,
    HealthMark,
    HealthOverride,
    HealthSentiment,
    HealthSnapshot,
    HealthState,
    HealthVersion,
    Notice,
    Notification,
    Rule,
    Run,
    RunStep,
    Task,
)
from workflows.services import alarms, health, rules


@admin.register(Rule)
class RuleAdmin(WithHistory):
    page = "workflows:rule_detail"
    list_display = ("name", "trigger", "is_active", "version", "created_at")
    list_filter = ("is_active", "trigger")
    search_fields = ("name", "key")
    ordering = ("name", "pk")
    actions = ("switch_on", "switch_off")

    @admin.action(description="Switch on")
    def switch_on(self, request: Any, rows: QuerySet[Rule]) -> None:
        self.each(
            request,
            rows,
            lambda rule: rules.switch_rule(rule=rule, is_active=True, actor=request.user),
            "switched on",
        )

    @admin.action(description="Switch off")
    def switch_off(self, request: Any, rows: QuerySet[Rule]) -> None:
        self.each(
            request,
            rows,
            lambda rule: rules.switch_rule(rule=rule, is_active=False, actor=request.user),
            "switched off",
        )


@admin.register(Run)
class RunAdmin(BackOffice):
    list_display = ("rule", "account", "state", "cause_key", "started_at", "finished_at")
    list_filter = ("state", "rule")
    search_fields = ("cause_key", "account__name")
    list_select_related = ("rule", "account")
    ordering = ("-started_at", "-pk")


@admin.register(RunStep)
class RunStepAdmin(OutboxAdmin):
    list_display = ("run", "path", "kind", "state", "attempts", "next_at", "finished_at", "error")
    list_filter = (*OutboxAdmin.list_filter, "kind")
    list_select_related = ("run",)


@admin.register(Alert)
class AlertAdmin(BackOffice):
    page = "workflows:alert_detail"
    list_display = (
        "opened_at", "kind", "reason", "severity", "account", "contact", "assignee", "state", "count", "last_at",
        "snoozed_until", "closed_at",
    )  # fmt: skip
    list_filter = ("state", "severity", "kind")
    search_fields = ("account__name",)
    list_select_related = ("account", "contact", "assignee")
    ordering = ("-opened_at", "-pk")


@admin.register(Task)
class TaskAdmin(WithHistory):
    list_display = ("title", "account", "assignee", "priority", "due_at", "state", "completed_at")
    list_filter = ("state", "priority")
    search_fields = ("title", "account__name")
    list_select_related = ("account", "assignee")
    ordering = ("-pk",)


@admin.register(Notice)
class NoticeAdmin(OutboxAdmin):
    list_display = ("user", "is_gathered", "due_at", "state", "attempts", "next_at", "finished_at", "error")
    list_filter = (*OutboxAdmin.list_filter, "is_gathered")
    list_select_related = ("user",)


@admin.register(Notification)
class NotificationAdmin(BackOffice):
    list_display = ("at", "user", "topic", "alert", "task", "in_app", "read_at", "notice")
    list_filter = ("topic", "in_app")
    list_select_related = ("user", "alert", "task", "notice")
    ordering = ("-at", "-pk")


@admin.register(Digest)
class DigestAdmin(OutboxAdmin):
    list_display = ("user", "day", "is_asked_for", "state", "attempts", "finished_at", "error")
    list_select_related = ("user",)


@admin.register(AlertCause)
class AlertCauseAdmin(BackOffice):
    list_display = ("at", "alert", "severity", "contact", "response", "is_muted", "key")
    list_filter = ("severity", "is_muted")
    search_fields = ("key",)
    list_select_related = ("alert", "contact", "response")
    ordering = ("-at", "-pk")


@admin.register(Alarm)
class AlarmAdmin(WithHistory):
    page = "workflows:alarm_detail"
    list_display = ("name", "segment", "direction", "window_days", "threshold", "is_active", "fired_on")
    list_filter = ("is_active", "direction")
    search_fields = ("name",)
    list_select_related = ("segment",)
    ordering = ("name", "pk")
    actions = ("switch_on", "switch_off")

    @admin.action(description="Switch on")
    def switch_on(self, request: Any, rows: QuerySet[Alarm]) -> None:
        self.each(
            request,
            rows,
            lambda alarm: alarms.update_alarm(alarm=alarm, actor=request.user, is_active=True),
            "switched on",
        )

    @admin.action(description="Switch off")
    def switch_off(self, request: Any, rows: QuerySet[Alarm]) -> None:
        self.each(
            request,
            rows,
            lambda alarm: alarms.update_alarm(alarm=alarm, actor=request.user, is_active=False),
            "switched off",
        )


@admin.register(AlarmLook)
class AlarmLookAdmin(BackOffice):
    list_display = ("alarm", "day", "verdict", "points", "low", "high", "pairs")
    list_filter = ("verdict", "alarm")
    list_select_related = ("alarm",)
    ordering = ("-day", "-pk")


@admin.register(HealthVersion)
class HealthVersionAdmin(BackOffice):
    list_display = ("number", "note", "author", "created_at", "restores")
    list_select_related = ("author", "restores")
    ordering = ("-number",)
    actions = ("go_back",)

    @admin.action(description="Go back to this version")
    def go_back(self, request: Any, rows: QuerySet[HealthVersion]) -> None:
        self.each(
            request,
            rows,
            lambda version: health.rollback(to=version, note="", actor=request.user),
            "saved again as the next version",
        )


@admin.register(AccountHealth)
class AccountHealthAdmin(BackOffice):
    list_display = (
        "account",
        "score",
        "band",
        "confidence",
        "reason",
        "profile",
        "version",
        "override",
        "computed_at",
    )
    list_filter = ("band", "reason", "profile")
    search_fields = ("account__name",)
    list_select_related = ("account", "override")
    ordering = ("account_id",)


@admin.register(HealthSnapshot)
class HealthSnapshotAdmin(BackOffice):
    list_display = ("day", "account", "score", "band", "confidence", "override_band", "profile", "version")
    list_filter = ("band",)
    search_fields = ("account__name",)
    list_select_related = ("account",)
    ordering = ("-day", "-pk")


@admin.register(HealthOverride)
class HealthOverrideAdmin(BackOffice):
    list_display = ("account", "band", "score", "expires_on", "by", "at", "ended_at")
    search_fields = ("account__name",)
    list_select_related = ("account", "by")
    ordering = ("-at", "-pk")
    actions = ("end",)

    @admin.action(description="End")
    def end(self, request: Any, rows: QuerySet[HealthOverride]) -> None:
        self.each(request, rows, lambda row: health.end_override(override=row, actor=request.user), "ended")


@admin.register(HealthSentiment)
class HealthSentimentAdmin(BackOffice):
    list_display = ("account", "value", "by", "at")
    list_filter = ("value",)
    search_fields = ("account__name",)
    list_select_related = ("account", "by")
    ordering = ("-at", "-pk")


@admin.register(HealthMark)
class HealthMarkAdmin(BackOffice):
    list_display = ("account_key", "at")
    ordering = ("-pk",)


@admin.register(HealthState)
class HealthStateAdmin(BackOffice):
    list_display = ("computed_at", "day")
    ordering = ("pk",)
