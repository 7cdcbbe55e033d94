"""The step "write into a chat channel", for rules."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import Refused
from integrations.chat.models import ChatChannel
from integrations.services import chat
from workflows.models import RunStep
from workflows.rules import merge_fields
from workflows.rules.catalogue import Setting, SettingKind, StepType, step_type

KIND = "chat_message"


def _channels() -> Sequence[tuple[str, str]]:
    return [(str(c.pk), c.name) for c in ChatChannel.objects.order_by("name", "pk")]


def _do(row: RunStep) -> Mapping[str, Any]:
    pk = str(row.settings.get("channel", ""))
    channel = ChatChannel.objects.filter(pk=int(pk)).first() if pk.isascii() and pk.isdigit() else None
    if channel is None:
        raise Refused("The chat channel of this step was removed. Choose another one in the rule.")
    message = chat.say(channel=channel, key=f"step:{row.pk}:{channel.pk}", step=row)
    return {"channel": channel.pk, "message": message.pk}


def _words(settings: Mapping[str, Any]) -> str:
    pk = str(settings.get("channel", ""))
    name = dict(_channels()).get(pk, "a channel that was removed")
    return f"write into {name}: “{merge_fields.spoken(str(settings.get('text', '')).strip())[:120]}”"


def register() -> None:
    step_type(
        StepType(
            KIND,
            "Write into a chat channel",
            "Tell colleagues",
            _words,
            (
                Setting("channel", "Channel", SettingKind.CHOICE, choices=_channels),
                Setting(
                    "text", "Text", SettingKind.LONG_TEXT, merge=True, minimum=1, maximum=2_000,
                    help="The first line stands out.",
                ),
            ),
            do=_do,
            help="Slack or Microsoft Teams, through a channel set up under Settings, Chat.",
        )
    )  # fmt: skip
