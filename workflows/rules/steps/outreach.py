"""Steps that tell somebody something: a colleague in the ways they chose, or the customer by mail from the owner."""

from collections.abc import Mapping
from typing import Any

from accounts.models import Contact
from accounts.services import interactions
from core.errors import Refused
from surveys.choices import Channel
from surveys.models import Suppression
from surveys.services import in_app_messages
from workflows import people
from workflows.models import RunStep
from workflows.notifying.topics import RULE_NOTICE
from workflows.rules import catalogue, merge_fields
from workflows.rules.catalogue import Setting, SettingKind, StepType
from workflows.rules.steps.work import WHO, chosen, who_words
from workflows.services import notifications

IN_APP_DAYS = 14


def notify(row: RunStep) -> Mapping[str, Any]:
    """Tell a colleague. What they read is filled when they read it."""
    user = chosen(row).user
    if user is None:
        raise Refused("There is nobody to tell: no owner, no fall-back person, no lead.", code="nobody")
    told = notifications.notify(user=user, topic=RULE_NOTICE, step=row)
    return {"user": user.pk, "notification": told.pk if told else None}


def email_contact(row: RunStep) -> Mapping[str, Any]:
    """Write to the contact in the owner's name; answers go to the owner. Somebody who unsubscribed is not written to."""
    contact = reachable(row)
    sender = people.responsible_for(row.run.account)
    if sender is None:
        raise Refused(
            "There is nobody in whose name to write: no owner, no fall-back person, no lead.", code="nobody"
        )
    interaction = interactions.send_mail(
        contact=contact,
        subject=merge_fields.filled(str(row.settings.get("subject") or ""), row.run),
        body=merge_fields.filled(str(row.settings.get("body") or ""), row.run),
        actor=sender,
        is_automatic=True,
    )
    return {"interaction": interaction.pk}


def in_app_message(row: RunStep) -> Mapping[str, Any]:
    """Have the widget show the contact a message when they are next in the product. Once for each step of a run."""
    contact = row.run.contact
    if contact is None:
        raise Refused("This run is about no contact, so there is nobody to show it to.", code="no_contact")
    message = in_app_messages.queue_message(
        contact=contact,
        key=row.key,
        title=merge_fields.filled(str(row.settings.get("title") or ""), row.run),
        text=merge_fields.filled(str(row.settings.get("text") or ""), row.run),
        days=int(row.settings.get("days") or IN_APP_DAYS),
        button_label=str(row.settings.get("button_label") or "") if row.settings.get("has_button") else "",
        button_url=str(row.settings.get("button_url") or "") if row.settings.get("has_button") else "",
    )
    return {"in_app_message": message.pk}


def reachable(row: RunStep) -> Contact:
    """The run's contact, where it may be written to. Raises `Refused` with the reason where not."""
    contact = row.run.contact
    if contact is None:
        raise Refused("This run is about no contact, so there is nobody to write to.", code="no_contact")
    suppressed = Suppression.objects.filter(
        address_key=contact.address_key, channel=Channel.EMAIL, lifted_at__isnull=True
    )
    if contact.address_key and suppressed.exists():
        raise Refused(
            "This contact must not be written to: their address is on the suppression list.",
            code="suppressed",
        )
    return contact


# --- In words ------------------------------------------------------------------------------------------------
def _notify_words(settings: Mapping[str, Any]) -> str:
    first = str(settings.get("text") or "…").strip().partition("\n")[0]
    return f"tell {who_words(settings)}: “{merge_fields.spoken(first)[:120]}”"


def _mail_words(settings: Mapping[str, Any]) -> str:
    return f"write to the contact in the owner's name: “{merge_fields.spoken(str(settings.get('subject') or '…'))}”"


def _in_app_words(settings: Mapping[str, Any]) -> str:
    days = settings.get("days") or IN_APP_DAYS
    button = f" with the button “{settings.get('button_label') or '…'}”" if settings.get("has_button") else ""
    title = merge_fields.spoken(str(settings.get("title") or "…"))
    return (
        f"show the contact in the product: “{title}”{button},"
        f" for {days} day{'' if days == 1 else 's'} at most"
    )


def register() -> None:
    catalogue.step_type(
        StepType(
            "notify", "Tell a colleague", "Tell colleagues", _notify_words,
            (
                Setting(
                    "text", "Text", SettingKind.LONG_TEXT, merge=True, minimum=1, maximum=2_000,
                    help="The first line is the title.",
                ),
                *WHO,
            ),
            do=notify,
            help="In the app and by mail, as this person chose.",
        )
    )  # fmt: skip
    catalogue.step_type(
        StepType(
            "email_contact", "Write to the contact", "Write to the customer", _mail_words,
            (
                Setting("subject", "Subject", SettingKind.TEXT, merge=True, minimum=1, maximum=200),
                Setting("body", "Text", SettingKind.LONG_TEXT, merge=True, minimum=1, maximum=10_000),
            ),
            do=email_contact,
            reaches_out=True,
            help="From the account's owner, who gets the answers. Not sent when a merge field is empty and has no words to"
            " stand in, nor to somebody who unsubscribed.",
        )
    )  # fmt: skip
    catalogue.step_type(
        StepType(
            "in_app_message", "Show a message in the product", "Write to the customer", _in_app_words,
            (
                Setting("title", "Title", SettingKind.TEXT, merge=True, minimum=1, maximum=100),
                Setting(
                    "text", "Text", SettingKind.LONG_TEXT, merge=True, is_required=False, maximum=800,
                    help="A few lines: it is read in a card in the corner, between two other things.",
                ),
                Setting("has_button", "With a button", SettingKind.BOOLEAN, default=False, is_required=False),
                Setting(
                    "button_label", "On the button", SettingKind.TEXT, maximum=in_app_messages.MAX_LABEL,
                    shown_if=("has_button", ("true",)),
                ),
                Setting(
                    "button_url", "The button leads to", SettingKind.URL, shown_if=("has_button", ("true",)),
                    help="An https address. It opens in a new tab.", problem=in_app_messages.problem_of_link,
                ),
                Setting(
                    "days", "Days for which it is shown", SettingKind.NUMBER, default=IN_APP_DAYS, minimum=1,
                    maximum=in_app_messages.MAX_DAYS, help="Then it expires, seen or not.",
                ),
            ),
            do=in_app_message,
            reaches_out=True,
            reaches_by=Channel.IN_APP,
            help="Where your product has the widget and says who is signed in. It is shown until the contact closes it or"
            " follows the button, and gives way to a survey.",
        )
    )  # fmt: skip
