"""The back office: every list opens, saving goes through services, and failed work can be dealt with."""

from http import HTTPStatus
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Account, Contact, CustomField, LifecycleStage
from core.models import Job
from core.outbox import State
from surveys.models import Suppression
from team.models import ApiKey, AuditEntry, Team, User
from team.services import keys
from tests import factories
from workflows.models import Rule

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


def changelist(model: type) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def change(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def act(client: Client, model: type, action: str, *rows: Any, **extra: str):
    data = {"action": action, "_selected_action": [row.pk for row in rows], **extra}
    return client.post(changelist(model), data, follow=True)


# --- What is there ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_table_opens_and_searches(as_administrator: Client, model: type):
    url = changelist(model)

    assert as_administrator.get(url).status_code == HTTPStatus.OK
    assert as_administrator.get(url, {"q": "x'%\\"}).status_code == HTTPStatus.OK


def test_tables_of_other_packages_are_not_there():
    foreign = {model._meta.app_label for model in MODELS} - {
        "core",
        "team",
        "accounts",
        "surveys",
        "workflows",
        "integrations",
    }

    assert foreign == set()
    assert {"Job", "AuditEntry", "User", "Delivery", "EventDelivery", "RunStep", "Notice", "Heartbeat"} <= {
        model.__name__ for model in MODELS
    }


@pytest.mark.parametrize(
    "path",
    ["django_q/schedule/", "sessions/session/", "mfa/authenticator/", "auth/group/", "admin/logentry/"],
)
def test_their_addresses_do_not_exist(as_administrator: Client, path: str):
    assert as_administrator.get(f"/admin/{path}").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_nothing_is_deleted_in_bulk_or_changed_in_the_list(model: type):
    model_admin = admin.site._registry[model]

    assert "delete_selected" not in dict(admin.site.actions)
    assert model_admin.list_editable == ()


@pytest.mark.parametrize(
    "query", ["password__startswith=a", "owner__password__startswith=argon2", "_to_field=password"]
)
def test_secrets_cannot_be_asked_out_of_a_list(as_administrator: Client, query: str):
    response = as_administrator.get(f"/admin/accounts/account/?{query}", follow=True)

    assert response.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.OK}
    if response.status_code == HTTPStatus.OK:
        assert response.redirect_chain[-1][0].endswith("?e=1")


def test_lists_take_as_many_queries_for_ten_as_for_one(as_administrator: Client, csm: User, lead: User):
    stage = LifecycleStage.objects.create(name="Live")

    def count(path: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert as_administrator.get(path).status_code == HTTPStatus.OK
        return len(queries)

    paths = [
        "/admin/accounts/account/",
        "/admin/accounts/contact/",
        "/admin/team/user/",
        "/admin/team/apikey/",
    ]
    account = factories.an_account("A0", owner=csm, stage=stage)
    factories.a_contact("p0@example.com", account=account)
    factories.an_api_key(csm)
    for path in paths:
        count(path)
    few = [count(path) for path in paths]
    for number in range(1, 10):
        account = factories.an_account(f"A{number}", owner=lead, stage=stage)
        factories.a_contact(f"p{number}@example.com", account=account)
        factories.user(f"u{number}@example.com", team=csm.team)
        factories.an_api_key(lead)

    assert [count(path) for path in paths] == few


# --- Saving goes through services ------------------------------------------------------------------------------
def test_an_account_is_made_with_its_audit_entry_and_event(as_administrator: Client, administrator: User):
    response = as_administrator.post(
        "/admin/accounts/account/add/", {"name": "Nordwind", "currency": "EUR", "custom": "{}"}
    )

    account = Account.objects.get()
    assert response.status_code == HTTPStatus.FOUND
    assert AuditEntry.objects.get(action="account.created").actor == administrator
    assert account.events.get().kind == "account.created"
    assert account.history.get().history_user == administrator


def test_what_the_service_refuses_is_told_at_the_field(as_administrator: Client, csm: User, viewer: User):
    account = factories.an_account("Nordwind", owner=csm)
    data = {"name": "Nordwind", "currency": "EUR", "custom": "{}", "owner": viewer.pk}

    response = as_administrator.post(change(account), data)

    assert "viewer" in response.context["adminform"].form.errors["owner"][0]
    account.refresh_from_db()
    assert account.owner == csm


def test_only_what_was_changed_is_written(as_administrator: Client, csm: User):
    account = factories.an_account("Nordwind", owner=csm, currency="EUR", city="Kiel")
    data = {"name": "Nordwind SE", "currency": "EUR", "custom": "{}", "owner": csm.pk, "city": "Kiel"}

    as_administrator.post(change(account), data)

    account.refresh_from_db()
    assert (account.name, account.city, account.owner) == ("Nordwind SE", "Kiel", csm)
    assert {event.kind for event in account.events.all()} == {"account.updated"}


def test_a_contact_gets_its_keys(as_administrator: Client):
    data = {"last_name": "Ngo", "email": "Ann@Acme.Example", "role": "user", "custom": "{}"}

    as_administrator.post("/admin/accounts/contact/add/", data)

    contact = Contact.objects.get()
    assert contact.email_key == "ann@acme.example"
    assert contact.address_key


def test_stages_are_made_changed_and_removed(as_administrator: Client):
    as_administrator.post(
        "/admin/accounts/lifecyclestage/add/", {"name": "Live", "position": 3, "is_customer": "on"}
    )
    stage = LifecycleStage.objects.get()
    as_administrator.post(change(stage), {"name": "Live", "position": 4})
    stage.refresh_from_db()
    assert (stage.position, stage.is_customer) == (4, False)

    as_administrator.post(f"/admin/accounts/lifecyclestage/{stage.pk}/delete/", {"post": "yes"})

    assert not LifecycleStage.objects.exists()


def test_a_stage_in_use_stays(as_administrator: Client):
    stage = LifecycleStage.objects.create(name="Live")
    factories.an_account(stage=stage)

    response = as_administrator.post(
        f"/admin/accounts/lifecyclestage/{stage.pk}/delete/", {"post": "yes"}, follow=True
    )

    assert LifecycleStage.objects.exists()
    assert response.status_code == HTTPStatus.OK


def test_a_custom_field_keeps_its_key(as_administrator: Client):
    data = {
        "target": "account",
        "label": "Region",
        "key": "region",
        "type": "choice",
        "choices": '["North", "South"]',
    }
    as_administrator.post("/admin/accounts/customfield/add/", data)
    field = CustomField.objects.get()

    as_administrator.post(
        change(field), {"label": "Area", "key": "other", "choices": '["North"]', "position": 1}
    )

    field.refresh_from_db()
    assert (field.key, field.label, field.choices) == ("region", "Area", ["North"])


def test_an_invited_person_comes_from_the_same_service(as_administrator: Client, north: Team):
    data = {"email": "New@example.com", "name": "Nora", "role": "csm", "team": north.pk, "is_superuser": "on"}

    as_administrator.post("/admin/team/user/add/", data)

    person = User.objects.get(email="new@example.com")
    assert not person.is_superuser
    assert Job.objects.get().kind == "team.mail"


def test_the_last_administrator_is_kept_here_too(as_administrator: Client, administrator: User):
    data = {"email": administrator.email, "name": administrator.name, "role": "csm"}

    response = as_administrator.post(change(administrator), data)
    act(as_administrator, User, "end_access", administrator)

    administrator.refresh_from_db()
    assert "role" in response.context["adminform"].form.errors
    assert administrator.role == "administrator"
    assert administrator.is_active


def test_no_password_is_shown(as_administrator: Client, csm: User):
    html = as_administrator.get(change(csm)).content.decode()

    assert csm.password not in html
    assert 'name="password"' not in html


def test_a_key_is_neither_shown_nor_made_here(as_administrator: Client, administrator: User):
    key, _ = keys.create_key(name="K", user=administrator, scopes=["team:read"], actor=administrator)

    assert as_administrator.get("/admin/team/apikey/add/")["Location"] == "/settings/keys/new/"
    assert key.digest not in as_administrator.get(change(key)).content.decode()
    act(as_administrator, ApiKey, "revoke", key)

    key.refresh_from_db()
    assert key.revoked_at is not None


def test_the_audit_log_can_be_read_only(as_administrator: Client, administrator: User):
    entry = AuditEntry.objects.create(at="2026-01-01T00:00Z", action="x.y", actor=administrator)

    assert as_administrator.get(change(entry)).status_code == HTTPStatus.OK
    for response in (
        as_administrator.post(change(entry), {"action": "z"}),
        as_administrator.post(f"/admin/team/auditentry/{entry.pk}/delete/", {"post": "yes"}),
        as_administrator.get("/admin/team/auditentry/add/"),
    ):
        assert response.status_code == HTTPStatus.FORBIDDEN
    entry.refresh_from_db()
    assert entry.action == "x.y"


def test_history_shows_who_changed_what(as_administrator: Client, administrator: User):
    as_administrator.post(
        "/admin/accounts/account/add/", {"name": "Nordwind", "currency": "EUR", "custom": "{}"}
    )
    account = Account.objects.get()

    html = as_administrator.get(f"/admin/accounts/account/{account.pk}/history/").content.decode()

    assert administrator.name in html
    assert as_administrator.get(f"/admin/team/user/{administrator.pk}/history/")["Location"].startswith(
        "/settings/audit/"
    )


def test_an_address_is_suppressed_without_being_kept(as_administrator: Client):
    as_administrator.post(
        "/admin/surveys/suppression/add/", {"email": "Ann@Acme.example", "detail": "asked by phone"}
    )

    row = Suppression.objects.get()
    assert row.reason == "manual"
    assert "acme" not in str(Suppression.objects.values())
    act(as_administrator, Suppression, "lift", row)
    row.refresh_from_db()
    assert row.lifted_at is None  # no reason was given
    act(as_administrator, Suppression, "lift", row, why="Asked us by phone")
    row.refresh_from_db()
    assert row.lifted_at is not None
    assert AuditEntry.objects.get(action="suppression.lifted").detail["why"] == "Asked us by phone"


def test_the_back_office_never_releases_an_erased_address(as_administrator: Client):
    row = Suppression.objects.create(address_key="a" * 64, channel="email", reason="erased")

    act(as_administrator, Suppression, "lift", row, why="They asked")

    row.refresh_from_db()
    assert row.lifted_at is None


def test_what_is_no_address_is_said_at_its_field(as_administrator: Client):
    page = as_administrator.post("/admin/surveys/suppression/add/", {"email": "ann@localhost", "detail": ""})
    again = as_administrator.post(
        "/admin/surveys/suppression/add/", {"email": "x" * 70 + "@acme.example", "detail": ""}
    )

    assert (page.status_code, again.status_code) == (HTTPStatus.OK, HTTPStatus.OK)
    assert Suppression.objects.count() == 0


def test_rules_are_switched_through_their_service(as_administrator: Client):
    rule = Rule.objects.create(name="R", trigger="response.scored")

    act(as_administrator, Rule, "switch_off", rule)

    rule.refresh_from_db()
    assert not rule.is_active
    assert AuditEntry.objects.filter(object_type="workflows.rule").exists()


# --- Background work -------------------------------------------------------------------------------------------
def job(state: State, key: str = "j") -> Job:
    return Job.objects.create(key=key, kind="team.mail", state=state, attempts=5, error="450 try later")


@pytest.mark.parametrize("state", [State.DEAD, State.FAILED, State.IN_DOUBT])
def test_work_that_failed_is_tried_again(as_administrator: Client, administrator: User, state: State):
    row = job(state)

    act(as_administrator, Job, "try_again", row)

    row.refresh_from_db()
    assert (row.state, row.attempts, row.error) == (State.PENDING, 0, "")
    assert AuditEntry.objects.get(action="work.retried").actor == administrator


@pytest.mark.parametrize("state", [State.PENDING, State.CLAIMED, State.SENDING, State.DONE])
def test_work_that_is_under_way_or_done_is_left_alone(as_administrator: Client, state: State):
    row = job(state)

    for action in ("try_again", "mark_done", "give_up"):
        act(as_administrator, Job, action, row)

    row.refresh_from_db()
    assert (row.state, row.attempts) == (state, 5)
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(("action", "state"), [("mark_done", State.DONE), ("give_up", State.CANCELLED)])
def test_doubt_is_settled_by_hand(as_administrator: Client, action: str, state: State):
    doubtful, waiting = job(State.IN_DOUBT), job(State.PENDING, "other")

    act(as_administrator, Job, action, doubtful, waiting)

    doubtful.refresh_from_db()
    waiting.refresh_from_db()
    assert doubtful.state == state
    assert doubtful.finished_at is not None
    assert waiting.state == State.PENDING


def test_trouble_is_found_by_one_click(as_administrator: Client):
    for state in State:
        job(state, state.value)

    response = as_administrator.get("/admin/core/job/?trouble=yes")

    shown = {row.state for row in response.context["cl"].result_list}
    assert shown == {State.DEAD, State.FAILED, State.IN_DOUBT}


@pytest.mark.parametrize("name", ["try_again", "mark_done"])
def test_only_administrators_deal_with_work(as_lead: Client, name: str):
    row = job(State.IN_DOUBT)

    response = act(as_lead, Job, name, row)

    assert response.status_code == HTTPStatus.FORBIDDEN
    row.refresh_from_db()
    assert row.state == State.IN_DOUBT
