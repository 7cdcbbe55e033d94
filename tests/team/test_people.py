"""People: invited, changed, ended; and the rules nobody gets round."""

import re

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.core import mail
from django.test import Client

from core.errors import Refused
from team import queries
from team.domain import Role, RowScope
from team.models import AuditEntry, Team, User
from team.scope import scope_of
from team.services import people, workspace
from tests import factories
from tests.conftest import Drain


def invite(administrator: User, **fields: object) -> User:
    return people.invite_person(**{
        "email": "New@Example.com", "name": "Nora New", "role": Role.CSM, "actor": administrator, **fields,
    })  # fmt: skip


# --- Inviting --------------------------------------------------------------------------------------------------
def test_an_invited_person_sets_a_password_and_is_in(administrator: User, client: Client, drain: Drain):
    person = invite(administrator)
    drain()

    (message,) = mail.outbox
    link = re.search(r"https?://[^/\s]+(/auth/\S+)", message.body).group(1)
    form = client.get(link, follow=True).redirect_chain[-1][0]
    client.post(form, {"password1": "a password of my own", "password2": "a password of my own"})

    assert message.to == ["new@example.com"]
    assert client.get("/settings/profile/").context["user"] == person


def test_an_invited_person_cannot_sign_in_before(administrator: User, client: Client):
    person = invite(administrator)

    assert not person.has_usable_password()
    assert queries.count_open_invitations() >= 1


def test_an_address_is_taken_whatever_its_case(administrator: User):
    invite(administrator)

    with pytest.raises(Refused) as refusal:
        invite(administrator, email="NEW@example.COM")

    assert refusal.value.field == "email"
    assert User.objects.filter(email="new@example.com").count() == 1


def test_a_person_deactivated_meanwhile_gets_no_mail(administrator: User, drain: Drain):
    person = invite(administrator)
    people.deactivate_person(person=person, actor=administrator)

    drain()

    assert mail.outbox == []


# --- Rights ----------------------------------------------------------------------------------------------------
def test_nobody_changes_their_own_role(administrator: User):
    factories.user("second@example.com", role=Role.ADMINISTRATOR)

    with pytest.raises(Refused) as refusal:
        people.update_person(person=administrator, actor=administrator, role=Role.LEAD)

    assert refusal.value.code == "own_rights"


def test_the_last_administrator_keeps_the_role(administrator: User):
    other = factories.user("second@example.com", role=Role.ADMINISTRATOR)
    people.update_person(person=other, actor=administrator, role=Role.LEAD)

    with pytest.raises(Refused) as refusal:
        people.update_person(person=administrator, actor=other, role=Role.LEAD)

    assert refusal.value.code == "last_administrator"
    administrator.refresh_from_db()
    assert administrator.role == Role.ADMINISTRATOR


def test_the_last_administrator_keeps_access(administrator: User, lead: User):
    with pytest.raises(Refused):
        people.deactivate_person(person=administrator, actor=lead)

    administrator.refresh_from_db()
    assert administrator.is_active


def test_a_deactivated_administrator_does_not_count(administrator: User, lead: User):
    factories.user("gone@example.com", role=Role.ADMINISTRATOR, is_active=False)

    with pytest.raises(Refused):
        people.update_person(person=administrator, actor=lead, role=Role.CSM)


def test_a_demoted_administrator_is_no_superuser(administrator: User):
    other = User.objects.create_superuser("second@example.com", "a password long enough", name="Second")

    people.update_person(person=other, actor=administrator, role=Role.CSM)

    other.refresh_from_db()
    assert not other.is_superuser
    assert not other.is_staff


def test_a_change_is_audited_without_personal_text(administrator: User, csm: User, lead: User):
    people.update_person(person=csm, actor=administrator, role=Role.LEAD, name="Another Name")

    entry = AuditEntry.objects.get(action="person.updated")
    assert entry.actor == administrator
    assert entry.detail == {"fields": ["name", "role"], "role": ["csm", "lead"]}
    assert "Another" not in str(AuditEntry.objects.values())


def test_nothing_changed_is_nothing_written(administrator: User, csm: User):
    people.update_person(person=csm, actor=administrator, name=csm.name, role=Role.CSM)

    assert not AuditEntry.objects.exists()


def test_a_lost_second_step_is_removed_by_another_administrator(administrator: User, csm: User):
    totp.TOTP.activate(csm, "JBSWY3DPEHPK3PXP")

    people.reset_second_step(person=csm, actor=administrator)

    assert not queries.has_second_step(csm)
    with pytest.raises(Refused):
        people.reset_second_step(person=administrator, actor=administrator)


# --- Teams and scopes ------------------------------------------------------------------------------------------
def test_a_team_with_people_stays(administrator: User, north: Team, csm: User):
    with pytest.raises(Refused) as refusal:
        workspace.delete_team(team=north, actor=administrator)

    assert "1 person" in refusal.value.message
    assert Team.objects.filter(pk=north.pk).exists()


def test_two_teams_never_share_a_name(administrator: User, north: Team):
    with pytest.raises(Refused):
        workspace.create_team(name=" North ", actor=administrator)


@pytest.mark.parametrize("scope", list(RowScope))
def test_the_row_scope_of_a_role_is_what_was_set(administrator: User, csm: User, scope: RowScope):
    workspace.set_row_scopes(scopes={Role.CSM: scope}, actor=administrator)

    assert scope_of(User.objects.get(pk=csm.pk)) is scope


def test_administrators_always_see_everything(administrator: User):
    with pytest.raises(Refused):
        workspace.set_row_scopes(scopes={Role.ADMINISTRATOR: RowScope.OWN}, actor=administrator)


# --- Workspace -------------------------------------------------------------------------------------------------
def test_changes_of_the_company_are_audited(administrator: User):
    workspace.update_workspace(actor=administrator, minimum_tenure_days=60, postal_address="Elbe 1, Hamburg")

    entry = AuditEntry.objects.get(action="workspace.updated")
    assert entry.detail["minimum_tenure_days"] == [0, 60]
    assert entry.detail["fields"] == ["minimum_tenure_days", "postal_address"]
    assert "Hamburg" not in str(entry.detail)


def test_the_fall_back_must_be_able_to_act(administrator: User, viewer: User):
    with pytest.raises(Refused) as refusal:
        workspace.update_workspace(actor=administrator, fallback_owner=viewer)

    assert refusal.value.field == "fallback_owner"


PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
    + (320).to_bytes(4, "big")
    + (80).to_bytes(4, "big")
    + b"\x08\x06\0\0\0"
)


@pytest.mark.parametrize("data", [
    b"<svg onload=alert(1)>", b"GIF89a", b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0",
    PNG.replace((320).to_bytes(4, "big"), (30_000).to_bytes(4, "big")), PNG + b"x" * 300_001,
])  # fmt: skip
def test_only_small_pictures_become_the_logo(administrator: User, data: bytes):
    with pytest.raises(Refused) as refusal:
        workspace.update_workspace(actor=administrator, logo=data)

    assert refusal.value.field == "logo"
    assert not queries.workspace().logo


def test_the_logo_is_open_to_everybody(administrator: User, client: Client):
    assert client.get("/brand/logo").status_code == 404

    workspace.update_workspace(actor=administrator, logo=PNG)

    response = client.get("/brand/logo")
    assert response.content == PNG
    assert response["Content-Type"] == "image/png"
    assert response["X-Content-Type-Options"] == "nosniff"
