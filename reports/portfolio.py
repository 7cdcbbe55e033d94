"""The portfolio: risk × ARR × days to renewal, for as many accounts as there are.

Three statements, however many accounts: the totals by risk and time of renewal, those of accounts under an override, and
the first rows for the table and the picture; a later page of the table takes one more. Money is never added across
currencies, for which no rates are kept: one currency is shown at a time, the workspace's unless another is chosen, and
what lies in others is counted beside it.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.db.models import (
    Count,
    F,
    Q,
    QuerySet,
    Sum,
)
from django.urls import reverse

from accounts import segments
from accounts.models import Account, Segment
from core import charts
from core.templatetags.ui import money
from team import queries as team_queries
from team.models import User
from workflows.health.domain import Config
from workflows.health.risk import RISK_LABELS, SHARES, Risk, config_in_force, risks_of, with_risk

PER_PAGE = 50
DRAWN = 60
QUARTERS = 4
TONES = {Risk.HIGH: "d", Risk.SOME: "n", Risk.LOW: "p", Risk.UNKNOWN: "a"}
OVERDUE, LATER, NONE = "overdue", "later", "none"


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the page is asked for. `shares` are per hundred of the ARR; `risk` and `renewal` are cells of the totals."""

    owner: str = ""
    team: int | None = None
    saved: Segment | None = None
    currency: str = ""
    risk: str = ""
    renewal: str = ""
    shares: Mapping[Risk, int] = field(default_factory=lambda: dict(SHARES))


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of renewals: `first` and `last` day, both included; None is without end."""

    key: str
    label: str
    first: dt.date | None
    last: dt.date | None


def periods(today: dt.date) -> list[Period]:
    """Overdue, what is left of this quarter, the three after it, and later."""
    found = [Period(OVERDUE, "Overdue", None, today - dt.timedelta(days=1))]
    first = dt.date(today.year, today.month - (today.month - 1) % 3, 1)
    for number in range(QUARTERS):
        following = dt.date(first.year + (first.month + 3 > 12), (first.month + 2) % 12 + 1, 1)
        key = f"{first.year}-Q{(first.month + 2) // 3}"
        label = f"Q{(first.month + 2) // 3} {first.year}"
        found.append(
            Period(key, label, max(first, today) if not number else first, following - dt.timedelta(days=1))
        )
        first = following
    return [*found, Period(LATER, "Later", first, None), Period(NONE, "No date", None, None)]


# --- Rows ----------------------------------------------------------------------------------------------------
def list_accounts(user: User, chosen: Chosen) -> QuerySet[Account]:
    """The customers in sight (in a customer stage or none, not churned) as they are asked for, in all currencies.

    Raises `Invalid` for a saved segment that cannot be read any more.
    """
    rows: QuerySet[Account] = Account.objects.visible_to(user)
    rows = rows.filter(Q(stage__isnull=True) | Q(stage__is_customer=True), churned_on__isnull=True)
    if chosen.owner == "none":
        rows = rows.filter(owner__isnull=True)
    elif chosen.owner:
        rows = rows.filter(owner=user.pk if chosen.owner == "me" else int(chosen.owner))
    if chosen.team is not None:
        rows = rows.filter(owner__team=chosen.team)
    if chosen.saved is not None:
        if chosen.saved.target == segments.ACCOUNT:
            rows = segments.narrow(rows, chosen.saved.conditions, target=segments.ACCOUNT, user=user)
        else:
            people = segments.contacts_of(chosen.saved, user).order_by()
            rows = rows.filter(pk__in=people.values("account"))
    return rows


def list_risky(user: User, chosen: Chosen, today: dt.date) -> QuerySet[Account]:
    """The rows of the table: in the chosen currency and cell, the largest expected loss first, unknown ones by ARR after."""
    rows = with_risk(list_accounts(user, chosen), shares=chosen.shares).filter(currency=chosen.currency)
    if chosen.risk:
        rows = rows.filter(risk=chosen.risk)
    if chosen.renewal:
        rows = rows.filter(_within(chosen.renewal, today))
    return rows.order_by(F("expected_loss").desc(nulls_last=True), F("arr").desc(nulls_last=True), "pk")


def _within(key: str, today: dt.date) -> Q:
    for period in periods(today):
        if period.key == key:
            return _q(period)
    return Q(pk__in=[])


def _q(period: Period) -> Q:
    if period.key == NONE:
        return Q(renewal_on__isnull=True)
    found = Q(renewal_on__isnull=False)
    if period.first is not None:
        found &= Q(renewal_on__gte=period.first)
    if period.last is not None:
        found &= Q(renewal_on__lte=period.last)
    return found


# --- Totals --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Cell:
    """Accounts of one risk that renew in one period. `loss` is None where it is not known."""

    accounts: int = 0
    arr: Decimal = Decimal(0)
    loss: Decimal | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    risk: Risk
    label: str
    share: int | None
    cells: Sequence[Cell]
    total: Cell


@dataclass(frozen=True, slots=True)
class Portfolio:
    today: dt.date
    currency: str
    periods: Sequence[Period]
    lines: Sequence[Line]
    total: Cell
    without_arr: int
    elsewhere: Sequence[tuple[str, int, str]]
    picture: charts.BubbleChart
    health: Config
    first: Sequence[Account]


@dataclass(slots=True)
class _Sum:
    """What a cell adds up to; `priced` accounts have an ARR."""

    accounts: int = 0
    money: Decimal = Decimal(0)
    priced: int = 0

    def add(self, accounts: int, money: Decimal | None, priced: int) -> None:
        self.accounts += accounts
        self.money += money or 0
        self.priced += priced


def _period_of(renewal: dt.date | None, stretches: Sequence[Period]) -> str:
    """The stretch a renewal lies in. They follow on one another: the first whose last day is not over yet."""
    if renewal is None:
        return NONE
    return next((one.key for one in stretches if one.last is not None and renewal <= one.last), LATER)


def read(user: User, chosen: Chosen, query: Mapping[str, str]) -> Portfolio:
    """Everything but the page of the table. `query` holds the filters in force, for the ways to the rows of a cell."""
    today = team_queries.today()
    stretches = periods(today)
    # Grouped by plain columns and folded here: of expressions the database does not know how few values they have, and
    # would sort all accounts instead of counting them up. Those under an override, a few, are counted apart.
    rows = list_accounts(user, chosen).order_by()
    figures = {"accounts": Count("pk"), "money": Sum("arr"), "priced": Count("arr")}
    plain = rows.filter(health__override__isnull=True)
    judged = rows.filter(health__override__isnull=False)
    counted = [
        *plain.values_list("currency", "health__band", "renewal_on").annotate(**figures),
        *judged.values_list("currency", "health__override__band", "renewal_on").annotate(**figures),
    ]
    risks = risks_of(config_in_force())
    here: dict[tuple[Risk, str], _Sum] = {}
    others: dict[str, int] = {}
    for currency, band, renewal, accounts, money_of, priced in counted:
        if currency != chosen.currency:
            others[currency] = others.get(currency, 0) + accounts
            continue
        place = risks.get(band or "", Risk.UNKNOWN), _period_of(renewal, stretches)
        here.setdefault(place, _Sum()).add(accounts, money_of, priced)
    lines = [_line(risk, stretches, here, chosen, query) for risk in Risk]
    drawn = list(list_risky(user, chosen, today).select_related("owner")[:DRAWN])
    url = reverse("reports:portfolio")
    return Portfolio(
        today=today,
        currency=chosen.currency,
        periods=stretches,
        lines=lines,
        total=_sum([line.total for line in lines]),
        without_arr=sum(row.accounts - row.priced for row in here.values()),
        elsewhere=[
            (code, number, f"{url}?{urlencode({**query, 'currency': code})}")
            for code, number in sorted(others.items())
        ],
        picture=_picture(drawn, today),
        health=config_in_force(),
        first=drawn,
    )


def _line(
    risk: Risk,
    stretches: Sequence[Period],
    rows: Mapping[tuple[Risk, str], _Sum],
    chosen: Chosen,
    query: Mapping[str, str],
) -> Line:
    cells = []
    for period in stretches:
        row = rows.get((risk, period.key))
        if row is None:
            cells.append(Cell())
            continue
        params = {**query, "risk": risk.value, "renewal": period.key}
        # All of a cell have the same share, so the loss of the sum is the sum of the losses.
        share = chosen.shares.get(risk)
        loss = None if share is None or not row.priced else row.money * share / 100
        cells.append(Cell(row.accounts, row.money, loss, f"?{urlencode(params)}#accounts"))
    total = _sum(cells)
    params = {**query, "risk": risk.value}
    params.pop("renewal", None)
    return Line(
        risk, RISK_LABELS[risk], chosen.shares.get(risk), cells,
        Cell(total.accounts, total.arr, total.loss, f"?{urlencode(params)}#accounts"),
    )  # fmt: skip


def _sum(cells: Sequence[Cell]) -> Cell:
    losses = [cell.loss for cell in cells if cell.loss is not None]
    return Cell(
        sum(cell.accounts for cell in cells),
        sum((cell.arr for cell in cells), Decimal(0)),
        sum(losses, Decimal(0)) if losses else None,
    )


def count(found: Portfolio, chosen: Chosen) -> int:
    """How many accounts stand under all filters, the cell among them: known from the totals."""
    return sum(
        cell.accounts
        for line in found.lines
        if chosen.risk in ("", line.risk)
        for period, cell in zip(found.periods, line.cells, strict=True)
        if chosen.renewal in ("", period.key)
    )


# --- The picture ---------------------------------------------------------------------------------------------
_AHEAD, _BEHIND = 365, -30


def days_to(renewal: dt.date | None, today: dt.date) -> int | None:
    return None if renewal is None else (renewal - today).days


def _picture(accounts: Sequence[Any], today: dt.date) -> charts.BubbleChart:
    """The dearest by days to renewal and health. An account without either stands in no place, and is in the table."""
    config = config_in_force()
    bands = config.bands
    edges = [band.start for band in bands] + [100.0]
    tones = ["d", *(["n"] * max(len(bands) - 2, 0)), "p"] if len(bands) > 1 else ["n"]
    placed = [
        _bubble(account, today, config)
        for account in accounts
        if account.renewal_on is not None and account.health_score is not None and account.arr
    ]
    return charts.BubbleChart(
        items=placed,
        title="Health and days to renewal, ARR as area",
        x_range=(_BEHIND, _AHEAD),
        y_range=(0, 100),
        x_marks=((0, "today"), (90, "90 days"), (180, "180"), (270, "270"), (_AHEAD, "a year")),
        y_marks=((0, "0"), *((edge, f"{edge:g}") for edge in edges[1:])),
        zones=tuple(zip(edges[:-1], edges[1:], tones, strict=True)),
        heads=("Account", "Health", "Days to renewal", "ARR", "Expected loss"),
    )


def _bubble(account: Any, today: dt.date, config: Config) -> charts.Bubble:
    days = days_to(account.renewal_on, today) or 0
    worth = money(account.arr, account.currency, compact=True)
    loss = (
        "unknown"
        if account.expected_loss is None
        else money(account.expected_loss, account.currency, compact=True)
    )
    shown = str(config.shown(account.health_score))
    when = f"renewal in {days} days" if days >= 0 else f"renewal {-days} days overdue"
    return charts.Bubble(
        label=account.name,
        x=days,
        y=account.health_score,
        size=float(account.arr),
        tone=TONES[Risk(account.risk)],
        says=f"{account.name}: health {shown}, {when}, ARR {worth}",
        cells=(shown, str(days), worth, loss),
        url=reverse("accounts:account_detail", args=[account.pk]),
    )
