"""Alert pages: read the answer in context, reply, log what happened, close the loop."""

import datetime as dt
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.forms import Select
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from core import clock
from core.errors import Refused
from team import queries as team_queries
from team.forms import show_refusal
from team.http import UserRequest, requires
from team.permissions import can_view, can_work
from workflows.bulk import bulk_keys
from workflows.domain import SATURDAY, AlertState
from workflows.filters import AlertFilter
from workflows.forms import AssignForm, CloseForm, LogForm, ReplyForm, SnoozeForm
from workflows.models import Alert
from workflows.queries import alerts as queries
from workflows.services import alerts as services
from workflows.services import loop
from workflows.services.gathering import contacts_of

PAGE_SIZE = 50


FILTERS = ("kind", "severity", "assignee")


def _filtered(request: UserRequest) -> AlertFilter:
    """What the list shows: one's own or everybody's, in the state of the tab, cut by the filters in the address."""
    found = queries.list_alerts(user=request.user)
    if request.GET.get("whose", "mine") == "mine":
        found = found.filter(assignee=request.user)
    return AlertFilter({"state": AlertState.OPEN, **request.GET.dict()}, queryset=found)


@requires(can_view)
def alert_list(request: UserRequest) -> HttpResponse:
    whose = request.GET.get("whose", "mine")
    state = request.GET.get("state", AlertState.OPEN)
    chosen = _filtered(request)
    chosen.form.fields["kind"].widget = Select(choices=[("", "Any"), *queries.kinds_to_choose()])
    rows = queries.in_order(chosen.qs, state)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "whose": whose,
        "state": state,
        "form": chosen.form,
        "counts": queries.count_by_state(user=request.user, is_mine=whose == "mine"),
        "chosen": [
            (name, chosen.form.fields[name].label, queries.words_of_filter(name, request.GET[name]))
            for name in FILTERS
            if request.GET.get(name)
        ],
        "assign_form": AssignForm(),
        "snooze_form": SnoozeForm(initial={"until": _tomorrow(request)}),
        "may_work": can_work(request.user),
    }
    return render(request, "workflows/alert_list.html", context)


def _tomorrow(request: UserRequest) -> dt.datetime:
    """The next working morning of the person, where snoozing begins to make sense."""
    zone = team_queries.zone_of(request.user)
    day = clock.now().astimezone(zone).date() + dt.timedelta(days=1)
    while day.weekday() >= SATURDAY:
        day += dt.timedelta(days=1)
    return dt.datetime.combine(day, team_queries.workspace().day_start, tzinfo=zone)


@requires(can_work)
@require_POST
def alert_bulk(request: UserRequest) -> HttpResponse:
    """One change to the ticked alerts, or to everything the filter finds."""
    rows = queries.list_alerts(user=request.user)
    if request.POST.get("all_matching"):
        found = _filtered(request)
        rows = found.qs if found.is_valid() else rows.none()
    else:
        ids = [
            int(pk) for pk in request.POST.getlist("ids") if pk.isascii() and pk.isdigit() and len(pk) < 19
        ]
        rows = rows.filter(pk__in=ids)
    try:
        number, left = _change_many(request, bulk_keys(rows, "alerts"))
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        left_out = f" {left} had been closed already." if left else ""
        messages.info(request, f"{number} alert{'' if number == 1 else 's'} changed.{left_out}")
    return redirect(f"{reverse('workflows:alert_list')}?{request.GET.urlencode()}")


def _change_many(request: UserRequest, chosen: list[int]) -> tuple[int, int]:
    action = request.POST.get("action", "")
    if not chosen:
        raise Refused("Tick at least one alert first.")
    if action == "assign":
        form: Any = AssignForm(request.POST)
        if not form.is_valid():
            raise Refused("Choose an active colleague.", field="assignee")
        return services.assign_many(ids=chosen, assignee=form.cleaned_data["assignee"], actor=request.user)
    if action == "snooze":
        form = SnoozeForm(request.POST)
        if not form.is_valid():
            raise Refused("Say until when the alerts sleep, and why.", field="until")
        return services.snooze_many(ids=chosen, actor=request.user, **form.cleaned_data)
    if action == "wake":
        return services.wake_many(ids=chosen, actor=request.user)
    if action == "close":
        form = CloseForm(request.POST)
        if not form.is_valid():
            raise Refused("Write the outcome in a line before you close them.", field="outcome")
        return loop.close_many(ids=chosen, outcome=form.cleaned_data["outcome"], actor=request.user)
    raise Refused("Choose what is to be done with the alerts.")


def _alert(request: UserRequest, pk: int) -> Alert:
    return get_object_or_404(queries.list_alerts(user=request.user), pk=pk)


def _page(request: UserRequest, alert: Alert, *, status: int = 200, **forms: object) -> HttpResponse:
    people = contacts_of(alert)
    context = {
        "alert": alert,
        "causes": queries.causes_of(alert),
        "people": people,
        "snooze_form": SnoozeForm(initial={"until": alert.snoozed_until or _tomorrow(request)}),
        "gathered_in": queries.gathered_in(alert=alert, user=request.user),
        "story": queries.story_of(alert=alert, user=request.user),
        "reply_form": ReplyForm(initial=loop.suggested_reply(alert=alert, user=request.user), people=people),
        "log_form": LogForm(people=people),
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
    form = ReplyForm(request.POST, people=contacts_of(alert))
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
    form = LogForm(request.POST, people=contacts_of(alert))
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


@requires(can_work)
@require_POST
def alert_snooze(request: UserRequest, pk: int) -> HttpResponse:
    alert = _alert(request, pk)
    form = SnoozeForm(request.POST)
    if form.is_valid():
        try:
            services.snooze_alert(alert=alert, actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.info(request, "The alert sleeps. It wakes by itself.")
            return redirect("workflows:alert_detail", pk=pk)
    return _page(request, alert, status=422, snooze_form=form)


@requires(can_work)
@require_POST
def alert_wake(request: UserRequest, pk: int) -> HttpResponse:
    alert = _alert(request, pk)
    try:
        services.wake_alert(alert=alert, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, "The alert is awake again.")
    return redirect("workflows:alert_detail", pk=pk)
