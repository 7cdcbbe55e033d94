"""Reward codes: keeping lists of them, and giving one to a person, once."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction

from accounts import cleaning
from accounts.models import Contact
from core import clock, secrets
from core.errors import Invalid, Refused
from team import audit
from team.models import User
from workflows.models import RewardCode, RewardList, Run
from workflows.services import reward_alerts

MAX_CODES = 50_000
MAX_CODE = 100
AT_ONCE = 500


@transaction.atomic
def create_list(*, name: str, description: str, actor: User, codes: Sequence[str] = ()) -> RewardList:
    """Begin a list of codes, with its first codes where there are some. Refuses a name that is taken."""
    made = RewardList.objects.create(
        name=_name(name, None), description=_description(description), created_by=actor
    )
    audit.record(action="reward_list.created", actor=actor, obj=made)
    if codes:
        add_codes(list=made, codes=codes, actor=actor)
    return made


@transaction.atomic
def update_list(
    *, list: RewardList, actor: User, name: str | None = None, description: str | None = None
) -> RewardList:
    """Change what a list is called or what it is for; None leaves it as it is. Refuses a name that is taken."""
    held = RewardList.objects.select_for_update().get(pk=list.pk)
    if name is not None:
        held.name = _name(name, held)
    if description is not None:
        held.description = _description(description)
    held.save(update_fields=["name", "description"])
    audit.record(action="reward_list.changed", actor=actor, obj=held)
    return held


def _name(name: str, own: RewardList | None) -> str:
    name = cleaning.text(name, field="name", label="Name", limit=80, is_required=True)
    others = RewardList.objects.filter(name__iexact=name)
    if (others.exclude(pk=own.pk) if own is not None else others).exists():
        raise Invalid("There is a list with this name already. Choose another name.", field="name")
    return name


def _description(text: str) -> str:
    return cleaning.text(text, field="description", label="Description", limit=300)


@transaction.atomic
def add_codes(*, list: RewardList, codes: Sequence[str], actor: User) -> tuple[int, int]:
    """Put codes on the list; returns how many were new, and how many it had already. Codes are kept sealed.

    Refuses, naming the line but never the code: none at all, too many, one that is too long or is no single code (a
    comma, a semicolon or a control character in it). New codes close the alert that the list ran out.
    """
    RewardList.objects.select_for_update().get(pk=list.pk)
    by_digest: dict[str, str] = {}
    wanted = 0
    for line, raw in enumerate(codes, 1):
        code = raw.strip()
        if not code:
            continue
        wanted += 1
        if wanted > MAX_CODES:
            raise Invalid(f"At most {MAX_CODES:,} codes at a time.", field="codes")
        if len(code) > MAX_CODE:
            raise Invalid(f"Line {line}: a code has at most {MAX_CODE} characters.", field="codes")
        if not code.isprintable() or "," in code or ";" in code:
            raise Invalid(f"Line {line} holds more than one code. Write one in a line.", field="codes")
        by_digest[_digest(code)] = code
    if not wanted:
        raise Invalid("Paste at least one code, one in a line.", field="codes")
    digests = [*by_digest]
    known: set[str] = set()
    for start in range(0, len(digests), AT_ONCE):
        rows = RewardCode.objects.filter(list=list, digest__in=digests[start : start + AT_ONCE])
        known.update(rows.values_list("digest", flat=True))
    fresh = [
        RewardCode(list=list, digest=digest, sealed=secrets.encrypt(code, place=_place(list)))
        for digest, code in by_digest.items()
        if digest not in known
    ]
    RewardCode.objects.bulk_create(fresh, batch_size=AT_ONCE)
    audit.record(action="reward_list.codes_added", actor=actor, obj=list, count=len(fresh))
    if fresh:
        reward_alerts.refilled(list=list, count=len(fresh), actor=actor)
    return len(fresh), wanted - len(fresh)


@transaction.atomic
def give(*, list: RewardList, contact: Contact, run: Run | None) -> RewardCode:
    """The person's code of this list: the one they have, or the next that nobody has. Raises `Refused` when none is left.

    Whoever gives the last one alerts a lead.
    """
    # One at a time for each list: so the last code is known to be the last, and no code is tried for twice.
    RewardList.objects.select_for_update().get(pk=list.pk)
    had = RewardCode.objects.filter(list=list, contact=contact).first()
    if had is not None:
        return had
    free = [*RewardCode.objects.filter(list=list, given_at__isnull=True).order_by("pk")[:2]]
    if not free:
        raise Refused(
            f"The list “{list.name}” has no codes left. Add some and try this step again.", code="no_codes"
        )
    code = free[0]
    code.contact, code.run, code.given_at = contact, run, clock.now()
    code.save(update_fields=["contact", "run", "given_at"])
    if len(free) == 1:
        reward_alerts.ran_out(list=list, last=code)
    return code


def read(code: RewardCode) -> str:
    """The code itself, for the mail that carries it."""
    return secrets.decrypt(code.sealed, place=_place(code.list))


def forget(contact: Contact) -> None:
    """Somebody was erased: that a code was given away stays, to whom does not."""
    RewardCode.objects.filter(contact=contact).update(contact=None)


def export(contact: Contact) -> Iterable[Mapping[str, Any]]:
    """What the person was given; the code itself is in the mail they got."""
    for given in RewardCode.objects.filter(contact=contact).select_related("list").order_by("pk"):
        yield {"list": given.list.name, "given_at": given.given_at}


def _place(list: RewardList) -> str:
    return f"workflows.rewardlist:{list.pk}"


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
