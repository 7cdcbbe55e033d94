"""The survey mail as a message: what the compiled mail, the sender and one delivery make together.

`SurveyMessage` is made once per survey version, language and sender; `for_delivery` once per person. All that
is personal comes in as a `Recipient`; nothing here reads the database.
"""

import hashlib
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime

from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend

from core.mail.message import Built, Mailbox, MessageTemplate, Unsubscribe
from surveys.channels.mail import template


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The personal addresses of one delivery; short, over https, with nothing in them but the token."""

    answer: str
    unsubscribe: str
    ask_less: str = ""
    opened: str = ""
    trap: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One delivery of a survey mail."""

    key: str  # of the delivery: names it in provider metadata and in a header
    address: str
    message_id: str
    links: Links
    name: str = ""
    in_reply_to: str = ""  # the Message-ID of the mail that this one reminds of
    reply_to: Mailbox | None = None  # where the mail itself names nobody: tells whose mail was replied to
    tags: Mapping[str, str | None] = field(default_factory=dict)  # of surveys.merge.TAGS


class SurveyMessage:
    """A compiled mail with its sender, ready to be filled."""

    def __init__(
        self,
        compiled: template.CompiledMail,
        *,
        sender: Mailbox,
        reply_to: Mailbox | None = None,
        unsubscribe_mailto: str = "",
        feedback_id: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        every = {
            "Content-Language": compiled.language,
            "X-Auto-Response-Suppress": "OOF, AutoReply",
            **(headers or {}),
        }
        if feedback_id:
            every["Feedback-ID"] = feedback_id
        self.compiled = compiled
        self.unsubscribe_mailto = unsubscribe_mailto
        self._template = MessageTemplate(
            sender=sender,
            reply_to=reply_to,
            subject=compiled.subject,
            text=compiled.text,
            html=compiled.html,
            headers=every,
        )

    def sent_by(self, sender: Mailbox, reply_to: Mailbox | None) -> "SurveyMessage":
        """The same mail with another name on it, such as that of the account's owner. Raises `BadAddress`."""
        other = copy(self)
        other._template = self._template.sent_by(sender, reply_to)
        return other

    def for_delivery(self, recipient: Recipient, *, date: datetime, mail_from: str = "") -> Built:
        """The message on the wire. Raises `Unsendable` or `BadAddress` for this recipient alone."""
        return self._template.build(
            to=Mailbox.of(recipient.address, recipient.name),
            message_id=recipient.message_id,
            date=date,
            values=values(recipient),
            unsubscribe=Unsubscribe(recipient.links.unsubscribe, self.unsubscribe_mailto),
            headers=_headers(recipient),
            mail_from=mail_from,
            reply_to=recipient.reply_to,
        )

    def as_django(
        self, recipient: Recipient, *, date: datetime, connection: BaseEmailBackend | None = None
    ) -> EmailMultiAlternatives:
        """The same message for a backend that is not SMTP; it carries `metadata={"delivery": key}`."""
        return self._template.as_django(
            to=Mailbox.of(recipient.address, recipient.name),
            message_id=recipient.message_id,
            date=date,
            values=values(recipient),
            key=recipient.key,
            unsubscribe=Unsubscribe(recipient.links.unsubscribe, self.unsubscribe_mailto),
            headers=_headers(recipient),
            connection=connection,
            reply_to=recipient.reply_to,
        )


def _headers(recipient: Recipient) -> dict[str, str]:
    own = {"X-Delivery": recipient.key}
    if recipient.in_reply_to:
        own |= {"In-Reply-To": recipient.in_reply_to, "References": recipient.in_reply_to}
    return own


def values(recipient: Recipient) -> dict[str, str | None]:
    """Everything a survey mail may ask for, of one person."""
    links = recipient.links
    return {
        **recipient.tags,
        template.ANSWER_URL: links.answer,
        template.UNSUBSCRIBE_URL: links.unsubscribe,
        template.ASK_LESS_URL: links.ask_less,
        template.OPEN_URL: links.opened,
        template.TRAP_URL: links.trap,
    }


def message_id(key: str, domain: str) -> str:
    """The one Message-ID of a delivery, the same however often it is built; it tells strangers nothing."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"
