"""Computing health on the database: what is written, what is told, and that it equals plain arithmetic."""

import datetime as dt
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.domain import Origin
from accounts.models import Event, Metric
from accounts.services import metrics
from core import clock
from surveys.queries import figures
from team.models import User
from tests import factories
from tests.workflows.health.builders import component, config, in_force, point, profile
from workflows.health import compute, queries, versions
from workflows.health import config as configuration
from workflows.health.domain import Missing, Reading, weigh
from workflows.models import AccountHealth, HealthMark, HealthSnapshot

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]

PLAIN = config(profile(component("use"), component("calls", weight=3)))


def moved() -> list[Event]:
    return list(Event.objects.filter(kind="health.band_changed").order_by("pk"))


def score_of(account: Any) -> float | None:
    return AccountHealth.objects.get(account=account).score


def test_the_score_is_kept_with_its_parts_and_the_day() -> None:
    in_force(PLAIN)
    account = factories.an_account()
    point(account, "use", 40)
    point(account, "calls", 80, days_ago=3)
    assert compute.recompute().changed == 1
    found = queries.health_of(account.pk)
    assert found is not None
    assert (found.score, found.shown, found.band, found.confidence) == (70, 70, "healthy", 1)
    assert [part.contribution for part in found.contributions] == [10, 60]
    snapshot = HealthSnapshot.objects.get(account=account)
    assert (snapshot.day, snapshot.score, snapshot.parts) == (
        dt.date(2026, 3, 17), 70, AccountHealth.objects.get().parts
    )  # fmt: skip


def test_computing_again_writes_nothing() -> None:
    in_force(PLAIN)
    account = factories.an_account()
    point(account, "use", 33.333333)
    compute.recompute()
    assert compute.recompute().changed == 0
    assert compute.recompute({account.pk}).changed == 0


def test_a_day_holds_its_last_state_and_past_days_stay(frozen: time_machine.Traveller) -> None:
    in_force(PLAIN)
    account = factories.an_account()
    point(account, "use", 40)
    compute.recompute()
    frozen.shift(dt.timedelta(hours=1))
    point(account, "use", 50)
    compute.recompute({account.pk})
    frozen.shift(dt.timedelta(days=2))
    point(account, "use", 60)
    compute.recompute()
    kept = HealthSnapshot.objects.order_by("day").values_list("day", "score")
    assert list(kept) == [(dt.date(2026, 3, 17), 50), (dt.date(2026, 3, 19), 60)]
    then = queries.standing_on(account.pk, dt.date(2026, 3, 18))
    assert then is not None
    assert then.score == 50


def test_a_change_of_band_is_told_once_with_the_facts_after_it(frozen: time_machine.Traveller) -> None:
    in_force(PLAIN)
    account = factories.an_account(plan="scale")
    point(account, "use", 90)
    compute.recompute()
    assert moved() == []
    frozen.shift(dt.timedelta(hours=1))
    point(account, "use", 10)
    compute.recompute()
    compute.recompute()
    (event,) = moved()
    assert (event.data["from"], event.data["to"], event.origin) == ("healthy", "at_risk", "live")
    assert (event.data["score_before"], event.data["score"]) == (90, 10)
    assert event.cause_key == f"health:{account.pk}:2026-03-17:healthy-at_risk"
    assert event.facts["health.band"] == "at_risk"
    assert event.facts["plan"] == "scale"


def test_after_a_change_of_the_configuration_events_are_corrections() -> None:
    in_force(PLAIN)
    account = factories.an_account()
    point(account, "use", 90)
    compute.recompute()
    in_force(config(profile(component("use", transform={"kind": "linear", "worst": 100, "best": 0}))))
    compute.recompute(origin=Origin.CORRECTION)
    assert [event.origin for event in moved()] == ["correction"]
    current = versions.in_force()
    assert current is not None
    assert AccountHealth.objects.get(account=account).version == current.number


def test_a_margin_keeps_a_score_that_wavers_at_an_edge_from_being_told(
    frozen: time_machine.Traveller,
) -> None:
    in_force({**PLAIN, "hysteresis": 5})
    account = factories.an_account()
    for value in (72, 68, 71, 66, 64.9, 69, 74.9, 75):
        frozen.shift(dt.timedelta(hours=1))
        point(account, "use", value)
        compute.recompute({account.pk})
    assert [(event.data["from"], event.data["to"], event.data["score"]) for event in moved()] == [
        ("healthy", "watch", pytest.approx(64.9)),
        ("watch", "healthy", 75),
    ]


def test_the_first_profile_that_fits_is_the_one() -> None:
    small = {"field": "plan", "op": "in", "value": ["small"]}
    checked = in_force(
        config(
            profile(component("use"), key="nobody", conditions={"field": "arr", "op": "gt", "value": 10**9}),
            profile(component("use"), key="off", is_active=False),
            profile(component("use", weight=0), key="small", conditions=small),
            profile(component("use"), key="big", conditions={"field": "plan", "op": "in", "value": ["big"]}),
        )
    )
    accounts = {plan: factories.an_account(plan, plan=plan) for plan in ("small", "big", "other")}
    gone = factories.an_account("Gone", plan="big", churned_on=dt.date(2026, 3, 1))
    for account in (*accounts.values(), gone):
        point(account, "use", 50)
    compute.recompute()
    found = {row.account.name: (row.profile, row.score, row.reason) for row in AccountHealth.objects.all()}
    assert found == {
        "small": ("small", None, "no_weight"),
        "big": ("big", 50, ""),
        "other": ("", None, "no_profile"),
        "Gone": ("", None, "left"),
    }
    seen = compute.preview(checked)
    assert seen.profiles == {"small": 1, "big": 1, "": 2}


def test_a_source_that_speaks_of_nobody_and_one_that_is_gone_are_missing_data() -> None:
    in_force(PLAIN)
    Metric.objects.get(key="calls").delete()
    account = factories.an_account()
    compute.recompute()
    found = queries.health_of(account.pk)
    assert found is not None
    assert (found.reason, found.why_none) == ("no_data", "No component of its profile has data.")


def test_weights_that_are_all_zero_give_no_score_and_say_why(lead: User, as_lead: Client) -> None:
    weightless = config(profile(component("use", weight=0), component("calls", weight=0)))
    in_force(PLAIN)
    account = factories.an_account()
    point(account, "use", 90)
    compute.recompute()
    previewed = compute.preview(configuration.check(weightless), user=lead)
    assert (previewed.before["healthy"], previewed.after[""]) == (1, 1)

    in_force(weightless)
    compute.recompute()

    found = queries.health_of(account.pk)
    assert found is not None
    assert (found.score, found.reason) == (None, "no_weight")
    assert found.why_none == "All components of its profile have the weight 0."
    assert found.why_none in as_lead.get(f"/accounts/{account.pk}/?tab=health").content.decode()


@pytest.mark.parametrize("value", ["99999999999999", "-99999999999999", "0.000001"])
def test_absurd_values_end_at_the_ends_of_the_scale(value: str) -> None:
    in_force(PLAIN)
    account = factories.an_account()
    point(account, "use", value)
    compute.recompute()
    score = score_of(account)
    assert score is not None
    assert 0 <= score <= 100


def test_marks_are_taken_exactly_once(frozen: time_machine.Traveller) -> None:
    in_force(PLAIN)
    accounts = [factories.an_account(f"Account {n}") for n in range(3)]
    compute.recompute()
    for account in accounts:
        point(account, "use", 20)
    compute.mark([accounts[0].pk, accounts[1].pk, accounts[0].pk])
    assert HealthMark.objects.count() == 2
    assert compute.fold(limit=1) == 1
    assert compute.fold() == 1
    assert compute.fold() == 0
    assert [score_of(account) for account in accounts] == [20, 20, None]


def test_an_answer_and_a_point_have_their_account_computed(drain: Callable[[], object]) -> None:
    figures.definition("account").save()
    in_force(
        config(
            profile(
                component("use"),
                component("nps", "score", settings={"definition": "account"},
                          transform={"kind": "linear", "worst": 0, "best": 10}),
            )
        )
    )  # fmt: skip
    account = factories.an_account()
    ann = factories.a_contact(account=account)
    factories.respond(factories.a_survey(), 9, contact_id=ann.pk)
    drain()
    assert score_of(account) == 90
    point(account, "other", 1)
    metrics.put_points(
        points=[
            metrics.Point(
                metric=point(account, "use", 0, days_ago=9).metric,
                account=account,
                value=Decimal(50),
                observed_at=clock.now(),
            )
        ],
        actor=None,
    )
    drain()
    assert score_of(account) == 70


def test_computing_all_does_not_fall_back_behind_an_answer_that_is_not_folded_yet() -> None:
    figures.definition("account").save()
    scale = {"kind": "linear", "worst": 0, "best": 10}
    settings = {"definition": "account", "figure": "mean", "min_people": 1}
    in_force(config(profile(component("nps", "score", settings=settings, transform=scale))))
    account = factories.an_account()
    ann = factories.a_contact(account=account)
    factories.respond(factories.a_survey(), 9, contact_id=ann.pk)
    compute.recompute({account.pk})
    compute.recompute()
    assert score_of(account) == 90


# --- Against plain arithmetic --------------------------------------------------------------------------------
TRANSFORMS: list[dict[str, Any]] = [
    {"kind": "linear", "worst": 0, "best": 100},
    {"kind": "linear", "worst": 37.5, "best": -3.1, "outside": "hold"},
    {"kind": "linear", "worst": -10, "best": 60, "outside": "ignore"},
    {"kind": "thresholds", "steps": [[-5, 12.5], [0, 33.3], [20, 66.6], [50, 100]], "below": None},
    {"kind": "thresholds", "steps": [[10, 0]], "below": 100},
    {"kind": "categories", "scores": {"0": 10, "20": 77, "0.5": 3}, "other": 51},
]


@pytest.mark.parametrize("seed", range(6))
def test_the_database_computes_what_plain_arithmetic_does(seed: int) -> None:
    rng = random.Random(seed)
    keys = [f"m{n}" for n in range(rng.randrange(1, 9))]
    checked = in_force(
        config(
            profile(
                *(
                    component(
                        key, weight=rng.choice([0, 1, 7, 0.1, 33.3, 999_999]), transform=rng.choice(TRANSFORMS),
                        missing=rng.choice(list(Missing)).value, stale_after_days=rng.choice([None, 5]),
                        expires_after_days=rng.choice([None, 10]),
                    )
                    for key in keys
                )
            ),
            min_confidence=0.5,
        )
    )  # fmt: skip
    kept: dict[int, dict[str, tuple[float, int]]] = {}
    now = int(clock.now().timestamp())
    for n in range(25):
        account = factories.an_account(f"Account {n}")
        kept[account.pk] = {}
        for key in keys:
            if rng.random() < 0.75:
                value = rng.choice([0, 20, 0.5, -4.999999, 1e9, round(rng.uniform(-20, 70), 6)])
                days = rng.randrange(15)
                point(account, key, value, days_ago=days)
                kept[account.pk][key] = (value, now - days * 86_400)
    compute.recompute()
    (only,) = checked.profiles
    for row in AccountHealth.objects.all():
        readings = []
        for one in only.components:
            value, observed = kept[row.account_id].get(one.key, (None, None))
            score, state = one.read(value, observed, now)
            readings.append(Reading(value, score, observed, state))
        expected = weigh(only, readings, checked)
        assert (row.score, row.confidence, row.band, row.reason) == (
            expected.score, expected.confidence, expected.band, expected.reason.value
        )  # fmt: skip
        stored = queries.readings_of(only, row.said(), row.computed_at)
        assert [(r.value, r.score, r.observed, r.state) for r in stored] == [
            (r.value, r.score, r.observed, r.state) for r in readings
        ]
    by_preview = compute.preview(checked)
    assert by_preview.changing == 0
    assert by_preview.before == by_preview.after


def test_the_what_if_names_who_changes_and_writes_nothing() -> None:
    in_force(PLAIN)
    up, down = factories.an_account("Up"), factories.an_account("Down")
    for account, use, calls in ((up, 100, 30), (down, 0, 90)):
        point(account, "use", use)
        point(account, "calls", calls)
    compute.recompute()
    other = configuration.check(config(profile(component("use", weight=9), component("calls"))))
    seen = compute.preview(other)
    assert [(c.account, c.before, c.after) for c in seen.changes] == [
        (down.pk, "watch", "at_risk"),
        (up.pk, "watch", "healthy"),
    ]
    assert (seen.changing, seen.before, seen.after) == (2, {"watch": 2}, {"at_risk": 1, "healthy": 1})
    assert AccountHealth.objects.filter(band="watch").count() == 2


# --- Accounts below ------------------------------------------------------------------------------------------
def family(**arr: int) -> dict[str, Any]:
    top = factories.an_account("top")
    found = {"top": top}
    for name, amount in arr.items():
        found[name] = factories.an_account(name, parent=top, arr=amount)
    return found


def test_a_parent_can_be_the_mean_of_those_below_by_their_arr(frozen: time_machine.Traveller) -> None:
    in_force(config(profile(component("use"), roll_up="children")))
    made = family(a=300, b=100, quiet=500)
    below = factories.an_account("grandchild", parent=made["b"], arr=100)
    for account, value in ((made["top"], 1), (made["a"], 80), (made["b"], 40), (below, 20)):
        point(account, "use", value)
    compute.recompute()
    top = AccountHealth.objects.get(account=made["top"])
    assert (top.score, top.own_score) == (pytest.approx((300 * 80 + 100 * 40 + 100 * 20) / 500), 1)
    assert [part[:2] for part in top.accounts_below()] == [
        [made["a"].pk, 80], [made["b"].pk, 40], [below.pk, 20]
    ]  # fmt: skip
    assert score_of(made["b"]) == 20
    assert score_of(made["quiet"]) is None
    frozen.shift(dt.timedelta(minutes=1))
    point(below, "use", 100)
    compute.recompute({below.pk})
    assert score_of(made["top"]) == pytest.approx((300 * 80 + 100 * 40 + 100 * 100) / 500)


def test_the_worst_below_can_stand_for_all_and_rings_end() -> None:
    in_force(config(profile(component("use"), roll_up="worst")))
    made = family(a=1, b=1)
    made["top"].parent = made["a"]
    made["top"].save()
    for name, value in (("top", 50), ("a", 60), ("b", 30)):
        point(made[name], "use", value)
    compute.recompute()
    assert {name: score_of(account) for name, account in made.items()} == {"top": 30, "a": 30, "b": 30}
