"""Who must not be asked, by address key: written when people say so, when mail bounces, and by hand."""

import csv
import io
import re
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from simple_history.utils import bulk_create_with_history

from accounts import cleaning
from accounts.domain import normalise_email
from core import clock
from core.errors import Invalid, Refused
from core.secrets import address_key
from surveys.choices import Channel, SuppressionReason
from surveys.models import Suppression
from team import audit
from team import queries as team_queries
from team.models import User

# What a person said outweighs what a mail server said; an erased person outweighs all.
_WEIGHT = {
    SuppressionReason.MANUAL: 1,
    SuppressionReason.BOUNCED: 2,
    SuppressionReason.UNSUBSCRIBED: 3,
    SuppressionReason.COMPLAINED: 4,
    SuppressionReason.ERASED: 5,
}


@transaction.atomic
def suppress(
    *,
    address_key: str,
    reason: SuppressionReason,
    detail: str = "",
    actor: User | None = None,
    channel: Channel = Channel.EMAIL,
) -> Suppression:
    """Ask this address no more. One suppression is in force per address; a weightier reason replaces a lighter one."""
    active = _active(address_key, channel)
    if active is None:
        try:
            with transaction.atomic():
                active = Suppression.objects.create(
                    address_key=address_key,
                    channel=channel,
                    reason=reason,
                    detail=detail[:200],
                    created_by=actor,
                    created_at=clock.now(),
                )
        except IntegrityError:
            # Somebody else suppressed the same address in the same moment.
            active = _active(address_key, channel)
            if active is None:
                raise
        else:
            if actor is not None:
                audit.record(action="suppression.added", actor=actor, obj=active, reason=str(reason))
            return active
    if _WEIGHT[reason] > _WEIGHT[SuppressionReason(active.reason)]:
        active.reason, active.detail = reason, detail[:200]
        if reason == SuppressionReason.ERASED:
            # Answers given until then are taken in without a word about their author (surveys/arrivals.py).
            active.created_at = clock.now()
        active.save(update_fields=["reason", "detail", "created_at"])
    return active


@transaction.atomic
def lift(
    *,
    address_key: str,
    reason: SuppressionReason | None = None,
    actor: User | None = None,
    channel: Channel = Channel.EMAIL,
) -> bool:
    """Allow asking again; with `reason`, only if that is why the address is suppressed. Says whether it was."""
    active = _active(address_key, channel)
    if active is None or (reason is not None and active.reason != reason):
        return False
    active.lifted_at = clock.now()
    active.save(update_fields=["lifted_at"])
    if actor is not None:
        audit.record(action="suppression.lifted", actor=actor, obj=active, reason=active.reason)
    return True


def _active(address_key: str, channel: Channel) -> Suppression | None:
    return (
        Suppression.objects.select_for_update()
        .filter(address_key=address_key, channel=channel, lifted_at__isnull=True)
        .first()
    )


# --- By hand -------------------------------------------------------------------------------------------------
def key_of(email: str) -> str:
    """The key an address goes by. Raises `Invalid` for what is no address."""
    try:
        return address_key(normalise_email(email))
    except ValueError as error:
        raise Invalid(str(error), field="email") from None


def key_of_number(number: str) -> str:
    """The key a telephone number goes by. One without prefix is read as of the company's country. Raises `Invalid`."""
    country = cleaning.country_of_zone(team_queries.workspace().time_zone)
    found = cleaning.international(number.strip(), country=country)
    if found is None:
        raise Invalid(
            "This is no telephone number. Write it with its country, such as +49 40 5551234.", field="phone"
        )
    return address_key(found)


def whose(written: str) -> tuple[str, Channel]:
    """The key and channel of what somebody wrote: an address where there is an @, else a number. Raises `Invalid`."""
    if "@" in written or not any(character.isdigit() for character in written):
        return key_of(written), Channel.EMAIL
    return key_of_number(written), Channel.SMS


def suppress_by_hand(*, email: str = "", phone: str = "", detail: str, actor: User) -> Suppression:
    """Put an address, or a telephone number, on the list because a person said so.

    Raises `Refused` when it is there already, `Invalid` unless exactly one is given and can be read.
    """
    if bool(email.strip()) == bool(phone.strip()):
        raise Invalid("Give an e-mail address or a telephone number.", field="email")
    field = "email" if email.strip() else "phone"
    key = key_of(email) if field == "email" else key_of_number(phone)
    channel = Channel.EMAIL if field == "email" else Channel.SMS
    if Suppression.objects.filter(address_key=key, channel=channel, lifted_at__isnull=True).exists():
        raise Refused(
            "This address is on the list already."
            if field == "email"
            else "This number is on the list already.",
            field=field,
        )
    return suppress(
        address_key=key, reason=SuppressionReason.MANUAL, detail=detail, actor=actor, channel=channel
    )


@transaction.atomic
def lift_by_hand(*, entry: Suppression, why: str, actor: User) -> None:
    """Allow asking again. Why is kept; an erased person's address is never released."""
    why = " ".join(why.split())
    if not why:
        raise Invalid("Write down why this address may be asked again.", field="why")
    if entry.reason == SuppressionReason.ERASED:
        raise Refused("This person was erased on request. The address stays on the list for good.")
    if not lift(
        address_key=entry.address_key, reason=SuppressionReason(entry.reason), channel=Channel(entry.channel)
    ):
        raise Refused("This address is no longer on the list.")
    entry.refresh_from_db()
    audit.record(action="suppression.lifted", actor=actor, obj=entry, reason=entry.reason, why=why[:200])


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the lines of a file; `refused` holds line numbers with what is wrong, up to twenty."""

    added: int
    known: int
    refused: tuple[tuple[int, str], ...]
    refused_count: int


MAX_FILE_BYTES = 5_000_000
MAX_LINES = 100_000


@transaction.atomic
def import_addresses(*, data: bytes, actor: User) -> Imported:
    """Put the addresses and telephone numbers of a CSV file on the list, such as a provider's list of who said STOP.

    Lines that hold none are refused by number; the others go in. Our own export is read back. Raises `Invalid` for a file that is too large or no text.
    """
    if len(data) > MAX_FILE_BYTES:
        raise Invalid("The file is larger than 5 MB. Split it.", field="file")
    if b"\x00" in data:
        raise Invalid("This is not a CSV file. Save it as CSV (comma separated).", field="file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    first_line = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first_line.count)
    try:
        rows = list(enumerate(csv.reader(io.StringIO(text), delimiter=delimiter), start=1))
    except csv.Error as error:
        raise Invalid(
            "The file cannot be read as CSV: a cell is too long or a quotation mark is not closed.",
            field="file",
        ) from error
    if len(rows) > MAX_LINES:
        raise Invalid(f"The file has more than {MAX_LINES:,} lines. Split it.", field="file")
    columns, rows = _columns(rows)
    found: dict[tuple[str, Channel], SuppressionReason] = {}
    refused: list[tuple[int, str]] = []
    for number, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        try:
            whose_it_is = _of_row(cells, columns)
        except Invalid as problem:
            refused.append((number, problem.message))
            continue
        said = columns.cell(cells, columns.reason).lower()
        reason = SuppressionReason(said) if said in _IMPORTABLE else SuppressionReason.MANUAL
        kept = found.get(whose_it_is)
        if kept is None or _WEIGHT[reason] > _WEIGHT[kept]:
            found[whose_it_is] = reason
    known = {
        (key, Channel(channel))
        for key, channel in Suppression.objects.filter(
            lifted_at__isnull=True, address_key__in=[key for key, _ in found]
        ).values_list("address_key", "channel")
    } & set(found)
    fresh = [
        Suppression(address_key=key, channel=channel, reason=reason, detail="From a file", created_by=actor)
        for (key, channel), reason in found.items()
        if (key, channel) not in known
    ]
    bulk_create_with_history(fresh, Suppression, batch_size=1000, default_user=actor)
    audit.record(action="suppression.imported", actor=actor, added=len(fresh), refused=len(refused))
    return Imported(len(fresh), len(known), tuple(refused[:20]), len(refused))


_IMPORTABLE = {SuppressionReason.UNSUBSCRIBED, SuppressionReason.BOUNCED, SuppressionReason.COMPLAINED}
_Rows = list[tuple[int, list[str]]]


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where things stand in a row; None: nowhere. `either` holds an address or a number, whichever it looks like."""

    either: int | None = None
    email: int | None = None
    phone: int | None = None
    channel: int | None = None
    reason: int | None = None
    key: int | None = None

    def cell(self, cells: list[str], column: int | None) -> str:
        return cells[column].strip().lstrip("'").strip() if column is not None and column < len(cells) else ""


_HEADINGS = {
    "email": {"email", "emailaddress", "mail"},
    "phone": {"phone", "phonenumber", "telephone", "mobile", "number", "msisdn"},
    "either": {"address", "recipient", "contact", "to"},
    "channel": {"channel"},
    "reason": {"reason"},
    "key": {"addresskey"},
}
_KEY = re.compile(r"[0-9a-f]{64}")


def _columns(rows: _Rows) -> tuple[_Columns, _Rows]:
    """Where things stand, by the first line if it is a heading, and the lines without it."""
    heading = [re.sub(r"[-_ ]", "", cell.strip().lower()) for cell in rows[0][1]] if rows else []
    named = {
        what: next((n for n, name in enumerate(heading) if name in names), None)
        for what, names in _HEADINGS.items()
    }
    if all(named[what] is None for what in ("email", "phone", "either", "key")):
        return _Columns(either=0), rows
    return _Columns(**named), rows[1:]


def _of_row(cells: list[str], columns: _Columns) -> tuple[str, Channel]:
    """Whom a row is about. Raises `Invalid`."""
    said = columns.cell(cells, columns.channel).lower()
    if said not in {"", Channel.EMAIL, Channel.SMS}:
        raise Invalid(
            f"The channel “{said[:20]}” is not one that can be stopped: write email or sms.", field="channel"
        )
    email, phone = columns.cell(cells, columns.email), columns.cell(cells, columns.phone)
    either, key = columns.cell(cells, columns.either), columns.cell(cells, columns.key).lower()
    if email and said != Channel.SMS:
        return key_of(email), Channel.EMAIL
    if phone and said != Channel.EMAIL:
        return key_of_number(phone), Channel.SMS
    if either:
        if said == Channel.SMS:
            return key_of_number(either), Channel.SMS
        return (key_of(either), Channel.EMAIL) if said == Channel.EMAIL else whose(either)
    if _KEY.fullmatch(key):
        # A line of our own export about somebody who is not a contact any more.
        return key, Channel(said) if said else Channel.EMAIL
    raise Invalid("This line names no address and no number.", field="email")


def note_export(*, actor: User) -> None:
    """Write down who took the list away."""
    audit.record(action="suppression.exported", actor=actor)
