"""The ground of the back office: who may do what there, saving through services, and the state of background work.

A table is read only unless its admin says otherwise. Saving calls `perform_save`, which calls the service that the
pages call; what the service refuses is shown at the field, with the input kept.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode
from simple_history.admin import SimpleHistoryAdmin

from core.errors import Refused
from core.outbox import State
from team.services import operation

# Only the type checker knows these as generic.
if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Any]
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelForm, _ModelAdmin = forms.ModelForm, admin.ModelAdmin


class RefusalForm(_ModelForm):
    """A model form that shows what a service refused."""

    refusal: Refused | None = None

    def _post_clean(self) -> None:
        # Constraints are left to the service, which brings values into their stored form first.
        self.instance.validate_constraints = lambda exclude=None: None
        super()._post_clean()  # type: ignore[misc]
        del self.instance.validate_constraints
        if self.refusal is not None:
            field = self.refusal.field if self.refusal.field in self.fields else None
            self.add_error(field, self.refusal.message)


class BackOffice(_ModelAdmin):
    """Administrators read every table; what they may change, a service changes."""

    may_add = False
    may_change = False
    may_delete = False
    page = ""
    form = RefusalForm
    list_per_page = 50
    show_full_result_count = False
    save_on_top = False

    # -- who --
    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_staff)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_staff)

    def has_add_permission(self, request: HttpRequest, *_: Any) -> bool:
        return self.may_add and bool(request.user.is_staff)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_change and bool(request.user.is_staff)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_delete and bool(request.user.is_staff)

    # -- saving --
    def perform_save(self, request: HttpRequest, obj: Any, values: dict[str, Any], *, change: bool) -> Any:
        """Call the service; `values` are the fields that were changed (all of them for a new row). Returns the row."""
        raise NotImplementedError

    def perform_delete(self, request: HttpRequest, obj: Any) -> None:
        raise NotImplementedError

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        names = form.changed_data if change else list(form.cleaned_data)
        values = {name: form.cleaned_data[name] for name in names if name in form.cleaned_data}
        stored = type(obj)._base_manager.get(pk=obj.pk) if change else obj
        if values:
            saved = self.perform_save(request, stored, values, change=change)
            obj.__dict__.update(saved.__dict__)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing beside the row itself: services write what belongs to it."""

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.perform_delete(request, obj)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        found: Any = super().get_form(request, obj, change=change, **kwargs)
        refusal = getattr(request, "_refusal", None)
        return type("Refused" + found.__name__, (found,), {"refusal": refusal}) if refusal else found

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except Refused as refusal:
            # The transaction is rolled back; the same input once more, now with the refusal at its field.
            request._refusal = refusal  # type: ignore[attr-defined]
            return super().changeform_view(request, *args, **kwargs)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)
        except Refused as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
            opts = self.model._meta
            return HttpResponseRedirect(
                reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[object_id])
            )

    # -- Django's own log quotes names of people; ours (team.audit) is written by the services --
    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return None

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return None

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        return []

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        return None

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Who did what to this row: the audit log, filtered."""
        query = urlencode({"q": f"{self.model._meta.model_name} {object_id}"})
        return HttpResponseRedirect(f"{reverse('team:audit_list')}?{query}")

    def view_on_site(self, obj: Any) -> str | None:
        """The row's page in the product, if it has one."""
        if not self.page:
            return None
        try:
            return reverse(self.page, args=[obj.pk])
        except NoReverseMatch:
            return None

    def each(
        self, request: HttpRequest, rows: QuerySet[Any], act: Callable[[Any], object], done: str
    ) -> None:
        """Do a service to each chosen row, and say how many it was and what was refused."""
        count = 0
        for row in rows:
            try:
                act(row)
                count += 1
            except Refused as refusal:
                self.message_user(request, f"{row}: {refusal.message}", messages.ERROR)
        if count:
            self.message_user(request, f"{count} {done}.", messages.SUCCESS)


class WithHistory(SimpleHistoryAdmin, BackOffice):
    """A table whose rows keep their history: the history page shows every change, and nothing is put back from it."""

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        answer: HttpResponse = SimpleHistoryAdmin.history_view(self, request, object_id, extra_context)
        return answer

    def has_view_history_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_staff)

    def has_change_history_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def revert_disabled(self, request: HttpRequest, obj: Any = None) -> bool:
        return True


REFUSALS_SHOWN = 10
TROUBLE = (State.DEAD, State.FAILED, State.IN_DOUBT)


class TroubleFilter(admin.SimpleListFilter):
    title = "needs a look"
    parameter_name = "trouble"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Dead, failed or in doubt"), ("waiting", "Waiting or at work")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "yes":
            return queryset.filter(state__in=TROUBLE)
        if self.value() == "waiting":
            return queryset.filter(state__in=[State.PENDING, State.CLAIMED, State.SENDING])
        return queryset


class OutboxAdmin(BackOffice):
    """Rows of background work: what waits, what is at work, what failed and why; failed ones can be tried again."""

    list_display: Any = ("key", "state", "attempts", "next_at", "finished_at", "error")
    list_filter: ClassVar[Any] = (TroubleFilter, "state")
    search_fields: ClassVar[Any] = ("key",)
    ordering = ("-id",)
    actions = ("try_again", "mark_done", "give_up")

    @admin.action(description="Try again (dead, failed or in doubt)")
    def try_again(self, request: Any, rows: QuerySet[Model]) -> None:
        decided = operation.retry(rows=rows, actor=request.user)
        self._say(
            request, decided, "will be tried again", "Only dead, failed or doubtful rows can be tried again."
        )

    @admin.action(description="It had happened: mark as done (in doubt)")
    def mark_done(self, request: Any, rows: QuerySet[Model]) -> None:
        decided = operation.settle(rows=rows, state=State.DONE, actor=request.user)
        self._say(request, decided, "marked as done", "Only rows in doubt can be settled.")

    @admin.action(description="It had not happened, and shall not: cancel (in doubt, dead or failed)")
    def give_up(self, request: Any, rows: QuerySet[Model]) -> None:
        decided = operation.settle(rows=rows, state=State.CANCELLED, actor=request.user)
        self._say(request, decided, "cancelled", "Only rows in doubt, dead or failed can be cancelled.")

    def _say(self, request: HttpRequest, decided: operation.Decided, done: str, nothing: str) -> None:
        count = decided.count
        for refusal in decided.refusals[:REFUSALS_SHOWN]:
            self.message_user(request, refusal, messages.ERROR)
        if len(decided.refusals) > REFUSALS_SHOWN:
            more = len(decided.refusals) - REFUSALS_SHOWN
            self.message_user(request, f"{more} more could not be dealt with either.", messages.ERROR)
        if count:
            self.message_user(request, f"{count} {'row' if count == 1 else 'rows'} {done}.", messages.SUCCESS)
        elif not decided.refusals:
            self.message_user(request, nothing, messages.WARNING)
