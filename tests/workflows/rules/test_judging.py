"""What a rule makes of an event."""

from typing import Any

import pytest

from accounts.models import Account, Contact, CustomField, LifecycleStage, Metric
from tests import factories
from tests.workflows.rules.conftest import MakeRule, scored, tell
from workflows.models import Rule
from workflows.rules.judging import judge

pytestmark = pytest.mark.django_db


def answer(rule: Rule, event: Any) -> str:
    return judge(rule, event).answer.value


def test_a_score_that_is_corrected_to_another_category_counts_as_the_answer(
    make_rule: MakeRule, ann: Contact
) -> None:
    rule = make_rule()
    moved = tell("response.updated", ann, data={"category": "detractor", "previous_category": "passive"})
    same = tell("response.updated", ann, data={"category": "detractor"})

    assert [answer(rule, event) for event in (scored(ann), moved, same)] == ["fires", "fires", "does_not"]


def test_a_comment_is_read_as_it_is_and_an_erased_one_is_unknown(make_rule: MakeRule, ann: Contact) -> None:
    rule = make_rule(trigger="comment.contains", trigger_settings={"words": "PRICE, invoice"})
    said = factories.respond(factories.a_survey(), 3, email=ann.email, comment="The price went up")
    event = ann.events.get(kind="response.scored")
    found = judge(rule, event)
    assert found.answer == "fires", found.reason

    said.comment = "All fine"
    said.save()
    assert answer(rule, event) == "does_not"
    said.comment = ""
    said.save()
    assert answer(rule, event) == "unknown"
    assert answer(rule, scored(ann)) == "does_not"  # there never was one


def test_each_trigger_asks_of_the_event_what_its_settings_say(make_rule: MakeRule, ann: Contact) -> None:
    first, second = (LifecycleStage.objects.create(name=name, position=n) for n, name in enumerate("AB", 90))
    Metric.objects.create(key="logins", label="Logins")
    cases: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
        ("account.stage_changed", {"to": str(second.pk)}, {"from": first.pk, "to": second.pk}, True),
        ("account.stage_changed", {"to": str(first.pk)}, {"from": first.pk, "to": second.pk}, False),
        ("account.stage_changed", {}, {"from": None, "to": second.pk}, True),
        ("health.band_changed", {"from": "green", "to": "red"}, {"from": "green", "to": "red"}, True),
        ("health.band_changed", {"to": "red"}, {"from": "red", "to": "green"}, False),
        ("metric.crossed", {"metric": "logins", "direction": "below", "threshold": 5},
         {"metric": "logins", "direction": "below", "threshold": "5", "value": "4"}, True),
        ("metric.crossed", {"metric": "logins", "direction": "below", "threshold": 5},
         {"metric": "logins", "direction": "above", "threshold": "5", "value": "6"}, False),
        ("invitation.ignored", {"times": 3}, {"in_a_row": 3}, True),
        ("invitation.ignored", {"times": 3}, {"in_a_row": 2}, False),
        ("alert.raised", {"alert": "reply"}, {"alert": "reply"}, True),
        ("alert.raised", {"alert": "reply"}, {"alert": "detractor"}, False),
        ("renewal.in_days", {"days": 90}, {"days": 90}, True),
        ("renewal.in_days", {"days": 90}, {"days": 30}, False),
        ("date.reached", {"field": "renewal_on"}, {"field": "renewal_on", "offset": 0}, True),
        ("segment.entered", {"segment": "7"}, {"segment": 7}, True),
        ("segment.entered", {"segment": "7"}, {"segment": 8}, False),
        ("task.overdue", {}, {"days": 1}, True),
        ("nps.moved", {"alarm": "3"}, {"alarm": 4}, False),
        ("nps.moved", {}, {"alarm": 4}, True),
    ]  # fmt: skip

    for trigger, settings, data, fires in cases:
        rule = make_rule(trigger=trigger, trigger_settings=settings)
        event = tell(trigger, ann, data=data)
        assert (answer(rule, event) == "fires") is fires, (trigger, settings, data)


def test_conditions_ask_of_recorded_facts_and_not_of_today(
    make_rule: MakeRule, ann: Contact, account: Account
) -> None:
    CustomField.objects.create(
        key="region", label="Region", target="account", type="choice", choices=["N", "S"], is_personal=False
    )
    Account.objects.filter(pk=account.pk).update(custom={"region": "N"})
    ann.refresh_from_db()
    asks = [
        {"field": "plan", "op": "in", "value": ["Team"]},
        {"field": "custom.region", "op": "in", "value": ["N"]},
    ]
    rule = make_rule(conditions={"all": asks})
    event = scored(ann)
    Account.objects.update(plan="Free", custom={})

    found = judge(rule, event)
    assert found.answer == "fires", found.reason


def test_a_rule_whose_conditions_cannot_be_read_any_more_fires_at_nothing(
    make_rule: MakeRule, ann: Contact
) -> None:
    rule = make_rule(conditions={"all": [{"field": "custom.gone", "op": "in", "value": ["x"]}]})

    found = judge(rule, scored(ann))

    assert (found.answer, "custom.gone" in found.reason) == ("unknown", True)
