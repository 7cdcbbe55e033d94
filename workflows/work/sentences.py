"""A task of a playbook in words."""

from collections.abc import Mapping

from accounts.domain import OWNER_ROLE_LABELS, OwnerRole
from workflows.models import PlaybookTask
from workflows.work.domain import Anchor, Route, Unit

ANCHORS = {
    Anchor.START: "the start",
    Anchor.RENEWAL: "the renewal",
    Anchor.CUSTOMER_SINCE: "the first day as a customer",
}


def when(task: PlaybookTask) -> str:
    """ "3 business days after the start" """
    anchor, days = ANCHORS[Anchor(task.anchor)], abs(task.offset)
    if task.offset == 0:
        return f"on the day of {anchor}"
    unit = "business day" if task.unit == Unit.BUSINESS_DAYS else "day"
    side = "after" if task.offset > 0 else "before"
    return f"{days} {unit}{'' if days == 1 else 's'} {side} {anchor}"


def who(task: PlaybookTask, names: Mapping[int, str]) -> str:
    """ "the account's Onboarding, else the owner"; `names` are those of people by id."""
    settings = task.route_settings
    if task.route == Route.ROLE:
        role = settings.get("role", "")
        label = OWNER_ROLE_LABELS[OwnerRole(role)] if role in set(OwnerRole) else "role"
        return f"{label} of the account, else the owner"
    if task.route == Route.PERSON:
        return names.get(settings.get("user", 0), "somebody who left, so the owner")
    if task.route == Route.ROUND_ROBIN:
        people = [names[pk] for pk in settings.get("users", []) if pk in names]
        return f"in turn: {', '.join(people)}" if people else "the owner"
    return "the account's owner"
