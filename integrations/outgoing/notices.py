"""Who is told when a webhook is switched off: an alert in the product and a mail, to its owner or an administrator."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from core import jobs
from integrations.outgoing.domain import Reason, WebhookState
from integrations.outgoing.models import Webhook
from team import queries as team_queries
from team.domain import Role
from team.models import User
from workflows import alert_kinds
from workflows.models import Alert
from workflows.services import alerts

MAIL = "integrations.webhook_mail"
ALERT_KIND = "webhook_disabled"
WHY = {
    Reason.GONE: "the other side said that the address is gone (410)",
    Reason.FAILING: "it has taken nothing for days",
    Reason.FILTER: "its filter cannot be read any more",
}


def tell_disabled(webhook: Webhook) -> None:
    """Raise the alert and queue the mail, in the caller's transaction."""
    person = _who_looks(webhook)
    alerts.raise_alert(
        dedupe_key=f"webhook:{webhook.pk}:disabled:{int(webhook.state_since.timestamp())}",
        kind=ALERT_KIND,
        reason=f"webhook:{webhook.pk}",
        assignee=person,
    )
    if person is not None:
        jobs.submit(MAIL, subject_id=webhook.pk, payload={"user": person.pk})


def _who_looks(webhook: Webhook) -> User | None:
    if webhook.owner is not None and webhook.owner.is_active:
        return webhook.owner
    return User.objects.filter(is_active=True, role=Role.ADMINISTRATOR).order_by("pk").first()


@jobs.handler(MAIL)
def send(job: jobs.JobContext) -> None:
    """Write to the person; nothing is sent where the webhook is on again, or gone, or the person is."""
    webhook = Webhook.objects.filter(pk=job.subject_id or 0, state=WebhookState.DISABLED).first()
    person = User.objects.filter(pk=job.payload["user"], is_active=True).first()
    if webhook is None or person is None:
        return
    context = {
        "webhook": webhook,
        "why": WHY.get(webhook.why, "it was switched off"),
        "person": person,
        "company": team_queries.workspace().name,
        "link": f"{settings.BASE_URL}{reverse('integrations:webhook_detail', args=[webhook.pk])}",
    }
    subject = " ".join(f"{webhook.name} is switched off: {context['why']}".split())
    body = render_to_string("integrations/mail/webhook_disabled.txt", context)
    EmailMessage(subject, body, to=[person.email], headers={"Auto-Submitted": "auto-generated"}).send()


def alert_matter(alert: Alert) -> alert_kinds.Matter:
    """Which webhook an alert is about."""
    pk = alert.reason.removeprefix("webhook:")
    webhook = Webhook.objects.filter(pk=int(pk)).first() if pk.isdigit() else None
    if webhook is None:
        return alert_kinds.Matter("A webhook was switched off")
    return alert_kinds.Matter(
        f"The webhook {webhook.name} was switched off: {WHY.get(webhook.why, 'look at its log')}",
        reverse("integrations:webhook_detail", args=[webhook.pk]),
    )


def register() -> None:
    alert_kinds.register(ALERT_KIND, alert_matter, label="A webhook was switched off")
