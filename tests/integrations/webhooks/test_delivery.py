"""From an event to a receiver: once, signed, repeated on schedule, and never into the own network."""

import datetime as dt
import ipaddress
import json
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.core import mail
from pytest_django import Settings as SettingsWrapper
from standardwebhooks.webhooks import Webhook as Verifier

from accounts.domain import Origin
from accounts.models import Event
from core import fetch, outbox
from core.errors import Invalid
from integrations.outgoing import domain, sending, services, signing, standing
from integrations.outgoing.domain import WebhookState
from integrations.outgoing.models import Webhook, WebhookAttempt, WebhookDelivery
from surveys.models import Survey
from team.models import User
from tests import factories
from tests.conftest import Drain
from tests.core.http_server import Heard, HttpServer, drip, hang_up, plain, silence
from tests.integrations.webhooks.conftest import Made, Time, said
from workflows.models import Alert

WebhookTo = Callable[..., Made]
Send = Callable[[], int]


@pytest.fixture
def survey(db: None) -> Survey:
    return factories.a_survey()


@pytest.fixture
def answer(survey: Survey) -> Callable[..., Any]:
    """`answer(score=3)`: somebody of Acme answers; the event is told to whoever listens."""
    contact = factories.a_contact("ann@acme.example", account=factories.an_account("Acme"), first_name="Ann")

    def respond(score: int = 3, **fields: Any) -> Any:
        return factories.respond(survey, score, contact_id=contact.pk, **fields)

    return respond


# --- Taken ---------------------------------------------------------------------------------------------------
def test_an_answer_is_told_once_signed_and_with_the_whole_state(
    receiver: HttpServer, webhook_to: WebhookTo, answer: Callable[..., Any], drain: Drain
) -> None:
    _, secret = webhook_to(receiver)

    response = answer(score=3, comment="Too slow")
    drain()

    assert len(receiver.heard) == 1
    heard = receiver.heard[0]
    Verifier(secret).verify(heard.body, heard.headers)
    message = said(receiver)
    assert set(message) == {"id", "type", "timestamp", "data"}
    assert (message["type"], message["id"]) == ("response.scored", heard.headers["webhook-id"])
    assert message["data"]["response"]["id"] == response.pk
    assert message["data"]["response"]["comment"] == "Too slow"
    assert message["data"]["contact"]["email"] == "ann@acme.example"
    assert message["data"]["account"]["name"] == "Acme"
    assert message["data"]["change"]["category"] == "detractor"
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.status, delivery.attempts) == ("done", 200, 1)
    attempt = WebhookAttempt.objects.get()
    assert (attempt.status, attempt.error, attempt.excerpt) == (200, "", "")


def test_only_kinds_and_conditions_that_were_asked_for_are_told(
    receiver: HttpServer, webhook_to: WebhookTo, answer: Callable[..., Any], drain: Drain
) -> None:
    webhook_to(receiver, conditions={"all": [{"field": "event.category", "op": "in", "value": ["promoter"]}]})
    webhook_to(receiver, kinds=["contact.erased"])

    answer(score=3)
    answer(score=10, external_id="another")
    drain()

    assert [said(receiver, n)["data"]["response"]["score"] for n in range(len(receiver.heard))] == [10]


def test_imported_answers_are_told_only_to_who_includes_them(
    receiver: HttpServer, webhook_to: WebhookTo, answer: Callable[..., Any], drain: Drain
) -> None:
    webhook_to(receiver)
    wide, _ = webhook_to(receiver, includes_imports=True)

    answer(score=3, origin=Origin.IMPORT)
    drain()

    assert list(WebhookDelivery.objects.values_list("webhook", flat=True)) == [wide.pk]


def test_nobody_hears_what_the_owner_may_not_see(
    receiver: HttpServer, webhook_to: WebhookTo, answer: Callable[..., Any], drain: Drain, csm: User
) -> None:
    """Row scope holds for webhooks too: at the event, and again at each try."""
    webhook_to(receiver, actor=csm)

    first = answer(score=3)
    drain()
    assert not receiver.heard

    first.account.owner = csm
    first.account.save()
    answer(score=4, external_id="second")
    drain()
    assert said(receiver)["data"]["response"]["score"] == 4

    receiver.answers.append(plain("500 Oh"))
    answer(score=5, external_id="third")
    drain()
    first.account.owner = None
    first.account.save()
    WebhookDelivery.objects.filter(state="pending").update(next_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    Webhook.objects.update(hold_until=None)
    drain()
    last = WebhookDelivery.objects.order_by("-pk")[0]
    assert (last.state, len(receiver.heard)) == ("cancelled", 2)
    assert "may not see" in last.error


def test_a_message_stays_below_twenty_kilobytes_and_says_what_it_left_out(
    receiver: HttpServer, webhook_to: WebhookTo, answer: Callable[..., Any], drain: Drain
) -> None:
    webhook_to(receiver)
    response = answer(score=3, comment="ü" * 5_000)
    response.contact.custom = {f"field_{n}": "x" * 190 for n in range(100)}
    response.contact.save()

    drain()

    assert len(receiver.heard[0].body) < domain.MAX_BYTES
    data = said(receiver)["data"]
    assert "contact.custom" in data["left_out"]
    assert data["response"]["score"] == 3


# --- Not taken -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("spread", [0.0, 0.999])
def test_the_schedule_is_that_of_standard_webhooks(spread: float) -> None:
    waits = [domain.pause_before_next(n, spread=spread) for n in range(1, domain.MAX_ATTEMPTS)]

    for wait, planned in zip(waits, [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400], strict=True):
        assert planned <= wait <= planned * 1.1
    assert domain.pause_before_next(1, spread=0, asked=90) == 90
    assert domain.pause_before_next(4, spread=0, asked=90) == 7200


def test_a_receiver_that_is_down_for_two_hours_gets_everything_after(
    receiver: HttpServer,
    webhook_to: WebhookTo,
    answer: Callable[..., Any],
    drain: Drain,
    send: Send,
    outbox_time: Time,
) -> None:
    webhook, _ = webhook_to(receiver)
    taken: set[str] = set()

    def flap(line: socket.socket, heard: Heard) -> None:
        if outbox_time.passed < 2 * 3600:
            plain("500 Down")(line, heard)
        else:
            taken.add(heard.headers["webhook-id"])
            plain()(line, heard)

    receiver.answer = flap
    for n in range(12):
        answer(score=n % 11, external_id=f"answer-{n}")
    drain()
    for _ in range(500):
        if not outbox_time.to_the_next_try():
            break
        send()

    assert WebhookDelivery.objects.exclude(state="done").count() == 0
    assert taken == set(WebhookDelivery.objects.values_list("message_id", flat=True))
    assert len(taken) == 12
    for delivery in WebhookDelivery.objects.all():
        tries = list(delivery.tries.order_by("pk").values_list("number", "status"))
        assert [number for number, _ in tries] == list(range(1, delivery.attempts + 1))
        assert [status for _, status in tries] == [500] * (len(tries) - 1) + [200]
    webhook.refresh_from_db()
    assert (webhook.failures, webhook.failing_since, webhook.hold_until) == (0, None, None)


def test_after_the_last_try_a_message_is_given_up_and_can_be_sent_again(
    receiver: HttpServer,
    webhook_to: WebhookTo,
    answer: Callable[..., Any],
    drain: Drain,
    send: Send,
    outbox_time: Time,
    administrator: User,
) -> None:
    webhook_to(receiver)
    receiver.answer = plain("400 No")
    answer()
    drain()
    while outbox_time.to_the_next_try():
        send()

    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.tries.count()) == ("dead", 10, 10)
    assert 75 * 3600 < outbox_time.passed < 84 * 3600
    receiver.answer = plain()
    services.replay_delivery(delivery=delivery, actor=administrator)
    send()

    delivery.refresh_from_db()
    assert delivery.state == "done"
    assert len({heard.headers["webhook-id"] for heard in receiver.heard}) == 1


@pytest.mark.parametrize("status", ["302 Found", "307 Temporary Redirect"])
def test_a_redirect_is_a_failure_and_is_not_followed(
    status: str, receiver: HttpServer, webhook_to: WebhookTo, answer: Callable[..., Any], drain: Drain
) -> None:
    webhook_to(receiver)
    with HttpServer() as elsewhere:
        receiver.answer = plain(status, headers=(f"Location: {elsewhere.url}/", "Set-Cookie: a=b"))
        answer()
        drain()
        assert elsewhere.connections == 0

    delivery = WebhookDelivery.objects.get()
    assert delivery.state == "pending"
    assert "Redirects are not followed" in delivery.error


def test_410_switches_the_webhook_off_and_tells_its_owner_once(
    receiver: HttpServer,
    webhook_to: WebhookTo,
    answer: Callable[..., Any],
    drain: Drain,
    administrator: User,
) -> None:
    webhook, _ = webhook_to(receiver)
    receiver.answer = plain("410 Gone")

    answer()
    drain()
    webhook.refresh_from_db()
    assert (webhook.state, webhook.reason) == ("disabled", "gone")
    alert = Alert.objects.get(kind="webhook_disabled")
    assert alert.assignee == administrator
    assert alert.matter is not None
    assert "Receiver" in alert.matter.words
    (told,) = [m for m in mail.outbox if "Receiver" in m.subject]
    assert told.to == [administrator.email]
    assert "Answered 410" in told.body
    assert "the account is yours" not in told.body

    answer(score=1, external_id="later")
    drain()
    assert len(receiver.heard) == 1


def test_retry_after_is_kept_and_the_others_wait_with_it(
    receiver: HttpServer,
    webhook_to: WebhookTo,
    answer: Callable[..., Any],
    drain: Drain,
    send: Send,
    outbox_time: Time,
) -> None:
    webhook_to(receiver)
    receiver.answers.append(plain("429 Slow down", headers=("Retry-After: 600",)))
    answer()
    drain()

    outbox_time.pass_(300)
    answer(score=9, external_id="second")
    drain()
    assert len(receiver.heard) == 1
    assert set(WebhookDelivery.objects.values_list("state", "attempts")) == {("pending", 1), ("pending", 0)}

    outbox_time.pass_(400)
    send()
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"done"}


def reset(line: socket.socket, heard: Heard) -> None:
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (silence, "did not answer within"),
        (hang_up, ""),
        (reset, ""),
        (drip(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n"), ""),
        (plain("200 OK", b"x" * 200_000), "more than"),
        (plain("999 What"), "Answered 999"),
        (lambda line, heard: line.sendall(b"no http at all\r\n\r\n"), ""),
    ],
    ids=["hang", "hang-up", "reset", "endless", "huge", "odd-status", "no-http"],
)
def test_an_ill_receiver_fails_one_try_and_nobody_else(
    behaviour: Callable[..., Any],
    words: str,
    receiver: HttpServer,
    webhook_to: WebhookTo,
    answer: Callable[..., Any],
    drain: Drain,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "DEADLINE", 0.6)
    receiver.answer = behaviour
    ill, _ = webhook_to(receiver)
    with HttpServer() as well:
        webhook_to(well, name="Well")
        answer()
        drain()
        assert len(well.heard) == 1

    delivery = WebhookDelivery.objects.get(webhook=ill)
    assert (delivery.state, delivery.attempts) == ("pending", 1)
    assert words in delivery.error
    assert "/in" not in delivery.error


def test_a_target_with_many_waiting_does_not_keep_another_waiting(
    receiver: HttpServer, webhook_to: WebhookTo, answer: Callable[..., Any], drain: Drain
) -> None:
    busy, _ = webhook_to(receiver)
    for n in range(30):
        answer(score=n % 11, external_id=f"a-{n}")
    drain("timeline_relay", "timeline_deliver")
    with HttpServer() as other:
        late, _ = webhook_to(other, name="Late")
        answer(score=1, external_id="late")
        drain("timeline_relay", "timeline_deliver")
        kind = outbox.kind_named(sending.KIND)
        assert kind is not None
        batch = outbox.claim(kind)

    assert batch is not None
    counts = {pk: sum(row.webhook_id == pk for row in batch.rows) for pk in (busy.pk, late.pk)}
    assert counts == {busy.pk: domain.PER_TARGET, late.pk: 1}


def test_a_worker_that_dies_after_sending_sends_again_under_the_same_id(
    receiver: HttpServer,
    webhook_to: WebhookTo,
    answer: Callable[..., Any],
    drain: Drain,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    webhook_to(receiver)
    answer()
    drain("timeline_relay", "timeline_deliver")
    kind = outbox.kind_named(sending.KIND)
    assert kind is not None
    batch = outbox.claim(kind)
    assert batch is not None
    with monkeypatch.context() as broken:

        def die(*_: object) -> None:
            raise SystemExit

        broken.setattr(sending, "_settle", die)
        with pytest.raises(SystemExit):
            sending.send_batch(batch)
    WebhookDelivery.objects.update(lease_until=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))

    outbox.reap()
    drain()

    assert len(receiver.heard) == 2
    assert len({heard.headers["webhook-id"] for heard in receiver.heard}) == 1
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("done", 2)


# --- Never inwards -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/", "http://169.254.169.254/latest/", "http://[::1]/", "file:///etc/passwd", "https://u:p@example.com/",
     "http://10.0.0.8/", "http://localhost/", "http://example.com:25/", "", "http://0x7f000001/"],
)  # fmt: skip
def test_an_address_inside_is_refused_when_it_is_saved(url: str, administrator: User) -> None:
    with pytest.raises(Invalid) as refusal:
        services.create_webhook(name="Inside", url=url, kinds=["response.scored"], actor=administrator)

    assert refusal.value.field == "url"
    assert not Webhook.objects.exists()


def test_a_name_that_turns_inwards_is_not_called(
    administrator: User,
    answer: Callable[..., Any],
    drain: Drain,
    monkeypatch: pytest.MonkeyPatch,
    settings: SettingsWrapper,
) -> None:
    settings.FETCH_ALLOW = []
    addresses = ["8.8.8.8"]
    monkeypatch.setattr(fetch, "resolve", lambda host, port: [ipaddress.ip_address(addresses[0])])
    with HttpServer() as inside:
        services.create_webhook(
            name="Turning",
            url=f"http://turning.example:{inside.port}/",
            kinds=["response.scored"],
            actor=administrator,
        )
        addresses[0] = "127.0.0.1"
        answer()
        drain()
        assert inside.connections == 0

    assert "internal network" in WebhookDelivery.objects.get().error


# --- Whose it is ---------------------------------------------------------------------------------------------
def test_a_webhook_whose_owner_left_is_paused_and_sends_nothing(
    receiver: HttpServer,
    webhook_to: WebhookTo,
    answer: Callable[..., Any],
    drain: Drain,
    lead: User,
    administrator: User,
) -> None:
    webhook, _ = webhook_to(receiver, actor=lead)
    receiver.answers.append(plain("500 Oh"))
    answer()
    drain()
    lead.is_active = False
    lead.save()
    WebhookDelivery.objects.update(next_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    Webhook.objects.update(hold_until=None)
    drain()
    assert len(receiver.heard) == 1

    standing.pause_orphans()
    webhook.refresh_from_db()
    assert (webhook.state, webhook.reason) == ("paused", "owner")

    services.take_over(webhook=webhook, actor=administrator)
    webhook.refresh_from_db()
    services.resume(webhook=webhook, actor=administrator)
    drain()
    assert len(receiver.heard) == 2


def test_days_of_nothing_but_failures_switch_it_off(
    receiver: HttpServer,
    webhook_to: WebhookTo,
    answer: Callable[..., Any],
    drain: Drain,
    frozen: time_machine.Traveller,
) -> None:
    webhook, _ = webhook_to(receiver)
    receiver.answer = plain("503 Down")
    answer()
    drain()
    Webhook.objects.update(failures=20, hold_until=None)
    frozen.shift(dt.timedelta(days=4))
    answer(score=1, external_id="b")
    drain()
    webhook.refresh_from_db()
    assert webhook.state == WebhookState.ACTIVE

    Webhook.objects.update(hold_until=None)
    frozen.shift(dt.timedelta(days=1, minutes=1))
    answer(score=1, external_id="c")
    drain()
    webhook.refresh_from_db()
    assert (webhook.state, webhook.reason) == ("disabled", "failing")
    assert Alert.objects.filter(kind="webhook_disabled").count() == 1


# --- Signatures ----------------------------------------------------------------------------------------------
def test_signatures_are_those_of_the_specification() -> None:
    """The example of standardwebhooks.com."""
    at = dt.datetime.fromtimestamp(1614265330, dt.UTC)

    made = signing.headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", at=at, body=b'{"test": 2432232314}',
    )  # fmt: skip

    assert made == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_while_a_secret_is_changed_both_prove_a_message(
    receiver: HttpServer, webhook_to: WebhookTo, answer: Callable[..., Any], drain: Drain, administrator: User,
    frozen: time_machine.Traveller,
) -> None:  # fmt: skip
    webhook, old = webhook_to(receiver)
    new = services.rotate_secret(webhook=webhook, actor=administrator)
    answer()
    drain()
    heard = receiver.heard[-1]
    for secret in (old, new):
        Verifier(secret).verify(heard.body, heard.headers)
    assert len(heard.headers["webhook-signature"].split()) == 2

    frozen.shift(dt.timedelta(hours=domain.ROTATION_HOURS, seconds=1))
    answer(score=1, external_id="after")
    drain()
    heard = receiver.heard[-1]
    Verifier(new).verify(heard.body, heard.headers)
    assert len(heard.headers["webhook-signature"].split()) == 1
    stored = Webhook.objects.get().secrets
    assert old not in stored
    assert new not in stored


# --- What is kept --------------------------------------------------------------------------------------------
def test_the_log_keeps_nothing_personal_of_an_answer(
    receiver: HttpServer, webhook_to: WebhookTo, answer: Callable[..., Any], drain: Drain
) -> None:
    _, secret = webhook_to(receiver)

    def echo(line: socket.socket, heard: Heard) -> None:
        data = json.loads(heard.body)["data"]
        text = f"cannot store {data['contact']['first_name']} Bergmann {data['contact']['email']}: {data['response']['comment']}"
        plain("422 No", f"{text} {secret} \x1b[31mred \u202e field plan is missing".encode())(line, heard)

    receiver.answer = echo
    answer(comment="Schrecklich langsam geworden")
    drain()

    kept = WebhookAttempt.objects.get().excerpt
    assert "field plan is missing" in kept
    for private in ("ann@acme.example", "Schrecklich", "langsam", secret, "\x1b", "\u202e"):
        assert private not in kept


def test_erasing_a_person_takes_what_receivers_said_of_them(
    receiver: HttpServer, webhook_to: WebhookTo, answer: Callable[..., Any], drain: Drain, administrator: User
) -> None:
    from accounts.services import erase

    webhook_to(receiver, kinds=["response.scored", "contact.erased"])
    receiver.answers.append(plain("500 Oh", b"some words"))
    response = answer()
    drain()
    assert WebhookAttempt.objects.get().excerpt == "some words"

    erase.erase_contact(contact=response.contact, actor=administrator)
    assert WebhookAttempt.objects.get().excerpt == ""
    Webhook.objects.update(hold_until=None)
    drain()
    told = said(receiver)
    assert told["type"] == "contact.erased"
    assert told["data"]["contact"] == {"id": response.contact_id, "is_erased": True}


# --- Again ---------------------------------------------------------------------------------------------------
def test_a_replay_of_a_range_keeps_ids_and_fetches_what_was_never_sent(
    receiver: HttpServer,
    webhook_to: WebhookTo,
    answer: Callable[..., Any],
    drain: Drain,
    administrator: User,
    frozen: time_machine.Traveller,
) -> None:
    webhook, _ = webhook_to(receiver)
    begin = dt.datetime.now(dt.UTC)
    answer(score=1)
    drain()
    first = receiver.heard[0].headers["webhook-id"]
    receiver.answers.append(plain("410 Gone"))
    frozen.shift(dt.timedelta(hours=1))
    answer(score=2, external_id="b")
    drain()
    frozen.shift(dt.timedelta(hours=1))
    missed = answer(score=3, external_id="c")
    drain()
    webhook.refresh_from_db()
    services.resume(webhook=webhook, actor=administrator)
    before = len(receiver.heard)

    count = services.replay_range(webhook=webhook, actor=administrator, since=begin - dt.timedelta(minutes=1))
    drain()
    again = receiver.heard[before:]
    assert count == 1
    assert {json.loads(h.body)["data"]["response"]["score"] for h in again} == {2, 3}
    assert first not in {h.headers["webhook-id"] for h in again}
    assert Event.objects.filter(kind="response.scored", subject_id=missed.pk).count() == 1

    before = len(receiver.heard)
    services.replay_range(
        webhook=webhook, actor=administrator, since=begin - dt.timedelta(minutes=1), only_failed=False
    )
    drain()
    ids = [h.headers["webhook-id"] for h in receiver.heard]
    assert sorted(ids[before:]) == sorted(set(ids))


def test_what_a_paused_webhook_collected_is_sent_when_it_is_resumed(
    receiver: HttpServer, webhook_to: WebhookTo, answer: Callable[..., Any], drain: Drain, administrator: User
) -> None:
    webhook, _ = webhook_to(receiver)
    services.pause(webhook=webhook, actor=administrator)
    answer()
    drain()
    assert not receiver.heard

    webhook.refresh_from_db()
    services.resume(webhook=webhook, actor=administrator)
    drain()
    assert len(receiver.heard) == 1


def test_a_test_delivery_is_marked_and_tried_once(
    receiver: HttpServer, webhook_to: WebhookTo, answer: Callable[..., Any], drain: Drain, administrator: User
) -> None:
    webhook, _ = webhook_to(receiver, kinds=[])
    services.send_test(webhook=webhook, kind="task.created", actor=administrator)
    receiver.answer = plain("500 Oh")
    response = answer()
    services.send_test(webhook=webhook, kind="response.scored", actor=administrator)
    drain()

    heard = {said(receiver, n)["type"]: said(receiver, n)["data"] for n in range(len(receiver.heard))}
    assert heard["task.created"]["is_test"] is True
    assert heard["response.scored"]["is_test"] is True
    assert heard["response.scored"]["response"]["id"] == response.pk
    assert "pending" not in WebhookDelivery.objects.values_list("state", flat=True)
    webhook.refresh_from_db()
    assert webhook.failures == 0


def test_a_new_webhook_misses_nothing_while_workers_still_remember_the_old_ones(
    receiver: HttpServer, webhook_to: WebhookTo, answer: Callable[..., Any], drain: Drain
) -> None:
    from core.models import Job
    from integrations.outgoing import hearing

    webhook_to(receiver)
    hearing._wanted = (hearing.time.monotonic() + 60, frozenset(), frozenset())
    answer()
    drain("timeline_relay", "timeline_deliver")
    assert not WebhookDelivery.objects.exists()

    hearing.look_again()
    drain()
    Job.objects.update(next_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    drain()
    assert len(receiver.heard) == 1
