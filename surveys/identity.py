"""Whose answer is it? The rules, on plain values; docs/identity.md explains them to people.

Strongest first: the invitation it answers, our own contact id, the contact's external id, the e-mail address (by its
normalised form, unique among live contacts), the address of a contact that was merged away, the telephone number where only
one contact has it. That lookup is `surveys.sql.look_up`. Who is unknown by then is looked at once more
(surveys/arrivals.py): whose address has the domain of exactly one account becomes a contact there. Everybody else waits in
the identity inbox, with suggestions that are ranked here.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from accounts.cleaning import international
from accounts.domain import normalise_email
from core.secrets import address_key
from surveys.choices import Channel, Identity
from surveys.public_domains import is_public

# Where strangers answer without saying who they are: a public link, and the widget in a product. What they say about
# themselves is a claim that anybody can make, so it makes nobody a contact.
OPEN_CHANNELS = frozenset({Channel.LINK, Channel.IN_APP})

# Mailboxes that several people read (RFC 2142 and what companies use besides). They never become a contact by themselves.
SHARED_MAILBOXES = frozenset(
    [
        "abuse",
        "accounting",
        "accounts",
        "admin",
        "administration",
        "administrator",
        "all",
        "ap",
        "ar",
        "billing",
        "booking",
        "bookings",
        "buchhaltung",
        "careers",
        "contact",
        "contacto",
        "compras",
        "customer",
        "customercare",
        "customerservice",
        "datenschutz",
        "dpo",
        "einkauf",
        "email",
        "empfang",
        "enquiries",
        "enquiry",
        "everyone",
        "finance",
        "frontdesk",
        "gdpr",
        "hallo",
        "hello",
        "help",
        "helpdesk",
        "hi",
        "hostmaster",
        "hotline",
        "hr",
        "info",
        "infos",
        "inquiries",
        "inquiry",
        "invoice",
        "invoices",
        "invoicing",
        "it",
        "itsupport",
        "jobs",
        "kontakt",
        "legal",
        "mail",
        "mailbox",
        "marketing",
        "news",
        "newsletter",
        "no-reply",
        "noreply",
        "office",
        "operations",
        "ops",
        "order",
        "orders",
        "payroll",
        "personal",
        "post",
        "postmaster",
        "press",
        "privacy",
        "procurement",
        "purchasing",
        "reception",
        "rechnung",
        "rechnungen",
        "recruiting",
        "root",
        "sales",
        "security",
        "sekretariat",
        "service",
        "services",
        "shop",
        "staff",
        "support",
        "system",
        "team",
        "tech",
        "technik",
        "vendas",
        "ventas",
        "verkauf",
        "vertrieb",
        "verwaltung",
        "webmaster",
        "welcome",
        "zentrale",
    ]
)
_TAG = re.compile(r"\A([^+]+)\+.+\Z")
_SEPARATORS = re.compile(r"[:/|#@_.\-]")
MIN_ID_PREFIX = 4


def email_key(address: str) -> str | None:
    """The form addresses are compared in; None for what is no address (it is kept as a hint all the same)."""
    if not address:
        return None
    try:
        return normalise_email(address)
    except ValueError:
        return None


def phone_key(number: str) -> str | None:
    """The key telephone numbers are compared by; None for what is none, or names no country (it is kept as a hint)."""
    found = international(number) if number else None
    return None if found is None else address_key(found)


def domain_of(key: str | None) -> str:
    """The domain of a normalised address, empty where there is none."""
    return key.rpartition("@")[2] if key else ""


def company_domain(key: str | None) -> str:
    """The domain that may say for whom somebody works; empty for public domains."""
    domain = domain_of(key)
    return "" if not domain or is_public(domain) else domain


def parents(domain: str) -> list[str]:
    """A domain and those above it that could be a company's: mail.eu.acme.example, eu.acme.example, acme.example."""
    labels = domain.split(".")
    return [".".join(labels[k:]) for k in range(max(len(labels) - 1, 0))]


def untagged(key: str | None) -> str | None:
    """The address without its tag: ann+survey@acme.example is delivered to ann@acme.example. None where it has none."""
    if not key:
        return None
    local, _, domain = key.rpartition("@")
    found = _TAG.match(local)
    return f"{found[1]}@{domain}" if found else None


def is_shared_mailbox(key: str | None) -> bool:
    """Whether several people read what is sent there: info@, support@, and their like."""
    local = (untagged(key) or key or "").rpartition("@")[0]
    return local in SHARED_MAILBOXES


def hint(*, email: str, name: str, phone: str, external_id: str) -> dict[str, str]:
    """What an answer said about its author, kept only while it waits in the inbox."""
    said = {"email": email, "name": name, "phone": phone, "external_id": external_id}
    return {key: value for key, value in said.items() if value}


# Set in the hint of an answer that somebody took away from a contact: it is not given back to it by itself.
TAKEN_AWAY = "taken_away"


def verdict(*, contact_id: int | None, hint: Mapping[str, Any], channel: str, invited: bool) -> Identity:
    """Matched; anonymous when nothing was said and the channel allows that; else it waits in the inbox.

    An invitation whose contact was erased leaves an anonymous answer: nobody is to be found.
    """
    if contact_id is not None:
        return Identity.MATCHED
    if invited or (channel in OPEN_CHANNELS and not hint):
        return Identity.ANONYMOUS
    return Identity.INBOX


# --- Names ---------------------------------------------------------------------------------------------------
def name_words(name: str) -> tuple[str, ...]:
    """The words of a name in small letters without accents: "Dr. José Núñez-Gil" is dr, jose, nunez, gil."""
    text = unicodedata.normalize(
        "NFKD", name.replace("ß", "ss").replace("ø", "o").replace("Ø", "O")
    ).casefold()
    plain = "".join(c if c.isalnum() else " " for c in text if not unicodedata.combining(c))
    return tuple(plain.split())


def split_name(name: str) -> tuple[str, str]:
    """First and last name: "Lee, Ann" and "Ann Lee" are the same."""
    text = " ".join(name.split())
    last, comma, first = text.partition(",")
    if comma:
        return first.strip(), last.strip()
    first, _, last = text.rpartition(" ")
    return (first, last) if first else (last, "")


def is_same_name(one: Sequence[str], other: Sequence[str]) -> bool:
    """The same words in any order; a single word is no name to go by."""
    return len(one) > 1 and sorted(one) == sorted(other)


def is_similar_name(one: Sequence[str], other: Sequence[str]) -> bool:
    """Alike enough to be looked at: an initial for a first name, a middle name left out, one letter mistyped."""
    if len(one) < 2 or len(other) < 2 or is_same_name(one, other):
        return False
    if len(one) != len(other):
        small, big = sorted((set(one), set(other)), key=len)
        return len(small) > 1 and small < big
    return any(_differ_a_little(one, way) for way in (other, other[::-1]))


def _differ_a_little(one: Sequence[str], other: Sequence[str]) -> bool:
    differing = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    if len(differing) != 1:
        return False
    short, long = sorted(differing[0], key=len)
    return (len(short) == 1 and long.startswith(short)) or _is_one_letter_off(short, long)


def _is_one_letter_off(a: str, b: str) -> bool:
    """One letter changed, missing in `a`, or two exchanged; not in short words, where that makes another name."""
    if len(a) < 4 or len(b) - len(a) > 1:
        return False
    if len(a) == len(b):
        off = [k for k in range(len(a)) if a[k] != b[k]]
        if len(off) == 1:
            return True
        return len(off) == 2 and off[1] == off[0] + 1 and a[off[0]] == b[off[1]] and a[off[1]] == b[off[0]]
    return any(b[:k] + b[k + 1 :] == a for k in range(len(b)))


def name_in_address(key: str | None) -> tuple[str, ...]:
    """The words of a name that stands in an address: ann.lee@acme.example is ann, lee."""
    local = (untagged(key) or key or "").rpartition("@")[0]
    words = tuple(word for word in re.split(r"[._\-]", local) if word.isalpha())
    return words if len(words) > 1 else ()


def id_prefixes(external_id: str) -> list[str]:
    """What an external id may be a longer writing of: "crm-17:ann" of "crm-17". Not shorter than 4 characters."""
    found = [external_id[: match.start()] for match in _SEPARATORS.finditer(external_id)]
    return [prefix for prefix in found if len(prefix) >= MIN_ID_PREFIX]


# --- Suggesting ----------------------------------------------------------------------------------------------
class Reason(IntEnum):
    """Why an answer may be somebody's, the most telling first."""

    UNTAGGED_EMAIL = 0
    FORMER_EMAIL = 1
    SAME_PHONE = 2
    SAME_NAME_AND_DOMAIN = 3
    SAME_NAME = 4
    NAME_IN_ADDRESS = 5
    SIMILAR_NAME_AND_DOMAIN = 6
    ID_PREFIX = 7
    SAME_DOMAIN = 8


REASON_TEXTS: Mapping[Reason, str] = {
    Reason.UNTAGGED_EMAIL: "same e-mail address without the tag",
    Reason.FORMER_EMAIL: "had this e-mail address before",
    Reason.SAME_PHONE: "same phone number",
    Reason.SAME_NAME_AND_DOMAIN: "same name, and the account has this domain",
    Reason.SAME_NAME: "same name",
    Reason.NAME_IN_ADDRESS: "the address reads like this name, and the account has its domain",
    Reason.SIMILAR_NAME_AND_DOMAIN: "similar name, and the account has this domain",
    Reason.ID_PREFIX: "the external id begins the same",
    Reason.SAME_DOMAIN: "the account has this domain",
}
# What may be linked for a whole filter at once, where it points at one person only.
SURE = frozenset({Reason.UNTAGGED_EMAIL, Reason.FORMER_EMAIL, Reason.SAME_PHONE, Reason.SAME_NAME_AND_DOMAIN})


@dataclass(frozen=True, slots=True)
class Person:
    """What is compared of a contact. `domain` is that of its account, `former` the addresses it had before, `base`
    its address without the tag."""

    key: int
    email_key: str | None = None
    base: str | None = None
    phone_key: str | None = None
    phone: str = ""
    external_id: str | None = None
    name: tuple[str, ...] = ()
    domain: str = ""
    former: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer said about its author, in the forms that are compared. `base` is the address without its tag,
    `domains` those that may be the company's."""

    email_key: str | None = None
    phone_key: str | None = None
    phone: str = ""
    external_id: str = ""
    name: tuple[str, ...] = ()
    base: str | None = None
    domains: tuple[str, ...] = ()

    @classmethod
    def of_hint(cls, hint: Mapping[str, Any]) -> "Said":
        email, phone = str(hint.get("email", "")), str(hint.get("phone", ""))
        key = email_key(email)
        return cls(
            email_key=key,
            phone_key=phone_key(phone),
            phone=phone,
            external_id=str(hint.get("external_id", "")),
            name=name_words(str(hint.get("name", ""))),
            base=untagged(key),
            domains=tuple(parents(company_domain(key))),
        )


def reasons(said: Said, person: Person) -> list[Reason]:
    """All that speaks for this person, the most telling first; empty when nothing does."""
    found = set()
    if (
        said.email_key
        and person.email_key
        and (said.base == person.email_key or person.base == said.email_key)
    ):
        found.add(Reason.UNTAGGED_EMAIL)
    if said.email_key and said.email_key in person.former:
        found.add(Reason.FORMER_EMAIL)
    # A number that cannot be called from everywhere has no key; then it must be written alike.
    if (said.phone_key and said.phone_key == person.phone_key) or (said.phone and said.phone == person.phone):
        found.add(Reason.SAME_PHONE)
    is_domain = bool(person.domain) and person.domain in said.domains
    if is_same_name(said.name, person.name):
        found.add(Reason.SAME_NAME_AND_DOMAIN if is_domain else Reason.SAME_NAME)
    elif is_domain and is_similar_name(said.name, person.name):
        found.add(Reason.SIMILAR_NAME_AND_DOMAIN)
    elif is_domain and not said.name and is_same_name(name_in_address(said.email_key), person.name):
        found.add(Reason.NAME_IN_ADDRESS)
    if said.external_id and person.external_id and _is_prefix(said.external_id, person.external_id):
        found.add(Reason.ID_PREFIX)
    if is_domain:
        found.add(Reason.SAME_DOMAIN)
    if Reason.SAME_DOMAIN in found and min(found) in {
        Reason.SAME_NAME_AND_DOMAIN, Reason.NAME_IN_ADDRESS, Reason.SIMILAR_NAME_AND_DOMAIN,
    }:  # fmt: skip
        found.discard(Reason.SAME_DOMAIN)  # said already
    return sorted(found)


def _is_prefix(one: str, other: str) -> bool:
    one, other = one.casefold(), other.casefold()
    return one == other or other in id_prefixes(one) or one in id_prefixes(other)


@dataclass(frozen=True, slots=True)
class Ranked:
    person: int
    reasons: tuple[Reason, ...]


def rank(said: Said, people: Iterable[Person]) -> list[Ranked]:
    """The people an answer may be of, the most likely first."""
    found = [Ranked(person.key, tuple(why)) for person in people if (why := reasons(said, person))]
    return sorted(found, key=lambda one: (one.reasons[0], -len(one.reasons), one.person))


def sure_of(ranked: Sequence[Ranked]) -> int | None:
    """The one person for whom a telling reason speaks; None when there is none, or when it speaks for several."""
    if not ranked or ranked[0].reasons[0] not in SURE:
        return None
    best = [one for one in ranked if one.reasons[0] == ranked[0].reasons[0]]
    return best[0].person if len(best) == 1 else None
