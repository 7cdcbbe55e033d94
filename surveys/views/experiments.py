"""The experiment of a campaign: its arms before the launch, what came of them afterwards."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from core.errors import Refused
from surveys import experiments
from surveys.choices import CampaignState
from surveys.content import Content
from surveys.experiment_forms import ExperimentForm
from surveys.models import Campaign
from surveys.queries import campaigns as campaign_queries
from surveys.queries import experiments as queries
from surveys.services import experiments as services
from team.http import UserRequest, requires
from team.permissions import can_lead, can_view

BEFORE_LAUNCH = frozenset({CampaignState.DRAFT, CampaignState.SCHEDULED})
ROUND = 50


@requires(can_view)
@require_http_methods(["GET", "HEAD", "POST"])
def campaign_experiment(request: UserRequest, pk: int) -> HttpResponseBase:
    """Before the launch a lead defines the arms here; from then on everybody compares them."""
    campaign = _campaign(pk)
    if campaign.state not in BEFORE_LAUNCH:
        if request.method == "POST":
            messages.error(request, "An experiment is fixed once its campaign is launched.")
            return redirect("surveys:campaign_experiment", pk=pk)
        context = {
            "campaign": campaign,
            "comparison": queries.compare(campaign, request.user),
            "experiments": experiments,
        }
        return render(request, "surveys/experiment.html", context)
    if not can_lead(request.user):
        raise PermissionDenied
    return _define(request, campaign)


@requires(can_lead)
@require_POST
def campaign_experiment_remove(request: UserRequest, pk: int) -> HttpResponseBase:
    try:
        services.remove(campaign=_campaign(pk), actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "The experiment is gone. Everybody gets the same.")
    return redirect("surveys:campaign_experiment", pk=pk)


def _define(request: UserRequest, campaign: Campaign) -> HttpResponseBase:
    variants = list(queries.list_variants(campaign))
    current = campaign.survey.current
    power = queries.power(campaign, request.user, arms=max(len(variants), experiments.MIN_ARMS))
    form = ExperimentForm(
        request.POST if request.method == "POST" else None,
        campaign=campaign,
        content=Content.from_json(current.content if current is not None else {}),
        variants=variants,
        horizon=suggested(power),
    )
    if request.method == "POST" and form.is_valid():
        try:
            services.define(
                campaign=campaign, arms=form.plans, horizon=form.cleaned_data["horizon"], actor=request.user
            )
        except Refused as refusal:
            form.add_error(form.field_of(refusal.field), refusal.message)
        else:
            messages.success(request, "The experiment is set. It begins with the launch.")
            return redirect("surveys:campaign_experiment", pk=campaign.pk)
    context = {
        "campaign": campaign,
        "form": form,
        "arms": list(form.arms()),
        "variants": variants,
        "power": power,
        "visible": power.visible(max(len(variants), experiments.MIN_ARMS)) if power.people else None,
        "experiments": experiments,
    }
    return render(request, "surveys/experiment_edit.html", context, status=422 if form.errors else 200)


def suggested(power: queries.Power) -> int:
    """Enough for five points, if the audience has so many; else what it has, in round numbers."""
    wanted = dict(power.needed)[5]
    there = power.people // experiments.MIN_ARMS
    return max(experiments.MIN_HORIZON, min(wanted, there) // ROUND * ROUND)


def _campaign(pk: int) -> Campaign:
    found = campaign_queries.list_campaigns().select_related("survey__current").filter(pk=pk).first()
    if found is None:
        raise Http404
    return found
