"""Messages after the first: in time, once each, within hours and budget, and not to those who have said something."""

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.core import mail

from accounts.models import Contact, Event
from core import outbox
from surveys import pacing, reminders
from surveys.models import Delivery, Invitation, Visitor, Wave, Widget
from surveys.services import campaigns
from team.models import User, Workspace
from tests.surveys.asking import (
    make_account,
    make_campaign,
    make_contact,
    make_invitation,
    make_wave,
    suppress,
)

NOW = dt.datetime(2026, 3, 2, 8, 0, tzinfo=dt.UTC)  # Monday, 09:00 in Berlin
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)


@pytest.fixture
def clock(db: None) -> Any:
    Workspace.objects.update_or_create(
        pk=1,
        defaults={"time_zone": "Europe/Berlin", "minimum_tenure_days": 0, "postal_address": "Kai 1, Oslo"},
    )
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def send() -> None:
    """Hand over whatever waits for the mail server."""
    kind = outbox.kind_named(pacing.MAIL)
    assert kind is not None
    while outbox.work(kind):
        pass


def asked(**fields: Any) -> Invitation:
    """Somebody who got the first mail now."""
    campaign = make_campaign(launched_at=NOW, **{"reminders": 2, "reminder_gap_days": 3} | fields)
    wave = make_wave(campaign, state="sending")
    invitation = make_invitation(make_contact(make_account()), wave, cost=10, channel=campaign.channels[0])
    pacing.release(wave.pk, now=NOW)
    send()
    invitation.refresh_from_db()
    return invitation


def steps(invitation: Invitation) -> list[tuple[str, str, str]]:
    return list(invitation.deliveries.order_by("pk").values_list("step", "channel", "state"))


def test_reminders_come_after_their_gap_as_often_as_wanted(clock: Any) -> None:
    invitation = asked()
    asked_at = invitation.asked_at
    for hours in (71, 72, 73, 143, 144, 145, 300):
        clock.move_to(NOW + hours * HOUR)
        reminders.make_due()
        reminders.make_due()
        send()

    invitation.refresh_from_db()
    assert steps(invitation) == [
        ("first", "email", "done"), ("reminder1", "email", "done"), ("reminder2", "email", "done"),
    ]  # fmt: skip
    assert (invitation.reminders, invitation.cost, invitation.asked_at, invitation.state) == (
        2,
        20,
        asked_at,
        "sent",
    )
    first, second, third = mail.outbox
    assert first.subject != second.subject == third.subject
    ids = [message.extra_headers["Message-ID"] for message in mail.outbox]
    assert len(set(ids)) == 3
    assert "In-Reply-To" not in first.extra_headers
    assert second.extra_headers["In-Reply-To"] == third.extra_headers["In-Reply-To"] == ids[0]
    events = Event.objects.filter(kind="survey.reminded").order_by("pk")
    assert [event.data["step"] for event in events] == ["reminder1", "reminder2"]
    assert Event.objects.filter(kind="survey.sent").count() == 1


@pytest.mark.parametrize(
    "said",
    [
        {"state": "answered", "scored_at": NOW},
        {"state": "declined", "declined_at": NOW},
        {"state": "failed", "outcome_reason": "bounced"},
        {"state": "expired"},
        {"expires_at": NOW + 2 * DAY},
    ],
)
def test_whoever_has_said_something_is_not_reminded(clock: Any, said: dict[str, Any]) -> None:
    invitation = asked()
    Invitation.objects.filter(pk=invitation.pk).update(**said)
    clock.move_to(NOW + 4 * DAY)

    assert reminders.make_due() == 0


def test_an_answer_or_an_unsubscription_after_it_was_made_holds_it_back(clock: Any) -> None:
    invitation = asked()
    clock.move_to(NOW + 4 * DAY)
    assert reminders.make_due() == 1
    suppress("ida@fjord.example")
    send()

    invitation.refresh_from_db()
    assert steps(invitation)[-1] == ("reminder1", "email", "cancelled")
    assert (len(mail.outbox), invitation.state, invitation.cost) == (1, "sent", 10)


def test_an_answer_holds_back_a_reminder_on_its_way(clock: Any) -> None:
    invitation = asked()
    clock.move_to(NOW + 4 * DAY)
    reminders.make_due()
    Invitation.objects.filter(pk=invitation.pk).update(state="answered", scored_at=NOW)
    send()

    assert steps(invitation)[-1] == ("reminder1", "email", "cancelled")
    assert len(mail.outbox) == 1


def test_a_pause_delays_and_what_it_delayed_does_not_come_all_at_once(clock: Any, lead: User) -> None:
    invitation = asked()
    campaign = invitation.wave.campaign  # type: ignore[union-attr]
    campaigns.pause(campaign=campaign, actor=lead)
    clock.move_to(NOW + 10 * DAY)
    assert reminders.make_due() == 0
    campaigns.resume(campaign=campaign, actor=lead)
    assert reminders.make_due() == 1
    send()
    clock.move_to(NOW + 10 * DAY + HOUR)
    assert reminders.make_due() == 0
    clock.move_to(NOW + 13 * DAY)
    assert reminders.make_due() == 1


def test_a_pause_after_it_was_made_keeps_it(clock: Any, lead: User) -> None:
    invitation = asked()
    clock.move_to(NOW + 4 * DAY)
    reminders.make_due()
    campaign = invitation.wave.campaign  # type: ignore[union-attr]
    campaigns.pause(campaign=campaign, actor=lead)
    send()
    assert steps(invitation)[-1][2] == "pending"
    campaigns.resume(campaign=campaign, actor=lead)
    send()
    assert steps(invitation)[-1][2] == "done"


def test_a_stop_ends_them(clock: Any, lead: User) -> None:
    invitation = asked()
    campaigns.stop(campaign=invitation.wave.campaign, actor=lead)  # type: ignore[union-attr]
    clock.move_to(NOW + 4 * DAY)

    assert reminders.make_due() == 0


def test_a_finished_campaign_still_reminds(clock: Any) -> None:
    invitation = asked()
    assert campaigns.finish_if_done(invitation.wave_id or 0)
    clock.move_to(NOW + 4 * DAY)

    assert reminders.make_due() == 1
    send()
    assert len(mail.outbox) == 2


def test_reminders_keep_to_the_hours_of_the_person(clock: Any) -> None:
    invitation = asked(send_weekdays="12345", send_from=dt.time(9), send_until=dt.time(17))
    Contact.objects.update(time_zone="America/New_York")
    clock.move_to(NOW + 3 * DAY + HOUR)  # Thursday, 04:00 there
    assert reminders.make_due() == 0
    clock.move_to(NOW + 3 * DAY + 6 * HOUR)
    assert reminders.make_due() == 1
    assert steps(invitation)[-1][0] == "reminder1"


def test_the_next_channel_is_tried_after_so_many_days(clock: Any) -> None:
    invitation = asked(channels=["email", "sms"], fallback_days=4, reminders=0)
    Contact.objects.update(phone="+47 22 00 00 00", phone_key="p" * 64)
    clock.move_to(NOW + 4 * DAY + 14 * HOUR)  # 23:00
    assert reminders.make_due() == 0
    clock.move_to(NOW + 5 * DAY)
    assert reminders.make_due() == 1
    assert reminders.make_due() == 0

    invitation.refresh_from_db()
    assert steps(invitation)[-1] == ("fallback", "sms", "pending")
    assert (invitation.channel, invitation.cost, invitation.state) == ("sms", 20, "sent")


def test_a_channel_that_does_not_reach_the_person_is_passed_over(clock: Any) -> None:
    asked(channels=["email", "sms"], fallback_days=4, reminders=0)
    clock.move_to(NOW + 5 * DAY)

    assert reminders.make_due() == 0


def test_somebody_not_seen_in_the_product_is_asked_by_mail_instead(clock: Any) -> None:
    campaign = make_campaign(launched_at=NOW, channels=["in_app", "email"], fallback_days=4)
    wave = make_wave(campaign, state="sending")
    contact = make_contact(make_account())
    Visitor.objects.create(widget=Widget.objects.create(name="App", key="k"), key="v", contact=contact)
    invitation = make_invitation(contact, wave, cost=3, channel="in_app", planned_at=NOW)
    pacing.release(wave.pk, now=NOW)
    send()
    assert steps(invitation) == [("first", "in_app", "pending")]

    clock.move_to(NOW + 4 * DAY)
    assert reminders.make_due() == 1
    send()

    invitation.refresh_from_db()
    assert steps(invitation) == [("first", "in_app", "cancelled"), ("fallback", "email", "done")]
    assert (invitation.state, invitation.cost, invitation.asked_at) == ("sent", 10, NOW + 4 * DAY)
    assert Event.objects.filter(kind="survey.sent").count() == 1


def test_two_makers_at_once_make_each_once(clock: Any) -> None:
    invitation = asked()
    clock.move_to(NOW + 4 * DAY)
    for _ in range(3):
        reminders.make_due()
    Invitation.objects.filter(pk=invitation.pk).update(
        reminders=0, reminded_at=None
    )  # as if a maker read before
    Delivery.objects.filter(step="reminder1").update(state="done")
    reminders.make_due()

    assert Delivery.objects.filter(step="reminder1").count() == 1
    assert Wave.objects.count() == 1


def test_somebody_who_never_comes_to_the_product_is_not_waited_for(clock: Any) -> None:
    campaign = make_campaign(launched_at=NOW, channels=["in_app"], expires_after_days=20)
    wave = make_wave(campaign, state="sending")
    invitation = make_invitation(make_contact(make_account()), wave, cost=3, channel="in_app", planned_at=NOW)
    pacing.release(wave.pk, now=NOW)
    clock.move_to(NOW + 19 * DAY)
    assert campaigns.expire_invitations() == 0
    clock.move_to(NOW + 20 * DAY)
    assert campaigns.expire_invitations() == 1

    assert steps(invitation) == [("first", "in_app", "cancelled")]
    assert campaigns.finish_if_done(wave.pk)
