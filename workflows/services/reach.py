"""Asking before a rule reaches many: who may let it act on every customer, and who agreed to how many people.

The same question stands before switching a rule on and before saving over one that is on: what would the last 30 days have
been, and does somebody confirm that number?
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from core import clock
from core.errors import Refused
from team.models import User
from team.permissions import can_lead_everywhere
from workflows.models import DryRun, Rule
from workflows.queries.dry_runs import latest_of
from workflows.rules import catalogue, definition
from workflows.rules.domain import CONFIRM_ABOVE
from workflows.rules.verdicts import DryRunState
from workflows.services import dry_runs

WHO_IT_REACHES = (
    "trigger", "trigger_settings", "conditions", "exit_on", "reentry", "reentry_days", "one_run_per", "max_runs_per_day",
    "includes_imports", "reply_suppresses",
)  # fmt: skip
"""The columns that decide for whom a rule runs, and to whom it writes."""
FRESH = dt.timedelta(days=1)


class NotEverywhere(Refused):
    """Somebody who sees a part of the accounts would change what acts on all of them."""

    code = "scope"
    status = 403


class Unconfirmed(Refused):
    """A rule was not tried yet (`not_tried`), or would reach more people than anybody agreed to (`confirm_reach`)."""

    def __init__(self, message: str, *, code: str, tried: DryRun) -> None:
        super().__init__(message, code=code, field="confirm_reach" if code == "confirm_reach" else "")
        self.tried = tried


def refuse_narrowed(actor: User) -> None:
    """A rule that is on acts on every customer, so only who sees every customer changes what it does."""
    if not can_lead_everywhere(actor):
        raise NotEverywhere(
            "A rule that is on acts on every customer, and you see a part of them. You can write it and try it; ask a lead"
            " who sees all accounts to switch it."
        )


# --- Before switching on -------------------------------------------------------------------------------------
def refuse_unconfirmed(rule: Rule, confirmed: int, actor: User) -> None:
    """Refuse to switch a rule on that was not tried, or that reaches more people than `confirmed`."""
    tried = latest_of(rule, version=rule.version, least_days=dry_runs.REACH_DAYS)
    if tried is None or tried.state == DryRunState.FAILED:
        tried = dry_runs.start(rule=rule, actor=actor)
    if tried.state != DryRunState.DONE:
        raise Unconfirmed(
            f"“{rule.name}” has not been tried on the past yet. Start a dry run, and switch it on when that is done.",
            code="not_tried", tried=tried,
        )  # fmt: skip
    if tried.reach > CONFIRM_ABOVE and confirmed < tried.reach:
        raise Unconfirmed(
            f"“{rule.name}” would have reached {tried.reach:,} people in 30 days. Confirm this number to switch it on.",
            code="confirm_reach", tried=tried,
        )  # fmt: skip


# --- Before saving over a rule that is on --------------------------------------------------------------------
def may_widen(rule: Rule, values: Mapping[str, Any]) -> bool:
    """Whether saving these values may have the rule reach somebody it did not reach, or write where it did not."""
    return any(getattr(rule, name) != values[name] for name in WHO_IT_REACHES) or adds_messages(rule, values)


def adds_messages(rule: Rule, values: Mapping[str, Any]) -> bool:
    """Whether there are more steps that write to customers than before."""
    return _messages(values["steps"]) > _messages(rule.steps)


def _messages(steps: Sequence[Mapping[str, Any]]) -> int:
    known = (catalogue.step_types.get(str(step.get("kind"))) for _, step in definition.walk(steps))
    return sum(one is not None and one.reaches_out for one in known)


def try_change(rule: Rule, values: Mapping[str, Any], actor: User) -> DryRun | None:
    """Try what is to be saved over a rule that is on: the look at the past that was made of it, or a new one. None where
    nobody has to be asked. Call before the transaction that saves: a large history is looked through meanwhile."""
    if not rule.is_active or not may_widen(rule, values):
        return None
    wanted = {name: values[name] for name in definition.COLUMNS}
    for made in DryRun.objects.filter(
        rule=rule, definition__isnull=False, until__gt=clock.now() - FRESH
    ).order_by("-pk"):
        if made.state != DryRunState.FAILED and _decides_alike(made.definition or {}, wanted):
            return made
    return dry_runs.start(rule=rule, actor=actor, days=dry_runs.REACH_DAYS, definition=wanted)


def _decides_alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one.get(name) == other[name] for name in (*WHO_IT_REACHES, "steps"))


def refuse_wider(
    rule: Rule, values: Mapping[str, Any], *, confirmed_reach: int | None, actor: User
) -> DryRun | None:
    """Refuse to save over a rule that is on what reaches more people than somebody agreed to; gives the look at the past.

    Who agreed to a rule that wrote fewer messages did not agree to more of them.
    """
    tried = try_change(rule, values, actor)
    if tried is None:
        return None
    if tried.state != DryRunState.DONE:
        raise Unconfirmed(
            f"“{rule.name}” is on, and what you changed may reach other people. It is being tried on the past; save again"
            " when that is done.",
            code="not_tried", tried=tried,
        )  # fmt: skip
    agreed = 0 if adds_messages(rule, values) else rule.confirmed_reach or 0
    if tried.reach > CONFIRM_ABOVE and max(confirmed_reach or 0, agreed) < tried.reach:
        raise Unconfirmed(
            f"“{rule.name}” is on, and as you changed it it would have reached {tried.reach:,} people in 30 days. Confirm"
            " this number to save it.",
            code="confirm_reach", tried=tried,
        )  # fmt: skip
    return tried
