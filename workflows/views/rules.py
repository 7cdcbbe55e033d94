"""Rule pages: what happens by itself, how often it did, what it would have done, and the switch."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from core.errors import Refused
from team.http import UserRequest, requires
from team.permissions import can_lead, can_lead_everywhere, can_view
from workflows.domain import RunState
from workflows.models import Rule, RunStep
from workflows.queries import dry_runs
from workflows.queries import rules as queries
from workflows.queries import runs as run_queries
from workflows.rules import checking
from workflows.rules.definition import values_of
from workflows.rules.sentences import Speaker
from workflows.services import dry_runs as rehearsing
from workflows.services import rules as services

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter with how many it shows."""

    label: str
    count: int
    url: str
    is_on: bool


def _chips(
    counts: list[tuple[str, str, int]], chosen: str, *, name: str, at: str = "", more: str = ""
) -> list[Chip]:
    """A chip for everything and one for each that holds something; none where there is nothing to tell apart."""
    held = [one for one in counts if one[2] or one[0] == chosen]
    if not held:
        return []
    every = Chip("All", sum(count for _, _, count in counts), f"?{more}{at}", not chosen)
    return [
        every,
        *(Chip(label, count, f"?{name}={key}&{more}{at}", key == chosen) for key, label, count in held),
    ]


STATES = (("on", "On"), ("off", "Off"), ("draft", "Drafts"))


@requires(can_view)
@require_safe
def rule_list(request: UserRequest) -> HttpResponse:
    every = list(queries.list_rules(request.user))
    state = request.GET.get("state", "")
    shown = every if state not in dict(STATES) else [r for r in every if queries.state_of(r) == state]
    counts = [(key, label, sum(queries.state_of(r) == key for r in every)) for key, label in STATES]
    speaker = Speaker(request.user)
    context = {
        "rules": [(rule, speaker.rule(rule), queries.state_of(rule)) for rule in shown],
        "chips": _chips(counts, state if state in dict(STATES) else "", name="state"),
        "may_lead": can_lead(request.user),
        "may_switch": can_lead_everywhere(request.user),
    }
    return render(request, "workflows/rule_list.html", context)


@requires(can_view)
@require_safe
def rule_detail(request: UserRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(queries.list_rules(request.user), pk=pk)
    found = run_queries.list_runs(user=request.user).filter(rule=rule)
    state = _state(request.GET.get("runs", ""))
    if state:
        found = found.filter(state=state)
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    latest = dry_runs.latest_of(rule)
    may_lead = can_lead(request.user)
    context = {
        "rule": rule,
        "state": queries.state_of(rule),
        "sentence": Speaker(request.user).rule(rule),
        "page": page,
        "rows": run_queries.shown(page.object_list, request.user),
        "chips": _chips(
            run_queries.count_by_state(user=request.user, rule=rule), state, name="runs", at="#runs"
        ),
        "versions": queries.versions_of(rule)[:3],
        "dry_run": latest,
        "summary": dry_runs.summary(latest, request.user) if latest and latest.is_done else None,
        "problems": checking.check(values_of(rule)).problems if may_lead and not rule.is_active else [],
        "may_lead": may_lead,
        "may_switch": can_lead_everywhere(request.user),
    }
    return render(request, "workflows/rule_detail.html", context)


# --- Switching -----------------------------------------------------------------------------------------------
@requires(can_lead_everywhere)
@require_POST
def rule_switch(request: UserRequest, pk: int) -> HttpResponse:
    """Switch off at once; switch on after a look at what the rule would have done."""
    rule = get_object_or_404(queries.list_rules(request.user), pk=pk)
    if request.POST.get("is_active") != "1":
        rule = services.switch_rule(rule=rule, is_active=False, actor=request.user)
        messages.info(request, f"{rule.name} is off. Runs that are under way finish.")
        return redirect("workflows:rule_detail", pk=pk)
    return redirect("workflows:rule_switch_on", pk=pk)


@requires(can_lead_everywhere)
def rule_switch_on(request: UserRequest, pk: int) -> HttpResponse:
    """What the rule would have done, and the switch below it."""
    rule = get_object_or_404(queries.list_rules(request.user), pk=pk)
    problems = checking.check(values_of(rule)).problems
    if rule.is_active or problems:
        if problems:
            messages.error(request, checking.NotReady(problems).message)
        return redirect("workflows:rule_detail", pk=pk)
    latest = dry_runs.latest_of(rule, version=rule.version, least_days=rehearsing.REACH_DAYS)
    refused = ""
    if request.method == "POST":
        try:
            latest = latest or rehearsing.start(rule=rule, actor=request.user)
            if not latest.is_done:
                return redirect("workflows:rule_switch_on", pk=pk)
            confirmed = latest.reach if request.POST.get("confirm") == str(latest.reach) else None
            rule = services.switch_rule(
                rule=rule, is_active=True, actor=request.user, confirmed_reach=confirmed
            )
        except Refused as refusal:
            refused = refusal.message
        else:
            messages.info(request, f"{rule.name} is on.")
            return redirect("workflows:rule_detail", pk=pk)
    if latest is None:
        latest = rehearsing.start(rule=rule, actor=request.user)
    context = {
        **_rehearsal(request, rule, latest),
        "refused": refused,
        "asks": latest.is_done and latest.reach > rehearsing.CONFIRM_ABOVE,
        "switching": True,
    }
    template = "workflows/rule_dry_run.html" + ("#result" if request.htmx else "")
    return render(request, template, context, status=422 if refused else 200)


# --- The dry run ---------------------------------------------------------------------------------------------
@requires(can_view)
def rule_dry_run(request: UserRequest, pk: int) -> HttpResponse:
    """What the rule would have done in the last days; a lead starts it anew."""
    rule = get_object_or_404(queries.list_rules(request.user), pk=pk)
    latest = dry_runs.latest_of(rule)
    if request.method == "POST":
        if not can_lead(request.user):
            return redirect("workflows:rule_dry_run", pk=pk)
        try:
            rehearsing.start(
                rule=rule,
                actor=request.user,
                days=_days(request.POST.get("days", "")),
                as_if_live=request.POST.get("as_if_live") == "1",
            )
        except Refused as refusal:
            messages.error(request, refusal.message)
        return redirect("workflows:rule_dry_run", pk=pk)
    if latest is None and can_lead(request.user) and not request.htmx:
        try:
            latest = rehearsing.start(rule=rule, actor=request.user)
        except Refused as refusal:
            messages.error(request, refusal.message)
    template = "workflows/rule_dry_run.html" + ("#result" if request.htmx else "")
    return render(request, template, _rehearsal(request, rule, latest))


def _days(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else rehearsing.DAYS


def _rehearsal(request: UserRequest, rule: Rule, latest: Any) -> dict[str, Any]:
    context: dict[str, Any] = {
        "rule": rule,
        "dry_run": latest,
        "sentence": Speaker(request.user).rule(rule),
        "may_lead": can_lead(request.user),
        "days": rehearsing.DAYS_OFFERED,
    }
    if latest is not None and latest.is_done:
        show = request.GET.get("show", "")
        hits = dry_runs.hits_of(latest, request.user, show)
        page = Paginator(hits, PAGE_SIZE).get_page(request.GET.get("page"))
        context |= {
            "summary": dry_runs.summary(latest, request.user),
            "page": page,
            "rows": dry_runs.shown(list(page.object_list)),
            "chips": _chips(dry_runs.counts(latest, request.user), show, name="show", at="#each"),
        }
    return context


# --- Runs ----------------------------------------------------------------------------------------------------
def _state(text: str) -> str:
    return text if text in {one.value for one in RunState} else ""


@requires(can_view)
@require_safe
def run_list(request: UserRequest) -> HttpResponse:
    """Every run the person may see, by state and rule."""
    found = run_queries.list_runs(user=request.user)
    state, rule = _state(request.GET.get("state", "")), request.GET.get("rule", "")
    if state:
        found = found.filter(state=state)
    if rule.isascii() and rule.isdigit() and len(rule) < 19:
        found = found.filter(rule=int(rule))
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": run_queries.shown(page.object_list, request.user),
        "chips": _chips(run_queries.count_by_state(user=request.user), state, name="state"),
        "state": state,
        "rules": queries.list_rules(request.user),
        "rule": rule,
    }
    return render(request, "workflows/run_list.html", context)


@requires(can_view)
@require_safe
def run_detail(request: UserRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(run_queries.list_runs(user=request.user), pk=pk)
    (shown,) = run_queries.shown([run], request.user)
    context = {
        "run": run,
        "shown": shown,
        "steps": run_queries.steps_of(run, request.user),
        "may_lead": can_lead(request.user),
    }
    return render(request, "workflows/run_detail.html", context)


@requires(can_lead_everywhere)
@require_POST
def rule_release(request: UserRequest, pk: int) -> HttpResponse:
    """Let the runs go that are held because there were too many in a day."""
    rule = get_object_or_404(queries.list_rules(request.user), pk=pk)
    number = services.release_held(rule=rule, actor=request.user)
    messages.info(
        request, f"{number:,} run{'' if number == 1 else 's'} let go." if number else "Nothing was held."
    )
    return redirect("workflows:rule_detail", pk=pk)


@requires(can_lead)
@require_POST
def run_stop(request: UserRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(run_queries.list_runs(user=request.user), pk=pk)
    try:
        services.stop_run(run=run, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("workflows:run_detail", pk=pk)


@requires(can_lead)
@require_POST
def step_retry(request: UserRequest, pk: int, path: str) -> HttpResponse:
    return _on_step(request, pk, path, services.retry_step)


@requires(can_lead)
@require_POST
def step_skip(request: UserRequest, pk: int, path: str) -> HttpResponse:
    return _on_step(request, pk, path, services.skip_step)


def _on_step(request: UserRequest, pk: int, path: str, service: Any) -> HttpResponse:
    run = get_object_or_404(run_queries.list_runs(user=request.user), pk=pk)
    step: RunStep = get_object_or_404(run.steps, path=path)
    try:
        service(step=step, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("workflows:run_detail", pk=pk)
