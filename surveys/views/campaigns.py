"""Campaign pages: the list, and a campaign while it runs. Before that: campaign_draft."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.exports import csv_response
from core import clock
from core.errors import Refused
from surveys import cadence, campaign_words
from surveys.campaign_plan import Plan
from surveys.choices import Cadence, CampaignState
from surveys.eligibility import REASONS
from surveys.models import Campaign
from surveys.queries import calendar, holds, rounds
from surveys.queries import campaigns as queries
from surveys.services import campaigns as services
from surveys.services import delivery as delivery_services
from surveys.services import personal_links
from surveys.views.campaign_draft import reason_of
from team import queries as team_queries
from team.http import UserRequest, requires
from team.permissions import can_export, can_lead, can_view

PAGE_SIZE = 50


@requires(can_view)
@require_safe
def campaign_list(request: UserRequest) -> HttpResponseBase:
    state = request.GET.get("state", "")
    found = queries.list_campaigns()
    if state in set(CampaignState):
        found = found.filter(state=state)
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": queries.rows(list(page.object_list), request.user),
        "state": state,
        "states": [(value.value, value.value.capitalize()) for value in CampaignState],
        "may_lead": can_lead(request.user),
    }
    return render(request, "surveys/campaign_list.html", context)


@requires(can_view)
@require_safe
def campaign_calendar(request: UserRequest) -> HttpResponseBase:
    """A month of asks: what was asked, what begins, who comes due."""
    zone = team_queries.zone()
    today = clock.now().astimezone(zone).date()
    first = _month(request.GET.get("month", ""), today)
    context = {
        "first": first,
        "today": today,
        "weeks": calendar.weeks(first, user=request.user, today=today, zone=zone),
        "before": (first - dt.timedelta(days=1)).replace(day=1),
        "after": (first + dt.timedelta(days=32)).replace(day=1),
        "endless": calendar.waiting_for_events(),
        "zone": zone.key,
    }
    return render(request, "surveys/campaign_calendar.html", context)


def _month(text: str, today: dt.date) -> dt.date:
    """The first of the month written as 2026-03; of the present one where that is none."""
    try:
        first = dt.datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        return today.replace(day=1)
    return first if 2000 <= first.year <= 2100 else today.replace(day=1)


# --- Under way -----------------------------------------------------------------------------------------------
@requires(can_view)
@require_safe
def campaign_detail(request: UserRequest, pk: int) -> HttpResponseBase:
    """How the campaign stands. Its live part asks for itself again while the campaign runs."""
    campaign = get_object_or_404(queries.list_campaigns(), pk=pk)
    if campaign.state == CampaignState.DRAFT:
        if can_lead(request.user):
            return redirect("surveys:campaign_review", pk=pk)
        return render(request, "surveys/campaign_draft.html", {"campaign": campaign})
    now = clock.now()
    plan = Plan.of(campaign)
    context = {
        "campaign": campaign,
        "how_often": campaign_words.how_often(plan),
        "lines": [line for line in campaign_words.lines(plan) if line.label != "How often"],
        "rounds": rounds.rounds(campaign, request.user),
        "by_month": campaign.cadence == Cadence.EVENT or campaign.cadence in cadence.DAILY,
        "per_hour": rounds.sent_per_hour(campaign) if campaign.state == CampaignState.RUNNING else None,
        "audience": queries.audience_name(campaign, request.user),
        "progress": queries.progress(campaign, request.user),
        "doubtful": queries.list_doubtful(campaign, request.user)[:20],
        "failures": queries.list_failed(campaign, request.user)[:20],
        "is_planning": queries.waves_being_planned(campaign).exists(),
        "hold": holds.hold(campaign, now=now),
        "is_live": campaign.state in {CampaignState.RUNNING, CampaignState.SCHEDULED},
        "sending_is_off": services.sending_is_off(),
        "may_lead": can_lead(request.user),
        "now": now,
    }
    template = "surveys/campaign_detail.html"
    if request.htmx.target == "campaign-state":
        template += "#state"
    return render(request, template, context)


@requires(can_view)
@require_safe
def campaign_invitations(request: UserRequest, pk: int) -> HttpResponseBase:
    """The people behind a number of the funnel."""
    campaign = get_object_or_404(queries.list_campaigns(), pk=pk)
    stage = request.GET.get("stage", "planned")
    if stage not in queries.STAGES:
        raise Http404
    reason = request.GET.get("reason", "")
    arm = request.GET.get("arm", "")[:1]
    found = queries.list_invitations(campaign, request.user, stage=stage, reason=reason, arm=arm)
    label, meaning, _ = queries.STAGES[stage]
    context = {
        "campaign": campaign,
        "page": Paginator(found, PAGE_SIZE).get_page(request.GET.get("page")),
        "label": label,
        "meaning": meaning,
        "reason": queries.outcome_label(reason) if reason else "",
        "stage": stage,
        "stages": [(key, text) for key, (text, _, _) in queries.STAGES.items()],
    }
    return render(request, "surveys/campaign_invitations.html", context)


@requires(can_export)
@require_safe
def campaign_links(request: UserRequest, pk: int) -> HttpResponseBase:
    """The personal links of a campaign on the channel "link", as CSV for a mail merge. Audited."""
    campaign = get_object_or_404(queries.list_campaigns(), pk=pk)
    try:
        rows = personal_links.take_list(campaign=campaign, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("surveys:campaign_detail", pk=pk)
    return csv_response("personal-links", personal_links.HEADER, rows)


@requires(can_view)
@require_safe
def campaign_left_out(request: UserRequest, pk: int) -> HttpResponseBase:
    """Who was not asked when the campaign was planned, and why."""
    campaign = get_object_or_404(queries.list_campaigns(), pk=pk)
    reason = reason_of(request.GET.get("reason", ""))
    found = queries.list_exclusions(campaign, request.user, reason=reason)
    context = {
        "campaign": campaign,
        "page": Paginator(found, PAGE_SIZE).get_page(request.GET.get("page")),
        "reason": REASONS[reason] if reason else None,
    }
    return render(request, "surveys/campaign_left_out.html", context)


def _act(request: UserRequest, pk: int, act: Callable[..., Campaign], said: str) -> HttpResponseBase:
    campaign = get_object_or_404(queries.list_campaigns(), pk=pk)
    try:
        act(campaign=campaign, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, said)
    return redirect("surveys:campaign_detail", pk=pk)


@requires(can_lead)
@require_POST
def campaign_pause(request: UserRequest, pk: int) -> HttpResponseBase:
    return _act(request, pk, services.pause, "Paused. Nothing more is sent until you resume it.")


@requires(can_lead)
@require_POST
def campaign_resume(request: UserRequest, pk: int) -> HttpResponseBase:
    return _act(
        request, pk, services.resume, "Resumed. Everybody still waiting is checked again before sending."
    )


@requires(can_lead)
@require_POST
def campaign_stop(request: UserRequest, pk: int) -> HttpResponseBase:
    return _act(
        request, pk, services.stop, "Stopped. What was not sent never will be; answers are still welcome."
    )


@requires(can_lead)
@require_POST
def delivery_send_again(request: UserRequest, pk: int) -> HttpResponseBase:
    row = get_object_or_404(queries.deliveries(request.user), pk=pk)
    try:
        delivery_services.send_again(delivery=row, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    return _back(row)


@requires(can_lead)
@require_POST
def delivery_mark_as_sent(request: UserRequest, pk: int) -> HttpResponseBase:
    row = get_object_or_404(queries.deliveries(request.user), pk=pk)
    try:
        delivery_services.mark_as_sent(delivery=row, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    return _back(row)


def _back(row: Any) -> HttpResponseBase:
    wave = row.invitation.wave
    return (
        redirect("surveys:campaign_detail", pk=wave.campaign_id)
        if wave
        else redirect("surveys:campaign_list")
    )
