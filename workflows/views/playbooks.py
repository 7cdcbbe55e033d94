"""Playbook pages: what there is, the editor, starting one, and how far one is."""

from collections.abc import Callable

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts import queries as account_queries
from accounts.models import Account, Contact
from core import clock
from core.errors import Refused
from team import queries as team_queries
from team.forms import show_refusal
from team.http import UserRequest, requires
from team.permissions import can_lead, can_view, can_work
from workflows.models import Playbook, PlaybookTask
from workflows.playbook_forms import PlaybookForm, PlaybookTaskForm, StartForm
from workflows.queries import playbooks as queries
from workflows.services import playbook_editing as editing
from workflows.services import playbooks as services
from workflows.work import sentences

PAGE_SIZE = 50


@requires(can_view)
def playbook_list(request: UserRequest) -> HttpResponse:
    runs = Paginator(queries.list_runs(user=request.user), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "playbooks": queries.list_playbooks(user=request.user),
        "page": runs,
        "may_lead": can_lead(request.user),
    }
    return render(request, "workflows/playbook_list.html", context)


@requires(can_lead)
def playbook_new(request: UserRequest) -> HttpResponse:
    form = PlaybookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            playbook = editing.create_playbook(**form.cleaned_data, actor=request.user)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            return redirect("workflows:playbook_detail", pk=playbook.pk)
    return render(
        request, "workflows/playbook_new.html", {"form": form}, status=422 if form.is_bound else 200
    )


def _playbook(request: UserRequest, pk: int) -> Playbook:
    return get_object_or_404(queries.list_playbooks(user=request.user), pk=pk)


@requires(can_view)
def playbook_detail(request: UserRequest, pk: int) -> HttpResponse:
    playbook = _playbook(request, pk)
    is_saving = request.method == "POST" and can_lead(request.user)
    form = PlaybookForm(
        request.POST if is_saving else None,
        initial={"name": playbook.name, "description": playbook.description},
    )
    if is_saving and form.is_valid():
        try:
            editing.update_playbook(playbook=playbook, **form.cleaned_data, actor=request.user)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.info(request, "Saved.")
            return redirect("workflows:playbook_detail", pk=pk)
    names = dict(team_queries.list_assignable().values_list("pk", "name"))
    context = {
        "playbook": playbook,
        "tasks": [
            (task, sentences.when(task), sentences.who(task, names)) for task in queries.tasks_of(playbook)
        ],
        "runs": queries.list_runs(user=request.user).filter(playbook=playbook)[:20],
        "form": form,
        "may_lead": can_lead(request.user),
    }
    return render(request, "workflows/playbook_detail.html", context, status=422 if form.is_bound else 200)


def _act(request: UserRequest, pk: int, act: Callable[[], object], done: str) -> HttpResponse:
    try:
        act()
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, done)
    return redirect("workflows:playbook_detail", pk=pk)


@requires(can_lead)
@require_POST
def playbook_archive(request: UserRequest, pk: int) -> HttpResponse:
    playbook, is_active = _playbook(request, pk), request.POST.get("active") == "1"
    return _act(
        request,
        pk,
        lambda: editing.archive_playbook(playbook=playbook, is_active=is_active, actor=request.user),
        "It can be started again." if is_active else "Archived. What runs goes on.",
    )


@requires(can_lead)
@require_POST
def playbook_copy(request: UserRequest, pk: int) -> HttpResponse:
    copy = editing.copy_playbook(playbook=_playbook(request, pk), actor=request.user)
    messages.info(request, "This is your copy.")
    return redirect("workflows:playbook_detail", pk=copy.pk)


@requires(can_lead)
def playbook_task(request: UserRequest, pk: int, task: int | None = None) -> HttpResponse:
    """Add a task to a playbook, or change one."""
    playbook = _playbook(request, pk)
    row = get_object_or_404(queries.tasks_of(playbook), pk=task) if task is not None else None
    form = PlaybookTaskForm(request.POST or None, task=row)
    if request.method == "POST" and form.is_valid():
        try:
            editing.save_task(playbook=playbook, task=row, values=form.values(), actor=request.user)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.info(request, "Saved.")
            return redirect("workflows:playbook_detail", pk=pk)
    context = {"form": form, "playbook": playbook, "task": row}
    return render(request, "workflows/playbook_task.html", context, status=422 if form.is_bound else 200)


@requires(can_lead)
@require_POST
def playbook_task_move(request: UserRequest, pk: int, task: int) -> HttpResponse:
    row: PlaybookTask = get_object_or_404(queries.tasks_of(_playbook(request, pk)), pk=task)
    action = request.POST.get("action")
    if action == "remove":
        return _act(
            request, pk, lambda: editing.remove_task(task=row, actor=request.user), f"Removed: {row.title}"
        )
    editing.move_task(task=row, up=action == "up", actor=request.user)
    return redirect("workflows:playbook_detail", pk=pk)


def _subject(request: UserRequest) -> tuple[Account, Contact | None]:
    """The account or contact that the address names, as far as the person sees it."""
    contact: Contact | None = None
    if request.GET.get("contact"):
        contact = get_object_or_404(
            account_queries.list_contacts(user=request.user), pk=_number(request.GET["contact"])
        )
        if contact.account is None:
            raise Http404
        return contact.account, contact
    found = account_queries.list_accounts(request.user)
    return get_object_or_404(found, pk=_number(request.GET.get("account", ""))), None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


@requires(can_work)
def playbook_start(request: UserRequest) -> HttpResponse:
    account, contact = _subject(request)
    form = StartForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            started = services.start(
                playbook=form.cleaned_data["playbook"], account=account, contact=contact, actor=request.user
            )
        except Refused as refusal:
            form.add_error("playbook", refusal.message)
        else:
            messages.info(request, f"{started.playbook.name} has started.")
            return redirect("workflows:playbook_run", pk=started.pk)
    context = {
        "form": form,
        "account": account,
        "contact": contact,
        "playbooks": queries.list_playbooks(user=request.user).filter(is_active=True),
    }
    return render(request, "workflows/playbook_start.html", context, status=422 if form.is_bound else 200)


@requires(can_view)
def playbook_run(request: UserRequest, pk: int) -> HttpResponse:
    started = get_object_or_404(queries.list_runs(user=request.user), pk=pk)
    context = {
        "started": started,
        "tasks": queries.tasks_of_run(started),
        "now": clock.now(),
        "may_work": can_work(request.user),
    }
    return render(request, "workflows/playbook_run.html", context)


@requires(can_work)
@require_POST
def playbook_stop(request: UserRequest, pk: int) -> HttpResponse:
    started = get_object_or_404(queries.list_runs(user=request.user), pk=pk)
    try:
        services.stop(started=started, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, "Stopped. Its open tasks are cancelled.")
    return redirect("workflows:playbook_run", pk=pk)
