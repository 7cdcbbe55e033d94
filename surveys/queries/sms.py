"""Whom an SMS came from, and what it may be about."""

import datetime as dt

from accounts.models import Contact
from surveys.choices import Channel
from surveys.models import Delivery, Invitation, Survey

# Somebody we do not know answers the last survey that went out by SMS, if it went out this recently.
GUESS_DAYS = 30

_ASKED = Invitation.objects.select_related("version__survey", "contact__account", "account", "wave")


def latest_ask(phone_key: str) -> Invitation | None:
    """The last ask that went to a number by SMS, whether it is still open or not."""
    return (
        _ASKED.filter(
            contact__phone_key=phone_key,
            is_test=False,
            asked_at__isnull=False,
            deliveries__channel=Channel.SMS,
        )
        .order_by("-asked_at", "-pk")
        .first()
    )


def latest_test(phone_key: str, *, after: dt.datetime | None) -> Invitation | None:
    """The last test SMS that one of the team sent to this number of theirs, if nothing real went there since."""
    rows = _ASKED.filter(
        recipient_key=phone_key,
        is_test=True,
        channel=Channel.SMS,
        asked_at__isnull=False,
        tester__is_active=True,
    )
    if after is not None:
        rows = rows.filter(asked_at__gt=after)
    return rows.order_by("-asked_at", "-pk").first()


def contact_of(phone_key: str) -> Contact | None:
    """The one live contact of a number; None where it is nobody's or several people's."""
    found = list(Contact.objects.live().filter(phone_key=phone_key).select_related("account")[:2])
    return found[0] if len(found) == 1 else None


def survey_asked_lately(now: dt.datetime) -> Survey | None:
    """The survey that went out by SMS last."""
    ask = (
        _ASKED.filter(channel=Channel.SMS, is_test=False, asked_at__gte=now - dt.timedelta(days=GUESS_DAYS))
        .order_by("-asked_at")
        .first()
    )
    return ask.version.survey if ask is not None else None


def delivery_of(*, provider_id: str, delivery_id: int | None) -> Delivery | None:
    """The SMS a provider reports on: by its own id, else by the number that we gave it along."""
    rows = Delivery.objects.filter(channel=Channel.SMS)
    found = rows.filter(provider_id=provider_id).first() if provider_id else None
    if found is None and delivery_id is not None:
        found = rows.filter(pk=delivery_id, provider_id__in=["", provider_id]).first()
    return found


def unpriced(*, since: dt.datetime, until: dt.datetime, limit: int) -> list[Delivery]:
    """Sent SMS whose price nobody has asked for yet."""
    rows = Delivery.objects.filter(
        channel=Channel.SMS,
        state="done",
        price__isnull=True,
        price_currency="",
        sent_at__gte=since,
        sent_at__lt=until,
    )
    return list(rows.exclude(provider_id="").order_by("sent_at")[:limit])
