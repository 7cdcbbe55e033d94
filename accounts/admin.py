"""Back office: customers, their stages and fields, and the state of the event relay."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from accounts.models import (
    Account,
    Contact,
    Contract,
    CustomField,
    Event,
    EventDelivery,
    Import,
    Interaction,
    InteractionMail,
    LifecycleStage,
    Merge,
    Metric,
    Segment,
)
from accounts.services import accounts, contacts, fields
from team.backoffice import BackOffice, OutboxAdmin, WithHistory


@admin.register(Account)
class AccountAdmin(WithHistory):
    may_add = may_change = True
    page = "accounts:account_detail"
    list_display = (
        "name",
        "owner",
        "stage",
        "plan",
        "segment",
        "arr",
        "currency",
        "renewal_on",
        "external_id",
    )
    list_filter = ("stage", "plan", "segment", "country")
    search_fields = ("name", "external_id", "domain")
    list_select_related = ("owner", "stage")
    autocomplete_fields = ("owner", "parent", "stage")
    ordering = ("name", "pk")
    fields = accounts.EDITABLE

    def perform_save(self, request: Any, obj: Any, values: Any, *, change: bool) -> Account:
        if change:
            return accounts.update_account(account=obj, values=values, actor=request.user)
        return accounts.create_account(values=values, actor=request.user)


@admin.register(Contact)
class ContactAdmin(WithHistory):
    may_add = may_change = True
    page = "accounts:contact_detail"
    list_display = (
        "display_name",
        "email",
        "account",
        "role",
        "language",
        "external_id",
        "merged",
        "erased_at",
    )
    list_filter = ("role", "language", ("merged_into", admin.EmptyFieldListFilter))
    search_fields = ("first_name", "last_name", "email", "external_id")
    list_select_related = ("account",)
    autocomplete_fields = ("account",)
    ordering = ("last_name", "first_name", "pk")
    fields = contacts.EDITABLE

    @admin.display(description="merged", boolean=True)
    def merged(self, contact: Contact) -> bool:
        return contact.merged_into_id is not None

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_gone = obj is not None and (obj.merged_into_id is not None or obj.erased_at is not None)
        return not is_gone and super().has_change_permission(request, obj)

    def perform_save(self, request: Any, obj: Any, values: Any, *, change: bool) -> Contact:
        if change:
            return contacts.update_contact(contact=obj, values=values, actor=request.user)
        return contacts.create_contact(values=values, actor=request.user)


@admin.register(LifecycleStage)
class LifecycleStageAdmin(WithHistory):
    may_add = may_change = may_delete = True
    list_display = ("name", "position", "is_customer")
    search_fields = ("name",)
    ordering = ("position", "pk")
    fields = ("name", "position", "is_customer")

    def perform_save(self, request: Any, obj: Any, values: dict[str, Any], *, change: bool) -> LifecycleStage:
        return fields.save_stage(
            name=values.get("name", obj.name),
            is_customer=values.get("is_customer", obj.is_customer),
            position=values.get("position", obj.position),
            stage=obj if change else None,
            actor=request.user,
        )

    def perform_delete(self, request: Any, obj: Any) -> None:
        fields.delete_stage(stage=obj, actor=request.user)


@admin.register(CustomField)
class CustomFieldAdmin(WithHistory):
    may_add = may_change = may_delete = True
    list_display = ("label", "key", "target", "type", "is_personal", "position")
    list_filter = ("target", "type", "is_personal")
    search_fields = ("key", "label")
    ordering = ("target", "position", "pk")
    fields = ("target", "label", "key", "type", "choices", "is_personal", "position")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        # Values are stored under the key in the shape of the type, so both are for good.
        return ("target", "key", "type") if obj else ("position",)

    def perform_save(self, request: Any, obj: Any, values: dict[str, Any], *, change: bool) -> CustomField:
        if change:
            return fields.update_custom_field(
                field=obj,
                label=values.get("label", obj.label),
                choices=values.get("choices", obj.choices),
                is_personal=values.get("is_personal", obj.is_personal),
                position=values.get("position", obj.position),
                actor=request.user,
            )
        return fields.create_custom_field(actor=request.user, **values)

    def perform_delete(self, request: Any, obj: Any) -> None:
        fields.delete_custom_field(field=obj, actor=request.user)


@admin.register(Contract)
class ContractAdmin(WithHistory):
    list_display = ("account", "starts_on", "ends_on", "arr", "currency", "outcome", "outcome_on")
    list_filter = ("outcome", "currency")
    search_fields = ("account__name", "external_id")
    list_select_related = ("account",)
    ordering = ("-ends_on", "-pk")


@admin.register(Interaction)
class InteractionAdmin(WithHistory):
    list_display = ("happened_at", "kind", "account", "user", "subject")
    list_filter = ("kind",)
    search_fields = ("account__name", "subject")
    list_select_related = ("account", "user")
    ordering = ("-happened_at", "-pk")


@admin.register(Metric)
class MetricAdmin(WithHistory):
    list_display = ("label", "key", "type", "unit", "direction", "retention_days")
    search_fields = ("key", "label")


@admin.register(Segment)
class SegmentAdmin(WithHistory):
    list_display = ("name", "target", "owner", "sharing", "created_at")
    list_filter = ("target", "sharing")
    search_fields = ("name",)
    list_select_related = ("owner",)
    ordering = ("name", "pk")


@admin.register(Import)
class ImportAdmin(BackOffice):
    list_display = (
        "file_name", "target", "state", "rows_done", "rows_total", "created_count", "updated_count", "refused_count",
        "created_by", "created_at",
    )  # fmt: skip
    list_filter = ("state", "target")
    search_fields = ("file_name",)
    list_select_related = ("created_by",)
    ordering = ("-pk",)
    exclude = ("file",)


@admin.register(Merge)
class MergeAdmin(BackOffice):
    page = "accounts:merge_detail"
    list_display = (
        "done_at",
        "target",
        "survivor_key",
        "loser_key",
        "moved_count",
        "done_by",
        "undone_at",
        "sealed_at",
    )
    list_filter = ("target",)
    list_select_related = ("done_by",)
    ordering = ("-done_at", "-pk")
    exclude = ("fields",)


@admin.register(Event)
class EventAdmin(BackOffice):
    list_display = ("occurred_at", "kind", "account", "origin", "actor", "cause_key")
    list_filter = ("kind", "origin")
    search_fields = ("cause_key", "account__name")
    list_select_related = ("account", "actor")
    ordering = ("-occurred_at", "-pk")


@admin.register(EventDelivery)
class EventDeliveryAdmin(OutboxAdmin):
    list_display = ("event", "subscriber", "state", "attempts", "next_at", "finished_at", "error")
    list_filter = (*OutboxAdmin.list_filter, "subscriber")
    list_select_related = ("event",)


@admin.register(InteractionMail)
class InteractionMailAdmin(OutboxAdmin):
    raw_id_fields = ("interaction",)
