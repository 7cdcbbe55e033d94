"""Connections: the list, one with its state and log, and what is done with it."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from core.errors import Refused
from integrations import queries
from integrations.contract import Delivery, Hook
from integrations.domain import OPEN_RUNS, ConnectionState, Result
from integrations.forms import DisconnectForm, SinceForm
from integrations.models import SyncRun
from integrations.services import connections as services
from integrations.services import hooks
from team.http import UserRequest, requires
from team.permissions import can_administer, can_lead

PER_PAGE = 25
LINES_PER_PAGE = 50


@requires(can_lead)
@require_safe
def connection_list(request: UserRequest) -> HttpResponse:
    rows = queries.list_rows(request.user)
    context = {
        "rows": [row for row in rows if not row.has_ended],
        "ended": [row for row in rows if row.has_ended],
        "is_working": any(row.run for row in rows),
        "may_administer": can_administer(request.user),
    }
    template = "integrations/connection_list.html"
    if request.htmx.target == "connections":
        template += "#rows"
    return render(request, template, context)


@requires(can_lead)
@require_safe
@never_cache
def connection_detail(request: UserRequest, pk: int) -> HttpResponseBase:
    connection = get_object_or_404(queries.list_connections(request.user), pk=pk)
    may_administer = can_administer(request.user)
    if connection.state == ConnectionState.DRAFT and may_administer:
        return redirect("integrations:setup_access", pk=pk)
    run = queries.open_run(connection, request.user)
    runs = queries.list_runs(connection, request.user)
    page = Paginator(runs, PER_PAGE).get_page(request.GET.get("page"))
    system = queries.system_of(connection)
    context: dict[str, Any] = {
        "connection": connection,
        "system": system,
        "run": run,
        "standing": queries.standing(connection, run),
        "page": page,
        "answers": queries.answer_counts([connection]).get(connection.pk, 0),
        "may_administer": may_administer,
    }
    if request.htmx.target == "connection-now":
        if run is None:
            response = HttpResponse(status=204)
            response["HX-Refresh"] = "true"
            return response
        return render(request, "integrations/connection_detail.html#now", context)
    context |= {
        "surveys": connection.surveys.select_related("survey").order_by("-is_enabled", "remote_name", "pk"),
        "since_form": SinceForm(),
        "has_hook": queries.has_hook(connection),
        "hook_url": services.hook_url(connection) if may_administer and queries.has_hook(connection) else "",
        "hook_by_hand": system is not None and system.hook is Hook.BY_HAND,
        "can_pull": system is not None and system.can_pull,
        "kept": queries.what_is_kept(connection) if may_administer else None,
    }
    return render(request, "integrations/connection_detail.html", context)


# --- What is done with one -----------------------------------------------------------------------------------
def _act(
    request: UserRequest, pk: int, service: Callable[..., object], said: str, **given: Any
) -> HttpResponse:
    connection = get_object_or_404(queries.list_connections(request.user), pk=pk)
    try:
        service(connection=connection, actor=request.user, **given)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, said)
    return redirect("integrations:connection_detail", pk=pk)


@requires(can_administer)
@require_POST
def connection_pause(request: UserRequest, pk: int) -> HttpResponse:
    return _act(request, pk, services.pause, "Paused. A run at work stops after its page.")


@requires(can_administer)
@require_POST
def connection_resume(request: UserRequest, pk: int) -> HttpResponse:
    return _act(request, pk, services.resume, "At work again. What was stopped goes on where it was.")


@requires(can_administer)
@require_POST
def connection_run(request: UserRequest, pk: int) -> HttpResponse:
    return _act(request, pk, services.run_now, "Looking for new answers.")


@requires(can_administer)
@require_POST
def connection_rerun(request: UserRequest, pk: int) -> HttpResponse:
    form = SinceForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Say from which day on it is read again.")
        return redirect("integrations:connection_detail", pk=pk)
    return _act(request, pk, services.rerun_since, "Reading again from that day on.", since=form.moment)


@requires(can_administer)
@require_POST
def connection_check(request: UserRequest, pk: int) -> HttpResponse:
    connection = get_object_or_404(queries.list_connections(request.user), pk=pk)
    try:
        found = services.check_connection(connection=connection)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, f"It works: connected to {found}." if found else "It works.")
    return redirect("integrations:connection_detail", pk=pk)


@requires(can_administer)
@require_POST
@never_cache
def hook_secret(request: UserRequest, pk: int) -> HttpResponse:
    """A new secret for the webhook's signatures, shown in the answer itself and never again."""
    connection = get_object_or_404(queries.list_connections(request.user), pk=pk)
    given = request.POST.get("secret", "").strip()[:500]
    try:
        secret = services.rotate_hook_secret(connection=connection, actor=request.user, secret=given)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("integrations:connection_detail", pk=pk)
    if given:
        messages.info(request, "Stored. Deliveries signed with the secret before are taken for one more day.")
        return redirect("integrations:connection_detail", pk=pk)
    return render(request, "integrations/hook_secret.html", {"connection": connection, "secret": secret})


@requires(can_administer)
@require_POST
def hook_address(request: UserRequest, pk: int) -> HttpResponse:
    return _act(
        request, pk, services.rotate_hook_token,
        "The address is new, and the old one is unknown from now on. Enter the new one over there.",
    )  # fmt: skip


@requires(can_administer)
def connection_disconnect(request: UserRequest, pk: int) -> HttpResponseBase:
    connection = get_object_or_404(queries.list_connections(request.user), pk=pk)
    form = DisconnectForm(request.POST or None, connection=connection)
    if request.method == "POST" and form.is_valid():
        try:
            services.disconnect(connection=connection, actor=request.user)
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            if connection.hook_error:
                messages.warning(request, connection.hook_error)
            messages.info(request, "Ended. Its credentials were deleted; its answers and its log stay.")
            return redirect("integrations:connection_detail", pk=pk)
    context = {
        "connection": connection,
        "form": form,
        "answers": queries.answer_counts([connection]).get(connection.pk, 0),
    }
    return render(
        request, "integrations/connection_disconnect.html", context, status=422 if form.is_bound else 200
    )


@requires(can_administer)
@require_POST
def connection_delete(request: UserRequest, pk: int) -> HttpResponse:
    connection = get_object_or_404(queries.list_connections(request.user), pk=pk)
    try:
        services.delete_draft(connection=connection, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("integrations:connection_detail", pk=pk)
    messages.info(request, "The draft was deleted.")
    return redirect("integrations:connection_list")


@requires(can_administer)
@never_cache
def connection_try(request: UserRequest, pk: int) -> HttpResponseBase:
    """A delivery tried out: what it says, and what would become of it. Nothing is changed."""
    connection = get_object_or_404(queries.list_changeable(request.user), pk=pk)
    if not queries.has_hook(connection):
        messages.error(request, "This connection hears no deliveries.")
        return redirect("integrations:connection_detail", pk=pk)
    body, trouble, found = "", "", None
    try:
        if request.method == "POST":
            body = request.POST.get("body", "")
            found = hooks.preview(connection, Delivery(body=body.encode("utf-8", "replace"), headers={}))
            trouble = found.error
        else:
            body = services.sample_delivery(connection=connection)
    except Refused as refusal:
        trouble = refusal.message
    context = {"connection": connection, "body": body, "trouble": trouble, "found": found}
    return render(request, "integrations/connection_try.html", context, status=422 if trouble else 200)


# --- Runs ----------------------------------------------------------------------------------------------------
@requires(can_lead)
@require_safe
@never_cache
def run_detail(request: UserRequest, pk: int, run: int) -> HttpResponseBase:
    """One run with its log: what was refused and why, whose answers are unknown, and the answers it brought."""
    connection = get_object_or_404(queries.list_connections(request.user), pk=pk)
    found: SyncRun = get_object_or_404(queries.list_runs(connection, request.user), pk=run)
    show = request.GET.get("show", "")
    answers = show in {Result.CREATED, Result.UPDATED, Result.EXCLUDED}
    rows = queries.taken_in(found, show) if answers else queries.lines_of(found, show)
    page = Paginator(rows, LINES_PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "connection": connection,
        "system": queries.system_of(connection),
        "run": found,
        "show": show,
        "is_answers": answers,
        "page": page,
        "cut_off": 0 if answers else queries.lines_cut_off(found, show, page.paginator.count),
        "is_working": found.state in OPEN_RUNS,
        "may_administer": can_administer(request.user),
        "may_carry_on": can_administer(request.user) and queries.is_left(connection, found),
    }
    if request.htmx.target == "run-now":
        if not context["is_working"]:
            response = HttpResponse(status=204)
            response["HX-Refresh"] = "true"
            return response
        return render(request, "integrations/run_detail.html#now", context)
    return render(request, "integrations/run_detail.html", context)


@requires(can_administer)
@require_POST
def run_cancel(request: UserRequest, pk: int, run: int) -> HttpResponse:
    connection = get_object_or_404(queries.list_connections(request.user), pk=pk)
    found: SyncRun = get_object_or_404(queries.list_runs(connection, request.user), pk=run)
    try:
        services.cancel_run(run=found, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, "Stopped. What it took in stays.")
    return redirect("integrations:run_detail", pk=pk, run=run)


@requires(can_administer)
@require_POST
def run_carry_on(request: UserRequest, pk: int, run: int) -> HttpResponse:
    """A failed run goes on where it stopped."""
    connection = get_object_or_404(queries.list_connections(request.user), pk=pk)
    found: SyncRun = get_object_or_404(queries.list_runs(connection, request.user), pk=run)
    try:
        new = services.carry_on(run=found, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("integrations:run_detail", pk=pk, run=run)
    messages.info(request, "It goes on where it stopped.")
    return redirect("integrations:run_detail", pk=pk, run=new.pk)
