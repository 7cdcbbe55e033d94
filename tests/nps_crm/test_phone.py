"""The demo's telephone: SMS are caught, and a reply goes the way of a real one."""

from pathlib import Path
from typing import Any

import pytest

from nps_crm.demo import phone
from surveys.channels import sms
from surveys.channels.sms.provider import Message
from surveys.models import InboundMessage

pytestmark = pytest.mark.django_db
NUMBER = "+491701234567"


@pytest.fixture(autouse=True)
def catcher(tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    settings.SMS_PROVIDER = "catcher"


def test_an_sms_is_caught_and_a_reply_taken_in() -> None:
    provider = sms.provider()
    assert provider is not None
    sent = provider.send(Message(delivery=1, to=NUMBER, body="How likely?"))

    phone.reply(number=NUMBER, body="call me please")
    phone.reply(number=NUMBER, body="HELP")

    bodies = [(one.body[:12], one.is_reply) for one in phone.messages_of(NUMBER)]
    assert sent.outcome.kind == "sent"
    assert bodies[:3] == [("How likely?", False), ("call me plea", True), ("HELP", True)]
    assert len(bodies) == 4
    (conversation,) = phone.conversations()
    assert (conversation.number, conversation.count) == (NUMBER, 4)
    assert InboundMessage.objects.count() == 2


def test_nothing_caught_is_nothing_shown() -> None:
    assert phone.conversations() == []
    assert phone.messages_of("../../etc/passwd") == []
