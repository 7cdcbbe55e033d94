"""REST resource of the portfolio: the same question as the page asks, and the same rows in sight."""

from collections.abc import Mapping
from typing import Any, cast

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries as account_queries
from accounts.models import Segment
from core.api import ApiView
from core.errors import Invalid, Refused
from reports import portfolio as portfolios
from team import queries as team_queries
from team.authentication import check_scope
from team.domain import ApiScope
from team.models import ApiKey, User
from team.permissions import can_view
from workflows.health.risk import SHARES, Risk

MAX_ROWS = 200
PARAMETERS = ("owner", "team", "saved", "currency", "risk", "renewal", *map(str, SHARES), "page", "page_size")


# --- What goes out -------------------------------------------------------------------------------------------
class SumSerializer(serializers.Serializer[Any]):
    accounts = serializers.IntegerField()
    arr = serializers.DecimalField(max_digits=24, decimal_places=2)
    expected_loss = serializers.DecimalField(
        max_digits=24, decimal_places=2, allow_null=True, source="loss", help_text="Null where it is unknown."
    )


class CellSerializer(SumSerializer):
    risk = serializers.ChoiceField(choices=[risk.value for risk in Risk])
    renewal = serializers.CharField(help_text="overdue, a quarter such as 2026-Q4, later or none.")
    first = serializers.DateField(allow_null=True, help_text="First day of the period; null without one.")
    last = serializers.DateField(allow_null=True, help_text="Last day of the period; null without one.")


class ElsewhereSerializer(serializers.Serializer[Any]):
    currency = serializers.CharField()
    accounts = serializers.IntegerField()


class PortfolioAccountSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    external_id = serializers.CharField(allow_null=True)
    name = serializers.CharField()
    owner = serializers.IntegerField(source="owner_id", allow_null=True)
    risk = serializers.ChoiceField(choices=[risk.value for risk in Risk])
    band = serializers.CharField(source="health_band", allow_null=True)
    health = serializers.FloatField(source="health_score", allow_null=True, help_text="0 to 100.")
    arr = serializers.DecimalField(max_digits=24, decimal_places=2, allow_null=True)
    currency = serializers.CharField()
    expected_loss = serializers.DecimalField(max_digits=24, decimal_places=2, allow_null=True)
    renewal_on = serializers.DateField(allow_null=True)
    days = serializers.IntegerField(
        allow_null=True, help_text="Days to the renewal, negative where it is overdue."
    )


class PortfolioSerializer(serializers.Serializer[Any]):
    as_of = serializers.DateField()
    currency = serializers.CharField()
    shares = serializers.DictField(
        child=serializers.IntegerField(), help_text="Percent of the ARR lost, by risk."
    )
    total = SumSerializer()
    without_arr = serializers.IntegerField(help_text="Accounts counted that have no ARR.")
    elsewhere = ElsewhereSerializer(
        many=True, help_text="Accounts in other currencies, which are not added up."
    )
    cells = CellSerializer(many=True, help_text="Accounts by risk and period of renewal; empty cells are left out.")  # fmt: skip
    count = serializers.IntegerField(help_text="Accounts under all filters.")
    page = serializers.IntegerField()
    pages = serializers.IntegerField()
    accounts = PortfolioAccountSerializer(many=True)


# --- What is asked -------------------------------------------------------------------------------------------
def read_chosen(params: Mapping[str, str], user: User) -> portfolios.Chosen:
    """What the parameters ask for, strictly: a misspelt filter must not answer with a silent total."""
    for name in params:
        if name not in PARAMETERS:
            raise Invalid(
                f'There is no filter "{name[:60]}". Known are: {", ".join(sorted(PARAMETERS))}.',
                code="unknown_parameter",
                field=name[:60],
            )
    shares = {risk: _number(params, risk.value, usual, 0, 100) for risk, usual in SHARES.items()}
    currency = params.get("currency", team_queries.workspace().currency).upper()
    if len(currency) != 3 or not (currency.isascii() and currency.isalpha()):
        raise Invalid("A currency has three letters, such as EUR.", field="currency")
    return portfolios.Chosen(
        owner=_owner(params),
        team=_team(params),
        saved=_saved(params, user),
        currency=currency,
        risk=_one_of(params, "risk", [risk.value for risk in Risk]),
        renewal=_one_of(params, "renewal", [one.key for one in portfolios.periods(team_queries.today())]),
        shares=shares,
    )


def _number(params: Mapping[str, str], name: str, usual: int, least: int, most: int) -> int:
    text = params.get(name)
    if text is None:
        return usual
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise Invalid(f"This must be a whole number from {least} to {most:,}.", field=name)
    return int(text)


def _key(text: str, field: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Invalid("This must be an id.", field=field)
    return int(text)


def _one_of(params: Mapping[str, str], name: str, known: list[str]) -> str:
    if (text := params.get(name)) is None:
        return ""
    if text not in known:
        raise Invalid(f"This must be one of: {', '.join(known)}.", field=name)
    return text


def _owner(params: Mapping[str, str]) -> str:
    text = params.get("owner", "")
    return text if text in ("", "me", "none") else str(_key(text, "owner"))


def _team(params: Mapping[str, str]) -> int | None:
    if "team" not in params:
        return None
    key = _key(params["team"], "team")
    if not any(team.pk == key for team in team_queries.list_teams()):
        raise Invalid("There is no team with this id.", field="team")
    return key


def _saved(params: Mapping[str, str], user: User) -> Segment | None:
    if "saved" not in params:
        return None
    found: Segment | None = (
        account_queries.list_segments(user).filter(pk=_key(params["saved"], "saved")).first()
    )
    if found is None:
        raise Invalid("There is no segment with this id that the key may see.", field="saved")
    return found


class PortfolioView(ApiView):
    """Risk × ARR × days to renewal of the customers that the key's person sees: totals, and the accounts, the largest
    expected loss first.

    One call costs as many statements as the page, however many accounts there are, and counts once against the key's
    rate. It tells what accounts and health tell, so the key needs both scopes.
    """

    scopes = {"read": ApiScope.ACCOUNTS_READ}

    @extend_schema(
        summary="Read the portfolio: risk, ARR and renewals",
        description="Needs accounts:read and work:read. Money is never added across currencies: one is shown at a time.",
        parameters=[
            OpenApiParameter("owner", str, description="Id of a person, me or none."),
            OpenApiParameter("team", int, description="Id of the team of the owner."),
            OpenApiParameter("saved", int, description="Id of a saved segment."),
            OpenApiParameter("currency", str, description="Three letters; the workspace's if left out."),
            OpenApiParameter("risk", str, enum=[risk.value for risk in Risk], description="Accounts of one risk."),
            OpenApiParameter("renewal", str, description="Accounts of one period: overdue, 2026-Q4, later or none."),
            *(
                OpenApiParameter(risk.value, int, description=f"Percent lost of this risk, 0 to 100; {share} if left out.")
                for risk, share in SHARES.items()
            ),
            OpenApiParameter("page", int),
            OpenApiParameter("page_size", int, description=f"1 to {MAX_ROWS}, 50 if left out."),
        ],
        responses=PortfolioSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        user, params = cast(User, request.user), request.query_params
        if isinstance(request.auth, ApiKey):
            check_scope(user, request.auth, ApiScope.WORK_READ, allowed=can_view)
        chosen = read_chosen(params, user)
        size = _number(params, "page_size", portfolios.PER_PAGE, 1, MAX_ROWS)
        page = _number(params, "page", 1, 1, 1_000_000)
        try:
            found = portfolios.read(user, chosen, {})
        except Refused as refusal:  # a field that the segment asks about was taken away
            raise Invalid(refusal.message, field="saved") from None
        start = (page - 1) * size
        rows = list(portfolios.list_risky(user, chosen, found.today)[start : start + size])
        count = portfolios.count(found, chosen)
        return Response(PortfolioSerializer(_answer(found, chosen, rows, count, page, size)).data)


def _answer(
    found: portfolios.Portfolio, chosen: portfolios.Chosen, rows: list[Any], count: int, page: int, size: int
) -> dict[str, Any]:
    for row in rows:
        row.days = portfolios.days_to(row.renewal_on, found.today)
    return {
        "as_of": found.today,
        "currency": found.currency,
        "shares": {risk.value: share for risk, share in chosen.shares.items()},
        "total": found.total,
        "without_arr": found.without_arr,
        "elsewhere": [{"currency": code, "accounts": number} for code, number, _ in found.elsewhere],
        "cells": [
            {
                "risk": line.risk.value, "renewal": period.key, "first": period.first, "last": period.last,
                "accounts": cell.accounts, "arr": cell.arr, "loss": cell.loss,
            }
            for line in found.lines
            for period, cell in zip(found.periods, line.cells, strict=True)
            if cell.accounts
        ],
        "count": count,
        "page": page,
        "pages": -(-count // size),
        "accounts": rows,
    }  # fmt: skip
