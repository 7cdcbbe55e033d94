"""Task pages."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
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
from workflows.queries import worktime
from workflows.services import recurring
from workflows.services import tasks as services
from workflows.task_forms import BulkForm, ChecklistForm, CommentForm, RepeatForm
from workflows.work import recurrence
from workflows.work.domain import NextAt

PAGE_SIZE = 50
TABS = {"mine": "Mine", "team": "My team", "all": "Everybody’s", "nobody": "Nobody’s work"}


def _of(request: UserRequest, whose: str) -> QuerySet[Task]:
    if whose == "mine":
        return queries.list_tasks(user=request.user).filter(assignee=request.user)
    if whose == "team":
        return queries.of_team(user=request.user)
    if whose == "nobody":
        return queries.nobodys(user=request.user)
    return queries.list_tasks(user=request.user)


def _filtered(request: UserRequest) -> QuerySet[Task]:
    """What the address asks for: whose tasks, in which state, by which filter."""
    found = _of(request, request.GET.get("whose", "mine"))
    chosen = TaskFilter({"state": TaskState.OPEN, **request.GET.dict()}, queryset=found)
    return cast("QuerySet[Task]", chosen.qs)


@requires(can_view)
def task_list(request: UserRequest) -> HttpResponse:
    whose = request.GET.get("whose", "mine")
    rows = queries.sorted_by(queries.with_progress(_filtered(request)), request.GET.get("sort", ""))
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    nobodys = queries.nobodys(user=request.user).count()
    context = {
        "page": page,
        "whose": whose,
        "tabs": [
            (key, label, nobodys if key == "nobody" else None)
            for key, label in TABS.items()
            if key != "nobody" or nobodys or whose == "nobody"
        ],
        "state": request.GET.get("state", TaskState.OPEN),
        "priority": request.GET.get("priority", ""),
        "overdue": request.GET.get("overdue", ""),
        "q": request.GET.get("q", ""),
        "now": clock.now(),
        "bulk": BulkForm(),
        "may_work": can_work(request.user),
        "is_filtered": any(
            request.GET.get(name) for name in ("q", "overdue", "priority", "account", "playbook")
        ),
    }
    return render(request, "workflows/task_list.html", context)


@requires(can_work)
@require_POST
def task_bulk(request: UserRequest) -> HttpResponse:
    """One change to the ticked tasks, or to everything the filter finds."""
    if request.POST.get("all_matching"):
        rows = _filtered(request)
    else:
        ids = [
            int(pk) for pk in request.POST.getlist("ids") if pk.isascii() and pk.isdigit() and len(pk) < 19
        ]
        rows = queries.list_tasks(user=request.user).filter(pk__in=ids)
    form = BulkForm(request.POST)
    try:
        chosen = queries.by_keys_of(rows)
        number = _change(form, request.POST.get("action", ""), chosen, request)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, f"{number} task{'' if number == 1 else 's'} changed.")
    return redirect(f"{reverse('workflows:task_list')}?{request.GET.urlencode()}")


def _change(form: BulkForm, action: str, chosen: QuerySet[Task], request: UserRequest) -> int:
    if not form.is_valid():
        raise Refused("Choose an active colleague, a priority, or a number of days from 1 to 250.")
    values = form.cleaned_data
    if action == "assign" and values["assignee"]:
        return services.assign_tasks(chosen=chosen, assignee=values["assignee"], actor=request.user)
    if action == "priority" and values["priority"]:
        return services.prioritise_tasks(
            chosen=chosen, priority=Priority(values["priority"]), actor=request.user
        )
    if action == "postpone" and values["days"]:
        return services.postpone_tasks(chosen=chosen, days=values["days"], actor=request.user)
    if action in {"done", "cancelled"}:
        return services.finish_tasks(chosen=chosen, state=TaskState(action), outcome="", actor=request.user)
    raise Refused("Choose what is to be done with the tasks.")


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
    is_saving = request.method == "POST" and can_work(request.user)
    form = _task_form(task, request, request.POST if is_saving else None)
    if is_saving and form.is_valid():
        try:
            services.change_task(
                task=task,
                title=form.cleaned_data["title"],
                description=form.cleaned_data["description"],
                assignee=form.cleaned_data["assignee"],
                priority=Priority(form.cleaned_data["priority"]),
                due_at=form.due_at()
                if form.cleaned_data["due_on"] != form.initial["due_on"]
                else task.due_at,
                actor=request.user,
            )
        except Refused as refusal:
            form.add_error(refusal.field or None, refusal.message)
        else:
            messages.info(request, "Saved.")
            return redirect("workflows:task_detail", pk=task.pk)
    return _page(request, task, status=422 if form.is_bound else 200, form=form)


def _page(request: UserRequest, task: Task, *, status: int = 200, **forms: Any) -> HttpResponse:
    series = task.series if task.series is not None and task.series.is_active else None
    away = worktime.leave_of(task.assignee) if task.assignee is not None else None
    context = {
        "task": task,
        "checklist": queries.checklist_of(task),
        "comments": queries.comments_of(task),
        "series": series,
        "repeats": recurrence.words(series.rule) if series else "",
        "away": away,
        "comment_form": CommentForm(),
        "checklist_form": ChecklistForm(),
        "repeat_form": RepeatForm(),
        "may_work": can_work(request.user),
        "now": clock.now(),
        **forms,
    }
    if "form" not in forms:
        context["form"] = _task_form(task, request)
    return render(request, "workflows/task_detail.html", context, status=status)


def _task_form(task: Task, request: UserRequest, data: Any = None) -> TaskForm:
    zone = team_queries.zone_of(request.user)
    initial = {
        "title": task.title,
        "description": task.description,
        "assignee": task.assignee_id,
        "priority": task.priority,
        "due_on": task.due_at.astimezone(zone).date() if task.due_at else None,
    }
    return TaskForm(data, zone=zone, initial=initial)


def _act(request: UserRequest, task: Task, act: Callable[[], object], done: str = "") -> HttpResponse:
    """Do it and go back to the task, with what was refused in words."""
    try:
        act()
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        if done:
            messages.info(request, done)
    return redirect("workflows:task_detail", pk=task.pk)


@requires(can_work)
@require_POST
def task_comment(request: UserRequest, pk: int) -> HttpResponse:
    task, form = _task(request, pk), CommentForm(request.POST)
    if not form.is_valid():
        return _page(request, task, status=422, comment_form=form)
    return _act(
        request, task, lambda: services.comment(task=task, body=form.cleaned_data["body"], actor=request.user)
    )


@requires(can_work)
@require_POST
def task_lines(request: UserRequest, pk: int) -> HttpResponse:
    task, form = _task(request, pk), ChecklistForm(request.POST)
    if not form.is_valid():
        return _page(request, task, status=422, checklist_form=form)
    return _act(
        request, task, lambda: services.add_checklist_items(task=task, texts=form.texts(), actor=request.user)
    )


@requires(can_work)
@require_POST
def task_line(request: UserRequest, pk: int, line: int) -> HttpResponse:
    """Tick a line off, take the tick back, or remove it."""
    task = _task(request, pk)
    item = get_object_or_404(queries.checklist_of(task), pk=line)
    if request.POST.get("action") == "remove":
        return _act(
            request,
            task,
            lambda: services.remove_checklist_item(item=item, actor=request.user),
            "Line removed.",
        )
    is_done = request.POST.get("action") == "tick"
    return _act(request, task, lambda: services.tick(item=item, is_done=is_done, actor=request.user))


@requires(can_work)
@require_POST
def task_repeat(request: UserRequest, pk: int) -> HttpResponse:
    task = _task(request, pk)
    if request.POST.get("action") == "end":
        return _act(
            request,
            task,
            lambda: recurring.end_series(task=task, actor=request.user),
            "It will not come again.",
        )
    form = RepeatForm(request.POST)
    if not form.is_valid():
        return _page(request, task, status=422, repeat_form=form)
    try:
        recurring.repeat(
            task=task, rule=form.cleaned_data["rule"], next_at=NextAt(form.cleaned_data["next_at"]),
            actor=request.user,
        )  # fmt: skip
    except Refused as refusal:
        form.add_error(None, refusal.message)
        return _page(request, task, status=422, repeat_form=form)
    messages.info(request, f"It comes again {recurrence.words(form.cleaned_data['rule'])}.")
    return redirect("workflows:task_detail", pk=task.pk)


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
