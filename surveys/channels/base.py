"""What every channel is: deliveries in, and what became of each. The channels themselves are the modules beside this one.

A channel promises: nothing of a message leaves before `fence` said yes to it; every delivery given gets one result; it
reads nothing of the database but the versions it is handed a reader for.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.mail.outcome import Outcome
from surveys.models import SurveyVersion
from surveys.rendering import Company

Fence = Callable[[Sequence[int]], Collection[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One delivery with all that its message needs. `step` is "first", "reminder1" and so on, or "fallback";
    `in_reply_to` is the Message-ID of the first mail, where this is a later one."""

    id: int
    key: str
    message_id: str
    invitation_id: int
    is_test: bool
    version_id: int
    language: str
    address: str
    name: str
    tags: Mapping[str, str | None]
    phone: str = ""
    step: str = "first"
    in_reply_to: str = ""
    # Whose name a mail carries, where the campaign wants the account's owner and there is one.
    owner_name: str = ""
    owner_email: str = ""

    @property
    def is_reminder(self) -> bool:
        return self.step.startswith("reminder")


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a delivery; `provider_id` is what the provider calls it, `segments` the parts of an SMS."""

    outcome: Outcome
    provider_id: str = ""
    segments: int | None = None
    opted_out: bool = False


class ChannelModule(Protocol):
    """What a module of this package offers to the sender (surveys/services/delivery.py)."""

    def is_configured(self) -> bool:
        """Whether this deployment can reach anybody this way at all."""
        ...

    def hand_over(
        self,
        items: Sequence[Item],
        *,
        versions: Callable[[int], SurveyVersion],
        company: Company,
        now: datetime,
        fence: Fence,
    ) -> dict[int, Result]:
        """Send the messages of these deliveries. `fence` gets the ids about to go and returns those that may."""
        ...
