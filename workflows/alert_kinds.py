"""What alerts of higher apps are about, in words: an alert that belongs to no answer says nothing by itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workflows.models import Alert


@dataclass(frozen=True, slots=True)
class Matter:
    """One line that tells what an alert is about ("Typeform has been broken for a day"), and the page that mends it."""

    words: str
    url: str = ""


_matters: "dict[str, Callable[[Alert], Matter]]" = {}


def register(kind: str, matter: "Callable[[Alert], Matter]") -> None:
    """Say what alerts of this kind are about."""
    _matters[kind] = matter


def matter_of(alert: "Alert") -> Matter | None:
    """What this alert is about; None for a kind that nobody described."""
    found = _matters.get(alert.kind)
    return found(alert) if found is not None else None
