"""The spine: what happened to a customer, and who is told.

`record` writes an event in the caller's transaction, and its relay row if a subscriber wants such events. The relay
writes one delivery per subscriber; subscribers hear of each event at least once and must be idempotent.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models.base import ModelState

from accounts import extend
from accounts.domain import Origin
from accounts.models import Account, Contact, CustomField, Event, EventDelivery, EventRelay
from core import bulk, clock, jobs, outbox
from team.models import User

RELAY = "timeline_relay"
DELIVER = "timeline_deliver"


@dataclass(frozen=True, slots=True)
class Subscriber:
    """`handle` gets one event and must be idempotent. `kinds` limits it to those event kinds (None: all), `live_only`
    to events that happened live: a history of a million answers then costs it nothing. `also(kind, origin)` lets in
    more of them; it is asked for each event, so it must be quick."""

    name: str
    handle: Callable[[Event], None]
    kinds: frozenset[str] | None = None
    live_only: bool = False
    also: Callable[[str, str], bool] | None = None

    def wants(self, kind: str, origin: str) -> bool:
        if self.kinds is not None and kind not in self.kinds:
            return False
        if not self.live_only or origin == Origin.LIVE:
            return True
        return self.also is not None and self.also(kind, origin)


subscribers: dict[str, Subscriber] = {}


def subscribe(
    name: str,
    handle: Callable[[Event], None],
    *,
    kinds: Sequence[str] | None = None,
    live_only: bool = False,
    also: Callable[[str, str], bool] | None = None,
) -> None:
    """Register a subscriber. Call from `AppConfig.ready`."""
    subscribers[name] = Subscriber(name, handle, None if kinds is None else frozenset(kinds), live_only, also)


BY_RUN = "by_run"
run_at_work: ContextVar[int | None] = ContextVar("run_at_work", default=None)
"""The run of a rule whose step is being done: what is recorded meanwhile says so in its data, under `BY_RUN`, so that
rules that set each other off are found out."""


def is_awaited(kind: str, origin: str) -> bool:
    """Whether any subscriber wants to hear of such an event; if none does, it needs no relay row."""
    return any(subscriber.wants(kind, origin) for subscriber in subscribers.values())


# What events remember: the segment field (for custom fields "custom.<key>") and the column that holds it. Whoever writes
# events without these models (surveys/sql.py, surveys/sql_delivery.py) reads exactly these columns, and `custom`.
ACCOUNT_FACTS: Mapping[str, str] = {
    "owner": "owner_id",
    "plan": "plan",
    "segment": "segment",
    "stage": "stage_id",
    "industry": "industry",
    "country": "country",
    "seats": "seats",
    "arr": "arr",
    "currency": "currency",
    "customer_since": "customer_since",
    "renewal_on": "renewal_on",
}
CONTACT_FACTS: Mapping[str, str] = {"role": "role"}
# Of custom fields only what is declared as not personal is remembered; a contact's have their own prefix.
CUSTOM_FACTS: Mapping[str, str] = {"account": "custom.", "contact": "contact.custom."}


def current_facts(account: Account | None, contact: Contact | None) -> dict[str, Any]:
    """The registered, non-personal values of an account and contact as they are now.

    Keys of the account's own values are those of its segment fields, so that saved conditions can judge them.
    """
    (found,) = facts_of_many([(account, contact)])
    return found


def facts_of_many(pairs: Sequence[tuple[Account | None, Contact | None]]) -> list[dict[str, Any]]:
    """`current_facts` of many at once, with a statement per reader where it can read many."""
    public = public_fields() if pairs else ()
    accounts = {id(account): account for account, _ in pairs}  # mostly a few, each with many contacts
    of_account = {key: _own_facts(account, None, public) for key, account in accounts.items()}
    found = [of_account[id(account)] | _own_facts(None, contact, public) for account, contact in pairs]
    keys = [
        (account.pk if account is not None else None, contact.pk if contact is not None else None)
        for account, contact in pairs
    ]
    for read in extend.registered.facts.values():
        for values, added in zip(found, read(keys), strict=True):
            values |= added
    return found


def public_fields() -> list[tuple[str, str]]:
    """The custom fields without personal data, as target and key."""
    return list(CustomField.objects.filter(is_personal=False).order_by("pk").values_list("target", "key"))


def _own_facts(
    account: Account | None, contact: Contact | None, public: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for target, thing, columns in (("account", account, ACCOUNT_FACTS), ("contact", contact, CONTACT_FACTS)):
        if thing is not None:
            found |= facts_of_columns({key: getattr(thing, column) for key, column in columns.items()})
            if any(of == target for of, _ in public):
                found |= custom_facts(target, thing.custom, public)
    return found


def facts_of_columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of columns as events hold them: days and money as text."""
    found = dict(values)
    if found.get("arr") is not None:
        found["arr"] = f"{Decimal(str(found['arr'])):.2f}"
    for key in ("customer_since", "renewal_on"):
        if found.get(key) is not None:
            found[key] = str(found[key])
    return found


def custom_facts(target: str, custom: Mapping[str, Any], public: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The values under the `public` custom fields of `target`; a field without a value is left out."""
    return {
        f"{CUSTOM_FACTS[target]}{key}": custom[key] for of, key in public if of == target and key in custom
    }


def record(
    *,
    kind: str,
    cause_key: str,
    account: Account | None = None,
    contact: Contact | None = None,
    actor: User | None = None,
    subject: tuple[str, int] | None = None,
    origin: Origin = Origin.LIVE,
    occurred_at: dt.datetime | None = None,
    data: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Event:
    """Write one event in the caller's transaction and have its subscribers told after the commit.

    `cause_key` is subject and transition ("response:123:scored"): effects are unique by rule and cause, so an edit
    or a merge that records again makes no second alert. `data` must hold neutral values only.
    """
    # A savepoint of its own would be two trips for every event, and nobody goes on after a failure in here.
    with transaction.atomic(savepoint=False):
        run = run_at_work.get()
        event = Event.objects.create(
            kind=kind,
            account=account,
            contact=contact,
            actor=actor,
            subject_type=subject[0] if subject else "",
            subject_id=subject[1] if subject else None,
            cause_key=cause_key,
            origin=origin,
            occurred_at=occurred_at or clock.now(),
            data=dict(data or {}) | ({} if run is None else {BY_RUN: run}),
            facts=dict(facts) if facts is not None else current_facts(account, contact),
        )
        if is_awaited(kind, origin):
            EventRelay.objects.create(event=event)
            jobs.wake(RELAY)
    return event


def draft(columns: Mapping[str, Any]) -> Event:
    """An event for `record_many` from all its columns but the key, for those who write thousands.

    Django's constructor takes longer than the database takes for the row.
    """
    event = Event.__new__(Event)
    event.__dict__.update(columns, id=None, _state=ModelState())
    return event


def kept(columns: Mapping[str, Any]) -> Event:
    """A recorded event from all its columns, for those who read a million; not to be saved."""
    event = Event.__new__(Event)
    event.__dict__.update(columns, _state=ModelState())
    return event


def record_many(events: Sequence[Event]) -> list[Event]:
    """Write prepared events in bulk, in the caller's transaction, with relay rows where subscribers wait for them."""
    if (run := run_at_work.get()) is not None:
        for event in events:
            event.data = {**event.data, BY_RUN: run}
    with transaction.atomic(savepoint=False):
        made = list(bulk.insert(Event, events))
        awaited = [event.pk for event in made if is_awaited(event.kind, event.origin)]
        if awaited:
            bulk.insert_keys(EventRelay, awaited)
            jobs.wake(RELAY)
    return made


def relay_batch(limit: int = 200) -> int:
    """Hand up to `limit` waiting events to their subscribers' queues; returns how many were handed on."""
    with transaction.atomic():
        waiting = EventRelay.objects.order_by("event_id")
        if connection.features.has_select_for_update_skip_locked:
            waiting = waiting.select_for_update(skip_locked=True)
        ids = list(waiting.values_list("event_id", flat=True)[:limit])
        rows = [
            EventDelivery(
                key=f"event:{event_id}:{subscriber.name}", event_id=event_id, subscriber=subscriber.name
            )
            for event_id, kind, origin in Event.objects.filter(pk__in=ids).values_list("pk", "kind", "origin")
            for subscriber in subscribers.values()
            if subscriber.wants(kind, origin)
        ]
        if rows:
            outbox.add(rows)
            jobs.wake(DELIVER)
        EventRelay.objects.filter(pk__in=ids).delete()
    return len(ids)


def deliver(row: EventDelivery) -> None:
    """Tell one subscriber of one event, in one transaction with the mark that it was told."""
    subscriber = subscribers.get(row.subscriber)
    if subscriber is not None:
        subscriber.handle(row.event)


def register() -> None:
    """Make the relay and its deliveries known to the outbox."""
    told = outbox.per_row(deliver)
    outbox.register(outbox.Kind(RELAY, "accounts.EventRelay", told, pump=relay_batch))
    outbox.register(outbox.Kind(DELIVER, EventDelivery, told, idempotent=True, keep_done=False, flush=False))
