"""Back office: rules and what came of them, and the state of their work."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from team.backoffice import BackOffice, OutboxAdmin, WithHistory
from workflows.models import Alert, DryRun, Notice, Rule, Run, RunStep, Task
from workflows.services import rules


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
    list_display = ("opened_at", "kind", "account", "contact", "assignee", "state", "closed_at")
    list_filter = ("state", "kind")
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
    list_display = ("user", "alert", "task", "state", "attempts", "next_at", "finished_at", "error")
    list_select_related = ("user", "alert", "task")
