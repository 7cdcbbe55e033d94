"""Task pages."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts import queries as account_queries
from core import clock
from core.errors import Refused
from team import queries as team_queries
from team.http import UserRequest, requires
from team.permissions import can_view, can_work
from workflows.domain import Priority, TaskState
from workflows.filters import TaskFilter
from workflows.forms import TaskForm
from workflows.models import Task
from workflows.queries import tasks as queries
from workflows.services import tasks as services

PAGE_SIZE = 50


@requires(can_view)
def task_list(request: UserRequest) -> HttpResponse:
    whose = request.GET.get("whose", "mine")
    found = queries.list_tasks(user=request.user)
    if whose == "mine":
        found = found.filter(assignee=request.user)
    chosen = TaskFilter({"state": TaskState.OPEN, **request.GET.dict()}, queryset=found)
    page = Paginator(chosen.qs, PAGE_SIZE).get_page(request.GET.get("page"))
    state = request.GET.get("state", TaskState.OPEN)
    context = {
        "page": page,
        "whose": whose,
        "state": state,
        "now": clock.now(),
        "may_work": can_work(request.user),
    }
    return render(request, "workflows/task_list.html", context)


def _task(request: UserRequest, pk: int) -> Task:
    return get_object_or_404(queries.list_tasks(user=request.user), pk=pk)


@requires(can_work)
def task_new(request: UserRequest) -> HttpResponse:
    account = contact = None
    if request.GET.get("account"):
        account = get_object_or_404(
            account_queries.list_accounts(request.user), pk=_number(request, "account")
        )
    if request.GET.get("contact"):
        contact = get_object_or_404(
            account_queries.list_contacts(user=request.user), pk=_number(request, "contact")
        )
        account = account or contact.account
    form = TaskForm(
        request.POST or None, zone=team_queries.zone_of(request.user), initial={"assignee": request.user.pk}
    )
    if request.method == "POST" and form.is_valid():
        try:
            task = services.create_task(
                title=form.cleaned_data["title"],
                description=form.cleaned_data["description"],
                account=account,
                contact=contact,
                assignee=form.cleaned_data["assignee"],
                priority=Priority(form.cleaned_data["priority"]),
                due_at=form.due_at(),
                actor=request.user,
            )
        except Refused as refusal:
            form.add_error(refusal.field or None, refusal.message)
        else:
            messages.info(request, f"Task created: {task.title}")
            return redirect("workflows:task_detail", pk=task.pk)
    status = 422 if form.is_bound else 200
    return render(
        request,
        "workflows/task_form.html",
        {"form": form, "account": account, "contact": contact},
        status=status,
    )


def _number(request: UserRequest, name: str) -> int:
    value = request.GET.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else 0


@requires(can_view)
def task_detail(request: UserRequest, pk: int) -> HttpResponse:
    task = _task(request, pk)
    zone = team_queries.zone_of(request.user)
    initial = {
        "title": task.title,
        "description": task.description,
        "assignee": task.assignee_id,
        "priority": task.priority,
        "due_on": task.due_at.astimezone(zone).date() if task.due_at else None,
    }
    is_saving = request.method == "POST" and can_work(request.user)
    form = TaskForm(request.POST if is_saving else None, zone=zone, initial=initial)
    if is_saving and form.is_valid():
        try:
            services.change_task(
                task=task,
                title=form.cleaned_data["title"],
                description=form.cleaned_data["description"],
                assignee=form.cleaned_data["assignee"],
                priority=Priority(form.cleaned_data["priority"]),
                due_at=form.due_at() if form.cleaned_data["due_on"] != initial["due_on"] else task.due_at,
                actor=request.user,
            )
        except Refused as refusal:
            form.add_error(refusal.field or None, refusal.message)
        else:
            messages.info(request, "Saved.")
            return redirect("workflows:task_detail", pk=task.pk)
    status = 422 if form.is_bound else 200
    context = {"task": task, "form": form, "may_work": can_work(request.user)}
    return render(request, "workflows/task_detail.html", context, status=status)


@requires(can_work)
@require_POST
def task_finish(request: UserRequest, pk: int) -> HttpResponse:
    task = _task(request, pk)
    state = TaskState.CANCELLED if request.POST.get("state") == TaskState.CANCELLED else TaskState.DONE
    try:
        services.finish_task(
            task=task, outcome=request.POST.get("outcome", ""), actor=request.user, state=state
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, f"{'Done' if state == TaskState.DONE else 'Cancelled'}: {task.title}")
    return redirect("/" if request.POST.get("next") == "/" else "workflows:task_list")
