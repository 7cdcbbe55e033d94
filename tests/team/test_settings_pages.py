"""Settings pages: who may open which, what they show, and that they save through services."""

from http import HTTPStatus

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from team import queries
from team.domain import Role, RowScope
from team.models import ApiKey, AuditEntry, Team, User
from team.services import people
from tests import factories
from tests.conftest import Browser, Drain

FOR_EVERYBODY = ["/settings/", "/settings/profile/", "/api/v1/docs/", "/api/v1/schema/"]
FOR_ADMINISTRATORS = [
    "/settings/company/", "/settings/people/", "/settings/people/invite/", "/settings/teams/", "/settings/roles/",
    "/settings/keys/", "/settings/audit/",
]  # fmt: skip


# --- Who may open them -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", FOR_EVERYBODY + FOR_ADMINISTRATORS)
def test_a_visitor_is_led_to_the_door(client: Client, db: None, path: str):
    response = client.get(path)

    if path == "/api/v1/schema/":
        assert response.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    else:
        assert response["Location"] == f"/auth/login/?next={path}"


@pytest.mark.parametrize("role", list(Role))
def test_everybody_opens_their_own_settings(db: None, browser_of: Browser, role: Role):
    client = browser_of(factories.user(role=role))

    assert [client.get(path).status_code for path in FOR_EVERYBODY] == [HTTPStatus.OK] * len(FOR_EVERYBODY)


@pytest.mark.parametrize("role", list(Role))
def test_company_settings_are_for_administrators(db: None, browser_of: Browser, role: Role):
    client = browser_of(factories.user(role=role))
    expected = HTTPStatus.OK if role is Role.ADMINISTRATOR else HTTPStatus.FORBIDDEN

    assert {client.get(path).status_code for path in FOR_ADMINISTRATORS} == {expected}


@pytest.mark.parametrize("action", ["", "deactivate/", "activate/", "link/", "second-step/"])
def test_only_administrators_change_people(as_lead: Client, csm: User, action: str):
    response = as_lead.post(f"/settings/people/{csm.pk}/{action}", {"role": "administrator"})

    assert response.status_code == HTTPStatus.FORBIDDEN
    csm.refresh_from_db()
    assert csm.role == Role.CSM
    assert csm.is_active


@pytest.mark.parametrize("action", ["deactivate/", "activate/", "link/", "second-step/"])
def test_a_link_from_elsewhere_changes_nothing(as_administrator: Client, csm: User, action: str):
    assert (
        as_administrator.get(f"/settings/people/{csm.pk}/{action}").status_code
        == HTTPStatus.METHOD_NOT_ALLOWED
    )


def test_the_settings_page_shows_what_one_may_open(as_csm: Client, as_administrator: Client):
    assert "Audit log" not in as_csm.get("/settings/").content.decode()
    assert "Audit log" in as_administrator.get("/settings/").content.decode()


# --- People ----------------------------------------------------------------------------------------------------
def test_inviting_mails_a_link(as_administrator: Client, north: Team, drain: Drain):
    data = {"email": "New@example.com", "name": "Nora New", "role": "csm", "team": north.pk}

    response = as_administrator.post("/settings/people/invite/", data)
    drain()

    assert response["Location"] == "/settings/people/"
    person = User.objects.get(email="new@example.com")
    assert (person.name, person.role, person.team) == ("Nora New", "csm", north)
    assert mail.outbox[0].to == ["new@example.com"]


def test_a_taken_address_is_told_at_its_field(as_administrator: Client, csm: User):
    data = {"email": csm.email.upper(), "name": "Again", "role": "csm"}

    response = as_administrator.post("/settings/people/invite/", data)

    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "already" in response.context["form"].errors["email"][0]


def test_a_person_is_changed(as_administrator: Client, csm: User, south: Team):
    data = {"email": csm.email, "name": "Carla Neu", "title": "CSM", "role": "lead", "team": south.pk}

    response = as_administrator.post(f"/settings/people/{csm.pk}/", data)

    csm.refresh_from_db()
    assert response["Location"] == f"/settings/people/{csm.pk}/"
    assert (csm.name, csm.title, csm.role, csm.team) == ("Carla Neu", "CSM", "lead", south)


def test_rights_are_not_taken_from_the_form(as_administrator: Client, csm: User):
    data = {
        "email": csm.email,
        "name": csm.name,
        "role": "csm",
        "is_superuser": "on",
        "password": "x",
        "groups": "1",
    }

    as_administrator.post(f"/settings/people/{csm.pk}/", data)

    fresh = User.objects.get(pk=csm.pk)
    assert not fresh.is_superuser
    assert fresh.password == csm.password


def test_ones_own_role_is_refused_at_its_field(as_administrator: Client, administrator: User):
    factories.user("second@example.com", role=Role.ADMINISTRATOR)
    data = {"email": administrator.email, "name": administrator.name, "role": "lead"}

    response = as_administrator.post(f"/settings/people/{administrator.pk}/", data)

    assert "role" in response.context["form"].errors
    administrator.refresh_from_db()
    assert administrator.role == Role.ADMINISTRATOR


def test_access_ends_and_begins_again(as_administrator: Client, csm: User):
    as_administrator.post(f"/settings/people/{csm.pk}/deactivate/")
    csm.refresh_from_db()
    assert not csm.is_active

    as_administrator.post(f"/settings/people/{csm.pk}/activate/")
    csm.refresh_from_db()
    assert csm.is_active


def test_removing_a_second_step_asks_for_the_password_again(as_administrator: Client, csm: User):
    response = as_administrator.post(f"/settings/people/{csm.pk}/second-step/")

    assert response["Location"].startswith("/auth/reauthenticate/")


def test_the_list_of_people_takes_as_many_queries_for_ten_as_for_one(as_administrator: Client, north: Team):
    as_administrator.get("/settings/people/")
    with CaptureQueriesContext(connection) as few:
        as_administrator.get("/settings/people/")
    for number in range(10):
        factories.user(f"p{number}@example.com", team=north)
    with CaptureQueriesContext(connection) as many:
        as_administrator.get("/settings/people/")

    assert len(many) == len(few)


# --- Company, teams, roles -------------------------------------------------------------------------------------
def company_form(client: Client) -> dict[str, object]:
    form = client.get("/settings/company/").context["form"]
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in values.items() if value is not None and value is not False}


def test_company_settings_are_saved(as_administrator: Client):
    data = company_form(as_administrator) | {
        "name": "Nordwind",
        "time_zone": "America/New_York",
        "account_ask_limit": 3,
    }

    response = as_administrator.post("/settings/company/", data)

    assert response["Location"] == "/settings/company/"
    saved = queries.workspace()
    assert (saved.name, saved.time_zone, saved.account_ask_limit) == ("Nordwind", "America/New_York", 3)


@pytest.mark.parametrize(("field", "value"), [
    ("time_zone", "Mars/Olympus"), ("colour", "red"), ("colour", "#12345g"), ("currency", "XXX"), ("name", ""),
    ("account_ask_limit", "0"), ("minimum_tenure_days", "-1"), ("day_end", "08:00"), ("language", "xx"),
])  # fmt: skip
def test_settings_that_make_no_sense_are_refused_at_their_field(
    as_administrator: Client, field: str, value: str
):
    before = queries.workspace()

    response = as_administrator.post("/settings/company/", company_form(as_administrator) | {field: value})

    assert field in response.context["form"].errors
    assert getattr(queries.workspace(), field) == getattr(before, field)


def test_teams_are_added_renamed_and_removed(as_administrator: Client):
    as_administrator.post("/settings/teams/", {"name": "East"})
    team = Team.objects.get(name="East")
    as_administrator.post(f"/settings/teams/{team.pk}/", {"name": "Far East"})
    team.refresh_from_db()
    assert team.name == "Far East"

    as_administrator.post(f"/settings/teams/{team.pk}/delete/")

    assert not Team.objects.exists()


def test_row_scopes_are_set_for_roles_but_administrators(as_administrator: Client):
    data = {"lead": "all", "csm": "own", "viewer": "team", "administrator": "own"}

    as_administrator.post("/settings/roles/", data)

    scopes = queries.row_scopes()
    assert scopes[Role.CSM] is RowScope.OWN
    assert scopes[Role.VIEWER] is RowScope.TEAM
    assert scopes[Role.ADMINISTRATOR] is RowScope.ALL


# --- Keys ------------------------------------------------------------------------------------------------------
@pytest.fixture
def just_signed_in(client: Client, administrator: User) -> Client:
    client.post("/auth/login/", {"login": administrator.email, "password": "a password long enough"})
    return client


def test_a_key_is_shown_once(just_signed_in: Client, csm: User):
    data = {"name": "Warehouse", "user": csm.pk, "scopes": ["accounts:read", "team:read"], "rate_limit": 250}

    response = just_signed_in.post("/settings/keys/new/", data)

    text = response.context["text"]
    assert text in response.content.decode()
    assert "no-store" in response["Cache-Control"]
    assert (
        just_signed_in.get("/api/v1/users/", headers={"Authorization": f"Bearer {text}"}).status_code
        == HTTPStatus.OK
    )
    assert text not in just_signed_in.get("/settings/keys/").content.decode()
    assert ApiKey.objects.get().rate_limit == 250


def test_a_viewers_key_that_writes_is_refused_at_its_field(just_signed_in: Client, viewer: User):
    data = {"name": "Wide", "user": viewer.pk, "scopes": ["accounts:write"], "rate_limit": 100}

    response = just_signed_in.post("/settings/keys/new/", data)

    assert "scopes" in response.context["form"].errors
    assert not ApiKey.objects.exists()


def test_making_a_key_asks_for_the_password_again_after_a_while(as_administrator: Client):
    assert as_administrator.get("/settings/keys/new/")["Location"].startswith("/auth/reauthenticate/")


def test_the_password_asked_again_lets_in(as_administrator: Client):
    target = as_administrator.get("/settings/keys/new/")["Location"]

    response = as_administrator.post(target, {"password": "a password long enough"}, follow=True)

    assert response.redirect_chain[-1][0] == "/settings/keys/new/"
    assert response.status_code == HTTPStatus.OK


def test_revoking_a_key(as_administrator: Client, csm: User):
    factories.an_api_key(csm, "accounts:read")
    key = ApiKey.objects.get()

    as_administrator.post(f"/settings/keys/{key.pk}/revoke/")

    key.refresh_from_db()
    assert key.revoked_at is not None
    assert "Revoked" in as_administrator.get("/settings/keys/").content.decode()


# --- Profile and audit -----------------------------------------------------------------------------------------
def test_the_own_profile_is_saved(as_viewer: Client, viewer: User):
    data = {
        "name": "Vera Neu",
        "title": "Analyst",
        "time_zone": "Asia/Tokyo",
        "role": "administrator",
    }

    as_viewer.post("/settings/profile/", data)

    viewer.refresh_from_db()
    assert (viewer.name, viewer.title, viewer.time_zone, viewer.role) == (
        "Vera Neu",
        "Analyst",
        "Asia/Tokyo",
        "viewer",
    )


def test_the_audit_log_is_filtered(as_administrator: Client, administrator: User, csm: User, lead: User):
    people.deactivate_person(person=csm, actor=administrator)
    people.update_person(person=lead, actor=administrator, name="Lea Neu")

    def shown(**params: object) -> list[str]:
        return [
            entry.action for entry, *_ in as_administrator.get("/settings/audit/", params).context["lines"]
        ]

    assert shown(action="person.deactivated") == ["person.deactivated"]
    assert shown(q=f"user {lead.pk}") == ["person.updated"]
    assert shown(actor=lead.pk) == []
    assert shown(since="2999-01-01") == []
    assert len(shown(q="ada")) == 2
    assert shown(actor="nonsense", since="2026-13-45", until="9999-12-31", page="x")


def test_hostile_names_are_shown_as_text(as_administrator: Client, csm: User):
    name = "<script>alert(1)</script>{{ 7*7 }}"
    people.update_profile(person=csm, name=name, title="", time_zone="")
    factories.an_api_key(csm, "accounts:read")
    ApiKey.objects.update(name=name)

    for path in (
        "/settings/people/",
        f"/settings/people/{csm.pk}/",
        "/settings/keys/",
        "/settings/audit/",
        "/settings/audit/?q=x",
    ):
        html = as_administrator.get(path).content.decode()
        assert "<script>alert" not in html
        assert "49" not in html.split("{{")[0][-5:]


@pytest.mark.parametrize("path", ["/settings/", "/api/v1/docs/"])
def test_no_page_allows_inline_styles_or_scripts(as_administrator: Client, path: str):
    policy = as_administrator.get(path)["Content-Security-Policy"]

    assert "unsafe" not in policy
    assert "script-src 'self'" in policy


def test_what_was_done_stays_in_the_audit_log(administrator: User, csm: User):
    people.deactivate_person(person=csm, actor=administrator)

    assert list(AuditEntry.objects.order_by("pk").values_list("action", "actor_id", "object_id")) == [
        ("person.deactivated", administrator.pk, csm.pk)
    ]
