"""Back office: people, keys, the audit log, and the machinery (core's own tables)."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core.models import Heartbeat, Job
from team import queries
from team.backoffice import BackOffice, OutboxAdmin
from team.domain import Role
from team.models import ApiKey, AuditEntry, Team, User
from team.services import keys, people, workspace


@admin.register(User)
class UserAdmin(BackOffice):
    """Adding invites; ending access is an action. Passwords are neither shown nor set here."""

    may_add = may_change = True
    page = "team:person_detail"
    list_display = ("name", "email", "role", "team", "is_active", "second_step", "last_login")
    list_filter = ("role", "team", "is_active")
    search_fields = ("name", "email")
    list_select_related = ("team",)
    ordering = ("name", "pk")
    autocomplete_fields = ("team",)
    actions = ("end_access", "let_in", "send_link")
    fields = (
        "name",
        "email",
        "title",
        "role",
        "team",
        "is_active",
        "last_login",
        "created_at",
    )
    readonly_fields = ("is_active", "last_login", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return queries.list_people()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ("name", "email", "title", "role", "team")

    @admin.display(description="second step", boolean=True)
    def second_step(self, person: Any) -> bool:
        return bool(person.has_second_step)

    def perform_save(self, request: Any, obj: Any, values: dict[str, Any], *, change: bool) -> User:
        if "role" in values:
            values["role"] = Role(values["role"])
        if change:
            return people.update_person(person=obj, actor=request.user, **values)
        return people.invite_person(actor=request.user, **values)

    @admin.action(description="End access: sessions and API keys stop working")
    def end_access(self, request: Any, rows: QuerySet[User]) -> None:
        self.each(
            request,
            rows,
            lambda person: people.deactivate_person(person=person, actor=request.user),
            "deactivated",
        )

    @admin.action(description="Let them sign in again")
    def let_in(self, request: Any, rows: QuerySet[User]) -> None:
        self.each(
            request, rows, lambda person: people.activate_person(person=person, actor=request.user), "active"
        )

    @admin.action(description="Send a link to set a password")
    def send_link(self, request: Any, rows: QuerySet[User]) -> None:
        self.each(
            request,
            rows,
            lambda person: people.send_set_password_link(person=person, actor=request.user),
            "mails queued",
        )


@admin.register(Team)
class TeamAdmin(BackOffice):
    may_add = may_change = may_delete = True
    list_display = ("name", "members")
    search_fields = ("name",)
    fields = ("name",)
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        return queries.list_teams()

    @admin.display(description="active members")
    def members(self, team: Any) -> int:
        return int(team.people)

    def perform_save(self, request: Any, obj: Any, values: dict[str, Any], *, change: bool) -> Team:
        if change:
            return workspace.rename_team(team=obj, name=values["name"], actor=request.user)
        return workspace.create_team(name=values["name"], actor=request.user)

    def perform_delete(self, request: Any, obj: Team) -> None:
        workspace.delete_team(team=obj, actor=request.user)


@admin.register(ApiKey)
class ApiKeyAdmin(BackOffice):
    """Adding leads to the page that shows the new key once."""

    may_add = may_change = True
    list_display = (
        "name",
        "prefix",
        "user",
        "rate_limit",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    )
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    search_fields = ("name", "prefix", "user__name", "user__email")
    list_select_related = ("user",)
    ordering = ("-created_at", "-pk")
    fields = (
        "name", "rate_limit", "prefix", "user", "scopes", "created_by", "created_at", "expires_at", "last_used_at",
        "revoked_at",
    )  # fmt: skip
    readonly_fields = fields[2:]
    actions = ("revoke",)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("team:key_create"))

    def perform_save(self, request: Any, obj: Any, values: dict[str, Any], *, change: bool) -> ApiKey:
        return keys.update_key(
            key=obj,
            name=values.get("name", obj.name),
            rate_limit=values.get("rate_limit", obj.rate_limit),
            actor=request.user,
        )

    @admin.action(description="Revoke")
    def revoke(self, request: Any, rows: QuerySet[ApiKey]) -> None:
        self.each(request, rows, lambda key: keys.revoke_key(key=key, actor=request.user), "revoked")


@admin.register(AuditEntry)
class AuditEntryAdmin(BackOffice):
    list_display = ("at", "actor", "api_key", "action", "thing", "summary", "ip")
    list_filter = ("action", "object_type")
    search_fields = ("action", "actor__name", "actor__email", "object_type")
    list_select_related = ("actor", "api_key")
    ordering = ("-at", "-pk")

    @admin.display(description="thing")
    def thing(self, entry: AuditEntry) -> str:
        return f"{entry.object_type} {entry.object_id or ''}".strip()

    @admin.display(description="detail")
    def summary(self, entry: AuditEntry) -> str:
        return queries.audit_text(entry)


# --- The machinery: core's tables, registered here because core knows nobody who could look at them ------------
@admin.register(Job)
class JobAdmin(OutboxAdmin):
    list_display = ("kind", "subject_id", "state", "progress", "attempts", "next_at", "finished_at", "error")
    list_filter = (*OutboxAdmin.list_filter, "kind")
    search_fields = ("key", "kind")

    @admin.display(description="progress")
    def progress(self, job: Job) -> str:
        if job.progress_total is None:
            return f"{job.progress_done:,}" if job.progress_done else "–"
        return f"{job.progress_done:,} of {job.progress_total:,}"


@admin.register(Heartbeat)
class HeartbeatAdmin(BackOffice):
    """Which workers gave a sign of life, and when."""

    list_display = ("name", "host", "started_at", "beat_at")
    ordering = ("-beat_at",)
