"""Who may let a rule act on every customer, and what is asked when one that is on would reach more of them."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, Contact
from core.errors import Refused
from team.domain import Role, RowScope
from team.models import RoleScope, Team, User
from tests import factories
from tests.conftest import Drain
from tests.workflows.rules.conftest import TASK, WRITE, MakeRule, scored
from tests.workflows.test_rule_api import Api
from tests.workflows.test_rule_pages import form
from workflows.models import DryRun, Rule, Run
from workflows.rules.definition import values_of
from workflows.services import authoring, dry_runs, reach, rules

pytestmark = pytest.mark.django_db
LOW = {"all": [{"field": "event.score", "op": "lte", "value": 3}]}
ALL_LOW = {"all": [{"field": "event.score", "op": "lte", "value": 6}]}


# --- Who -----------------------------------------------------------------------------------------------------
@pytest.fixture
def narrowed(north: Team) -> User:
    """A lead whose role sees the accounts of the team."""
    RoleScope.objects.update_or_create(role=Role.LEAD, defaults={"scope": RowScope.TEAM})
    return factories.user("narrow@example.com", role=Role.LEAD, team=north)


def test_who_sees_a_part_of_the_accounts_writes_and_tries_rules(
    narrowed: User, browser_of: Any, ann: Contact
) -> None:
    other = factories.a_contact("bo@other.example", account=factories.an_account("Hidden Ltd"))
    for person in (ann, other):
        scored(person)
    rule = authoring.create_rule(
        values={"name": "Mine", "trigger": "response.scored", "steps": [TASK]}, actor=narrowed
    )
    authoring.save_rule(rule=rule, values={**values_of(rule), "conditions": LOW}, actor=narrowed)
    dry_runs.start(rule=rule, actor=narrowed)

    page = browser_of(narrowed).get(f"/rules/{rule.pk}/").content.decode()
    assert "Would have run <b>1 time</b>" in page
    assert "a lead who sees all accounts switches it on" in page
    assert "/switch/" not in page
    assert "Hidden Ltd" not in browser_of(narrowed).get(f"/rules/{rule.pk}/dry-run/").content.decode()


def test_who_sees_a_part_of_the_accounts_changes_nothing_that_acts_on_all(
    narrowed: User, browser_of: Any, make_rule: MakeRule, ann: Contact, drain: Drain
) -> None:
    on, off = make_rule(max_runs_per_day=1), make_rule(name="Off", is_active=False)
    for _ in range(2):
        scored(ann)
    drain()
    changed = {**values_of(on), "name": "Changed"}
    for refused in (
        lambda: rules.switch_rule(rule=off, is_active=True, actor=narrowed),
        lambda: rules.switch_rule(rule=on, is_active=False, actor=narrowed),
        lambda: rules.release_held(rule=on, actor=narrowed),
        lambda: authoring.save_rule(rule=on, values=changed, actor=narrowed),
    ):
        with pytest.raises(reach.NotEverywhere):
            refused()
    Rule.objects.filter(pk=on.pk).update(is_active=False)
    with pytest.raises(reach.NotEverywhere):
        authoring.delete_rule(rule=on, actor=narrowed)
    Rule.objects.filter(pk=on.pk).update(is_active=True)

    browser = browser_of(narrowed)
    assert browser.post(f"/rules/{off.pk}/switch/", {"is_active": "1"}).status_code == 403
    assert browser.get(f"/rules/{off.pk}/switch-on/").status_code == 403
    assert browser.post(f"/rules/{on.pk}/release/").status_code == 403
    assert browser.get(f"/rules/{on.pk}/edit/").status_code == 302
    assert browser.get(f"/rules/{off.pk}/edit/").status_code == 200
    sent = Api(narrowed)("patch", f"/rules/{off.pk}/", {"is_active": True})
    assert (sent.status_code, sent.json()["errors"][0]["code"]) == (403, "scope")
    assert not Rule.objects.get(pk=off.pk).is_active


# --- How many ------------------------------------------------------------------------------------------------
@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """One person is few, two are many."""
    monkeypatch.setattr(reach, "CONFIRM_ABOVE", 1)


@pytest.fixture
def on(make_rule: MakeRule, ann: Contact, account: Account, few: None) -> Rule:
    """A rule that is on and reaches one of two people."""
    bo = factories.a_contact("bo@acme.example", account=account)
    scored(ann, 2)
    scored(bo, 5)
    return make_rule(conditions=LOW)


def test_a_wider_version_of_a_rule_that_is_on_is_saved_only_by_who_confirms_the_number(
    on: Rule, lead: User
) -> None:
    wider = {**values_of(on), "conditions": ALL_LOW}
    for confirmed in (None, 1):
        with pytest.raises(reach.Unconfirmed) as refused:
            authoring.save_rule(rule=on, values=wider, actor=lead, confirmed_reach=confirmed)
        assert "2 people" in refused.value.message
    assert Rule.objects.get(pk=on.pk).version == 1

    saved = authoring.save_rule(rule=on, values=wider, actor=lead, confirmed_reach=2)

    assert (saved.version, saved.confirmed_reach) == (2, 2)
    assert (DryRun.objects.get().rule_version, DryRun.objects.get().definition) == (2, None)


def test_what_reaches_nobody_else_is_saved_without_asking(on: Rule, lead: User) -> None:
    renamed = authoring.save_rule(
        rule=on, values={**values_of(on), "name": "Other", "steps": [TASK, TASK]}, actor=lead
    )

    assert renamed.version == 2
    assert not DryRun.objects.exists()


def test_a_step_that_writes_is_asked_about_though_the_same_people_were_agreed_to(
    on: Rule, lead: User, written: list[int]
) -> None:
    Rule.objects.filter(pk=on.pk).update(confirmed_reach=500, conditions=ALL_LOW)
    on.refresh_from_db()

    with pytest.raises(reach.Unconfirmed):
        authoring.save_rule(rule=on, values={**values_of(on), "steps": [TASK, WRITE]}, actor=lead)
    narrower = {**values_of(on), "reentry": "never"}
    assert authoring.save_rule(rule=on, values=narrower, actor=lead).version == 2


def test_a_version_taken_back_asks_too(on: Rule, lead: User, as_lead: Client) -> None:
    authoring.save_rule(
        rule=on, values={**values_of(on), "conditions": ALL_LOW}, actor=lead, confirmed_reach=2
    )
    on.refresh_from_db()
    authoring.save_rule(rule=on, values={**values_of(on), "conditions": LOW}, actor=lead)
    Rule.objects.filter(pk=on.pk).update(confirmed_reach=None)
    address = f"/rules/{on.pk}/take-back/"

    asked = as_lead.post(address, {"version": "2"})
    assert asked.status_code == 422
    assert "It may reach about 2 people in 30 days" in asked.content.decode()
    assert as_lead.post(address, {"version": "2", "confirm": "2"}).status_code == 302

    assert Rule.objects.get(pk=on.pk).conditions == ALL_LOW


def test_the_editor_keeps_what_was_written_and_asks(on: Rule, as_lead: Client) -> None:
    address = f"/rules/{on.pk}/edit/"
    sent = form(**{"c-g0-rows": "0", "c-groups": "0"})

    asked = as_lead.post(address, sent)
    page = asked.content.decode()
    assert asked.status_code == 422
    assert 'name="confirm" value="2"' in page
    assert 'value="Call {{ first_name|them }}"' in page
    assert as_lead.post(address, {**sent, "confirm": "2"}).status_code == 302

    assert Rule.objects.get(pk=on.pk).conditions == {}


def test_the_api_asks_by_the_same_field(on: Rule, lead: User) -> None:
    api, address = Api(lead), f"/rules/{on.pk}/"

    refused = api("patch", address, {"conditions": ALL_LOW})
    (error,) = refused.json()["errors"]
    assert (refused.status_code, error["code"], error["attr"]) == (409, "confirm_reach", "confirm_reach")
    assert api("patch", address, {"conditions": ALL_LOW, "confirm_reach": 2}).json()["version"] == 2
    off = {"conditions": {}, "is_active": False}  # it goes off, so it reaches nobody
    assert api("patch", address, off).status_code == 200


def test_a_long_past_is_looked_through_before_it_is_saved(
    on: Rule, as_lead: Client, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_runs, "AT_ONCE", 1)
    address = f"/rules/{on.pk}/edit/"
    sent = form(**{"c-g0-rows": "0", "c-groups": "0"})

    first = as_lead.post(address, sent)
    assert first.status_code == 422
    assert "It is being tried on the past" in first.content.decode()
    drain()
    assert 'name="confirm" value="2"' in as_lead.post(address, sent).content.decode()
    assert as_lead.post(address, {**sent, "confirm": "2"}).status_code == 302
    assert Rule.objects.get(pk=on.pk).version == 2


def test_a_rule_that_is_off_is_saved_as_it_is(on: Rule, lead: User) -> None:
    Rule.objects.filter(pk=on.pk).update(is_active=False)
    on.refresh_from_db()

    assert authoring.save_rule(rule=on, values={**values_of(on), "conditions": {}}, actor=lead).version == 2
    with pytest.raises(Refused):
        rules.switch_rule(rule=on, is_active=True, actor=lead)
    assert not Run.objects.exists()
