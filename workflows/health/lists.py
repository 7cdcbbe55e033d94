"""The list of accounts by health: rows, order, what a download holds."""

from typing import Any

from django.db.models import F, QuerySet

from team import queries as team_queries
from team.models import User
from workflows.health import queries
from workflows.health.domain import UNCLEAR, Config
from workflows.models import AccountHealth

SORTS = {
    "score": "effective_score",
    "change": "change_30d",
    "confidence": "confidence",
    "name": "account__name",
    "owner": "account__owner__name",
    "arr": "account__arr",
    "renewal": "account__renewal_on",
}
EXPORTED = [
    "account", "external_id", "name", "owner", "score", "band", "computed_score", "computed_band", "override_reason",
    "override_until", "change_30d", "confidence", "profile", "arr", "currency", "renewal_on", "computed_at",
]  # fmt: skip


def rows(user: User) -> QuerySet[AccountHealth]:
    """The health of the accounts that this person sees; accounts that left are not watched any more."""
    return queries.list_health(user=user).filter(account__churned_on__isnull=True)


def ordered(found: QuerySet[AccountHealth], asked: str) -> QuerySet[AccountHealth]:
    """By `asked` ("change", "-arr"…); nothing known comes last either way. The lowest score first without it."""
    column = SORTS.get(asked.removeprefix("-"))
    if column is None:
        return found
    order = F(column).desc(nulls_last=True) if asked.startswith("-") else F(column).asc(nulls_last=True)
    return found.order_by(order, "account_id")


def bands(config: Config) -> list[str]:
    """All that an account can stand in, the best first."""
    return [*(band.key for band in reversed(config.bands)), UNCLEAR, ""]


def owner_name(value: str) -> str:
    """The owner a filter names, for its chip."""
    if value in {"", "me", "none"}:
        return {"me": "me", "none": "nobody"}.get(value, "")
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        return "unknown"
    return str(team_queries.list_assignable().filter(pk=int(value)).first() or "unknown")


def exported(row: Any) -> list[Any]:
    account, override = row.account, row.override
    return [
        account.pk, account.external_id, account.name, account.owner.email if account.owner else "",
        None if row.effective_score is None else round(row.effective_score, 2), row.effective_band,
        None if row.score is None else round(row.score, 2), row.band, override.reason if override else "",
        override.expires_on if override else None, None if row.change_30d is None else round(row.change_30d, 2),
        round(row.confidence, 4), row.profile, account.arr, account.currency, account.renewal_on, row.computed_at,
    ]  # fmt: skip
