"""What stands in the digest "What needs attention today": a registry of sections.

Whoever has something to say adds a section in `AppConfig.ready`::

    digest.register(digest.Section("health_red", "Health turned red", find, position=50))

`find(today)` returns what `today.user` should see on their local date, at most a screenful, the most urgent first, cut by
what they may see (`visible_to`). A section without rows is left out, a digest without sections is not sent.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from team.models import User

MOST = 12


@dataclass(frozen=True, slots=True)
class Line:
    """One thing: a line that says it, the page it leads to (a path), what stands beside it, and whether it is late."""

    title: str
    path: str
    note: str = ""
    is_urgent: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The lines of a section, how many there are in all, and the page with all of them."""

    lines: Sequence[Line] = field(default_factory=tuple)
    total: int = 0
    path: str = ""


@dataclass(frozen=True, slots=True)
class Today:
    """For whom and when: the person, their zone, their local date, and the moment."""

    user: User
    zone: ZoneInfo
    day: dt.date
    now: dt.datetime


@dataclass(frozen=True, slots=True)
class Section:
    key: str
    title: str
    find: Callable[[Today], Found]
    position: int = 50


_sections: dict[str, Section] = {}


def register(section: Section) -> None:
    """Add a section, or replace the one of the same key."""
    _sections[section.key] = section


def unregister(key: str) -> None:
    _sections.pop(key, None)


def sections() -> list[Section]:
    """All sections, in the order of the mail."""
    return sorted(_sections.values(), key=lambda section: (section.position, section.key))
