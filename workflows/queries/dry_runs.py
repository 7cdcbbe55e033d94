"""What pages and the API read about dry runs: only what is on accounts the person sees."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from accounts.models import Account, Contact
from team.domain import RowScope
from team.models import User
from team.scope import scope_of
from workflows.models import DryRun, DryRunHit, Rule
from workflows.queries import runs
from workflows.rules import catalogue
from workflows.rules.definition import walk
from workflows.rules.dry_run import rule_of
from workflows.rules.verdicts import VERDICT_WORDS, WITHHELD_WORDS, Verdict, Withheld


def latest_of(rule: Rule, *, version: int | None = None, least_days: int = 0) -> DryRun | None:
    """The newest dry run of the rule, or of one of its versions; with `least_days` one that looked back so far."""
    found = DryRun.objects.filter(rule=rule, days__gte=least_days).select_related("rule")
    if version is not None:
        found = found.filter(rule_version=version)
    return found.order_by("-pk").first()


@dataclass(frozen=True, slots=True)
class Summary:
    """What a dry run found on the accounts that somebody sees.

    `reasons` is (key, words, number) for what did not run and for messages left out; `notes` say what the log could not
    tell. `most` of the times were on `most_account`.
    """

    days: int
    fires: int
    accounts: int
    most: int
    most_account: Account | None
    writes: bool
    mails: int
    people: int
    left_out_count: int
    unknown: int
    reasons: list[tuple[str, str, int]]
    scope: str
    notes: list[str] = field(default_factory=list)

    @property
    def left_out(self) -> bool:
        return self.left_out_count > 0

    @property
    def days_text(self) -> str:
        return f"{self.days} days"

    def as_plain(self) -> dict[str, Any]:
        return {
            "fires": self.fires,
            "accounts": self.accounts,
            "most_on_one_account": self.most,
            "messages": self.mails,
            "people_written_to": self.people,
            "messages_left_out": self.left_out_count,
            "unknown": self.unknown,
            "reasons": {key: number for key, _, number in self.reasons},
            "notes": self.notes,
        }


def summary(dry_run: DryRun, user: User) -> Summary:
    """The counts and sentences of a dry run that is done."""
    hits = DryRunHit.objects.visible_to(user).filter(dry_run=dry_run).order_by()
    firing = hits.filter(verdict=Verdict.FIRES)
    totals = firing.aggregate(
        fires=Count("pk"),
        accounts=Count("account", distinct=True),
        mails=Sum("messages"),
        people=Count("contact", distinct=True, filter=Q(messages__gt=0)),
    )
    by_verdict = dict(hits.values_list("verdict").annotate(Count("pk")))
    withheld = dict(firing.exclude(withheld="").values_list("withheld").annotate(Count("pk")))
    most = (
        firing.filter(account__isnull=False).values_list("account").annotate(n=Count("pk")).order_by("-n", "account").first()
    )  # fmt: skip
    reasons = [
        (verdict.value, words, by_verdict[verdict.value])
        for verdict, words in VERDICT_WORDS.items()
        if verdict is not Verdict.FIRES and by_verdict.get(verdict.value)
    ] + [
        (key.value, words, withheld[key.value])
        for key, words in WITHHELD_WORDS.items()
        if withheld.get(key.value)
    ]
    return Summary(
        days=dry_run.days,
        fires=totals["fires"],
        accounts=totals["accounts"],
        most=most[1] if most else 0,
        most_account=Account.objects.filter(pk=most[0]).first() if most else None,
        writes=_writes(dry_run),
        mails=totals["mails"] or 0,
        people=totals["people"],
        left_out_count=sum(withheld.values()),
        unknown=by_verdict.get(Verdict.UNKNOWN.value, 0),
        reasons=reasons,
        scope="all of them" if scope_of(user) is RowScope.ALL else "on accounts you see",
        notes=list(_notes(dry_run)),
    )


def _writes(dry_run: DryRun) -> bool:
    """Whether the rule writes to customers at all."""
    kinds = {str(step.get("kind")) for _, step in walk(rule_of(dry_run).steps)}
    return any(kind in catalogue.step_types and catalogue.step_types[kind].reaches_out for kind in kinds)


UNRECORDED: Mapping[str, str] = {
    "renewal.in_days": "Renewals are recorded only while a rule that is on waits for this number of days. Those of other"
    " days are not counted, so it would have run more often than this says.",
    "date.reached": "Dates are recorded only while a rule that is on waits for this date. Those of other days are not"
    " counted, so it would have run more often than this says.",
    "segment.entered": "Who enters a list is recorded only while a rule that is on waits for it. Earlier ones are not"
    " counted.",
    "segment.left": "Who leaves a list is recorded only while a rule that is on waits for it. Earlier ones are not counted.",
    "metric.crossed": "A crossing is recorded only while the metric or a rule that is on asks for this threshold. Earlier"
    " ones are not counted.",
}
"""What nobody records unless a rule asks for it, so that the past knows less of it than there was."""


def _notes(dry_run: DryRun) -> Iterable[str]:
    if dry_run.as_if_live:
        yield (
            "Answers and events that were imported are counted as if they had come in live. The rule itself acts on"
            " imports only where it says so."
        )
    if note := UNRECORDED.get(rule_of(dry_run).trigger):
        yield note


# --- The list ------------------------------------------------------------------------------------------------
def hits_of(dry_run: DryRun, user: User, show: str = "") -> QuerySet[DryRunHit]:
    """Each event the dry run kept, newest first: all that would have run, or those of one verdict or reason."""
    found = DryRunHit.objects.visible_to(user).filter(dry_run=dry_run)
    if show in {one.value for one in Withheld}:
        found = found.filter(withheld=show)
    elif show in {one.value for one in Verdict}:
        found = found.filter(verdict=show)
    found = found.select_related("account", "contact", "event")
    return found.order_by("-occurred_at", "-pk")


def counts(dry_run: DryRun, user: User) -> list[tuple[str, str, int]]:
    """How many there are of each verdict, as (key, label, number)."""
    hits = DryRunHit.objects.visible_to(user).filter(dry_run=dry_run).order_by()
    found = dict(hits.values_list("verdict").annotate(Count("pk")))
    return [(key.value, label, found.get(key.value, 0)) for key, label in _SHORT.items()]


_SHORT: Mapping[Verdict, str] = {
    Verdict.FIRES: "Would have run",
    Verdict.UNDER_WAY: "One was under way",
    Verdict.REENTRY: "Gone through before",
    Verdict.HELD: "Held",
    Verdict.UNKNOWN: "Unknown",
}


@dataclass(frozen=True, slots=True)
class ShownHit:
    """One line of the list: what happened, and what the rule would have done."""

    hit: DryRunHit
    account: Account | None
    contact: Contact | None
    what: str
    url: str
    outcome: str


def shown(hits: Sequence[DryRunHit]) -> list[ShownHit]:
    """The lines of a page; `hits` are those of `hits_of`."""
    found = []
    for hit in hits:
        what, url = runs.cause_of(hit.event) if hit.event else ("A date came", "")
        outcome = VERDICT_WORDS[Verdict(hit.verdict)]
        if hit.withheld:
            outcome = f"{outcome}. {WITHHELD_WORDS[Withheld(hit.withheld)]}"
        if hit.messages:
            outcome += f", {hit.messages} message{'s' if hit.messages > 1 else ''}"
        found.append(ShownHit(hit, hit.account, hit.contact, what, url, outcome))
    return found
