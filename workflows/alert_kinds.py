"""What kinds of alerts there are, in words: their names, how grave they are, and what one is about that belongs to no answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workflows.alerting.domain import Severity, severity_of_score

if TYPE_CHECKING:
    from surveys.models import Response
    from workflows.models import Alert


@dataclass(frozen=True, slots=True)
class Matter:
    """One line that tells what an alert is about ("Typeform has been broken for a day"), the page that mends it, and what
    else helps ("Answered 410")."""

    words: str
    url: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True)
class AlertKind:
    """A kind of alert: what it is called in lists and preferences, how grave it is as a rule, and what one is about."""

    key: str
    label: str
    severity: Severity = Severity.NORMAL
    matter: "Callable[[Alert], Matter] | None" = None


_kinds: dict[str, AlertKind] = {}


def register(
    kind: str,
    matter: "Callable[[Alert], Matter] | None" = None,
    *,
    label: str = "",
    severity: Severity = Severity.NORMAL,
) -> None:
    """Make a kind known: its name, its severity, and what its alerts are about. Call from `AppConfig.ready`."""
    _kinds[kind] = AlertKind(kind, label or _plain(kind), severity, matter)


def all_kinds() -> list[AlertKind]:
    """The kinds somebody described, in the order in which they did."""
    return list(_kinds.values())


def label_of(kind: str) -> str:
    """What a kind is called; its key in words where nobody described it."""
    found = _kinds.get(kind)
    return found.label if found is not None else _plain(kind)


def severity_of(kind: str, response: "Response | None") -> Severity:
    """How grave an alert of this kind is: by the score where an NPS answer is behind it, else as its kind says."""
    if response is not None and response.metric == "nps" and response.score is not None:
        return severity_of_score(response.score)
    found = _kinds.get(kind)
    return found.severity if found is not None else Severity.NORMAL


def matter_of(alert: "Alert") -> Matter | None:
    """What this alert is about; None for a kind that nobody described."""
    found = _kinds.get(alert.kind)
    return found.matter(alert) if found is not None and found.matter is not None else None


def _plain(kind: str) -> str:
    return kind.replace("_", " ").replace(".", " ").capitalize()
