"""Writing rules: each save is a version with its author and a note, and any version can be taken back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from accounts import cleaning, history
from core.errors import Invalid, Refused
from team import audit
from team.models import User
from team.permissions import can_lead_everywhere
from workflows.models import DryRun, Rule
from workflows.rules import checking, files
from workflows.rules.definition import COLUMNS, values_of
from workflows.services import reach

MAX_RULES = 500
MAX_NOTE = 100


class Stale(Refused):
    """Somebody saved the rule while it was being edited; nothing was written."""

    code = "stale"
    status = 412


@transaction.atomic
def create_rule(*, values: Mapping[str, Any], actor: User, note: str = "", is_draft: bool = False) -> Rule:
    """Write a new rule, switched off. A draft may have problems: it cannot be switched on until it has none."""
    checked = checking.check(values)
    _refuse_problems(checked, is_draft=is_draft)
    if Rule.objects.count() >= MAX_RULES:
        raise Refused(
            f"There are {MAX_RULES} rules. Delete one that is no longer used first.", code="too_many"
        )
    rule = Rule(**checked.values, is_active=False, created_by=actor)
    _save(rule, actor, note or "Written")
    audit.record(action="rule.created", actor=actor, obj=rule)
    return rule


@transaction.atomic
def save_rule(
    *,
    rule: Rule,
    values: Mapping[str, Any],
    actor: User,
    note: str = "",
    version: int | None = None,
    is_draft: bool = False,
    confirmed_reach: int | None = None,
) -> Rule:
    """Save a new version of a rule; one that says the same as the last is not saved again.

    `version` is the one the writer saw: where another was saved since, this raises `Stale` and writes nothing. A rule
    that is on is only saved without problems, by who sees every customer, and where it may reach others than before only
    by who confirms how many (`reach.Unconfirmed`), as when it is switched on. `try_change` before spares a large history
    being looked through in the transaction. Runs under way keep the version they started with.
    """
    rule = Rule.objects.select_for_update(of=("self",)).get(pk=rule.pk)
    if version is not None and version != rule.version:
        raise Stale(_who_saved(rule))
    checked = checking.check(values)
    _refuse_problems(checked, is_draft=is_draft and not rule.is_active)
    if all(getattr(rule, name) == checked.values[name] for name in COLUMNS):
        return rule
    tried = None
    if rule.is_active:
        reach.refuse_narrowed(actor)
        tried = reach.refuse_wider(rule, checked.values, confirmed_reach=confirmed_reach, actor=actor)
        if tried is not None and confirmed_reach is not None:
            rule.confirmed_reach = confirmed_reach
    for name in COLUMNS:
        setattr(rule, name, checked.values[name])
    rule.version += 1
    _save(rule, actor, note)
    if tried is not None:
        # What was tried is what is saved now.
        DryRun.objects.filter(pk=tried.pk).update(definition=None, rule_version=rule.version)
    audit.record(
        action="rule.saved", actor=actor, obj=rule, version=rule.version, confirmed_reach=rule.confirmed_reach
    )
    return rule


def try_change(*, rule: Rule, values: Mapping[str, Any], actor: User) -> None:
    """Begin to try what is to be saved over a rule that is on, where somebody will have to be asked. Not in a transaction
    that may be taken back: of a large history the look goes on behind it."""
    if rule.is_active and can_lead_everywhere(actor):
        checked = checking.check(values)
        if not checked.problems:
            reach.try_change(rule, checked.values, actor)


@transaction.atomic
def take_back(
    *, rule: Rule, version: int, actor: User, note: str = "", confirmed_reach: int | None = None
) -> Rule:
    """Make a past version the current one. It becomes the newest version: nothing is lost. Asks as `save_rule` does."""
    return save_rule(
        rule=rule,
        values=past_values(rule, version),
        confirmed_reach=confirmed_reach,
        actor=actor,
        note=note or f"Version {version} taken back",
        is_draft=True,
    )


def past_values(rule: Rule, version: int) -> dict[str, Any]:
    """What a past version said."""
    past = rule.history.filter(version=version).order_by("-history_date", "-history_id").first()
    if past is None:
        raise Invalid(f"There is no version {version} of this rule.", field="version")
    return values_of(past)


def copy_rule(*, rule: Rule, actor: User) -> Rule:
    """A copy, switched off, to be changed."""
    values = values_of(rule)
    values["name"] = f"{values['name']} (copy)"[: checking.MAX_NAME]
    return create_rule(
        values=values, actor=actor, note=f"Copied from “{rule.name}”"[:MAX_NOTE], is_draft=True
    )


@transaction.atomic
def delete_rule(*, rule: Rule, actor: User) -> None:
    """Take a rule away with the record of its runs. What the runs made stays. Built-in rules stay: switch them off."""
    rule = Rule.objects.select_for_update(of=("self",)).get(pk=rule.pk)
    if rule.key:
        raise Refused(
            "A rule that came with the product is not deleted. Switch it off instead.", code="built_in"
        )
    if rule.is_active:
        raise Refused("This rule is on. Switch it off first, then delete it.", code="is_on")
    if rule.runs.exists():
        # The record of its runs goes with it, also of those on accounts one does not see.
        reach.refuse_narrowed(actor)
    audit.record(action="rule.deleted", actor=actor, obj=rule)
    history.sign(rule, actor)
    rule.delete()


def _refuse_problems(checked: checking.Checked, *, is_draft: bool) -> None:
    # A draft without a name could not be found again; all else can be mended later.
    stopping = [one for one in checked.problems if not is_draft or one.place == "name"]
    if stopping:
        raise checking.NotReady(stopping)


def _who_saved(rule: Rule) -> str:
    last = rule.history.select_related("history_user").order_by("-history_date", "-history_id").first()
    who = str(last.history_user) if last is not None and last.history_user else "Somebody"
    return (
        f"{who} saved version {rule.version} of this rule while you were editing it. Nothing of yours is lost: it still"
        " stands here. Compare it with what is stored, and save again to put yours above it."
    )


def _save(rule: Rule, actor: User, note: str) -> None:
    history.sign(rule, actor)
    said = cleaning.text(note[:500], field="note", label="Note", limit=500)
    rule._change_reason = " ".join(said.split())[:MAX_NOTE]  # type: ignore[attr-defined]  # read by simple_history
    rule.save()


@dataclass(frozen=True, slots=True)
class Brought:
    """A rule that came in from a file, and what is to be done before it can be switched on."""

    rule: Rule
    missing: list[str]
    problems: list[str]


@transaction.atomic
def bring_in(*, read: Sequence[files.Read], actor: User) -> list[Brought]:
    """Make a draft of each rule of a file. All of them come in, or none."""
    found = []
    for one in read:
        checked = checking.check(one.values)
        rule = create_rule(values=one.values, actor=actor, note="Brought in from a file", is_draft=True)
        found.append(Brought(rule, one.missing, [problem.message for problem in checked.problems]))
    return found
