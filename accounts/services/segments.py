"""Writing segments."""

from typing import Any

from django.db import IntegrityError, transaction

from accounts import cleaning, extend, history, segments, versions
from accounts.domain import Sharing
from accounts.models import Segment
from core.errors import Refused
from team import audit
from team.models import User
from team.permissions import can_lead

TARGETS = ("account", "contact")
EDITABLE = ("name", "conditions", "sharing")


@transaction.atomic
def create_segment(
    *, name: str, target: str, conditions: Any, sharing: str, owner: User | None, actor: User | None
) -> Segment:
    """Save a filter. Its conditions are read first, so that what is stored can be run."""
    target = cleaning.choice(target, TARGETS, field="target", label="Of")
    segments.parse(conditions, target)
    segment = Segment(
        name=cleaning.text(name, field="name", label="Name", limit=80, is_required=True),
        target=target,
        conditions=conditions,
        sharing=_sharing(sharing, owner),
        owner=owner,
    )
    _save(segment, actor)
    audit.record(action="segment.created", actor=actor, obj=segment)
    return segment


@transaction.atomic
def update_segment(
    *, segment: Segment, name: str, conditions: Any, sharing: str, actor: User, version: str = ""
) -> Segment:
    """Change a filter: its owner may, and those who lead. What it filters (accounts or contacts) is for good."""
    segment = Segment.objects.select_for_update(of=("self",)).get(pk=segment.pk)
    refuse_stranger(segment, actor)
    versions.check(segment, EDITABLE, version, what="segment")
    segments.parse(conditions, segment.target)
    segment.name = cleaning.text(name, field="name", label="Name", limit=80, is_required=True)
    segment.conditions, segment.sharing = conditions, _sharing(sharing, segment.owner)
    _save(segment, actor)
    audit.record(action="segment.updated", actor=actor, obj=segment)
    return segment


@transaction.atomic
def delete_segment(*, segment: Segment, actor: User) -> None:
    """Take a filter away, unless something uses it."""
    refuse_stranger(segment, actor)
    used = [name for used_by in extend.registered.segment_users.values() for name in used_by(segment.pk)]
    if used:
        more = f" and {len(used) - 3} more" if len(used) > 3 else ""
        raise Refused(
            f"This segment is used by {', '.join(used[:3])}{more}. Choose another segment there first.",
            code="in_use",
        )
    audit.record(action="segment.deleted", actor=actor, obj=segment)
    history.sign(segment, actor)
    segment.delete()


def _sharing(value: str, owner: User | None) -> str:
    """A team's segment is that of its owner's team, so there must be one; a private one needs an owner to be seen by."""
    value = cleaning.choice(value, tuple(Sharing), field="sharing", label="Shared with")
    if value == Sharing.TEAM and (owner is None or owner.team_id is None):
        raise Refused("Its owner is in no team. Share it with everybody, or with nobody.", field="sharing")
    if value == Sharing.PRIVATE and owner is None:
        raise Refused("It has no owner who could see it. Share it with everybody.", field="sharing")
    return value


def may_change(segment: Segment, user: User) -> bool:
    return can_lead(user) or (segment.owner_id == user.pk and user.is_active)


def refuse_stranger(segment: Segment, actor: User) -> None:
    if not may_change(segment, actor):
        raise Refused(
            "Only its owner or a lead can change this segment. Save it under a new name instead.", status=403
        )


def _save(segment: Segment, actor: User | None) -> None:
    history.sign(segment, actor)
    try:
        with transaction.atomic():
            segment.save()
    except IntegrityError:
        raise Refused(
            f"There is a segment “{segment.name}” already. Choose another name.",
            field="name",
            code="name_taken",
        ) from None
