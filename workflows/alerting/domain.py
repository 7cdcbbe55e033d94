"""How grave an alert is, and what wakes one that was put to sleep, as plain values."""

from dataclasses import dataclass
from enum import StrEnum

WORSE_BY = 3
"""So many points of an NPS score under the lowest known one make a sleeping alert clearly worse."""
URGENT_UP_TO = 2
"""An NPS score of 0 to 2 makes an alert urgent."""


class Severity(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


SEVERITY_LABELS = {Severity.LOW: "for information", Severity.NORMAL: "normal", Severity.HIGH: "urgent"}
_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Wake(StrEnum):
    """Why an alert came back."""

    TIME = "time"
    WORSE = "worse"
    PERSON = "person"


def worst(one: str, other: str) -> Severity:
    """The graver of two severities."""
    return max(Severity(one), Severity(other), key=lambda severity: _RANKS[severity])


def rank(severity: str) -> int:
    """0 for the least grave."""
    return _RANKS[Severity(severity)]


def severity_of_score(score: int) -> Severity:
    """An NPS score of 0 to 2 is urgent; above it is normal."""
    return Severity.HIGH if score <= URGENT_UP_TO else Severity.NORMAL


@dataclass(frozen=True, slots=True)
class Gravity:
    """How bad something is: its severity and, where answers are behind it, the lowest NPS score."""

    severity: str
    score: int | None = None


def is_clearly_worse(known: Gravity, now: Gravity) -> bool:
    """Whether what comes in wakes an alert that sleeps: a higher severity than when it was put to sleep, or a score at
    least three points under the lowest one known then."""
    if rank(now.severity) > rank(known.severity):
        return True
    return known.score is not None and now.score is not None and now.score <= known.score - WORSE_BY
