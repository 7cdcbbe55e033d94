"""People: who may sign in, in which role, and when that ends. Every change is in the audit log."""

from collections.abc import Mapping
from typing import Any

from allauth.mfa.models import Authenticator
from django.db import IntegrityError, transaction

from core import clock
from core.errors import Invalid, Refused
from team import audit, mails
from team.domain import Role
from team.models import ApiKey, NotificationPreference, Team, User

KEEP: Any = object()


class LastAdministrator(Refused):
    code = "last_administrator"

    def __init__(self) -> None:
        super().__init__(
            "This is the last administrator who can sign in. Make somebody else an administrator first.",
            field="role",
        )


class OwnRights(Refused):
    code = "own_rights"

    def __init__(self, what: str) -> None:
        super().__init__(f"Nobody changes {what} alone. Ask another administrator.", field="role")


@transaction.atomic
def invite_person(
    *, email: str, name: str, role: Role, actor: User | None, team: Team | None = None, title: str = ""
) -> User:
    """Make a person who may sign in once they have followed the link mailed to them and set a password."""
    address = email.strip().lower()
    try:
        with transaction.atomic():
            person = User.objects.create_user(
                address, name=name.strip(), role=role, team=team, title=title.strip()
            )
    except IntegrityError:
        raise Refused(
            "There is already a person with this address. Look among the deactivated ones too.",
            code="email_taken",
            field="email",
        ) from None
    NotificationPreference.objects.create(user=person)
    audit.record(action="person.invited", actor=actor, obj=person, role=role.value)
    mails.queue(mails.Mail.INVITATION, person)
    return person


@transaction.atomic
def send_set_password_link(*, person: User, actor: User) -> None:
    """Mail a fresh link; useful when the first one ran out."""
    if not person.is_active:
        raise Refused("Activate the person first; a deactivated one cannot sign in.", code="inactive")
    audit.record(action="person.link_sent", actor=actor, obj=person)
    mails.queue(mails.Mail.RESET if person.has_usable_password() else mails.Mail.INVITATION, person)


@transaction.atomic
def update_person(
    *,
    person: User,
    actor: User,
    email: str = KEEP,
    name: str = KEEP,
    title: str = KEEP,
    role: Role = KEEP,
    team: Team | None = KEEP,
) -> User:
    """Change a person. A changed role or address ends their sessions and API keys at once.

    Refused: changing one's own role, and taking the role from the last administrator.
    """
    person = User.objects.select_for_update().get(pk=person.pk)
    wanted: dict[str, Any] = {"email": email, "name": name, "title": title, "role": role, "team": team}
    changed = [
        field for field, value in wanted.items() if value is not KEEP and value != getattr(person, field)
    ]
    if not changed:
        return person
    if "role" in changed:
        if person.pk == actor.pk:
            raise OwnRights("their own role")
        if person.role == Role.ADMINISTRATOR:
            _keep_an_administrator(person)
    before = {"role": person.role, "team": person.team_id}
    for field in changed:
        setattr(person, field, wanted[field].strip() if isinstance(wanted[field], str) else wanted[field])
    if "email" in changed:
        person.email = person.email.lower()
    if "role" in changed:
        person.is_superuser = role == Role.ADMINISTRATOR
    try:
        with transaction.atomic():
            person.save(update_fields=[*changed, "is_superuser"])
    except IntegrityError:
        raise Refused(
            "There is already a person with this address.", code="email_taken", field="email"
        ) from None
    after = {"role": person.role, "team": person.team_id}
    moved: dict[str, Any] = {key: [before[key], after[key]] for key in before if before[key] != after[key]}
    audit.record(action="person.updated", actor=actor, obj=person, fields=sorted(changed), **moved)
    if {"role", "email"} & set(changed):
        end_access(
            person=person, actor=actor, reason="role_changed" if "role" in changed else "address_changed"
        )
    return person


@transaction.atomic
def deactivate_person(*, person: User, actor: User) -> User:
    """End a person's access at once: sessions, API keys, mails. What they did stays theirs."""
    if person.pk == actor.pk:
        raise OwnRights("their own access")
    person = User.objects.select_for_update().get(pk=person.pk)
    if not person.is_active:
        return person
    if person.role == Role.ADMINISTRATOR:
        _keep_an_administrator(person)
    person.is_active = False
    person.save(update_fields=["is_active"])
    audit.record(action="person.deactivated", actor=actor, obj=person)
    end_access(person=person, actor=actor, reason="deactivated")
    return person


@transaction.atomic
def activate_person(*, person: User, actor: User) -> User:
    """Let a deactivated person sign in again. Their old sessions and keys stay ended."""
    person = User.objects.select_for_update().get(pk=person.pk)
    if not person.is_active:
        person.is_active = True
        person.save(update_fields=["is_active"])
        audit.record(action="person.activated", actor=actor, obj=person)
    return person


def _keep_an_administrator(person: User) -> None:
    # All administrators are locked in one order, so two who demote each other take turns.
    active = User.objects.select_for_update().filter(role=Role.ADMINISTRATOR, is_active=True).order_by("pk")
    if not any(other.pk != person.pk for other in active):
        raise LastAdministrator


@transaction.atomic
def end_access(*, person: User, actor: User | None, reason: str) -> int:
    """End every session of a person and revoke their API keys; returns how many keys were revoked."""
    person.session_epoch += 1
    person.save(update_fields=["session_epoch"])
    return revoke_keys_of(person=person, actor=actor, reason=reason)


@transaction.atomic
def revoke_keys_of(*, person: User, actor: User | None, reason: str) -> int:
    """Revoke the API keys that act for a person, each with its audit entry."""
    keys = list(
        ApiKey.objects.select_for_update().filter(user=person, revoked_at__isnull=True).order_by("pk")
    )
    for key in keys:
        key.revoked_at = clock.now()
        key.save(update_fields=["revoked_at"])
        audit.record(action="api_key.revoked", actor=actor, obj=key, reason=reason)
    return len(keys)


@transaction.atomic
def note_password_change(*, person: User, by_mail: bool) -> None:
    """A person has set a new password: other sessions end by themselves, the API keys here."""
    audit.record(
        action="person.password_reset" if by_mail else "person.password_changed", actor=person, obj=person
    )
    revoke_keys_of(person=person, actor=person, reason="password_changed")


@transaction.atomic
def reset_second_step(*, person: User, actor: User) -> None:
    """Remove a person's authenticator app, passkeys and recovery codes, when they have lost them."""
    if person.pk == actor.pk:
        raise OwnRights("their own second step")
    removed, _ = Authenticator.objects.filter(user=person).delete()
    if not removed:
        raise Refused("This person has no second sign-in step.", code="no_second_step")
    audit.record(action="person.second_step_reset", actor=actor, obj=person)
    end_access(person=person, actor=actor, reason="second_step_reset")


@transaction.atomic
def update_profile(
    *,
    person: User,
    name: str,
    title: str,
    time_zone: str,
    phone: str | None = None,
) -> User:
    """What everybody may change about themselves. No phone leaves the number as it is; an empty one takes it away."""
    if not name.strip():
        raise Invalid("Give your name; colleagues see it beside your work.", field="name")
    person.name, person.title, person.time_zone = name.strip(), title.strip(), time_zone
    person.phone = person.phone if phone is None else phone
    person.save(update_fields=["name", "title", "time_zone", "phone"])
    audit.record(action="person.profile_updated", actor=person, obj=person)
    return person


@transaction.atomic
def set_phone(*, person: User, phone: str) -> User:
    """Keep a person's own mobile number, in international form such as +4915112345678."""
    if phone != person.phone:
        person.phone = phone
        person.save(update_fields=["phone"])
        audit.record(action="person.profile_updated", actor=person, obj=person)
    return person


QUIET_FIELDS = ("quiet_from", "quiet_until", "is_quiet_at_weekends")
DIGEST_FIELDS = ("digest", "digest_at", "digest_on_workdays_only")


@transaction.atomic
def set_notifications(
    *, person: User, actor: User, choices: Mapping[str, list[str]] | None = None, **values: Any
) -> NotificationPreference:
    """Keep how a person wants to be told: `choices` are channels by topic and replace those of the topics they name;
    `values` are fields of quiet hours and digest. What is not given stays. Quiet hours need both ends or none."""
    if unknown := set(values) - {*QUIET_FIELDS, *DIGEST_FIELDS}:
        raise Invalid(f"There is no setting “{min(unknown)}”.", field=min(unknown))
    User.objects.select_for_update(no_key=True).filter(pk=person.pk).first()
    stored, _ = NotificationPreference.objects.get_or_create(user=person)
    for name, value in values.items():
        setattr(stored, name, value)
    if (stored.quiet_from is None) != (stored.quiet_until is None):
        missing = "quiet_from" if stored.quiet_from is None else "quiet_until"
        raise Invalid("Give both ends of the quiet hours, or neither.", field=missing)
    if stored.quiet_from is not None and stored.quiet_from == stored.quiet_until:
        raise Invalid(
            "Quiet hours that begin when they end are none. Choose another time.", field="quiet_until"
        )
    stored.choices = {**stored.choices, **(choices or {})}
    stored.save()
    audit.record(
        action="person.notifications_updated",
        actor=actor,
        obj=person,
        fields=sorted([*values, *(choices or {})]),
    )
    return stored
