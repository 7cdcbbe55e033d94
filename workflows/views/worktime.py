"""Settings pages of working time and leave: one's own, for leads the team's; and the company's promises."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from core import clock
from core.errors import Refused
from team import queries as team_queries
from team.forms import show_refusal
from team.http import UserRequest, requires
from team.models import User
from team.permissions import can_administer, can_work
from workflows.models import LoopOutcome
from workflows.queries import loops as loop_queries
from workflows.queries import worktime as queries
from workflows.services import absences, work_settings
from workflows.worktime_forms import HoursForm, LeaveForm, OutcomeForm, PromisesForm


def _person(request: UserRequest, pk: int) -> User:
    return get_object_or_404(queries.list_colleagues(request.user), pk=pk)


@requires(can_work)
def working_time(request: UserRequest) -> HttpResponse:
    """Who works when, and who is away: the people whose calendar one may set."""
    people = list(queries.list_colleagues(request.user))
    if len(people) == 1:
        return redirect("workflows:working_time_of", pk=people[0].pk)
    away = queries.leaves_now(people)
    coming = queries.list_leaves(request.user).filter(
        ended_at__isnull=True, began_at__isnull=True, user__in=people
    )
    next_leave = {leave.user_id: leave for leave in coming.order_by("-starts_on", "-pk")}
    calendars = queries.calendars_of(people)
    context = {
        "rows": [
            (person, calendars[person.pk], queries.week_words(calendars[person.pk]), away.get(person.pk), next_leave.get(person.pk))
            for person in people
        ]
    }  # fmt: skip
    return render(request, "workflows/working_time.html", context)


def _page(request: UserRequest, person: User, *, status: int = 200, **forms: Any) -> HttpResponse:
    leaves = queries.list_leaves(request.user).filter(user=person)
    context = {
        "person": person,
        "hours_form": HoursForm(hours=queries.hours_of(person)),
        "leave_form": LeaveForm(person=person),
        "leaves": leaves[:30],
        "today": clock.now().astimezone(team_queries.zone_of(person)).date(),
        "is_own": person == request.user,
        "company": queries.settings(),
        "workspace": team_queries.workspace(),
        "has_others": queries.list_colleagues(request.user).count() > 1,
        "standing_in": queries.list_leaves(request.user).filter(stand_in=person, ended_at__isnull=True),
        **forms,
    }
    return render(request, "workflows/working_time_of.html", context, status=status)


@requires(can_work)
def working_time_of(request: UserRequest, pk: int) -> HttpResponse:
    person = _person(request, pk)
    if request.method != "POST":
        return _page(request, person)
    form = HoursForm(request.POST, hours=queries.hours_of(person))
    if form.is_valid():
        try:
            absences.set_hours(user=person, actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.info(request, "Saved. It holds for dates that are set from now on.")
            return redirect("workflows:working_time_of", pk=pk)
    return _page(request, person, status=422, hours_form=form)


@requires(can_work)
@require_POST
def leave_plan(request: UserRequest, pk: int) -> HttpResponse:
    person = _person(request, pk)
    form = LeaveForm(request.POST, person=person)
    if form.is_valid():
        try:
            absences.plan_leave(user=person, actor=request.user, **form.values())
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.info(request, "Noted.")
            return redirect("workflows:working_time_of", pk=pk)
    return _page(request, person, status=422, leave_form=form)


@requires(can_work)
@require_POST
def leave_end(request: UserRequest, pk: int, leave: int) -> HttpResponse:
    person = _person(request, pk)
    row = get_object_or_404(queries.list_leaves(request.user).filter(user=person), pk=leave)
    try:
        absences.end_leave(leave=row, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, "Done. What was handed over has come back.")
    return redirect("workflows:working_time_of", pk=pk)


# --- The company's promises ----------------------------------------------------------------------------------
def _promises(request: UserRequest, *, status: int = 200, **forms: Any) -> HttpResponse:
    context = {
        "form": PromisesForm(settings=queries.settings()),
        "outcome_form": OutcomeForm(),
        "outcomes": loop_queries.all_outcomes(),
        **forms,
    }
    return render(request, "workflows/promises.html", context, status=status)


@requires(can_administer)
def promises(request: UserRequest) -> HttpResponse:
    if request.method != "POST":
        return _promises(request)
    form = PromisesForm(request.POST, settings=queries.settings())
    if form.is_valid():
        try:
            work_settings.change_settings(actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.info(request, "Saved. It holds for answers from now on.")
            return redirect("workflows:promises")
    return _promises(request, status=422, form=form)


@requires(can_administer)
@require_POST
def outcome_save(request: UserRequest, pk: int | None = None) -> HttpResponse:
    outcome: LoopOutcome | None = get_object_or_404(loop_queries.all_outcomes(), pk=pk) if pk else None
    form = OutcomeForm(request.POST)
    if form.is_valid():
        try:
            if outcome is None:
                work_settings.add_outcome(label=form.cleaned_data["label"], actor=request.user)
            else:
                work_settings.change_outcome(outcome=outcome, actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.info(request, "Saved.")
            return redirect("workflows:promises")
    if outcome is None:
        return _promises(request, status=422, outcome_form=form)
    messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
    return redirect("workflows:promises")
