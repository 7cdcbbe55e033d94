"""A rule as a sentence, for people."""

from dataclasses import dataclass
from typing import Any

from workflows.models import Rule

TRIGGERS = {
    "response.scored": "When somebody answers",
    "message.received": "When a customer writes back to a survey mail or SMS",
}
CATEGORIES = {
    "detractor": "0 to 6", "passive": "7 or 8", "promoter": "9 or 10",
    "satisfied": "satisfied (CSAT 4 or 5)", "dissatisfied": "dissatisfied (CSAT 1 or 2)",
    "easy": "easy (CES 5 to 7)", "difficult": "difficult (CES 1 to 3)",
    "neutral": "neutral (CSAT 3, CES 4)",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sentence:
    when: str
    conditions: list[str]
    steps: list[str]


def describe(rule: Rule) -> Sentence:
    """The rule in words: when it starts, what must hold, what it does."""
    parts = rule.conditions.get("all", [rule.conditions] if rule.conditions else [])
    return Sentence(
        when=TRIGGERS.get(rule.trigger, f"When {rule.trigger.replace('.', ' ').replace('_', ' ')} happens"),
        conditions=[_condition(part) for part in parts],
        steps=[_step(part) for part in rule.steps],
    )


def _condition(part: dict[str, Any], is_not: bool = False) -> str:
    if "not" in part:
        return _condition(part["not"], is_not=not is_not)
    name, value = part.get("field", ""), part.get("value", "")
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else " or ".join(str(v) for v in value)
    if name == "event.category":
        return f"the score is {'not ' if is_not else ''}{CATEGORIES.get(value, value)}"
    if name == "event.contact_category_before":
        return f"they were {'not ' if is_not else ''}a {value} before"
    subject = name.split(".")[-1].replace("_", " ")
    return f"{subject} {'is not' if is_not else 'is'} {value}"


def _step(part: dict[str, Any]) -> str:
    if part["kind"] == "create_alert":
        return "alert the account's owner in the app and by mail, or the fall-back person when there is none"
    if part["kind"] == "create_task":
        days = int(part.get("due_business_days", 1))
        due = "one business day" if days == 1 else f"{days} business days"
        return f"give the owner the task “{part['title'].replace('{contact}', '<name>')}”, due in {due}"
    return str(part["kind"]).replace("_", " ")
