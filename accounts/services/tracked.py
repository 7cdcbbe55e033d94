"""What other systems say happened to a customer: a purchase, a ticket solved, onboarding completed, any name.

Kept whole as a `TrackedEvent`; the timeline gets an event of kind "tracked" with the name alone, in the same transaction.
"""

import datetime as dt
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from accounts import cleaning, timeline
from accounts.domain import Origin
from accounts.models import Account, Contact, Event, TrackedEvent
from core import bulk, clock
from core.errors import Invalid, Refused
from team.models import User

KIND = "tracked"
MAX_KEYS, MAX_KEY, MAX_TEXT, MAX_BYTES = 50, 80, 1000, 8 * 1024
MAX_NUMBER = 2**53
EARLIEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
# Clocks of other systems run a little ahead.
AHEAD = dt.timedelta(minutes=10)
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One thing that happened to a contact (whose account is taken along) or to an account.

    `external_id` is what the source calls it: told again, it is the same event and nothing is written.
    """

    name: str
    source: str
    contact: Contact | None = None
    account: Account | None = None
    occurred_at: dt.datetime | None = None
    external_id: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one: the event, and whether it was new."""

    event: TrackedEvent
    is_new: bool


def check(told: Told) -> Told:
    """The same, cleaned. Raises `Invalid` naming the field and the remedy."""
    now = clock.now()
    at = told.occurred_at or now
    if at > now + AHEAD:
        raise Invalid(
            "occurred_at lies in the future. Send the time at which it happened.", field="occurred_at"
        )
    if at < EARLIEST:
        raise Invalid(
            "occurred_at lies before the year 2000. Send the time at which it happened, with its zone.",
            field="occurred_at",
        )
    if told.contact is None and told.account is None:
        raise Invalid(
            "Say who it happened to: contact, contact_external_id or email, or account or account_external_id.",
            field="contact",
            code="required",
        )
    return Told(
        name=cleaning.text(told.name, field="name", label="Name", limit=80, is_required=True),
        source=cleaning.text(told.source, field="source", label="Source", limit=40, is_required=True),
        contact=told.contact,
        account=told.contact.account if told.contact else told.account,
        occurred_at=min(at, now),
        external_id=cleaning.text(told.external_id, field="external_id", label="External id", limit=200)
        or None,
        data=check_data(told.data),
    )


def check_data(data: object) -> dict[str, Any]:
    """Flat values by key: texts, numbers, yes or no, or nothing."""
    if not isinstance(data, Mapping):
        raise Invalid('data is an object of plain values, such as {"amount": 120}.', field="data")
    if len(data) > MAX_KEYS:
        raise Invalid(
            f"data has {len(data)} keys; at most {MAX_KEYS} are kept. Send the ones you filter by.",
            field="data",
        )
    found: dict[str, Any] = {}
    for key, value in data.items():
        name = cleaning.text(key, field="data", label="A key of data", limit=MAX_KEY, is_required=True)
        if isinstance(value, str):
            value = cleaning.text(value, field=f"data.{name}", label=name, limit=MAX_TEXT, lines=True)
        elif isinstance(value, float) and not math.isfinite(value):
            raise Invalid(f"{name} is not a finite number.", field=f"data.{name}")
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) > MAX_NUMBER:
            raise Invalid(f"{name} is too large a number. Send it as a text.", field=f"data.{name}")
        elif value is not None and not isinstance(value, (bool, int, float)):
            raise Invalid(
                f"{name} holds a list or an object; data is flat. Send its parts under keys of their own.",
                field=f"data.{name}",
            )
        found[name] = value
    if len(json.dumps(found, separators=(",", ":")).encode()) > MAX_BYTES:
        raise Invalid(f"data is larger than {MAX_BYTES // 1024} kB. Send less of it.", field="data")
    return found


def track(*, told: Sequence[Told], actor: User | None = None, origin: Origin = Origin.LIVE) -> list[Result]:
    """Record what happened, in one transaction; the results are in the order told. Raises `Invalid` as `check` does."""
    checked = [check(one) for one in told]
    for _ in range(_ATTEMPTS):
        try:
            with transaction.atomic():
                return _write(checked, actor, origin)
        except IntegrityError:
            continue  # somebody told the same at the same moment: look again
    raise Refused("The same events are being sent by somebody else right now. Try again.", status=409)


def _write(told: Sequence[Told], actor: User | None, origin: Origin) -> list[Result]:
    found = _known(told)
    results: list[Result] = []
    new: list[tuple[Told, TrackedEvent]] = []
    now = clock.now()
    for one in told:
        key = (one.source, one.external_id)
        if one.external_id is not None and key in found:
            results.append(Result(found[key], False))
            continue
        event = TrackedEvent(
            name=one.name, account=one.account, contact=one.contact, source=one.source, external_id=one.external_id,
            data=dict(one.data), origin=origin, occurred_at=one.occurred_at or now, received_at=now,
        )  # fmt: skip
        found[key] = event
        new.append((one, event))
        results.append(Result(event, True))
    bulk.insert(TrackedEvent, [event for _, event in new])
    facts = timeline.facts_of_many([(one.account, one.contact) for one, _ in new])
    timeline.record_many(
        [
            Event(
                kind=KIND, account=one.account, contact=one.contact, actor=actor, subject_type=KIND,
                subject_id=event.pk, cause_key=f"tracked:{event.pk}:recorded", origin=origin,
                occurred_at=event.occurred_at, data={"name": one.name}, facts=values,
            )
            for (one, event), values in zip(new, facts, strict=True)
        ]
    )  # fmt: skip
    return results


def _known(told: Sequence[Told]) -> dict[tuple[str, str | None], TrackedEvent]:
    by_source: dict[str, set[str]] = {}
    for one in told:
        if one.external_id is not None:
            by_source.setdefault(one.source, set()).add(one.external_id)
    wanted = Q(pk__in=[])
    for source, ids in by_source.items():
        wanted |= Q(source=source, external_id__in=ids)
    return {(event.source, event.external_id): event for event in TrackedEvent.objects.filter(wanted)}


# --- Whom it happened to -------------------------------------------------------------------------------------
WHO = ("contact", "contact_external_id", "email", "account", "account_external_id")


class Who:
    """Finds the contacts and accounts that many rows name, in two statements, among those `user` may see."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], user: User) -> None:
        keys = {name: {row[name] for row in rows if row.get(name) is not None} for name in WHO}
        emails = {key for email in keys["email"] if (key := _email_key(email))}
        self._contacts: dict[tuple[str, Any], Contact] = {}
        people: QuerySet[Contact] = (
            Contact.objects.visible_to(user)
            .filter(
                Q(pk__in=keys["contact"])
                | Q(external_id__in=keys["contact_external_id"])
                | Q(email_key__in=emails)
            )
            .select_related("account", "merged_into__account")
        )
        for row in people.order_by("-merged_into_id", "pk"):
            person = row.merged_into or row
            if person.erased_at is None:
                for name, value in (
                    ("contact", row.pk), ("contact_external_id", row.external_id), ("email", row.email_key),
                ):  # fmt: skip
                    if value is not None:
                        self._contacts[name, value] = person
        self._accounts: dict[tuple[str, Any], Account] = {}
        if keys["account"] or keys["account_external_id"]:
            for account in Account.objects.visible_to(user).filter(
                Q(pk__in=keys["account"]) | Q(external_id__in=keys["account_external_id"])
            ):
                self._accounts["account", account.pk] = account
                self._accounts["account_external_id", account.external_id] = account

    def of(self, row: Mapping[str, Any]) -> tuple[Contact | None, Account | None]:
        """Whom a row names. Raises `Invalid` (422) when there is nobody, or more than one way to name them is used."""
        given = [name for name in WHO if row.get(name) is not None]
        if len(given) != 1:
            raise Invalid(
                "Name the customer in one way: contact, contact_external_id, email, account or account_external_id.",
                field=given[1] if given else "contact",
                code="ambiguous" if given else "required",
            )
        (name,) = given
        value = _email_key(row[name]) if name == "email" else row[name]
        contact, account = self._contacts.get((name, value)), self._accounts.get((name, value))
        if contact is None and account is None:
            raise Invalid(
                f"There is no {'account' if name.startswith('account') else 'contact'} with this {name} that the key may"
                " see. Create it first, or send it under another name.",
                field=name,
                code="not_found",
                status=422,
            )
        return contact, account


def _email_key(email: str) -> str | None:
    try:
        return cleaning.email(email)[1]
    except Invalid:
        return None
