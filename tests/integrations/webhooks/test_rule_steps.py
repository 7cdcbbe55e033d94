"""Steps of rules that leave the house: a webhook, and pushes that connected systems offer."""

import json
from collections.abc import Callable, Iterator

import pytest

from accounts.models import Event
from core import clock
from core.errors import Refused
from integrations.models import Connection
from integrations.outgoing import pushes, services, steps
from integrations.outgoing.models import Webhook, WebhookDelivery
from team.models import User
from tests.conftest import Drain
from tests.core.http_server import HttpServer
from tests.integrations.webhooks.conftest import Made, someone_answers
from workflows.models import Rule, Run, RunStep
from workflows.rules import catalogue


@pytest.fixture
def run(db: None) -> Run:
    response = someone_answers(3)
    event = Event.objects.get(kind="response.scored", subject_id=response.pk)
    rule = Rule.objects.create(name="Tell the warehouse", trigger="response.scored", is_active=False)
    return Run.objects.create(
        rule=rule, rule_version=1, cause_key=event.cause_key, event=event, account=response.account,
        contact=response.contact, started_at=clock.now(),
    )  # fmt: skip


def step(run: Run, **settings: object) -> RunStep:
    return RunStep(pk=41, run=run, kind="call_webhook", settings=settings)


def test_a_step_tells_a_webhook_once_what_started_the_run(
    run: Run, receiver: HttpServer, webhook_to: Callable[..., Made], drain: Drain
) -> None:
    webhook, _ = webhook_to(receiver, kinds=[])
    row = step(run, webhook=str(webhook.pk))

    made = steps.call_webhook(row)
    assert steps.call_webhook(row) == made
    drain()

    (heard,) = receiver.heard
    message = json.loads(heard.body)
    assert message["type"] == "response.scored"
    assert message["data"]["response"]["score"] == 3
    assert message["data"]["rule"] == {"id": run.rule_id, "name": "Tell the warehouse", "run": run.pk}
    assert message["id"].endswith("_step_41")


def test_a_run_without_an_event_tells_of_its_customer(
    run: Run, receiver: HttpServer, webhook_to: Callable[..., Made], drain: Drain
) -> None:
    webhook, _ = webhook_to(receiver, kinds=[])
    Run.objects.update(event=None)
    run.refresh_from_db()

    steps.call_webhook(step(run, webhook=str(webhook.pk)))
    drain()

    message = json.loads(receiver.heard[0].body)
    assert message["type"] == "rule.run"
    assert message["data"]["account"]["name"] == "Acme"


def test_a_step_whose_webhook_is_gone_or_off_says_so(
    run: Run, receiver: HttpServer, webhook_to: Callable[..., Made], administrator: User
) -> None:
    webhook, _ = webhook_to(receiver, kinds=[])
    Webhook.objects.update(state="disabled")
    with pytest.raises(Refused, match="switched off"):
        steps.call_webhook(step(run, webhook=str(webhook.pk)))

    services.delete_webhook(webhook=webhook, actor=administrator)
    with pytest.raises(Refused, match="no longer exists"):
        steps.call_webhook(step(run, webhook=str(webhook.pk)))
    assert not WebhookDelivery.objects.exists()


def test_the_step_is_in_the_catalogue_with_the_webhooks_to_choose(
    receiver: HttpServer, webhook_to: Callable[..., Made]
) -> None:
    webhook, _ = webhook_to(receiver, kinds=[])
    known = catalogue.step_types["call_webhook"]
    (setting,) = known.settings

    assert setting.choices is not None
    assert list(setting.choices()) == [(str(webhook.pk), f"Receiver ({webhook.host})")]
    assert known.words({"webhook": str(webhook.pk)}) == "call the webhook “Receiver”"
    assert known.words({"webhook": "999"}) == "call a webhook that no longer exists"


@pytest.fixture
def ticket(db: None) -> Iterator[list[int]]:
    done: list[int] = []

    def queue(connection: Connection, row: RunStep) -> dict[str, int]:
        done.append(row.pk)
        return {"ticket": 1}

    pushes.register(pushes.Push("parrot.ticket", "parrot", "open a ticket", queue))
    yield done
    pushes.unregister("parrot.ticket")


def test_pushing_is_offered_only_once_a_system_can_be_pushed_to(run: Run) -> None:
    assert "push_to_connection" not in catalogue.step_types


def test_a_push_goes_to_the_chosen_connection_while_it_is_at_work(run: Run, ticket: list[int]) -> None:
    connection = Connection.objects.create(system="parrot", name="Parrot", state="active")
    Connection.objects.create(system="other", name="Other", state="active")
    known = catalogue.step_types["push_to_connection"]
    assert pushes.choices() == [(f"{connection.pk}:parrot.ticket", "Parrot: open a ticket")]
    assert known.do is not None
    row = step(run, push=f"{connection.pk}:parrot.ticket")

    assert known.do(row) == {"connection": connection.pk, "ticket": 1}
    Connection.objects.update(state="paused")
    with pytest.raises(Refused, match="not at work"):
        known.do(row)
    with pytest.raises(Refused, match="no longer exists"):
        known.do(step(run, push="999:parrot.ticket"))
    assert ticket == [41]
