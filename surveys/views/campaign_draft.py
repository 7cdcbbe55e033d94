"""The steps of a campaign that is not launched yet: survey, audience, when, channels, limits, review."""

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core import clock
from core.errors import Refused
from surveys import cadence, campaign_words
from surveys.campaign_forms import AudienceForm, BasicsForm, ChannelsForm, LimitsForm, PlanForm, TimingForm
from surveys.campaign_plan import Plan
from surveys.choices import Cadence, CampaignState, Channel, Reason
from surveys.eligibility import REASONS
from surveys.models import Campaign
from surveys.queries import campaigns as queries
from surveys.queries import forecast as forecast_queries
from surveys.services import campaigns as services
from team import queries as team_queries
from team.http import UserRequest, requires
from team.permissions import can_lead

PAGE_SIZE = 50
BEFORE_LAUNCH = frozenset({CampaignState.DRAFT, CampaignState.SCHEDULED})
STEPS = ("basics", "audience", "when", "channels", "limits", "review")


@requires(can_lead)
@require_http_methods(["GET", "HEAD", "POST"])
def campaign_create(request: UserRequest) -> HttpResponseBase:
    """Step one makes the draft; everything can be changed until the launch."""
    form = BasicsForm(request.POST or None, initial={"survey": request.GET.get("survey")})
    if request.method == "POST" and form.is_valid():
        try:
            campaign = services.create_campaign(plan=Plan(**form.changes()), actor=request.user)
        except Refused as refusal:
            _add_error(form, refusal)
        else:
            return redirect("surveys:campaign_audience", pk=campaign.pk)
    return _render(request, "basics", form, None, has_surveys=queries.list_surveys().exists())


@requires(can_lead)
@require_http_methods(["GET", "HEAD", "POST"])
def campaign_basics(request: UserRequest, pk: int) -> HttpResponseBase:
    campaign = _draft(pk)
    plan = Plan.of(campaign)
    form = BasicsForm(request.POST or None, initial=BasicsForm.initial_of(plan))
    return _step(request, "basics", form, campaign, has_surveys=True)


@requires(can_lead)
@require_http_methods(["GET", "HEAD", "POST"])
def campaign_audience(request: UserRequest, pk: int) -> HttpResponseBase:
    campaign = _draft(pk)
    initial = AudienceForm.initial_of(Plan.of(campaign))
    form = AudienceForm(request.POST or None, user=request.user, initial=initial)
    return _step(request, "audience", form, campaign)


@requires(can_lead)
@require_http_methods(["GET", "HEAD", "POST"])
def campaign_when(request: UserRequest, pk: int) -> HttpResponseBase:
    campaign = _draft(pk)
    if request.method == "POST":
        form = TimingForm.read(request.POST)
    else:
        form = TimingForm(initial=TimingForm.initial_of(Plan.of(campaign)))
    return _step(request, "when", form, campaign, zone=team_queries.workspace().time_zone)


@requires(can_lead)
@require_http_methods(["GET", "HEAD", "POST"])
def campaign_channels(request: UserRequest, pk: int) -> HttpResponseBase:
    campaign = _draft(pk)
    form = ChannelsForm(request.POST or None, initial=ChannelsForm.initial_of(Plan.of(campaign)))
    return _step(request, "channels", form, campaign)


@requires(can_lead)
@require_http_methods(["GET", "HEAD", "POST"])
def campaign_limits(request: UserRequest, pk: int) -> HttpResponseBase:
    campaign = _draft(pk)
    plan = Plan.of(campaign)
    form = LimitsForm(request.POST or None, initial=LimitsForm.initial_of(plan), cadence=plan.cadence)
    return _step(request, "limits", form, campaign)


def _step(
    request: UserRequest, step: str, form: PlanForm, campaign: Campaign, **more: Any
) -> HttpResponseBase:
    """Show a step, or save it and go on to the next; what the service refuses stands beside its field."""
    if campaign.state not in BEFORE_LAUNCH:
        return redirect("surveys:campaign_detail", pk=campaign.pk)
    if request.method == "POST" and form.is_valid():
        try:
            services.update_campaign(
                campaign=campaign, plan=replace(Plan.of(campaign), **form.changes()), actor=request.user
            )
        except Refused as refusal:
            _add_error(form, refusal)
        else:
            following = STEPS[STEPS.index(step) + 1]
            return redirect(f"surveys:campaign_{following}", pk=campaign.pk)
    return _render(request, step, form, campaign, **more)


def _render(
    request: HttpRequest, step: str, form: PlanForm, campaign: Campaign | None, **more: Any
) -> HttpResponse:
    place = STEPS.index(step)
    context = {
        "form": form,
        "campaign": campaign,
        "name": step,
        "step": place + 1,
        "template": f"surveys/campaign_draft/{step}.html",
        "back": f"surveys:campaign_{STEPS[place - 1]}" if place else "",
        **more,
    }
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "surveys/campaign_step.html", context, status=status)


def _add_error(form: PlanForm, refusal: Refused) -> None:
    """Beside the field it is about; `channels` and the like have a field of another name here."""
    shown = {"channels": "first", "offsets": "offsets_text", "send_weekdays": "weekdays"}
    field = shown.get(refusal.field, refusal.field)
    if field == "trigger_conditions":
        field = "condition_0_key"
    elif field == "delay_minutes":
        field = "delay_number"
    form.add_error(field if field in form.fields else None, refusal.message)


# --- Review and launch ---------------------------------------------------------------------------------------
@requires(can_lead)
@require_safe
def campaign_review(request: UserRequest, pk: int) -> HttpResponseBase:
    """Who would be asked now and who not, by reason, with the people behind every number; and the launch."""
    campaign = _draft(pk)
    if campaign.state not in BEFORE_LAUNCH:
        return redirect("surveys:campaign_detail", pk=pk)
    try:
        preview = queries.review(campaign, request.user)
        due = queries.review(campaign, request.user, due=True) if campaign.cadence in cadence.DAILY else None
        forecast = forecast_queries.of_campaign(campaign, request.user)
    except Refused as refusal:  # a field that the segment asks for was taken away
        messages.error(request, f"The segment can no longer be read. {refusal.message}")
        return redirect("surveys:campaign_audience", pk=pk)
    plan = Plan.of(campaign)
    context = {
        "campaign": campaign,
        "audience": queries.audience_name(campaign, request.user),
        "preview": preview,
        "due": due,
        "waits_for_events": campaign.cadence == Cadence.EVENT,
        "forecast": forecast,
        "rate_percent": round(100 * forecast.rate.mean),
        "waits": campaign.cadence in cadence.ENDLESS,
        "lines": campaign_words.lines(plan),
        "days": queries.days_needed(campaign, preview.asked),
        "is_later": campaign.starts_at is not None and campaign.starts_at > clock.now(),
        "in_app": Channel.IN_APP in plan.channels,
        "sending_is_off": services.sending_is_off(),
        "step": STEPS.index("review") + 1,
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
    reason = reason_of(code)
    is_due = bool(request.GET.get("due")) and campaign.cadence in cadence.DAILY
    counts = queries.review(campaign, request.user, due=is_due)
    total = next((c.count for c in counts.excluded if c.reason == reason), 0) if reason else counts.asked
    # The statement pages by itself, so the paginator only has to know how many there are.
    page = Paginator(range(total), PAGE_SIZE).get_page(request.GET.get("page"))
    judged = queries.list_judged(
        campaign,
        request.user,
        due=is_due,
        reason=reason,
        offset=max(page.start_index() - 1, 0),
        limit=PAGE_SIZE,
    )
    context = {
        "campaign": campaign,
        "page": page,
        "judged": judged,
        "reason": REASONS[reason] if reason else None,
        "is_due": is_due,
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


def reason_of(code: str) -> Reason | None:
    """The reason that a page was asked for. Raises Http404 for a word that is none."""
    if not code:
        return None
    if code not in set(Reason):
        raise Http404
    return Reason(code)
