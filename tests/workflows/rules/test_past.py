"""What a dry run makes up from history, beside what the engine really did over the same time."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.models import Account, CustomField, Event, Metric
from accounts.services import accounts, metrics
from accounts.services import merge as merging
from core import clock
from team import queries as team_queries
from team.domain import Role
from team.models import User
from tests import factories
from tests.conftest import Drain
from tests.workflows.health import builders
from tests.workflows.rules.conftest import TASK, MakeRule
from workflows.health import compute
from workflows.models import DryRun, DryRunHit, Rule, Run
from workflows.queries import dry_runs as queries
from workflows.rules import dates
from workflows.services import dry_runs

pytestmark = pytest.mark.django_db
START = dt.datetime(2026, 3, 17, 10, 7, tzinfo=dt.UTC)
_WORK = ("timeline_relay", "timeline_deliver", "workflow_step")
NAMES = ("Ada", "Bob", "Cyd")

_changes = st.one_of(
    st.tuples(st.just("renewal_on"), st.integers(0, 2), st.integers(-8, 12)),
    st.tuples(st.just("go_live"), st.integers(0, 2), st.integers(-8, 12)),
    st.tuples(st.just("plan"), st.integers(0, 2), st.sampled_from(["Team", "Free"])),
    st.tuples(st.just("logins"), st.integers(0, 2), st.tuples(st.integers(0, 9), st.sampled_from([0, 0, 0, 30, 200]))),
)  # fmt: skip
_triggers = st.sampled_from(
    [
        ("renewal.in_days", {"days": 3}),
        ("date.reached", {"field": "custom.go_live", "offset": 2}),
        ("date.reached", {"field": "renewal_on", "offset": 0}),
        ("metric.crossed", {"metric": "logins", "direction": "below", "threshold": "5"}),
    ]
)
_ways = st.fixed_dictionaries(
    {
        "conditions": st.sampled_from([{}, {"all": [{"field": "plan", "op": "in", "value": ["Team"]}]}]),
        "reentry": st.sampled_from(["always", "never", "after_days"]),
        "reentry_days": st.just(4),
        "one_run_per": st.sampled_from(["cause", "account"]),
        "max_runs_per_day": st.sampled_from([None, 1]),
    }
)


def wait_until(moment: dt.datetime, clock_now: Any, drain: Drain) -> None:
    """Time passes: every morning on the way is looked at, as the daily job does."""
    zone = team_queries.zone()
    day = clock.now().astimezone(zone).date()
    while (look := dates.morning(day, zone)) <= moment:
        if look > clock.now():
            clock_now.move_to(look)
            dates.run(day)
            drain(*_WORK)
        day += dt.timedelta(days=1)
    clock_now.move_to(moment)


def change(what: str, account: Account, value: Any, lead: User) -> None:
    today = clock.now().date()
    if what == "renewal_on":
        accounts.update_account(
            account=account, values={"renewal_on": today + dt.timedelta(days=value)}, actor=lead
        )
    elif what == "go_live":
        day = (today + dt.timedelta(days=value)).isoformat()
        accounts.update_account(account=account, values={"custom": {"go_live": day}}, actor=lead)
    elif what == "plan":
        accounts.update_account(account=account, values={"plan": value}, actor=lead)
    else:
        number, late = value
        metric = Metric.objects.get(key="logins")
        at = clock.now() - dt.timedelta(hours=late)
        metrics.put_points(points=[metrics.Point(metric, account, Decimal(number), at)], actor=None)


def acted(dry_run: DryRun) -> dict[str, str]:
    return dict(
        DryRunHit.objects.filter(dry_run=dry_run, verdict__in=["fires", "held"]).values_list(
            "cause_key", "verdict"
        )
    )


class Differential(TestCase):
    """Random changes of accounts and metrics: the dry run finds what the engine did, whether or not it was recorded."""

    @settings(max_examples=15, deadline=None)
    @given(_triggers, _ways, st.lists(st.tuples(st.integers(1, 70), _changes), max_size=8))
    def test_what_nobody_recorded_is_found_as_the_engine_found_it(
        self, trigger: tuple[str, dict[str, Any]], way: dict[str, Any], changes: list[Any]
    ) -> None:
        Rule.objects.all().delete()
        lead = factories.user("lead@example.com", role=Role.LEAD)
        CustomField.objects.create(key="go_live", label="Go-live", target="account", type="date")
        builders.metric("logins")
        with time_machine.travel(START, tick=False) as clock_now:
            every = [
                accounts.create_account(values={"name": name, "plan": "Team", "owner": lead}, actor=lead)
                for name in NAMES
            ]
            rule = Rule.objects.create(
                name="Tried", trigger=trigger[0], trigger_settings=trigger[1], steps=[TASK], **way
            )
            drain = Drain()
            for hours, (what, who, value) in changes:
                wait_until(clock.now() + dt.timedelta(hours=hours), clock_now, drain)
                change(what, every[who], value, lead)
                drain(*_WORK)
            wait_until(clock.now() + dt.timedelta(days=9), clock_now, drain)

            done = {
                cause: "held" if state == "held" else "fires"
                for cause, state in Run.objects.values_list("cause_key", "state")
            }
            logged = dry_runs.start(rule=rule, actor=lead, days=60, as_if_live=False)
            assert (acted(logged), logged.from_history) == (done, 0)

            Run.objects.all().delete()
            Event.objects.filter(kind=rule.trigger).delete()
            rebuilt = dry_runs.start(rule=rule, actor=lead, days=60, as_if_live=False)
            assert acted(rebuilt) == done
            assert rebuilt.from_history == DryRunHit.objects.filter(dry_run=rebuilt).count()


# --- One by one ----------------------------------------------------------------------------------------------
@pytest.fixture
def waits(make_rule: MakeRule) -> Rule:
    return make_rule(trigger="renewal.in_days", trigger_settings={"days": 30}, is_active=False)


def renewing(name: str, lead: User, in_days: int, **values: Any) -> Account:
    day = clock.now().date() + dt.timedelta(days=in_days)
    return accounts.create_account(values={"name": name, "renewal_on": day, **values}, actor=lead)


def test_renewals_that_no_rule_waited_for_are_counted_and_said_to_be_made_up(
    waits: Rule, lead: User, frozen: Any, browser_of: Any
) -> None:
    renewing("In time", lead, 40)
    renewing("Too late", lead, 20)
    frozen.shift(dt.timedelta(days=50))

    made = dry_runs.start(rule=waits, actor=lead)

    assert (queries.summary(made, lead).fires, made.from_history) == (1, 1)
    assert not Event.objects.filter(kind="renewal.in_days").exists()
    page = browser_of(lead).get(f"/rules/{waits.pk}/dry-run/").content.decode()
    assert "1 of them was not recorded then" in page
    assert "A renewal comes near" in page


def test_a_date_that_was_known_then_counts_also_where_it_is_another_now(
    waits: Rule, lead: User, frozen: Any
) -> None:
    account = renewing("Moved", lead, 35)
    frozen.shift(dt.timedelta(days=6))
    accounts.update_account(account=account, values={"renewal_on": None, "plan": "Scale"}, actor=lead)
    frozen.shift(dt.timedelta(days=3))

    made = dry_runs.start(rule=waits, actor=lead)

    assert acted(made) == {f"account:{account.pk}:renewal_on:2026-04-21:-30": "fires"}


def test_conditions_ask_what_the_account_was_then(make_rule: MakeRule, lead: User, frozen: Any) -> None:
    asks = {"all": [{"field": "plan", "op": "in", "value": ["Gold"]}]}
    rule = make_rule(
        trigger="renewal.in_days", trigger_settings={"days": 30}, conditions=asks, is_active=False
    )
    was = renewing("Was gold", lead, 35, plan="Gold")
    became = renewing("Became gold", lead, 35, plan="Free")
    frozen.shift(dt.timedelta(days=7))
    accounts.update_account(account=was, values={"plan": "Free"}, actor=lead)
    accounts.update_account(account=became, values={"plan": "Gold"}, actor=lead)

    made = dry_runs.start(rule=rule, actor=lead)

    assert list(DryRunHit.objects.filter(dry_run=made).values_list("account", flat=True)) == [was.pk]


def test_health_that_is_not_kept_for_that_moment_is_unknown(
    make_rule: MakeRule, lead: User, frozen: Any, browser_of: Any
) -> None:
    builders.in_force(builders.config(builders.profile(builders.component("logins"))))
    asks = {"all": [{"field": "health.band", "op": "in", "value": ["at_risk"]}]}
    rule = make_rule(
        trigger="renewal.in_days", trigger_settings={"days": 30}, conditions=asks, is_active=False
    )
    sure, unsure = renewing("Sure", lead, 35), renewing("Unsure", lead, 35)
    for account in (sure, unsure):
        builders.point(account, "logins", 10)
    compute.recompute()
    frozen.shift(dt.timedelta(days=5, hours=2))
    builders.point(unsure, "logins", 90)
    compute.recompute([unsure.pk])

    made = dry_runs.start(rule=rule, actor=lead)

    found = DryRunHit.objects.filter(dry_run=made).values_list("account", "verdict")
    assert dict(found) == {sure.pk: "fires", unsure.pk: "unknown"}
    assert (
        "1 unknown, because what they ask about is not known as of then"
        in browser_of(lead).get(f"/rules/{rule.pk}/dry-run/").content.decode()
    )


def test_an_account_that_was_merged_since_is_seen_with_the_one_it_lives_on_in(
    waits: Rule, lead: User, frozen: Any
) -> None:
    gone, stays = renewing("Gone", lead, 33), accounts.create_account(values={"name": "Stays"}, actor=lead)
    frozen.shift(dt.timedelta(days=10))
    merging.merge_accounts(survivor=stays, loser=gone, actor=lead)

    made = dry_runs.start(rule=waits, actor=lead)

    assert DryRunHit.objects.get(dry_run=made).account == stays


def test_a_renewal_that_came_near_before_a_merge_does_not_come_again_after_it(
    waits: Rule, lead: User, frozen: Any
) -> None:
    gone, stays = renewing("Gone", lead, 33), accounts.create_account(values={"name": "Stays"}, actor=lead)
    later = renewing("Later", lead, 37)
    frozen.shift(dt.timedelta(days=4))
    for loser, survivor in (
        (gone, stays),
        (later, accounts.create_account(values={"name": "Too"}, actor=lead)),
    ):
        merging.merge_accounts(survivor=survivor, loser=loser, actor=lead)
    frozen.shift(dt.timedelta(days=5))

    made = dry_runs.start(rule=waits, actor=lead)

    assert sorted(DryRunHit.objects.filter(dry_run=made).values_list("account__name", flat=True)) == [
        "Stays",
        "Too",
    ]


def test_values_sent_late_count_as_if_live_only_where_asked(
    make_rule: MakeRule, lead: User, frozen: Any
) -> None:
    builders.metric("logins")
    asks = {"metric": "logins", "direction": "below", "threshold": "5"}
    rule = make_rule(trigger="metric.crossed", trigger_settings=asks, is_active=False)
    account = accounts.create_account(values={"name": "Late"}, actor=lead)
    logins = Metric.objects.get(key="logins")
    for days, value in ((40, 9), (30, 2)):
        at = clock.now() - dt.timedelta(days=days)
        metrics.put_points(points=[metrics.Point(logins, account, Decimal(value), at)], actor=None)
    frozen.shift(dt.timedelta(minutes=1))

    assert len(acted(dry_runs.start(rule=rule, actor=lead))) == 1
    assert acted(dry_runs.start(rule=rule, actor=lead, as_if_live=False)) == {}


def test_of_lists_it_is_said_that_their_past_cannot_be_known(make_rule: MakeRule, lead: User) -> None:
    rule = make_rule(trigger="segment.entered", trigger_settings={"segment": "1"}, is_active=False)
    made = DryRun.objects.create(rule=rule, rule_version=1, until=clock.now(), days=90, state="done")

    assert any("cannot be known" in note for note in queries.summary(made, lead).notes)
