"""The demo's telephones: SMS that were caught, by the number they went to, and replies as if typed there."""

import datetime as dt
import uuid
from dataclasses import dataclass

from surveys.channels.sms import catcher
from surveys.services import sms

MAX_REPLY = 1_000


@dataclass(frozen=True, slots=True)
class Shown:
    """An SMS as the telephone shows it."""

    body: str
    at: dt.datetime
    is_reply: bool
    segments: int


@dataclass(frozen=True, slots=True)
class Conversation:
    """What went to and fro with one number; `latest` is the newest of it."""

    number: str
    latest: Shown
    count: int


def _shown(caught: catcher.Caught) -> Shown:
    return Shown(caught.body, dt.datetime.fromisoformat(caught.at), caught.is_reply, caught.segments)


def conversations() -> list[Conversation]:
    """All numbers, those with the newest SMS first."""
    found: dict[str, list[catcher.Caught]] = {}
    for caught in catcher.everything():
        found.setdefault(caught.number, []).append(caught)
    return [Conversation(number, _shown(rows[0]), len(rows)) for number, rows in found.items()]


def messages_of(number: str) -> list[Shown]:
    """What went to and fro with a number, in its order."""
    return [_shown(caught) for caught in reversed(catcher.everything()) if caught.number == number]


def reply(*, number: str, body: str) -> None:
    """The customer replies; what we say to that is caught as well."""
    catcher.keep(number=number, body=body, is_reply=True)
    said = sms.take_in(
        sms.Incoming(provider=catcher.NAME, provider_id=uuid.uuid4().hex, number=number, body=body)
    )
    if said:
        catcher.keep(number=number, body=said)
