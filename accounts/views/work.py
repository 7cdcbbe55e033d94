"""Logging interactions, writing to contacts, and contracts: what one does on the page of a customer."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts import queries, versions
from accounts.forms import ContractForm, InteractionForm, MailForm, OutcomeForm, show_refusal
from accounts.models import Account
from accounts.services import contracts as contract_services
from accounts.services import interactions as services
from accounts.views.accounts import offer_again
from core.errors import Refused
from team.http import UserRequest, requires
from team.permissions import can_work


def _page(request: UserRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    """The form as a page, or as the content of the shared dialog."""
    if request.htmx.target == "modal-body":
        name = f"{name}#dialog"
    form = context["form"]
    return render(request, f"accounts/{name}", context, status=422 if form.errors else 200)


def _back(request: UserRequest, default: str) -> HttpResponse:
    """Where the person came from, as the form carries it; only addresses of ours."""
    target = request.POST.get("next", "")
    allowed = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return redirect(target if target and allowed else default)


def _came_from(request: UserRequest) -> str:
    return request.POST.get("next", "") or request.GET.get("next", "")


def _log(request: UserRequest, account: Account, initial: dict[str, Any], default: str) -> HttpResponse:
    form = InteractionForm(request.POST or None, account=account, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.log_interaction(account=account, actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, "Logged. It stands on the timeline.")
            return _back(request, default)
    return _page(
        request, "interaction_form.html", {"form": form, "account": account, "next": _came_from(request)}
    )


@requires(can_work)
def interaction_log(request: UserRequest, pk: int) -> HttpResponse:
    """Log a note, call or meeting with an account."""
    account = get_object_or_404(queries.list_accounts(request.user), pk=pk)
    kind = request.GET.get("kind", "note")
    initial: dict[str, Any] = {"kind": kind if kind in {"note", "call", "meeting"} else "note"}
    asked = request.GET.get("contact", "")
    if asked.isascii() and asked.isdigit() and len(asked) < 19:
        initial["contact"] = int(asked)
    return _log(request, account, initial, reverse("accounts:account_detail", args=[pk]))


@requires(can_work)
def interaction_edit(request: UserRequest, pk: int) -> HttpResponse:
    interaction = get_object_or_404(queries.list_interactions(request.user), pk=pk)
    form = InteractionForm(request.POST or None, account=interaction.account, interaction=interaction)
    if request.method == "POST" and form.is_valid():
        values = {
            **form.cleaned_data,
            "happened_at": form.cleaned_data["happened_at"] or interaction.happened_at,
        }
        try:
            services.update_interaction(interaction=interaction, actor=request.user, **values)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, "Saved.")
            return _back(request, reverse("accounts:account_detail", args=[interaction.account_id]))
    context = {
        "form": form,
        "account": interaction.account,
        "interaction": interaction,
        "next": _came_from(request),
    }
    return _page(request, "interaction_form.html", context)


@requires(can_work)
def contact_mail(request: UserRequest, pk: int) -> HttpResponse:
    """Write to a contact. The mail goes out by the worker; answers come to the writer's own address."""
    contact = get_object_or_404(queries.list_contacts(request.user), pk=pk)
    initial = {"subject": request.GET.get("subject", "")[:200]}
    form = MailForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.send_mail(contact=contact, actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, f"The mail to {contact.display_name} is on its way.")
            return _back(request, reverse("accounts:contact_detail", args=[pk]))
    context = {"form": form, "contact": contact, "account": contact.account, "next": _came_from(request)}
    return _page(request, "mail_form.html", context)


@requires(can_work)
@require_POST
def mail_resend(request: UserRequest, pk: int) -> HttpResponse:
    interaction = get_object_or_404(queries.list_interactions(request.user), pk=pk)
    try:
        services.resend_mail(interaction=interaction, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "The mail is on its way again.")
    return _back(request, reverse("accounts:account_detail", args=[interaction.account_id]))


def _contracts(account: Account) -> str:
    return f"{reverse('accounts:account_detail', args=[account.pk])}?tab=contracts"


@requires(can_work)
def contract_create(request: UserRequest, pk: int) -> HttpResponse:
    account = get_object_or_404(queries.list_accounts(request.user), pk=pk)
    form = ContractForm(request.POST or None, initial={"currency": account.currency})
    if request.method == "POST" and form.is_valid():
        try:
            values: Any = form.values()
            contract_services.create_contract(account=account, values=values, actor=request.user)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(
                request, "Contract added. The account's ARR and renewal follow its open contracts."
            )
            return redirect(_contracts(account))
    return _page(request, "contract_form.html", {"form": form, "account": account})


@requires(can_work)
def contract_edit(request: UserRequest, pk: int) -> HttpResponse:
    contract = get_object_or_404(queries.list_contracts(request.user), pk=pk)
    version = versions.version_of(contract, contract_services.EDITABLE)
    form = ContractForm(
        request.POST or None, initial={**ContractForm.initial_of(contract), "version": version}
    )
    if request.method == "POST" and form.is_valid():
        try:
            values: Any = form.values()
            contract_services.update_contract(
                contract=contract,
                values=values,
                actor=request.user,
                version=form.cleaned_data["version"] or "missing",
            )
        except Refused as refusal:
            show_refusal(form, refusal)
            if isinstance(refusal, versions.Stale):
                offer_again(form, version)
        else:
            messages.success(request, "Contract saved.")
            return redirect(_contracts(contract.account))
    return _page(
        request, "contract_form.html", {"form": form, "account": contract.account, "contract": contract}
    )


@requires(can_work)
def contract_outcome(request: UserRequest, pk: int) -> HttpResponse:
    """Say how a contract ended."""
    contract = get_object_or_404(queries.list_contracts(request.user), pk=pk)
    initial = {"outcome": contract.outcome, "outcome_on": contract.outcome_on}
    form = OutcomeForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            contract_services.set_outcome(contract=contract, actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, "Outcome saved.")
            return redirect(_contracts(contract.account))
    return _page(
        request, "outcome_form.html", {"form": form, "account": contract.account, "contract": contract}
    )
