"""Decisions written to the database: rows, their history and their events, a few statements for each batch."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import connection

from accounts import timeline
from accounts.domain import Origin
from accounts.imports.checking import CREATED, UPDATED, Decision, Plan
from accounts.models import Account, Contact, Event
from accounts.services import contacts as contact_services
from core import bulk, clock
from team import queries as team_queries
from team.models import User


def write(plan: Plan, *, target: str, actor: User) -> None:
    """Write a plan in the caller's transaction. A row of somebody else's in the way raises IntegrityError."""
    now = clock.now()
    events: list[Event] = []
    _create_accounts(plan.new_accounts, actor, now, events)
    created = [decision for decision in plan.decisions if decision.state == CREATED]
    updated = [decision for decision in plan.decisions if decision.state == UPDATED]
    if target == "account":
        _create_accounts([decision.thing for decision in created], actor, now, events)
        _update_accounts(updated, actor, now, events)
    else:
        _create_contacts(created, actor, now, events)
        _update_contacts(updated, actor, now, events)
    if events:
        timeline.record_many(events)


def _create_accounts(accounts: Sequence[Account], actor: User, now: dt.datetime, events: list[Event]) -> None:
    if not accounts:
        return
    for account in accounts:
        account.created_at = account.updated_at = now
    bulk.insert(Account, accounts)
    _history(Account, accounts, "+", actor, now)
    facts = timeline.facts_of_many([(account, None) for account in accounts])
    for account, known in zip(accounts, facts, strict=True):
        key = f"account:{account.pk}:created"
        subject = ("account", account.pk)
        events.append(
            _event(
                "account.created",
                key,
                subject,
                account=account,
                contact=None,
                actor=actor,
                now=now,
                facts=known,
            )
        )


def _update_accounts(updated: Sequence[Decision], actor: User, now: dt.datetime, events: list[Event]) -> None:
    if not updated:
        return
    today = team_queries.today()
    names = {"updated_at"}
    contact_services.note_former(
        [(one.thing.pk, one.thing.email_key) for one in updated if "email_key" in one.changes]
    )
    for decision in updated:
        _apply(decision, now)
        names |= set(decision.changes)
        if "stage" in decision.changes:
            decision.thing.stage_since = today if decision.thing.stage_id else None
            names.add("stage_since")
    accounts = [decision.thing for decision in updated]
    bulk.update(Account, accounts, sorted(names))
    _history(Account, accounts, "~", actor, now)
    stamp = f"{now:%Y%m%d%H%M%S%f}"
    facts = timeline.facts_of_many([(account, None) for account in accounts])
    for decision, known in zip(updated, facts, strict=True):
        account, changed = decision.thing, set(decision.changes)
        subject = ("account", account.pk)
        told: list[tuple[str, dict[str, Any]]] = []
        if "owner" in changed:
            before = decision.before["owner"]
            told.append(
                ("account.owner_changed", {"from": before.pk if before else None, "to": account.owner_id})
            )
        if "stage" in changed:
            before = decision.before["stage"]
            told.append(
                ("account.stage_changed", {"from": before.pk if before else None, "to": account.stage_id})
            )
        if others := sorted(changed - {"owner", "stage"}):
            told.append(("account.updated", {"fields": others}))
        for kind, data in told:
            key = f"account:{account.pk}:{kind.rpartition('.')[2]}:{stamp}"
            events.append(
                _event(
                    kind,
                    key,
                    subject,
                    account=account,
                    contact=None,
                    actor=actor,
                    now=now,
                    facts=known,
                    data=data,
                )
            )


def _create_contacts(created: Sequence[Decision], actor: User, now: dt.datetime, events: list[Event]) -> None:
    if not created:
        return
    contacts = [decision.thing for decision in created]
    for decision in created:
        decision.thing.created_at = decision.thing.updated_at = now
        if decision.account is not None:
            decision.thing.account_id = decision.account.pk
    bulk.insert(Contact, contacts)
    _history(Contact, contacts, "+", actor, now)
    facts = timeline.facts_of_many([(decision.account, decision.thing) for decision in created])
    for decision, known in zip(created, facts, strict=True):
        contact = decision.thing
        key = f"contact:{contact.pk}:created"
        subject = ("contact", contact.pk)
        at = decision.account
        events.append(
            _event(
                "contact.created",
                key,
                subject,
                account=at,
                contact=contact,
                actor=actor,
                now=now,
                facts=known,
            )
        )


def _update_contacts(updated: Sequence[Decision], actor: User, now: dt.datetime, events: list[Event]) -> None:
    if not updated:
        return
    names = {"updated_at"}
    for decision in updated:
        _apply(decision, now)
        names |= set(decision.changes)
    contacts = [decision.thing for decision in updated]
    bulk.update(Contact, contacts, sorted(names))
    _history(Contact, contacts, "~", actor, now)
    stamp = f"{now:%Y%m%d%H%M%S%f}"
    facts = timeline.facts_of_many([(decision.account, decision.thing) for decision in updated])
    for decision, known in zip(updated, facts, strict=True):
        contact = decision.thing
        data = {"fields": sorted(set(decision.changes) - contact_services.DERIVED)}
        key = f"contact:{contact.pk}:updated:{stamp}"
        subject = ("contact", contact.pk)
        at = decision.account
        events.append(
            _event(
                "contact.updated",
                key,
                subject,
                account=at,
                contact=contact,
                actor=actor,
                now=now,
                facts=known,
                data=data,
            )
        )


def _apply(decision: Decision, now: dt.datetime) -> None:
    for name, value in decision.changes.items():
        setattr(decision.thing, name, value)
    decision.thing.updated_at = now


def _event(
    kind: str,
    key: str,
    subject: tuple[str, int],
    *,
    account: Account | None,
    contact: Contact | None,
    actor: User,
    now: dt.datetime,
    facts: dict[str, Any],
    data: dict[str, Any] | None = None,
) -> Event:
    return timeline.draft(
        {
            "kind": kind,
            "account_id": account.pk if account else None,
            "contact_id": contact.pk if contact else None,
            "actor_id": actor.pk,
            "subject_type": subject[0],
            "subject_id": subject[1],
            "cause_key": key,
            "origin": Origin.IMPORT.value,
            "occurred_at": now,
            "recorded_at": now,
            "data": data or {},
            "facts": facts,
        }
    )


def _history(model: Any, things: Sequence[Any], kind: str, actor: User, now: dt.datetime) -> None:
    """What simple-history keeps of each row: copied from the rows just written, without passing through Python."""
    if connection.vendor != "postgresql":
        model.history.bulk_history_create(
            things, update=kind == "~", default_user=actor, default_date=now, batch_size=bulk.CHUNK
        )
        return
    history, quote = model.history.model, connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in history.tracked_fields)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {quote(history._meta.db_table)} ({columns}, history_date, history_change_reason, history_type,"
            f" history_user_id) SELECT {columns}, %s::timestamptz, '', %s::text, %s::bigint FROM {quote(model._meta.db_table)}"
            " WHERE id = ANY(%s::bigint[]) ORDER BY id",
            [now, kind, actor.pk, [thing.pk for thing in things]],
        )
