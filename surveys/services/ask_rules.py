"""Changing how often people are asked."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from core.errors import Invalid
from surveys import eligibility
from surveys.choices import AskScope
from surveys.models import AskRule
from team import audit
from team.models import User

DAYS = ("quiet_days_answered", "quiet_days_declined", "quiet_days_ignored")
FIELDS = (*DAYS, "budget", "budget_days")
MAX_DAYS, MAX_BUDGET = 3650, 10_000


@transaction.atomic
def update_rule(*, scope: AskScope, values: Mapping[str, int], actor: User) -> AskRule:
    """Set the rule of one scope; what is not named stays. Budgets are in tenths of an ask, 0 switches a rule off.

    The audit entry names old and new. Raises `Invalid` for numbers out of range.
    """
    if unknown := set(values) - set(FIELDS):
        raise TypeError(f"Not part of a rule: {sorted(unknown)}")
    for name in DAYS:
        if not 0 <= values.get(name, 0) <= MAX_DAYS:
            raise Invalid(f"Write 0 to {MAX_DAYS} days.", field=name)
    if not 0 <= values.get("budget", 0) <= MAX_BUDGET:
        raise Invalid("Write 0 to 1,000 asks.", field="budget")
    if not 1 <= values.get("budget_days", 1) <= MAX_DAYS:
        raise Invalid(f"Write 1 to {MAX_DAYS} days.", field="budget_days")
    held = eligibility.scopes()[scope]
    start = {name: getattr(held, name) for name in FIELDS}
    rule, _ = AskRule.objects.select_for_update().get_or_create(scope=scope, defaults=start)
    changed = {name: [getattr(rule, name), new] for name, new in values.items() if getattr(rule, name) != new}
    if changed:
        for name, new in values.items():
            setattr(rule, name, new)
        rule._history_user = actor  # type: ignore[attr-defined]  # read by simple-history
        rule.save()
        detail: dict[str, Any] = {"scope": scope.value, **changed}
        audit.record(action="ask_rule.updated", actor=actor, obj=rule, **detail)
    return rule
