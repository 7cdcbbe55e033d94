"""What can be settled about a campaign: checked as a whole, refused by field, changed while it runs only in part."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from accounts import conditions
from accounts.models import CustomField
from core.errors import Invalid, Refused
from surveys import trigger_conditions
from surveys.campaign_plan import Plan, parse_offset
from surveys.choices import Cadence, CampaignState
from surveys.models import Campaign
from surveys.services import campaigns
from team.models import User
from tests.surveys.asking import make_campaign, make_survey

pytestmark = pytest.mark.django_db


def plan(**fields: Any) -> Plan:
    return Plan(name="Spring", survey=make_survey(), **fields)


ACCOUNT_DATE = {"cadence": "account_date", "anchor": "renewal_on", "offsets": ("-90d",)}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"cadence": "recurring", "every_days": 90},
        {"cadence": "calendar", "period_months": 3, "spread_days": 60},
        ACCOUNT_DATE,
        {"cadence": "account_date", "anchor": "customer_since", "offsets": ("30d", "6m", "12m")},
        {"cadence": "event", "trigger_event": "ticket solved", "delay_minutes": 60},
        {"channels": ("in_app", "email"), "fallback_days": 3},
        {"send_weekdays": "54321", "send_from": dt.time(9), "send_until": dt.time(17)},
        {"reminders": 2, "reminder_gap_days": 7},
        {"target_answers": 250, "target_days": 30},
    ],
)
def test_a_plan_is_kept_as_it_was_given(fields: dict[str, Any], lead: User) -> None:
    wanted = plan(**fields).tidy()

    campaign = campaigns.create_campaign(plan=plan_of(wanted), actor=lead)

    assert Plan.of(Campaign.objects.get(pk=campaign.pk)).differs(wanted) == set()


def plan_of(wanted: Plan) -> Plan:
    return replace(wanted, name="  Spring ")


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("name", {"name": " "}),
        ("channels", {"channels": ()}),
        ("channels", {"channels": ("email", "email")}),
        ("channels", {"channels": ("api",)}),
        ("channels", {"channels": ("email", "link")}),
        ("sample_percent", {"sample_percent": 0}),
        ("expires_after_days", {"expires_after_days": 366}),
        ("cadence", {"cadence": "sometimes"}),
        ("every_days", {"cadence": "recurring"}),
        ("every_days", {"cadence": "recurring", "every_days": 1}),
        ("period_months", {"cadence": "calendar", "period_months": 5}),
        ("spread_days", {"cadence": "calendar", "period_months": 1, "spread_days": 31}),
        ("anchor", {**ACCOUNT_DATE, "anchor": "created_at"}),
        ("anchor", {**ACCOUNT_DATE, "anchor": "custom.no_such_field"}),
        ("offsets", {**ACCOUNT_DATE, "offsets": ()}),
        ("offsets", {**ACCOUNT_DATE, "offsets": ("soon",)}),
        ("offsets", {**ACCOUNT_DATE, "offsets": ("121m",)}),
        ("grace_days", {**ACCOUNT_DATE, "grace_days": 91}),
        ("trigger_event", {"cadence": "event"}),
        (
            "trigger_conditions",
            {
                "cadence": "event",
                "trigger_event": "x",
                "trigger_conditions": {"field": "a", "op": "smells", "value": 1},
            },
        ),
        (
            "delay_minutes",
            {"cadence": "event", "trigger_event": "x", "delay_minutes": 91 * 24 * 60},
        ),
        ("daily_limit", {"daily_limit": 0}),
        ("hourly_limit", {"hourly_limit": -1}),
        ("spread_days", {"spread_days": 0}),
        ("daily_answers_limit", {"daily_answers_limit": 0}),
        ("target_days", {"target_answers": 10}),
        ("target_answers", {"target_days": 10}),
        ("account_week_limit", {"account_week_limit": 0}),
        ("send_weekdays", {"send_weekdays": "08"}),
        ("send_until", {"send_from": dt.time(9)}),
        ("send_until", {"send_from": dt.time(9), "send_until": dt.time(9, 30)}),
        ("send_from", {"channels": ("sms",), "send_from": dt.time(21), "send_until": dt.time(23)}),
        ("reminders", {"reminders": 4}),
        ("reminder_gap_days", {"reminders": 1, "reminder_gap_days": 0}),
        ("reminder_gap_days", {"reminders": 3, "reminder_gap_days": 10}),
        ("fallback_days", {"fallback_days": 3}),
        ("fallback_days", {"channels": ("in_app", "email"), "fallback_days": 30}),
    ],
)
def test_what_cannot_be_carried_out_is_refused_by_field(
    field: str, fields: dict[str, Any], lead: User
) -> None:
    with pytest.raises(Invalid) as refusal:
        campaigns.create_campaign(plan=replace(plan(), **fields), actor=lead)

    assert refusal.value.field == field
    assert not Campaign.objects.exists()


def test_an_own_date_field_of_accounts_can_be_the_anchor(lead: User) -> None:
    CustomField.objects.create(target="account", key="go_live", label="Go live", type="date")

    campaign = campaigns.create_campaign(
        plan=plan(**{**ACCOUNT_DATE, "anchor": "custom.go_live"}), actor=lead
    )

    assert campaign.anchor == "custom.go_live"


def test_what_belongs_to_another_cadence_is_dropped(lead: User) -> None:
    campaign = campaigns.create_campaign(
        plan=plan(cadence="recurring", every_days=90, trigger_event="left over", period_months=3), actor=lead
    )

    assert (campaign.every_days, campaign.trigger_event, campaign.period_months) == (90, "", None)


def test_pace_hours_and_reminders_can_change_while_it_runs_but_not_whom_it_asks(lead: User) -> None:
    campaign = make_campaign(state=CampaignState.RUNNING)
    running = Plan.of(campaign)

    changed = campaigns.update_campaign(
        campaign=campaign,
        plan=replace(running, hourly_limit=50, reminders=1, send_weekdays="12345"),
        actor=lead,
    )
    assert (changed.hourly_limit, changed.reminders, changed.send_weekdays) == (50, 1, "12345")

    for fixed in (
        {"channels": ("sms",)},
        {"cadence": Cadence.RECURRING, "every_days": 30},
        {"sample_percent": 50},
    ):
        with pytest.raises(Refused, match="launched"):
            campaigns.update_campaign(campaign=campaign, plan=replace(running, **fixed), actor=lead)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("-90d", dt.date(2026, 3, 31), dt.date(2025, 12, 31)),
        ("6m", dt.date(2025, 8, 31), dt.date(2026, 2, 28)),
        ("+12m", dt.date(2024, 2, 29), dt.date(2025, 2, 28)),
        ("0d", dt.date(2026, 1, 1), dt.date(2026, 1, 1)),
    ],
)
def test_distances_from_a_date(text: str, start: dt.date, end: dt.date) -> None:
    assert start + parse_offset(text) == end


@pytest.mark.parametrize(
    ("tree", "data", "expected"),
    [
        ({}, {}, True),
        ({"field": "amount", "op": "gte", "value": 100}, {"amount": 100}, True),
        ({"field": "amount", "op": "gte", "value": 100}, {"amount": "99.5"}, False),
        ({"field": "amount", "op": "gte", "value": 100}, {"amount": "a lot"}, False),
        ({"field": "agent", "op": "is", "value": "ida"}, {"agent": "Ida"}, True),
        ({"field": "tier", "op": "in", "value": ["1", "2"]}, {"tier": 2}, True),
        ({"field": "first", "op": "true"}, {"first": True}, True),
        ({"field": "first", "op": "true"}, {"first": "true"}, False),
        ({"field": "at", "op": "between", "value": ["2026-01-01", "2026-01-31"]}, {"at": "2026-01-31"}, True),
        ({"field": "n", "op": "between", "value": [1, 3]}, {"n": 3}, True),
        ({"field": "agent", "op": "empty"}, {}, True),
        ({"not": {"field": "agent", "op": "not_empty"}}, {"agent": 7}, False),
        (
            {"all": [{"field": "a", "op": "is", "value": "x"}, {"field": "b", "op": "lt", "value": 3}]},
            {"a": "x", "b": 2},
            True,
        ),
        ({"any": [{"field": "a", "op": "is", "value": "x"}]}, {"a": None}, False),
    ],
)
def test_conditions_on_the_data_of_an_event(tree: Any, data: dict[str, Any], expected: bool) -> None:
    now = conditions.Now(today=dt.date(2026, 2, 1))

    assert trigger_conditions.matches(trigger_conditions.parse(tree), data, now) is expected


@pytest.mark.parametrize(
    "tree",
    [
        [],
        "x",
        {"field": ""},
        {"field": "a"},
        {"field": "a", "op": ["is"]},
        {"all": {}},
        {"field": 1, "op": "is"},
    ],
)
def test_malformed_conditions_are_refused(tree: Any) -> None:
    with pytest.raises(Invalid) as refusal:
        trigger_conditions.parse(tree)

    assert refusal.value.field == "trigger_conditions"
