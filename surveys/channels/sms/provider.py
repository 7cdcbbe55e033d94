"""What a provider of SMS is to us, and the words it and we have for what became of one."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from core.mail.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An SMS to be sent: `to` in international form, `delivery` is our number of it."""

    delivery: int
    to: str
    body: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What the provider said; `provider_id` and `segments` as far as it told. `opted_out`: the person told it to stop."""

    outcome: Outcome
    provider_id: str = ""
    segments: int | None = None
    opted_out: bool = False


@dataclass(frozen=True, slots=True)
class Price:
    """What an SMS cost, a positive amount."""

    amount: Decimal
    currency: str


class Provider(Protocol):
    """A module of this package."""

    NAME: str

    def is_configured(self) -> bool: ...

    def send(self, message: Message) -> Sent:
        """Hand one SMS over. Never raises for what may happen on the way: the outcome tells it."""
        ...

    def price_of(self, provider_id: str) -> Price | None:
        """What an SMS cost, once the provider knows."""
        ...
