"""What customers wrote back: replies to survey mails and SMS, and which of them somebody has seen to."""

from django.contrib import messages as notes
from django.core.paginator import Paginator
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from core.errors import Refused
from surveys.choices import MessageKind
from surveys.queries import messages as queries
from surveys.services import messages as services
from team.http import UserRequest, requires
from team.permissions import can_view, can_work

PAGE_SIZE = 50


@requires(can_view)
@require_safe
def message_list(request: UserRequest) -> HttpResponseBase:
    waiting = request.GET.get("show") != "all"
    kind = request.GET.get("kind", "")
    kind = kind if kind in set(MessageKind) and not waiting else ""
    found = queries.list_messages(request.user, waiting=waiting, kind=kind)
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": [(message, *queries.LABELS[MessageKind(message.kind)]) for message in page],
        "waiting": waiting,
        "waiting_count": queries.list_messages(request.user).count(),
        "kind": kind,
        "kinds": [(value.value, label) for value, (label, _) in queries.LABELS.items()],
        "may_work": can_work(request.user),
    }
    return render(request, "surveys/message_list.html", context)


@requires(can_work)
@require_POST
def message_handle(request: UserRequest, pk: int) -> HttpResponseBase:
    message = get_object_or_404(queries.list_messages(request.user, waiting=False), pk=pk)
    try:
        services.handle(message=message, actor=request.user)
    except Refused as refusal:
        notes.error(request, refusal.message)
    return redirect("surveys:message_list")
