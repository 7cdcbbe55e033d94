"""Messages to one person in the product: writing one, taking it back, letting it expire, forgetting it.

What browsers report of them is in surveys/widget/messages.py.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from accounts import timeline
from accounts.models import Contact
from core import clock, jobs
from core.errors import Invalid, Refused
from surveys.choices import IN_APP_LIVE, Channel, InAppState, SuppressionReason
from surveys.models import InAppMessage, Suppression, Widget
from team import audit
from team.models import User

# Longer than a rule's own texts may be: names are filled into those.
MAX_TITLE, MAX_TEXT, MAX_LABEL, MAX_URL = 200, 2_000, 40, 500
MAX_DAYS = 365
# A person who has been away must not find a pile of them.
MAX_WAITING = 5
AT_ONCE = 10_000


@transaction.atomic
def queue_message(
    *,
    contact: Contact,
    key: str,
    title: str,
    text: str = "",
    days: int,
    button_label: str = "",
    button_url: str = "",
) -> InAppMessage:
    """Have the widget show a message to this person when they are next in the product, for so many days at most.

    The same `key` is the same message: what is written again is what was written first. Raises `Invalid` for texts that
    cannot be shown, and `Refused` where the person cannot be reached or must not be.
    """
    values = _checked(title, text, days, button_label, button_url)
    # One at a time for each person, so that the pile is counted right and the key is written once.
    Contact.objects.select_for_update(of=("self",)).filter(pk=contact.pk).values_list("pk").first()
    known = InAppMessage.objects.filter(key=key).first()
    if known is not None:
        return known
    if refusal := _why_not(contact):
        raise refusal
    now = clock.now()
    message = InAppMessage.objects.create(
        key=key, contact=contact, account_id=contact.account_id, queued_at=now,
        expires_at=now + dt.timedelta(days=days), **values,
    )  # fmt: skip
    _tell(message, "queued", now)
    return message


def _checked(title: str, text: str, days: int, label: str, url: str) -> dict[str, str]:
    title, text, label, url = " ".join(title.split()), text.strip(), " ".join(label.split()), url.strip()
    for value, most, field, name in (
        (title, MAX_TITLE, "title", "title"), (text, MAX_TEXT, "text", "text"),
        (label, MAX_LABEL, "button_label", "text of the button"),
    ):  # fmt: skip
        if len(value) > most:
            raise Invalid(
                f"The {name} has {len(value):,} characters; at most {most:,} are shown.", field=field
            )
    if not title:
        raise Invalid("A message needs a title.", field="title")
    if not 1 <= days <= MAX_DAYS:
        raise Invalid(f"A message is shown for 1 to {MAX_DAYS} days.", field="days")
    if bool(label) != bool(url):
        missing = "button_url" if label else "button_label"
        raise Invalid(
            "A button needs both its text and its address. Fill in the other, or empty both.", field=missing
        )
    if url and (problem := problem_of_link(url)):
        raise Invalid(problem, field="button_url")
    return {"title": title, "text": text, "button_label": label, "button_url": url}


def problem_of_link(url: str) -> str:
    """Why a button must not lead there; empty where it may."""
    try:
        parts = urlsplit(url)
        is_good = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        is_good = False
    if is_good and url.isprintable() and " " not in url and len(url) <= MAX_URL:
        return ""
    return f"The button leads to an address of at most {MAX_URL} characters such as https://app.example.com/billing."


def is_recognisable(contact: Contact) -> bool:
    """Whether a widget can ever tell that this person is there: by the user id or the address that is signed."""
    return bool(contact.external_id or contact.email)


def is_barred(contact: Contact) -> bool:
    """Whether this person wants, or is to get, nothing from us. An address that bounced keeps nobody from the product."""
    return bool(contact.address_key) and (
        Suppression.objects.filter(
            address_key=contact.address_key, channel=Channel.EMAIL, lifted_at__isnull=True
        )
        .exclude(reason=SuppressionReason.BOUNCED)
        .exists()
    )


def _why_not(contact: Contact) -> Refused | None:
    if contact.erased_at is not None or contact.merged_into_id is not None:
        return Refused("This contact is no longer there.", code="contact_gone")
    if not is_recognisable(contact):
        return Refused(
            "The product cannot recognise this contact: they have neither an external id nor an e-mail address.",
            code="not_recognisable",
        )
    if is_barred(contact):
        return Refused(
            "This contact must not be written to: their address is on the suppression list.",
            code="suppressed",
        )
    if not Widget.objects.filter(is_active=True).exists():
        return Refused(
            "There is no active widget to show it. Make one under Settings, Widgets.", code="no_widget"
        )
    if InAppMessage.objects.filter(contact=contact, state__in=IN_APP_LIVE).count() >= MAX_WAITING:
        return Refused(
            f"{MAX_WAITING} messages wait for this contact in the product already. Withdraw one first.",
            code="too_many",
        )
    return None


def _tell(message: InAppMessage, what: str, at: dt.datetime) -> None:
    timeline.record(
        kind=f"in_app_message.{what}",
        cause_key=f"in_app_message:{message.pk}:{what}",
        account=message.account,
        contact=message.contact,
        subject=("in_app_message", message.pk),
        occurred_at=at,
        data={"has_button": bool(message.button_url)},
    )


@transaction.atomic
def withdraw(*, message: InAppMessage, actor: User) -> InAppMessage:
    """Show it no more. Raises `Refused` when it is over anyway."""
    held = InAppMessage.objects.select_for_update(of=("self",)).get(pk=message.pk)
    if held.state not in IN_APP_LIVE:
        raise Refused("This message is over: it is not shown any more.", code="over")
    held.state, held.withdrawn_at, held.withdrawn_by = InAppState.WITHDRAWN, clock.now(), actor
    held.save(update_fields=["state", "withdrawn_at", "withdrawn_by"])
    audit.record(action="in_app_message.withdrawn", actor=actor, obj=held)
    return held


# --- What browsers report --------------------------------------------------------------------------------------
def note_shown(*, message: InAppMessage, widget_id: int, session: str, at: dt.datetime) -> None:
    """It is in sight now. `message` is held by the caller; the first time is an event."""
    message.session = session
    is_first = message.shown_at is None
    if is_first:
        message.state, message.shown_at, message.widget_id = InAppState.SHOWN, at, widget_id
    message.save(update_fields=["session", "state", "shown_at", "widget"])
    if is_first:
        _tell(message, "shown", at)


@transaction.atomic
def note_end(*, message_id: int, is_click: bool, at: dt.datetime) -> bool:
    """The person followed the button, or closed it: it is never shown again. False where nothing was to be noted: it had
    been reported before, was withdrawn, or was never shown. What comes late still counts, for it happened."""
    message = (
        InAppMessage.objects.select_for_update(of=("self",))
        .select_related("account", "contact")
        .filter(pk=message_id)
        .first()
    )
    if message is None or message.shown_at is None or message.state == InAppState.WITHDRAWN:
        return False
    if message.clicked_at is not None or (not is_click and message.dismissed_at is not None):
        return False
    at = max(at, message.shown_at)
    if is_click:
        message.state, message.clicked_at = InAppState.CLICKED, at
    else:
        message.state, message.dismissed_at = InAppState.DISMISSED, at
    message.save(update_fields=["state", "clicked_at", "dismissed_at"])
    _tell(message, "clicked" if is_click else "dismissed", at)
    return True


# --- Time, and forgetting --------------------------------------------------------------------------------------
def expire_due() -> int:
    """Every minute: close what nobody is shown any more. Returns how many."""
    due = InAppMessage.objects.filter(state__in=IN_APP_LIVE, expires_at__lte=clock.now())
    ids = list(due.order_by("expires_at").values_list("pk", flat=True)[:AT_ONCE])
    return due.filter(pk__in=ids).update(state=InAppState.EXPIRED) if ids else 0


def prune(day: dt.date) -> int:
    """Once a day: forget messages that have been over for NPS_IN_APP_KEEP_DAYS. Returns how many went."""
    before = clock.now() - dt.timedelta(days=settings.IN_APP_KEEP_DAYS)
    old = InAppMessage.objects.exclude(state__in=IN_APP_LIVE).filter(expires_at__lt=before)
    gone = 0
    while ids := list(old.values_list("pk", flat=True)[:AT_ONCE]):
        gone += InAppMessage.objects.filter(pk__in=ids).delete()[0]
        if len(ids) < AT_ONCE or jobs.stopping():
            break
    return gone


def forget(contact: Contact) -> None:
    """Somebody was erased: that they were written to stays, what was written goes, and nothing is shown any more."""
    theirs = InAppMessage.objects.filter(contact=contact)
    theirs.update(title="", text="", session="")
    theirs.filter(state__in=IN_APP_LIVE).update(state=InAppState.WITHDRAWN, withdrawn_at=clock.now())


def export(contact: Contact) -> Iterable[Mapping[str, Any]]:
    """What the person was written, and what they did with it."""
    for one in InAppMessage.objects.filter(contact=contact).order_by("pk"):
        yield {
            "title": one.title, "text": one.text, "button_label": one.button_label, "button_url": one.button_url,
            "state": one.state, "queued_at": one.queued_at, "shown_at": one.shown_at, "clicked_at": one.clicked_at,
            "dismissed_at": one.dismissed_at,
        }  # fmt: skip


def register() -> None:
    jobs.on_tick("in_app_messages_expire", expire_due)
    jobs.daily("surveys.prune_in_app_messages", at=dt.time(3, 50), zone=lambda: "UTC", func=prune)
