"""What a message to a channel says, read from what it is about when it is sent."""

from collections.abc import Sequence

from django.conf import settings
from django.urls import reverse

from integrations.chat.domain import Card
from integrations.chat.models import ChatChannel, ChatMessage
from team import queries as team_queries
from workflows.alerting.domain import Severity
from workflows.models import Alert
from workflows.notifying.words import quote_of, title_of
from workflows.rules import merge_fields


def card_of(message: ChatMessage) -> Card | None:
    """The card of a message; None where what it was about is no longer there."""
    if message.is_test:
        return Card(
            "NPS CRM can write here",
            note=f"A test from {team_queries.workspace().name}. Alerts come here once a kind is chosen for this channel.",
            url=f"{settings.BASE_URL}{reverse('integrations:chat_detail', args=[message.channel_id])}",
            button="Open the channel's settings",
        )
    if message.is_gathered:
        return _of_many(
            list(
                message.carries.select_related(
                    "alert__account",
                    "alert__contact",
                    "alert__response",
                    "step__run__rule",
                    "step__run__account__owner",
                    "step__run__contact",
                    "step__run__event",
                ).order_by("pk")
            )
        )
    if message.step is not None:
        return _of_step(message)
    if message.alert is not None:
        return _of_alert(message.alert, message.channel)
    return None


def _of_alert(alert: Alert, channel: ChatChannel) -> Card:
    facts = [("For", str(alert.assignee) if alert.assignee else "nobody")]
    if alert.account is not None:
        facts.insert(0, ("Account", alert.account.name))
        if alert.account.renewal_on:
            facts.append(("Renews", f"{alert.account.renewal_on:%-d %b %Y}"))
    if alert.contact is not None and alert.contact.job_title:
        facts.insert(0, ("Role", alert.contact.job_title))
    again = f"Fired {alert.count} times since it was opened." if alert.count > 1 else ""
    return Card(
        title_of(alert),
        facts=facts,
        quote=quote_of(alert) if channel.shows_words else "",
        note=again,
        url=_url(alert),
        button="Open the alert",
        is_urgent=alert.severity == Severity.HIGH,
    )


def _of_many(carried: Sequence[ChatMessage]) -> Card | None:
    if not carried:
        return None
    alerts = [message.alert for message in carried if message.alert is not None]
    said = [card for message in carried if message.step is not None and (card := _of_step(message))]
    lines = [(title_of(alert), _url(alert)) for alert in alerts]
    # What a rule writes stands nowhere else, so it comes whole and first.
    lines[:0] = [(" ".join(f"{card.title} {card.quote}".split()), card.url) for card in said]
    only_alerts = len(alerts) == len(carried)
    return Card(
        f"{len(carried)} more {'alerts' if only_alerts else 'messages'}",
        lines=lines,
        note="Gathered: more came than the messages an hour that this channel takes one by one."
        + (" All stand in the app." if only_alerts else ""),
        url=f"{settings.BASE_URL}{reverse('workflows:alert_list')}?whose=all",
        button="Open alerts",
    )


def _of_step(message: ChatMessage) -> Card | None:
    step = message.step
    if step is None:
        return None
    run = step.run
    text = merge_fields.shown(str(step.settings.get("text", "")), run)
    title, _, rest = text.strip().partition("\n")
    path = (
        reverse("accounts:account_detail", args=[run.account_id])
        if run.account_id
        else reverse("workflows:run_detail", args=[run.pk])
    )
    return Card(
        title or run.rule.name, quote=rest.strip(), note=f"From the rule “{run.rule.name}”",
        url=f"{settings.BASE_URL}{path}",
        button="Open the account" if run.account_id else "Open the run",
    )  # fmt: skip


def _url(alert: Alert) -> str:
    return f"{settings.BASE_URL}{reverse('workflows:alert_detail', args=[alert.pk])}"
