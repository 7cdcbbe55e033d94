"""Sending by SMTP: what becomes of a message for every way in which a mail server can fail."""

import datetime as dt
import socket
import ssl
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core import mail
from django.core.mail import EmailMultiAlternatives, get_connection

from core.mail.outcome import Kind, Outcome, Stage
from core.mail.smtp import EmailBackend, Letter, on_the_wire
from tests.core.smtp_server import DROP, HANG, RESET, MailServer

DATA = b"Subject: Hello\r\n\r\nOne\r\n"


def backend_for(port: int, **settings: Any) -> EmailBackend:
    return EmailBackend(host="127.0.0.1", port=port, timeout=settings.pop("timeout", 5.0), **settings)


def send(
    backend: EmailBackend, rcpt: str = "jonas@customer.test", *, fence: Callable[[], bool] = lambda: True
) -> Outcome:
    return backend.send_fenced(mail_from="ask@acme.test", rcpt=rcpt, data=DATA, fence=fence)


def letters(*rcpts: str) -> list[Letter]:
    return [Letter(rcpt.partition("@")[0], "ask@acme.test", rcpt, DATA) for rcpt in rcpts]


def let_all(keys: Sequence[Hashable]) -> Collection[Hashable]:
    return keys


# One message


@pytest.mark.parametrize("pipelining", [True, False])
def test_a_message_is_sent_once_and_asked_about_before_data(pipelining: bool) -> None:
    seen: list[list[str]] = []
    with MailServer(pipelining=pipelining) as server:
        backend = backend_for(server.port)

        outcome = send(backend, fence=lambda: not seen.append(server.verbs()))
        backend.close()

        assert outcome == Outcome(Kind.SENT, Stage.FINAL, 250, "2.0.0")
        assert seen == [["EHLO", "MAIL", "RCPT"]]
        assert [body for _, body in server.messages] == [DATA]


def test_a_connection_that_was_opened_before_is_greeted_too() -> None:
    with MailServer(pipelining=True) as server, backend_for(server.port) as backend:
        outcome = send(backend)

    assert outcome.kind == Kind.SENT
    assert server.verbs()[:2] == ["EHLO", "MAIL"]


@pytest.mark.parametrize("pipelining", [True, False])
def test_a_fence_that_says_no_takes_the_message_back(pipelining: bool) -> None:
    with MailServer(pipelining=pipelining) as server:
        backend = backend_for(server.port)

        withdrawn = send(backend, fence=lambda: False)
        sent = send(backend)
        backend.close()

        assert withdrawn == Outcome(Kind.WITHDRAWN, Stage.FENCE)
        assert sent.kind is Kind.SENT
        assert server.verbs() == ["EHLO", "MAIL", "RCPT", "RSET", "MAIL", "RCPT", "DATA", "QUIT"]
        assert server.sessions == 1


def test_a_fence_that_fails_leaves_nothing_sent() -> None:
    def broken() -> bool:
        raise LookupError("the database is gone")

    with MailServer() as server:
        backend = backend_for(server.port)
        with pytest.raises(LookupError):
            send(backend, fence=broken)
        again = send(backend)

        assert again.kind is Kind.SENT
        assert len(server.messages) == 1


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("steps", "kind", "stage", "code"),
    [
        ({"banner": "554 5.7.1 we do not talk to you"}, Kind.RETRY, Stage.CONNECT, 554),
        ({"banner": "421 4.3.2 too busy"}, Kind.RETRY, Stage.CONNECT, 421),
        ({"banner": DROP}, Kind.RETRY, Stage.CONNECT, None),
        ({"banner": HANG}, Kind.RETRY, Stage.CONNECT, 0),
        ({"ehlo": HANG}, Kind.RETRY, Stage.CONNECT, None),
        ({"ehlo": DROP}, Kind.RETRY, Stage.CONNECT, None),
        ({"mail": "421 4.3.2 closing"}, Kind.RETRY, Stage.SENDER, 421),
        ({"mail": "451 4.3.0 later"}, Kind.RETRY, Stage.SENDER, 451),
        ({"mail": "530 5.7.0 log in first"}, Kind.RETRY, Stage.SENDER, 530),
        ({"mail": "553 5.1.8 bad sender domain"}, Kind.REFUSED, Stage.SENDER, 553),
        ({"mail": DROP}, Kind.RETRY, Stage.SENDER, 0),
        ({"mail": HANG}, Kind.RETRY, Stage.SENDER, 0),
        ({"rcpt": "421 4.3.2 closing"}, Kind.RETRY, Stage.RECIPIENT, 421),
        ({"rcpt": "451 4.2.0 greylisted"}, Kind.RETRY, Stage.RECIPIENT, 451),
        ({"rcpt": "550 5.1.1 no such user"}, Kind.REFUSED, Stage.RECIPIENT, 550),
        ({"rcpt": DROP}, Kind.RETRY, Stage.RECIPIENT, 0),
        ({"rcpt": HANG}, Kind.RETRY, Stage.RECIPIENT, 0),
        ({"data": "421 4.3.2 closing"}, Kind.RETRY, Stage.DATA, 421),
        ({"data": "451 4.3.0 later"}, Kind.RETRY, Stage.DATA, 451),
        ({"data": "554 5.5.1 no"}, Kind.REFUSED, Stage.DATA, 554),
        ({"data": DROP}, Kind.RETRY, Stage.DATA, 0),
        ({"data": HANG}, Kind.RETRY, Stage.DATA, 0),
        ({"final": "421 4.3.2 closing"}, Kind.RETRY, Stage.FINAL, 421),
        ({"final": "451 4.3.0 later"}, Kind.RETRY, Stage.FINAL, 451),
        ({"final": "552 5.2.2 mailbox full"}, Kind.REFUSED, Stage.FINAL, 552),
        ({"final": "what"}, Kind.IN_DOUBT, Stage.FINAL, -1),
        ({"final": DROP}, Kind.IN_DOUBT, Stage.FINAL, 0),
        ({"final": RESET}, Kind.IN_DOUBT, Stage.FINAL, 0),
        ({"final": HANG}, Kind.IN_DOUBT, Stage.FINAL, 0),
    ],
)
def test_every_fault_has_its_outcome(
    steps: dict[str, Any], kind: Kind, stage: Stage, code: int | None, pipelining: bool
) -> None:
    with MailServer(pipelining=pipelining, **steps) as server:
        outcome = send(backend_for(server.port, timeout=0.2))

        assert (outcome.kind, outcome.stage) == (kind, stage)
        assert code is None or outcome.code == code
        assert outcome.diagnostic
        assert not outcome.address_bad or "5.1.1" in steps.get("rcpt", "")
        assert len(server.messages) == (
            1 if kind is Kind.IN_DOUBT and stage is Stage.FINAL and code == 0 else 0
        )


def test_a_connection_that_breaks_before_the_final_dot_may_be_tried_again() -> None:
    """The body is larger than what the network buffers, so the break comes while it is being written."""
    big = b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 200_000
    with MailServer(reads_message=False) as server:
        outcome = backend_for(server.port, timeout=2.0).send_fenced(
            mail_from="ask@acme.test", rcpt="jonas@customer.test", data=big, fence=lambda: True
        )

    assert (outcome.kind, outcome.stage) == (Kind.RETRY, Stage.DATA)


def test_nobody_listening_is_a_retry() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    outcome = send(backend_for(port, timeout=0.5))

    assert (outcome.kind, outcome.stage, outcome.about_server) == (Kind.RETRY, Stage.CONNECT, True)


@pytest.mark.parametrize(
    ("reply", "bad"),
    [
        ("550 5.1.1 user unknown", True),
        ("550 5.1.2 host unknown", True),
        ("550 5.1.10 null MX", True),
        ("550 5.2.1 mailbox disabled", True),
        ("550 User unknown", True),
        ("550 5.7.1 blocked by policy", False),
        ("552 5.2.2 mailbox full", False),
        ("553 5.1.8 sender's domain unknown", False),
        ("554 Transaction failed", False),
        ("450 4.1.1 not now", False),
    ],
)
def test_only_a_bad_address_is_marked_for_suppression(reply: str, bad: bool) -> None:
    with MailServer(rcpt=reply) as server:
        outcome = send(backend_for(server.port))

    assert outcome.address_bad is bad


def test_the_diagnostic_names_nobody() -> None:
    said = "550 5.1.1 <Jonas.Weber@Customer.test>: Jonas.Weber is not here, ask boss@customer.test\x1b[31m"
    with MailServer(rcpt=said) as server:
        outcome = send(backend_for(server.port), "jonas.weber@customer.test")

    assert "jonas" not in outcome.diagnostic.lower()
    assert "@" not in outcome.diagnostic
    assert outcome.diagnostic.isprintable()
    assert outcome.enhanced == "5.1.1"


# Connections


def test_one_connection_carries_many_messages() -> None:
    with MailServer() as server:
        backend = backend_for(server.port)
        kinds = {send(backend).kind for _ in range(5)}
        backend.close()

    assert kinds == {Kind.SENT}
    assert server.sessions == 1


@pytest.mark.parametrize("farewell", ["421 4.4.2 idle too long", DROP])
def test_a_kept_connection_that_the_server_closed_is_opened_again(farewell: str) -> None:
    asked = []

    def mail_step(number: int, _: bytes) -> str:
        asked.append(number)
        return farewell if asked == [1, 1] else "250 2.1.0 ok"

    with MailServer(mail=mail_step) as server:
        backend = backend_for(server.port)
        outcomes = [send(backend).kind, send(backend).kind]

    assert outcomes == [Kind.SENT, Kind.SENT]
    assert server.sessions == 2
    assert len(server.messages) == 2


def test_encryption_that_is_demanded_and_not_offered_stops_the_sending() -> None:
    with MailServer() as server:
        outcome = send(backend_for(server.port, use_tls=True))

    assert (outcome.kind, outcome.stage) == (Kind.RETRY, Stage.CONNECT)
    assert "encryption" in outcome.diagnostic
    assert "MAIL" not in server.verbs()


def test_a_refused_login_stops_the_sending() -> None:
    with MailServer(features=("AUTH PLAIN",), auth="535 5.7.8 wrong password for me@acme.test") as server:
        outcome = send(backend_for(server.port, username="me", password="secret"))

    assert (outcome.kind, outcome.stage, outcome.code) == (Kind.RETRY, Stage.CONNECT, 535)
    assert "login" in outcome.diagnostic
    assert "secret" not in outcome.diagnostic
    assert "MAIL" not in server.verbs()


# Many messages


@pytest.mark.parametrize("pipelining", [True, False])
def test_a_batch_is_fenced_once_and_each_letter_gets_its_outcome(pipelining: bool) -> None:
    asked: list[Sequence[Hashable]] = []

    def fence(keys: Sequence[Hashable]) -> Collection[Hashable]:
        asked.append(list(keys))
        return [key for key in keys if key != "paused"]

    def rcpt(_: int, command: bytes) -> str:
        return (
            "550 5.1.1 unknown"
            if b"gone" in command
            else "451 4.2.0 later"
            if b"grey" in command
            else "250 ok"
        )

    names = ("gone", "anna", "gone2", "paused", "grey", "ben", "cleo")
    with MailServer(pipelining=pipelining, rcpt=rcpt) as server:
        backend = backend_for(server.port)
        outcomes = backend.send_many(letters(*(f"{name}@customer.test" for name in names)), fence_many=fence)
        backend.close()

    assert {key: outcome.kind.value for key, outcome in outcomes.items()} == {
        "gone": "refused",
        "anna": "sent",
        "gone2": "refused",
        "paused": "withdrawn",
        "grey": "retry",
        "ben": "sent",
        "cleo": "sent",
    }
    assert asked == [["anna", "gone2", "paused", "grey", "ben", "cleo"]]
    assert [rcpt_[9:].split(b"@")[0] for rcpt_, _ in server.messages] == [b"anna", b"ben", b"cleo"]
    assert server.sessions == 1


def test_a_server_that_waits_for_the_message_of_a_refused_recipient_gets_an_empty_one() -> None:
    """RFC 2920: DATA was sent along, and this server answers it although nobody is to receive."""
    with MailServer(
        rcpt=lambda _, c: "550 5.1.1 no" if b"gone" in c else "250 ok", data="354 go on"
    ) as server:
        server.steps["final"] = lambda _, rcpt: "250 ok" if rcpt else "554 5.5.1 no recipients"
        outcomes = backend_for(server.port).send_many(
            letters("anna@c.test", "gone@c.test", "ben@c.test"), fence_many=let_all
        )

    assert [outcome.kind for outcome in outcomes.values()] == [Kind.SENT, Kind.REFUSED, Kind.SENT]
    assert len(server.messages) == 2


@pytest.mark.parametrize("fault", [DROP, HANG, RESET])
def test_a_loss_after_a_final_dot_puts_that_letter_alone_in_doubt(fault: str) -> None:
    with MailServer(final=lambda _, rcpt: fault if b"ben" in rcpt else "250 ok") as server:
        outcomes = backend_for(server.port, timeout=0.3).send_many(
            letters("anna@c.test", "ben@c.test", "cleo@c.test", "dora@c.test"), fence_many=let_all
        )

    assert {key: outcome.kind.value for key, outcome in outcomes.items()} == {
        "anna": "sent",
        "ben": "in_doubt",
        "cleo": "sent",
        "dora": "sent",
    }
    assert server.sessions == 2


@pytest.mark.parametrize("step", ["mail", "rcpt"])
def test_a_loss_in_the_middle_of_a_batch_goes_on_over_a_new_connection(step: str) -> None:
    lost = []

    def once(number: int, command: bytes) -> str:
        if number == 1 and len(server.messages) == 2 and not lost:
            lost.append(command)
            return "421 4.3.2 too many messages"
        return "250 ok"

    with MailServer(**{step: once}) as server:
        outcomes = backend_for(server.port).send_many(
            letters(*(f"p{n}@c.test" for n in range(6))), fence_many=let_all
        )

    assert {outcome.kind for outcome in outcomes.values()} == {Kind.SENT}
    assert len(server.messages) == 6
    assert server.sessions == 2


@pytest.mark.parametrize("fault", [{"rcpt": DROP}, {"final": DROP}, {"data": DROP}, {"mail": HANG}])
def test_a_server_that_fails_again_and_again_is_left_in_peace(fault: dict[str, Any]) -> None:
    with MailServer(**fault) as server:
        outcomes = backend_for(server.port, timeout=0.2).send_many(
            letters(*(f"p{n}@c.test" for n in range(20))), fence_many=let_all
        )

    assert len(outcomes) == 20
    assert server.sessions == 2
    assert sum(outcome.kind is Kind.RETRY for outcome in outcomes.values()) >= 18
    assert sum(outcome.kind is Kind.IN_DOUBT for outcome in outcomes.values()) == len(server.messages)


def test_a_letter_that_cannot_be_built_does_not_stop_the_others() -> None:
    def broken() -> bytes:
        raise KeyError("first_name")

    with MailServer() as server:
        batch = [Letter("bad", "ask@acme.test", "a@c.test", broken), *letters("anna@c.test")]
        outcomes = backend_for(server.port).send_many(batch, fence_many=let_all)

    assert (outcomes["bad"].kind, outcomes["bad"].stage) == (Kind.REFUSED, Stage.BUILD)
    assert not outcomes["bad"].address_bad
    assert outcomes["anna"].kind is Kind.SENT


def test_a_batch_begins_no_letter_after_its_time() -> None:
    with MailServer() as server:
        outcomes = backend_for(server.port).send_many(
            letters("a@c.test", "b@c.test"), fence_many=let_all, budget=0
        )

    assert {outcome.kind for outcome in outcomes.values()} == {Kind.RETRY}
    assert server.messages == []


@pytest.mark.parametrize(
    "rcpt",
    [
        "a@c.test>\r\nRCPT TO:<b@c.test",
        "a b@c.test",
        "<a@c.test>",
        "a@",
        "@c.test",
        "a",
        "a@c..test",
        "a@-c.test",
        "a@c.test\n",
    ],
)
def test_an_address_that_is_none_is_refused_before_the_server_hears_it(rcpt: str) -> None:
    with MailServer() as server:
        outcome = send(backend_for(server.port), rcpt)

    assert (outcome.kind, outcome.stage, outcome.address_bad) == (Kind.REFUSED, Stage.BUILD, True)
    assert "RCPT" not in server.verbs()


def test_an_international_domain_is_sent_in_ascii_and_a_local_part_needs_the_server() -> None:
    with MailServer(features=("8BITMIME",)) as server:
        backend = backend_for(server.port)
        domain = send(backend, "jonas@straße.test")
        local = send(backend, "jürgen@customer.test")

        assert domain.kind is Kind.SENT
        assert any(command.startswith(b"RCPT TO:<jonas@xn--strae-oqa.test>") for command in server.commands)
        assert (local.kind, local.stage) == (Kind.REFUSED, Stage.BUILD)
        assert "outside ASCII" in local.diagnostic

    with MailServer() as able:
        assert send(backend_for(able.port), "jürgen@customer.test").kind is Kind.SENT
        assert b"MAIL FROM:<ask@acme.test> BODY=8BITMIME SMTPUTF8\r\n" in able.commands


def test_a_message_beyond_the_announced_size_is_not_begun() -> None:
    with MailServer(features=("SIZE 10",)) as server:
        outcome = send(backend_for(server.port))

    assert (outcome.kind, outcome.stage) == (Kind.REFUSED, Stage.BUILD)
    assert "MAIL" not in server.verbs()


@pytest.mark.parametrize(
    "body",
    [
        b".\r\n",
        b"a\r\n.\r\nMAIL FROM:<x@y.z>\r\n",
        b"a\n.\nb",
        b"a\r.\r\nb",
        b"..",
        b"a\n\r.\r\n",
        b"no line end",
        b"",
    ],
)
def test_no_body_ends_the_message_early(body: bytes) -> None:
    wire = on_the_wire(b"Subject: x\r\n\r\n" + body)

    assert wire.endswith(b"\r\n.\r\n")
    assert b"\r\n.\r\n" not in wire[:-5]
    assert wire.count(b"\r") == wire.count(b"\n") == wire.count(b"\r\n")


# With a complete server


class Inbox:
    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return "250 2.0.0 kept"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return folder / "key.pem", folder / "cert.pem"


@pytest.fixture
def secure_server(certificate: tuple[Path, Path]) -> Iterator[tuple[Controller, Inbox, ssl.SSLContext]]:
    key, file = certificate
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file, key)
    inbox = Inbox()
    controller = Controller(
        inbox,
        hostname="127.0.0.1",
        port=_free_port(),
        tls_context=context,
        require_starttls=True,
        authenticator=lambda *_: AuthResult(success=True),
    )
    controller.start()
    trusting = ssl.create_default_context(cafile=str(file))
    yield controller, inbox, trusting
    controller.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def test_sending_inside_starttls_with_a_login(
    secure_server: tuple[Controller, Inbox, ssl.SSLContext],
) -> None:
    controller, inbox, trusting = secure_server
    backend = backend_for(controller.port, use_tls=True, username="me", password="secret")
    backend.__dict__["ssl_context"] = trusting

    outcomes = backend.send_many(letters("anna@c.test", "ben@c.test"), fence_many=let_all)
    backend.close()

    assert {outcome.kind for outcome in outcomes.values()} == {Kind.SENT}
    assert [envelope.rcpt_tos for envelope in inbox.envelopes] == [["anna@c.test"], ["ben@c.test"]]


def test_a_certificate_nobody_vouches_for_stops_the_sending(
    secure_server: tuple[Controller, Inbox, ssl.SSLContext],
) -> None:
    controller, inbox, _ = secure_server

    outcome = send(backend_for(controller.port, use_tls=True))

    assert (outcome.kind, outcome.stage) == (Kind.RETRY, Stage.CONNECT)
    assert inbox.envelopes == []


def test_ordinary_django_mail_goes_through_the_same_backend(settings: Any) -> None:
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=_free_port())
    controller.start()
    try:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", controller.port
        connection = get_connection("core.mail.smtp.EmailBackend")
        message = EmailMultiAlternatives("Guten Tag", "Grüße", "a@acme.test", ["b@c.test", "c@c.test"])
        message.attach_alternative("<p>Grüße</p>", "text/html")

        sent = connection.send_messages([message, mail.EmailMessage("Two", "x", "a@acme.test", ["d@c.test"])])
    finally:
        controller.stop()

    assert sent == 2
    assert [envelope.rcpt_tos for envelope in inbox.envelopes] == [["b@c.test", "c@c.test"], ["d@c.test"]]
