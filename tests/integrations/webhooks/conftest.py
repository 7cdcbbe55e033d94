"""What tests of webhooks share: receivers on this machine, and time that passes for the outbox."""

import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db.models import F, Min
from django.db.models.functions import Now
from pytest_django import Settings as SettingsWrapper

from core import outbox
from integrations.outgoing import domain, hearing, sending, services
from integrations.outgoing.models import Webhook, WebhookDelivery
from surveys.models import Response
from team.models import User
from tests import factories
from tests.core.http_server import HttpServer


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    hearing.look_again()


@pytest.fixture
def receiver(settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    """Somebody who listens. The shortest waits are a minute here: a busy machine may take five seconds for a test."""
    settings.FETCH_ALLOW = ["127.0.0.1"]
    monkeypatch.setattr(domain, "SCHEDULE", tuple(max(60, wait) if wait else 0 for wait in domain.SCHEDULE))
    monkeypatch.setattr(domain, "HOLD_SECONDS", tuple(max(60, wait) for wait in domain.HOLD_SECONDS))
    with HttpServer() as server:
        yield server


Made = tuple[Webhook, str]


@pytest.fixture
def webhook_to(administrator: User) -> Callable[..., Made]:
    """`webhook_to(server, kinds=[…])`: a webhook at work and its secret."""

    def make(server: HttpServer, *, actor: User | None = None, **fields: Any) -> Made:
        fields = {"name": "Receiver", "kinds": ["response.scored"], **fields}
        return services.create_webhook(url=f"{server.url}/in", actor=actor or administrator, **fields)

    return make


class Time:
    """The database's clock cannot be turned, so what waits is moved nearer instead."""

    def __init__(self) -> None:
        self.passed = 0.0

    def pass_(self, seconds: float) -> None:
        self.passed += seconds
        step = dt.timedelta(seconds=seconds)
        WebhookDelivery.objects.filter(state="pending").update(next_at=F("next_at") - step)
        Webhook.objects.filter(hold_until__isnull=False).update(hold_until=F("hold_until") - step)

    def to_the_next_try(self) -> bool:
        """Let time pass until something is due; False when nothing waits."""
        waiting = WebhookDelivery.objects.filter(state="pending")
        soonest = waiting.aggregate(at=Min("next_at"))["at"]
        if soonest is None:
            return False
        held = Webhook.objects.filter(hold_until__gt=Now()).aggregate(at=Min("hold_until"))["at"]
        now = dt.datetime.now(dt.UTC)
        self.pass_(max(0.0, (max(soonest, held or soonest) - now).total_seconds()) + 0.5)
        return True


@pytest.fixture
def outbox_time(db: None) -> Time:
    return Time()


@pytest.fixture
def send(db: None) -> Callable[[], int]:
    """Send what is due now, until nothing is."""

    def run() -> int:
        kind = outbox.kind_named(sending.KIND)
        assert kind is not None
        total = 0
        while handled := outbox.work(kind):
            total += handled
        return total

    return run


def said(server: HttpServer, number: int = -1) -> dict[str, Any]:
    """The JSON of a request that the server heard."""
    found: dict[str, Any] = json.loads(server.heard[number].body)
    return found


def someone_answers(score: int) -> Response:
    """Somebody of Acme answers a survey of their own."""
    contact = factories.a_contact("someone@acme.example", account=factories.an_account("Acme"))
    return factories.respond(factories.a_survey(), score, contact_id=contact.pk)
