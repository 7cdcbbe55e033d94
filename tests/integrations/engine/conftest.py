"""A connection to the fake system, and the other side's shelf of answers."""

import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from core.models import Job
from integrations import registry, vault
from integrations.models import AnswerFetch, Connection, HookDelivery, SyncRun
from integrations.services import connections
from surveys.models import Survey
from team.models import User
from tests import factories
from tests.conftest import Drain
from tests.integrations.engine.fake import Fake, Shelf, sign
from tests.integrations.vendor import Vendor

HOOK_SECRET = "hook-secret"


@pytest.fixture
def shelf(vendor: Vendor) -> Iterator[Shelf]:
    registry.register(Fake())
    yield Shelf(vendor)
    registry.unregister("fake")


@pytest.fixture
def survey(db: None) -> Survey:
    return factories.a_survey()


@pytest.fixture
def draft(shelf: Shelf, survey: Survey, administrator: User, frozen: time_machine.Traveller) -> Connection:
    """Everything is said; only `activate` is missing."""
    connection = connections.create_connection(system="fake", actor=administrator)
    connections.change_connection(
        connection=connection, actor=administrator, options={"base": shelf.url}, zone="UTC",
        new_secrets={"token": "sesame", "hook": HOOK_SECRET},
    )  # fmt: skip
    connections.choose_surveys(
        connection=connection,
        choices=[connections.SurveyChoice(remote_id="s1", survey=survey, remote_name="First")],
        actor=administrator,
    )
    connection.refresh_from_db()
    return connection


@pytest.fixture
def active(draft: Connection, administrator: User, drain: Drain) -> Connection:
    """At work, its first run over; the shelf was empty."""
    connections.activate(connection=draft, actor=administrator)
    drain()
    draft.refresh_from_db()
    return draft


Sync = Callable[[], SyncRun]


@pytest.fixture
def sync(active: Connection, administrator: User, drain: Drain) -> Sync:
    """Pull now, to the end or as far as it goes."""

    def pull() -> SyncRun:
        run = connections.run_now(connection=active, actor=administrator)
        drain()
        run.refresh_from_db()
        return run

    return pull


@pytest.fixture
def forward(drain: Drain, frozen: time_machine.Traveller) -> Callable[..., None]:
    """Let time pass: what waits becomes due, and is done."""

    def pass_(**time: float) -> None:
        frozen.shift(dt.timedelta(**time))
        for model in (Job, AnswerFetch, HookDelivery):
            model.objects.filter(state="pending").update(next_at=Now())
        drain()

    return pass_


Send = Callable[..., int]


@pytest.fixture
def send(active: Connection) -> Send:
    """Deliver something to the connection's door; returns the status."""
    client = Client()
    token = vault.open_token(active)

    def post(
        body: Any = None, *, secret: str = HOOK_SECRET, signature: str | None = None, **headers: str
    ) -> int:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = sign(secret, data) if signature is None else signature
        response = client.post(
            reverse("integrations:door", args=[token]), data, content_type="application/json",
            headers={"x-signature": given, **headers},
        )  # fmt: skip
        return response.status_code

    return post
