"""Reward codes: keeping lists of them, and giving one to a person, once."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import IntegrityError, connection, transaction

from accounts import cleaning
from accounts.models import Contact
from core import clock, secrets
from core.errors import Invalid, Refused
from team import audit
from team.models import User
from workflows.models import RewardCode, RewardList, Run

MAX_CODES = 50_000
MAX_CODE = 100


@transaction.atomic
def create_list(*, name: str, description: str, actor: User) -> RewardList:
    """Begin a list of codes. Refuses a name that is taken."""
    name = cleaning.text(name, field="name", label="Name", limit=80, is_required=True)
    if RewardList.objects.filter(name__iexact=name).exists():
        raise Invalid("There is a list with this name already. Choose another name.", field="name")
    made = RewardList.objects.create(
        name=name,
        description=cleaning.text(description, field="description", label="Description", limit=300),
        created_by=actor,
    )
    audit.record(action="reward_list.created", actor=actor, obj=made)
    return made


@transaction.atomic
def add_codes(*, list: RewardList, codes: Sequence[str], actor: User) -> tuple[int, int]:
    """Put codes on the list; returns how many were new, and how many it had already. Codes are kept sealed."""
    wanted = [code.strip() for code in codes if code.strip()]
    if not wanted:
        raise Invalid("Paste at least one code, one in a line.", field="codes")
    if len(wanted) > MAX_CODES:
        raise Invalid(f"At most {MAX_CODES:,} codes at a time.", field="codes")
    if too_long := next((n for n, code in enumerate(wanted, 1) if len(code) > MAX_CODE), 0):
        raise Invalid(f"Line {too_long}: a code has at most {MAX_CODE} characters.", field="codes")
    by_digest = {_digest(code): code for code in wanted}
    known = set(RewardCode.objects.filter(list=list, digest__in=by_digest).values_list("digest", flat=True))
    fresh = [
        RewardCode(list=list, digest=digest, sealed=secrets.encrypt(code, place=_place(list)))
        for digest, code in by_digest.items()
        if digest not in known
    ]
    RewardCode.objects.bulk_create(fresh, ignore_conflicts=True, batch_size=500)
    audit.record(action="reward_list.codes_added", actor=actor, obj=list, count=len(fresh))
    return len(fresh), len(wanted) - len(fresh)


@transaction.atomic
def give(*, list: RewardList, contact: Contact, run: Run | None) -> RewardCode:
    """The person's code of this list: the one they have, or the next that nobody has. Raises `Refused` when none is left."""
    had = RewardCode.objects.filter(list=list, contact=contact).first()
    if had is not None:
        return had
    free = RewardCode.objects.filter(list=list, given_at__isnull=True).order_by("pk")
    if connection.features.has_select_for_update_skip_locked:
        free = free.select_for_update(skip_locked=True)
    code = free.first()
    if code is None:
        raise Refused(
            f"The list “{list.name}” has no codes left. Add some and try this step again.", code="no_codes"
        )
    try:
        with transaction.atomic():
            taken = RewardCode.objects.filter(pk=code.pk, given_at__isnull=True).update(
                contact=contact, run=run, given_at=clock.now()
            )
    except IntegrityError:  # the same person got theirs at this moment
        return RewardCode.objects.get(list=list, contact=contact)
    if not taken:
        return give(list=list, contact=contact, run=run)
    return RewardCode.objects.get(pk=code.pk)


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
