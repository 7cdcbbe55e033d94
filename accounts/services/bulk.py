"""Writing many rows at once: new owners for a whole filter, contacts by the thousand. History is kept for each row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from accounts import custom, timeline, versions
from accounts.domain import OWNER_CHANGE, Origin
from accounts.models import Account, Contact, Event
from accounts.services import contacts as contact_services
from core import clock, jobs
from core.errors import Invalid, Refused
from core.models import Job
from team import audit
from team.models import User

AT_ONCE = 200
CHUNK = 500
MAX_ACCOUNTS = 100_000
_NAMED = ("account_id", "account_external_id")


# --- Owners --------------------------------------------------------------------------------------------------
@transaction.atomic
def change_owner(*, accounts: QuerySet[Account], owner: User | None, actor: User) -> int | Job:
    """Give all `accounts` (rows that `actor` may see) to `owner`; None leaves them without one.

    Up to 200 are changed here, and their number that changed is returned; more become a job over exactly the accounts
    that match now. Each change has its history row and event, so that it can be followed and taken back.
    """
    if owner is not None and (not owner.is_active or owner.role == "viewer"):
        raise Refused(
            f"{owner} cannot own accounts. Choose an active person who is not a viewer.", field="owner"
        )
    ids = list(accounts.order_by("pk").values_list("pk", flat=True)[: MAX_ACCOUNTS + 1])
    if len(ids) > MAX_ACCOUNTS:
        raise Refused(f"These are more than {MAX_ACCOUNTS:,} accounts. Narrow the filter.", code="too_many")
    audit.record(
        action="account.owner_changed_in_bulk",
        actor=actor,
        count=len(ids),
        owner=None if owner is None else owner.pk,
    )
    if len(ids) <= AT_ONCE:
        return _give(ids, owner, actor)
    return jobs.submit(
        OWNER_CHANGE,
        payload={"ids": ids, "owner": None if owner is None else owner.pk, "position": 0},
        requested_by=actor.pk,
    )


def run_owner_change(job: "jobs.JobContext") -> None:
    """The job: one chunk and its position in one transaction, so that a kill repeats nothing."""
    ids: list[int] = job.payload["ids"]
    owner = User.objects.filter(pk=int(job.payload["owner"])).first() if job.payload["owner"] else None
    if job.payload["owner"] and (owner is None or not owner.is_active):
        raise Refused("The new owner is no longer active. Nothing more has been changed.")
    actor = User.objects.filter(pk=job.job.requested_by or 0).first()
    position = int(job.payload.get("position", 0))
    while position < len(ids):
        with transaction.atomic():
            _give(ids[position : position + CHUNK], owner, actor)
            position += CHUNK
            job.save(position=position)
        job.report(min(position, len(ids)), len(ids))


def register() -> None:
    """Make the job known (from `AppConfig.ready`)."""
    jobs.handler(OWNER_CHANGE, long=True)(run_owner_change)


def _give(ids: Sequence[int], owner: User | None, actor: User | None) -> int:
    now = clock.now()
    new = None if owner is None else owner.pk
    locked = Account.objects.select_for_update(of=("self",)).filter(pk__in=ids).order_by("pk")
    rows = [account for account in locked if account.owner_id != new]
    before = {account.pk: account.owner_id for account in rows}
    Account.objects.filter(pk__in=[account.pk for account in rows]).update(owner=owner, updated_at=now)
    for account in rows:
        account.owner, account.updated_at = owner, now
    Account.history.bulk_history_create(
        rows, update=True, default_user=actor, default_date=now, batch_size=CHUNK
    )
    stamp = f"{now:%Y%m%d%H%M%S%f}"
    facts = timeline.facts_of_many([(account, None) for account in rows])
    timeline.record_many(
        [
            Event(
                kind="account.owner_changed",
                account=account,
                actor=actor,
                subject_type="account",
                subject_id=account.pk,
                cause_key=f"account:{account.pk}:owner_changed:{stamp}",
                origin=Origin.LIVE,
                occurred_at=now,
                data={"from": before[account.pk], "to": new},
                facts=known,
            )
            for account, known in zip(rows, facts, strict=True)
        ]
    )
    return len(rows)


# --- Contacts ------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Row:
    """One contact to write, at `index` of the call: found again by external id, else by address.

    `values` may name its account as `account_external_id` or `account_id` instead of `account`. A given external id stands first: a
    contact with that address but without external id is taken over by it.
    """

    index: int
    values: Mapping[str, Any]


@dataclass(slots=True)
class Result:
    """`state` is created, updated, unchanged or refused (then `refusal` says why)."""

    index: int
    state: str
    contact_id: int | None = None
    external_id: str | None = None
    refusal: Refused | None = None


@dataclass(slots=True)
class _Plan:
    to_create: list[tuple[Row, Contact]] = field(default_factory=list)
    to_update: list[tuple[Row, Contact, list[str]]] = field(default_factory=list)
    former: list[tuple[int, str | None]] = field(default_factory=list)
    results: dict[int, Result] = field(default_factory=dict)


def upsert_contacts(*, rows: Sequence[Row], actor: User, origin: Origin = Origin.LIVE) -> list[Result]:
    """Create or update each row by itself: a refused one leaves the others alone. A handful of statements for all.

    Accounts and contacts outside `actor`'s sight are refused as if they did not exist, except that an address that
    is taken is said to be taken.
    """
    for _ in range(3):
        plan = _Plan()
        try:
            with transaction.atomic():
                _prepare(plan, rows, actor)
                _write(plan, actor, origin)
                return [plan.results[row.index] for row in rows]
        except IntegrityError:
            # Somebody else wrote one of these contacts between our look and our insert: look again.
            continue
    raise Refused("The same contacts are being written by another call. Send these rows again.", code="busy")


def _prepare(plan: _Plan, rows: Sequence[Row], actor: User) -> None:
    definitions = custom.definitions("contact")
    cleaned: list[tuple[Row, dict[str, Any]]] = []
    for row in rows:
        values = dict(row.values)
        named = {name: values.pop(name) for name in _NAMED if name in values}
        try:
            # Custom values are laid over the stored ones below; here they are only checked.
            found = contact_services.clean(values, definitions=definitions)
        except Refused as refusal:
            plan.results[row.index] = _refused(row, refusal)
            continue
        cleaned.append((row, found | named))
    accounts = _accounts(cleaned, actor)
    home = contact_services.home_country() if any("phone" in found for _, found in cleaned) else ""
    by_id, by_email, visible = _existing(cleaned, actor)
    taken_ids: set[str] = set()
    taken_emails: set[str] = set()
    for row, found in cleaned:
        try:
            contact = _match(found, by_id, by_email, visible, actor)
            _claim(found, contact, taken_ids, taken_emails)
            _place(found, accounts)
            _lay_over(plan, row, found, contact, definitions, home)
        except Refused as refusal:
            plan.results[row.index] = _refused(row, refusal)


def _refused(row: Row, refusal: Refused) -> Result:
    external_id = row.values.get("external_id")
    return Result(
        row.index,
        "refused",
        external_id=external_id if isinstance(external_id, str) else None,
        refusal=refusal,
    )


def _accounts(cleaned: Sequence[tuple[Row, dict[str, Any]]], actor: User) -> dict[str, Account]:
    """The accounts that rows name, by "account_id:7" and "account_external_id:A-1"; only those in sight."""
    keys = {str(found["account_external_id"]) for _, found in cleaned if found.get("account_external_id")}
    ids = {found["account_id"] for _, found in cleaned if found.get("account_id")}
    if not keys and not ids:
        return {}
    visible = Account.objects.visible_to(actor).filter(Q(external_id__in=keys) | Q(pk__in=ids))
    found_accounts: dict[str, Account] = {}
    for account in visible:
        found_accounts[f"account_id:{account.pk}"] = account
        found_accounts[f"account_external_id:{account.external_id}"] = account
    return found_accounts


def _existing(
    cleaned: Sequence[tuple[Row, dict[str, Any]]], actor: User
) -> tuple[dict[str, Contact], dict[str, Contact], set[int]]:
    ids = {found["external_id"] for _, found in cleaned if found.get("external_id")}
    keys = {found["email_key"] for _, found in cleaned if found.get("email_key")}
    live = Contact.objects.select_for_update(of=("self",)).select_related("account").order_by("pk")
    # One statement, in the order of the keys: two calls over the same contacts wait for each other, never in a ring.
    rows = list(live.filter(Q(external_id__in=ids) | Q(email_key__in=keys, merged_into__isnull=True)))
    by_id = {c.external_id: c for c in rows if c.external_id and c.external_id in ids}
    by_email = {
        c.email_key: c for c in rows if c.email_key and c.email_key in keys and c.merged_into_id is None
    }
    visible = Contact.objects.visible_to(actor).filter(pk__in=[c.pk for c in rows])
    return by_id, by_email, set(visible.values_list("pk", flat=True))


def _match(
    found: Mapping[str, Any],
    by_id: Mapping[str, Contact],
    by_email: Mapping[str, Contact],
    visible: set[int],
    actor: User,
) -> Contact | None:
    external_id, email_key = found.get("external_id"), found.get("email_key")
    contact = by_id.get(external_id) if external_id else None
    holder = by_email.get(email_key) if email_key else None
    if contact is None and holder is not None:
        if external_id and holder.external_id and holder.external_id != external_id:
            raise contact_services.email_taken(email_key, actor)
        contact = holder
    elif contact is not None and holder is not None and holder.pk != contact.pk:
        raise contact_services.email_taken(email_key, actor)
    if contact is None:
        if not external_id and not email_key:
            raise Invalid(
                "Give an external_id or an email, by which the contact can be found again.", field="email"
            )
        return None
    if contact.pk not in visible:
        if holder is contact:
            raise contact_services.email_taken(email_key, actor)
        raise Refused(
            "Another contact already has this external id.", field="external_id", code="external_id_taken"
        )
    if contact.merged_into_id is not None or contact.erased_at is not None:
        raise Refused("This contact was merged into another or erased.", field="external_id", code="gone")
    return contact


def _claim(found: Mapping[str, Any], contact: Contact | None, ids: set[str], emails: set[str]) -> None:
    """Each contact once in a call: which of two rows should win would be a guess."""
    keys_id = {key for key in (found.get("external_id"), contact.external_id if contact else None) if key}
    keys_email = {key for key in (found.get("email_key"), contact.email_key if contact else None) if key}
    if keys_id & ids:
        raise Refused(
            "This external id occurs in an earlier row of the same call.",
            field="external_id",
            code="repeated",
        )
    if keys_email & emails:
        raise Refused(
            "This e-mail address occurs in an earlier row of the same call.", field="email", code="repeated"
        )
    ids |= keys_id
    emails |= keys_email


def _place(found: dict[str, Any], accounts: Mapping[str, Account]) -> None:
    for name in _NAMED:
        if name not in found:
            continue
        key = found.pop(name)
        if key in (None, ""):
            found.setdefault("account", None)
            continue
        account = accounts.get(f"{name}:{key}")
        if account is None:
            field = "account" if name == "account_id" else name
            raise Invalid(
                f"There is no account with this {'id' if field == 'account' else 'external id'}. Create it first.",
                field=field,
                code="not_found",
            )
        found["account"] = account


def _lay_over(
    plan: _Plan,
    row: Row,
    found: dict[str, Any],
    contact: Contact | None,
    definitions: Sequence[Any],
    home: str,
) -> None:
    now = clock.now()
    contact_services.settle_phone(
        found, found.get("account", contact.account if contact else None), home=home
    )
    if contact is None:
        contact = Contact(**{**found, "custom": found.get("custom", {})})
        contact_services.refuse_nameless(contact.first_name, contact.last_name, contact.email)
        contact.created_at = contact.updated_at = now
        plan.to_create.append((row, contact))
        return
    if "custom" in found:
        found["custom"] = custom.clean(row.values["custom"], definitions, stored=contact.custom)
    differing = versions.changed(contact, found)
    if not differing:
        plan.results[row.index] = Result(row.index, "unchanged", contact.pk, contact.external_id)
        return
    if "email_key" in differing:
        plan.former.append((contact.pk, contact.email_key))
    for name, value in differing.items():
        setattr(contact, name, value)
    contact_services.refuse_nameless(contact.first_name, contact.last_name, contact.email)
    contact.updated_at = now
    plan.to_update.append((row, contact, sorted(differing)))


def _write(plan: _Plan, actor: User, origin: Origin) -> None:
    events: list[Event] = []
    facts = timeline.facts_of_many(
        [(c.account, c) for c in [*(c for _, c in plan.to_create), *(c for _, c, _ in plan.to_update)]]
    )
    known = iter(facts)
    if plan.to_create:
        made = bulk_create_with_history(
            [c for _, c in plan.to_create], Contact, batch_size=CHUNK, default_user=actor
        )
        for (row, _), contact in zip(plan.to_create, made, strict=True):
            plan.results[row.index] = Result(row.index, "created", contact.pk, contact.external_id)
            key = f"contact:{contact.pk}:created"
            events.append(
                _event(
                    "contact.created",
                    contact,
                    actor=actor,
                    origin=origin,
                    cause_key=key,
                    data={},
                    facts=next(known),
                )
            )
    contact_services.note_former(plan.former)
    if plan.to_update:
        names = sorted({name for _, _, differing in plan.to_update for name in differing})
        bulk_update_with_history(
            [c for _, c, _ in plan.to_update],
            Contact,
            [*names, "updated_at"],
            batch_size=CHUNK,
            default_user=actor,
        )
        for row, contact, differing in plan.to_update:
            plan.results[row.index] = Result(row.index, "updated", contact.pk, contact.external_id)
            stamp = f"{contact.updated_at:%Y%m%d%H%M%S%f}"
            data = {"fields": [name for name in differing if name not in contact_services.DERIVED]}
            key = f"contact:{contact.pk}:updated:{stamp}"
            events.append(
                _event(
                    "contact.updated",
                    contact,
                    actor=actor,
                    origin=origin,
                    cause_key=key,
                    data=data,
                    facts=next(known),
                )
            )
    if events:
        timeline.record_many(events)
        audit.record(
            action="contact.bulk_upserted",
            actor=actor,
            created=len(plan.to_create),
            updated=len(plan.to_update),
        )


def _event(
    kind: str,
    contact: Contact,
    *,
    actor: User,
    origin: Origin,
    cause_key: str,
    data: dict[str, Any],
    facts: dict[str, Any],
) -> Event:
    return Event(
        kind=kind,
        account=contact.account,
        contact=contact,
        actor=actor,
        subject_type="contact",
        subject_id=contact.pk,
        cause_key=cause_key,
        origin=origin,
        occurred_at=contact.updated_at,
        data=data,
        facts=facts,
    )
