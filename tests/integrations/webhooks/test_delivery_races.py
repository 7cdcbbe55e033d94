"""Several workers and people at one message at once: it is sent once for each time it is due."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from core import outbox
from core.errors import Refused
from integrations.outgoing import sending, services
from integrations.outgoing.models import WebhookAttempt, WebhookDelivery
from surveys.models import Survey
from team.models import User
from tests import factories
from tests.conftest import Drain
from tests.core.http_server import Heard, HttpServer, plain
from tests.integrations.webhooks.conftest import Made
from tests.racing import PATIENCE, at_once

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def survey() -> Survey:
    return factories.a_survey()


@pytest.fixture
def waiting(survey: Survey, drain: Drain) -> Callable[[int], None]:
    """`waiting(5)`: so many people answer, and what is to be told of it waits to be sent."""

    def answer(number: int) -> None:
        account = factories.an_account("Acme")
        for one in range(number):
            contact = factories.a_contact(f"p{one}@acme.example", account=account)
            factories.respond(survey, 3, contact_id=contact.pk)
        drain(*[kind.name for kind in outbox.kinds() if kind.name != sending.KIND])

    return answer


def send() -> int:
    kind = outbox.kind_named(sending.KIND)
    assert kind is not None
    total = 0
    while handled := outbox.work(kind):
        total += handled
    return total


def test_several_workers_send_each_message_once(
    receiver: HttpServer, webhook_to: Callable[..., Made], waiting: Callable[[int], None]
) -> None:
    webhook_to(receiver)
    waiting(12)

    assert not [one for one in at_once(*[send] * 4) if isinstance(one, Exception)]

    send()
    told = Counter(heard.headers["webhook-id"] for heard in receiver.heard)
    assert (len(told), set(told.values())) == (12, {1})
    assert set(WebhookDelivery.objects.values_list("state", "attempts")) == {("done", 1)}


def test_what_is_being_sent_is_not_put_back_by_a_replay(
    receiver: HttpServer, webhook_to: Callable[..., Made], waiting: Callable[[int], None], administrator: User
) -> None:
    webhook, _ = webhook_to(receiver)
    waiting(1)
    delivery = WebhookDelivery.objects.get()
    arrived, may_answer = threading.Event(), threading.Event()

    def answer(line: Any, heard: Heard) -> None:
        arrived.set()
        assert may_answer.wait(timeout=PATIENCE)
        plain("200 OK")(line, heard)

    receiver.answer = answer

    def replay() -> tuple[str, int]:
        try:
            assert arrived.wait(timeout=PATIENCE)
            with pytest.raises(Refused) as refused:
                services.replay_delivery(delivery=delivery, actor=administrator)
            again = services.replay_range(
                webhook=webhook, actor=administrator, since=delivery.occurred_at.replace(year=2000), only_failed=False
            )  # fmt: skip
            return refused.value.code, again
        finally:
            may_answer.set()

    _, said = at_once(send, replay)

    assert said == ("is_waiting", 0)
    assert (len(receiver.heard), WebhookAttempt.objects.count()) == (1, 1)
    assert WebhookDelivery.objects.get().state == "done"


def test_two_who_replay_one_message_send_it_once(
    receiver: HttpServer, webhook_to: Callable[..., Made], waiting: Callable[[int], None], administrator: User
) -> None:
    webhook_to(receiver)
    waiting(1)
    send()
    delivery = WebhookDelivery.objects.get()

    said = at_once(*[lambda: services.replay_delivery(delivery=delivery, actor=administrator)] * 2)

    (refused,) = [one for one in said if one is not None]
    assert getattr(refused, "code", refused) == "is_waiting"
    send()
    assert len(receiver.heard) == 2
    assert len({heard.headers["webhook-id"] for heard in receiver.heard}) == 1
