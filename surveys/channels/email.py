"""Survey mail: rows of ours in, messages out, and what became of each.

Promised: nothing of a message leaves before `fence` said yes to it; every delivery given gets one result. A mail is
compiled once per process for each version, language and company; a person's mail is a join of its pieces. Over SMTP
one connection is kept for many batches and the fence lies between RCPT and DATA (core.mail.smtp); with any other
backend, such as a provider's through django-anymail, it lies before the hand-over of the message.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import parseaddr
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.urls import reverse

from core.failures import describe
from core.mail.address import Address, BadAddress, clean
from core.mail.message import MAX_VALUE, Mailbox, Unsendable
from core.mail.outcome import Kind, Outcome, Stage
from core.mail.smtp import EmailBackend, Letter
from surveys import rendering, tokens
from surveys.channels.base import Fence, Item, Result
from surveys.channels.mail.message import Links, Recipient, SurveyMessage
from surveys.content import Content
from surveys.models import SurveyVersion
from surveys.rendering import Company
from surveys.tokens import Purpose


@dataclass(frozen=True, slots=True)
class _Mail:
    """A compiled mail of one version, language and company."""

    message: SurveyMessage
    brand: str
    mail_from: str
    sender: Mailbox
    owned: dict[tuple[str, str], "_Mail"] = field(default_factory=dict, compare=False)


Ready = tuple[Item, _Mail, Recipient]


def sender_address() -> Address:
    """The address that survey mail comes from. Raises `BadAddress` when the setting holds none."""
    return Address.parse(parseaddr(settings.DEFAULT_FROM_EMAIL)[1])


def is_configured() -> bool:
    """Whether mail has a sender; whether a server answers shows when one is needed."""
    try:
        sender_address()
    except BadAddress:
        return False
    return True


def hand_over(
    items: Sequence[Item],
    *,
    versions: Callable[[int], SurveyVersion],
    company: Company,
    now: datetime,
    fence: Fence,
) -> dict[int, Result]:
    """Send the mails of these deliveries. `fence` gets the ids about to be sent and returns those that may go."""
    ready: list[Ready] = []
    results: dict[int, Result] = {}
    for item in items:
        try:
            mail = _mail(versions, item, company)
            if item.owner_email:
                mail = _from_owner(mail, item)
            ready.append((item, mail, _recipient(item, mail.brand)))
        except (Unsendable, BadAddress, ValueError) as error:
            results[item.id] = _impossible(error)
    backend = _backend()
    if isinstance(backend, EmailBackend):
        results |= _over_smtp(backend, ready, now, fence)
    else:
        results |= _over_any(backend, ready, now, fence)
    return results


# --- Messages ------------------------------------------------------------------------------------------------
_mails: dict[tuple[Any, ...], _Mail] = {}


def _mail(versions: Callable[[int], SurveyVersion], item: Item, company: Company) -> _Mail:
    """The mail of a version in a language, kept by this process. Tests may show a draft, so theirs is made anew."""
    sender = sender_address()
    key = (item.version_id, item.language, company, str(sender), item.is_reminder)
    known = None if item.is_test else _mails.get(key)
    if known is not None:
        return known
    version = versions(item.version_id)
    content = Content.from_json(version.content)
    brand = content.wording(item.language, company=company.name).brand
    shown = Mailbox(sender, content.sender_name or brand)
    message = SurveyMessage(
        rendering.compiled_mail(
            version, item.language, company=company, is_test=item.is_test, is_reminder=item.is_reminder
        ),
        sender=shown,
        reply_to=Mailbox.of(content.reply_to) if content.reply_to else None,
        feedback_id=f"{version.pk}:survey:{content.metric}:{sender.domain}",
    )
    made = _Mail(message, brand, str(sender), shown)
    if not item.is_test:
        if len(_mails) >= 500:
            _mails.clear()
        _mails[key] = made
    return made


def owner_mailboxes(*, sender: Mailbox, name: str, email: str) -> tuple[Mailbox, Mailbox] | None:
    """(From, Reply-To) of a mail that appears from an account's owner; None when the owner cannot be written to.

    From is always our own address, whatever the owner's is: receivers check the domain of From against the servers that
    sent the mail (SPF, DKIM and DMARC), and only ours stands that. The owner is in the name, and in Reply-To.
    """
    said = " ".join(clean(name).split())
    try:
        reply_to = Mailbox.of(email, said)
    except BadAddress:
        return None
    if not said or "@" in said or reply_to.address.needs_smtputf8:
        return None
    company = sender.name if sender.name and sender.name.casefold() != said.casefold() else ""
    if company:
        # A long name of a person would push the company out of what is shown.
        said = f"{said[: MAX_VALUE - 3 - min(len(company), 60)].rstrip()} ({company[:60].rstrip()})"
    return Mailbox(sender.address, said), reply_to


def _from_owner(mail: _Mail, item: Item) -> _Mail:
    """The mail with the owner's name on it. It shares all that was compiled; only the head is another."""
    key = (item.owner_name, item.owner_email)
    known = mail.owned.get(key)
    if known is not None:
        return known
    boxes = owner_mailboxes(sender=mail.sender, name=item.owner_name, email=item.owner_email)
    made = mail if boxes is None else replace(mail, message=mail.message.sent_by(*boxes), owned={})
    if len(mail.owned) >= 1000:
        mail.owned.clear()
    mail.owned[key] = made
    return made


def _reply_to(item: Item) -> Mailbox | None:
    """Where replies go that no survey names a mailbox for: to us, with a token that tells what was replied to."""
    inbound = settings.INBOUND_ADDRESS
    if not inbound or item.is_test:
        return None
    local, _, domain = inbound.rpartition("@")
    return Mailbox(Address.parse(f"{local}+{tokens.make_reply(item.invitation_id)}@{domain}"))


def _recipient(item: Item, brand: str) -> Recipient:
    answer_prefix, answer_end, stop_prefix, stop_end, less_prefix, less_end = _addresses(settings.BASE_URL)
    purpose = Purpose.TEST if item.is_test else Purpose.ANSWER
    answer = answer_prefix + tokens.make(purpose, item.invitation_id) + answer_end
    return Recipient(
        key=item.key,
        address=item.address,
        message_id=item.message_id,
        in_reply_to=item.in_reply_to,
        links=Links(
            answer=answer,
            unsubscribe=stop_prefix + tokens.make(Purpose.UNSUBSCRIBE, item.invitation_id) + stop_end,
            ask_less=less_prefix + tokens.make(Purpose.PREFERENCES, item.invitation_id) + less_end,
            opened=f"{answer}o.gif",
            trap=f"{answer}all/",
        ),
        name=item.name,
        reply_to=_reply_to(item),
        tags={**item.tags, "brand": brand},
    )


@lru_cache(maxsize=4)
def _addresses(base: str) -> tuple[str, str, str, str, str, str]:
    """The respondent's addresses around their tokens: looking a URL up for every mail costs more than all else in it."""
    answer = base + reverse("surveys:respond", args=["TOKEN"])
    stop = base + reverse("surveys:unsubscribe", args=["TOKEN"])
    less = base + reverse("surveys:preferences", args=["TOKEN"])
    return (*answer.split("TOKEN"), *stop.split("TOKEN"), *less.split("TOKEN"))  # type: ignore[return-value]  # each has one TOKEN


def _impossible(error: Exception) -> Result:
    bad = isinstance(error, BadAddress)
    return Result(Outcome(Kind.REFUSED, Stage.BUILD, diagnostic=str(error)[:200], address_bad=bad))


# --- Over SMTP -----------------------------------------------------------------------------------------------
_kept: dict[str, Any] = {}


def _backend() -> BaseEmailBackend:
    """The configured backend with its connection, kept by this process."""
    which = (os.getpid(), settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT)
    if _kept.get("which") != which:
        _kept["which"], _kept["backend"] = which, get_connection()
    backend: BaseEmailBackend = _kept["backend"]
    return backend


def _over_smtp(
    backend: EmailBackend, ready: Sequence[Ready], now: datetime, fence: Fence
) -> dict[int, Result]:
    letters = []
    for item, mail, recipient in ready:
        letters.append(Letter(item.id, mail.mail_from, item.address, _builder(mail.message, recipient, now)))
    outcomes = backend.send_many(letters, fence_many=fence)  # type: ignore[arg-type]  # our keys are the ids
    return {item.id: Result(outcomes[item.id]) for item, _, _ in ready}


def _builder(message: SurveyMessage, recipient: Recipient, now: datetime) -> Callable[[], bytes]:
    return lambda: message.for_delivery(recipient, date=now).data


# --- Over any other backend ----------------------------------------------------------------------------------
def _over_any(
    backend: BaseEmailBackend, ready: Sequence[Ready], now: datetime, fence: Fence
) -> dict[int, Result]:
    results: dict[int, Result] = {}
    built = []
    for item, compiled, recipient in ready:
        try:
            built.append((item, compiled.message.as_django(recipient, date=now, connection=backend)))
        except (Unsendable, BadAddress) as error:
            results[item.id] = _impossible(error)
    allowed = fence([item.id for item, _ in built]) if built else ()
    for item, mail in built:
        if item.id not in allowed:
            results[item.id] = Result(Outcome(Kind.WITHDRAWN, Stage.FENCE))
            continue
        try:
            sent = mail.send()
        except Exception as error:  # each backend has its own; what is not known to be harmless is in doubt
            results[item.id] = Result(_provider_trouble(error))
            continue
        results[item.id] = Result(_provider_answer(mail, sent), str(_status(mail, "message_id") or "")[:200])
    return results


def _status(mail: Any, name: str) -> Any:
    return getattr(getattr(mail, "anymail_status", None), name, None)


def _provider_answer(mail: Any, sent: int) -> Outcome:
    """What a backend that did not raise says of the one recipient."""
    said = _status(mail, "status") or set()
    if said and said <= {"invalid", "rejected", "failed"}:
        return Outcome(
            Kind.REFUSED, Stage.FINAL, diagnostic=f"The mail provider said: {', '.join(sorted(said))}.",
            address_bad="invalid" in said,
        )  # fmt: skip
    if not sent and not said:
        return Outcome(
            Kind.IN_DOUBT, Stage.FINAL, diagnostic="The mail backend did not say whether it sent the mail."
        )
    return Outcome(Kind.SENT, Stage.FINAL, 250)


def _provider_trouble(error: Exception) -> Outcome:
    """An exception of a backend. Refusals of the recipient are final, "too many" and no connection can be repeated."""
    name = type(error).__name__
    status = getattr(getattr(error, "response", None), "status_code", None)
    if name in {"AnymailRecipientsRefused", "SMTPRecipientsRefused"}:
        return Outcome(
            Kind.REFUSED,
            Stage.RECIPIENT,
            diagnostic="The mail provider refused the address.",
            address_bad=True,
        )
    if name in {"AnymailInvalidAddress"}:
        return Outcome(Kind.REFUSED, Stage.BUILD, diagnostic=describe(error), address_bad=True)
    if (
        status == 429
        or isinstance(error, ConnectionRefusedError)
        or "ConnectionError" in name
        or name == "ConnectTimeout"
    ):
        return Outcome(Kind.RETRY, Stage.CONNECT, status or 0, diagnostic=describe(error))
    if status in {401, 403}:
        return Outcome(Kind.RETRY, Stage.CONNECT, status, diagnostic="The mail provider refused our key.")
    if isinstance(status, int) and 400 <= status < 500:
        return Outcome(Kind.REFUSED, Stage.FINAL, status, diagnostic=describe(error))
    if isinstance(error, Unsendable | BadAddress) or name in {"AnymailUnsupportedFeature", "BadHeaderError"}:
        return Outcome(Kind.REFUSED, Stage.BUILD, diagnostic=describe(error))
    return Outcome(Kind.IN_DOUBT, Stage.FINAL, status or 0, diagnostic=describe(error))
