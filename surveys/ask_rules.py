"""The rules of how often people are asked, as plain values. What they mean: docs/asking-rules.md.

Costs and budgets are in tenths of an ask.
"""

import datetime as dt
import hmac
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from django.conf import settings

from surveys.choices import AskScope, Channel, Reason, SurveyKind
from surveys.quarters import quarter_of

COSTS: Mapping[Channel, int] = {Channel.EMAIL: 10, Channel.SMS: 10, Channel.IN_APP: 3, Channel.LINK: 0}
REMINDER_COST = 5
EXTERNAL_COST = 10
# A relationship survey comes once a quarter; room for so many of them is kept free of other asks.
RELATIONSHIP_EVERY_DAYS = 90


def cost_of(channel: Channel) -> int:
    return COSTS.get(channel, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """How long people are left alone after asks of one scope, and what these may cost; 0 switches a rule off."""

    scope: AskScope
    quiet_days_answered: int = 0
    quiet_days_declined: int = 0
    quiet_days_ignored: int = 0
    budget: int = 0
    budget_days: int = RELATIONSHIP_EVERY_DAYS


# A relationship survey a quarter, as the field does it; a week between any two asks, whatever they are about; and a
# budget of four asks in ninety days, of which one is kept for the relationship survey.
DEFAULTS: Mapping[AskScope, Scope] = {
    AskScope.ALL: Scope(
        scope=AskScope.ALL, quiet_days_answered=7, quiet_days_declined=7, quiet_days_ignored=7, budget=40
    ),
    AskScope.RELATIONSHIP: Scope(
        scope=AskScope.RELATIONSHIP, quiet_days_answered=90, quiet_days_declined=30, quiet_days_ignored=30
    ),
    AskScope.TRANSACTIONAL: Scope(
        scope=AskScope.TRANSACTIONAL, quiet_days_answered=14, quiet_days_declined=30, quiet_days_ignored=7
    ),
}


@dataclass(frozen=True, slots=True)
class Purse:
    """A budget as the statement judges it: asks of the kind `counts` within `days` may cost `limit` at most, the one
    to be made included. It binds surveys of the kind `binds`. None means any kind."""

    days: int
    limit: int
    reason: Reason
    counts: SurveyKind | None = None
    binds: SurveyKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Everything that holds for whoever is asked. `mixed`: asks of both kinds exist, so that they must be told apart."""

    scopes: Mapping[AskScope, Scope] = field(default_factory=lambda: DEFAULTS)
    account_ask_limit: int = 5
    account_ask_days: int = 7
    minimum_tenure_days: int = 0
    mixed: bool = True
    has_external: bool = True
    has_preferences: bool = True
    # Open rounds of relationship campaigns, whose waiting people are not asked about other things just before.
    waiting_waves: tuple[int, ...] = ()

    @property
    def everything(self) -> Scope:
        return self.scopes[AskScope.ALL]

    def of(self, kind: SurveyKind) -> Scope:
        return self.scopes[AskScope(kind.value)]

    def quiet_days(self, outcome: str, *, asking: SurveyKind, about: SurveyKind) -> int:
        """How long a survey of the kind `asking` waits after that outcome of one of the kind `about`."""
        days: int = getattr(self.everything, f"quiet_days_{outcome}")
        return max(days, getattr(self.of(asking), f"quiet_days_{outcome}")) if asking == about else days

    @property
    def longest_gap(self) -> int:
        """For how many days an ask may stand in the way of one of another kind."""
        all_asks = self.everything
        return max(all_asks.quiet_days_answered, all_asks.quiet_days_declined, all_asks.quiet_days_ignored)

    @property
    def reserve(self) -> int:
        """What of the common budget only relationship surveys may use: one ask for every quarter of its window."""
        return 10 * max(1, math.ceil(self.everything.budget_days / RELATIONSHIP_EVERY_DAYS))

    def purses(self, kind: SurveyKind | None) -> tuple[Purse, ...]:
        """The budgets that bind a survey of this kind; None: of all kinds."""
        common = self.everything
        found = []
        if common.budget:
            found.append(Purse(common.budget_days, common.budget, Reason.BUDGET_SPENT))
        for own in (SurveyKind.RELATIONSHIP, SurveyKind.TRANSACTIONAL):
            rule = self.of(own)
            if rule.budget:
                found.append(Purse(rule.budget_days, rule.budget, Reason.BUDGET_SPENT, own, own))
        if common.budget:
            rest = common.budget - self.reserve
            transactional = SurveyKind.TRANSACTIONAL
            found.append(Purse(common.budget_days, rest, Reason.RESERVED, transactional, transactional))
        return tuple(purse for purse in found if kind is None or purse.binds in {None, kind})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What is to be asked: a survey of a kind, on these channels in order of preference, of a part of the people.

    `here`: one person, who is there at this moment. Then nobody is out of reach for not having been seen lately, nobody
    is chosen among others, and from when on the person could be asked is not found out.
    """

    kind: SurveyKind = SurveyKind.RELATIONSHIP
    channels: tuple[Channel, ...] = (Channel.EMAIL,)
    survey_id: int = 0
    sample_percent: int = 100
    period: str = ""
    here: bool = False


def period_of(now: dt.datetime, zone: ZoneInfo) -> str:
    """The quarter in which a sample holds, in the workspace's zone: "2026Q1"."""
    quarter = quarter_of(now.astimezone(zone).date())
    return f"{quarter.year}Q{quarter.number}"


def sampling_key() -> str:
    """What makes samples differ between deployments and keeps them the same within one."""
    return hmac.digest(settings.ADDRESS_KEY.encode(), b"sampling", "sha256").hex()


def threshold(percent: float) -> str:
    """Whoever draws less than these eight hex digits is in a sample of so many per cent; below 100."""
    return f"{int(percent * 2**32 / 100):08x}"
