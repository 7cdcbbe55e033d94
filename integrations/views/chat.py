"""Chat channels: the list, one with its settings and log, and what is done with it."""

from collections.abc import Callable

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from core.errors import Refused
from integrations.chat import queries
from integrations.chat.models import ChatChannel, ChatMessage
from integrations.forms import ChatForm, NewChatForm
from integrations.services import chat as services
from team.forms import show_refusal
from team.http import UserRequest, requires
from team.permissions import can_lead
from workflows.notifying.words import title_of

PER_PAGE = 25


@requires(can_lead)
@require_safe
def chat_list(request: UserRequest) -> HttpResponse:
    context = {"channels": queries.list_channels(request.user)}
    return render(request, "integrations/chat_list.html", context)


@requires(can_lead)
def chat_new(request: UserRequest) -> HttpResponse:
    form = NewChatForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            channel = services.create_channel(actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.info(request, "The channel is set up. Write a test message to see it arrive.")
            return redirect("integrations:chat_detail", pk=channel.pk)
    status = 422 if form.is_bound else 200
    return render(request, "integrations/chat_new.html", {"form": form}, status=status)


@requires(can_lead)
def chat_detail(request: UserRequest, pk: int) -> HttpResponse:
    channel = get_object_or_404(queries.list_channels(request.user), pk=pk)
    initial = {name: getattr(channel, name) for name in ("name", "topics", "shows_words", "per_hour")}
    form = ChatForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.change_channel(channel=channel, actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.info(request, "Saved.")
            return redirect("integrations:chat_detail", pk=pk)
    page = Paginator(queries.log_of(channel), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "channel": channel,
        "form": form,
        "page": page,
        "lines": [(row, _about(row)) for row in page.object_list],
    }
    return render(request, "integrations/chat_detail.html", context, status=422 if form.is_bound else 200)


def _about(row: ChatMessage) -> str:
    if row.is_test:
        return "A test"
    if row.is_gathered:
        return f"{row.carried} gathered into one"  # type: ignore[attr-defined]  # annotated
    if row.alert is not None:
        return title_of(row.alert)
    return f"From the rule {row.step.run.rule.name}" if row.step is not None else "What is no longer there"


def _do(request: UserRequest, pk: int, what: Callable[[ChatChannel], object], said: str) -> HttpResponse:
    channel = get_object_or_404(queries.list_channels(request.user), pk=pk)
    try:
        what(channel)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, said)
    return redirect("integrations:chat_detail", pk=pk)


@requires(can_lead)
@require_POST
def chat_test(request: UserRequest, pk: int) -> HttpResponse:
    return _do(
        request, pk, lambda c: services.send_test(channel=c, actor=request.user),
        "The test is on its way. The log below says what became of it.",
    )  # fmt: skip


@requires(can_lead)
@require_POST
def chat_pause(request: UserRequest, pk: int) -> HttpResponse:
    return _do(request, pk, lambda c: services.pause_channel(channel=c, actor=request.user), "Paused.")


@requires(can_lead)
@require_POST
def chat_resume(request: UserRequest, pk: int) -> HttpResponse:
    return _do(
        request, pk, lambda c: services.resume_channel(channel=c, actor=request.user), "Back in service."
    )


@requires(can_lead)
@require_POST
def chat_delete(request: UserRequest, pk: int) -> HttpResponse:
    channel = get_object_or_404(queries.list_channels(request.user), pk=pk)
    services.delete_channel(channel=channel, actor=request.user)
    messages.info(request, "The channel is forgotten, with its address.")
    return redirect("integrations:chat_list")
