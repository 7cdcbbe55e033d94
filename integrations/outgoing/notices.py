"""Who is told when a webhook is switched off: its owner or an administrator, by an alert, in the ways they chose."""

from django.urls import reverse

from integrations.outgoing.domain import Reason
from integrations.outgoing.models import Webhook
from team.domain import Role
from team.models import User
from workflows import alert_kinds
from workflows.models import Alert
from workflows.services import alerts

ALERT_KIND = "webhook_disabled"
WHY = {
    Reason.GONE: "the other side said that the address is gone (410)",
    Reason.FAILING: "it has taken nothing for days",
    Reason.FILTER: "its filter cannot be read any more",
}


def tell_disabled(webhook: Webhook) -> None:
    """Raise the alert, in the caller's transaction."""
    alerts.raise_alert(
        dedupe_key=f"webhook:{webhook.pk}:disabled:{int(webhook.state_since.timestamp())}",
        kind=ALERT_KIND,
        reason=f"webhook:{webhook.pk}",
        assignee=_who_looks(webhook),
    )


def _who_looks(webhook: Webhook) -> User | None:
    if webhook.owner is not None and webhook.owner.is_active:
        return webhook.owner
    return User.objects.filter(is_active=True, role=Role.ADMINISTRATOR).order_by("pk").first()


def alert_matter(alert: Alert) -> alert_kinds.Matter:
    """Which webhook an alert is about."""
    pk = alert.reason.removeprefix("webhook:")
    webhook = Webhook.objects.filter(pk=int(pk)).first() if pk.isdigit() else None
    if webhook is None:
        return alert_kinds.Matter("A webhook was switched off")
    return alert_kinds.Matter(
        f"The webhook {webhook.name} was switched off: {WHY.get(webhook.why, 'look at its log')}",
        reverse("integrations:webhook_detail", args=[webhook.pk]),
        webhook.last_error,
    )


def register() -> None:
    alert_kinds.register(ALERT_KIND, alert_matter, label="A webhook was switched off")
