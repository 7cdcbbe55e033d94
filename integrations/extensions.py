"""What listening adds elsewhere: its part in erasing a person and in telling them what is known, and what
a connection is called where its answers are shown."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from accounts import extend
from accounts.extend import Relation
from accounts.models import Contact
from integrations.models import Connection, HookDelivery, RawAnswer
from surveys import sources


def _erase(contact: Contact) -> None:
    """The source's copies go, and what it sends of these answers later is not taken in again.

    Deliveries that are still kept as they came are searched for the person's address and id: they hold nothing but text.
    """
    rows = RawAnswer.objects.filter(response__contact=contact)
    rows.update(payload=None, is_erased=True)
    marks = [text.casefold().encode() for text in (contact.email, contact.external_id or "") if len(text) > 3]
    for delivery in HookDelivery.objects.exclude(body=b"").iterator(chunk_size=50) if marks else ():
        body = bytes(delivery.body).lower().replace(b"%40", b"@")
        if any(mark in body for mark in marks):
            HookDelivery.objects.filter(pk=delivery.pk).update(body=b"", headers={}, query={})


def _export(contact: Contact) -> Iterable[Mapping[str, Any]]:
    rows = RawAnswer.objects.filter(response__contact=contact, payload__isnull=False).order_by("pk")
    for row in rows.select_related("connection"):
        yield {
            "connection": row.connection.name,
            "answer": row.external_id,
            "received_at": row.received_at,
            "as_it_came": row.payload,
        }


def _names(found: Collection[str]) -> dict[str, str]:
    ids = [int(pk) for system, _, pk in (source.rpartition(":") for source in found) if system and _is_id(pk)]
    connections = Connection.objects.filter(pk__in=ids) if ids else ()
    return {one.source: one.name for one in connections if one.source in found}


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def register() -> None:
    sources.register(_names)
    extend.relation(
        Relation(
            "integrations.RawAnswer", merge=lambda loser, survivor: None, erase=_erase, export=_export,
            reason="Follows the answer it became.",
        )
    )  # fmt: skip
