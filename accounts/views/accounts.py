"""The pages of accounts."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts import exports, extend, queries, versions
from accounts.filters import AccountFilter
from accounts.forms import AccountForm, BulkOwnerForm, OwnerRoleForm, show_refusal
from accounts.models import Account
from accounts.services import accounts as services
from accounts.services import bulk
from accounts.services import exports as export_services
from accounts.views import lists
from accounts.views.detail import detail_context
from core.errors import Refused
from team.http import UserRequest, requires
from team.permissions import can_export, can_lead, can_view, can_work

FILTERS = ("owner", "stage", "plan", "segment", "country", "renewal")


@requires(can_view)
@require_safe
def account_list(request: UserRequest) -> HttpResponse:
    listing = lists.accounts(request)
    page = listing.page(request.GET.get("page"))
    segments = [s for s in queries.list_segments(request.user) if s.target == "account"]
    context: dict[str, Any] = {
        "filterset": listing.filterset,
        "form": listing.filterset.form,
        "troubles": listing.troubles,
        "page": page,
        "columns": extend.columns_for("account"),
        "segments": segments,
        "segment": getattr(listing.filterset, "segment", None),
        "chosen": lists.chosen_filters(listing.filterset, FILTERS),
        "may_change_owner": can_lead(request.user),
        "may_add": can_work(request.user),
        "may_export": can_export(request.user),
        "is_filtered": bool({*FILTERS, "q", "saved"} & {key for key, value in request.GET.items() if value}),
        "jobs": queries.owner_changes_under_way(request.user),
    }
    if context["may_change_owner"]:
        context["owner_form"] = BulkOwnerForm()
    template = "accounts/account_list.html"
    if request.htmx.target == "accounts":
        template += "#rows"
    return render(request, template, context)


@requires(can_view)
@require_safe
def account_options(request: UserRequest) -> HttpResponse:
    """Names for the field that picks an account: the first twenty that match what was typed into it."""
    typed = request.GET.get("parent") or request.GET.get("account") or request.GET.get("q", "")
    found = AccountFilter(
        {"q": typed.partition("#")[0]}, queries.list_accounts(request.user), request=request
    )
    rows = found.qs.order_by("name", "pk")[:20] if found.is_valid() else []
    return render(request, "accounts/_account_options.html", {"accounts": rows})


@requires(can_export)
@require_safe
def account_export(request: UserRequest) -> HttpResponseBase:
    """What the list shows under the same filters, as CSV."""
    listing = lists.accounts(request)
    export_services.note_export(
        what="accounts", rows=listing.rows, filters=request.GET.keys(), actor=request.user
    )
    return exports.csv_response("accounts", *lists.export_table(listing, "account"))


@requires(can_lead)
@require_POST
def account_change_owner(request: UserRequest) -> HttpResponse:
    """A new owner for the ticked accounts, or for all that match the filters in the address."""
    back = f"{reverse('accounts:account_list')}?{request.GET.urlencode()}"
    form = BulkOwnerForm(request.POST)
    ids = [int(pk) for pk in request.POST.getlist("ids") if pk.isascii() and pk.isdigit() and len(pk) < 19]
    listing = lists.accounts(request)
    chosen = (
        listing.rows
        if request.POST.get("all_matching")
        else queries.list_accounts(request.user).filter(pk__in=ids)
    )
    if listing.troubles or not form.is_valid():
        messages.error(request, "Choose to whom the accounts go. Nothing was changed.")
        return redirect(back)
    if not ids and not request.POST.get("all_matching"):
        messages.error(request, "Tick at least one account first.")
        return redirect(back)
    owner = form.chosen()
    try:
        outcome = bulk.change_owner(accounts=chosen, owner=owner, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect(back)
    whom = str(owner) if owner else "nobody"
    if isinstance(outcome, int):
        noun = "account now belongs" if outcome == 1 else "accounts now belong"
        messages.success(request, f"{outcome:,} {noun} to {whom}.")
    else:
        messages.info(request, f"The accounts are being given to {whom}. The list shows how far it is.")
    return redirect(back)


@requires(can_view)
@require_safe
def owner_change_state(request: UserRequest) -> HttpResponse:
    """How far this person's bulk changes are; asked for by the list while one runs."""
    return render(
        request, "accounts/_owner_jobs.html", {"jobs": queries.owner_changes_under_way(request.user)}
    )


@requires(can_work)
def account_create(request: UserRequest) -> HttpResponse:
    form = AccountForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            account = services.create_account(values=form.values(), actor=request.user)  # type: ignore[arg-type]
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            if not queries.list_accounts(request.user).filter(pk=account.pk).exists():
                messages.success(
                    request, f"{account.name} was added. It is outside your view, as its owner is."
                )
                return redirect("accounts:account_list")
            messages.success(request, f"{account.name} was added.")
            return redirect("accounts:account_detail", pk=account.pk)
    return render(request, "accounts/account_form.html", {"form": form}, status=422 if form.errors else 200)


@requires(can_view)
@require_safe
def account_detail(request: UserRequest, pk: int) -> HttpResponse:
    survivor = queries.find_survivor("account", pk, request.user)
    if survivor is not None:
        return redirect("accounts:account_detail", pk=survivor)
    account = get_object_or_404(queries.list_accounts(request.user), pk=pk)
    context = detail_context(request, "account", account) | {"may_lead": can_lead(request.user)}
    if request.htmx.target == "timeline":
        return render(request, "accounts/_timeline.html", context)
    tab = context["tab"]
    if tab == "contacts":
        context |= _contacts_tab(request, account)
    elif tab == "contracts":
        context["contracts"] = queries.contracts_of(account)
    elif tab == "overview":
        context |= _facts(request, account)
    return render(request, "accounts/account_detail.html", context)


def _contacts_tab(request: UserRequest, account: Account) -> dict[str, Any]:
    rows = queries.with_columns(queries.contacts_of(account), "contact")
    asked = request.GET.get("sort", "")
    rows = queries.sorted_by(rows, asked, queries.CONTACT_SORTS, "contact")
    listing = lists.Listing(None, rows, [])  # type: ignore[arg-type]  # a list without filters
    return {"page": listing.page(request.GET.get("page")), "columns": extend.columns_for("contact")}


def _facts(request: UserRequest, account: Account) -> dict[str, Any]:
    return {
        "owners": queries.others_of(account),
        "parent": queries.visible_parent(account, request.user),
        "children": list(queries.children_of(account, request.user)[:20]),
        "open_contracts": list(queries.open_contracts_of(account)[:5]),
        "custom": queries.custom_values(account, "account"),
        "metrics": queries.metrics_of(account),
    }


@requires(can_work)
def account_edit(request: UserRequest, pk: int) -> HttpResponse:
    account = get_object_or_404(queries.list_accounts(request.user), pk=pk)
    version = versions.version_of(account, services.EDITABLE)
    form = AccountForm(request.POST or None, user=request.user, account=account, initial={"version": version})
    if request.method == "POST" and form.is_valid():
        try:
            services.update_account(
                account=account,
                values=form.values(),  # type: ignore[arg-type]  # the form's fields are those of AccountValues
                actor=request.user,
                version=form.cleaned_data["version"] or "missing",
            )
        except Refused as refusal:
            show_refusal(form, refusal)
            if isinstance(refusal, versions.Stale):
                offer_again(form, version)
        else:
            messages.success(request, "Saved.")
            if not queries.list_accounts(request.user).filter(pk=pk).exists():
                return redirect("accounts:account_list")
            return redirect("accounts:account_detail", pk=pk)
    context = {
        "form": form,
        "account": account,
        "stored": stored_values(form, account),
        "owners": queries.owners_of(account),
    }
    context["owner_form"] = OwnerRoleForm()
    return render(request, "accounts/account_form.html", context, status=422 if form.errors else 200)


def offer_again(form: Any, version: str) -> None:
    """After a stale save: the same values once more, now against what is stored."""
    form.data = form.data.copy()
    form.data["version"] = version
    form.is_stale = True


def stored_values(form: Any, thing: Any) -> list[tuple[str, Any]]:
    """Where what is stored differs from what was typed, for the person who has to decide."""
    if not getattr(form, "is_stale", False):
        return []
    return [
        (str(form[name].label), form.get_initial_for_field(form.fields[name], name) or "empty")
        for name in form.changed_data
        if name != "version"
    ]


@requires(can_work)
@require_POST
def account_owner_add(request: UserRequest, pk: int) -> HttpResponse:
    account = get_object_or_404(queries.list_accounts(request.user), pk=pk)
    form = OwnerRoleForm(request.POST)
    if form.is_valid():
        try:
            services.add_owner(account=account, actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            messages.error(request, refusal.message)
    else:
        messages.error(request, "Choose a person and a role.")
    return redirect(reverse("accounts:account_edit", args=[pk]) + "#people")


@requires(can_work)
@require_POST
def account_owner_remove(request: UserRequest, pk: int, row: int) -> HttpResponse:
    account = get_object_or_404(queries.list_accounts(request.user), pk=pk)
    found = queries.get_owner_row(account, row)
    if found is not None:
        services.remove_owner(row=found, actor=request.user)
    return redirect(reverse("accounts:account_edit", args=[pk]) + "#people")
