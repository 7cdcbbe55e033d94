"""What a configuration would change, for a person to look at before it is saved: only accounts that they see."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Sum
from django.utils.safestring import SafeString

from accounts.models import Account
from core.charts_levels import Share, stacked_bar
from team import scope
from team.domain import RowScope
from team.models import User
from workflows.health import compute
from workflows.health import config as configuration
from workflows.health.compute import Change
from workflows.health.domain import UNCLEAR, Config

SHOWN = 25


@dataclass(frozen=True, slots=True)
class Shown:
    """An account that would change its band, and how."""

    account: Account
    change: Change
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Move:
    """So many accounts would go from one band to another; `is_fall` where the later is the worse."""

    number: int
    before: str
    after: str
    is_fall: bool


@dataclass(frozen=True, slots=True)
class WhatIf:
    """`total` accounts were computed, `changing` change band. `falling` sums the ARR of those listed that fall, by currency."""

    config: Config
    total: int
    changing: int
    moves: list[Move]
    accounts: list[Shown]
    falling: list[tuple[str, Decimal]]
    before: SafeString
    after: SafeString
    profiles: Mapping[str, int]


def what_if(raw: Mapping[str, Any], user: User) -> WhatIf:
    """What would change if `raw` were saved now. Raises `Invalid` as saving would."""
    config = configuration.check(raw)
    seen: set[int] | None = None
    if scope.scope_of(user) != RowScope.ALL:
        seen = set(Account.objects.visible_to(user).values_list("pk", flat=True))
    found = compute.preview(config, accounts=seen)
    ids = [change.account for change in found.changes]
    accounts = Account.objects.visible_to(user).select_related("owner").in_bulk(ids)
    falls = [
        change.account
        for change in found.changes
        if _is_fall(config, change.before, change.after) and change.account in accounts
    ]
    sums = (
        Account.objects.filter(pk__in=falls, arr__gt=0)
        .values("currency")
        .annotate(arr=Sum("arr"))
        .order_by("-arr")
    )
    moves = [
        Move(number, _label(config, before), _label(config, after), _is_fall(config, before, after))
        for (before, after), number in sorted(found.moves.items(), key=lambda one: (-one[1], one[0]))
    ]
    shown = [
        Shown(accounts[one.account], one, _label(config, one.before), _label(config, one.after))
        for one in found.changes
        if one.account in accounts
    ]
    return WhatIf(
        config,
        sum(found.after.values()),
        found.changing,
        moves,
        shown[:SHOWN],
        [(row["currency"], row["arr"]) for row in sums],
        _bar(config, found.before, "Accounts by band now"),
        _bar(config, found.after, "Accounts by band if this were saved"),
        found.profiles,
    )


def _label(config: Config, band: str) -> str:
    return (config.label_of(band) if band else "No score").lower()


def _place(config: Config, band: str) -> int:
    keys = [one.key for one in config.bands]
    return keys.index(band) if band in keys else -1


def _is_fall(config: Config, before: str, after: str) -> bool:
    known = _place(config, before), _place(config, after)
    return -1 not in known and known[1] < known[0]


def _bar(config: Config, counts: Mapping[str, int], title: str) -> SafeString:
    order = [*(band.key for band in reversed(config.bands)), UNCLEAR, ""]
    order += [key for key in counts if key not in order]
    shares = [
        Share(config.label_of(key) if key else "No score", counts.get(key, 0), config.tone_of(key))
        for key in order
        if counts.get(key) or key in {band.key for band in config.bands}
    ]
    return stacked_bar(shares, title=title)
