"""Who was asked: the ledgers of a contact and of an account, asking one person by hand, and the rules of asking."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from accounts import queries as customers
from core.errors import Refused
from surveys import eligibility
from surveys.ask_forms import AskForm, RuleForm
from surveys.choices import AskScope, Channel
from surveys.queries import asks as queries
from surveys.services import ask_rules as rule_services
from surveys.services import asks as services
from team.http import UserRequest, requires
from team.permissions import can_administer, can_lead, can_view

PAGE_SIZE = 50


@requires(can_view)
@require_safe
def contact_asks(request: UserRequest, pk: int) -> HttpResponseBase:
    """Everything one person was asked, what it cost, and when the next ask is possible."""
    contact = get_object_or_404(customers.list_contacts(request.user), pk=pk)
    page = Paginator(queries.ledger(request.user, contact=contact), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    context = {
        "contact": contact,
        "page": page,
        "entries": queries.read(list(page.object_list)),
        "standing": queries.standing(contact),
        "may_ask": can_lead(request.user),
    }
    return render(request, "surveys/contact_asks.html", context)


@requires(can_view)
@require_safe
def account_asks(request: UserRequest, pk: int) -> HttpResponseBase:
    """Everything the people of an account were asked."""
    account = get_object_or_404(customers.list_accounts(request.user), pk=pk)
    page = Paginator(queries.ledger(request.user, account=account), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    context = {
        "account": account,
        "page": page,
        "entries": queries.read(list(page.object_list)),
        "standing": queries.account_standing(account),
    }
    return render(request, "surveys/account_asks.html", context)


@requires(can_lead)
def ask_by_hand(request: UserRequest, pk: int) -> HttpResponseBase:
    """Ask one person one survey now; where only time stands against it, with a reason."""
    contact = get_object_or_404(customers.list_contacts(request.user), pk=pk)
    form = AskForm(request.POST or None, surveys=queries.surveys_to_ask())
    if request.method == "POST" and form.is_valid():
        try:
            services.ask_now(
                contact=contact,
                survey=form.cleaned_data["survey"],
                channel=Channel(form.cleaned_data["channel"]),
                reason=form.cleaned_data["reason"],
                actor=request.user,
            )
        except Refused as refusal:
            _show(form, refusal)
        else:
            messages.info(request, "The survey is on its way.")
            return redirect("surveys:contact_asks", pk=contact.pk)
    context = {"contact": contact, "form": form, "standing": queries.standing(contact)}
    return render(request, "surveys/ask_by_hand.html", context, status=422 if form.errors else 200)


@requires(can_administer)
def ask_rules(request: UserRequest) -> HttpResponseBase:
    """How long people are left alone, and how much asking they bear: a line for each scope."""
    scopes = eligibility.scopes()
    lines = [
        (scope, RuleForm(request.POST or None, prefix=scope.value, rule=scopes[scope])) for scope in AskScope
    ]
    # All of them are looked at, so that every mistake is shown at once.
    valid = [form.is_valid() for _, form in lines]
    if request.method == "POST" and all(valid):
        for scope, form in lines:
            try:
                rule_services.update_rule(scope=scope, values=form.values(), actor=request.user)
            except Refused as refusal:
                _show(form, refusal)
        if not any(form.errors for _, form in lines):
            messages.success(request, "Saved. It holds from the next ask on.")
            return redirect("surveys:ask_rules")
    context: dict[str, Any] = {"lines": lines, "reserve": eligibility.rules().reserve}
    status = 422 if any(form.errors for _, form in lines) else 200
    return render(request, "surveys/ask_rules.html", context, status=status)


def _show(form: forms.Form, refusal: Refused) -> None:
    form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
