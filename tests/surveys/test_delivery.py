"""Sending: what leaves, what does not, and what is said about it. The mail server is real, its answers are scripted."""

import datetime as dt
from email import message_from_bytes
from email.message import Message

import pytest
from django.core import mail
from pytest_django import Settings as SettingsWrapper

from accounts.models import Contact, Event
from core import outbox
from core.errors import Refused
from surveys import pacing, planning
from surveys.choices import CampaignState, InvitationState
from surveys.content import Words
from surveys.models import Campaign, Delivery, Invitation, Suppression, Wave
from surveys.services import campaigns, delivery, suppressions
from team.models import User
from tests.core.smtp_server import DROP, MailServer
from tests.surveys.asking import (
    key_of,
    make_account,
    make_campaign,
    make_contact,
    make_survey,
    make_wave,
    suppress,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def smtp(settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch) -> SettingsWrapper:
    settings.EMAIL_BACKEND = "core.mail.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.DEFAULT_FROM_EMAIL = "Nordlicht <ask@nordlicht.example>"
    settings.BASE_URL = "https://ask.nordlicht.example"
    monkeypatch.setattr(delivery, "_away_until", {})
    return settings


def launch(people: int = 1, *, campaign: Campaign | None = None, **fields: object) -> Wave:
    """A planned and released wave with people at accounts of their own."""
    campaign = campaign or make_campaign(launched_at=dt.datetime(2026, 3, 1, tzinfo=dt.UTC), **fields)
    for number in range(people):
        make_contact(make_account(f"Company {number}"), f"p{number}@fjord.example", first_name=f"Ida{number}")
    wave = make_wave(campaign)
    planning.plan_wave(wave.pk)
    pacing.release(wave.pk)
    return wave


def work() -> None:
    kind = outbox.kind_named(pacing.MAIL)
    assert kind is not None
    while outbox.work(kind):
        pass


def send_with(settings: SettingsWrapper, server: MailServer) -> None:
    settings.EMAIL_PORT = server.port
    work()


def parsed(server: MailServer) -> list[Message]:
    return [message_from_bytes(body) for _, body in server.messages]


def only() -> tuple[Delivery, Invitation]:
    row = Delivery.objects.select_related("invitation").get()
    return row, row.invitation


def test_a_mail_goes_out_once_with_what_mail_clients_want(smtp: SettingsWrapper) -> None:
    launch(3)

    with MailServer() as server:
        send_with(smtp, server)
        work()

    assert sorted(m["To"] for m in parsed(server)) == [f'"Ida{n}" <p{n}@fjord.example>' for n in range(3)]
    first = parsed(server)[0]
    row = Delivery.objects.get(message_id=first["Message-ID"])
    assert (row.state, row.attempts, row.code) == ("done", 1, "250")
    assert first["List-Unsubscribe"].startswith("<https://ask.nordlicht.example/u/")
    assert first["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert first["From"] == '"Nordlicht" <ask@nordlicht.example>'
    assert "https://ask.nordlicht.example/r/" in str(first.get_payload(0).get_payload(decode=True))
    assert set(Invitation.objects.values_list("state", flat=True)) == {InvitationState.SENT}
    assert Event.objects.filter(kind="survey.sent").count() == 3
    assert server.sessions == 1


def test_each_person_has_links_of_their_own(smtp: SettingsWrapper) -> None:
    launch(2)

    with MailServer() as server:
        send_with(smtp, server)

    assert len({m["List-Unsubscribe"] for m in parsed(server)}) == 2


def test_an_address_the_server_does_not_know_is_suppressed_with_the_reason(smtp: SettingsWrapper) -> None:
    launch()

    with MailServer(rcpt="550 5.1.1 no such user") as server:
        send_with(smtp, server)

    row, ask = only()
    assert (row.state, row.code) == ("failed", "5.1.1")
    assert (ask.state, ask.outcome_reason, ask.asked_at) == ("failed", "bounced", None)
    entry = Suppression.objects.get()
    assert (entry.reason, entry.address_key) == ("bounced", key_of("p0@fjord.example"))
    assert "no such user" in entry.detail
    assert Event.objects.filter(kind="survey.bounced").count() == 1


def test_a_message_refused_for_its_content_fails_without_blaming_the_address(smtp: SettingsWrapper) -> None:
    launch()

    with MailServer(final="554 5.7.1 we do not like this") as server:
        send_with(smtp, server)

    row, ask = only()
    assert (row.state, ask.state, ask.outcome_reason) == ("failed", "failed", "refused")
    assert not Suppression.objects.exists()


def test_a_temporary_refusal_is_tried_again_and_reported_after_the_last(smtp: SettingsWrapper) -> None:
    launch()

    with MailServer(rcpt="451 4.7.1 try later") as server:
        send_with(smtp, server)
        row, ask = only()
        assert (row.state, row.attempts, ask.state) == ("pending", 1, "sending")
        assert row.next_at > row.created_at
        for _ in range(delivery.MAX_ATTEMPTS):
            Delivery.objects.filter(state="pending").update(next_at=row.created_at)
            work()

    row, ask = only()
    assert (row.state, row.attempts) == ("dead", delivery.MAX_ATTEMPTS)
    assert "try later" in row.error
    assert (ask.state, ask.outcome_reason) == ("failed", "gave_up")


def test_a_mail_server_that_is_away_costs_nobody_an_attempt(smtp: SettingsWrapper) -> None:
    launch()
    with MailServer() as server:
        smtp.EMAIL_PORT = server.port

    work()

    row, ask = only()
    assert (row.state, row.attempts, ask.state) == ("pending", 0, "sending")
    assert "could not be reached" in row.error


def test_a_connection_lost_after_the_final_dot_leaves_the_mail_in_doubt(smtp: SettingsWrapper) -> None:
    launch()

    with MailServer(final=DROP) as server:
        send_with(smtp, server)
        work()

    row, ask = only()
    assert (row.state, len(server.messages)) == ("in_doubt", 1)
    assert ask.asked_at is not None
    assert ask.expires_at - ask.asked_at == dt.timedelta(days=ask.wave.campaign.expires_after_days)


def doubtful(smtp: SettingsWrapper) -> tuple[Delivery, Invitation]:
    launch()
    with MailServer(final=DROP) as server:
        send_with(smtp, server)
    return only()


def test_doubt_is_settled_by_an_open(smtp: SettingsWrapper) -> None:
    row, ask = doubtful(smtp)
    assert delivery.resolve_doubts() == 0
    Invitation.objects.filter(pk=ask.pk).update(opened_at=ask.asked_at)

    assert delivery.resolve_doubts() == 1

    row, ask = only()
    assert (row.state, ask.state) == ("done", "sent")
    assert Event.objects.filter(kind="survey.sent").count() == 1


def test_doubt_is_settled_by_a_person(smtp: SettingsWrapper, lead: User) -> None:
    row, _ = doubtful(smtp)

    delivery.mark_as_sent(delivery=row, actor=lead)

    row, ask = only()
    assert (row.state, ask.state) == ("done", "sent")
    with pytest.raises(Refused):
        delivery.mark_as_sent(delivery=row, actor=lead)


def test_a_doubtful_mail_sent_again_keeps_its_message_id(smtp: SettingsWrapper, lead: User) -> None:
    row, _ = doubtful(smtp)

    delivery.send_again(delivery=row, actor=lead)
    with MailServer() as server:
        send_with(smtp, server)

    again, ask = only()
    assert (again.state, ask.state) == ("done", "sent")
    assert parsed(server)[0]["Message-ID"] == row.message_id


def test_a_killed_worker_leaves_doubt_and_the_person_counts_as_asked(smtp: SettingsWrapper) -> None:
    launch()
    kind = outbox.kind_named(pacing.MAIL)
    assert kind
    batch = outbox.claim(kind)
    assert batch
    batch.fence(batch.rows)
    Delivery.objects.update(lease_until=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))

    outbox.reap()
    delivery.resolve_doubts()

    row, ask = only()
    assert row.state == "in_doubt"
    assert ask.asked_at is not None


@pytest.mark.parametrize("what", ["suppressed", "paused", "stopped", "answered"])
def test_what_happens_between_claim_and_fence_holds_the_mail_back(
    smtp: SettingsWrapper, monkeypatch: pytest.MonkeyPatch, lead: User, what: str
) -> None:
    wave = launch()

    def meanwhile(number: int, command: bytes) -> str:
        return "250 2.1.0 ok"

    real = outbox.Batch.fence

    def interfere(self: outbox.Batch, rows: list, where: object = None) -> list:
        if what == "suppressed":
            suppress("p0@fjord.example")
        elif what == "paused":
            campaigns.pause(campaign=wave.campaign, actor=lead)
        elif what == "stopped":
            campaigns.stop(campaign=wave.campaign, actor=lead)
        else:
            Invitation.objects.update(state=InvitationState.ANSWERED, scored_at=dt.datetime.now(dt.UTC))
        return real(self, rows, where)  # type: ignore[arg-type]

    monkeypatch.setattr(outbox.Batch, "fence", interfere)
    with MailServer(mail=meanwhile) as server:
        send_with(smtp, server)
    monkeypatch.undo()

    row, ask = only()
    assert server.messages == []
    assert (row.state, ask.state) == {
        "suppressed": ("cancelled", "withdrawn"),
        "paused": ("pending", "sending"),
        "stopped": ("cancelled", "withdrawn"),
        "answered": ("cancelled", "answered"),
    }[what]


def test_a_paused_campaign_sends_when_it_is_resumed(smtp: SettingsWrapper, lead: User) -> None:
    wave = launch()
    campaigns.pause(campaign=wave.campaign, actor=lead)
    with MailServer() as server:
        send_with(smtp, server)
        assert server.messages == []

        campaigns.resume(campaign=wave.campaign, actor=lead)
        work()

    assert len(server.messages) == 1


def test_who_became_ineligible_meanwhile_is_withdrawn_with_the_reason(smtp: SettingsWrapper) -> None:
    launch()
    Contact.objects.update(erased_at=dt.datetime.now(dt.UTC))

    with MailServer() as server:
        send_with(smtp, server)

    row, ask = only()
    assert (server.messages, row.state, ask.state, ask.outcome_reason) == (
        [],
        "cancelled",
        "withdrawn",
        "contact_gone",
    )


def test_a_campaign_pauses_itself_when_too_many_mails_bounce(smtp: SettingsWrapper) -> None:
    wave = launch(1)
    contact = make_contact(make_account("Earlier"), "earlier@fjord.example")
    Invitation.objects.bulk_create(
        [
            Invitation(
                wave=wave, version=wave.version, contact=contact, recipient_key=f"k{n}", state="sent",
                asked_at=dt.datetime.now(dt.UTC), outcome_reason="bounced" if n < 10 else "",
            )
            for n in range(199)
        ]
    )  # fmt: skip
    assert not campaigns.pause_if_bouncing(wave.campaign_id)

    with MailServer(rcpt="550 5.1.1 no such user") as server:
        send_with(smtp, server)

    wave.campaign.refresh_from_db()
    assert wave.campaign.state == CampaignState.PAUSED
    assert "5.5 % of the mails bounced" in wave.campaign.pause_reason


def test_nothing_leaves_where_sending_is_switched_off(smtp: SettingsWrapper, lead: User) -> None:
    launch()
    smtp.SENDING_ENABLED = False

    with MailServer() as server:
        send_with(smtp, server)

    assert server.commands == []
    assert only()[0].state == "pending"
    with pytest.raises(Refused, match="switched off"):
        delivery.send_test(version=Wave.objects.get().version, language="en", actor=lead)


def test_a_test_mail_goes_to_the_person_who_asked_and_enters_no_figure(
    smtp: SettingsWrapper, lead: User
) -> None:
    survey = make_survey()
    assert survey.current
    suppressions.suppress(address_key=key_of(lead.email), reason=suppressions.SuppressionReason.MANUAL)

    delivery.send_test(version=survey.current, language="en", actor=lead)
    with MailServer() as server:
        send_with(smtp, server)

    (message,) = parsed(server)
    assert "lead@example.com" in message["To"]
    assert not Event.objects.filter(kind="survey.sent").exists()
    assert not Invitation.objects.real().exists()


def test_any_other_backend_works_with_the_fence_before_the_hand_over(smtp: SettingsWrapper) -> None:
    smtp.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    launch(2)

    work()

    assert len(mail.outbox) == 2
    assert {m.extra_headers["Message-ID"] for m in mail.outbox} == set(
        Delivery.objects.filter(state="done").values_list("message_id", flat=True)
    )


def test_a_provider_that_answers_nothing_leaves_doubt(
    smtp: SettingsWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    smtp.EMAIL_BACKEND = "anymail.backends.test.EmailBackend"
    launch()
    monkeypatch.setattr("django.core.mail.EmailMultiAlternatives.send", _time_out)

    work()

    assert only()[0].state == "in_doubt"


def _time_out(self: object, fail_silently: bool = False) -> int:
    raise TimeoutError("read timed out")


def test_who_lacks_words_that_a_mail_needs_is_left_out_with_the_reason_and_others_go(
    smtp: SettingsWrapper,
) -> None:
    survey = make_survey(
        "Named", languages={"en": Words(intro="Hello {{ first_name }}, of {{ account_name|your company }}")}
    )
    wave = launch(2, campaign=make_campaign(survey, launched_at=dt.datetime(2026, 3, 1, tzinfo=dt.UTC)))
    nameless = Contact.objects.get(email="p1@fjord.example")
    nameless.first_name = ""
    nameless.save(update_fields=["first_name"])

    with MailServer() as server:
        send_with(smtp, server)
        work()

    assert [m["To"] for m in parsed(server)] == ['"Ida0" <p0@fjord.example>']
    left_out = Invitation.objects.get(wave=wave, contact=nameless)
    row = Delivery.objects.get(invitation=left_out)
    assert (left_out.state, left_out.asked_at) == ("failed", None)
    assert row.state == "failed"
    assert "first_name" in row.error
    assert not Suppression.objects.exists()  # the address is not to blame
    assert Invitation.objects.get(wave=wave, contact__email="p0@fjord.example").state == "sent"
