"""Messages in the product: what was written to whom, what became of it, and taking one back."""

from django.contrib import messages as notes
from django.core.paginator import Paginator
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from core.errors import Refused
from surveys.choices import IN_APP_LIVE, InAppState
from surveys.in_app_filters import InAppMessageFilter
from surveys.queries import in_app_messages as queries
from surveys.services import in_app_messages as services
from team.http import UserRequest, requires
from team.permissions import can_view, can_work

PAGE_SIZE = 50


@requires(can_view)
@require_safe
def in_app_message_list(request: UserRequest) -> HttpResponseBase:
    """All of them, and how many stand where. A number leads to its rows."""
    asked = {key: value for key, value in request.GET.items() if key != "state"}
    of_all = InAppMessageFilter(asked, queries.list_in_app_messages(request.user)).qs
    chosen = InAppMessageFilter(request.GET, queries.list_in_app_messages(request.user))
    page = Paginator(chosen.qs, PAGE_SIZE).get_page(request.GET.get("page"))
    counts = queries.count_by_state(of_all)
    state = request.GET.get("state", "")
    context = {
        "page": page,
        "rows": [(one, *queries.LABELS[InAppState(one.state)]) for one in page],
        "states": [(key.value, queries.LABELS[key][0], n) for key, n in counts.items() if n or key == state],
        "total": sum(counts.values()),
        "state": state if state in set(InAppState) else "",
        "person": request.GET.get("contact", ""),
        "account": request.GET.get("account", ""),
    }
    return render(request, "surveys/in_app_message_list.html", context)


@requires(can_view)
@require_safe
def in_app_message(request: UserRequest, pk: int) -> HttpResponseBase:
    """One message as it is shown, with what became of it."""
    found = get_object_or_404(queries.list_in_app_messages(request.user), pk=pk)
    label, tone = queries.LABELS[InAppState(found.state)]
    context = {
        "message": found,
        "label": label,
        "tone": tone,
        "may_withdraw": can_work(request.user) and found.state in IN_APP_LIVE,
    }
    return render(request, "surveys/in_app_message.html", context)


@requires(can_work)
@require_POST
def in_app_message_withdraw(request: UserRequest, pk: int) -> HttpResponseBase:
    found = get_object_or_404(queries.list_in_app_messages(request.user), pk=pk)
    try:
        services.withdraw(message=found, actor=request.user)
    except Refused as refusal:
        notes.error(request, refusal.message)
    else:
        notes.info(request, "Withdrawn. It is shown no more.")
    return redirect("surveys:in_app_message", pk=pk)
