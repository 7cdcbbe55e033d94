"""The first page."""

from django.http import HttpResponse
from django.shortcuts import render

from reports import queries
from team.domain import Role
from team.http import UserRequest, requires
from team.permissions import can_view, can_work


@requires(can_view)
def today(request: UserRequest) -> HttpResponse:
    """Whom do I call? One's own accounts for a CSM, everything in sight for the others, switchable."""
    whose = request.GET.get("whose", "mine" if request.user.role == Role.CSM else "all")
    context = {
        "today": queries.read_today(user=request.user, is_mine=whose == "mine"),
        "whose": whose,
        "is_shared": whose != "mine",
        "may_work": can_work(request.user),
    }
    return render(request, "reports/today.html", context)
