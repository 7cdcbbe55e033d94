"""Back office: surveys, campaigns, what was asked and answered, suppressions, and the state of sending."""

from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet

from surveys.campaign_plan import CHANGEABLE, Plan
from surveys.choices import CampaignState
from surveys.models import (
    AskRule,
    Campaign,
    Delivery,
    ExternalAsk,
    IdentityAction,
    InAppMessage,
    Invitation,
    MetricDefinition,
    Response,
    Suppression,
    Survey,
    Variant,
    Wave,
)
from surveys.services import campaigns, suppressions, surveys
from team.backoffice import BackOffice, OutboxAdmin, RefusalForm, WithHistory


@admin.register(IdentityAction)
class IdentityActionAdmin(BackOffice):
    """What was decided in the inbox; its own page says what it changed and undoes it."""

    page = "surveys:inbox_decision"
    list_display = ("done_at", "kind", "number", "contacts_made", "done_by", "undone_at", "sealed_at")
    list_filter = ("kind",)
    list_select_related = ("done_by",)
    ordering = ("-done_at", "-pk")


@admin.register(Survey)
class SurveyAdmin(WithHistory):
    """Name and kind are changed here; the wording on the survey's own page, with its preview."""

    may_change = True
    page = "surveys:survey_detail"
    fields = ("name", "kind", "metric", "state", "current", "external_id", "created_by", "created_at")
    readonly_fields = ("metric", "state", "current", "external_id", "created_by", "created_at")
    actions = ("activate", "archive")
    list_display = ("name", "metric", "state", "created_by", "created_at", "external_id")
    list_filter = ("state", "metric")
    search_fields = ("name", "external_id")
    list_select_related = ("created_by",)
    ordering = ("name", "pk")

    def perform_save(self, request: Any, obj: Any, values: dict[str, Any], *, change: bool) -> Survey:
        return surveys.change_survey(
            survey=obj, name=values.get("name"), kind=values.get("kind"), actor=request.user
        )

    @admin.action(description="Activate: campaigns can ask them")
    def activate(self, request: Any, rows: QuerySet[Survey]) -> None:
        self.each(request, rows, lambda row: surveys.activate(survey=row, actor=request.user), "activated")

    @admin.action(description="Archive: nobody is asked them any more, their answers stay")
    def archive(self, request: Any, rows: QuerySet[Survey]) -> None:
        self.each(request, rows, lambda row: surveys.archive(survey=row, actor=request.user), "archived")


class VariantInline(admin.TabularInline):  # type: ignore[type-arg]  # not generic at run time
    """The arms of an experiment: read here, defined on the campaign's own page."""

    model = Variant
    fields = readonly_fields = ("key", "name", "weight", "channel", "send_hour", "version")
    ordering = ("key",)
    extra = 0
    can_delete = False

    def has_add_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: Any, obj: Any = None) -> bool:
        return True


@admin.register(Campaign)
class CampaignAdmin(WithHistory):
    """Name, pace, hours and reminders are changed here; whom a campaign asks what, in its steps before the launch."""

    may_change = True
    inlines = (VariantInline,)
    actions = ("pause", "resume", "stop")
    page = "surveys:campaign_detail"
    list_display = (
        "name",
        "survey",
        "segment",
        "state",
        "starts_at",
        "daily_limit",
        "launched_at",
        "launched_by",
    )
    list_filter = ("state", "cadence")
    search_fields = ("name", "survey__name")
    list_select_related = ("survey", "segment", "launched_by")
    ordering = ("-created_at", "-pk")

    def has_change_permission(self, request: Any, obj: Campaign | None = None) -> bool:
        is_over = obj is not None and obj.state in {CampaignState.STOPPED, CampaignState.FINISHED}
        return super().has_change_permission(request, obj) and not is_over

    def get_readonly_fields(self, request: Any, obj: Any = None) -> Any:
        """What may not change while a campaign runs is shown as it is."""
        shown = [field.name for field in Campaign._meta.concrete_fields if not field.primary_key]
        return [name for name in shown if name not in CHANGEABLE]

    def perform_save(self, request: Any, obj: Any, values: dict[str, Any], *, change: bool) -> Campaign:
        was_scheduled = obj.state == CampaignState.SCHEDULED
        plan = replace(Plan.of(obj), **values)
        saved = campaigns.update_campaign(campaign=obj, plan=plan, actor=request.user)
        if was_scheduled:
            self.message_user(
                request, "The campaign is a draft again: schedule it once more on its page.", messages.WARNING
            )
        return saved

    @admin.action(description="Pause: nothing more is sent until they are resumed")
    def pause(self, request: Any, rows: QuerySet[Campaign]) -> None:
        self.each(request, rows, lambda row: campaigns.pause(campaign=row, actor=request.user), "paused")

    @admin.action(description="Resume")
    def resume(self, request: Any, rows: QuerySet[Campaign]) -> None:
        self.each(request, rows, lambda row: campaigns.resume(campaign=row, actor=request.user), "resumed")

    @admin.action(description="Stop for good: who was not asked never will be")
    def stop(self, request: Any, rows: QuerySet[Campaign]) -> None:
        self.each(request, rows, lambda row: campaigns.stop(campaign=row, actor=request.user), "stopped")


@admin.register(Wave)
class WaveAdmin(BackOffice):
    list_display = (
        "campaign",
        "number",
        "state",
        "planned_count",
        "excluded_count",
        "created_at",
        "planned_at",
    )
    list_filter = ("state",)
    search_fields = ("campaign__name",)
    list_select_related = ("campaign",)
    ordering = ("-pk",)


@admin.register(Invitation)
class InvitationAdmin(BackOffice):
    list_display = (
        "id",
        "contact",
        "account",
        "wave",
        "state",
        "is_test",
        "asked_at",
        "opened_at",
        "scored_at",
    )
    list_filter = ("state", "is_test")
    search_fields = ("=id", "account__name", "contact__email")
    list_select_related = ("contact", "account", "wave")
    ordering = ("-pk",)
    exclude = ("recipient_key",)


@admin.register(Response)
class ResponseAdmin(BackOffice):
    page = "surveys:response_detail"
    list_display = (
        "responded_at",
        "score",
        "account",
        "contact",
        "survey",
        "source",
        "state",
        "identity",
        "origin",
    )
    list_filter = ("state", "identity", "channel", "origin", "survey")
    search_fields = ("=external_id", "account__name", "contact__email")
    list_select_related = ("account", "contact", "survey")
    ordering = ("-responded_at", "-pk")


class SuppressForm(RefusalForm):
    """An address typed in; only its key is kept."""

    email = forms.EmailField(max_length=254, help_text="Kept as a fingerprint only: it cannot be read back.")

    class Meta:
        model = Suppression
        fields = ("detail",)


class LiftForm(ActionForm):
    """The reason that a lift is recorded with."""

    why = forms.CharField(label="Reason", max_length=200, required=False)


@admin.register(Suppression)
class SuppressionAdmin(WithHistory):
    may_add = True
    list_display = ("reason", "channel", "detail", "created_at", "created_by", "lifted_at")
    list_filter = ("reason", "channel", ("lifted_at", admin.EmptyFieldListFilter))
    list_select_related = ("created_by",)
    ordering = ("-created_at", "-pk")
    search_fields = ("detail",)
    actions = ("lift",)
    action_form = LiftForm
    exclude = ("address_key",)

    def get_form(self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = SuppressForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fields(self, request: Any, obj: Any = None) -> Any:
        return super().get_fields(request, obj) if obj else ("email", "detail")

    def perform_save(self, request: Any, obj: Any, values: dict[str, Any], *, change: bool) -> Suppression:
        return suppressions.suppress_by_hand(
            email=values["email"], detail=values["detail"], actor=request.user
        )

    @admin.action(description="Lift with the reason given: these addresses may be asked again")
    def lift(self, request: Any, rows: QuerySet[Suppression]) -> None:
        why = request.POST.get("why", "")
        self.each(
            request,
            rows.filter(lifted_at__isnull=True),
            lambda row: suppressions.lift_by_hand(entry=row, why=why, actor=request.user),
            "lifted",
        )


@admin.register(Delivery)
class DeliveryAdmin(OutboxAdmin):
    list_display = (
        "key",
        "channel",
        "step",
        "state",
        "attempts",
        "next_at",
        "sent_at",
        "code",
        "error",
    )
    list_filter = (*OutboxAdmin.list_filter, "channel")
    search_fields = ("key", "message_id", "provider_id")


@admin.register(MetricDefinition)
class MetricDefinitionAdmin(WithHistory):
    list_display = ("name", "key", "metric", "unit", "window_days")


@admin.register(AskRule)
class AskRuleAdmin(WithHistory):
    """Changed on its settings page, where the lines stand beside one another."""

    list_display = (
        "scope", "quiet_days_answered", "quiet_days_declined", "quiet_days_ignored", "budget", "budget_days",
    )  # fmt: skip


@admin.register(ExternalAsk)
class ExternalAskAdmin(BackOffice):
    list_display = ("source", "external_id", "contact", "account", "kind", "channel", "cost", "asked_at")
    list_filter = ("source", "kind", "channel")
    list_select_related = ("contact", "account")
    search_fields = ("=external_id", "account__name", "contact__email")
    ordering = ("-pk",)
    exclude = ("recipient_key",)


@admin.register(InAppMessage)
class InAppMessageAdmin(BackOffice):
    """Messages in the product; their own page withdraws one."""

    page = "surveys:in_app_message"
    list_display = ("queued_at", "contact", "account", "state", "expires_at", "shown_at", "key")
    list_filter = ("state",)
    list_select_related = ("contact", "account")
    search_fields = ("=key", "account__name", "contact__email")
    ordering = ("-pk",)
    exclude = ("session",)
