"""The provider of demos and of trying things out: SMS are written to a folder and go nowhere."""

import json
import re
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings

from core import clock
from core.mail.outcome import Kind, Outcome, Stage
from surveys.channels.sms import text
from surveys.channels.sms.provider import Message, Price, Sent

NAME = "catcher"
_KEY = re.compile(r"[0-9]{20}-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Caught:
    """An SMS as it was caught. `number` is the customer's; `is_reply`: it came from there."""

    key: str
    number: str
    body: str
    at: str
    is_reply: bool = False
    segments: int = 1


def is_configured() -> bool:
    return True


def send(message: Message) -> Sent:
    caught = keep(number=message.to, body=message.body)
    return Sent(Outcome(Kind.SENT, Stage.FINAL, 250), f"caught-{caught.key}", caught.segments)


def price_of(provider_id: str) -> Price | None:
    return None


def folder() -> Path:
    return Path(settings.DATA_DIR) / "sms"


def keep(*, number: str, body: str, is_reply: bool = False) -> Caught:
    """Write down one SMS, from us or to us."""
    now = clock.now()
    key = f"{int(now.timestamp() * 1_000_000):020d}-{uuid.uuid4().hex[:8]}"
    caught = Caught(key, number, body, now.isoformat(), is_reply, text.count(body).segments)
    folder().mkdir(parents=True, exist_ok=True)
    (folder() / f"{key}.json").write_text(json.dumps(asdict(caught)))
    return caught


def everything(limit: int = 2_000) -> list[Caught]:
    """The SMS caught last, newest first."""
    if not folder().is_dir():
        return []
    paths = sorted((path for path in folder().glob("*.json") if _KEY.fullmatch(path.stem)), reverse=True)
    return [Caught(**json.loads(path.read_text())) for path in paths[:limit]]
