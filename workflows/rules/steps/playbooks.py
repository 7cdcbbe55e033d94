"""The step that starts a playbook, and the trigger of a promise that was broken."""

from collections.abc import Mapping
from typing import Any

from accounts.conditions import Kind, Known
from core.errors import Refused
from workflows.models import Playbook, RunStep
from workflows.queries import playbooks as queries
from workflows.rules import catalogue
from workflows.rules.catalogue import Setting, SettingKind, StepType, Trigger
from workflows.services import playbooks

START = "start_playbook"


def start_playbook(row: RunStep) -> Mapping[str, Any]:
    """Start the playbook for the run's account and contact; once, however often the step is delivered."""
    playbook = Playbook.objects.filter(pk=_number(row.settings.get("playbook"))).first()
    if playbook is None:
        raise Refused(
            "The playbook of this step is gone. Choose another one in the rule.", code="no_playbook"
        )
    run = row.run
    started = playbooks.start(playbook=playbook, account=run.account, contact=run.contact, run=run)
    return {"playbook": playbook.pk, "playbook_run": started.pk}


def _number(value: Any) -> int:
    text = str(value or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _words(settings: Mapping[str, Any]) -> str:
    name = dict(queries.choices()).get(str(settings.get("playbook", "")))
    return f"start the playbook “{name}”" if name else "start a playbook that is not there any more"


def _breach_words(settings: Mapping[str, Any]) -> str:
    return "When a promise to a customer is broken"


def register() -> None:
    catalogue.step_type(
        StepType(
            kind=START,
            label="Start a playbook",
            group="Work",
            words=_words,
            settings=(Setting("playbook", "Playbook", SettingKind.CHOICE, choices=queries.choices),),
            do=start_playbook,
            help="All its tasks are created at once, each with its date. Once for each cause.",
        )
    )
    catalogue.trigger(
        Trigger(
            key="loop.breached",
            label="A promise was broken",
            group="Work",
            kinds=("loop.breached",),
            words=_breach_words,
            fields=(
                Known("event.clock", "which promise", Kind.CHOICE),
                Known("event.hours", "the working hours promised", Kind.NUMBER),
            ),
            subject="contact",
            help="Nobody got in touch in time (contact), or the matter was not settled in time (resolution).",
        )
    )
