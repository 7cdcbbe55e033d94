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
    BackTest,
    Digest,
    DryRun,
    HandOver,
    HealthMark,
    HealthOverride,
    HealthSentiment,
    HealthSnapshot,
    HealthState,
    HealthVersion,
    Leave,
    Loop,
    LoopOutcome,
    Notice,
    Notification,
    Playbook,
    PlaybookRun,
    PlaybookTask,
    RewardCode,
    RewardList,
    Rule,
    Run,
    RunStep,
    Task,
    TaskSeries,
    WorkHours,
    WorkSettings,
)
from workflows.services import alarms, health, playbook_editing, rules, work_settings


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
    page = "workflows:run_detail"
    actions = ("stop",)
    list_display = ("rule", "account", "state", "cause_key", "started_at", "finished_at")
    list_filter = ("state", "rule")
    search_fields = ("cause_key", "account__name")
    list_select_related = ("rule", "account")
    ordering = ("-started_at", "-pk")

    @admin.action(description="Stop")
    def stop(self, request: Any, rows: QuerySet[Run]) -> None:
        self.each(request, rows, lambda run: rules.stop_run(run=run, actor=request.user), "stopped")


@admin.register(RunStep)
class RunStepAdmin(OutboxAdmin):
    list_display = ("run", "path", "kind", "state", "attempts", "next_at", "finished_at", "error")
    list_filter = (*OutboxAdmin.list_filter, "kind")
    list_select_related = ("run",)


@admin.register(DryRun)
class DryRunAdmin(BackOffice):
    list_display = (
        "rule",
        "rule_version",
        "state",
        "days_done",
        "days",
        "events_seen",
        "reach",
        "created_at",
    )
    list_filter = ("state",)
    list_select_related = ("rule",)
    ordering = ("-pk",)


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


@admin.register(TaskSeries)
class TaskSeriesAdmin(BackOffice):
    list_display = ("rule", "starts_on", "at", "zone", "next_at", "is_active", "created_by")
    list_filter = ("is_active", "next_at")
    list_select_related = ("created_by",)
    ordering = ("-pk",)


@admin.register(Playbook)
class PlaybookAdmin(WithHistory):
    page = "workflows:playbook_detail"
    list_display = ("name", "key", "is_active", "created_by", "created_at")
    list_filter = ("is_active",)
    search_fields = ("name", "key")
    list_select_related = ("created_by",)
    ordering = ("name", "pk")
    actions = ("archive", "bring_back")

    @admin.action(description="Archive")
    def archive(self, request: Any, rows: QuerySet[Playbook]) -> None:
        self._set(request, rows, False, "archived")

    @admin.action(description="Bring back")
    def bring_back(self, request: Any, rows: QuerySet[Playbook]) -> None:
        self._set(request, rows, True, "brought back")

    def _set(self, request: Any, rows: QuerySet[Playbook], is_active: bool, done: str) -> None:
        self.each(
            request,
            rows,
            lambda playbook: playbook_editing.archive_playbook(
                playbook=playbook, is_active=is_active, actor=request.user
            ),
            done,
        )


@admin.register(PlaybookTask)
class PlaybookTaskAdmin(WithHistory):
    list_display = ("playbook", "position", "title", "anchor", "offset", "unit", "route", "priority")
    list_filter = ("playbook", "route")
    search_fields = ("title", "playbook__name")
    list_select_related = ("playbook",)
    ordering = ("playbook__name", "position", "pk")


@admin.register(PlaybookRun)
class PlaybookRunAdmin(BackOffice):
    page = "workflows:playbook_run"
    list_display = ("playbook", "account", "state", "started_at", "started_by", "finished_at")
    list_filter = ("state", "playbook")
    search_fields = ("account__name", "playbook__name")
    list_select_related = ("playbook", "account", "started_by")
    ordering = ("-started_at", "-pk")


@admin.register(Loop)
class LoopAdmin(BackOffice):
    list_display = (
        "account", "contact", "owner", "category", "started_at", "contact_due_at", "contacted_at", "resolution_due_at",
        "resolved_at", "outcome", "escalations", "pause",
    )  # fmt: skip
    list_filter = ("category", "pause", "outcome")
    search_fields = ("account__name",)
    list_select_related = ("account", "contact", "owner", "outcome")
    ordering = ("-started_at", "-pk")


@admin.register(LoopOutcome)
class LoopOutcomeAdmin(BackOffice):
    may_add = may_change = True
    list_display = ("label", "key", "position", "is_active")
    list_filter = ("is_active",)
    ordering = ("position", "pk")
    fields = ("label", "is_active")

    def perform_save(self, request: Any, obj: Any, values: dict[str, Any], *, change: bool) -> Any:
        if not change:
            return work_settings.add_outcome(label=values["label"], actor=request.user)
        return work_settings.change_outcome(
            outcome=obj,
            label=values.get("label", obj.label),
            is_active=values.get("is_active", obj.is_active),
            actor=request.user,
        )


@admin.register(WorkSettings)
class WorkSettingsAdmin(WithHistory):
    list_display = (
        "country", "region", "loop_categories", "contact_days", "resolution_days", "escalations", "escalation_minutes",
    )  # fmt: skip
    ordering = ("pk",)


@admin.register(WorkHours)
class WorkHoursAdmin(BackOffice):
    list_display = ("user", "weekdays", "day_start", "day_end", "country", "region")
    search_fields = ("user__name", "user__email")
    list_select_related = ("user",)
    ordering = ("user__name", "pk")


@admin.register(Leave)
class LeaveAdmin(BackOffice):
    list_display = (
        "user", "starts_on", "ends_on", "stand_in", "new_work", "open_work", "began_at", "ended_at",
    )  # fmt: skip
    list_filter = ("new_work", "open_work")
    search_fields = ("user__name", "user__email")
    list_select_related = ("user", "stand_in")
    ordering = ("-ends_on", "-pk")


@admin.register(HandOver)
class HandOverAdmin(BackOffice):
    list_display = ("leave", "task", "alert", "loop", "stand_in", "at")
    list_select_related = ("leave", "task", "alert", "loop", "stand_in")
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


@admin.register(BackTest)
class BackTestAdmin(BackOffice):
    page = "workflows:backtest_detail"
    list_display = ("requested_at", "version", "against", "horizon_days", "state", "outcomes", "evaluations")
    list_filter = ("state", "against")
    list_select_related = ("version",)
    ordering = ("-requested_at", "-pk")


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


@admin.register(RewardList)
class RewardListAdmin(WithHistory):
    page = "workflows:reward_list"
    list_display = ("name", "description", "created_by", "created_at")
    search_fields = ("name",)
    list_select_related = ("created_by",)
    ordering = ("name", "pk")


@admin.register(RewardCode)
class RewardCodeAdmin(BackOffice):
    """To whom codes went; the codes are worth money and shown nowhere, also not sealed."""

    list_display = ("id", "list", "contact", "run", "given_at", "created_at")
    list_filter = ("list",)
    list_select_related = ("list", "contact", "run")
    exclude = ("sealed", "digest")
    ordering = ("-pk",)
