"""Metrics: their definitions for those who lead, and the points of one account."""

import datetime as dt
import math
from dataclasses import dataclass
from itertools import pairwise

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from accounts import metric_values, queries
from accounts.forms import MetricForm, show_refusal
from accounts.metric_values import MetricType
from accounts.models import Account, Metric, MetricPoint
from accounts.services import metrics as services
from core import charts, clock
from core.charts import TrendPoint
from core.errors import Refused
from team.http import UserRequest, requires
from team.permissions import can_lead, can_view

PER_PAGE = 50
WEEKS = 18


@requires(can_lead)
@require_safe
def metric_list(request: UserRequest) -> HttpResponse:
    return render(request, "accounts/metric_list.html", {"metrics": queries.list_metrics_with_counts()})


@requires(can_lead)
def metric_create(request: UserRequest) -> HttpResponse:
    form = MetricForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if queries.list_metrics().filter(key=form.cleaned_data["key"].strip()).exists():
            form.add_error("key", "There is a metric with this key already.")
        elif _saved(request, form):
            return redirect("accounts:metric_list")
    return render(request, "accounts/metric_form.html", {"form": form}, status=422 if form.errors else 200)


@requires(can_lead)
def metric_edit(request: UserRequest, pk: int) -> HttpResponse:
    metric = get_object_or_404(queries.list_metrics(), pk=pk)
    form = MetricForm(request.POST or None, metric=metric)
    if request.method == "POST" and form.is_valid() and _saved(request, form):
        return redirect("accounts:metric_list")
    context = {"form": form, "metric": metric}
    return render(request, "accounts/metric_form.html", context, status=422 if form.errors else 200)


def _saved(request: UserRequest, form: MetricForm) -> bool:
    try:
        services.define_metric(**form.values(), actor=request.user)
    except Refused as refusal:
        show_refusal(form, refusal)
        return False
    messages.success(request, f"The metric “{form.cleaned_data['label']}” was saved.")
    return True


@dataclass(frozen=True, slots=True)
class Row:
    row: MetricPoint
    text: str
    is_corrected: bool


@requires(can_view)
@require_safe
def account_metric(request: UserRequest, pk: int, metric: int) -> HttpResponse:
    account = get_object_or_404(queries.list_accounts(request.user), pk=pk)
    found = get_object_or_404(queries.list_metrics(), pk=metric)
    points = queries.points_of(account, found)
    page = Paginator(points, PER_PAGE).get_page(request.GET.get("page"))
    # One more than shown, from the page before: a correction may stand there.
    start = max(page.start_index() - 2, 0)
    listed = list(points[start : page.end_index()])
    later = [None, *listed] if start == 0 else listed
    rows = [
        Row(point, _said(found, point), newer is not None and newer.observed_at == point.observed_at)
        for newer, point in pairwise(later)
        if point is not None
    ]
    context = {
        "account": account,
        "metric": found,
        "page": page,
        "rows": rows,
        "chart": _chart(account, found),
        "may_lead": can_lead(request.user),
    }
    return render(request, "accounts/account_metric.html", context)


def _chart(account: Account, metric: Metric) -> SafeString | None:
    """The last value of each of the last 18 weeks; none for words, and without a point in that time."""
    if metric.type in {MetricType.CHOICE, MetricType.BOOLEAN}:
        return None
    today = timezone.localtime(clock.now()).date()
    monday = today - dt.timedelta(days=today.weekday(), weeks=WEEKS - 1)
    weeks = queries.weeks_of_metric(account, metric, since=monday)
    if not weeks:
        return None
    line = []
    for number in range(WEEKS):
        start = monday + dt.timedelta(weeks=number)
        value, count = weeks.get(start, (None, 0))
        line.append(TrendPoint(date_format(start, "j M"), None if value is None else float(value), n=count))
    known = [point.value for point in line if point.value is not None]
    return charts.trend(
        line,
        title=metric.label,
        noun="point",
        floor=0 if min(known) >= 0 else -math.inf,
        ceiling=math.inf,
        signed=False,
        places=0 if all(value == int(value) for value in known) else 1,
        unit=" %" if metric.type == MetricType.PERCENT else "",
    )


def _said(metric: Metric, point: MetricPoint) -> str:
    return metric_values.shown(metric.type, metric.choices, metric.unit, point.value)
