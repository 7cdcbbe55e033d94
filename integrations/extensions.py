"""What listening adds elsewhere: its part in erasing a person and in telling them what is known, and what
a connection is called where its answers are shown."""

import secrets
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db.models import Q, TextField
from django.db.models.functions import Cast

from accounts import extend
from accounts.extend import Relation
from accounts.models import Contact
from integrations.domain import ConnectionState
from integrations.models import AnswerFetch, Connection, HookDelivery, RawAnswer, RunLine
from surveys import sources
from surveys.queries import inbox


def _erase(contact: Contact) -> None:
    """The source's copies go, and what it sends of these answers later is not taken in again.

    Answers that nobody was found for, and deliveries that are kept as they came, are searched for the person's address:
    they hold it in their text only.
    """
    theirs = Q(response__contact=contact) | Q(response__in=inbox.naming(contact))
    if contact.email:
        unmatched = RawAnswer.objects.filter(payload__isnull=False).exclude(response__contact__isnull=False)
        named = unmatched.annotate(_said=Cast("payload", TextField())).filter(_said__icontains=contact.email)
        theirs |= Q(pk__in=list(named.values_list("pk", flat=True)))
    RawAnswer.objects.filter(theirs).update(payload=None, is_erased=True)
    if not contact.email:
        return
    # A source that numbers its answers by address: the number goes too.
    for model in (RawAnswer, RunLine, AnswerFetch):
        for pk in model.objects.filter(external_id__icontains=contact.email).values_list("pk", flat=True):
            model.objects.filter(pk=pk).update(external_id=f"erased-{secrets.token_hex(16)}")
    mark = contact.email.casefold().encode()
    for delivery in HookDelivery.objects.exclude(body=b"").iterator(chunk_size=50):
        if mark in bytes(delivery.body).lower().replace(b"%40", b"@"):
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


def _connected(tool: str) -> list[str]:
    rows = Connection.objects.exclude(state=ConnectionState.DRAFT)
    return [one.source for one in (rows.filter(system=tool) if tool else rows)]


def register() -> None:
    sources.register(_names)
    sources.register_connected(_connected)
    extend.relation(
        Relation(
            "integrations.RawAnswer", merge="stay", erase=_erase, export=_export,
            reason="Follows the answer it became.",
        )
    )  # fmt: skip
