"""How many runs of a rule there may be: in a day, and of one customer at a time. The engine and the dry run count alike."""

from collections.abc import Mapping, Sequence
from typing import Any

from workflows.models import Rule
from workflows.rules import catalogue, definition
from workflows.rules.domain import REACH_CAP, OneRunPer, Reentry


def cap_of(rule: Rule) -> int | None:
    """How many runs may start in a day; those of rules that write to customers are always limited."""
    return rule.max_runs_per_day or (REACH_CAP if reaches_out(rule.steps) else None)


def reaches_out(steps: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a step writes to customers."""
    known = (catalogue.step_types.get(str(step.get("kind"))) for _, step in definition.walk(steps))
    return any(one is not None and one.reaches_out for one in known)


def is_single(rule: Rule) -> bool:
    """Whether one run of a subject is under way at a time. Who may not enter again at once cannot be in it twice either."""
    return rule.one_run_per != OneRunPer.CAUSE or rule.reentry != Reentry.ALWAYS


def subject_of(one_run_per: str, account_id: int | None, contact_id: int | None) -> str:
    """Of whom a rule has one run at a time; empty where it is about nobody."""
    if one_run_per == OneRunPer.ACCOUNT:
        return f"account:{account_id}" if account_id else ""
    return f"contact:{contact_id}" if contact_id else f"account:{account_id}" if account_id else ""
