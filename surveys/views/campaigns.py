"""Campaign pages: the list, the four steps of a draft, and the campaign while it runs."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core import clock
from core.errors import Refused
from surveys.campaign_forms import EVERYONE, AudienceForm, BasicsForm, TimingForm
from surveys.campaign_plan import Plan
from surveys.choices import CampaignState, Reason
from surveys.eligibility import REASONS
from surveys.models import Campaign
from surveys.queries import campaigns as queries
from surveys.services import campaigns as services
from surveys.services import delivery as delivery_services
from team import queries as team_queries
from team.http import UserRequest, requires
from team.permissions import can_lead, can_view

PAGE_SIZE = 50
BEFORE_LAUNCH = frozenset({CampaignState.DRAFT, CampaignState.SCHEDULED})
STEPS = ("survey", "audience", "when", "review")


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


# --- The four steps of a draft -------------------------------------------------------------------------------
@requires(can_lead)
@require_http_methods(["GET", "HEAD", "POST"])
def campaign_create(request: UserRequest) -> HttpResponseBase:
    """Step one makes the draft; everything can be changed until the launch."""
    form = BasicsForm(request.POST or None, initial={"survey": request.GET.get("survey")})
    if request.method == "POST" and form.is_valid():
        try:
            campaign = services.create_campaign(
                plan=Plan(name=form.cleaned_data["name"], survey=form.cleaned_data["survey"]),
                actor=request.user,
            )
        except Refused as refusal:
            _add_error(form, refusal)
        else:
            return redirect("surveys:campaign_audience", pk=campaign.pk)
    return _step(request, "survey", form, None, has_surveys=queries.list_surveys().exists())


@requires(can_lead)
@require_http_methods(["GET", "HEAD", "POST"])
def campaign_basics(request: UserRequest, pk: int) -> HttpResponseBase:
    campaign = _draft(pk)
    form = BasicsForm(request.POST or None, initial={"survey": campaign.survey_id, "name": campaign.name})
    if request.method == "POST" and form.is_valid():
        changes = {"name": form.cleaned_data["name"], "survey": form.cleaned_data["survey"]}
        if _update(request, campaign, form, **changes):
            return redirect("surveys:campaign_audience", pk=pk)
    return _step(request, "survey", form, campaign, has_surveys=True)


@requires(can_lead)
@require_http_methods(["GET", "HEAD", "POST"])
def campaign_audience(request: UserRequest, pk: int) -> HttpResponseBase:
    campaign = _draft(pk)
    form = AudienceForm(
        request.POST or None, user=request.user, initial={"segment": str(campaign.segment_id or EVERYONE)}
    )
    if request.method == "POST" and form.is_valid() and _update(request, campaign, form, segment=form.chosen):
        return redirect("surveys:campaign_when", pk=pk)
    return _step(request, "audience", form, campaign, segments=form.segments)


@requires(can_lead)
@require_http_methods(["GET", "HEAD", "POST"])
def campaign_when(request: UserRequest, pk: int) -> HttpResponseBase:
    campaign = _draft(pk)
    form = TimingForm.of(campaign)
    if request.method == "POST":
        with timezone.override(team_queries.zone()):
            form = TimingForm(request.POST)
            is_valid = form.is_valid()
        keys = ("starts_at", "daily_limit", "expires_after_days")
        if is_valid and _update(request, campaign, form, **{key: form.cleaned_data[key] for key in keys}):
            return redirect("surveys:campaign_review", pk=pk)
    return _step(request, "when", form, campaign, zone=team_queries.workspace().time_zone)


@requires(can_lead)
@require_safe
def campaign_review(request: UserRequest, pk: int) -> HttpResponseBase:
    """Who would be asked now and who not, by reason, with the people behind every number; and the launch."""
    campaign = _draft(pk)
    if campaign.state not in BEFORE_LAUNCH:
        return redirect("surveys:campaign_detail", pk=pk)
    try:
        preview = queries.preview(segment=campaign.segment, user=request.user)
    except Refused as refusal:  # a field that the segment asks for was taken away
        messages.error(request, f"The segment can no longer be read. {refusal.message}")
        return redirect("surveys:campaign_audience", pk=pk)
    context = {
        "campaign": campaign,
        "audience": queries.audience_name(campaign, request.user),
        "preview": preview,
        "days": queries.days_needed(campaign, preview.asked),
        "is_later": campaign.starts_at is not None and campaign.starts_at > clock.now(),
        "sending_is_off": services.sending_is_off(),
        "step": 4,
        "zone": team_queries.workspace().time_zone,
    }
    return render(request, "surveys/campaign_review.html", context)


@requires(can_lead)
@require_safe
def campaign_people(request: UserRequest, pk: int) -> HttpResponseBase:
    """The people behind one number of the review."""
    campaign = _draft(pk)
    if campaign.state not in BEFORE_LAUNCH:
        return redirect("surveys:campaign_detail", pk=pk)
    code = request.GET.get("reason", "")
    reason = _reason(code)
    counts = queries.preview(segment=campaign.segment, user=request.user)
    total = next((c.count for c in counts.excluded if c.reason == reason), 0) if reason else counts.asked
    # The statement pages by itself, so the paginator only has to know how many there are.
    page = Paginator(range(total), PAGE_SIZE).get_page(request.GET.get("page"))
    judged = queries.list_judged(
        segment=campaign.segment,
        user=request.user,
        reason=reason,
        offset=max(page.start_index() - 1, 0),
        limit=PAGE_SIZE,
    )
    context = {
        "campaign": campaign,
        "page": page,
        "judged": judged,
        "reason": REASONS[reason] if reason else None,
    }
    return render(request, "surveys/campaign_people.html", context)


@requires(can_lead)
@require_POST
def campaign_launch(request: UserRequest, pk: int) -> HttpResponseBase:
    campaign = _draft(pk)
    try:
        campaign = services.launch(campaign=campaign, actor=request.user, at=campaign.starts_at)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("surveys:campaign_review", pk=pk)
    if campaign.state == CampaignState.SCHEDULED:
        messages.info(request, "The campaign is scheduled. It can be changed or called off until it starts.")
    return redirect("surveys:campaign_detail", pk=pk)


@requires(can_lead)
@require_POST
def campaign_delete(request: UserRequest, pk: int) -> HttpResponseBase:
    campaign = _draft(pk)
    try:
        services.delete_draft(campaign=campaign, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("surveys:campaign_detail", pk=pk)
    messages.info(request, f"The draft “{campaign.name}” is deleted.")
    return redirect("surveys:campaign_list")


def _draft(pk: int) -> Campaign:
    return get_object_or_404(queries.list_campaigns(), pk=pk)


def _update(request: UserRequest, campaign: Campaign, form: Any, **changes: Any) -> bool:
    """Save one step; what the service refuses is shown beside its field."""
    try:
        services.update_campaign(
            campaign=campaign, plan=replace(Plan.of(campaign), **changes), actor=request.user
        )
    except Refused as refusal:
        _add_error(form, refusal)
        return False
    return True


def _add_error(form: Any, refusal: Refused) -> None:
    form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)


def _step(request: HttpRequest, step: str, form: Any, campaign: Campaign | None, **more: Any) -> HttpResponse:
    if campaign is not None and campaign.state not in BEFORE_LAUNCH:
        return redirect("surveys:campaign_detail", pk=campaign.pk)
    context = {"form": form, "campaign": campaign, "name": step, "step": STEPS.index(step) + 1, **more}
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "surveys/campaign_step.html", context, status=status)


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
    context = {
        "campaign": campaign,
        "audience": queries.audience_name(campaign, request.user),
        "progress": queries.progress(campaign, request.user),
        "doubtful": queries.list_doubtful(campaign, request.user)[:20],
        "failures": queries.list_failed(campaign, request.user)[:20],
        "is_planning": queries.waves_being_planned(campaign).exists(),
        "next_release": queries.next_release(campaign, now=now),
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
    found = queries.list_invitations(campaign, request.user, stage=stage, reason=reason)
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


@requires(can_view)
@require_safe
def campaign_left_out(request: UserRequest, pk: int) -> HttpResponseBase:
    """Who was not asked when the campaign was planned, and why."""
    campaign = get_object_or_404(queries.list_campaigns(), pk=pk)
    reason = _reason(request.GET.get("reason", ""))
    found = queries.list_exclusions(campaign, request.user, reason=reason)
    context = {
        "campaign": campaign,
        "page": Paginator(found, PAGE_SIZE).get_page(request.GET.get("page")),
        "reason": REASONS[reason] if reason else None,
    }
    return render(request, "surveys/campaign_left_out.html", context)


def _reason(code: str) -> Reason | None:
    if not code:
        return None
    if code not in set(Reason):
        raise Http404
    return Reason(code)


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
