"""The triggers and steps that need nothing but alerts and tasks. What is registered already is left as it is."""

from collections.abc import Mapping
from typing import Any

from workflows.domain import Priority
from workflows.rules import catalogue, conditions
from workflows.rules.catalogue import Setting, SettingKind, StepType, Trigger

_EVENT_FIELDS = tuple(one for key, one in conditions.FIELDS.items() if key.startswith("event."))
_ALERTS = [("detractor", "Detractor"), ("reply", "Reply")]


def _task_words(settings: Mapping[str, Any]) -> str:
    days = int(settings.get("due_business_days", 1))
    due = (
        "the same business day"
        if days == 0
        else "in one business day"
        if days == 1
        else f"in {days} business days"
    )
    return f"give the owner the task “{settings['title']}”, due {due}"


TRIGGERS = (
    Trigger(
        "response.scored", "Somebody answers", "Answers", ("response.scored", "response.updated"),
        lambda settings: "When somebody answers", fields=_EVENT_FIELDS, subject="contact",
    ),
    Trigger(
        "message.received", "A customer writes back", "Answers", ("message.received",),
        lambda settings: "When a customer writes back to a survey mail or SMS", subject="contact",
    ),
)  # fmt: skip
STEPS = (
    StepType(
        "create_alert", "Raise an alert", "Work",
        lambda settings: "alert the account's owner in the app and by mail, or the fall-back person when there is none",
        (Setting("alert", "Kind of alert", SettingKind.CHOICE, choices=lambda: _ALERTS, default="detractor"),),
    ),
    StepType(
        "create_task", "Create a task", "Work", _task_words,
        (
            Setting("title", "What is to be done", SettingKind.TEXT, merge=True),
            Setting("due_business_days", "Due in business days", SettingKind.NUMBER, default=1, minimum=0, maximum=250),
            Setting(
                "priority", "Priority", SettingKind.CHOICE, default=Priority.NORMAL.value,
                choices=lambda: [(one.value, one.value.capitalize()) for one in Priority],
            ),
        ),
    ),
)  # fmt: skip


def register() -> None:
    for one in TRIGGERS:
        if one.key not in catalogue.triggers:
            catalogue.trigger(one)
    for kind in STEPS:
        if kind.kind not in catalogue.step_types:
            catalogue.step_type(kind)
