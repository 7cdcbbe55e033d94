"""Writing contacts: one person, at one account, with an address that no other live contact has."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypedDict

from django.db import IntegrityError, transaction

from accounts import cleaning, custom, history, timeline, versions
from accounts.domain import ContactRole, Origin
from accounts.models import Account, Contact, CustomField, FormerAddress
from core import clock, secrets
from core.errors import Refused
from team import audit
from team import queries as team_queries
from team.models import User


class ContactValues(TypedDict, total=False):
    """What can be written of a contact. `email` is read as it is typed and compared in its normal form."""

    account: Account | None
    external_id: str | None
    first_name: str
    last_name: str
    email: str
    phone: str
    job_title: str
    role: str
    language: str
    time_zone: str
    custom: Mapping[str, Any]


EDITABLE: tuple[str, ...] = tuple(ContactValues.__annotations__)


def _text(label: str, limit: int) -> Callable[[Any, str], Any]:
    return lambda value, field: cleaning.text(value, field=field, label=label, limit=limit)


_CLEANERS: dict[str, Callable[[Any, str], Any]] = {
    "external_id": lambda value, field: cleaning.external_id(value, field=field),
    "first_name": _text("First name", 100),
    "last_name": _text("Last name", 100),
    "phone": _text("Phone", 40),
    "job_title": _text("Job title", 120),
    "role": lambda value, field: cleaning.choice(
        value, [r.value for r in ContactRole], field=field, label="Role"
    ),
    "language": lambda value, field: cleaning.language(value, field=field),
    "time_zone": lambda value, field: cleaning.time_zone(value, field=field),
}


def clean(
    values: Mapping[str, Any],
    *,
    stored_custom: Mapping[str, Any] | None = None,
    definitions: Sequence[CustomField] | None = None,
) -> dict[str, Any]:
    """`values` checked and in the form they are stored, `email_key` and `address_key` added beside `email`."""
    cleaning.unknown_keys(values, EDITABLE, what="A contact")
    found = {key: _CLEANERS[key](value, key) if key in _CLEANERS else value for key, value in values.items()}
    if "email" in found:
        found["email"], key = cleaning.email(found["email"])
        found["email_key"] = key
        found["address_key"] = None if key is None else secrets.address_key(key)
    if "custom" in found:
        fields = custom.definitions("contact") if definitions is None else definitions
        found["custom"] = custom.clean(found["custom"], fields, stored=stored_custom)
    return found


DERIVED = frozenset({"email_key", "address_key", "phone_key"})
"""Fields that follow from others: nobody writes them, and no event names them."""


def settle_phone(found: dict[str, Any], account: Account | None, *, home: str | None = None) -> None:
    """Give the cleaned `phone` among `found` its international form and its key, once the account is known.

    A number without a country's prefix is one of the account's country, else of the workspace's (`home`, where many are
    written at once).
    """
    if "phone" not in found:
        return
    country = account.country if account is not None and account.country else None
    if country is None:
        country = home_country() if home is None else home
    found["phone"], number = cleaning.phone(found["phone"], country=country)
    found["phone_key"] = None if number is None else secrets.address_key(number)


def home_country() -> str:
    """The country that the workspace's time zone belongs to."""
    return cleaning.country_of_zone(team_queries.workspace().time_zone)


def refuse_nameless(first_name: str, last_name: str, email: str) -> None:
    """A contact that nobody could recognise is of no use."""
    if not (first_name or last_name or email):
        raise Refused(
            "Give the contact a name or an e-mail address.", field="last_name", code="nameless", status=400
        )


@transaction.atomic
def create_contact(*, values: ContactValues, actor: User | None, origin: Origin = Origin.LIVE) -> Contact:
    """Create a contact with its history, audit entry and event. Refuses an address or external id that is taken."""
    found = clean(values)
    settle_phone(found, found.get("account"))
    contact = Contact(**{**found, "custom": found.get("custom", {})})
    refuse_nameless(contact.first_name, contact.last_name, contact.email)
    contact.created_at = contact.updated_at = clock.now()
    history.sign(contact, actor)
    _write(contact.save, contact, actor)
    audit.record(action="contact.created", actor=actor, obj=contact)
    _record("contact.created", contact, actor, origin, f"contact:{contact.pk}:created")
    return contact


@transaction.atomic
def update_contact(
    *,
    contact: Contact,
    values: ContactValues,
    actor: User | None,
    version: str = "",
    version_fields: Sequence[str] = EDITABLE,
    origin: Origin = Origin.LIVE,
) -> Contact:
    """Write what differs; refuses a stale `version` and a contact that was merged or erased."""
    contact = Contact.objects.select_for_update(of=("self",)).select_related("account").get(pk=contact.pk)
    if contact.merged_into_id is not None or contact.erased_at is not None:
        raise Refused(
            "This contact was merged into another or erased. It can no longer be changed.", code="gone"
        )
    versions.check(contact, version_fields, version, what="contact")
    found = clean(values, stored_custom=contact.custom)
    settle_phone(found, found.get("account", contact.account))
    differing = versions.changed(contact, found)
    if not differing:
        return contact
    former = contact.email_key if "email_key" in differing else None
    for name, value in differing.items():
        setattr(contact, name, value)
    refuse_nameless(contact.first_name, contact.last_name, contact.email)
    contact.updated_at = clock.now()
    history.sign(contact, actor)
    _write(lambda: contact.save(update_fields=[*differing, "updated_at"]), contact, actor)
    note_former([(contact.pk, former)])
    shown = sorted(set(differing) - DERIVED)
    audit.record(action="contact.updated", actor=actor, obj=contact, fields=shown)
    stamp = f"{contact.updated_at:%Y%m%d%H%M%S%f}"
    _record("contact.updated", contact, actor, origin, f"contact:{contact.pk}:updated:{stamp}", fields=shown)
    return contact


def note_former(addresses: Iterable[tuple[int, str | None]]) -> None:
    """Remember the address each of these contacts (by id) had until now: an answer from there is suggested to be theirs."""
    now = clock.now()
    rows = [FormerAddress(contact_id=contact, email_key=key, until=now) for contact, key in addresses if key]
    if rows:
        FormerAddress.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["contact", "email_key"], update_fields=["until"]
        )


def _record(
    kind: str, contact: Contact, actor: User | None, origin: Origin, cause_key: str, **data: Any
) -> None:
    timeline.record(
        kind=kind,
        cause_key=cause_key,
        account=contact.account,
        contact=contact,
        actor=actor,
        subject=("contact", contact.pk),
        origin=origin,
        data=data,
    )


def _write(save: Callable[[], object], contact: Contact, actor: User | None) -> None:
    try:
        with transaction.atomic():
            save()
    except IntegrityError as error:
        raise taken(error, contact, actor) from None


def taken(error: IntegrityError, contact: Contact, actor: User | None) -> Exception:
    """The refusal that a broken unique constraint stands for; any other error is returned as it came."""
    if "email_key" in str(error):
        return email_taken(contact.email_key, actor)
    if "external_id" in str(error):
        return Refused(
            "Another contact already has this external id. Correct it, or update that contact instead.",
            field="external_id",
            code="external_id_taken",
        )
    return error


def email_taken(email_key: str | None, actor: User | None) -> Refused:
    """Names the contact who has the address, if `actor` may see them."""
    other = None
    if actor is not None:
        visible = Contact.objects.visible_to(actor).select_related("account")
        other = visible.filter(email_key=email_key, merged_into__isnull=True).first()
    if other is None:
        who = "A contact outside your view already has this e-mail address. Ask a lead or an administrator."
    else:
        at = f" at {other.account.name}" if other.account else ""
        who = f"{other.display_name}{at} already has this e-mail address. Open that contact instead."
    return Refused(who, field="email", code="email_taken")
