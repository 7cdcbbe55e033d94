"""Clicks: what was opened but not answered by a person, listed with its evidence."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from core.errors import Refused
from surveys.choices import IntentState
from surveys.queries import intents as queries
from surveys.services import intents as services
from team.http import UserRequest, requires
from team.permissions import can_lead, can_view

PAGE = 50
STATES = {
    IntentState.WAITING: "Waiting",
    IntentState.ACCEPTED: "Accepted",
    IntentState.DISMISSED: "Dismissed",
    IntentState.CONFIRMED: "Confirmed by the person",
}
KINDS = {"": "All", "suspected": "Suspected scanners", "unconfirmed": "Unconfirmed"}


@requires(can_view)
@require_safe
def intent_list(request: UserRequest) -> HttpResponseBase:
    """Score links that were opened without a human gesture."""
    state = request.GET.get("state", "")
    state = state if state in STATES else IntentState.WAITING
    kind = request.GET.get("kind", "")
    kind = kind if kind in KINDS else ""
    page = Paginator(queries.list_intents(request.user, state=state, kind=kind), PAGE).get_page(
        request.GET.get("page")
    )
    context = {
        "page": page,
        "rows": [queries.row_of(intent) for intent in page],
        "state": state,
        "kind": kind,
        "states": list(STATES.items()),
        "kinds": list(KINDS.items()),
        "waiting": queries.count_waiting(request.user),
        "may_decide": can_lead(request.user) and state == IntentState.WAITING,
    }
    return render(request, "surveys/intent_list.html", context)


@requires(can_lead)
@require_POST
def intent_accept(request: UserRequest, pk: int) -> HttpResponseBase:
    return _decide(request, pk, services.accept_intent, "Accepted: the click is an answer now.")


@requires(can_lead)
@require_POST
def intent_dismiss(request: UserRequest, pk: int) -> HttpResponseBase:
    return _decide(request, pk, services.dismiss_intent, "Dismissed. A real answer can still come.")


def _decide(request: UserRequest, pk: int, service: Any, said: str) -> HttpResponseBase:
    intent = queries.get_intent(request.user, pk)
    if intent is None:
        raise Http404
    try:
        service(intent=intent, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, said)
    back = request.POST.get("back", "")
    own = back.startswith("/feedback/clicks/") and url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return redirect(back if own else reverse("surveys:intent_list"))
