"""The step that gives the contact a code of a list, once for each person, by mail from the owner."""

from collections.abc import Mapping, Sequence
from typing import Any

from accounts.services import interactions
from core.errors import Refused
from workflows import people
from workflows.models import RewardList, RunStep
from workflows.rules import catalogue, merge_fields
from workflows.rules.catalogue import Setting, SettingKind, StepType
from workflows.rules.steps.outreach import reachable
from workflows.services import rewards

CODE = "{code}"


def give_reward_code(row: RunStep) -> Mapping[str, Any]:
    """Send the person a code. Somebody who had one of this list gets no second mail."""
    contact = reachable(row)
    found = RewardList.objects.filter(pk=_number(row.settings.get("list"))).first()
    if found is None:
        raise Refused("This list of codes is gone. Choose another one in the rule.", field="list")
    sender = people.responsible_for(row.run.account)
    if sender is None:
        raise Refused(
            "There is nobody in whose name to write: no owner, no fall-back person, no lead.", code="nobody"
        )
    subject = merge_fields.filled(str(row.settings.get("subject") or ""), row.run)
    body = merge_fields.filled(str(row.settings.get("body") or ""), row.run)
    given = rewards.give(list=found, contact=contact, run=row.run)
    if given.run_id != row.run_id:
        return {"reward": given.pk, "again": True}
    interaction = interactions.send_mail(
        contact=contact,
        subject=subject,
        body=body.replace(CODE, rewards.read(given)),
        actor=sender,
        is_automatic=True,
    )
    return {"reward": given.pk, "interaction": interaction.pk}


def _number(raw: object) -> int:
    text = str(raw or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def list_choices() -> Sequence[tuple[str, str]]:
    return [(str(pk), name) for pk, name in RewardList.objects.order_by("name").values_list("pk", "name")]


def _words(settings: Mapping[str, Any]) -> str:
    return f"send the contact a code of “{dict(list_choices()).get(str(settings.get('list')), '…')}”, once a person"


def register() -> None:
    catalogue.step_type(
        StepType(
            "give_reward_code", "Give a reward code", "Write to the customer", _words,
            (
                Setting("list", "List of codes", SettingKind.CHOICE, choices=list_choices),
                Setting("subject", "Subject", SettingKind.TEXT, merge=True, minimum=1, maximum=200),
                Setting(
                    "body", "Text", SettingKind.LONG_TEXT, merge=True, minimum=1, maximum=10_000,
                    help="Write {code} where the code belongs.",
                ),
            ),
            do=give_reward_code,
            reaches_out=True,
        )
    )  # fmt: skip
