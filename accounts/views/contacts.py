"""The pages of contacts."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from accounts import exports, extend, queries, versions
from accounts.forms import ContactForm, show_refusal
from accounts.services import contacts as services
from accounts.services import exports as export_services
from accounts.views import lists
from accounts.views.accounts import offer_again, stored_values
from accounts.views.detail import detail_context
from core.errors import Refused
from team.http import UserRequest, requires
from team.permissions import can_export, can_lead, can_view, can_work

FILTERS = ("owner", "role")


@requires(can_view)
@require_safe
def contact_list(request: UserRequest) -> HttpResponse:
    listing = lists.contacts(request)
    context: dict[str, Any] = {
        "filterset": listing.filterset,
        "form": listing.filterset.form,
        "troubles": listing.troubles,
        "page": listing.page(request.GET.get("page")),
        "columns": extend.columns_for("contact"),
        "segments": list(queries.list_segments(request.user)),
        "segment": getattr(listing.filterset, "segment", None),
        "chosen": lists.chosen_filters(listing.filterset, FILTERS),
        "may_add": can_work(request.user),
        "may_export": can_export(request.user),
        "is_filtered": bool({*FILTERS, "q", "saved", "account"} & {k for k, v in request.GET.items() if v}),
    }
    template = "accounts/contact_list.html"
    if request.htmx.target == "contacts":
        template += "#rows"
    return render(request, template, context)


@requires(can_export)
@require_safe
def contact_export(request: UserRequest) -> HttpResponseBase:
    """What the list shows under the same filters, as CSV."""
    listing = lists.contacts(request)
    export_services.note_export(
        what="contacts", rows=listing.rows, filters=request.GET.keys(), actor=request.user
    )
    return exports.csv_response("contacts", *lists.export_table(listing, "contact"))


@requires(can_work)
def contact_create(request: UserRequest) -> HttpResponse:
    initial: dict[str, Any] = {}
    asked = request.GET.get("account", "")
    if asked.isascii() and asked.isdigit() and len(asked) < 19:
        account = queries.list_accounts(request.user).filter(pk=int(asked)).first()
        initial = {"account": f"{account.name} #{account.pk}"} if account else {}
    form = ContactForm(request.POST or None, user=request.user, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            contact = services.create_contact(values=form.values(), actor=request.user)  # type: ignore[arg-type]
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, f"{contact.display_name} was added.")
            if not queries.list_contacts(request.user).filter(pk=contact.pk).exists():
                return redirect("accounts:contact_list")
            return redirect("accounts:contact_detail", pk=contact.pk)
    return render(request, "accounts/contact_form.html", {"form": form}, status=422 if form.errors else 200)


@requires(can_view)
@require_safe
def contact_detail(request: UserRequest, pk: int) -> HttpResponse:
    survivor = queries.find_survivor("contact", pk, request.user)
    if survivor is not None:
        return redirect("accounts:contact_detail", pk=survivor)
    contact = get_object_or_404(queries.list_contacts(request.user).select_related("account__stage"), pk=pk)
    context = detail_context(request, "contact", contact) | {
        "may_lead": can_lead(request.user),
        "may_export": can_export(request.user),
    }
    if request.htmx.target == "timeline":
        return render(request, "accounts/_timeline.html", context)
    if context["tab"] == "overview":
        context["custom"] = queries.custom_values(contact, "contact")
    return render(request, "accounts/contact_detail.html", context)


@requires(can_work)
def contact_edit(request: UserRequest, pk: int) -> HttpResponse:
    contact = get_object_or_404(queries.list_contacts(request.user), pk=pk)
    version = versions.version_of(contact, services.EDITABLE)
    form = ContactForm(request.POST or None, user=request.user, contact=contact, initial={"version": version})
    if request.method == "POST" and form.is_valid():
        try:
            services.update_contact(
                contact=contact,
                values=form.values(),  # type: ignore[arg-type]  # the form's fields are those of ContactValues
                actor=request.user,
                version=form.cleaned_data["version"] or "missing",
            )
        except Refused as refusal:
            show_refusal(form, refusal)
            if isinstance(refusal, versions.Stale):
                offer_again(form, version)
        else:
            messages.success(request, "Saved.")
            if not queries.list_contacts(request.user).filter(pk=pk).exists():
                return redirect("accounts:contact_list")
            return redirect("accounts:contact_detail", pk=pk)
    context = {"form": form, "contact": contact, "stored": stored_values(form, contact)}
    return render(request, "accounts/contact_form.html", context, status=422 if form.errors else 200)
