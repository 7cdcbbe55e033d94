"""What connected systems can be made to take over from a rule: "create a ticket", "set the score on the company".

A system's module registers its pushes in `AppConfig.ready`. The step “push to a connection” is offered as soon as there is one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import Refused
from integrations.domain import ConnectionState
from integrations.models import Connection
from workflows.models import RunStep
from workflows.rules import catalogue
from workflows.rules.catalogue import Setting, SettingKind, StepType


@dataclass(frozen=True, slots=True)
class Push:
    """`queue(connection, step)` writes rows of an outbox of its own, in the transaction that marks the step done, and
    returns what it made, as neutral values. It makes no call itself."""

    key: str
    system: str
    label: str
    queue: Callable[[Connection, RunStep], Mapping[str, Any]]


_pushes: dict[str, Push] = {}


def register(push: Push) -> None:
    """Offer a push to rules."""
    _pushes[push.key] = push
    catalogue.step_type(_STEP)


def unregister(key: str) -> None:
    _pushes.pop(key, None)
    if not _pushes:
        catalogue.step_types.pop(_STEP.kind, None)


def choices() -> list[tuple[str, str]]:
    """Every push of every connection at work: "7:hubspot.note" and "HubSpot: add a note"."""
    rows = Connection.objects.filter(state=ConnectionState.ACTIVE).order_by("name", "pk")
    return [
        (f"{row.pk}:{push.key}", f"{row.name}: {push.label}")
        for row in rows
        for push in _pushes.values()
        if push.system == row.system
    ]


def _do(row: RunStep) -> Mapping[str, Any]:
    pk, _, key = str(row.settings.get("push", "")).partition(":")
    push = _pushes.get(key)
    connection = Connection.objects.filter(pk=int(pk) if pk.isdigit() else 0).first()
    if push is None or connection is None or connection.system != push.system:
        raise Refused("The connection this step pushes to no longer exists. Choose another in the rule.")
    if connection.state != ConnectionState.ACTIVE:
        raise Refused(
            f"The connection “{connection.name}” is not at work. Mend or resume it, then try this step again."
        )
    return {"connection": connection.pk, **push.queue(connection, row)}


def _words(settings: Mapping[str, Any]) -> str:
    label = dict(choices()).get(str(settings.get("push", "")), "a connection that is not at work")
    return f"push to {label}"


_STEP = StepType(
    "push_to_connection",
    "Push to a connection",
    "Other systems",
    _words,
    (Setting("push", "What", SettingKind.CHOICE, choices=choices),),
    do=_do,
    help="Has a connected system take over what happened.",
)
