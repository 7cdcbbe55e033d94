"""A second look at people whom the lookup of answers did not find (surveys/sql.py), before they go to the inbox.

In this order, for each:

1. The address, or where none is said the number, is that of somebody who was erased: an answer from before that is
   anonymous, and nothing said in it about its author is kept, nor in a newer version of it. A later one is a stranger's,
   who waits in the inbox and never becomes a contact by itself.
2. The account is certain: then they become a contact there, if the workspace wants that. Certain means that the answer
   came from a system that knows its people (no public link, no widget), that exactly one account has the domain of the
   address, that the domain is not public and the mailbox not shared, that nobody at the account has the same name, and
   that the address is neither one that somebody had before nor that of a contact with a tag added.

All others wait in the identity inbox. Costs nothing for answers whose author is known.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import F, Q

from accounts.domain import Origin
from accounts.models import Account, Contact, FormerAddress
from accounts.services.newcomers import Newcomer, make_contacts
from core import secrets
from surveys import identity
from surveys.choices import SuppressionReason
from surveys.models import Suppression
from team import queries as team_queries
from team.models import User


@dataclass(frozen=True, slots=True)
class Unknown:
    """What an answer said about an author whom nobody knows. `may_be_made`: it is new or waits in the inbox, so that its
    author may become a contact."""

    n: int
    email_key: str | None
    phone_key: str | None
    hint: Mapping[str, str]
    channel: str
    language: str
    responded_at: dt.datetime
    origin: str
    may_be_made: bool = True


@dataclass(frozen=True, slots=True)
class Settled:
    """Whose answers they turned out to be, and which must be taken without a word about their author."""

    contacts: Mapping[int, int]
    forgotten: frozenset[int]


def settle(unknown: Sequence[Unknown], *, viewer: User | None = None) -> Settled:
    """Look at these once more, in the caller's transaction. `viewer` is whoever may not see all accounts."""
    erased = _erased(unknown)
    forgotten = {one.n for one in unknown if (at := erased.get(one.n)) and one.responded_at <= at}
    addressed = [one for one in unknown if one.email_key and one.may_be_made and one.n not in erased]
    return Settled(_by_account(addressed, viewer), frozenset(forgotten))


def _erased(unknown: Sequence[Unknown]) -> dict[int, dt.datetime]:
    """When those of them who were erased were, by `n`. A number that is said beside an address may be a company's."""
    keys = {one.n: secrets.address_key(one.email_key) if one.email_key else one.phone_key for one in unknown}
    wanted = {key for key in keys.values() if key}
    if not wanted:
        return {}
    rows = Suppression.objects.filter(
        address_key__in=wanted, reason=SuppressionReason.ERASED, lifted_at__isnull=True
    )
    at = dict(rows.values_list("address_key", "created_at"))
    return {n: at[key] for n, key in keys.items() if key in at}


def _by_account(unknown: Sequence[Unknown], viewer: User | None) -> dict[int, int]:
    """The contacts made of those whose account is certain."""
    domains = {
        one.n: domain
        for one in unknown
        if one.channel not in identity.OPEN_CHANNELS
        and (domain := identity.company_domain(one.email_key))
        and not identity.is_shared_mailbox(one.email_key)
    }
    if not domains or not team_queries.workspace().creates_contacts:
        return {}
    accounts = certain_accounts(set(domains.values()), viewer)
    certain = [one for one in unknown if domains.get(one.n) in accounts]
    if not certain:
        return {}
    taken = _taken(certain)
    names = _names_at(accounts)
    newcomers: dict[str, tuple[Unknown, Newcomer]] = {}
    for one in sorted(certain, key=lambda one: (one.email_key or "", one.n)):
        account = accounts[domains[one.n]]
        name = tuple(sorted(identity.name_words(one.hint.get("name", ""))))
        if one.email_key in taken or (len(name) > 1 and name in names.get(account.pk, ())):
            continue
        newcomers.setdefault(one.email_key or "", (one, newcomer(account, one.hint, one.language)))
    made = _made(list(newcomers.values()))
    return {one.n: made[one.email_key] for one in certain if one.email_key in made}


def _taken(unknown: Sequence[Unknown]) -> set[str | None]:
    """Of these addresses those that may be of somebody we know: somebody's former one, or a contact's with a tag added."""
    keys = [one.email_key for one in unknown]
    former = FormerAddress.objects.filter(email_key__in=keys).values_list("email_key", flat=True)
    bases = {key: base for key in keys if (base := identity.untagged(key))}
    known = set(
        Contact.objects.live().filter(email_key__in=set(bases.values())).values_list("email_key", flat=True)
    )
    return {*former, *(key for key, base in bases.items() if base in known)}


def certain_accounts(domains: set[str], viewer: User | None) -> dict[str, Account]:
    """The accounts that alone have one of these domains, by domain; only such as `viewer` may see."""
    by_domain: dict[str, list[Account]] = {}
    for account in Account.objects.live().filter(domain__in=domains).select_related("stage", "owner"):
        by_domain.setdefault(account.domain, []).append(account)
    alone = {domain: rows[0] for domain, rows in by_domain.items() if len(rows) == 1}
    if viewer is None:
        return alone
    ids = [account.pk for account in alone.values()]
    seen = set(Account.objects.visible_to(viewer).filter(pk__in=ids).values_list("pk", flat=True))
    return {domain: account for domain, account in alone.items() if account.pk in seen}


def _names_at(accounts: Mapping[str, Account]) -> dict[int, set[tuple[str, ...]]]:
    """The names of the people at these accounts, as words in alphabetical order."""
    ids = [account.pk for account in accounts.values()]
    found: dict[int, set[tuple[str, ...]]] = {}
    rows = Contact.objects.live().filter(account__in=ids).values_list("account_id", "first_name", "last_name")
    for account, first, last in rows:
        found.setdefault(account, set()).add(tuple(sorted(identity.name_words(f"{first} {last}"))))
    return found


def newcomer(account: Account, hint: Mapping[str, str], language: str) -> Newcomer:
    """What is known of somebody who answered, as a contact-to-be."""
    first, last = identity.split_name(hint.get("name", ""))
    return Newcomer(
        account=account, first_name=first, last_name=last, email=hint.get("email", ""), phone=hint.get("phone", ""),
        external_id=hint.get("external_id", ""), language=language,
    )  # fmt: skip


def _made(wanted: Sequence[tuple[Unknown, Newcomer]]) -> dict[str | None, int]:
    if not wanted:
        return {}
    made = make_contacts(newcomers=[new for _, new in wanted], actor=None, origin=Origin.LIVE)
    found: dict[str | None, int] = {}
    for (one, new), contact in zip(wanted, made, strict=True):
        # None: somebody else may have made them at this moment.
        pk = _owner(one.email_key, new.external_id) if contact is None else contact.pk
        if pk is not None:
            found[one.email_key] = pk
    return found


def _owner(email_key: str | None, external_id: str) -> int | None:
    by_id, by_email = owners({external_id}, {email_key or ""})
    return by_id.get(external_id) or by_email.get(email_key or "")


def owners(
    external_ids: Collection[str], email_keys: Collection[str]
) -> tuple[dict[str, int], dict[str, int]]:
    """Whose these external ids are, and whose these addresses. What a tombstone has leads to its survivor."""
    rows = Contact.objects.filter(erased_at__isnull=True).filter(
        Q(external_id__in=set(external_ids) - {""}) | Q(email_key__in=set(email_keys) - {""})
    )
    by_id: dict[str, int] = {}
    by_email: dict[str, int] = {}
    # The living last: an address may be both theirs and a tombstone's.
    for pk, survivor, external_id, email_key in rows.order_by(
        F("merged_into").desc(nulls_last=True), "pk"
    ).values_list("pk", "merged_into", "external_id", "email_key"):
        for found, key in ((by_id, external_id), (by_email, email_key)):
            if key:
                found[key] = survivor or pk
    return by_id, by_email
