"""What the identity inbox shows: answers that wait, whose they may be and why, and what was decided."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import Q, QuerySet

from accounts import extend
from accounts.models import Account, Contact, FormerAddress
from core import outbox
from core.models import Job
from surveys import identity
from surveys.choices import Identity, IdentityActionKind
from surveys.identity import Person, Ranked, Said
from surveys.insight import standing
from surveys.models import IdentityAction, Response
from surveys.queries.feedback import list_responses
from team.domain import RowScope
from team.models import User
from team.scope import scope_of

SHOWN = 3
CANDIDATES = 5_000
SLICE = 1_000


def list_waiting(user: User) -> QuerySet[Response]:
    """Answers that wait or were set aside."""
    return list_responses(user).filter(identity__in=[Identity.INBOX, Identity.IGNORED])


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A contact an unmatched answer may belong to, and why."""

    contact: Contact
    reasons: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The most telling one."""
        return self.reasons[0]


@dataclass(frozen=True, slots=True)
class Looked:
    """What is suggested for one answer. `sure` is the one that bulk linking would choose; `account` is the one whose domain
    the address has, if it is exactly one; `note` says why the answer waits where that is not obvious."""

    suggestions: Sequence[Suggestion]
    sure: int | None
    accounts: Sequence[Account]
    note: str


def look(responses: Sequence[Response], user: User) -> dict[int, Looked]:
    """Suggestions for a page of the inbox; the number of statements does not depend on the number of answers."""
    hints = {response.pk: response.identity_hint for response in responses}
    people, ranked = _ranked(hints, user, is_page=True)
    accounts = _accounts(hints, user)
    found = {}
    for pk, hint in hints.items():
        best = ranked[pk]
        key = identity.email_key(str(hint.get("email", "")))
        domain = identity.company_domain(key)
        found[pk] = Looked(
            [
                Suggestion(people[one.person], tuple(_text(why, people[one.person]) for why in one.reasons))
                for one in best[:SHOWN]
            ],
            identity.sure_of(best),
            accounts.get(domain, []),
            _note(hint, key),
        )
    return found


def _text(why: identity.Reason, contact: Contact) -> str:
    if why is identity.Reason.SAME_DOMAIN and contact.account is not None:
        return f"works at {contact.account.domain}"
    return identity.REASON_TEXTS[why]


def sure_suggestions(ids: Sequence[int], user: User) -> dict[int, int]:
    """For these answers, by id, the one contact for whom something telling speaks; without the others."""
    rows = Response.objects.filter(pk__in=ids, identity__in=[Identity.INBOX, Identity.IGNORED])
    hints = dict(rows.values_list("pk", "identity_hint"))
    _, ranked = _ranked(hints, user, is_page=False)
    return {pk: sure for pk, best in ranked.items() if (sure := identity.sure_of(best)) is not None}


def count_sure(ids: Sequence[int], user: User) -> int:
    """How many of these answers bulk linking would link."""
    return sum(len(sure_suggestions(ids[start : start + SLICE], user)) for start in range(0, len(ids), SLICE))


def _note(hint: dict[str, Any], key: str | None) -> str:
    if hint.get(identity.TAKEN_AWAY):
        return "Somebody took it away from the contact it was linked to."
    if identity.is_shared_mailbox(key):
        return "A mailbox that several people read."
    if hint.get("email") and key is None:
        return "What was given as e-mail address is none."
    if key and not identity.company_domain(key):
        return "A public e-mail domain says nothing about the company."
    return ""


def _ranked(
    hints: dict[int, dict[str, Any]], user: User, *, is_page: bool
) -> tuple[dict[int, Contact], dict[int, list[Ranked]]]:
    said = {pk: Said.of_hint(hint) for pk, hint in hints.items()}
    contacts = _candidates(said.values(), user, is_page=is_page)
    former: dict[int, set[str]] = {}
    keys = {one.email_key for one in said.values() if one.email_key}
    for contact_id, key in FormerAddress.objects.filter(email_key__in=keys).values_list(
        "contact_id", "email_key"
    ):
        former.setdefault(contact_id, set()).add(key)
    people = {contact.pk: _person(contact, former) for contact in contacts.values()}
    index = _Index(people.values())
    return contacts, {pk: identity.rank(one, index.near(one)) for pk, one in said.items()}


def _person(contact: Contact, former: dict[int, set[str]]) -> Person:
    return Person(
        key=contact.pk,
        email_key=contact.email_key,
        base=identity.untagged(contact.email_key),
        phone_key=contact.phone_key,
        phone=contact.phone,
        external_id=contact.external_id,
        name=identity.name_words(f"{contact.first_name} {contact.last_name}"),
        domain=contact.account.domain if contact.account is not None else "",
        former=frozenset(former.get(contact.pk, ())),
    )


class _Index:
    """People by what they are compared by, so that each answer is compared with a few."""

    def __init__(self, people: Iterable[Person]) -> None:
        self._by: dict[tuple[str, str], list[Person]] = {}
        for person in people:
            keys = {("email", person.email_key), ("email", person.base)}
            keys |= {("phone", person.phone_key), ("written", person.phone), ("domain", person.domain)}
            keys |= {("former", key) for key in person.former}
            keys |= {("word", word) for word in person.name if len(word) > 1}
            if person.external_id:
                own = person.external_id.casefold()
                keys |= {("id", own), *(("id", prefix) for prefix in identity.id_prefixes(own))}
            for kind, value in keys:
                if value:
                    self._by.setdefault((kind, value), []).append(person)

    def near(self, said: Said) -> list[Person]:
        keys = {("email", said.email_key), ("email", said.base)}
        keys |= {("phone", said.phone_key), ("written", said.phone), ("former", said.email_key)}
        keys |= {("word", word) for word in said.name if len(word) > 1}
        keys |= {("domain", name) for name in said.domains}
        if said.external_id:
            own = said.external_id.casefold()
            keys |= {("id", own), *(("id", prefix) for prefix in identity.id_prefixes(own))}
        found: dict[int, Person] = {}
        for kind, value in keys:
            for person in self._by.get((kind, value), ()) if value else ():
                found[person.key] = person
        return list(found.values())


def _candidates(said: Iterable[Said], user: User, *, is_page: bool) -> dict[int, Contact]:
    """Contacts that at least one of the answers may be of, by the indexes there are."""
    listed = list(said)
    emails = {one.email_key for one in listed if one.email_key}
    emails |= {base for key in set(emails) if (base := identity.untagged(key))}
    phones = {one.phone_key for one in listed if one.phone_key}
    domains = {name for one in listed for name in one.domains}
    ids = {one.external_id for one in listed if one.external_id}
    ids |= {prefix for one in set(ids) for prefix in identity.id_prefixes(one)}
    ids |= {one.upper() for one in ids} | {one.lower() for one in ids}
    former = FormerAddress.objects.filter(email_key__in=emails).values("contact")
    rows = Contact.objects.visible_to(user).live().select_related("account").order_by("pk")
    found: dict[int, Contact] = {}

    def take(wanted: Q) -> None:
        for contact in rows.filter(wanted)[:CANDIDATES]:
            found[contact.pk] = contact

    # One query for each index: an OR over all of them would read the whole table.
    take(Q(email_key__in=emails))
    take(Q(pk__in=former))
    if phones:
        take(Q(phone_key__in=phones))
    if odd := {one.phone for one in listed if one.phone and not one.phone_key}:
        take(Q(phone__in=odd))
    if ids:
        take(Q(external_id__in=ids))
    if domains:
        take(Q(account__domain__in=domains))
    names = Q(pk__in=[])
    for words in {one.name for one in listed if len(one.name) > 1}:
        names |= Q(last_name__iexact=words[-1], first_name__iexact=" ".join(words[:-1]))
        names |= Q(last_name__iexact=words[0], first_name__iexact=words[-1])
    # As they were written too: accents are no part of the words above.
    if is_page and names != Q(pk__in=[]):
        take(names)
    elif names != Q(pk__in=[]):
        lasts = {word for one in listed for word in one.name if len(word) > 1}
        take(Q(last_name__in={form for word in lasts for form in (word, word.capitalize(), word.upper())}))
    return found


def _accounts(hints: dict[int, dict[str, Any]], user: User) -> dict[str, list[Account]]:
    """Accounts a new contact may belong to, by the domain of the address."""
    domains = {
        identity.company_domain(identity.email_key(str(hint.get("email", "")))) for hint in hints.values()
    } - {""}
    wider = {name for domain in domains for name in identity.parents(domain)}
    rows: dict[str, list[Account]] = {}
    for account in Account.objects.visible_to(user).filter(domain__in=wider).order_by("name", "pk")[:500]:
        rows.setdefault(account.domain, []).append(account)
    return {
        domain: [account for name in identity.parents(domain) for account in rows.get(name, [])][:5]
        for domain in domains
    }


# --- What was decided ----------------------------------------------------------------------------------------
KIND_TEXTS = {
    IdentityActionKind.LINK: "linked",
    IdentityActionKind.CREATE: "linked to new contacts",
    IdentityActionKind.IGNORE: "set aside",
    IdentityActionKind.RESTORE: "put back into the inbox",
    IdentityActionKind.UNLINK: "taken away from their contact",
    IdentityActionKind.SPLIT: "given to a second person",
}


def list_actions(user: User) -> QuerySet[IdentityAction]:
    """Decisions about whose answers are whose, newest first; for people who see all accounts."""
    rows = IdentityAction.objects.select_related("done_by", "undone_by").order_by("-done_at", "-pk")
    return rows if user.is_active and scope_of(user) is RowScope.ALL else rows.none()


def words_of(action: IdentityAction, user: User) -> list[str]:
    """What a decision changed, in sentences; of one that was undone, what undoing changed."""
    effect = action.effect
    if action.undone_at is not None and "undo" in effect:
        return standing.words(effect["undo"]["before"], effect["undo"]["after"], user)
    if effect.get("job") or not effect.get("after"):
        return []
    return standing.words(effect["before"], effect["after"], user)


def title_of(action: IdentityAction) -> str:
    """“240 answers linked to new contacts”."""
    number = f"{action.number:,} answer{'' if action.number == 1 else 's'}"
    kind = IdentityActionKind(action.kind)
    if kind is IdentityActionKind.CREATE and action.contacts_made == 1:
        return f"{number} linked to a new contact"
    return f"{number} {KIND_TEXTS[kind]}"


def job_of(action: IdentityAction) -> Job | None:
    """The work that is still to be done for a decision, or for undoing it; None when all is done."""
    rows = Job.objects.filter(key__in=[f"identity:{action.pk}", f"identity-undo:{action.pk}"])
    return rows.exclude(state=outbox.State.DONE).order_by("-pk").first()


def answers_of(action: IdentityAction, user: User) -> QuerySet[Response]:
    """The answers a decision moved, as they are now."""
    return list_responses(user).filter(pk__in=action.moves.values("response"))


def naming(contact: Contact) -> list[int]:
    """The answers in the inbox that name a person, by their ids: their address as it is now; one they had when the answer
    was given, or later with their name, as companies give addresses to successors; or, without an address, their number."""
    until = dict(FormerAddress.objects.filter(contact=contact).values_list("email_key", "until"))
    if not (contact.email_key or contact.phone_key or until):
        return []
    name = identity.name_words(contact.full_name)
    found = []
    waiting = Response.objects.filter(identity__in=[Identity.INBOX, Identity.IGNORED]).exclude(
        identity_hint={}
    )
    rows = waiting.order_by("pk").values_list("pk", "identity_hint", "responded_at")
    for pk, hint, at in rows.iterator(chunk_size=SLICE):
        key = identity.email_key(str(hint.get("email", "")))
        if key is None:
            is_theirs = (
                bool(contact.phone_key) and identity.phone_key(hint.get("phone", "")) == contact.phone_key
            )
        elif key in until and key != contact.email_key:
            said = identity.name_words(str(hint.get("name", "")))
            is_theirs = at <= until[key] or identity.is_same_name(said, name)
        else:
            is_theirs = key == contact.email_key
        if is_theirs:
            found.append(pk)
    return found


def has_history(contact: Contact) -> bool:
    """Whether anything but the beginning of a contact is stored: then it is not taken back with what made it."""
    for relation in extend.registered.relations.values():
        model = apps.get_model(relation.model)
        for field in model._meta.local_fields:
            if not isinstance(field, models.ForeignKey) or field.related_model is not Contact:
                continue
            rows = model._base_manager.filter(**{field.attname: contact.pk})
            if relation.model == "accounts.Event":
                rows = rows.exclude(kind="contact.created").exclude(kind="response.unlinked")
            if rows.exists():
                return True
    return False
