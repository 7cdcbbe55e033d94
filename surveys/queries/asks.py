"""The ledger of asks: who asked a person or the people of an account, when, what it cost, and when the next is possible."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import CharField, DateTimeField, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from accounts.models import Account, Contact
from accounts.querysets import accounts_visible_to
from core import clock
from surveys import campaign_words, eligibility
from surveys.ask_rules import Asking, Rules
from surveys.choices import AskScope, Channel, InvitationState, SurveyKind
from surveys.eligibility import Verdict
from surveys.models import ExternalAsk, Invitation, Response, Survey
from team.models import User

OURS, THEIRS = "ours", "theirs"
# Somebody is reached by hand or by a campaign on one of these.
CHANNELS = (Channel.EMAIL, Channel.SMS)
LISTED = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """One ask: ours (`invitation`) or another tool's (`external`). `cost` is in tenths of an ask."""

    at: dt.datetime
    invitation: Invitation | None
    external: ExternalAsk | None

    @property
    def contact(self) -> Contact | None:
        return (self.invitation or self.external).contact  # type: ignore[union-attr]  # one of them is there

    @property
    def is_planned(self) -> bool:
        return self.invitation is not None and self.invitation.asked_at is None

    @property
    def kind(self) -> str:
        if self.invitation is not None:
            return self.invitation.version.survey.kind
        assert self.external is not None
        return self.external.kind

    @property
    def channel(self) -> str:
        return campaign_words.channel(self.channel_code)

    @property
    def channel_code(self) -> str:
        return (self.invitation or self.external).channel  # type: ignore[union-attr]

    @property
    def cost(self) -> int:
        return (self.invitation or self.external).cost  # type: ignore[union-attr]

    @property
    def answer(self) -> Response | None:
        return getattr(self.invitation, "response", None)


def external_asks(user: User) -> QuerySet[ExternalAsk]:
    """Asks of other tools at visible accounts; those without an account are for scope *all* only."""
    return (
        ExternalAsk.objects.filter(accounts_visible_to(user, "account__"))
        .select_related("contact", "account")
        .order_by("pk")
    )


def ledger(
    user: User, *, contact: Contact | None = None, account: Account | None = None
) -> QuerySet[Any, dict[str, Any]]:
    """The asks of a person or account, newest first, as rows to be `read`; tests are none."""
    ours = Invitation.objects.visible_to(user).real()
    theirs = external_asks(user)
    if contact is not None:
        key = contact.address_key or contact.phone_key
        whose = Q(contact=contact) | Q(recipient_key=key) if key else Q(contact=contact)
        ours, theirs = ours.filter(whose), theirs.filter(whose)
    if account is not None:
        ours, theirs = ours.filter(account=account), theirs.filter(account=account)

    def rows(found: QuerySet[Any], at: Any, source: str) -> Any:
        return (
            found.order_by()
            .annotate(at=at, source_of=Value(source, output_field=CharField()))
            .values("at", "source_of", "pk")
        )

    found: QuerySet[Any, dict[str, Any]] = rows(ours, Coalesce("asked_at", "planned_at"), OURS).union(
        rows(theirs, Coalesce("asked_at", "reported_at", output_field=DateTimeField()), THEIRS), all=True
    ).order_by("-at", "source_of", "-pk")  # fmt: skip
    return found


def read(rows: Sequence[dict[str, Any]]) -> list[Entry]:
    """A page of the ledger with what is said of each ask."""
    ours = Invitation.objects.select_related(
        "version__survey", "wave__campaign__launched_by", "response", "contact", "asked_by"
    ).in_bulk([row["pk"] for row in rows if row["source_of"] == OURS])
    theirs = ExternalAsk.objects.select_related("contact").in_bulk(
        [row["pk"] for row in rows if row["source_of"] == THEIRS]
    )
    found = []
    for row in rows:
        pk = row["pk"]
        ask = ours.get(pk) if row["source_of"] == OURS else theirs.get(pk)
        if isinstance(ask, Invitation):
            found.append(Entry(ask.asked_at or ask.planned_at, ask, None))
        elif ask is not None:
            found.append(Entry(ask.asked_at, None, ask))
    return found


@dataclass(frozen=True, slots=True)
class Budget:
    """What asks of a scope took of their budget within its window, in tenths of an ask. `budget` 0: none is set."""

    scope: AskScope
    used: int
    budget: int
    days: int

    @property
    def left(self) -> int:
        return max(0, self.budget - self.used)


@dataclass(frozen=True, slots=True)
class Next:
    """When a survey of a kind may be asked next."""

    kind: SurveyKind
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand with one person."""

    budgets: tuple[Budget, ...]
    nexts: tuple[Next, ...]
    reserve: int


def standing(contact: Contact, *, now: dt.datetime | None = None) -> Standing:
    now = now or clock.now()
    rules = eligibility.rules()
    return Standing(
        budgets=_budgets(contact, rules, now),
        nexts=tuple(
            Next(kind, eligibility.judge_contact(contact, Asking(kind=kind, channels=CHANNELS), now=now))
            for kind in SurveyKind
        ),
        reserve=rules.reserve if rules.everything.budget else 0,
    )


def _budgets(contact: Contact, rules: Rules, now: dt.datetime) -> tuple[Budget, ...]:
    """Counted over everything that went to the person or their address, as the rules count."""
    key = contact.address_key or contact.phone_key
    whose = Q(contact=contact) | Q(recipient_key=key) if key else Q(contact=contact)
    longest = now - dt.timedelta(days=max(scope.budget_days for scope in rules.scopes.values()))
    ours = Invitation.objects.real().filter(whose, asked_at__gt=longest)
    spent: list[tuple[str, Any, int]] = [
        *ours.values_list("version__survey__kind", "asked_at", "cost"),
        *ExternalAsk.objects.filter(whose, asked_at__gt=longest).values_list("kind", "asked_at", "cost"),
    ]
    return tuple(
        Budget(
            scope,
            sum(
                cost
                for kind, at, cost in spent
                if at > now - dt.timedelta(days=rule.budget_days)
                and scope.value in {AskScope.ALL.value, kind}
            ),
            rule.budget,
            rule.budget_days,
        )
        for scope, rule in rules.scopes.items()
        if rule.budget
    )


@dataclass(frozen=True, slots=True)
class AccountStanding:
    """How many of an account's people were asked within the days of its limit, and how many are planned."""

    asked: int
    planned: int
    limit: int
    days: int
    spent: int
    window: int


def account_standing(account: Account, *, now: dt.datetime | None = None) -> AccountStanding:
    now = now or clock.now()
    rules = eligibility.rules()
    since = now - dt.timedelta(days=rules.account_ask_days)
    ours, theirs = (
        Invitation.objects.real().filter(account=account),
        ExternalAsk.objects.filter(account=account),
    )
    days = rules.everything.budget_days
    window = now - dt.timedelta(days=days)
    costs = [
        *ours.filter(asked_at__gt=window).values_list("cost", flat=True),
        *theirs.filter(asked_at__gt=window).values_list("cost", flat=True),
    ]
    waiting = [InvitationState.PLANNED, InvitationState.SENDING]
    return AccountStanding(
        asked=ours.filter(asked_at__gt=since).count() + theirs.filter(asked_at__gt=since).count(),
        planned=ours.filter(asked_at__isnull=True, state__in=waiting).count(),
        limit=rules.account_ask_limit,
        days=rules.account_ask_days,
        spent=sum(costs),
        window=days,
    )


def surveys_to_ask() -> QuerySet[Survey]:
    """Published surveys, which somebody can be asked by hand."""
    return Survey.objects.filter(state="active", current__isnull=False).order_by("name", "pk")
