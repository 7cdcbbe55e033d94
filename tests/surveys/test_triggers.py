"""Events that make a campaign ask: once, after the delay, judged when they fire."""

import datetime as dt
import threading
from typing import Any

import pytest
import time_machine
from django.db import connections

from accounts import timeline
from accounts.domain import Origin
from accounts.models import Contact, Event
from accounts.services import tracked
from core import jobs
from surveys import triggers
from surveys.campaign_plan import Plan
from surveys.choices import Reason, TriggerState
from surveys.models import Campaign, Exclusion, Invitation, Trigger
from surveys.services import campaigns
from team.models import User, Workspace
from tests.surveys.asking import make_account, make_contact, make_survey

NOW = dt.datetime(2026, 3, 2, 9, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def clock() -> Any:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def person(db: None) -> Contact:
    Workspace.objects.update_or_create(
        pk=1, defaults={"time_zone": "Europe/Berlin", "minimum_tenure_days": 0}
    )
    return make_contact(make_account(), "ida@fjord.example")


def launch(lead: User, **fields: Any) -> Campaign:
    survey = make_survey(f"S{Campaign.objects.count()}")
    survey.kind = "transactional"
    survey.save()
    plan = Plan(
        name=f"C{Campaign.objects.count()}", survey=survey,
        **{"cadence": "event", "trigger_event": "ticket_solved", "sample_percent": 100} | fields,
    )  # fmt: skip
    return campaigns.launch(campaign=campaigns.create_campaign(plan=plan, actor=lead), actor=lead)


def tell(contact: Contact, *, name: str = "ticket_solved", **fields: Any) -> None:
    tracked.track(told=[tracked.Told(name=name, source="desk", contact=contact, **fields)])


def work() -> None:
    while timeline.relay_batch():
        pass
    jobs.drain(timeline.DELIVER)
    jobs.drain(triggers.TRIGGERS)


def test_an_event_asks_its_person_after_the_delay_and_the_ask_keeps_its_data(
    lead: User, person: Contact, clock: Any
) -> None:
    campaign = launch(lead, delay_minutes=30)
    tell(person, data={"agent": "Bo", "minutes": 12})
    work()
    assert not Invitation.objects.exists()

    clock.move_to(NOW + 31 * MINUTE)
    work()

    invitation = Invitation.objects.get()
    assert (invitation.contact, invitation.context) == (person, {"agent": "Bo", "minutes": 12})
    assert invitation.wave is not None
    assert invitation.wave.campaign == campaign
    assert invitation.wave.starts_on == dt.date(2026, 3, 2)
    trigger = Trigger.objects.get()
    assert (trigger.state, trigger.invitation) == (TriggerState.ASKED, invitation)


def test_only_events_that_fulfil_the_conditions_count(lead: User, person: Contact, clock: Any) -> None:
    launch(lead, trigger_conditions={"field": "amount", "op": "gte", "value": 100})
    other = make_contact(person.account, "bo@fjord.example")
    tell(person, data={"amount": 99})
    tell(other, data={"amount": "250"})
    tell(other, name="purchase", data={"amount": 500})
    work()

    assert [i.contact for i in Invitation.objects.all()] == [other]


@pytest.mark.parametrize("days", [-8, -1])
def test_old_events_and_those_from_before_the_launch_ask_nobody(
    lead: User, person: Contact, clock: Any, days: int
) -> None:
    launch(lead)
    tell(person, occurred_at=NOW + dt.timedelta(days=days))
    work()

    assert not Trigger.objects.exists()


def test_imported_events_ask_nobody(lead: User, person: Contact, clock: Any) -> None:
    launch(lead)
    tracked.track(
        told=[tracked.Told(name="ticket_solved", source="desk", contact=person)], origin=Origin.IMPORT
    )
    work()

    assert not Trigger.objects.exists()


def test_heard_twice_it_fires_once(lead: User, person: Contact, clock: Any) -> None:
    launch(lead)
    tell(person)
    event = Event.objects.get(kind="tracked")
    triggers.hear(event)
    triggers.hear(event)
    work()
    triggers.hear(event)
    work()

    assert Invitation.objects.count() == Trigger.objects.count() == 1


def test_two_events_of_one_person_make_one_ask(lead: User, person: Contact, clock: Any) -> None:
    launch(lead)
    tell(person, data={"ticket": 1})
    tell(person, data={"ticket": 2})
    work()

    assert Invitation.objects.get().context == {"ticket": 1}
    assert sorted(Trigger.objects.values_list("state", "reason")) == [
        ("asked", ""), ("left_out", Reason.ALREADY_PLANNED),
    ]  # fmt: skip


def test_eligibility_is_judged_when_it_fires(lead: User, person: Contact, clock: Any) -> None:
    campaign = launch(lead, delay_minutes=60)
    tell(person)
    work()
    Contact.objects.filter(pk=person.pk).update(email="", email_key=None, address_key=None)
    clock.move_to(NOW + 61 * MINUTE)
    work()

    trigger = Trigger.objects.get()
    assert (trigger.state, trigger.reason) == (TriggerState.LEFT_OUT, Reason.NO_ADDRESS)
    assert Exclusion.objects.get(wave__campaign=campaign).reason == Reason.NO_ADDRESS
    assert not Invitation.objects.exists()


def test_whoever_is_not_in_the_audience_is_not_asked(lead: User, person: Contact, clock: Any) -> None:
    launch(lead, delay_minutes=5)
    tell(person)
    work()
    Contact.objects.filter(pk=person.pk).update(erased_at=NOW)
    clock.move_to(NOW + 5 * MINUTE)
    work()

    assert Trigger.objects.get().state == TriggerState.CANCELLED
    assert not Invitation.objects.exists()


def test_a_pause_delays_and_a_stop_cancels(lead: User, person: Contact, clock: Any) -> None:
    campaign = launch(lead, delay_minutes=10)
    tell(person)
    work()
    campaigns.pause(campaign=campaign, actor=lead)
    clock.move_to(NOW + 20 * MINUTE)
    work()
    assert Trigger.objects.get().state == TriggerState.WAITING
    campaigns.resume(campaign=campaign, actor=lead)
    campaigns.stop(campaign=campaign, actor=lead)
    work()

    assert Trigger.objects.get().state == TriggerState.CANCELLED
    assert not Invitation.objects.exists()


def test_what_waited_out_a_long_pause_is_let_go(lead: User, person: Contact, clock: Any) -> None:
    campaign = launch(lead, delay_minutes=5)
    tell(person)
    work()
    campaigns.pause(campaign=campaign, actor=lead)
    clock.move_to(NOW + dt.timedelta(days=8))
    campaigns.resume(campaign=campaign, actor=lead)
    work()

    assert Trigger.objects.get().state == TriggerState.CANCELLED
    assert not Invitation.objects.exists()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_many_planners_at_once_never_exceed_the_limit_of_an_account() -> None:
    lead = User.objects.create(email="lead@x.example", name="Lead", role="lead")
    Workspace.objects.update_or_create(
        pk=1, defaults={"account_ask_limit": 5, "account_ask_days": 7, "minimum_tenure_days": 0}
    )
    account = make_account()
    people = [make_contact(account, f"p{n}@x.example") for n in range(50)]
    made = [launch(lead) for _ in range(50)]
    for campaign, contact in zip(made, people, strict=True):
        tracked.track(told=[tracked.Told(name="other", source="desk", contact=contact)])
        event = contact.tracked_events.get()
        Trigger.objects.create(campaign=campaign, event=event, contact=contact, fires_at=NOW)
    barrier = threading.Barrier(50)
    at = max(NOW, dt.datetime.now(dt.UTC))
    Trigger.objects.update(fires_at=at)

    def run(campaign_id: int) -> None:
        barrier.wait()
        try:
            triggers.fire(campaign_id, now=at)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[campaign.pk]) for campaign in made]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert Invitation.objects.filter(account=account).count() == 5
    assert Trigger.objects.filter(state=TriggerState.ASKED).count() == 5
    assert Trigger.objects.filter(reason=Reason.ACCOUNT_LIMIT).count() == 45
