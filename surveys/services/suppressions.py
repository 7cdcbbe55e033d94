"""Who must not be asked, by address key: written when people say so, when mail bounces, and by hand."""

import csv
import io
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from simple_history.utils import bulk_create_with_history

from accounts.domain import normalise_email
from core import clock
from core.errors import Invalid, Refused
from core.secrets import address_key
from surveys.choices import Channel, SuppressionReason
from surveys.models import Suppression
from team import audit
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
        active.save(update_fields=["reason", "detail"])
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


def suppress_by_hand(*, email: str, detail: str, actor: User) -> Suppression:
    """Put an address on the list because a person said so. Raises `Refused` when it is there already."""
    key = key_of(email)
    if Suppression.objects.filter(address_key=key, channel=Channel.EMAIL, lifted_at__isnull=True).exists():
        raise Refused("This address is on the list already.", field="email")
    return suppress(address_key=key, reason=SuppressionReason.MANUAL, detail=detail, actor=actor)


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
    """Put the addresses of a CSV file on the list. Lines that hold none are refused by number; the others go in.

    Raises `Invalid` for a file that is too large or no text.
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
    rows = list(enumerate(csv.reader(io.StringIO(text), delimiter=delimiter), start=1))
    if len(rows) > MAX_LINES:
        raise Invalid(f"The file has more than {MAX_LINES:,} lines. Split it.", field="file")
    column, reason_column, rows = _columns(rows)
    keys: dict[str, SuppressionReason] = {}
    refused: list[tuple[int, str]] = []
    for number, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        address = cells[column].strip().lstrip("'") if column < len(cells) else ""
        try:
            key = key_of(address)
        except Invalid as problem:
            refused.append((number, problem.message))
            continue
        said = (
            cells[reason_column].strip().lower()
            if reason_column is not None and reason_column < len(cells)
            else ""
        )
        keys[key] = SuppressionReason(said) if said in _IMPORTABLE else SuppressionReason.MANUAL
    known = set(
        Suppression.objects.filter(
            channel=Channel.EMAIL, lifted_at__isnull=True, address_key__in=list(keys)
        ).values_list("address_key", flat=True)
    )
    fresh = [
        Suppression(
            address_key=key, channel=Channel.EMAIL, reason=reason, detail="From a file", created_by=actor
        )
        for key, reason in keys.items()
        if key not in known
    ]
    bulk_create_with_history(fresh, Suppression, batch_size=1000, default_user=actor)
    audit.record(action="suppression.imported", actor=actor, added=len(fresh), refused=len(refused))
    return Imported(len(fresh), len(known), tuple(refused[:20]), len(refused))


_IMPORTABLE = {SuppressionReason.UNSUBSCRIBED, SuppressionReason.BOUNCED, SuppressionReason.COMPLAINED}
_Rows = list[tuple[int, list[str]]]


def _columns(rows: _Rows) -> tuple[int, int | None, _Rows]:
    """Where address and reason stand, by the first line if it is a heading, and the lines without it."""
    if not rows:
        return 0, None, rows
    heading = [cell.strip().lower().replace("-", "").replace(" ", "") for cell in rows[0][1]]
    named = [n for n, name in enumerate(heading) if name in {"email", "emailaddress", "address", "mail"}]
    if not named:
        return 0, None, rows
    reasons = [n for n, name in enumerate(heading) if name == "reason"]
    return named[0], reasons[0] if reasons else None, rows[1:]


def note_export(*, actor: User) -> None:
    """Write down who took the list away."""
    audit.record(action="suppression.exported", actor=actor)
