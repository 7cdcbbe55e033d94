"""Who enters a journey, how often, and what stops too many."""

import datetime as dt
from itertools import pairwise
from typing import Any

import pytest

from accounts.domain import Origin
from accounts.models import Account, Contact
from accounts.services import accounts as account_services
from core import clock
from team.models import AuditEntry, User
from tests import factories
from tests.conftest import Drain
from tests.workflows.rules.conftest import TASK, WAIT, WRITE, MakeRule, PassTime, scored, tell
from workflows.domain import RunState
from workflows.models import Alert, Rule, Run, RunStep, Task
from workflows.rules import active, catalogue, engine, entering
from workflows.rules.catalogue import StepType
from workflows.services import rules as services

pytestmark = pytest.mark.django_db


def test_an_event_that_is_delivered_again_starts_no_second_run(
    make_rule: MakeRule, ann: Contact, drain: Drain
) -> None:
    make_rule()
    event = scored(ann)
    drain()

    engine.on_event(event)
    drain()

    assert (Run.objects.count(), Task.objects.count()) == (1, 1)


def test_rules_are_read_again_when_one_changes_and_not_before(
    make_rule: MakeRule, ann: Contact, django_assert_num_queries: Any
) -> None:
    rules = [
        make_rule(conditions={"all": [{"field": "event.score", "op": "gt", "value": 100}]}) for _ in range(3)
    ]
    event = scored(ann)
    engine.on_event(event)

    with django_assert_num_queries(1):  # the stamp
        engine.on_event(event)
    Rule.objects.filter(pk=rules[0].pk).update(conditions={})
    engine.on_event(event)
    assert Run.objects.get().rule == rules[0]


@pytest.mark.parametrize(
    ("values", "runs"),
    [
        ({"reentry": "always"}, 3),
        ({"reentry": "never"}, 1),
        ({"reentry": "after_days", "reentry_days": 30}, 2),
        ({"one_run_per": "contact"}, 3),
    ],
)
def test_who_went_through_it_enters_again_as_the_rule_says(
    make_rule: MakeRule, ann: Contact, drain: Drain, frozen: Any, values: dict[str, Any], runs: int
) -> None:
    make_rule(**values)
    for days in (0, 10, 31):
        frozen.move_to(dt.datetime(2026, 3, 17, 10, tzinfo=dt.UTC) + dt.timedelta(days=days))
        scored(ann)
        drain()

    assert Run.objects.filter(state=RunState.DONE).count() == runs


def test_there_is_one_run_under_way_for_each_subject(
    make_rule: MakeRule, ann: Contact, account: Account, drain: Drain, time_passes: PassTime
) -> None:
    make_rule(steps=[WAIT, TASK], one_run_per="account")
    bo = factories.a_contact("bo@acme.example", account=account)
    for person in (ann, bo):
        scored(person)
        drain()
    assert Run.objects.get().contact == ann

    time_passes()
    scored(bo)
    drain()

    assert Run.objects.filter(contact=bo).exists()


def test_runs_above_the_cap_are_held_and_a_lead_is_told_once(
    make_rule: MakeRule, ann: Contact, lead: User, drain: Drain
) -> None:
    rule = make_rule(max_runs_per_day=2)
    for _ in range(4):
        scored(ann)
        drain()

    assert sorted(Run.objects.values_list("state", flat=True)) == ["done", "done", "held", "held"]
    alert = Alert.objects.get()
    assert (alert.kind, alert.assignee, alert.count) == ("rule_held", lead, 1)
    assert services.release_held(rule=rule, actor=lead) == 2
    drain()
    assert (Task.objects.count(), set(Run.objects.values_list("state", flat=True))) == (4, {"done"})
    assert AuditEntry.objects.filter(action="rule.release").exists()


def test_a_lead_lets_held_runs_go_from_the_page_of_the_rule(
    make_rule: MakeRule, ann: Contact, as_lead: Any, as_csm: Any, drain: Drain
) -> None:
    rule = make_rule(max_runs_per_day=1)
    for _ in range(2):
        scored(ann)
        drain()
    url = f"/rules/{rule.pk}/release/"
    assert url in as_lead.get(f"/rules/{rule.pk}/").content.decode()

    assert as_csm.post(url).status_code == 403
    assert as_lead.post(url, follow=True).status_code == 200
    drain()

    assert set(Run.objects.values_list("state", flat=True)) == {"done"}


def test_a_rule_that_writes_to_customers_is_always_capped(
    make_rule: MakeRule, ann: Contact, drain: Drain, written: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entering, "REACH_CAP", 3)
    make_rule(steps=[WRITE])
    make_rule(steps=[TASK], name="Only inside")
    for _ in range(5):
        scored(ann)
        drain()

    assert (len(written), Task.objects.count()) == (3, 5)


def test_rules_that_set_each_other_off_are_stopped_and_reported(
    make_rule: MakeRule,
    ann: Contact,
    account: Account,
    lead: User,
    drain: Drain,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def swap(row: RunStep) -> dict[str, Any]:
        account.refresh_from_db()
        plan = "Free" if account.plan == "Team" else "Team"
        account_services.update_account(account=account, values={"plan": plan}, actor=None)
        return {}

    from workflows.rules.catalogue import Trigger

    heard = Trigger(
        "account.updated", "Changed", "Test", ("account.updated",), lambda settings: "When changed"
    )
    monkeypatch.setitem(catalogue.triggers, "account.updated", heard)
    monkeypatch.setitem(
        catalogue.step_types, "swap", StepType("swap", "Swap", "Test", lambda s: "swap", do=swap)
    )
    first = make_rule(name="There", trigger="account.updated", steps=[{"kind": "swap"}])
    second = make_rule(name="And back", trigger="account.updated", steps=[{"kind": "swap"}])
    account_services.update_account(account=account, values={"plan": "Scale"}, actor=lead)

    drain()

    stopped = Run.objects.filter(state="failed")
    assert Run.objects.filter(state="done").count() == 4  # each once of itself, and once because of the other
    assert {run.rule for run in stopped} == {first, second}
    assert all("set each other off in a circle" in run.reason for run in stopped)
    assert set(Alert.objects.values_list("kind", "assignee")) == {("rule_circle", lead.pk)}


def test_a_chain_of_rules_ends_after_five(
    make_rule: MakeRule, ann: Contact, lead: User, drain: Drain
) -> None:
    rules = [make_rule(name=f"R{n}", trigger="message.received", steps=[TASK]) for n in range(8)]
    for rule, following in pairwise(rules):
        rule.steps = [{"kind": "enrol", "rule": str(following.pk)}]
        rule.save()
    Rule.objects.filter(pk__in=[rule.pk for rule in rules[1:]]).update(trigger="task.overdue")
    tell("message.received", ann)

    drain()

    assert Run.objects.filter(state="done").count() == 5
    assert "more than 5 rules" in Run.objects.get(state="failed").reason


def test_imports_start_runs_only_where_the_rule_includes_them(
    make_rule: MakeRule, ann: Contact, drain: Drain
) -> None:
    make_rule(name="Live only")
    scored(ann, origin=Origin.IMPORT)
    drain()
    assert not Run.objects.exists()

    including = make_rule(name="All", includes_imports=True)
    scored(ann, origin=Origin.IMPORT)
    scored(ann, origin=Origin.DEMO)
    scored(ann, origin=Origin.BACKFILL, occurred_at=clock.now() - dt.timedelta(days=8))
    drain()

    assert Run.objects.get().rule == including


def test_a_large_import_costs_a_rule_that_wants_none_nothing(make_rule: MakeRule, ann: Contact) -> None:
    make_rule()

    assert not active.wants_imported("response.scored", Origin.IMPORT)
    make_rule(includes_imports=True)
    assert active.wants_imported("response.scored", Origin.IMPORT)
    assert not active.wants_imported("message.received", Origin.IMPORT)
