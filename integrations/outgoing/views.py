"""The pages of webhooks: the list, the form in three steps, one with its log, one message with its tries."""

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from rest_framework.utils.encoders import JSONEncoder

from accounts import segment_editor
from core import clock
from core.errors import Refused
from integrations.outgoing import catalogue, conditions, domain, forms, payload, queries, services
from integrations.outgoing.domain import Cause, WebhookState
from integrations.outgoing.models import Webhook
from team.http import UserRequest, requires
from team.permissions import can_work

PER_PAGE = 25


@requires(can_work)
@require_safe
def webhook_list(request: UserRequest) -> HttpResponse:
    return render(request, "integrations/webhooks/list.html", {"rows": queries.list_rows(request.user)})


@requires(can_work)
@require_safe
def event_list(request: UserRequest) -> HttpResponse:
    """Which events there are, and an example of one."""
    kind = request.GET.get("kind", "response.scored")
    known = catalogue.find(kind)
    if known is None:
        raise Http404
    samples = queries.samples(kind, request.user)
    context = {
        "groups": catalogue.grouped(),
        "known": known,
        "sample": _pretty(samples[0]),
        "is_invented": samples[0]["data"].get("is_test", False),
    }
    return render(request, "integrations/webhooks/events.html", context)


def _pretty(message: Any) -> str:
    return json.dumps(message, indent=2, ensure_ascii=False, cls=JSONEncoder)


# --- The form ------------------------------------------------------------------------------------------------
def _draw(
    request: UserRequest,
    form: forms.WebhookForm,
    editor: segment_editor.Editor | None,
    webhook: Webhook | None,
    *,
    status: int = 200,
) -> HttpResponse:
    fields = conditions.fields_for(request.user)
    context: dict[str, Any] = {
        "form": form,
        "webhook": webhook,
        "kinds": catalogue.grouped(),
        "is_too_deep": editor is None,
        "words": conditions.words(webhook.conditions, request.user) if webhook and editor is None else "",
    }
    if editor is not None:
        segment_editor.settle(editor, fields)
        context |= {
            "editor": editor,
            "groups": segment_editor.shown(editor, fields),
            "fields": segment_editor.grouped(fields),
            "modes": segment_editor.MODES,
        }
        tree = segment_editor.to_tree(editor, fields)
        try:
            context["words"] = conditions.words(tree, request.user)
        except Refused as refusal:
            context["trouble"] = refusal.message
    template = "integrations/webhooks/form.html"
    if request.htmx.target == "segment-editor":
        template += "#editor"
    elif request.htmx.target == "segment-preview":
        template += "#preview"
    return render(request, template, context, status=status)


@requires(can_work)
@never_cache
def webhook_create(request: UserRequest) -> HttpResponse:
    if request.method != "POST":
        return _draw(request, forms.WebhookForm(), segment_editor.Editor(), None)
    editor = segment_editor.from_post(request.POST)
    action = request.POST.get("do", "")
    if action != "save" or request.htmx:
        segment_editor.carry_out(editor, action)
        return _draw(request, forms.WebhookForm(initial=_typed(request)), editor, None)
    form = forms.WebhookForm(request.POST)
    if form.is_valid():
        tree = segment_editor.to_tree(editor, conditions.fields_for(request.user))
        try:
            webhook, secret = services.create_webhook(
                actor=request.user, conditions=_no_tree(tree), **form.cleaned_data
            )
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            context = {"webhook": webhook, "secret": secret, "is_new": True}
            return render(request, "integrations/webhooks/secret.html", context)
    return _draw(request, form, editor, None, status=422)


@requires(can_work)
@never_cache
def webhook_edit(request: UserRequest, pk: int) -> HttpResponseBase:
    webhook = get_object_or_404(queries.list_webhooks(request.user), pk=pk)
    initial = forms.WebhookForm.initial_of(webhook)
    if request.method != "POST":
        return _draw(
            request, forms.WebhookForm(initial=initial), segment_editor.from_tree(webhook.conditions), webhook
        )
    is_too_deep = segment_editor.from_tree(webhook.conditions) is None
    editor = None if is_too_deep else segment_editor.from_post(request.POST)
    action = request.POST.get("do", "")
    if editor is not None and (action != "save" or request.htmx):
        segment_editor.carry_out(editor, action)
        return _draw(request, forms.WebhookForm(initial=_typed(request)), editor, webhook)
    form = forms.WebhookForm(request.POST)
    if form.is_valid():
        changes = dict(form.cleaned_data)
        if editor is not None:
            changes["conditions"] = _no_tree(
                segment_editor.to_tree(editor, conditions.fields_for(request.user))
            )
        try:
            services.update_webhook(webhook=webhook, actor=request.user, **changes)
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            messages.info(request, "Saved.")
            return redirect("integrations:webhook_detail", pk=pk)
    return _draw(request, form, editor, webhook, status=422)


def _typed(request: UserRequest) -> dict[str, Any]:
    return {**request.POST.dict(), "kinds": request.POST.getlist("kinds")}


def _no_tree(tree: dict[str, Any]) -> dict[str, Any]:
    """An editor without rows asks for nothing, which is stored as nothing."""
    return {} if tree == {"all": []} else tree


# --- One of them ---------------------------------------------------------------------------------------------
@requires(can_work)
@require_safe
@never_cache
def webhook_detail(request: UserRequest, pk: int) -> HttpResponse:
    webhook = get_object_or_404(queries.list_webhooks(request.user), pk=pk)
    show = request.GET.get("show", "")
    page = Paginator(queries.log_of(webhook, show), PER_PAGE).get_page(request.GET.get("page"))
    counts = queries.counts_of([webhook]).get(webhook.pk, queries.Counts())
    begin = queries.oldest_failure(webhook) or webhook.failing_since or webhook.state_since
    context = {
        "row": queries.row_of(webhook, counts),
        "webhook": webhook,
        "page": page,
        "show": show,
        "kinds_of_log": [(key, label) for key, (label, _) in queries.SHOWN.items()],
        "labels": {kind: catalogue.label_of(kind) for kind in {row.kind for row in page}},
        "words": _words(webhook, request),
        "is_waiting": any(row.state in queries.WAITING for row in page)
        and webhook.state == WebhookState.ACTIVE,
        "test_form": forms.TestForm(webhook=webhook),
        "replay_form": forms.ReplayForm(initial={"since": begin}),
        "clear_form": forms.ClearForm(),
        "is_rotating": webhook.previous_until is not None and webhook.previous_until > clock.now(),
        "is_mine": webhook.owner_id == request.user.pk and webhook.api_key_id is None,
        "tries": domain.MAX_ATTEMPTS,
    }
    template = "integrations/webhooks/detail.html"
    if request.htmx.target == "webhook-log":
        template += "#log"
    return render(request, template, context)


def _words(webhook: Webhook, request: UserRequest) -> str:
    try:
        return conditions.words(webhook.conditions, request.user)
    except Refused as refusal:
        return refusal.message


@requires(can_work)
@require_safe
@never_cache
def delivery_detail(request: UserRequest, pk: int, delivery: int) -> HttpResponse:
    """One message: its tries, and what it says as it would be sent now."""
    found = get_object_or_404(queries.list_deliveries(request.user), pk=delivery, webhook_id=pk)
    try:
        sample = _pretty(payload.build(found, found.webhook).envelope)
        trouble = ""
    except Refused as refusal:
        sample, trouble = "", refusal.message
    context = {
        "webhook": found.webhook,
        "delivery": found,
        "label": catalogue.label_of(found.kind),
        "tries": list(found.tries.order_by("-pk")),
        "sample": sample,
        "trouble": trouble,
        "may_replay": found.state in services.ENDED and found.cause != Cause.TEST,
    }
    return render(request, "integrations/webhooks/delivery.html", context)


# --- What is done with one -----------------------------------------------------------------------------------
def _act(
    request: UserRequest, pk: int, service: Callable[..., Any], said: Callable[[Any], str], **given: Any
) -> HttpResponse:
    webhook = get_object_or_404(queries.list_webhooks(request.user), pk=pk)
    try:
        result = service(webhook=webhook, actor=request.user, **given)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, said(result))
    return redirect("integrations:webhook_detail", pk=pk)


@requires(can_work)
@require_POST
def webhook_pause(request: UserRequest, pk: int) -> HttpResponse:
    return _act(
        request, pk, services.pause, lambda _: "Paused. What happens meanwhile is sent when you resume it."
    )


@requires(can_work)
@require_POST
def webhook_resume(request: UserRequest, pk: int) -> HttpResponse:
    return _act(request, pk, services.resume, lambda _: "At work again.")


@requires(can_work)
@require_POST
def webhook_take_over(request: UserRequest, pk: int) -> HttpResponse:
    return _act(request, pk, services.take_over, lambda _: "It is yours now, and tells what you may see.")


@requires(can_work)
@require_POST
def webhook_test(request: UserRequest, pk: int) -> HttpResponse:
    return _act(
        request, pk, services.send_test, lambda _: "A test is on its way: it stands on top of the log.",
        kind=request.POST.get("kind", ""),
    )  # fmt: skip


@requires(can_work)
@require_POST
def webhook_replay(request: UserRequest, pk: int) -> HttpResponse:
    form = forms.ReplayForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Say from which moment on messages are sent again.")
        return redirect("integrations:webhook_detail", pk=pk)
    since, until = form.moments

    def said(count: int) -> str:
        return (
            f"{count:,} message{'' if count == 1 else 's'} put back; events never queued are being looked up."
        )

    return _act(
        request, pk, services.replay_range, said, since=since, until=until,
        only_failed=not form.cleaned_data["everything"],
    )  # fmt: skip


@requires(can_work)
@require_POST
def webhook_clear(request: UserRequest, pk: int) -> HttpResponse:
    form = forms.ClearForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Give a number of days from 0 to 3,650.")
        return redirect("integrations:webhook_detail", pk=pk)
    return _act(
        request, pk, services.clear_log, lambda n: f"{n:,} message{'' if n == 1 else 's'} forgotten.",
        before=form.before,
    )  # fmt: skip


@requires(can_work)
@require_POST
@never_cache
def webhook_secret(request: UserRequest, pk: int) -> HttpResponse:
    """A new secret, shown in the answer itself and never again."""
    webhook = get_object_or_404(queries.list_webhooks(request.user), pk=pk)
    try:
        secret = services.rotate_secret(webhook=webhook, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("integrations:webhook_detail", pk=pk)
    context = {"webhook": webhook, "secret": secret, "is_new": False, "hours": domain.ROTATION_HOURS}
    return render(request, "integrations/webhooks/secret.html", context)


@requires(can_work)
@require_POST
def webhook_delete(request: UserRequest, pk: int) -> HttpResponse:
    webhook = get_object_or_404(queries.list_webhooks(request.user), pk=pk)
    try:
        services.delete_webhook(webhook=webhook, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("integrations:webhook_detail", pk=pk)
    messages.info(request, f"The webhook “{webhook.name}” was deleted.")
    return redirect("integrations:webhook_list")


@requires(can_work)
@require_POST
def delivery_replay(request: UserRequest, pk: int, delivery: int) -> HttpResponse:
    found = get_object_or_404(queries.list_deliveries(request.user), pk=delivery, webhook_id=pk)
    try:
        services.replay_delivery(delivery=found, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, "It is sent again, under the same id.")
    return redirect("integrations:webhook_delivery", pk=pk, delivery=delivery)
