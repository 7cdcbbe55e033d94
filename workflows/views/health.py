"""Health pages: the list, why an account's health changed, overrides and sentiment."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_POST, require_safe

from accounts import exports
from accounts import queries as account_queries
from accounts.forms import show_refusal
from accounts.models import Account
from accounts.services import exports as export_services
from core.charts_levels import Share, stacked_bar
from core.errors import Refused
from team import queries as team_queries
from team.http import UserRequest, requires
from team.permissions import can_export, can_lead, can_view, can_work
from workflows.filters import HealthFilter
from workflows.forms import OverrideForm, SentimentForm
from workflows.health import lists, queries, reasons, versions
from workflows.models import HealthOverride
from workflows.services import health as services

PAGE_SIZE = 50
LATELY = dt.timedelta(days=30)


# --- The list ------------------------------------------------------------------------------------------------
def _listing(request: UserRequest) -> tuple[HealthFilter, Any]:
    chosen = HealthFilter(request.GET, queryset=lists.rows(request.user), request=request)
    found = chosen.qs if chosen.is_valid() else chosen.queryset.none()
    return chosen, lists.ordered(found, request.GET.get("sort", ""))


@requires(can_view)
@require_safe
def health_list(request: UserRequest) -> HttpResponse:
    """Everybody's health, the lowest first."""
    version = versions.in_force()
    if version is None:
        return render(request, "workflows/health/list.html", {"version": None})
    config = versions.config_of(version)
    chosen, rows = _listing(request)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    counts = queries.count_by_band(user=request.user)
    url = reverse("workflows:health_list")
    shares = [
        Share(config.label_of(band) if band else "No score", counts.get(band, 0), config.tone_of(band), f"{url}?band={band or 'none'}")
        for band in lists.bands(config)
    ]  # fmt: skip
    context = {
        "version": version,
        "config": config,
        "filter": chosen,
        "page": page,
        "changes": reasons.lately(list(page), days=LATELY.days),
        "distribution": stacked_bar(shares, title="Accounts by band"),
        "owner": lists.owner_name(request.GET.get("owner", "")),
        "band": config.label_of(request.GET.get("band", "")) if request.GET.get("band") else "",
        "profiles": [(one.key, one.name) for one in config.profiles],
        "may_export": can_export(request.user),
        "may_lead": can_lead(request.user),
    }
    return render(request, "workflows/health/list.html", context)


@requires(can_export)
@require_safe
def health_export(request: UserRequest) -> HttpResponseBase:
    """What the list shows under the same filters, as CSV."""
    _, rows = _listing(request)
    export_services.note_export(what="health", rows=rows, filters=request.GET.keys(), actor=request.user)

    def lines() -> Iterator[list[Any]]:
        for row in rows.iterator(chunk_size=500):
            yield lists.exported(row)

    return exports.csv_response("health", lists.EXPORTED, lines())


@requires(can_view)
@require_safe
def health_how(request: UserRequest) -> HttpResponse:
    """How a score comes about, and how a change is explained."""
    return render(request, "workflows/health/how.html", {"may_lead": can_lead(request.user)})


# --- One account ---------------------------------------------------------------------------------------------
def _account(request: UserRequest, pk: int) -> Account:
    return get_object_or_404(account_queries.list_accounts(request.user), pk=pk)


@requires(can_view)
@require_safe
def health_change(request: UserRequest, pk: int) -> HttpResponse:
    """Why the health of an account changed between two days."""
    account, today = _account(request, pk), team_queries.today()
    first, last = _day(request, "from", today - LATELY), _day(request, "to", today)
    trouble = ""
    if first is None or last is None:
        trouble = "Give both days as year-month-day."
    elif first >= last or last > today:
        trouble = "The first day must lie before the second, and that not after today."
    if trouble or first is None or last is None:
        first, last = today - LATELY, today
    context = {
        "account": account,
        "comparison": reasons.between(account.pk, first, last),
        "today": today,
        "trouble": trouble,
    }
    name = "_change.html" if request.htmx.target == "health-change" else "change.html"
    return render(
        request, f"workflows/health/{name}", context, status=422 if trouble and not request.htmx else 200
    )


def _day(request: UserRequest, name: str, default: dt.date) -> dt.date | None:
    text = request.GET.get(name, "")
    if not text:
        return default
    try:
        return parse_date(text)
    except ValueError:
        return None


def _form_page(request: UserRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    """The form as a page, or as the content of the shared dialog."""
    if request.htmx.target == "modal-body":
        name = f"{name}#dialog"
    return render(request, f"workflows/health/{name}", context, status=422 if context["form"].errors else 200)


@requires(can_work)
def health_override(request: UserRequest, pk: int) -> HttpResponse:
    account, standing = _account(request, pk), queries.health_of(pk)
    version = versions.in_force()
    config = versions.config_of(version) if version else None
    bands = [(band.key, band.label) for band in config.bands] if config else []
    initial: dict[str, Any] = {"expires_on": team_queries.today() + LATELY}
    if standing is not None and standing.override_band:
        initial |= {"band": standing.override_band, "score": standing.override_score}
    form = OverrideForm(request.POST or None, bands=bands, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.override(account=account, actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(
                request,
                f"{account.name} stands as you said until {form.cleaned_data['expires_on']:%-d %b %Y}.",
            )
            return _to_tab(pk)
    return _form_page(request, "override_form.html", {"form": form, "account": account, "standing": standing})


@requires(can_work)
@require_POST
def health_override_end(request: UserRequest, pk: int) -> HttpResponse:
    account = _account(request, pk)
    found: HealthOverride | None = (
        queries.list_overrides(user=request.user).filter(account=account, ended_at__isnull=True).first()
    )
    try:
        if found is None:
            raise Refused("There is no override to end.")
        services.end_override(override=found, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "The computed score counts again.")
    return _to_tab(pk)


@requires(can_work)
def health_sentiment(request: UserRequest, pk: int) -> HttpResponse:
    account = _account(request, pk)
    form = SentimentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.set_sentiment(account=account, actor=request.user, **form.cleaned_data)
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, "Saved. It counts for health within a minute.")
            return _to_tab(pk)
    return _form_page(request, "sentiment_form.html", {"form": form, "account": account})


def _to_tab(pk: int) -> HttpResponse:
    return redirect(f"{reverse('accounts:account_detail', args=[pk])}?tab=health")
