"""Asking by SMS, from the campaign to the answer. Twilio is a server on this machine, reached through core.fetch."""

import datetime as dt
import re
from decimal import Decimal

import pytest
from django.test import Client
from pytest_django import Settings as SettingsWrapper

from accounts.models import Contact, Event
from core import outbox
from core.errors import Refused
from core.secrets import address_key
from surveys import pacing, planning
from surveys.choices import CampaignState, Identity, MessageKind
from surveys.content import Words
from surveys.models import Delivery, InboundMessage, Invitation, Response, Suppression
from surveys.services import campaigns, delivery, sms, surveys
from surveys.services.sms import Incoming
from team.models import User
from tests.core.http_server import HttpServer, hang_up, plain, silence
from tests.surveys.asking import make_account, make_campaign, make_contact, make_survey, make_wave
from tests.surveys.sms.twilio_server import (
    call,
    configure,
    form_of,
    refused,
    report,
    text_in,
    twilio_at,
)

pytestmark = pytest.mark.django_db
NUMBER = "+491701234567"
# SMS have quiet hours, whatever the hour in which the tests run.
DAYTIME = dt.datetime(2026, 3, 17, 10, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def deployment(settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch) -> SettingsWrapper:
    configure(settings)
    monkeypatch.setattr(delivery, "_away_until", {})
    monkeypatch.setattr("surveys.channels.sms.twilio.DEADLINE", 0.5)
    return settings


def person(number: str = NUMBER, email: str = "", **fields: object) -> Contact:
    return make_contact(
        make_account(f"Company {number}"),
        email,
        first_name="Ida",
        phone=number,
        phone_key=address_key(number),
        **fields,
    )


def ask(*people: Contact, language: str = "en") -> list[Invitation]:
    """These people, about to be asked by SMS."""
    campaign = make_campaign(
        make_survey(), channels=["sms"], launched_at=dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    )
    wave = make_wave(campaign)
    planning.plan_wave(wave.pk)
    pacing.release(wave.pk, now=DAYTIME)
    assert Delivery.objects.filter(channel="sms", invitation__is_test=False).count() == len(people)
    return list(Invitation.objects.order_by("pk"))


def work() -> None:
    kind = outbox.kind_named(pacing.MAIL)
    assert kind is not None
    while outbox.work(kind):
        pass


def asked(settings: SettingsWrapper, *people: Contact) -> HttpServer:
    ask(*people)
    with twilio_at(settings) as server:
        work()
    return server


def only() -> tuple[Delivery, Invitation]:
    row = Delivery.objects.select_related("invitation").get()
    return row, row.invitation


# --- Out -----------------------------------------------------------------------------------------------------
def test_a_campaign_by_sms_brings_a_score_and_a_comment(
    deployment: SettingsWrapper, client: Client, drain: object
) -> None:
    contact = person()
    server = asked(deployment, contact)

    (heard,) = server.heard
    form = form_of(heard)
    assert heard.path == f"/2010-04-01/Accounts/AC{'0' * 32}/Messages.json"
    assert (form["To"], form["From"]) == (NUMBER, "+4915550001111")
    assert re.search(r"https://ask\.nordlicht\.example/s/\S+", form["Body"])
    row, invitation = only()
    assert (row.state, row.segments, row.provider_id) == ("done", 2, f"SM{1:032d}")
    assert (invitation.state, invitation.channel) == ("sent", "sms")

    reply = text_in(client, "9 love it", number=NUMBER)

    assert reply.content.decode() == '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
    response = Response.objects.get()
    assert (response.score, response.comment, response.contact) == (9, "love it", contact)
    assert (response.channel, response.source, response.invitation) == ("sms", "sms", invitation)
    assert Event.objects.filter(kind="response.scored", contact=contact).count() == 1
    invitation.refresh_from_db()
    assert invitation.state == "answered"
    message = InboundMessage.objects.get()
    assert (message.kind, message.contact, message.body) == (MessageKind.SCORE, contact, "9 love it")


def test_the_short_link_opens_the_page_and_takes_the_answer(
    deployment: SettingsWrapper, client: Client
) -> None:
    server = asked(deployment, person())

    path = re.search(r"https://ask\.nordlicht\.example(/s/\S+)", form_of(server.heard[0])["Body"])

    assert path
    page = client.get(path.group(1))
    assert page.status_code == 200
    assert "How likely are you to recommend" in page.content.decode()
    assert not Response.objects.exists()


def test_the_question_is_put_in_the_persons_language(deployment: SettingsWrapper) -> None:
    contact = person(language="de")
    campaign = make_campaign(make_survey(languages={"en": Words(), "de": Words()}), channels=["sms"])
    wave = make_wave(campaign)
    planning.plan_wave(wave.pk)
    pacing.release(wave.pk, now=DAYTIME)
    with twilio_at(deployment) as server:
        work()

    assert "Antworten Sie 0-10" in form_of(server.heard[0])["Body"]
    assert contact.phone in form_of(server.heard[0])["To"]


@pytest.mark.parametrize(
    ("code", "reason"), [(21211, "bounced"), (21614, "bounced"), (21610, "unsubscribed")]
)
def test_a_number_that_cannot_be_asked_is_suppressed_for_sms_only(
    code: int, reason: str, deployment: SettingsWrapper
) -> None:
    ask(person(email="ida@fjord.example"))
    with twilio_at(deployment, refused(code)):
        work()

    row, invitation = only()
    entry = Suppression.objects.get()
    assert (row.state, row.code, invitation.state) == ("failed", str(code), "failed")
    assert (entry.channel, entry.reason, entry.address_key) == ("sms", reason, address_key(NUMBER))
    assert NUMBER not in row.error + entry.detail


def test_a_refusal_for_other_reasons_suppresses_nobody(deployment: SettingsWrapper) -> None:
    ask(person())
    with twilio_at(deployment, refused(21408)):
        work()

    row, invitation = only()
    assert (row.state, invitation.outcome_reason) == ("failed", "refused")
    assert "not switched on" in row.error
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(
    "answer",
    [refused(20429, "429 Too Many Requests"), plain("429 Too Many Requests"), plain("503 Service Unavailable"),
     refused(20003, "401 Unauthorized"), refused(21606), refused(20404, "404 Not Found"), plain("302 Found")],
    ids=["busy", "busy without reason", "not available", "login", "sender", "account", "redirect"],
)  # fmt: skip
def test_trouble_that_is_not_the_messages_costs_nobody_an_attempt(
    answer: object, deployment: SettingsWrapper
) -> None:
    ask(person(), person("+491701234568"))
    with twilio_at(deployment, answer) as server:  # type: ignore[arg-type]
        work()

    rows = Delivery.objects.all()
    assert len(server.heard) == 1
    assert {(row.state, row.attempts) for row in rows} == {("pending", 0)}
    assert {i.state for i in Invitation.objects.all()} == {"sending"}


def test_a_provider_that_is_away_does_not_hold_up_mail(deployment: SettingsWrapper) -> None:
    ask(person())
    with HttpServer() as server:
        deployment.TWILIO_URL = server.url
    work()

    row, _ = only()
    assert (row.state, row.attempts) == ("pending", 0)
    assert "could not be reached" in row.error
    assert set(delivery._away_until) == {"sms"}


@pytest.mark.parametrize("answer", [silence, hang_up, plain("500 Oops"), plain("201 Created", b"{}")])
def test_what_may_have_been_sent_is_in_doubt_and_the_rest_waits(
    answer: object, deployment: SettingsWrapper, client: Client
) -> None:
    ask(person(), person("+491701234568"))
    with twilio_at(deployment, answer) as server:  # type: ignore[arg-type]
        work()

    doubtful, waiting = Delivery.objects.order_by("pk")
    assert (doubtful.state, waiting.state, waiting.attempts) == ("in_doubt", "pending", 0)
    assert doubtful.invitation.asked_at is not None
    assert len(server.heard) == 1

    assert report(client, server.heard[0], "SMlate", "sent").status_code == 204

    doubtful.refresh_from_db()
    assert (doubtful.state, doubtful.provider_id) == ("done", "SMlate")


def test_who_stops_meanwhile_gets_nothing(deployment: SettingsWrapper) -> None:
    ask(person())
    Suppression.objects.create(address_key=address_key(NUMBER), channel="sms", reason="unsubscribed")
    with twilio_at(deployment) as server:
        work()

    assert server.heard == []
    assert Delivery.objects.get().state == "cancelled"


def test_a_stop_of_mails_does_not_hinder_the_fence_of_sms_and_the_other_way_round(
    deployment: SettingsWrapper,
) -> None:
    contact = person(email="ida@fjord.example")
    Suppression.objects.create(address_key=contact.address_key, channel="email", reason="bounced")
    ask(contact)
    with twilio_at(deployment) as server:
        work()

    assert len(server.heard) == 1


def test_without_a_provider_sms_wait(deployment: SettingsWrapper) -> None:
    deployment.SMS_PROVIDER = ""
    ask(person())

    work()

    row, _ = only()
    assert (row.state, row.attempts) == ("pending", 0)


def test_what_is_shown_in_the_product_is_not_sent(deployment: SettingsWrapper) -> None:
    contact = person(email="ida@fjord.example")
    wave = make_wave()
    invitation = Invitation.objects.create(
        wave=wave,
        version=wave.version,
        contact=contact,
        recipient_key=contact.address_key,
        state="sending",
        channel="in_app",
    )
    pacing.write_deliveries([invitation.pk])

    work()

    assert Delivery.objects.get().state == "pending"


# --- Reports -------------------------------------------------------------------------------------------------
def test_a_landline_is_suppressed_when_the_report_says_so(
    deployment: SettingsWrapper, client: Client
) -> None:
    server = asked(deployment, person())

    report(client, server.heard[0], f"SM{1:032d}", "undelivered", 30006)

    _, invitation = only()
    assert (invitation.state, invitation.outcome_reason) == ("failed", "bounced")
    assert Suppression.objects.get().channel == "sms"


def test_a_telephone_that_is_off_is_no_reason_to_give_up_the_number(
    deployment: SettingsWrapper, client: Client
) -> None:
    server = asked(deployment, person())

    report(client, server.heard[0], f"SM{1:032d}", "undelivered", 30003)

    _, invitation = only()
    assert (invitation.state, invitation.outcome_reason) == ("failed", "refused")
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 2, 0, 1)])
def test_reports_come_to_the_same_in_any_order(
    order: tuple[int, ...], deployment: SettingsWrapper, client: Client
) -> None:
    server = asked(deployment, person())
    reports = [("queued", 0), ("sent", 0), ("undelivered", 30005)]

    for n in order:
        report(client, server.heard[0], f"SM{1:032d}", *reports[n])

    _, invitation = only()
    assert (invitation.state, invitation.outcome_reason) == ("failed", "bounced")
    assert Event.objects.filter(kind="survey.bounced").count() == 1


def test_what_an_sms_cost_is_asked_for_once(deployment: SettingsWrapper) -> None:
    asked(deployment, person())
    Delivery.objects.update(sent_at=sms.clock.now() - dt.timedelta(hours=2))
    with twilio_at(deployment, plain(body=b'{"price": "-0.07900", "price_unit": "USD"}')) as server:
        sms.note_prices()
        sms.note_prices()

    row, _ = only()
    assert (row.price, row.price_currency) == (Decimal("0.07900"), "USD")
    assert [heard.method for heard in server.heard] == ["GET"]


# --- In ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "score"),
    [("10/10", 10), ("nine", 9), ("９", 9), ("-5", None), ("it was 8 but now 3", None), ("11", None)],
)
def test_replies_that_are_scores_and_replies_that_people_read(
    body: str, score: int | None, deployment: SettingsWrapper, client: Client
) -> None:
    contact = person()
    asked(deployment, contact)

    text_in(client, body, number=NUMBER)

    assert list(Response.objects.values_list("score", flat=True)) == ([] if score is None else [score])
    message = InboundMessage.objects.get()
    assert (message.body, message.contact) == (body, contact)
    assert message.kind == (MessageKind.REPLY if score is None else MessageKind.SCORE)
    if score is None:
        assert Event.objects.filter(kind="message.received", contact=contact).count() == 1


def test_a_score_alone_is_asked_for_its_reason_and_the_reason_completes_it(
    deployment: SettingsWrapper, client: Client
) -> None:
    asked(deployment, person())

    first = text_in(client, "3", number=NUMBER)
    second = text_in(client, "too slow & <dear>", number=NUMBER)
    text_in(client, "and the app", number=NUMBER)

    assert "What should we put right first?" in first.content.decode()
    assert "<Message>" not in second.content.decode()
    response = Response.objects.get()
    assert (response.score, response.comment, response.state) == (
        3,
        "too slow & <dear>\nand the app",
        "completed",
    )


def test_a_second_score_within_the_window_replaces_the_first(
    deployment: SettingsWrapper, client: Client
) -> None:
    asked(deployment, person())

    text_in(client, "3", number=NUMBER)
    text_in(client, "8 sorry, wrong key", number=NUMBER)

    assert [(r.score, r.comment) for r in Response.objects.all()] == [(8, "sorry, wrong key")]


def test_after_the_window_a_reply_is_kept_for_people(deployment: SettingsWrapper, client: Client) -> None:
    asked(deployment, person())
    text_in(client, "3 slow", number=NUMBER)
    Response.objects.update(locked_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))

    text_in(client, "9", number=NUMBER)

    assert Response.objects.get().score == 3
    assert [m.kind for m in InboundMessage.objects.order_by("pk")] == [MessageKind.SCORE, MessageKind.REPLY]


def test_an_sms_that_comes_twice_counts_once(deployment: SettingsWrapper, client: Client) -> None:
    asked(deployment, person())

    for _ in range(3):
        text_in(client, "9", number=NUMBER, sid="SMsame")

    assert (Response.objects.count(), InboundMessage.objects.count()) == (1, 1)


def test_stop_ends_sms_and_start_takes_that_back(deployment: SettingsWrapper, client: Client) -> None:
    contact = person(email="ida@fjord.example")
    asked(deployment, contact)

    text_in(client, "Stop.", number=NUMBER)

    entry = Suppression.objects.get()
    assert (entry.channel, entry.reason, entry.address_key) == ("sms", "unsubscribed", contact.phone_key)
    _, invitation = only()
    assert (invitation.state, invitation.outcome_reason) == ("declined", "unsubscribed")
    assert Event.objects.filter(kind="survey.declined", contact=contact).count() == 1
    assert not Response.objects.exists()

    text_in(client, "START", number=NUMBER)

    entry.refresh_from_db()
    assert entry.lifted_at is not None


def test_start_does_not_lift_what_was_not_asked_for_by_stop(
    deployment: SettingsWrapper, client: Client
) -> None:
    person()
    Suppression.objects.create(address_key=address_key(NUMBER), channel="sms", reason="bounced")

    text_in(client, "START", number=NUMBER)

    assert Suppression.objects.get().lifted_at is None


def test_help_says_who_we_are_unless_the_provider_did(deployment: SettingsWrapper, client: Client) -> None:
    asked(deployment, person())

    said = text_in(client, "HELP", number=NUMBER).content.decode()
    handled = text_in(client, "HELP", number=NUMBER, OptOutType="HELP").content.decode()

    assert "Nordlicht asks its customers" in said
    assert "STOP" in said
    assert "<Message>" not in handled


def test_a_score_from_an_unknown_number_waits_in_the_inbox(
    deployment: SettingsWrapper, client: Client
) -> None:
    asked(deployment, person())

    text_in(client, "8 fine", number="+4915799999999")
    text_in(client, "who is this?", number="+4915799999999")

    response = Response.objects.get()
    assert (response.identity, response.score, response.contact) == (Identity.INBOX, 8, None)
    assert response.identity_hint == {"phone": "+4915799999999"}
    assert [m.contact for m in InboundMessage.objects.all()] == [None, None]


def test_an_sms_to_a_company_that_asks_nobody_by_sms_is_kept(
    deployment: SettingsWrapper, client: Client
) -> None:
    text_in(client, "8 fine", number="+4915799999999")

    assert not Response.objects.exists()
    assert InboundMessage.objects.get().kind == MessageKind.REPLY


def test_a_number_of_a_contact_finds_the_contact_without_an_ask(
    deployment: SettingsWrapper, client: Client
) -> None:
    contact = person()

    text_in(client, "please call me", number=NUMBER)

    assert InboundMessage.objects.get().contact == contact


def test_control_characters_are_left_out(deployment: SettingsWrapper) -> None:
    contact = person()

    sms.take_in(Incoming(provider="twilio", provider_id="SM1", number=NUMBER, body="hi\x00 there\x1b[2J"))

    message = InboundMessage.objects.get()
    assert (message.body, message.contact) == ("hi there[2J", contact)


# --- Signatures ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/hooks/sms/twilio/inbound/", "/hooks/sms/twilio/status/"])
@pytest.mark.parametrize("signature", ["", "wrong", "0/KCTR6DLpKmkAf8muzZqo1nDgQ=", "ü"])
def test_calls_that_are_not_signed_are_refused(path: str, signature: str, client: Client) -> None:
    fields = {"MessageSid": "SM1", "From": NUMBER, "Body": "9", "MessageStatus": "undelivered"}

    assert call(client, path, fields, signature=signature).status_code == 403
    assert not InboundMessage.objects.exists()


def test_a_signature_is_good_for_its_fields_and_its_address_only(
    client: Client, deployment: SettingsWrapper
) -> None:
    from surveys.channels.sms import twilio

    path = "/hooks/sms/twilio/inbound/"
    fields = {"MessageSid": "SM1", "From": NUMBER, "Body": "9"}
    signed = twilio.signature(f"https://ask.nordlicht.example{path}", list(fields.items()))

    assert call(client, path, {**fields, "Body": "0"}, signature=signed).status_code == 403
    assert call(client, f"{path}?a=b", fields, signature=signed).status_code == 403
    assert call(client, "/hooks/sms/twilio/status/", fields, signature=signed).status_code == 403
    assert call(client, path, fields, signature=signed).status_code == 200


def test_the_signature_is_twilios(settings: SettingsWrapper) -> None:
    """The example of Twilio's documentation."""
    from surveys.channels.sms import twilio

    settings.TWILIO_AUTH_TOKEN = "12345"
    fields = [
        ("CallSid", "CA1234567890ABCDE"), ("Caller", "+14158675309"), ("Digits", "1234"),
        ("From", "+14158675309"), ("To", "+18005551212"),
    ]  # fmt: skip

    found = twilio.signature("https://mycompany.com/myapp.php?foo=1&bar=2", fields)

    assert found == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_calls_are_bounded_and_have_one_form(client: Client) -> None:
    path = "/hooks/sms/twilio/inbound/"

    large = client.post(path, "Body=" + "x" * 70_000, content_type="application/x-www-form-urlencoded")
    other = client.post(path, "{}", content_type="application/json")

    assert (large.status_code, other.status_code, client.get(path).status_code) == (413, 403, 405)


def test_without_an_account_there_is_no_such_address(client: Client, deployment: SettingsWrapper) -> None:
    deployment.TWILIO_AUTH_TOKEN = ""

    assert call(client, "/hooks/sms/twilio/inbound/", {"MessageSid": "SM1"}).status_code == 404


# --- Around it -----------------------------------------------------------------------------------------------
def test_a_campaign_is_not_launched_by_sms_that_cannot_be_sent(
    deployment: SettingsWrapper, lead: User
) -> None:
    person()
    short = make_campaign(
        make_survey("Short"), name="Short", channels=["email", "sms"], state=CampaignState.DRAFT
    )
    long = make_campaign(
        make_survey("Long", languages={"en": Words(question="How are we doing? " * 16)}), name="Long", channels=["sms"],
        state=CampaignState.DRAFT,
    )  # fmt: skip
    deployment.SMS_MAX_SEGMENTS = 2

    with pytest.raises(Refused, match="Shorten the question"):
        campaigns.launch(campaign=long, actor=lead)
    deployment.SMS_PROVIDER = ""
    with pytest.raises(Refused, match="NPS_SMS_PROVIDER"):
        campaigns.launch(campaign=short, actor=lead)


def test_the_list_of_suppressions_shows_numbers_too(as_lead: Client, client: Client) -> None:
    person()
    text_in(client, "STOP", number=NUMBER)

    shown = as_lead.get("/suppressions/").content.decode()
    found = as_lead.get("/suppressions/", {"q": "0170 1234567"}).content.decode()

    assert NUMBER in shown
    assert "SMS" in shown
    assert "1 address" in found


# --- Trying it out -------------------------------------------------------------------------------------------
def test_a_test_sms_goes_to_ones_own_number_and_enters_nothing(
    deployment: SettingsWrapper, client: Client, lead: User
) -> None:
    survey = make_survey(languages={"en": Words(sms="Hi {{ first_name }}, well? {link}")})

    surveys.send_test_sms(survey=survey, language="en", number="0170 1234567", actor=lead)
    with twilio_at(deployment) as server:
        work()

    form = form_of(server.heard[0])
    assert form["To"] == NUMBER
    assert re.match(r"Nordlicht: Hi Lea, well\? https://\S+ STOP to opt out$", form["Body"])
    lead.refresh_from_db()
    assert lead.phone == NUMBER
    assert not Invitation.objects.real().exists()
    assert not Event.objects.exists()


def test_the_reply_to_a_test_sms_is_understood_and_kept_nowhere(
    deployment: SettingsWrapper, client: Client, lead: User
) -> None:
    contact = person()
    surveys.send_test_sms(survey=make_survey("Tried"), language="en", number=NUMBER, actor=lead)
    with twilio_at(deployment):
        work()

    said = text_in(client, "9 love it", number=NUMBER).content.decode()

    assert "Understood as 9. This was a test" in said
    assert not Response.objects.exists()
    assert not InboundMessage.objects.exists()

    # What is sent to the same number in earnest later is answered in earnest.
    asked(deployment, contact)
    text_in(client, "9 love it", number=NUMBER)
    assert Response.objects.get().score == 9


@pytest.mark.parametrize("number", ["", "12", "call me"])
def test_a_test_sms_wants_a_number(number: str, lead: User) -> None:
    with pytest.raises(Refused, match="international form"):
        surveys.send_test_sms(survey=make_survey(), language="en", number=number, actor=lead)

    assert not Invitation.objects.exists()


def test_a_test_sms_wants_a_provider_and_a_text_that_fits(deployment: SettingsWrapper, lead: User) -> None:
    long = make_survey("Long", languages={"en": Words(sms="x" * 470)})
    with pytest.raises(Refused, match="SMS text"):
        surveys.send_test_sms(survey=long, language="en", number=NUMBER, actor=lead)

    deployment.SMS_PROVIDER = ""
    with pytest.raises(Refused, match="not set up"):
        surveys.send_test_sms(survey=make_survey(), language="en", number=NUMBER, actor=lead)
