"""Steps that steer a run: waiting, asking a question, sending somebody through another journey."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import Refused
from workflows.models import Rule, RunStep
from workflows.rules import catalogue, engine
from workflows.rules.catalogue import Setting, SettingKind, StepType
from workflows.rules.definition import BRANCH
from workflows.rules.journeys import WAIT

GROUP = "Flow"
AMOUNT_FOR = ("duration", "business", "event")

_UNTIL = (
    ("duration", "Some time has passed"), ("business", "Some working time has passed"), ("time", "A time of day"),
    ("event", "Something happens, or some time has passed"),
)  # fmt: skip
_EVENTS = (
    ("message.received", "The customer writes back"), ("response.scored", "The customer answers a survey"),
    ("task.completed", "A task of this run is done"), ("alert.closed", "An alert of this run is closed"),
    ("interaction.logged", "A colleague has logged a contact"),
    ("in_app_message.shown", "The customer sees a message in the product of this run"),
    ("in_app_message.clicked", "The customer follows the button of a message of this run"),
)  # fmt: skip


def _until() -> Sequence[tuple[str, str]]:
    return _UNTIL


def _units() -> Sequence[tuple[str, str]]:
    return (("hours", "hours"), ("days", "days"))


def _events() -> Sequence[tuple[str, str]]:
    return _EVENTS


def _rules() -> list[tuple[str, str]]:
    return [(str(pk), name) for pk, name in Rule.objects.order_by("name").values_list("pk", "name")]


def _amount(settings: Mapping[str, Any]) -> str:
    amount, unit = settings.get("amount") or 0, str(settings.get("unit") or "days")
    return f"{amount} {'working ' if settings.get('until') == 'business' else ''}{unit[:-1] if amount == 1 else unit}"


def _wait_words(settings: Mapping[str, Any]) -> str:
    if settings.get("until") == "time":
        return f"wait until {settings.get('time') or '09:00'}{' on a working day' if settings.get('working_days') else ''}"
    if settings.get("until") == "event":
        said = dict(_EVENTS).get(str(settings.get("event")), "something happens")
        return f"wait until {said[:1].lower()}{said[1:]}, at most {_amount(settings)}"
    return f"wait {_amount(settings)}"


def enrol(row: RunStep) -> Mapping[str, Any]:
    """Start another rule for the same customer, whatever its trigger and conditions say."""
    rule = Rule.objects.filter(pk=row.settings.get("rule") or 0).first()
    if rule is None:
        raise Refused(
            "The journey to send them through is gone. Choose another one in the rule.", field="rule"
        )
    if not rule.is_active:
        raise Refused(f"“{rule.name}” is off. Switch it on, then try again.", field="rule")
    started = engine.enrol(rule=rule, run=row.run, path=row.path)
    return {"run": started.pk} if started is not None else {"left_out": True}


def register() -> None:
    catalogue.step_type(
        StepType(
            WAIT, "Wait", GROUP, _wait_words,
            settings=(
                Setting("until", "Until", SettingKind.CHOICE, choices=_until, default="duration"),
                Setting("event", "What", SettingKind.CHOICE, choices=_events, shown_if=("until", ("event",))),
                Setting("amount", "How long", SettingKind.NUMBER, default=1, minimum=1, maximum=730,
                        shown_if=("until", AMOUNT_FOR)),
                Setting("unit", "Unit", SettingKind.CHOICE, choices=_units, default="days", shown_if=("until", AMOUNT_FOR)),
                Setting("time", "Time of day", SettingKind.TIME, default="09:00", shown_if=("until", ("time",))),
                Setting("working_days", "Only on working days", SettingKind.BOOLEAN, default=False, is_required=False,
                        shown_if=("until", ("time",))),
            ),
            help="Days and times are those of the workspace's zone; working time is that of the account's owner.",
        )
    )  # fmt: skip
    catalogue.step_type(
        StepType(
            BRANCH, "Ask a question", GROUP, lambda settings: "if …",
            settings=(Setting("conditions", "If", SettingKind.CONDITIONS),),
            help="Asks of what happened as it was recorded, and of the customer as they are then.",
        )
    )  # fmt: skip
    catalogue.step_type(
        StepType(
            "enrol", "Start another rule", GROUP,
            lambda settings: f"start “{dict(_rules()).get(str(settings.get('rule')), '…')}” for the same customer",
            settings=(Setting("rule", "Rule", SettingKind.CHOICE, choices=_rules),),
            do=enrol,
        )
    )  # fmt: skip
