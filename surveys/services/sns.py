"""Subscriptions that Amazon SNS wants confirmed. We never open the link ourselves; an administrator does."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.core.cache import cache

from core import clock

_KEY = "surveys.sns_confirmation"
_DAYS = 3  # for so long Amazon keeps the link good
_HOST = re.compile(r"sns\.[a-z0-9-]{1,40}\.amazonaws\.com(\.cn)?")
_TOPIC = re.compile(r"arn:aws[a-z-]{0,10}:sns:[a-z0-9-]{1,40}:\d{12}:[A-Za-z0-9_.-]{1,256}")


@dataclass(frozen=True, slots=True)
class Confirmation:
    topic: str
    url: str
    asked_at: str


def is_amazon(url: str) -> bool:
    """Whether a link leads to Amazon SNS: over https, to its own host, and nowhere else on the way."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme == "https"
        and _HOST.fullmatch(parts.hostname or "") is not None
        and port in {None, 443}
        and parts.username is None
        and not re.search(r"[\s\\<>\"]", url)
    )


def note_confirmation(*, topic: str, url: str) -> bool:
    """Keep a link to be shown; says whether it is one that may be."""
    if not is_amazon(url) or not _TOPIC.fullmatch(topic) or len(url) > 2000:
        return False
    said = {"topic": topic, "url": url, "asked_at": clock.now().isoformat()}
    cache.set(_KEY, said, _DAYS * 24 * 3600)
    return True


def waiting() -> Confirmation | None:
    """The confirmation that an administrator has to give, if there is one."""
    said = cache.get(_KEY)
    return Confirmation(**said) if said else None


def forget() -> None:
    cache.delete(_KEY)
