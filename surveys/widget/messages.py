"""Messages to one person, as the widget shows them: which one waits, that it is in sight, what became of it.

Only whom the host's server vouches for is shown any. A visit shows one thing: a survey, else a message, which then stays
in sight from page to page until it is closed or its button is followed.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Exists, Q

from core import ratelimit, roundtrip
from surveys import texts
from surveys.choices import IN_APP_LIVE
from surveys.models import InAppMessage, Visitor
from surveys.services import in_app_messages
from surveys.widget import limits, queries, services
from surveys.widget.config import Config
from surveys.widget.identity import Person
from surveys.widget.services import Seen, Somebody


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message to show now."""

    id: int
    title: str
    text: str
    button_label: str
    button_url: str
    language: str


def waiting_for(
    *, config: Config, visitor: Somebody, person: Person, now: dt.datetime, due: Mapping[str, int] | None = None
) -> Waiting | None:  # fmt: skip
    """The oldest message that this person may be shown in this visit.

    One statement, in one round trip with the count of the buckets in `due` where they have not been counted yet. Raises
    `limits.TooMany`.
    """
    look = _statement(config, visitor, person, now)
    if due is None:
        (rows,) = roundtrip.run(look)
    else:
        rows, counted = roundtrip.run(look, ratelimit.taking_each(due, per_seconds=limits.PER_SECONDS))
        limits.settle(ratelimit.verdicts_of(due, counted, per_seconds=limits.PER_SECONDS))
    return Waiting(*rows[0]) if rows else None


def _statement(
    config: Config, visitor: Somebody, person: Person, now: dt.datetime
) -> tuple[str, Sequence[Any]]:
    # Who was shown something else in this visit, be it in another tab, is left alone.
    shown_here = Visitor.objects.filter(
        widget=config.widget_id, key__in=visitor.keys, session=visitor.session
    )
    found = (
        InAppMessage.objects.filter(
            ~Exists(shown_here) | Q(session=visitor.session),
            contact__in=queries.contact_of(person).values("pk"),
            state__in=IN_APP_LIVE,
            expires_at__gt=now,
        )
        .order_by("pk")
        .values_list("pk", "title", "text", "button_label", "button_url", "contact__language")
    )
    text, params = found[:1].query.sql_with_params()
    return text, params


def payload(message: Waiting, *, language: str, config: Config) -> dict[str, Any]:
    """What the browser draws: texts only. Words around them are in the reader's language; a button leads to https."""
    tag = message.language or language
    return {
        "title": message.title,
        "text": message.text,
        "button": {"label": message.button_label, "url": message.button_url} if message.button_url else None,
        "direction": texts.language_for(tag).direction,
        "theme": config.theme,
        "words": {"label": config.company, "close": texts.texts_for(tag).widget_close},
    }


@transaction.atomic
def show(*, config: Config, visitor: Somebody, message_id: int, now: dt.datetime) -> Seen:
    """Record that an offered message is about to be seen, unless something speaks against it by now. Idempotent."""
    rows = services.hold_rows(config, visitor, now)
    message = InAppMessage.objects.select_for_update(of=("self",)).filter(pk=message_id).first()
    if message is None or message.state not in IN_APP_LIVE or message.expires_at <= now:
        return Seen(shown=False, reason="over")
    contact = queries.find_contact(visitor.person) if visitor.person else None
    if contact is None or contact.pk != message.contact_id:
        return Seen(shown=False, reason="not_yours")
    if message.session != visitor.session and visitor.session in {row.session for row in rows}:
        return Seen(shown=False, reason="seen_this_session")
    services.note_rows(rows, visitor, contact, now, session=visitor.session)
    in_app_messages.note_shown(message=message, widget_id=config.widget_id, session=visitor.session, at=now)
    return Seen(shown=True)
