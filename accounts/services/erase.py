"""Forgetting a person: what they said and who they were goes, what they scored stays, under a random name.

The contact stays as an empty record with a pseudonym, so that figures of the past do not change. Its unique keys are free
again at once. Everything that points at it is asked to forget its part (accounts/extend.py), for the contact and for every
tombstone that was merged into it. The address stays on the suppression list as a fingerprint, so that no import asks the
person again and no late copy of an old answer brings them back.

It runs as a job, because a person may have years of history, and in one transaction: half-erased does not exist. It
cannot be undone, and merges the person took part in can no longer be undone either.
"""

import secrets
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from accounts import extend, history, timeline
from accounts.imports import services as imports
from accounts.models import Contact, FormerAddress, Interaction, Merge, MergedRows, TrackedEvent
from core import clock, idempotency, jobs
from core.errors import Refused
from core.models import Job
from team import audit
from team.models import User

JOB = "accounts.erase"
ERASED = "Erased"


@transaction.atomic
def request_erasure(*, contact: Contact, actor: User) -> Job:
    """Have a person erased as soon as a worker is free; asking twice is asking once. A tombstone stands for its survivor."""
    contact = Contact.objects.select_for_update(of=("self",)).get(pk=contact.merged_into_id or contact.pk)
    if contact.erased_at is not None:
        raise Refused("This person is erased already.", code="erased")
    audit.record(action="contact.erasure_requested", actor=actor, obj=contact)
    return jobs.submit(JOB, contact.pk, key=f"erase:{contact.pk}", requested_by=actor.pk)


def run(job: "jobs.JobContext") -> None:
    """The job."""
    actor = User.objects.filter(pk=job.job.requested_by or 0).first()
    contact = Contact.objects.filter(pk=job.subject_id or 0).first()
    if contact is not None and contact.erased_at is None:
        erase_contact(contact=contact, actor=actor)


@transaction.atomic
def erase_contact(*, contact: Contact, actor: User | None) -> Contact:
    """Erase a person now. Raises `Refused` for a tombstone: erase its survivor."""
    contact = Contact.objects.select_for_update(of=("self",)).get(pk=contact.pk)
    if contact.erased_at is not None:
        return contact
    if contact.merged_into_id is not None:
        raise Refused("This contact was merged into another. Erase that one.", code="merged")
    told = _what_was_told(contact)
    for person in [*_tombstones(contact), contact]:
        # The highest first: they find their part by what those below still know, such as former addresses.
        for relation in reversed(extend.registered.relations.values()):
            if relation.erase is not None:
                relation.erase(person)
        _empty(person, actor)
    _seal_merges(contact, told)
    idempotency.forget(told)
    imports.forget(told)
    audit.record(action="contact.erased", actor=actor, obj=contact)
    timeline.record(
        kind="contact.erased",
        cause_key=f"contact:{contact.pk}:erased",
        account=contact.account,
        contact=contact,
        actor=actor,
        subject=("contact", contact.pk),
    )
    contact.refresh_from_db()
    return contact


def _tombstones(contact: Contact) -> list[Contact]:
    found, level = [], [contact.pk]
    while level:
        rows = list(
            Contact.objects.select_for_update(of=("self",)).filter(merged_into__in=level).order_by("pk")
        )
        found += rows
        level = [row.pk for row in rows]
    return found


def _what_was_told(contact: Contact) -> list[str]:
    """Texts by which copies of the person are found in stored answers and files: addresses, numbers, ids, whole names."""
    found: set[str] = set()
    for person in [contact, *_tombstones(contact)]:
        found |= {person.email, person.email_key or "", person.phone, person.full_name}
        found |= set(FormerAddress.objects.filter(contact=person).values_list("email_key", flat=True))
        for row in Contact.history.filter(id=person.pk):
            found |= {row.email, row.phone, row.external_id or ""}
        found |= {person.external_id or ""}
    return sorted(text for text in found if len(text) > 3)


def _empty(person: Contact, actor: User | None) -> None:
    values: dict[str, Any] = {
        "external_id": None,
        "first_name": ERASED,
        "last_name": secrets.token_hex(4),
        "email": "",
        "email_key": None,
        "address_key": None,
        "phone": "",
        "phone_key": None,
        "job_title": "",
        "language": "",
        "time_zone": "",
        "custom": {},
        "erased_at": clock.now(),
        "updated_at": clock.now(),
    }
    for name, value in values.items():
        setattr(person, name, value)
    # The past versions hold what the present one no longer does.
    Contact.history.filter(id=person.pk).delete()
    history.sign(person, actor)
    person.save(update_fields=list(values))


def _seal_merges(contact: Contact, told: Sequence[str]) -> None:
    """The journals of this person's merges know who they were, and could bring it back."""
    keys = {contact.pk, *(person.pk for person in _tombstones(contact))}
    rows = Merge.objects.filter(target="contact", survivor_key__in=keys) | Merge.objects.filter(
        target="contact", loser_key__in=keys
    )
    for merge in rows.filter(undone_at__isnull=False):
        for other in {merge.survivor_key, merge.loser_key} - keys:
            _forget_time_together(merge, other, told)
    MergedRows.objects.filter(merge__in=rows).delete()
    rows.filter(sealed_at__isnull=True).update(sealed_at=clock.now())
    Merge.objects.filter(pk__in=list(rows.values_list("pk", flat=True))).update(fields={})


def _forget_time_together(merge: Merge, other: int, told: Sequence[str]) -> None:
    """While a merge lasted that was undone since, the other record had values of this person, and its past shows them."""
    past = Contact.history.filter(id=other, history_date__range=(merge.done_at, merge.undone_at))
    versions = list(past.order_by("-history_date", "-history_id").values_list("history_id", flat=True))
    # The last of them is what the undoing left.
    Contact.history.filter(history_id__in=versions[1:]).delete()
    FormerAddress.objects.filter(contact=other, email_key__in=told).delete()


# --- What this app's own rows forget -------------------------------------------------------------------------
def forget_interactions(contact: Contact) -> None:
    """That somebody talked with them stays, with when and how; what was said goes."""
    rows = Interaction.objects.filter(contact=contact)
    Interaction.history.filter(id__in=list(rows.values_list("pk", flat=True))).delete()
    rows.update(subject="", body="", outcome="")


def forget_tracked(contact: Contact) -> None:
    """What other systems told keeps its name and time."""
    TrackedEvent.objects.filter(contact=contact).update(data={}, external_id=None)


def forget_addresses(contact: Contact) -> None:
    FormerAddress.objects.filter(contact=contact).delete()


def register() -> None:
    jobs.handler(JOB)(run)
