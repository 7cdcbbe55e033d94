"""Alert pages: read the answer in context, reply, log what happened, close the loop."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from core.errors import Refused
from team.http import UserRequest, requires
from team.permissions import can_view, can_work
from workflows.domain import AlertState
from workflows.filters import AlertFilter
from workflows.forms import AssignForm, CloseForm, LogForm, ReplyForm
from workflows.models import Alert
from workflows.queries import alerts as queries
from workflows.services import alerts as services
from workflows.services import loop

PAGE_SIZE = 50


@requires(can_view)
def alert_list(request: UserRequest) -> HttpResponse:
    whose = request.GET.get("whose", "mine")
    found = queries.list_alerts(user=request.user)
    if whose == "mine":
        found = found.filter(assignee=request.user)
    state = request.GET.get("state", AlertState.OPEN)
    chosen = AlertFilter({"state": AlertState.OPEN, **request.GET.dict()}, queryset=found)
    page = Paginator(chosen.qs, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "workflows/alert_list.html", {"page": page, "whose": whose, "state": state})


def _alert(request: UserRequest, pk: int) -> Alert:
    return get_object_or_404(queries.list_alerts(user=request.user), pk=pk)


def _page(request: UserRequest, alert: Alert, *, status: int = 200, **forms: object) -> HttpResponse:
    context = {
        "alert": alert,
        "story": queries.story_of(alert=alert, user=request.user),
        "reply_form": ReplyForm(initial=loop.suggested_reply(alert=alert, user=request.user)),
        "log_form": LogForm(),
        "close_form": CloseForm(),
        "assign_form": AssignForm(initial={"assignee": alert.assignee_id}),
        "may_work": can_work(request.user),
        "is_new": services.is_new_to(alert, request.user),
        **forms,
    }
    return render(request, "workflows/alert_detail.html", context, status=status)


@requires(can_view)
def alert_detail(request: UserRequest, pk: int) -> HttpResponse:
    """Looking changes nothing: the page itself tells `alert_seen` that a browser showed it."""
    return _page(request, _alert(request, pk))


@requires(can_view)
@require_POST
def alert_seen(request: UserRequest, pk: int) -> HttpResponse:
    """The page was shown to somebody. Without script an alert counts as seen once they act on it."""
    services.mark_seen(alert=_alert(request, pk), user=request.user)
    return HttpResponse(status=204)


@requires(can_work)
@require_POST
def alert_reply(request: UserRequest, pk: int) -> HttpResponse:
    alert = _alert(request, pk)
    form = ReplyForm(request.POST)
    if form.is_valid():
        try:
            loop.reply(alert=alert, actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.info(request, "Your reply is on its way and stands on the timeline.")
            return redirect("workflows:alert_detail", pk=pk)
    return _page(request, alert, status=422, reply_form=form)


@requires(can_work)
@require_POST
def alert_log(request: UserRequest, pk: int) -> HttpResponse:
    alert = _alert(request, pk)
    form = LogForm(request.POST)
    if form.is_valid():
        try:
            loop.log_contact(alert=alert, actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.info(
                request, "Logged, and the loop is closed." if form.cleaned_data["close"] else "Logged."
            )
            return redirect("workflows:alert_detail", pk=pk)
    return _page(request, alert, status=422, log_form=form)


@requires(can_work)
@require_POST
def alert_close(request: UserRequest, pk: int) -> HttpResponse:
    alert = _alert(request, pk)
    form = CloseForm(request.POST)
    if form.is_valid():
        try:
            loop.close_loop(alert=alert, actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            messages.error(request, refusal.message)
        else:
            messages.info(request, "The loop is closed.")
        return redirect("workflows:alert_detail", pk=pk)
    return _page(request, alert, status=422, close_form=form)


@requires(can_work)
@require_POST
def alert_assign(request: UserRequest, pk: int) -> HttpResponse:
    alert = _alert(request, pk)
    form = AssignForm(request.POST)
    if form.is_valid():
        try:
            services.assign_alert(alert=alert, assignee=form.cleaned_data["assignee"], actor=request.user)
        except Refused as refusal:
            form.add_error("assignee", refusal.message)
        else:
            messages.info(request, f"Given to {form.cleaned_data['assignee']}.")
            return redirect("workflows:alert_detail", pk=pk)
    return _page(request, alert, status=422, assign_form=form)
