"""Looking names up for surveys.channels.mail.domain_health, within a time that a page can wait.

Promised: a lookup takes at most EACH seconds and all of one `lookups` together at most `deadline`; after two that got no
answer in time the name servers count as away. No answer, however it is made, raises: it is FAILED.
"""

import time
from collections.abc import Sequence

import dns.exception
import dns.name
import dns.resolver
from django.conf import settings

from surveys.channels.mail.domain_health import FAILED, NOTHING, Answer, Lookup, Status

EACH = 1.5
DEADLINE = 6.0
MAX_TEXTS, MAX_LENGTH = 50, 4_000


def resolver(servers: Sequence[str], port: int) -> dns.resolver.Resolver:
    """One that asks these servers, or without any those of this machine. Raises `dns.exception.DNSException`."""
    made = dns.resolver.Resolver(configure=not servers)
    if servers:
        made.nameservers = list(servers)
        made.port = port
    made.timeout = EACH
    made.lifetime = EACH
    return made


def lookups(
    *, deadline: float = DEADLINE, servers: Sequence[str] | None = None, port: int | None = None
) -> Lookup:
    """A function that looks up one (name, type) after the other until `deadline` seconds from now."""
    end = time.monotonic() + deadline
    unanswered = 0
    try:
        asking = resolver(
            settings.DNS_SERVERS if servers is None else servers, settings.DNS_PORT if port is None else port
        )
    except (dns.exception.DNSException, ValueError):
        return lambda name, kind: FAILED

    def lookup(name: str, kind: str) -> Answer:
        nonlocal unanswered
        left = end - time.monotonic()
        if left <= 0.05 or unanswered >= 2:
            return FAILED
        try:
            found = asking.resolve(dns.name.from_text(name), kind, lifetime=min(EACH, left), search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return NOTHING
        except dns.resolver.LifetimeTimeout:
            unanswered += 1
            return FAILED
        except (dns.exception.DNSException, OSError, ValueError, UnicodeError, EOFError):
            return FAILED
        texts = tuple(_text(row, kind) for row in list(found)[:MAX_TEXTS])
        return Answer(Status.FOUND, texts) if texts else NOTHING

    return lookup


def _text(row: object, kind: str) -> str:
    if kind == "TXT":
        parts: Sequence[bytes] = row.strings  # type: ignore[attr-defined]  # what a TXT record has
        return b"".join(parts).decode("utf-8", "replace")[:MAX_LENGTH]
    return str(row)[:MAX_LENGTH]
