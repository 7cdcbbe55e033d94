"""Mail that comes back, over HTTP as each provider hands it on: whose it is, what it is, and what it changes."""

import base64
import json
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlencode

import pytest
from pytest_django import Settings as SettingsWrapper

from accounts.models import Contact, Event
from core import clock
from surveys import pacing, planning, tokens
from surveys.channels.mail import replies
from surveys.models import Delivery, InboundMessage, Invitation, Suppression
from surveys.services import sns
from tests.surveys import mail_providers
from tests.surveys.asking import make_account, make_campaign, make_contact, make_wave
from tests.surveys.mail_providers import AT, Post
from tests.surveys.test_mail_replies import dsn

pytestmark = pytest.mark.django_db
IDA = "ida@fjord.example"


@pytest.fixture(autouse=True)
def hooks(settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch) -> SettingsWrapper:
    settings.ANYMAIL = mail_providers.ANYMAIL
    monkeypatch.setattr(sns, "_certificate", lambda url: mail_providers.amazons_certificate())
    settings.DEFAULT_FROM_EMAIL = "Nordlicht <ask@nordlicht.example>"
    settings.INBOUND_ADDRESS = "replies@in.nordlicht.example"
    return settings


@pytest.fixture
def sent() -> Delivery:
    make_contact(make_account(), IDA)
    wave = make_wave(make_campaign(launched_at=clock.now()))
    planning.plan_wave(wave.pk)
    pacing.release(wave.pk)
    Delivery.objects.update(state="done", provider_id="esp-1")
    Invitation.objects.update(state="sent", asked_at=clock.now())
    return Delivery.objects.get()


def mail(
    text: str = "The export is slow.",
    *,
    sender: str = f"Ida Holm <{IDA}>",
    to: str = "team@nordlicht.example",
    **head: str,
) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = sender, to
    message["Subject"] = head.pop("subject", "Re: A question")
    message["Message-ID"] = head.pop("message_id", "<reply-1@fjord.example>")
    message["Date"] = "Tue, 17 Mar 2026 12:00:00 +0000"
    for name, value in head.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message


# --- As providers hand it on -----------------------------------------------------------------------------------
def _headers(message: EmailMessage) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in message.items() if not name.startswith("Content-")]


def postmark(message: EmailMessage) -> Post:
    said = {
        "FromFull": {"Email": IDA, "Name": "Ida Holm"}, "ToFull": [{"Email": "team@nordlicht.example", "Name": ""}],
        "OriginalRecipient": "x@inbound.postmarkapp.com", "MessageID": "73e6d360", "TextBody": message.get_content(),
        "Headers": [{"Name": n, "Value": v} for n, v in _headers(message) if n not in {"From", "To", "Subject"}],
        "Subject": message["Subject"], "HtmlBody": "", "Attachments": [],
    }  # fmt: skip
    return Post("postmark/inbound/", json.dumps(said).encode())


def form(hook: str, fields: dict[str, Any]) -> Post:
    return Post(hook, urlencode(fields).encode(), "application/x-www-form-urlencoded")


def mailgun(message: EmailMessage) -> Post:
    proof = mail_providers._hmac(f"{AT}token1".encode()).hexdigest()
    return form(
        "mailgun/inbound/",
        {
            "recipient": "team@nordlicht.example", "sender": IDA, "body-plain": message.get_content(), "timestamp": AT,
            "message-headers": json.dumps(_headers(message)), "token": "token1", "signature": proof,
        },
    )  # fmt: skip


def mailgun_mime(message: EmailMessage) -> Post:
    proof = mail_providers._hmac(f"{AT}token1".encode()).hexdigest()
    return form(
        "mailgun/inbound_mime/",
        {
            "recipient": "team@nordlicht.example", "sender": IDA, "body-mime": message.as_string(), "timestamp": AT,
            "token": "token1", "signature": proof,
        },
    )  # fmt: skip


def sendgrid(message: EmailMessage) -> Post:
    envelope = json.dumps({"from": IDA, "to": ["team@nordlicht.example"]})
    return form("sendgrid/inbound/", {"email": message.as_string(), "envelope": envelope})


def amazon_ses(message: EmailMessage) -> Post:
    said = {
        "notificationType": "Received", "mail": {"messageId": "m1", "source": IDA, "timestamp": mail_providers.ISO},
        "receipt": {"recipients": ["team@nordlicht.example"], "action": {"type": "SNS", "encoding": "BASE64"}},
        "content": base64.b64encode(message.as_bytes()).decode(),
    }  # fmt: skip
    return mail_providers.sns(said, hook="amazon_ses/inbound/")


def mailjet(message: EmailMessage) -> Post:
    said = {
        "Sender": IDA, "Recipient": "team@nordlicht.example", "Headers": dict(_headers(message)),
        "Text-part": message.get_content(), "Parts": [],
    }  # fmt: skip
    return Post("mailjet/inbound/", json.dumps(said).encode())


def brevo(message: EmailMessage) -> Post:
    item = {
        "Uuid": ["u1"],
        "Headers": dict(_headers(message)),
        "RawTextBody": message.get_content(),
        "Attachments": [],
    }
    return Post("brevo/inbound/", json.dumps({"items": [item]}).encode())


def sparkpost(message: EmailMessage) -> Post:
    content = {"email_rfc822": message.as_string(), "email_rfc822_is_base64": False}
    said = {"protocol": "smtp", "content": content, "msg_from": IDA, "rcpt_to": "team@nordlicht.example"}
    return Post("sparkpost/inbound/", json.dumps([{"msys": {"relay_message": said}}]).encode())


def mandrill(message: EmailMessage) -> Post:
    msg = {"raw_msg": message.as_string(), "email": "team@nordlicht.example"}
    return mail_providers.signed_by_mandrill([{"event": "inbound", "ts": AT, "msg": msg}])


def mailersend(message: EmailMessage) -> Post:
    data = {
        "id": "m1",
        "created_at": mail_providers.ISO,
        "raw": message.as_string(),
        "sender": {"email": IDA},
    }
    body = json.dumps({"type": "inbound.message", "data": data}).encode()
    return Post("mailersend/inbound/", body, headers={"Signature": mail_providers._hmac(body).hexdigest()})


PROVIDERS = (
    amazon_ses,
    brevo,
    mailersend,
    mailgun,
    mailgun_mime,
    mailjet,
    mandrill,
    postmark,
    sendgrid,
    sparkpost,
)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda p: p.__name__)
def test_a_reply_is_on_the_timeline_of_the_one_who_wrote_it(sent: Delivery, provider: Any) -> None:
    text = "The export is slow.\n\nOn 3 March 2026, Nordlicht <ask@nordlicht.example> wrote:\n> How likely"
    post = provider(mail(text, In_Reply_To=sent.message_id))

    for _ in range(2):
        assert post.send().status_code == 200

    message = InboundMessage.objects.get()
    assert (message.channel, message.kind, message.from_address) == ("email", "reply", IDA)
    assert message.invitation_id == sent.invitation_id
    assert message.contact == Contact.objects.get()
    assert message.account == message.contact.account
    assert message.subject == "Re: A question"
    assert "How likely" in message.body
    assert replies.latest(message.body) == "The export is slow."
    event = Event.objects.get(kind="message.received")
    assert (event.contact_id, event.subject_id) == (message.contact_id, message.pk)
    assert "export" not in json.dumps(event.data)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda p: p.__name__)
@pytest.mark.parametrize("secret", [None, "hook:wrong"])
def test_nobody_else_can_put_mail_there(sent: Delivery, provider: Any, secret: str | None) -> None:
    assert provider(mail(In_Reply_To=sent.message_id)).send(secret=secret).status_code in {400, 401}
    assert not InboundMessage.objects.exists()


# --- Whose it is -----------------------------------------------------------------------------------------------
def test_a_colleague_who_answers_is_filed_under_the_account_only(sent: Delivery) -> None:
    sendgrid(mail(sender="boss@fjord.example", References=f"<x@y> {sent.message_id}")).send()

    message = InboundMessage.objects.get()
    assert (message.contact, message.account) == (None, sent.invitation.account)
    assert message.invitation_id == sent.invitation_id


def test_a_providers_own_message_id_is_ours_too(sent: Delivery) -> None:
    sendgrid(mail(sender="boss@fjord.example", In_Reply_To="<esp-1@mtasv.example>")).send()

    assert InboundMessage.objects.get().invitation_id == sent.invitation_id


def test_the_address_replied_to_tells_when_the_message_id_does_not(sent: Delivery) -> None:
    to = f"Replies <replies+{tokens.make_reply(sent.invitation_id).upper()}@in.nordlicht.example>"
    sendgrid(mail(sender="boss@fjord.example", to=to)).send()

    assert InboundMessage.objects.get().invitation_id == sent.invitation_id


def test_else_it_is_filed_under_who_sent_it(sent: Delivery) -> None:
    sendgrid(mail(sender="IDA@Fjord.example")).send()

    message = InboundMessage.objects.get()
    assert message.contact == Contact.objects.get()
    assert message.invitation_id == sent.invitation_id


def test_a_stranger_is_kept_without_an_account(sent: Delivery) -> None:
    sendgrid(mail(sender="stranger@else.example")).send()

    message = InboundMessage.objects.get()
    assert (message.contact, message.account, message.invitation) == (None, None, None)
    assert not Event.objects.filter(kind="message.received").exists()


@pytest.mark.parametrize("sender", ["ask@nordlicht.example", "replies@in.nordlicht.example", "", "nobody"])
def test_our_own_mail_and_mail_from_nowhere_go_round_no_more(sent: Delivery, sender: str) -> None:
    assert sendgrid(mail(sender=sender, In_Reply_To="<none@x>")).send().status_code == 200
    if sender != "nobody":
        assert not InboundMessage.objects.exists()


# --- What it is ------------------------------------------------------------------------------------------------
def test_an_out_of_office_note_is_no_contact(sent: Delivery) -> None:
    sendgrid(mail(In_Reply_To=sent.message_id, Auto_Submitted="auto-replied")).send()

    assert InboundMessage.objects.get().kind == "auto_reply"
    assert not Event.objects.filter(kind="message.received").exists()


def test_a_wish_to_stop_is_obeyed(sent: Delivery) -> None:
    sendgrid(mail("Unsubscribe", In_Reply_To=sent.message_id)).send()

    assert InboundMessage.objects.get().kind == "stop"
    entry = Suppression.objects.get()
    assert (entry.reason, entry.address_key) == ("unsubscribed", sent.invitation.recipient_key)
    assert Invitation.objects.get().state == "declined"


def test_a_wish_of_another_to_stop_ida_is_for_a_person_to_read(sent: Delivery) -> None:
    sendgrid(mail("Unsubscribe", sender="boss@fjord.example", In_Reply_To=sent.message_id)).send()

    assert InboundMessage.objects.get().kind == "stop"
    assert not Suppression.objects.exists()


def raw(text: str) -> Post:
    return form(
        "sendgrid/inbound/", {"email": text, "envelope": json.dumps({"from": "", "to": ["x@y.example"]})}
    )


def test_a_bounce_that_names_our_mail_suppresses_the_address(sent: Delivery) -> None:
    raw(dsn(original=sent.message_id)).send()

    assert Suppression.objects.get().reason == "bounced"
    assert Invitation.objects.get().outcome_reason == "bounced"
    assert not InboundMessage.objects.exists()


@pytest.mark.parametrize(
    "text",
    [dsn(original="<made-up@nordlicht.example>"), dsn(action="delayed", status="4.4.7"), dsn(status="4.2.2")],
)
def test_a_made_up_bounce_and_a_passing_one_suppress_nobody(sent: Delivery, text: str) -> None:
    assert (
        raw(text.replace("<abc@nordlicht.example>", sent.message_id) if "4." in text else text)
        .send()
        .status_code
        == 200
    )
    assert not Suppression.objects.exists()


def test_a_mail_that_comes_again_with_other_words_is_the_first_one(sent: Delivery) -> None:
    sendgrid(mail("First")).send()
    sendgrid(mail("Second")).send()

    assert InboundMessage.objects.get().body == "First"


def test_a_mail_without_an_id_is_known_by_its_content(sent: Delivery) -> None:
    for text in ("One", "One", "Two"):
        message = mail(text)
        del message["Message-ID"]
        sendgrid(message).send()

    assert InboundMessage.objects.count() == 2


@pytest.mark.parametrize(
    "head",
    [
        {"subject": "x" * 3000}, {"message_id": "<" + "i" * 900 + "@x>"}, {"References": "<a@b> " * 3000},
        {"subject": "=?utf-8?b?4oCuZ29vZA==?="}, {"In_Reply_To": "not an id"},
    ],
)  # fmt: skip
def test_no_head_breaks_the_reading(sent: Delivery, head: dict[str, str]) -> None:
    assert mandrill(mail(**head)).send().status_code == 200
    message = InboundMessage.objects.get()
    assert len(message.subject) <= 200
    assert "\u202e" not in message.subject


@pytest.mark.parametrize(("text", "status", "kept"), [("a\x00b", 200, ["ab"]), ("a\ud800", 400, [])])
def test_nul_and_half_characters_do_not_trouble_the_database(
    sent: Delivery, text: str, status: int, kept: list[str]
) -> None:
    post = brevo(mail(message_id="<x@x>"))
    said = json.loads(post.body)
    said["items"][0]["RawTextBody"] = text
    said["items"][0]["Headers"]["Message-ID"] = "<\x00@x>"
    post.body = json.dumps(said).encode()

    assert post.send().status_code == status
    assert list(InboundMessage.objects.values_list("body", flat=True)) == kept
