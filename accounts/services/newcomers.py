"""Contacts made of people who answered and were not known: many at once, each at an account that is certain."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from simple_history.utils import bulk_create_with_history

from accounts import timeline
from accounts.domain import Origin
from accounts.models import Account, Contact, Event
from accounts.services import contacts
from core import clock
from core.errors import Refused
from team import audit
from team.models import User

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody who is not a contact yet, with what is known of them."""

    account: Account
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""
    external_id: str = ""
    language: str = ""


def make_contacts(
    *, newcomers: Sequence[Newcomer], actor: User | None, origin: Origin = Origin.LIVE
) -> list[Contact | None]:
    """A contact for each, in their order, with history, event and one audit entry for all.

    None for one whose values cannot be stored, or whose address or external id another of them brought before or somebody
    has got by now.
    """
    now = clock.now()
    home = contacts.home_country() if any(one.phone for one in newcomers) else ""
    drafts: list[Contact | None] = []
    seen: set[tuple[str, str]] = set()
    for one in newcomers:
        contact = _draft(one, home)
        keys = set() if contact is None else {
            (name, key) for name, key in (("email", contact.email_key), ("id", contact.external_id)) if key
        }  # fmt: skip
        if contact is None or keys & seen:
            drafts.append(None)
            continue
        seen |= keys
        contact.created_at = contact.updated_at = now
        drafts.append(contact)
    made = [contact for contact in drafts if contact is not None]
    if not made:
        return drafts
    with transaction.atomic():
        try:
            _store(made, actor, origin, now)
            stored = made
        except IntegrityError:  # one of them exists by now: the others are made all the same
            stored = [contact for contact in made if _is_stored(contact, actor, origin, now)]
        if stored:
            audit.record(
                action="contact.created_by_answer", actor=actor, count=len(stored), first=stored[0].pk
            )
    kept = {id(contact) for contact in stored}
    return [contact if id(contact) in kept else None for contact in drafts]


def _is_stored(contact: Contact, actor: User | None, origin: Origin, now: dt.datetime) -> bool:
    contact.pk, contact._state.adding = None, True  # the failed attempt may have given it a key
    try:
        _store([contact], actor, origin, now)
    except IntegrityError:
        return False
    return True


def _store(made: Sequence[Contact], actor: User | None, origin: Origin, now: dt.datetime) -> None:
    with transaction.atomic():
        bulk_create_with_history(made, Contact, batch_size=CHUNK, default_user=actor, default_date=now)
        facts = timeline.facts_of_many([(contact.account, contact) for contact in made])
        timeline.record_many(
            [
                Event(
                    kind="contact.created",
                    account=contact.account,
                    contact=contact,
                    actor=actor,
                    subject_type="contact",
                    subject_id=contact.pk,
                    cause_key=f"contact:{contact.pk}:created",
                    origin=origin,
                    occurred_at=now,
                    data={"by": "answer"},
                    facts=known,
                )
                for contact, known in zip(made, facts, strict=True)
            ]
        )


def _draft(one: Newcomer, home: str) -> Contact | None:
    values: dict[str, Any] = {
        "first_name": one.first_name[:100],
        "last_name": one.last_name[:100],
        "email": one.email,
        "phone": one.phone,
        "external_id": one.external_id or None,
    }
    try:
        found = contacts.clean(values)
        found["language"] = contacts.clean({"language": one.language})["language"] if one.language else ""
        contacts.settle_phone(found, one.account, home=home)
        contact = Contact(account=one.account, custom={}, **found)
        contacts.refuse_nameless(contact.first_name, contact.last_name, contact.email)
    except Refused:
        return None
    return contact
