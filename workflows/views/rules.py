"""Rule pages: what happens by itself, how often it did, and the switch."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from core.errors import Refused
from team.http import UserRequest, requires
from team.permissions import can_lead, can_view
from workflows.models import RunStep
from workflows.queries import rules as queries
from workflows.rules import engine, sentences
from workflows.services import rules as services

PAGE_SIZE = 50


@requires(can_view)
def rule_list(request: UserRequest) -> HttpResponse:
    rules = [(rule, sentences.describe(rule)) for rule in queries.list_rules(request.user)]
    return render(request, "workflows/rule_list.html", {"rules": rules, "may_lead": can_lead(request.user)})


@requires(can_view)
def rule_detail(request: UserRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(queries.list_rules(request.user), pk=pk)
    runs = Paginator(queries.list_runs(user=request.user).filter(rule=rule), PAGE_SIZE)
    context = {
        "rule": rule,
        "sentence": sentences.describe(rule),
        "page": runs.get_page(request.GET.get("page")),
        "may_lead": can_lead(request.user),
    }
    return render(request, "workflows/rule_detail.html", context)


@requires(can_lead)
@require_POST
def rule_switch(request: UserRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(queries.list_rules(request.user), pk=pk)
    rule = services.switch_rule(rule=rule, is_active=request.POST.get("is_active") == "1", actor=request.user)
    messages.info(request, f"{rule.name} is {'on' if rule.is_active else 'off'}.")
    return redirect("workflows:rule_detail", pk=pk)


@requires(can_view)
def run_detail(request: UserRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(queries.list_runs(user=request.user), pk=pk)
    return render(request, "workflows/run_detail.html", {"run": run, "may_lead": can_lead(request.user)})


@requires(can_lead)
@require_POST
def run_stop(request: UserRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(queries.list_runs(user=request.user), pk=pk)
    try:
        services.stop_run(run=run, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("workflows:run_detail", pk=pk)


@requires(can_lead)
@require_POST
def step_retry(request: UserRequest, pk: int, position: int) -> HttpResponse:
    run = get_object_or_404(queries.list_runs(user=request.user), pk=pk)
    step: RunStep = get_object_or_404(run.steps, position=position)
    try:
        engine.retry_step(row=step)
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("workflows:run_detail", pk=pk)
