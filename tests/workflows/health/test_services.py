"""What people do about health, over the services and REST."""

import datetime as dt
from typing import Any

import pytest
import time_machine

from accounts.models import Account, Event
from core.errors import Invalid, Refused
from team.models import User
from tests import factories
from tests.workflows.health.builders import component, config, in_force, metric, point, profile
from tests.workflows.test_api import Api
from workflows.health import compute, queries, versions
from workflows.models import AccountHealth, HealthOverride, HealthSnapshot, HealthVersion
from workflows.services import health

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]

PLAIN = config(profile(component("use")))
TODAY = dt.date(2026, 3, 17)


@pytest.fixture
def account(csm: User) -> Account:
    in_force(PLAIN)
    made = factories.an_account(owner=csm)
    point(made, "use", 90)
    compute.recompute()
    return made


def judge(account: Account, csm: User, **more: Any) -> HealthOverride:
    given = {"band": "at_risk", "reason": "Their champion left", "expires_on": TODAY + dt.timedelta(days=7)}
    return health.override(account=account, actor=csm, **{**given, **more})


def bands() -> list[tuple[str, str]]:
    told = Event.objects.filter(kind="health.band_changed").order_by("pk")
    return [(event.data["from"], event.data["to"]) for event in told]


def test_a_version_is_saved_once_and_one_can_go_back(lead: User, drain: Any) -> None:
    metric("use")
    first = health.save_profiles(config=PLAIN, note="Begin", actor=lead)
    assert health.save_profiles(config=PLAIN, note="Again", actor=lead).pk == first.pk
    second = health.save_profiles(
        config=config(profile(component("use", weight=5))), note="Heavier", actor=lead, base=first.number
    )
    with pytest.raises(Refused, match="saved in the meantime"):
        health.save_profiles(
            config=config(profile(component("use", weight=6))), note="", actor=lead, base=first.number
        )
    with pytest.raises(Refused, match="already in force"):
        health.rollback(to=second, note="", actor=lead)
    third = health.rollback(to=first, note="", actor=lead)
    assert (third.number, third.config, third.restores) == (second.number + 1, first.config, first)
    factories.an_account()
    drain()
    assert AccountHealth.objects.get().version == third.number


def test_an_override_stands_beside_the_computed_score_which_goes_on(account: Account, csm: User) -> None:
    judge(account, csm)
    point(account, "use", 50, days_ago=-0.001)
    found = queries.health_of(account.pk)
    assert found is not None
    assert (found.score, found.band, found.effective_band, found.effective_shown) == (
        90,
        "healthy",
        "at_risk",
        90,
    )
    assert bands() == [("healthy", "at_risk")]
    assert HealthSnapshot.objects.get().override_band == "at_risk"


def test_computing_never_ends_an_override_nor_tells_of_what_it_hides(
    account: Account, csm: User, frozen: time_machine.Traveller
) -> None:
    judge(account, csm)
    frozen.shift(dt.timedelta(days=1))
    point(account, "use", 50)
    compute.recompute()
    row = AccountHealth.objects.get()
    assert (row.score, row.override_id is not None) == (50, True)
    assert bands() == [("healthy", "at_risk")]


def test_an_override_ends_by_itself_after_its_last_day(
    account: Account, csm: User, frozen: time_machine.Traveller
) -> None:
    judge(account, csm)
    frozen.shift(dt.timedelta(days=7))
    compute.nightly(TODAY + dt.timedelta(days=7))
    assert HealthOverride.objects.get().ended_at is None
    frozen.shift(dt.timedelta(days=1))
    compute.nightly(TODAY + dt.timedelta(days=8))
    assert HealthOverride.objects.get().ended_at is not None
    assert bands() == [("healthy", "at_risk"), ("at_risk", "healthy")]
    assert HealthSnapshot.objects.latest("day").override_band == ""


def test_a_new_override_replaces_the_one_in_force_and_a_person_can_end_it(
    account: Account, csm: User
) -> None:
    judge(account, csm)
    second = judge(account, csm, band="watch", score=55)
    assert HealthOverride.objects.filter(ended_at__isnull=True).get() == second
    found = queries.health_of(account.pk)
    assert found is not None
    assert found.effective_shown == 55
    health.end_override(override=second, actor=csm)
    with pytest.raises(Refused, match="already ended"):
        health.end_override(override=second, actor=csm)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"reason": "  "}, "reason"),
        ({"expires_on": None}, "expires_on"),
        ({"expires_on": TODAY - dt.timedelta(days=1)}, "expires_on"),
        ({"expires_on": TODAY + dt.timedelta(days=400)}, "expires_on"),
        ({"band": "purple"}, "band"),
        ({"score": 80}, "score"),
    ],
)
def test_an_override_needs_a_reason_an_end_and_a_band(
    account: Account, csm: User, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        judge(account, csm, **given)
    assert refusal.value.field == field
    assert not HealthOverride.objects.exists()


def test_a_sentiment_counts_once_it_is_set(csm: User, drain: Any) -> None:
    in_force(
        config(profile(component("mood", "sentiment", transform={"kind": "linear", "worst": 1, "best": 5})))
    )
    account = factories.an_account(owner=csm)
    health.set_sentiment(account=account, value=4, note="A good call", actor=csm)
    drain()
    assert AccountHealth.objects.get().score == 75
    with pytest.raises(Invalid):
        health.set_sentiment(account=account, value=6, note="", actor=csm)


# --- REST ----------------------------------------------------------------------------------------------------
def test_health_is_read_over_rest_by_those_who_see_the_account(
    account: Account, csm: User, stranger: User
) -> None:
    mine, other = Api(csm), Api(stranger)
    read = mine("get", f"/accounts/{account.pk}/health/").json()
    assert (read["score"], read["band"], read["contributions"][0]["contribution"]) == (90, "healthy", 90)
    assert [row["account"] for row in mine("get", "/health/?band=healthy").json()["results"]] == [account.pk]
    assert mine("get", "/health/?band=watch").json()["results"] == []
    assert other("get", f"/accounts/{account.pk}/health/").status_code == 404
    assert other("get", "/health/").json()["results"] == []


def test_configurations_are_tried_saved_and_restored_over_rest(
    account: Account, csm: User, lead: User
) -> None:
    api, given = Api(lead), {"config": config(profile(component("use", transform={"kind": "linear", "worst": 100, "best": 0})))}  # fmt: skip
    seen = api("post", "/health-profiles/preview/", given).json()
    assert (seen["after"], seen["changing"]) == ({"at_risk": 1}, 1)
    assert Api(csm)("post", "/health-profiles/", given).status_code == 403
    before = versions.in_force()
    assert before is not None
    saved = api("post", "/health-profiles/", {**given, "note": "Upside down"})
    assert saved.status_code == 201
    assert saved.json()["number"] == before.number + 1
    back = api("post", f"/health-profiles/{before.number}/rollback/", {})
    assert back.json()["restores"] == before.number
    wrong = api("post", "/health-profiles/", {"config": {"profiles": "none"}})
    assert wrong.json()["errors"][0]["attr"] == "profiles"
    assert HealthVersion.objects.count() == before.number + 2


def test_overrides_and_sentiments_over_rest(account: Account, csm: User, stranger: User) -> None:
    api = Api(csm)
    given = {"account": account.pk, "band": "at_risk", "reason": "Silence", "expires_on": "2026-03-20"}
    made = api("post", "/health-overrides/", given)
    assert made.status_code == 201
    assert Api(stranger)("post", "/health-overrides/", given).status_code == 400
    assert api("post", f"/health-overrides/{made.json()['id']}/end/").json()["ended_by"] == csm.pk
    assert api("post", "/health-sentiments/", {"account": account.pk, "value": 2}).status_code == 201
    assert len(api("get", f"/health-sentiments/?account={account.pk}").json()["results"]) == 1


# --- Filters and facts ---------------------------------------------------------------------------------------
def test_accounts_are_found_by_health_and_its_change(
    account: Account, csm: User, frozen: time_machine.Traveller
) -> None:
    from accounts import segments

    def found(field: str, op: str, value: Any) -> int:
        tree = {"field": field, "op": op, "value": value}
        return segments.narrow(Account.objects.all(), tree, target="account").count()

    frozen.shift(dt.timedelta(days=31))
    point(account, "use", 60)
    compute.recompute()
    assert found("health.score", "eq", 60) == 1
    assert found("health.band", "in", ["watch"]) == 1
    assert found("health.change_30d", "eq", -30) == 1
    assert found("health.confidence", "gte", 1) == 1
    judge(account, csm, expires_on=dt.date(2026, 4, 30))
    assert found("health.band", "in", ["at_risk"]) == 1
    event = Event.objects.get(kind="health.overridden")
    assert event.facts["health.band"] == "at_risk"
