"""The step of a rule that calls a webhook."""

from collections.abc import Mapping
from typing import Any

from core.errors import Refused
from integrations.outgoing import services
from integrations.outgoing.domain import WebhookState
from integrations.outgoing.models import Webhook
from workflows.models import RunStep
from workflows.rules import catalogue
from workflows.rules.catalogue import Setting, SettingKind, StepType


def choices() -> list[tuple[str, str]]:
    rows = Webhook.objects.exclude(state=WebhookState.DISABLED).order_by("name", "pk")
    return [(str(row.pk), f"{row.name} ({row.host})") for row in rows]


def call_webhook(row: RunStep) -> Mapping[str, Any]:
    """Queue what started the run for the chosen webhook; it is sent, repeated and logged as every message of it."""
    pk = str(row.settings.get("webhook", ""))
    webhook = Webhook.objects.filter(pk=int(pk) if pk.isdigit() else 0).first()
    if webhook is None:
        raise Refused("The webhook of this step no longer exists. Choose another in the rule.")
    delivery = services.queue_for_rule(webhook=webhook, run=row.run, step_key=f"step:{row.pk}")
    return {"webhook": webhook.pk, "delivery": delivery.pk}


def _words(settings: Mapping[str, Any]) -> str:
    pk = str(settings.get("webhook", ""))
    name = Webhook.objects.filter(pk=int(pk) if pk.isdigit() else 0).values_list("name", flat=True).first()
    return f"call the webhook “{name}”" if name else "call a webhook that no longer exists"


def register() -> None:
    catalogue.step_type(
        StepType(
            "call_webhook",
            "Call a webhook",
            "Other systems",
            _words,
            (Setting("webhook", "Webhook", SettingKind.CHOICE, choices=choices),),
            do=call_webhook,
            help="Sends what happened to a webhook, signed and repeated like its other messages, whatever events it asks for.",
        )
    )
