"""What pages and the API read about dry runs: only what is on accounts the person sees."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from accounts.models import Account, Contact
from accounts.services import metric_pruning
from team.domain import RowScope
from team.models import User
from team.scope import scope_of
from workflows.models import DryRun, DryRunHit, Rule
from workflows.queries import runs
from workflows.rules import catalogue
from workflows.rules.definition import walk
from workflows.rules.dry_run import rule_of
from workflows.rules.past import REBUILT
from workflows.rules.triggers import CROSSED
from workflows.rules.verdicts import VERDICT_WORDS, WITHHELD_WORDS, Verdict, Withheld


def latest_of(rule: Rule, *, version: int | None = None, least_days: int = 0) -> DryRun | None:
    """The newest dry run of the rule as saved, or of one of its versions; with `least_days` one that looked back so far."""
    found = DryRun.objects.filter(rule=rule, days__gte=least_days, definition__isnull=True)
    found = found.select_related("rule")
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
    unknown_because: str = ""
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
        from_history=Count("pk", filter=Q(event__isnull=True)),
    )
    trigger = rule_of(dry_run).trigger
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
        unknown_because="the text they ask about was erased"
        if trigger not in REBUILT
        else "what they ask about is not known as of then",
        notes=list(_notes(dry_run, trigger, totals["from_history"])),
    )


def _writes(dry_run: DryRun) -> bool:
    """Whether the rule writes to customers at all."""
    kinds = {str(step.get("kind")) for _, step in walk(rule_of(dry_run).steps)}
    return any(kind in catalogue.step_types and catalogue.step_types[kind].reaches_out for kind in kinds)


UNKNOWN_PAST: Mapping[str, str] = {
    "segment.entered": "Who enters a list is recorded only while a rule that is on waits for it, and who was in it on a day"
    " of the past cannot be known. Earlier ones are not counted.",
    "segment.left": "Who leaves a list is recorded only while a rule that is on waits for it, and who was in it on a day of"
    " the past cannot be known. Earlier ones are not counted.",
}
"""What nobody records unless a rule asks for it, and what does not follow from history either."""


def _notes(dry_run: DryRun, trigger: str, from_history: int) -> Iterable[str]:
    if dry_run.as_if_live:
        yield (
            "Answers and events that were imported are counted as if they had come in live. The rule itself acts on"
            " imports only where it says so."
        )
    if note := UNKNOWN_PAST.get(trigger):
        yield note
    if trigger in REBUILT:
        yield _rebuilt(trigger, from_history)
    if trigger == CROSSED and dry_run.days > metric_pruning.WHOLE.days:
        yield (
            f"Values older than {metric_pruning.WHOLE.days} days are thinned to one a day: what rose and fell within such"
            " a day is not seen."
        )


def _rebuilt(trigger: str, number: int) -> str:
    said = (
        "None of them had to be made up from history"
        if not number
        else f"{number:,} of them {'was' if number == 1 else 'were'} not recorded then, as no rule that was on asked"
    )
    basis = (
        "the values that were stored, in the order in which they came in"
        if trigger == CROSSED
        else "what was known of each account on that morning; an account counts from the day on which it came in here"
    )
    return f"{said}. What nobody recorded follows from {basis}."


# --- The list ------------------------------------------------------------------------------------------------
def hits_of(dry_run: DryRun, user: User, show: str = "") -> QuerySet[DryRunHit]:
    """Each event the dry run kept, newest first: all that would have run, or those of one verdict or reason."""
    found = DryRunHit.objects.visible_to(user).filter(dry_run=dry_run)
    if show in {one.value for one in Withheld}:
        found = found.filter(withheld=show)
    elif show in {one.value for one in Verdict}:
        found = found.filter(verdict=show)
    found = found.select_related("account", "contact", "event", "dry_run__rule")
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
    unrecorded = _label(hits[0].dry_run) if hits else ""
    for hit in hits:
        what, url = runs.cause_of(hit.event) if hit.event else (unrecorded, "")
        outcome = VERDICT_WORDS[Verdict(hit.verdict)]
        if hit.withheld:
            outcome = f"{outcome}. {WITHHELD_WORDS[Withheld(hit.withheld)]}"
        if hit.messages:
            outcome += f", {hit.messages} message{'s' if hit.messages > 1 else ''}"
        found.append(ShownHit(hit, hit.account, hit.contact, what, url, outcome))
    return found


def _label(dry_run: DryRun) -> str:
    """What has happened where no event tells it."""
    known = catalogue.triggers.get(rule_of(dry_run).trigger)
    return known.label if known else "It was not recorded then"
