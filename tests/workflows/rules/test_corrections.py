"""What is no customer's doing: merges start nothing, and rules that set each other off by way of health are found out."""

import datetime as dt
from typing import Any

import pytest

from accounts.domain import Origin
from accounts.models import Account, Contact, CustomField, Event, LifecycleStage, Segment
from accounts.services import accounts
from accounts.services import merge as merging
from team.models import User
from tests import factories
from tests.conftest import Drain
from tests.workflows.health import builders
from tests.workflows.rules.conftest import TASK, WAIT, MakeRule, tell
from workflows.health import compute
from workflows.models import Alert, HealthMark, Run, SegmentWatch
from workflows.rules import watching

pytestmark = pytest.mark.django_db


@pytest.fixture
def usage() -> None:
    """Health is one custom field: 0 is as bad as it gets, 100 as good."""
    CustomField.objects.create(key="usage", label="Usage", target="account", type="number")
    part = builders.component("usage", "custom", settings={"field": "usage"})
    builders.in_force(builders.config(builders.profile(part)))


def using(account: Account, value: float, actor: User | None = None) -> None:
    accounts.update_account(account=account, values={"custom": {"usage": value}}, actor=actor)


# --- Circles through health ----------------------------------------------------------------------------------
def sets(value: str) -> list[dict[str, Any]]:
    return [{"kind": "set_field", "field": "account.custom.usage", "value": value}]


def test_rules_that_set_each_other_off_by_way_of_health_are_stopped_and_reported(
    usage: None, make_rule: MakeRule, account: Account, lead: User, drain: Drain
) -> None:
    using(account, 90)
    drain()
    to_red = make_rule(
        name="Down", trigger="health.band_changed", trigger_settings={"to": "healthy"}, steps=sets("10")
    )
    to_green = make_rule(
        name="Up", trigger="health.band_changed", trigger_settings={"to": "at_risk"}, steps=sets("90")
    )
    using(account, 10, lead)

    drain()

    states = set(Run.objects.values_list("rule", "state"))
    # The drop starts “Up”, which starts “Down”, which would start “Up” again.
    assert states == {(to_green.pk, "done"), (to_red.pk, "done"), (to_green.pk, "failed")}
    assert "set each other off in a circle" in Run.objects.get(state="failed").reason
    assert Alert.objects.get().kind == "rule_circle"


def test_a_change_of_health_by_a_rule_starts_other_rules(
    usage: None, make_rule: MakeRule, ann: Contact, account: Account, drain: Drain
) -> None:
    using(account, 90)
    drain()
    make_rule(trigger="message.received", steps=sets("10"))
    follows = make_rule(name="Follows", trigger="health.band_changed", trigger_settings={"to": "at_risk"})
    tell("message.received", ann)

    drain()

    found = Run.objects.get(rule=follows)
    assert (found.state, len(found.ancestry)) == ("done", 1)


def test_what_a_customer_did_beside_a_rule_is_not_taken_for_the_rules_doing(
    usage: None, account: Account, drain: Drain
) -> None:
    using(account, 90)
    drain()
    Account.objects.filter(pk=account.pk).update(custom={"usage": 10})
    compute.mark([account.pk], by_run=77)
    compute.mark([account.pk])

    drain()

    assert "by_run" not in Event.objects.get(kind="health.band_changed").data
    assert not HealthMark.objects.exists()


# --- Imports -------------------------------------------------------------------------------------------------
def test_a_band_that_changed_by_an_import_starts_only_rules_that_include_imports(
    usage: None, make_rule: MakeRule, drain: Drain, frozen: Any
) -> None:
    imported, slid = (factories.an_account(name, custom={"usage": 90}) for name in ("Imported", "Slid"))
    compute.recompute()
    frozen.shift(dt.timedelta(days=1))
    live, including = (
        make_rule(name=str(includes), trigger="health.band_changed", includes_imports=includes)
        for includes in (False, True)
    )
    Account.objects.update(custom={"usage": 10})
    tell("response.scored", account=imported, origin=Origin.IMPORT)

    compute.recompute()
    drain()

    assert set(Run.objects.filter(rule=live).values_list("account", flat=True)) == {slid.pk}
    assert set(Run.objects.filter(rule=including).values_list("account", flat=True)) == {slid.pk, imported.pk}


# --- Merges --------------------------------------------------------------------------------------------------
def test_what_a_merge_changes_starts_no_rule(
    usage: None, make_rule: MakeRule, lead: User, drain: Drain
) -> None:
    trial, paying = (
        LifecycleStage.objects.create(name="Trial X"),
        LifecycleStage.objects.create(name="Paying X"),
    )
    ours = factories.an_account("Acme", stage=trial, custom={"usage": 90}, seats=5)
    double = factories.an_account("Acme Inc", stage=paying, custom={"usage": 10}, seats=500)
    large = Segment.objects.create(
        name="Large", target="account", conditions={"all": [{"field": "seats", "op": "gte", "value": 100}]}
    )
    compute.recompute()
    for trigger in ("account.stage_changed", "health.band_changed"):
        make_rule(name=trigger, trigger=trigger)
    make_rule(name="Entered", trigger="segment.entered", trigger_settings={"segment": str(large.pk)})
    make_rule(name="Left", trigger="segment.left", trigger_settings={"segment": str(large.pk)})
    watching.look(large.pk)
    taken = {"stage": "loser", "custom.usage": "loser", "seats": "loser"}

    merge = merging.merge_accounts(survivor=ours, loser=double, actor=lead, choices=taken)
    drain()
    watching.look(large.pk)
    drain()

    assert not Run.objects.exists()
    kinds = Event.objects.filter(origin="correction").values_list("kind", flat=True)
    assert {"account.stage_changed", "health.band_changed"} <= set(kinds)
    merging.undo_merge(merge=merge, actor=lead)
    drain()
    watching.look(large.pk)
    drain()
    assert not Run.objects.exists()
    assert SegmentWatch.objects.get().round == 4


def test_merging_people_starts_no_rule_of_answers(
    make_rule: MakeRule, ann: Contact, lead: User, drain: Drain
) -> None:
    survey = factories.a_survey()
    double = factories.a_contact("a.vogt@acme.example", account=ann.account)
    factories.respond(survey, 9, email=ann.email)
    factories.respond(survey, 2, email=double.email)
    drain()
    for trigger in ("response.scored", "response.updated", "response.category_changed", "response.completed"):
        make_rule(name=trigger, trigger=trigger)

    merging.merge_contacts(survivor=ann, loser=double, actor=lead)
    drain()

    assert not Run.objects.exists()


# --- Ending and beginning by one event -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("reentry", "states"),
    [("always", ["exited", "waiting"]), ("never", ["exited"]), ("after_days", ["exited"])],
)
def test_an_event_that_ends_a_journey_and_begins_it_ends_it_first(
    make_rule: MakeRule, ann: Contact, drain: Drain, reentry: str, states: list[str]
) -> None:
    make_rule(
        trigger="message.received", steps=[WAIT, TASK], exit_on=["replied"], one_run_per="contact", reentry=reentry,
        reentry_days=30,
    )  # fmt: skip
    tell("message.received", ann)
    drain()
    tell("message.received", ann)
    drain()

    assert sorted(Run.objects.values_list("state", flat=True)) == states
