"""The first page, and the portfolio."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts import queries as account_queries
from accounts.exports import csv_response
from accounts.services import exports as export_services
from core.errors import Refused
from reports import portfolio as portfolios
from reports import queries
from team import queries as team_queries
from team.domain import Role
from team.http import UserRequest, requires
from team.permissions import can_export, can_view, can_work
from workflows.health.risk import SHARES, Risk


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


# --- Portfolio -----------------------------------------------------------------------------------------------
_ASKED = ("owner", "team", "saved", "currency", "risk", "renewal", *(risk.value for risk in SHARES))


def _number(text: str, most: int) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 and int(text) <= most else None


def _chosen(request: UserRequest) -> tuple[portfolios.Chosen, dict[str, str], dict[str, Any]]:
    """What the address asks for, the same as parameters, and what the filters offer; what cannot be read is left out."""
    given = request.GET
    people = team_queries.list_assignable()
    owners = [("me", "Me"), ("none", "Nobody"), *((str(one.pk), str(one)) for one in people)]
    teams = list(team_queries.list_teams())
    saved = list(account_queries.list_segments(request.user))
    owner = given.get("owner", "") if given.get("owner", "") in dict(owners) else ""
    team = next((one for one in teams if str(one.pk) == given.get("team", "")), None)
    segment = next((one for one in saved if str(one.pk) == given.get("saved", "")), None)
    currency = given.get("currency", "")
    home = team_queries.workspace().currency
    shares = {
        risk: share
        for risk, usual in SHARES.items()
        if (share := _number(given.get(risk.value, str(usual)), 100)) is not None
    }
    chosen = portfolios.Chosen(
        owner=owner,
        team=team.pk if team else None,
        saved=segment,
        currency=currency.upper() if len(currency) == 3 and currency.isalpha() else home,
        risk=given.get("risk", "") if given.get("risk", "") in set(Risk) else "",
        renewal=given.get("renewal", "")[:10],
        shares={**SHARES, **shares},
    )
    kept = {key: given[key] for key in _ASKED if given.get(key)}
    offered = {"owners": owners, "teams": teams, "segments": saved, "home": home, "team": team}
    return chosen, kept, offered


@requires(can_view)
@require_safe
def portfolio(request: UserRequest) -> HttpResponse:
    """Risk × ARR × days to renewal: what may be lost, where, and when."""
    chosen, kept, offered = _chosen(request)
    trouble = ""
    try:
        found = portfolios.read(request.user, chosen, kept)
    except Refused as refusal:  # a saved segment whose field was taken away
        trouble = refusal.message
        chosen = portfolios.Chosen(currency=chosen.currency, shares=chosen.shares)
        found = portfolios.read(request.user, chosen, {})
    is_later = request.GET.get("page", "1") != "1"
    rows: Any = portfolios.list_risky(request.user, chosen, found.today).select_related("owner")
    pages = Paginator(rows if is_later else found.first, portfolios.PER_PAGE)
    pages.count = portfolios.count(found, chosen)  # known from the totals: no statement of its own
    context = {
        **offered,
        "chosen": chosen,
        "found": found,
        "page": pages.get_page(request.GET.get("page")),
        "trouble": trouble,
        "shares": [(risk.value, label, chosen.shares[risk]) for risk, label in _SHARE_LABELS],
        "cell": _cell_words(found, chosen),
        "may_export": can_export(request.user),
    }
    return render(request, "reports/portfolio.html", context)


_SHARE_LABELS = ((Risk.HIGH, "high risk"), (Risk.SOME, "some risk"), (Risk.LOW, "low risk"))


def _cell_words(found: portfolios.Portfolio, chosen: portfolios.Chosen) -> str:
    said = [line.label.lower() + " risk" for line in found.lines if line.risk == chosen.risk]
    said += [f"renewal {period.label.lower()}" for period in found.periods if period.key == chosen.renewal]
    return ", ".join(said)


def _cents(amount: Decimal | None) -> Decimal | None:
    """The databases give products other numbers of places."""
    return None if amount is None else Decimal(amount).quantize(Decimal("0.01"))


@requires(can_export)
@require_safe
def portfolio_export(request: UserRequest) -> HttpResponseBase:
    """The rows of the table under the same filters, as CSV."""
    chosen, kept, _ = _chosen(request)
    today = team_queries.today()
    try:
        rows: Any = portfolios.list_risky(request.user, chosen, today).select_related("owner")
    except Refused:  # the page says why
        return redirect(f"{reverse('reports:portfolio')}?{urlencode(kept)}")
    export_services.note_export(what="portfolio", rows=rows, filters=kept, actor=request.user)
    header = [
        "account",
        "owner",
        "risk",
        "band",
        "health",
        "arr",
        "currency",
        "expected_loss",
        "renewal_on",
        "days",
    ]

    def lines() -> Iterator[list[Any]]:
        for row in rows.iterator(chunk_size=500):
            yield [
                row.name, row.owner.name if row.owner else "", row.risk, row.health_band or "", row.health_score,
                row.arr, row.currency, _cents(row.expected_loss), row.renewal_on, portfolios.days_to(row.renewal_on, today),
            ]  # fmt: skip

    return csv_response("portfolio", header, lines())
