"""The replay of health over the past: only what was known then, honest about what it cannot know."""

import datetime as dt
import random
from itertools import pairwise
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts.models import Account, Contract
from core.errors import Refused
from core.models import Job
from team.models import User
from tests import factories
from workflows.health import backtest, versions
from workflows.health.backtest_domain import Against, evaluation_days
from workflows.models import BackTest, BackTestDay, HealthSentiment, HealthVersion
from workflows.queries import backtests as queries
from workflows.services import backtests

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 17, 10, 0, tzinfo=dt.UTC)
BEGAN = dt.datetime(2025, 1, 1, 9, 0, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def component(key: str, source: str, weight: int, **settings: Any) -> dict[str, Any]:
    return {
        "key": key, "group": "Relationship", "label": key.capitalize(), "weight": weight, "source": source,
        "settings": settings, "transform": {"kind": "linear", "worst": 1, "best": 5, "outside": "hold"},
        "missing": "exclude", "expires_after_days": None, "stale_after_days": None,
    }  # fmt: skip


@pytest.fixture
def version(db: None) -> HealthVersion:
    HealthVersion.objects.all().delete()
    profile = {
        "key": "standard", "name": "All", "conditions": {}, "is_active": True, "roll_up": "own",
        "components": [
            component("sentiment", "sentiment", 30),
            component("answers", "score", 70, definition="account", figure="mean", min_people=1),
        ],
    }  # fmt: skip
    config = {
        "profiles": [profile], "bands": [{"key": "low", "label": "Low", "from": 0}], "min_confidence": 0.0,
        "hysteresis": 0,
    }  # fmt: skip
    return HealthVersion.objects.create(number=1, config=config, created_at=NOW)


def customers(clock: Any, number: int, *, leave: int, knows: bool = True, seed: int = 1) -> list[Account]:
    """Customers since the beginning; the first `leave` churn over the year, and where the signal `knows` their
    sentiment is low in the five months before."""
    rng = random.Random(seed)
    clock.move_to(BEGAN)
    made = [
        # The coin is thrown by the account's number: the same numbers, the same throws in every run.
        factories.an_account(
            f"C{i}", id=10_000 + i, arr=rng.randrange(1000, 90_000), customer_since=BEGAN.date()
        )
        for i in range(number)
    ]
    contracts, feelings = [], []
    for place, account in enumerate(made):
        leaves = place < leave
        outcome_on = (
            dt.date(2025, 4, 10) + dt.timedelta(days=(place * 330) // max(leave, 1)) if leaves else None
        )
        contracts.append(
            Contract(
                account=account, starts_on=BEGAN.date(), ends_on=dt.date(2026, 12, 31), arr=1000,
                outcome="churned" if leaves else "open", outcome_on=outcome_on,
            )
        )  # fmt: skip
        for month in range(14):
            at = BEGAN + dt.timedelta(days=30 * month + 1)
            near = outcome_on is not None and 0 <= (outcome_on - at.date()).days <= 150
            value = min(max(round(rng.gauss(2 if near and knows else 3.6, 1)), 1), 5)
            feelings.append(HealthSentiment(account=account, value=value, at=at))
    Contract.objects.bulk_create(contracts)
    HealthSentiment.objects.bulk_create(feelings)
    clock.move_to(NOW)
    return made


def run(drain: Any, lead: User, **asked: Any) -> BackTest:
    asked = {"horizon_days": 90, "against": "churn", **asked}
    test = backtests.start(actor=lead, **asked)
    drain("long_job")
    test.refresh_from_db()
    return test


def by_label(test: BackTest) -> dict[str, Any]:
    return {one["label"]: one for one in test.results["predictors"]}


# --- Days ----------------------------------------------------------------------------------------------------
def test_evaluation_days_lie_a_horizon_apart_and_only_where_the_outcome_is_known() -> None:
    days = evaluation_days(dt.date(2026, 3, 17), dt.date(2025, 1, 1), 90)

    assert days[-1] + dt.timedelta(days=90) < dt.date(2026, 3, 17)
    assert {(b - a).days for a, b in pairwise(days)} == {90}
    assert days[0] >= dt.date(2025, 1, 1)
    assert evaluation_days(dt.date(2026, 3, 17), dt.date(2026, 1, 1), 90) == []


# --- Point in time -------------------------------------------------------------------------------------------
def test_nothing_that_came_later_changes_the_past(version: HealthVersion, clock: Any) -> None:
    account, other = customers(clock, 2, leave=0)
    survey = factories.a_survey()
    ann = factories.a_contact("ann@x.example", account=account)
    clock.move_to(dt.datetime(2025, 6, 1, tzinfo=dt.UTC))
    factories.respond(survey, 9, email=ann.email)
    clock.move_to(NOW)
    config, day = versions.config_of(version), dt.date(2025, 8, 1)
    before = backtest.evaluate(config, day, horizon=90, against=Against.CHURN)

    HealthSentiment.objects.create(account=account, value=1, at=NOW)
    factories.respond(survey, 0, email=ann.email)
    late = factories.respond(survey, 0, email=factories.a_contact("bob@x.example", account=account).email,
                             responded_at=dt.datetime(2025, 7, 1, tzinfo=dt.UTC))  # fmt: skip
    account.arr, account.customer_since = 1, dt.date(2020, 1, 1)
    account.save()
    new = factories.an_account("Brought in later", customer_since=dt.date(2024, 1, 1))
    Contract.objects.create(account=new, starts_on=BEGAN.date(), ends_on=dt.date(2026, 12, 31), arr=1)

    after = backtest.evaluate(config, day, horizon=90, against=Against.CHURN)

    assert after == before
    assert {row.account for row in after} == {account.pk, other.pk}
    assert late.pk


def test_the_outcome_is_what_happened_within_the_horizon(version: HealthVersion, clock: Any) -> None:
    early, inside, later, down = customers(clock, 4, leave=0)
    for account, outcome, on in (
        (early, "churned", dt.date(2025, 7, 1)),
        (inside, "churned", dt.date(2025, 8, 20)),
        (later, "churned", dt.date(2025, 12, 20)),
        (down, "downgraded", dt.date(2025, 8, 20)),
    ):
        Contract.objects.filter(account=account).update(outcome=outcome, outcome_on=on)
    config, day = versions.config_of(version), dt.date(2025, 8, 1)

    def left(against: Against) -> dict[int, bool]:
        return {r.account: r.left for r in backtest.evaluate(config, day, horizon=90, against=against)}

    assert left(Against.CHURN) == {inside.pk: True, later.pk: False, down.pk: False}
    assert left(Against.CHURN_OR_DOWNGRADE) == {inside.pk: True, later.pk: False, down.pk: True}


def test_an_account_that_left_stands_in_no_later_day(
    version: HealthVersion, clock: Any, drain: Any, lead: User
) -> None:
    customers(clock, 40, leave=30)

    test = run(drain, lead)

    assert test.outcomes == 30
    assert test.results["evaluations"] < 40 * len(test.days)


# --- Results -------------------------------------------------------------------------------------------------
def test_a_planted_signal_is_recovered_and_beats_the_baselines(
    version: HealthVersion, clock: Any, drain: Any, lead: User
) -> None:
    customers(clock, 90, leave=45)

    test = run(drain, lead)
    found = by_label(test)

    assert (test.state, test.outcomes, test.days_done) == ("done", 45, len(test.days))
    assert found["Health score"]["auc"]["low"] > 0.6
    assert found["Sentiment"]["auc"]["low"] > 0.6
    assert found["Answers"]["auc"] is None
    assert found["A coin"]["auc"]["low"] < 0.5 < found["A coin"]["auc"]["high"]
    assert found["A coin"]["gain"]["low"] > 0
    assert found["Health score"]["lift"]["low"] > 1
    assert not BackTestDay.objects.exists()


def test_a_score_that_knows_nothing_is_said_to_be_a_coin(
    version: HealthVersion, clock: Any, drain: Any, lead: User
) -> None:
    customers(clock, 90, leave=45, knows=False)

    found = by_label(run(drain, lead))

    assert found["Health score"]["auc"]["low"] < 0.5 < found["Health score"]["auc"]["high"]


def test_below_twenty_who_left_it_refuses_and_says_how_little_it_could_know(
    version: HealthVersion, clock: Any, drain: Any, lead: User
) -> None:
    customers(clock, 60, leave=8)

    test = run(drain, lead)

    assert (test.state, test.outcomes, test.results["predictors"], test.suggestion) == ("refused", 8, [], {})
    assert test.error.startswith("Only 8 of those with a score left, and 20 are needed")
    assert "±0.2" in test.error


def test_weights_are_a_draft_and_nothing_applies_them(
    version: HealthVersion, clock: Any, drain: Any, lead: User, as_lead: Client
) -> None:
    made = customers(clock, 120, leave=80)
    survey = factories.a_survey()
    rng = random.Random(3)
    for place, account in enumerate(made):
        who = factories.a_contact(f"p{place}@x.example", account=account)
        clock.move_to(BEGAN + dt.timedelta(days=2))
        factories.respond(survey, rng.randrange(11), email=who.email)
    clock.move_to(NOW)

    test = run(drain, lead)

    changes = {one["component"]: one for one in test.suggestion["changes"]}
    assert changes["sentiment"]["after"] > changes["sentiment"]["before"]
    assert test.suggestion["suggested"]["value"] > test.suggestion["present"]["value"]
    draft = queries.suggested_config(test.pk, lead)
    assert draft is not None
    assert draft["profiles"][0]["components"][0]["weight"] == changes["sentiment"]["after"]
    version.refresh_from_db()
    assert version.config["profiles"][0]["components"][0]["weight"] == 30
    assert HealthVersion.objects.count() == 1

    html = as_lead.get(reverse("workflows:backtest_detail", args=[test.pk])).content.decode()
    editor = f"{reverse('workflows:health_profile', args=['standard'])}?backtest={test.pk}"
    assert editor in html
    rows = as_lead.get(editor).context["draft"].rows
    assert [float(row.weight) for row in rows] == [
        one["weight"] for one in draft["profiles"][0]["components"]
    ]


def test_too_few_to_try_weights_on_gives_none(
    version: HealthVersion, clock: Any, drain: Any, lead: User
) -> None:
    customers(clock, 60, leave=25)

    assert "at least 20 must have left in each" in run(drain, lead).suggestion["reason"]


# --- The job -------------------------------------------------------------------------------------------------
def test_a_killed_replay_goes_on_where_it_was(
    version: HealthVersion, clock: Any, drain: Any, lead: User, monkeypatch: Any
) -> None:
    customers(clock, 40, leave=25)
    real, seen = backtest.evaluate, []

    def failing(config: Any, day: dt.date, **more: Any) -> Any:
        seen.append(day)
        if len(seen) == 3:
            raise RuntimeError("killed")
        return real(config, day, **more)

    monkeypatch.setattr(backtest, "evaluate", failing)
    test = backtests.start(horizon_days=90, against="churn", actor=lead)
    drain("long_job")
    clock.shift(dt.timedelta(hours=1))
    Job.objects.update(next_at=NOW - dt.timedelta(days=400))
    drain("long_job")
    test.refresh_from_db()

    assert test.state == "done"
    assert sorted(set(seen)) == [dt.date.fromisoformat(day) for day in test.days]
    assert len(seen) == len(test.days) + 1


@pytest.mark.parametrize(
    ("asked", "field"), [({"horizon_days": 30}, "horizon_days"), ({"against": "luck"}, "against")]
)
def test_what_cannot_be_asked_is_refused_by_its_field(
    version: HealthVersion, clock: Any, lead: User, asked: dict[str, Any], field: str
) -> None:
    customers(clock, 2, leave=0)
    with pytest.raises(Refused) as refused:
        backtests.start(**{"horizon_days": 90, "against": "churn", "actor": lead, **asked})

    assert refused.value.field == field


def test_without_contracts_or_history_it_says_what_is_missing(version: HealthVersion, lead: User) -> None:
    with pytest.raises(Refused, match="no contracts"):
        backtests.start(horizon_days=90, against="churn", actor=lead)
    Contract.objects.create(
        account=factories.an_account(), starts_on=NOW.date(), ends_on=NOW.date() + dt.timedelta(days=9), arr=1
    )
    with pytest.raises(Refused, match="shorter than 90 days"):
        backtests.start(horizon_days=90, against="churn", actor=lead)


# --- Pages and API -------------------------------------------------------------------------------------------
def test_the_page_starts_one_follows_it_and_reads_it_out(
    version: HealthVersion, clock: Any, drain: Any, as_lead: Client
) -> None:
    customers(clock, 90, leave=45)
    address = reverse("workflows:backtest_list")

    made = as_lead.post(address, {"against": "churn", "horizon_days": "90"})
    test = BackTest.objects.get()
    waiting = as_lead.get(made.headers["Location"]).content.decode()
    again = as_lead.post(address, {"against": "churn", "horizon_days": "90"})
    drain("long_job")
    done = as_lead.get(reverse("workflows:backtest_detail", args=[test.pk])).content.decode()

    assert "days." in waiting
    assert again.status_code == 422
    assert "Another back-test is under way" in again.content.decode()
    assert "Yes, as far as this history shows." in done
    assert "Obuchowski 1997" in done
    assert "AUC" in as_lead.get(address).content.decode()


def test_back_tests_are_for_those_who_lead(as_csm: Client, as_viewer: Client) -> None:
    for client in (as_csm, as_viewer):
        assert client.get(reverse("workflows:backtest_list")).status_code == 403


def test_the_api_starts_and_reads_one(version: HealthVersion, clock: Any, drain: Any, lead: User) -> None:
    customers(clock, 40, leave=25)
    key = {"Authorization": factories.an_api_key(lead, "work:write")}

    made = Client().post(
        "/api/v1/health/back-tests/", {"horizon_days": 90}, content_type="application/json", headers=key
    )
    drain("long_job")
    read = Client().get(f"/api/v1/health/back-tests/{made.json()['id']}/", headers=key).json()

    assert made.status_code == 202
    assert (read["state"], read["outcomes"], read["version"]) == ("done", 25, 1)
    assert {one["kind"] for one in read["results"]["predictors"]} == {"score", "component", "baseline"}
