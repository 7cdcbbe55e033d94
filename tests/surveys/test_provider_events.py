"""Reports of mail providers: matched to the delivery they are about, in any order, as often as they come."""

import datetime as dt

import pytest
from anymail.signals import AnymailTrackingEvent, tracking

from accounts.models import Event
from surveys import pacing, planning, provider_events
from surveys.models import Delivery, Invitation, Suppression
from tests.surveys.asking import make_account, make_campaign, make_contact, make_wave

pytestmark = pytest.mark.django_db
AT = dt.datetime(2026, 3, 17, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def sent() -> Delivery:
    make_contact(make_account())
    wave = make_wave(make_campaign(launched_at=AT))
    planning.plan_wave(wave.pk)
    pacing.release(wave.pk)
    Delivery.objects.update(state="done", provider_id="esp-1")
    Invitation.objects.update(state="sent", asked_at=AT, delivered_at=AT)
    return Delivery.objects.get()


def report(kind: str, *, key: str = "", provider_id: str = "", **more: object) -> None:
    event = AnymailTrackingEvent(
        event_type=kind,
        metadata={"delivery": key} if key else {},
        message_id=provider_id,
        timestamp=AT,
        **more,
    )
    tracking.send(sender=None, event=event, esp_name="Test")


def ask() -> Invitation:
    return Invitation.objects.get()


def test_a_bounce_suppresses_the_address_once(sent: Delivery) -> None:
    for _ in range(2):
        report("bounced", key=sent.key, description="550 5.1.1 <ida@fjord.example> unknown")

    assert (ask().state, ask().outcome_reason, ask().delivered_at) == ("failed", "bounced", None)
    entry = Suppression.objects.get()
    assert entry.reason == "bounced"
    assert "ida@" not in entry.detail
    assert Event.objects.filter(kind="survey.bounced").count() == 1


def test_a_complaint_outweighs_a_bounce(sent: Delivery) -> None:
    report("bounced", key=sent.key)
    report("complained", provider_id="esp-1")

    assert Suppression.objects.get().reason == "complained"


def test_an_open_is_noted_by_the_providers_own_id(sent: Delivery) -> None:
    report("opened", provider_id="esp-1")

    assert ask().opened_at == AT


def test_a_full_mailbox_does_not_condemn_the_address(sent: Delivery) -> None:
    report("bounced", key=sent.key, reject_reason="timed_out")

    assert ask().state == "failed"
    assert not Suppression.objects.exists()


def test_a_report_settles_doubt(sent: Delivery) -> None:
    Delivery.objects.update(state="in_doubt")
    Invitation.objects.update(state="sending")

    report("delivered", key=sent.key)

    assert (Delivery.objects.get().state, ask().state) == ("done", "sent")


def test_what_is_not_ours_is_left_alone(sent: Delivery) -> None:
    report("bounced", provider_id="of somebody else")

    assert ask().state == "sent"
    assert not Suppression.objects.exists()


def test_there_is_no_door_without_a_secret(settings: object) -> None:
    settings.ANYMAIL = {}  # type: ignore[attr-defined]
    assert not provider_events.is_configured()
