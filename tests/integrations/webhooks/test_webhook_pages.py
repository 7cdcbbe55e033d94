"""Webhooks in the browser: set up in three steps, tried out, watched, sent again."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from integrations.outgoing.models import Webhook, WebhookDelivery
from team.models import AuditEntry, User
from tests.conftest import Browser, Drain
from tests.core.http_server import HttpServer, plain
from tests.integrations.webhooks.conftest import Made, someone_answers


def page(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return answer.content.decode()


@pytest.fixture
def made(as_lead: Client, receiver: HttpServer) -> Webhook:
    given = {
        "url": f"{receiver.url}/in", "name": "Warehouse", "kinds": ["response.scored"], "do": "save", "groups": "1",
        "mode": "all", "g0-mode": "all", "g0-rows": "1", "g0-r0-field": "event.category", "g0-r0-op": "in",
        "g0-r0-value": ["detractor"],
    }  # fmt: skip
    answer = as_lead.post("/webhooks/new/", given)
    assert "whsec_" in answer.content.decode()
    return Webhook.objects.get()


def test_a_webhook_is_set_up_and_its_secret_shown_once(made: Webhook, as_lead: Client) -> None:
    assert made.conditions == {"all": [{"field": "event.category", "op": "in", "value": ["detractor"]}]}
    shown = page(as_lead, f"/webhooks/{made.pk}/")

    assert "whsec_" not in shown
    assert "Category is one of Detractor" in shown
    assert "Warehouse" in page(as_lead, "/webhooks/")
    assert AuditEntry.objects.filter(action="webhook.created").count() == 1


def test_a_refused_address_is_said_at_its_field_and_nothing_is_lost(as_lead: Client) -> None:
    answer = as_lead.post(
        "/webhooks/new/",
        {
            "url": "http://10.1.2.3/",
            "name": "Inside",
            "kinds": ["response.scored"],
            "do": "save",
            "groups": "0",
        },
    )

    shown = answer.content.decode()
    assert answer.status_code == 422
    assert "internal network" in shown
    assert 'value="Inside"' in shown
    assert re.search(r'value="response.scored" checked', shown)


def test_rows_are_added_without_script_and_what_was_typed_stays(as_lead: Client) -> None:
    answer = as_lead.post(
        "/webhooks/new/",
        {
            "url": "https://example.com/x",
            "kinds": ["task.created"],
            "do": "add-row:0",
            "groups": "1",
            "g0-rows": "1",
        },
    )

    shown = answer.content.decode()
    assert 'name="g0-r1-field"' in shown
    assert 'value="https://example.com/x"' in shown
    assert not Webhook.objects.exists()


def test_what_failed_is_watched_and_sent_again(
    made: Webhook, as_lead: Client, receiver: HttpServer, drain: Drain
) -> None:
    receiver.answers.append(plain("410 Gone"))
    someone_answers(2)
    drain()
    shown = page(as_lead, f"/webhooks/{made.pk}/")
    assert "Switched off" in shown
    assert "410" in shown

    as_lead.post(f"/webhooks/{made.pk}/resume/")
    since = "2020-01-01T00:00"
    as_lead.post(f"/webhooks/{made.pk}/replay/", {"since": since, "until": ""})
    drain()
    delivery = WebhookDelivery.objects.get()
    assert delivery.state == "done"
    shown = page(as_lead, f"/webhooks/{made.pk}/messages/{delivery.pk}/")
    assert delivery.message_id in shown
    assert "Taken." in shown
    as_lead.post(f"/webhooks/{made.pk}/messages/{delivery.pk}/replay/")
    drain()
    assert len(receiver.heard) == 3


def test_what_goes_for_the_first_time_does_not_say_that_it_tries_again(
    made: Webhook, as_lead: Client
) -> None:
    someone_answers(2)
    as_lead.post(f"/webhooks/{made.pk}/test/", {"kind": "response.scored"})
    WebhookDelivery.objects.update(state="sending", attempts=1)
    shown = page(as_lead, f"/webhooks/{made.pk}/")

    assert "on its way" in shown
    assert "tries again" not in shown


def test_a_test_secret_pause_clear_and_delete(
    made: Webhook, as_lead: Client, receiver: HttpServer, drain: Drain
) -> None:
    as_lead.post(f"/webhooks/{made.pk}/test/", {"kind": "response.scored"})
    drain()
    assert len(receiver.heard) == 1
    assert "test" in page(as_lead, f"/webhooks/{made.pk}/?show=taken")
    assert "whsec_" in as_lead.post(f"/webhooks/{made.pk}/secret/").content.decode()
    as_lead.post(f"/webhooks/{made.pk}/pause/")
    assert "Paused" in page(as_lead, f"/webhooks/{made.pk}/")
    as_lead.post(f"/webhooks/{made.pk}/clear/", {"days": "0"})
    assert not WebhookDelivery.objects.exists()
    given = {"url": made.url, "name": "Renamed", "kinds": [], "do": "save", "groups": "0"}
    as_lead.post(f"/webhooks/{made.pk}/edit/", given)
    made.refresh_from_db()
    assert (made.name, made.kinds, made.conditions) == ("Renamed", [], {})
    as_lead.post(f"/webhooks/{made.pk}/delete/")
    assert not Webhook.objects.exists()


def test_others_find_nothing(
    made: Webhook,
    as_csm: Client,
    as_viewer: Client,
    as_administrator: Client,
    webhook_to: Callable[..., Made],
) -> None:
    assert as_csm.get(f"/webhooks/{made.pk}/").status_code == 404
    assert as_csm.post(f"/webhooks/{made.pk}/delete/").status_code == 404
    assert "Warehouse" not in page(as_csm, "/webhooks/")
    assert as_viewer.get("/webhooks/").status_code == 403
    assert "Take over" in page(as_administrator, f"/webhooks/{made.pk}/")


def test_events_are_described_with_an_example(as_csm: Client) -> None:
    shown = page(as_csm, "/webhooks/events/?kind=task.created")

    assert "Work was given to a person." in shown
    assert "task.created" in shown
    assert as_csm.get("/webhooks/events/?kind=no.such").status_code == 404


def test_the_back_office_shows_no_secret(made: Webhook, browser_of: Browser, administrator: User) -> None:
    client = browser_of(administrator)

    for name in ("webhook", "webhookdelivery", "webhookattempt"):
        assert client.get(f"/admin/integrations/{name}/").status_code == 200
    assert made.secrets not in page(client, f"/admin/integrations/webhook/{made.pk}/change/")
