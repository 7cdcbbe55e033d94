"""Reports of mail providers over HTTP: what each sends, what it means, and what a forger gets."""

import datetime as dt
import itertools
import json
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings as SettingsWrapper

from accounts.models import Event
from core import clock, fetch
from surveys import pacing, planning, provider_events
from surveys.models import Delivery, Invitation, PageVisit, Suppression
from surveys.services import delivery, sns
from tests.surveys import mail_providers
from tests.surveys.asking import make_account, make_campaign, make_contact, make_wave
from tests.surveys.mail_providers import KINDS, PROVIDERS, SIGNED, Post

pytestmark = pytest.mark.django_db
EVERY = [
    (name, kind)
    for name, make in PROVIDERS.items()
    for kind in KINDS
    if make(kind, "delivery:1:first:email", "esp-1") is not None
]


@pytest.fixture(autouse=True)
def hooks(settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch) -> SettingsWrapper:
    settings.ANYMAIL = mail_providers.ANYMAIL
    monkeypatch.setattr(sns, "_certificate", lambda url: mail_providers.amazons_certificate())
    return settings


@pytest.fixture
def sent() -> Delivery:
    now = clock.now()
    make_contact(make_account())
    wave = make_wave(make_campaign(launched_at=now))
    planning.plan_wave(wave.pk)
    pacing.release(wave.pk)
    Delivery.objects.update(state="done", provider_id="esp-1")
    Invitation.objects.update(state="sent", asked_at=now, delivered_at=None)
    return Delivery.objects.get()


def report(name: str, kind: str, row: Delivery) -> Post:
    post = PROVIDERS[name](kind, row.key, row.provider_id)
    assert post is not None
    return post


def standing() -> dict[str, Any]:
    ask = Invitation.objects.get()
    return {
        "state": ask.state,
        "why": ask.outcome_reason,
        "delivered": ask.delivered_at is not None,
        "opened": ask.opened_at is not None,
        "suppressed": list(Suppression.objects.values_list("reason", flat=True)),
        "machine": PageVisit.objects.filter(kind="machine").count(),
    }


MEANING: dict[str, dict[str, Any]] = {
    "delivered": {"delivered": True},
    "hard": {"state": "failed", "why": "bounced", "suppressed": ["bounced"]},
    "soft": {"state": "failed", "why": "refused"},
    "complained": {"state": "failed", "why": "complained", "suppressed": ["complained"]},
    "opened": {"opened": True},
    "machine": {"delivered": True, "machine": 1},
    "rejected": {"state": "failed", "why": "refused"},
    "unsubscribed": {"state": "declined", "why": "unsubscribed", "suppressed": ["unsubscribed"]},
}
UNTOUCHED: dict[str, Any] = {
    "state": "sent", "why": "", "delivered": False, "opened": False, "suppressed": [], "machine": 0,
}  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_what_a_provider_reports_is_understood_and_said_twice_changes_nothing(
    sent: Delivery, name: str, kind: str
) -> None:
    for _ in range(2):
        answer = report(name, kind, sent).send()
        assert answer.status_code == 200

    assert standing() == UNTOUCHED | MEANING[kind]
    assert Event.objects.filter(kind="survey.bounced").count() == int(kind in {"hard", "complained"})


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_report_without_our_key_is_matched_by_the_providers_own_id(sent: Delivery, name: str) -> None:
    provider_id = "<esp-1@mailgun.example>" if name == "mailgun" else "esp-1"
    Delivery.objects.update(provider_id=provider_id)
    post = PROVIDERS[name]("hard", "", provider_id)
    assert post is not None

    assert post.send().status_code == 200

    assert standing()["why"] == "bounced"


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("secret", [None, "hook:wrong", "", ":", "hook:5f1e-secret2", "ho"])
def test_without_the_secret_nothing_is_taken(sent: Delivery, name: str, secret: str | None) -> None:
    answer = report(name, "hard", sent).send(secret=secret)

    assert answer.status_code in {400, 401, 403}
    assert answer.content == b""
    assert standing() == UNTOUCHED
    assert not Event.objects.filter(kind="survey.bounced").exists()


@pytest.mark.parametrize("name", sorted(SIGNED))
@pytest.mark.parametrize("how", ["missing", "wrong", "of another body"])
def test_a_signature_counts_beside_the_secret(sent: Delivery, name: str, how: str) -> None:
    post = report(name, "hard", sent)
    if how == "of another body":
        post.body = (
            post.body.replace(b"5.1.1", b"5.1.2").replace(b"Permanent", b"Transient")
            if name != "mailgun"
            else post.body.replace(b'"1773748800"', b'"1773748801"')
        )
    elif name == "mailgun":
        said = json.loads(post.body)
        if how == "missing":
            del said["signature"]
        else:
            said["signature"]["signature"] = "0" * 64
        post.body = json.dumps(said).encode()
    else:
        header = next(h for h in post.headers if "ignature" in h)
        if how == "missing":
            del post.headers[header]
        else:
            post.headers[header] = "AAAA"

    assert post.send().status_code == 400
    assert standing() == UNTOUCHED


def test_every_order_of_reports_ends_in_the_same_place(sent: Delivery) -> None:
    """Providers promise no order: a bounce may come before "delivered"."""
    for kinds in itertools.permutations(["delivered", "hard", "complained", "soft", "opened"]):
        Suppression.objects.all().delete()
        Invitation.objects.update(state="sent", outcome_reason="", delivered_at=None, opened_at=None)
        for kind in kinds:
            assert report("postmark", kind, sent).send().status_code == 200
        assert standing() == UNTOUCHED | {
            "state": "failed", "why": "complained", "opened": True, "suppressed": ["complained"],
        }, kinds  # fmt: skip


def test_delivered_after_a_bounce_does_not_bring_the_address_back(sent: Delivery) -> None:
    report("brevo", "hard", sent).send()
    report("brevo", "delivered", sent).send()

    assert standing() == UNTOUCHED | MEANING["hard"]


def test_an_answer_stays_an_answer(sent: Delivery) -> None:
    Invitation.objects.update(state="answered", scored_at=clock.now())

    for kind in ("soft", "hard", "rejected"):
        report("postmark", kind, sent).send()

    assert standing()["state"] == "answered"
    assert standing()["suppressed"] == ["bounced"]


def test_a_report_about_somebody_elses_mail_is_left_alone(sent: Delivery) -> None:
    post = PROVIDERS["postmark"]("hard", "delivery:999:first:email", "esp-1")
    assert post is not None

    assert post.send().status_code == 200
    assert standing() == UNTOUCHED


# --- What a body can do --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"{}", b'"x"', b"\xff\xfe", b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"ID": ' + b"9" * 6000 + b"}",
        b'{"RecordType": "Bounce"', b'{"RecordType": "Bounce", "Type": ["HardBounce"]}', b'{"RecordType": {}}',
        b'{"RecordType": "Delivery", "DeliveredAt": 5}', b'{"RecordType": "Delivery", "Metadata": "x"}',
        b'{"RecordType": "Delivery", "Metadata": {"delivery": "\\u0000"}, "MessageID": "\\u0000\\ud800"}',
        b'{"RecordType": "Delivery", "DeliveredAt": "99999-01-01T00:00:00Z", "MessageID": "x"}',
    ],
)  # fmt: skip
def test_no_body_breaks_the_door(sent: Delivery, body: bytes) -> None:
    for hook in ("postmark/tracking/", "sendgrid/tracking/", "sparkpost/tracking/", "amazon_ses/tracking/"):
        answer = Post(hook, body).send()
        assert answer.status_code in {200, 400}
    assert standing() == UNTOUCHED


def test_a_moment_in_the_future_is_not_believed(sent: Delivery) -> None:
    post = report("postmark", "delivered", sent)
    post.body = post.body.replace(b"2026-03-17", b"2999-03-17")

    post.send()

    delivered_at = Invitation.objects.get().delivered_at
    assert delivered_at is not None
    assert delivered_at <= clock.now()


def test_a_body_beyond_the_limit_is_refused_unless_the_secret_comes_with_it(sent: Delivery) -> None:
    post = report("postmark", "hard", sent)
    post.body = post.body[:-1] + b', "Content": "' + b"x" * 3_000_000 + b'"}'

    assert post.send(secret="hook:wrong").status_code in {400, 413}
    assert standing() == UNTOUCHED
    assert post.send().status_code == 200
    assert standing()["why"] == "bounced"


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_only_posts_are_taken(sent: Delivery, method: str) -> None:
    assert getattr(Client(), method)("/hooks/mail/postmark/tracking/").status_code == 405


def test_what_could_not_be_stored_is_asked_for_again(sent: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> bool:
        raise RuntimeError("the database is away")

    monkeypatch.setattr(delivery, "note_report", fail)

    assert report("postmark", "hard", sent).send().status_code == 503


def test_there_is_no_door_without_a_secret(sent: Delivery, hooks: SettingsWrapper) -> None:
    hooks.ANYMAIL = {}

    assert not provider_events.is_configured()
    assert report("postmark", "hard", sent).send().status_code == 404


def test_a_provider_that_is_not_set_up_takes_nothing(sent: Delivery, hooks: SettingsWrapper) -> None:
    hooks.ANYMAIL = {"WEBHOOK_SECRET": mail_providers.SECRET}

    for name in ("mailgun", "mandrill", "mailersend"):
        assert report(name, "hard", sent).send().status_code == 400
    assert Post("nobody/tracking/", b"{}").send().status_code == 404
    assert standing() == UNTOUCHED


def test_the_log_holds_neither_secret_nor_address(sent: Delivery, caplog: pytest.LogCaptureFixture) -> None:
    for name in PROVIDERS:
        report(name, "hard", sent).send(secret="hook:guessed-secret")
        report(name, "hard", sent).send(**{"X-Mandrill-Signature": "wrong", "Signature": "wrong"})

    assert "secret" not in caplog.text
    assert mail_providers.TO not in caplog.text


# --- Amazon --------------------------------------------------------------------------------------------------
def confirmation(url: str, **more: Any) -> Post:
    return mail_providers.sns({}, Type="SubscriptionConfirmation", SubscribeURL=url, Token="t", **more)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    import socket

    asked: list[str] = []

    def refuse(self: Any, address: Any) -> None:
        asked.append(str(address))
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    return asked


GOOD = "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=a&Token=t"


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription",
        "https://sns.evil.com/",
        "https://sns.us-east-1.amazonaws.com.evil.com/",
        "https://sns.us-east-1.amazonaws.com@evil.com/",
        "https://evil.com/sns.us-east-1.amazonaws.com/",
        "https://sns.us-east-1.amazonaws.com:8443/",
        "https://sns.us-east-1.amazonaws.com:x/",
        "https://snsXus-east-1.amazonaws.com/",
        "https://sns.us-east-1.amazonaws.com\\@evil.com/",
        "https://s3.amazonaws.com/sns.us-east-1.amazonaws.com/",
        "javascript:alert(1)",
        "",
    ],
)
def test_a_subscription_elsewhere_is_neither_opened_nor_shown(no_network: list[str], url: str) -> None:
    sns.forget()

    assert confirmation(url).send().status_code == 200

    assert sns.waiting() is None
    assert no_network == []


def test_a_subscription_of_amazon_waits_for_an_administrator(no_network: list[str]) -> None:
    sns.forget()
    assert confirmation(GOOD).send(secret="hook:wrong").status_code == 400
    assert sns.waiting() is None

    assert confirmation(GOOD).send().status_code == 200

    waiting = sns.waiting()
    assert waiting is not None
    assert waiting.url == GOOD
    assert no_network == []


CERTIFICATE = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-12345.pem"


def changed(post: Post, **values: Any) -> Post:
    """The notice with other values, signed as it was."""
    post.body = json.dumps(json.loads(post.body) | values).encode()
    return post


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.evil.com/SimpleNotificationService-1.pem",
        "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
        # Whatever else lies there may be put there by anybody.
        "https://sns.us-east-1.amazonaws.com/x.pem",
        "https://sns.us-east-1.amazonaws.com/?Action=GetEndpoint&x=/SimpleNotificationService-1.pem",
        CERTIFICATE + "?Action=x",
        CERTIFICATE + "/../x",
        5,
        None,
    ],
)
def test_a_notification_signed_elsewhere_is_refused(sent: Delivery, url: Any) -> None:
    post = changed(report("amazon_ses", "hard", sent), SigningCertURL=url)

    assert post.send().status_code == 400
    assert standing() == UNTOUCHED


@pytest.mark.parametrize(
    "values",
    [
        {"Signature": ""}, {"Signature": "AAAA"}, {"Signature": "not base64 ~"}, {"Signature": None},
        {"SignatureVersion": "2"}, {"SignatureVersion": "3"}, {"SignatureVersion": None},
        {"Timestamp": "2027-01-01T00:00:00.000Z"}, {"TopicArn": "arn:aws:sns:us-east-1:123456789012:other"},
        {"Subject": "added"},
    ],
)  # fmt: skip
def test_a_notification_that_was_changed_is_refused(sent: Delivery, values: dict[str, Any]) -> None:
    assert changed(report("amazon_ses", "hard", sent), **values).send().status_code == 400
    assert standing() == UNTOUCHED


def test_the_newer_signature_of_amazon_is_understood(sent: Delivery) -> None:
    post = report("amazon_ses", "hard", sent)
    unsigned = json.loads(post.body) | {"Subject": "Amazon SES Email Event Notification"}
    post.body = json.dumps(mail_providers.signed_by_amazon(unsigned, "2")).encode()

    assert post.send().status_code == 200
    assert standing() == UNTOUCHED | MEANING["hard"]


def test_a_subscription_that_amazon_did_not_sign_is_not_shown() -> None:
    sns.forget()

    assert changed(confirmation(GOOD), SubscribeURL=GOOD + "2").send().status_code == 400

    assert sns.waiting() is None


def test_amazons_signature_is_not_asked_for_where_nothing_may_be_called(
    sent: Delivery, hooks: SettingsWrapper
) -> None:
    hooks.SNS_VERIFY = False

    assert changed(report("amazon_ses", "hard", sent), Signature="x").send().status_code == 200


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The real way to the certificate, with Amazon at its end; the addresses that were fetched."""
    asked: list[str] = []

    def get(url: str, **_: Any) -> fetch.Reply:
        asked.append(url)
        return fetch.Reply(status=200, headers={}, body=mail_providers.amazons_certificate())

    cache.clear()
    monkeypatch.undo()
    monkeypatch.setattr(fetch, "get", get)
    return asked


def test_the_certificate_is_fetched_once(sent: Delivery, fetched: list[str]) -> None:
    for _ in range(2):
        assert report("amazon_ses", "hard", sent).send().status_code == 200

    assert fetched == [CERTIFICATE]


def test_no_certificate_is_fetched_for_who_does_not_know_the_secret(
    sent: Delivery, fetched: list[str]
) -> None:
    assert report("amazon_ses", "hard", sent).send(secret="hook:wrong").status_code == 400

    assert fetched == []


@pytest.mark.parametrize("trouble", [fetch.Unreachable("away"), 500, 403, b"no certificate"])
def test_a_notice_comes_again_where_the_certificate_cannot_be_had(
    sent: Delivery,
    fetched: list[str],
    monkeypatch: pytest.MonkeyPatch,
    trouble: Any,
) -> None:
    def get(url: str, **_: Any) -> fetch.Reply:
        if isinstance(trouble, Exception):
            raise trouble
        if isinstance(trouble, bytes):
            return fetch.Reply(status=200, headers={}, body=trouble)
        return fetch.Reply(status=trouble, headers={}, body=b"")

    monkeypatch.setattr(fetch, "get", get)

    assert report("amazon_ses", "hard", sent).send().status_code == 503
    assert standing() == UNTOUCHED


def test_a_certificate_that_ran_out_signs_nothing(sent: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: dt.datetime(2121, 1, 1, tzinfo=dt.UTC))

    with pytest.raises(sns.NotSigned, match="not valid now"):
        sns.verify(json.loads(mail_providers.sns({}).body))


def test_amazon_is_asked_for_the_secret(sent: Delivery) -> None:
    answer = report("amazon_ses", "hard", sent).send(secret=None)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Basic")
