"""Pages of closed loops: which promises run, and how they were kept."""

import datetime as dt
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from core import clock
from core.errors import Refused
from surveys.queries import feedback
from team import queries as team_queries
from team.http import UserRequest, requires
from team.permissions import can_view, can_work
from workflows.filters import LoopFilter
from workflows.loop.statistics import Effect
from workflows.queries import loops as queries
from workflows.queries import worktime
from workflows.services import loop_clocks

PAGE_SIZE = 50
STATES = {"open": "Open", "late": "Late", "closed": "Closed", "paused": "Paused"}
PERIODS = {30: "30 days", 90: "90 days", 365: "A year"}


@requires(can_view)
def loop_list(request: UserRequest) -> HttpResponse:
    whose = request.GET.get("whose", "all" if request.GET.get("owner") or request.GET.get("team") else "mine")
    state = request.GET.get("state", "open")
    found = LoopFilter(
        {**request.GET.dict(), "state": state}, queryset=queries.list_loops(user=request.user)
    ).qs
    if whose == "mine":
        found = found.filter(owner=request.user)
    if state == "closed":
        found = found.order_by("-resolved_at", "-pk")
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    rows = list(page.object_list)
    shown = queries.readings(rows)
    context = {
        "page": page,
        "rows": [(loop, shown[loop.pk]) for loop in rows],
        "whose": whose,
        "state": state,
        "states": STATES,
        "settings": worktime.settings(),
        "outcomes": queries.outcomes() if state == "closed" else (),
        "may_work": can_work(request.user),
        "is_narrowed": any(
            request.GET.get(name) for name in ("owner", "team", "segment", "account", "outcome")
        ),
    }
    return render(request, "workflows/loop_list.html", context)


@requires(can_work)
@require_POST
def loop_outcome(request: UserRequest, pk: int) -> HttpResponse:
    """Say what came of a loop that was closed without an outcome."""
    loop = get_object_or_404(queries.list_loops(user=request.user), pk=pk)
    chosen = request.POST.get("outcome", "")
    is_id = chosen.isascii() and chosen.isdigit() and len(chosen) < 19
    outcome = get_object_or_404(queries.outcomes(), pk=int(chosen) if is_id else 0)
    try:
        loop_clocks.set_outcome(loop=loop, outcome=outcome, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, "Noted.")
    return redirect(f"{reverse('workflows:loop_list')}?{request.GET.urlencode() or 'state=closed'}")


@requires(can_view)
def loop_statistics(request: UserRequest) -> HttpResponse:
    """How fast people hear from us, how often the promise is kept, and whether it changes what they say next."""
    days = request.GET.get("days", "90")
    period = int(days) if days in {str(n) for n in PERIODS} else 90
    by = request.GET.get("by", "owner")
    by = by if by in queries.GROUPINGS else "owner"
    since = _day(request.GET.get("since")) or (clock.now() - dt.timedelta(days=period))
    found = LoopFilter(request.GET, queryset=queries.list_loops(user=request.user))
    loops = found.qs.filter(started_at__gte=since)
    whole, groups = queries.figures(loops, by=by)
    answers = feedback.list_responses(request.user)
    chosen = found.form.cleaned_data if found.form.is_valid() else {}
    if chosen.get("segment"):
        answers = answers.filter(account__segment=chosen["segment"])
    if chosen.get("owner"):
        answers = answers.filter(account__owner=chosen["owner"])
    if chosen.get("team"):
        answers = answers.filter(account__owner__team=chosen["team"])
    effect = queries.effect_of_following_up(user=request.user, answers=answers)
    local_since = since.astimezone(team_queries.zone_of(request.user))
    context = {
        "whole": whole,
        "groups": [(group, _rows_url(by, group.key, since)) for group in groups],
        "rows_url": _rows_url("", "", since),
        "late_url": f"{reverse('workflows:loop_list')}?whose=all&state=late",
        "effect": effect,
        "has_effect": isinstance(effect, Effect),
        "outcomes": queries.outcome_counts(loops),
        "by": by,
        "groupings": {"owner": "Owner", "team": "Team", "segment": "Segment"},
        "days": period,
        "periods": PERIODS,
        "since": local_since,
        "settings": worktime.settings(),
        "left_out": loops.filter(paused_at__isnull=False).count(),
    }
    return render(request, "workflows/loop_statistics.html", context)


def _day(text: str | None) -> dt.datetime | None:
    try:
        day = parse_date(text or "")
    except ValueError:
        day = None
    return dt.datetime.combine(day, dt.time(), tzinfo=team_queries.zone()) if day is not None else None


def _rows_url(by: str, key: str, since: dt.datetime) -> str:
    """The loops behind a figure."""
    chosen: dict[str, Any] = {
        "whose": "all",
        "state": "",
        "started_after": since.isoformat(timespec="seconds"),
    }
    if by and key:
        chosen[by] = key
    return f"{reverse('workflows:loop_list')}?{urlencode(chosen)}"
