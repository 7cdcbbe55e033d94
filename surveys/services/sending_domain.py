"""Looking at the sending domain, on demand, and keeping what was seen for the page."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parseaddr

from django.conf import settings
from django.core.cache import cache

from core import clock
from core.errors import Invalid
from surveys.channels.mail import dns, domain_health
from surveys.channels.mail.domain_health import Health, Lookup, Provider

_KEY = "surveys.sending_domain"
_KEPT = 30 * 24 * 3600
MAX_SELECTORS = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found, when, and which selectors were asked for."""

    health: Health
    at: dt.datetime
    selectors: tuple[str, ...]


def sender() -> str:
    """The address that mail comes from, as it is set."""
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1]


def domain() -> str:
    return sender().rpartition("@")[2].lower()


def provider_name() -> str:
    """The name that django-anymail gives the provider that hands our mail over; empty for a mail server."""
    name = re.fullmatch(r"anymail\.backends\.([a-z_]+)\.EmailBackend", settings.EMAIL_BACKEND)
    return name[1] if name else ""


def provider() -> Provider:
    """Who hands our mail over, as far as the settings tell."""
    return domain_health.PROVIDERS.get(provider_name(), domain_health.SMTP)


def read_selectors(text: str) -> tuple[str, ...]:
    """The selectors somebody typed. Raises `Invalid`."""
    found = tuple(dict.fromkeys(part for part in re.split(r"[\s,;]+", text.strip().lower()) if part))
    if len(found) > MAX_SELECTORS:
        raise Invalid(f"Name at most {MAX_SELECTORS} selectors.", field="selectors")
    for one in found:
        if len(one) > 100 or not domain_health.is_selector(one):
            raise Invalid(
                f"“{one[:40]}” is no selector. It is the word before ._domainkey, such as s1.",
                field="selectors",
            )
    return found


def look(*, selectors: Sequence[str] = (), lookup: Lookup | None = None) -> Seen:
    """Look the domain up now, which takes some seconds at most, and keep what was found."""
    health = domain_health.evaluate(
        domain(), lookup or dns.lookups(), provider=provider(), selectors=selectors, host=settings.EMAIL_HOST
    )
    seen = Seen(health, clock.now(), tuple(selectors))
    said = {"health": health.to_json(), "at": seen.at.isoformat(), "selectors": list(seen.selectors)}
    cache.set(_KEY, said, _KEPT)
    return seen


def last_seen() -> Seen | None:
    """What was found last, if it was about the present domain."""
    said = cache.get(_KEY)
    if not said or said["health"]["domain"] != domain():
        return None
    return Seen(
        Health.from_json(said["health"]), dt.datetime.fromisoformat(said["at"]), tuple(said["selectors"])
    )
