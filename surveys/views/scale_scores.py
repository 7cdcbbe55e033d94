"""The pages of satisfaction (CSAT) and effort (CES): the figure with its interval, its trend and where it comes from."""

from dataclasses import replace

from django.http import Http404, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from surveys import domain
from surveys.choices import Unit
from surveys.insight import rollups
from surveys.queries import figures as queries
from team.http import UserRequest, requires
from team.permissions import can_view


@requires(can_view)
@require_safe
def scale_scores(request: UserRequest, metric: str) -> HttpResponseBase:
    """One page for each of the two; all answers of the window count, for each is about an occasion of its own."""
    if metric not in domain.SCALES or metric == domain.NPS.metric:
        raise Http404
    base = queries.question_of(queries.definition("company"), request.user)
    surveys = list(queries.list_surveys(metric))
    survey = next((one for one in surveys if str(one.pk) == request.GET.get("survey")), None)
    window = request.GET.get("window", "")
    days = int(window) if window in {str(days) for days in queries.WINDOWS} else base.days
    question = replace(
        base, metric=metric, unit=Unit.ALL_RESPONSES, days=days, surveys=(survey.pk,) if survey else ()
    )
    context = {
        "page": queries.scale_page(question),
        "moving": rollups.moving(),
        "surveys": surveys,
        "survey": survey,
        "windows": queries.WINDOWS,
        "is_other_window": days != base.days,
    }
    return render(request, "surveys/scale_scores.html", context)
