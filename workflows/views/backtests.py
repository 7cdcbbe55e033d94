"""Pages of back-tests: start one, watch it, read what came out."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from accounts.forms import show_refusal
from core.errors import Refused
from team.http import UserRequest, requires
from workflows.health.backtest_domain import HORIZONS, Against
from workflows.health.discrimination import LEAST_OUTCOMES
from workflows.queries import backtests as queries
from workflows.services import backtests as services

LISTED = 30


class StartForm(forms.Form):
    against = forms.ChoiceField(
        label="Held against",
        choices=[(Against.CHURN, "Churn"), (Against.CHURN_OR_DOWNGRADE, "Churn and downgrades")],
    )
    horizon_days = forms.TypedChoiceField(
        label="Looking ahead", coerce=int, choices=[(days, f"{days} days") for days in HORIZONS]
    )


@requires(queries.may_see)
def backtest_list(request: UserRequest) -> HttpResponse:
    form = StartForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            test = services.start(actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.info(request, "The past is being replayed. This page follows it.")
            return redirect("workflows:backtest_detail", pk=test.pk)
    tests = [queries.page_of(test) for test in queries.list_backtests(request.user)[:LISTED]]
    context = {"form": form, "tests": tests, "least": LEAST_OUTCOMES}
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "workflows/backtest_list.html", context, status=status)


@requires(queries.may_see)
@require_safe
def backtest_detail(request: UserRequest, pk: int) -> HttpResponse:
    test = get_object_or_404(queries.list_backtests(request.user), pk=pk)
    return render(request, "workflows/backtest_detail.html", {"page": queries.page_of(test), "test": test})
