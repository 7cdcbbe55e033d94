"""Pages of alarms: what is watched, what each look found, and the editor."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.forms import show_refusal
from core.errors import Refused
from surveys.insight import rollups
from team.http import UserRequest, requires
from team.permissions import can_lead
from workflows.alarm_forms import AlarmForm
from workflows.models import Alarm
from workflows.queries import alarms as queries
from workflows.services import alarms as services


@requires(queries.may_see)
@require_safe
def alarm_list(request: UserRequest) -> HttpResponse:
    today = rollups.today()
    alarms: Any = queries.with_latest_look(queries.list_alarms(request.user))
    rows = [
        queries.standing(alarm, alarm.latest_looks[0] if alarm.latest_looks else None, today)
        for alarm in alarms
    ]
    context = {"rows": rows, "may_lead": can_lead(request.user)}
    return render(request, "workflows/alarm_list.html", context)


@requires(queries.may_see)
@require_safe
def alarm_detail(request: UserRequest, pk: int) -> HttpResponse:
    alarm = get_object_or_404(queries.list_alarms(request.user), pk=pk)
    context = {
        "alarm": alarm,
        "page": queries.alarm_page(alarm, request.user),
        "may_lead": can_lead(request.user),
    }
    return render(request, "workflows/alarm_detail.html", context)


@requires(can_lead)
def alarm_create(request: UserRequest) -> HttpResponse:
    form = AlarmForm(request.POST or None, user=request.user, initial={"assignee": request.user.pk})
    if request.method == "POST" and form.is_valid():
        try:
            alarm = services.create_alarm(actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, f"The alarm “{alarm.name}” is set and has taken its first look.")
            return redirect("workflows:alarm_detail", pk=alarm.pk)
    return _draw(request, form, None)


@requires(can_lead)
def alarm_edit(request: UserRequest, pk: int) -> HttpResponse:
    alarm = get_object_or_404(queries.list_alarms(request.user), pk=pk)
    initial = {field: getattr(alarm, field) for field in services.EDITABLE}
    form = AlarmForm(request.POST or None, user=request.user, alarm=alarm, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.update_alarm(alarm=alarm, actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, "Alarm saved.")
            return redirect("workflows:alarm_detail", pk=alarm.pk)
    return _draw(request, form, alarm)


def _draw(request: UserRequest, form: AlarmForm, alarm: Alarm | None) -> HttpResponse:
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "workflows/alarm_form.html", {"form": form, "alarm": alarm}, status=status)


@requires(can_lead)
@require_POST
def alarm_delete(request: UserRequest, pk: int) -> HttpResponse:
    alarm = get_object_or_404(queries.list_alarms(request.user), pk=pk)
    services.delete_alarm(alarm=alarm, actor=request.user)
    messages.success(request, f"The alarm “{alarm.name}” and its looks were deleted.")
    return redirect("workflows:alarm_list")
