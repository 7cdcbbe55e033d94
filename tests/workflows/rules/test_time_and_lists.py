"""What time brings, who enters and leaves lists, and invitations that nobody answered."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Account, Contact, CustomField, Event, Metric, Segment
from accounts.services import metrics
from accounts.services.merge import merge_accounts
from core import clock
from surveys.models import Invitation, Survey, SurveyVersion
from surveys.services import campaigns
from team.models import User
from tests import factories
from tests.conftest import Drain
from tests.workflows.rules.conftest import MakeRule
from workflows.models import Rule, Run, SegmentMember, SegmentWatch
from workflows.rules import dates, watching

pytestmark = pytest.mark.django_db
TODAY = dt.date(2026, 3, 17)


def day(offset: int) -> dt.date:
    return TODAY + dt.timedelta(days=offset)


def test_a_renewal_in_so_many_days_is_told_once_and_made_up_for(
    make_rule: MakeRule, lead: User, frozen: Any, drain: Drain
) -> None:
    make_rule(trigger="renewal.in_days", trigger_settings={"days": 90})
    for offset in (89, 90, 91, 84, 83, 0):
        factories.an_account(f"In {offset}", renewal_on=day(offset), owner=lead)
    factories.an_account("Never", owner=lead)

    assert dates.run(TODAY) == 3
    assert dates.run(TODAY) == 0
    drain()
    assert set(Run.objects.values_list("account__name", flat=True)) == {"In 90", "In 89", "In 84"}
    frozen.shift(dt.timedelta(days=1))
    assert dates.run(day(1)) == 1


def test_a_renewal_that_was_told_under_an_account_merged_away_is_not_told_again(
    make_rule: MakeRule, lead: User, frozen: Any, drain: Drain
) -> None:
    make_rule(trigger="renewal.in_days", trigger_settings={"days": 90})
    ours, double = factories.an_account("Acme"), factories.an_account("Acme Inc", renewal_on=day(90))
    assert dates.run(TODAY) == 1
    drain()

    merge_accounts(survivor=ours, loser=double, actor=lead, choices={"renewal_on": "loser"})
    drain()
    frozen.shift(dt.timedelta(days=1))

    assert dates.run(day(1)) == 0
    ours.refresh_from_db()
    assert ours.renewal_on == day(90)


def test_only_what_rules_ask_for_is_recorded(make_rule: MakeRule, lead: User, frozen: Any) -> None:
    factories.an_account(renewal_on=day(90), customer_since=day(-365), owner=lead)
    assert dates.run(TODAY) == 0

    make_rule(trigger="date.reached", trigger_settings={"field": "customer_since", "offset": 365})
    make_rule(trigger="renewal.in_days", trigger_settings={"days": 30})
    make_rule(trigger="renewal.in_days", trigger_settings={"days": 90}, is_active=False)

    assert dates.run(TODAY) == 1
    assert Event.objects.get(kind="date.reached").data == {
        "field": "customer_since", "offset": 365, "date": "2025-03-17",
    }  # fmt: skip


def test_a_custom_date_can_be_waited_for(make_rule: MakeRule, frozen: Any, drain: Drain) -> None:
    CustomField.objects.create(key="go_live", label="Go-live", target="account", type="date")
    factories.an_account("Soon", custom={"go_live": day(14).isoformat()})
    factories.an_account("Later", custom={"go_live": day(15).isoformat()})
    make_rule(trigger="date.reached", trigger_settings={"field": "custom.go_live", "offset": -14})

    dates.run(TODAY)
    drain()

    assert Run.objects.get().account == Account.objects.get(name="Soon")


# --- Lists ---------------------------------------------------------------------------------------------------
@pytest.fixture
def large() -> Segment:
    asks = {"all": [{"field": "seats", "op": "gte", "value": 100}]}
    return Segment.objects.create(name="Large", target="account", conditions=asks)


def test_entering_and_leaving_a_list_is_told_but_not_who_was_there_at_first(
    make_rule: MakeRule, large: Segment, drain: Drain
) -> None:
    stays, grows, shrinks = (
        factories.an_account(name, seats=seats) for name, seats in (("A", 100), ("B", 5), ("C", 200))
    )
    entered = make_rule(trigger="segment.entered", trigger_settings={"segment": str(large.pk)})
    left = make_rule(trigger="segment.left", trigger_settings={"segment": str(large.pk)})
    assert watching.due() == [large.pk]
    assert watching.look(large.pk) == (0, 0)
    assert watching.due() == []

    Account.objects.filter(pk=grows.pk).update(seats=100)
    Account.objects.filter(pk=shrinks.pk).update(seats=1)
    assert watching.look(large.pk) == (1, 1)
    assert watching.look(large.pk) == (0, 0)
    drain()

    assert set(Run.objects.values_list("rule", "account")) == {(entered.pk, grows.pk), (left.pk, shrinks.pk)}
    assert set(SegmentMember.objects.values_list("account", flat=True)) == {stays.pk, grows.pk}


def test_somebody_who_enters_again_is_told_again(make_rule: MakeRule, large: Segment, drain: Drain) -> None:
    make_rule(trigger="segment.entered", trigger_settings={"segment": str(large.pk)})
    account = factories.an_account(seats=1)
    watching.look(large.pk)
    for seats in (100, 1, 100):
        Account.objects.filter(pk=account.pk).update(seats=seats)
        watching.look(large.pk)
    drain()

    assert Run.objects.count() == 2


def test_a_list_that_asks_something_else_is_another_list(make_rule: MakeRule, large: Segment) -> None:
    make_rule(trigger="segment.entered", trigger_settings={"segment": str(large.pk)})
    factories.an_account(seats=50)
    watching.look(large.pk)
    large.conditions = {"all": [{"field": "seats", "op": "gte", "value": 10}]}
    large.save()

    assert watching.look(large.pk) == (0, 0)
    assert SegmentMember.objects.count() == 1


def test_a_list_that_no_rule_watches_is_forgotten(make_rule: MakeRule, large: Segment) -> None:
    rule = make_rule(trigger="segment.entered", trigger_settings={"segment": str(large.pk)})
    factories.an_account(seats=100)
    watching.look(large.pk)
    Rule.objects.filter(pk=rule.pk).update(is_active=False)

    assert watching.due() == []
    assert not SegmentWatch.objects.exists()
    assert not SegmentMember.objects.exists()


def test_a_list_of_people_is_watched_too(make_rule: MakeRule, ann: Contact, drain: Drain) -> None:
    asks = {"all": [{"field": "first_name", "op": "is", "value": "Ann"}]}
    people = Segment.objects.create(name="Anns", target="contact", conditions=asks)
    make_rule(trigger="segment.entered", trigger_settings={"segment": str(people.pk)})
    Contact.objects.update(first_name="Bea")
    watching.look(people.pk)
    Contact.objects.update(first_name="Ann")
    watching.look(people.pk)
    drain()

    run = Run.objects.get()
    assert (run.contact, run.account) == (ann, ann.account)


# --- Other sources -------------------------------------------------------------------------------------------
def test_a_metric_is_watched_for_the_thresholds_that_rules_ask_for(
    make_rule: MakeRule, account: Account, drain: Drain
) -> None:
    Metric.objects.create(key="logins", label="Logins")
    settings = {"metric": "logins", "direction": "below", "threshold": 5}
    make_rule(trigger="metric.crossed", trigger_settings=settings)
    push(account, 9)
    push(account, 4)
    push(account, 3)
    drain()

    assert Run.objects.get().account == account


def push(account: Account, value: int) -> None:
    metric = Metric.objects.get(key="logins")
    at = clock.now() - dt.timedelta(minutes=value)
    metrics.put_points(points=[metrics.Point(metric, account, Decimal(value), at)], actor=None)


def test_invitations_that_nobody_answers_are_counted_from_the_last_reaction(
    make_rule: MakeRule, ann: Contact, frozen: Any, drain: Drain
) -> None:
    make_rule(trigger="invitation.ignored", trigger_settings={"times": 2})
    for days, state, reacted in ((400, "expired", None), (300, "answered", 299), (200, "expired", None)):
        ask(ann, days, state=state, scored_at=ago(reacted) if reacted else None)
    ask(ann, 31, expires_at=ago(1))
    ask(ann, 5, expires_at=ago(-25))

    assert campaigns.expire_invitations() == 1
    assert campaigns.expire_invitations() == 0
    drain()

    event = Event.objects.get(kind="invitation.ignored")
    assert event.data == {"in_a_row": 2, "channel": "email"}
    assert Run.objects.get().contact == ann


def ago(days: float) -> dt.datetime:
    return dt.datetime(2026, 3, 17, 10, tzinfo=dt.UTC) - dt.timedelta(days=days)


def ask(contact: Contact, days: int, **fields: Any) -> Invitation:
    survey = Survey.objects.first() or factories.a_survey()
    version, _ = SurveyVersion.objects.get_or_create(survey=survey, number=1)
    return Invitation.objects.create(
        version=version, contact=contact, account=contact.account, recipient_key="k" * 64, asked_at=ago(days),
        **{"state": "sent", **fields},
    )  # fmt: skip
