"""A server that stands for Twilio, and Twilio's calls to us."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings as SettingsWrapper

from surveys.channels.sms import twilio
from tests.core.http_server import Answer, Heard, HttpServer, plain

OURS = "+4915550001111"
TOKEN = "an-auth-token-of-no-value"


def configure(settings: SettingsWrapper) -> None:
    settings.SMS_PROVIDER = "twilio"
    settings.SMS_FROM = OURS
    settings.TWILIO_ACCOUNT_SID = "AC" + "0" * 32
    settings.TWILIO_AUTH_TOKEN = TOKEN
    settings.BASE_URL = "https://ask.nordlicht.example"
    settings.FETCH_ALLOW = ["127.0.0.1"]


def accepted(sid: str, **more: object) -> Answer:
    body = {"sid": sid, "status": "queued", "num_segments": "2", "price": None, "error_code": None, **more}
    return plain("201 Created", json.dumps(body).encode())


def refused(code: int, status: str = "400 Bad Request") -> Answer:
    body = {
        "code": code,
        "message": "To +491701234567 is not valid",
        "status": int(status.split(" ", maxsplit=1)[0]),
    }
    return plain(status, json.dumps(body).encode())


@contextmanager
def twilio_at(settings: SettingsWrapper, *answers: Answer) -> Iterator[HttpServer]:
    """Twilio that gives these answers, and then accepts everything under numbers of its own."""
    given = iter(range(1, 1_000_000))

    def answer(line: object, heard: Heard) -> None:
        accepted(f"SM{next(given):032d}")(line, heard)  # type: ignore[arg-type]

    with HttpServer(answer=answer, answers=list(answers)) as server:  # type: ignore[arg-type]
        settings.TWILIO_URL = server.url
        yield server


def form_of(heard: Heard) -> dict[str, str]:
    return dict(parse_qsl(heard.body.decode(), keep_blank_values=True))


def call(client: Client, path: str, fields: dict[str, str], *, signature: str | None = None) -> HttpResponse:
    """What Twilio sends, signed unless a signature is given."""
    url = f"https://ask.nordlicht.example{path}"
    found = twilio.signature(url, list(fields.items())) if signature is None else signature
    return client.post(  # type: ignore[return-value]
        path,
        urlencode(fields),
        content_type="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": found} if found else {},
    )


def text_in(client: Client, body: str, *, number: str, sid: str = "", **more: str) -> HttpResponse:
    """A customer's SMS arrives."""
    global _count
    _count += 1
    fields = {
        "MessageSid": sid or f"SMin{_count}",
        "From": number,
        "To": OURS,
        "Body": body,
        "NumMedia": "0",
        **more,
    }
    return call(client, "/hooks/sms/twilio/inbound/", fields)


def report(client: Client, heard: Heard, sid: str, status: str, code: int = 0) -> HttpResponse:
    """A status report on an SMS that was sent with `heard`."""
    parts = urlsplit(form_of(heard)["StatusCallback"])
    fields = {
        "MessageSid": sid,
        "MessageStatus": status,
        "To": "x",
        **({"ErrorCode": str(code)} if code else {}),
    }
    return call(client, f"{parts.path}?{parts.query}", fields)


_count = 0
