"""The registry of the main navigation. Apps add their places in AppConfig.ready(); the base template draws them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.urls import NoReverseMatch, reverse


class Section(StrEnum):
    """Groups of the navigation, in the order of the page."""

    MAIN = "main"
    ASK = "ask"
    ACT = "act"
    FOOT = "foot"


HEADINGS = {Section.ASK: "Ask", Section.ACT: "Act"}

# Apps load bottom up, people read top down: the order of the page is decided here, not by who registers first.
ORDER = (
    "Today",
    "Notifications",
    "Accounts",
    "Contacts",
    "Segments",
    "Feedback",
    "NPS",
    "Portfolio",
    "Surveys",
    "Campaigns",
    "Tasks",
    "Alerts",
    "Alarms",
    "Loops",
    "Playbooks",
    "Rules",
    "Health",
    "Imports",
    "Integrations",
    "Caught mail",
    "Settings",
)
# The four places a phone keeps under the thumb; all others are behind "More".
ON_THE_BAR = ("Today", "Accounts", "Feedback", "NPS")


@dataclass(frozen=True, slots=True)
class Item:
    """One place of the navigation: `key` is what one types after `g`, `badge` counts what waits there for a user, `live` names
    the URL that an open page asks for that number now and then.

    `inside` names the addresses of further pages that are reached from there, so that the place is marked on them too.
    """

    section: Section
    label: str
    url_name: str
    icon: str
    key: str = ""
    badge: Callable[[Any], int] | None = None
    permission: Callable[[Any], bool] | None = None
    live: str = ""
    inside: Callable[[], Iterable[str]] | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """An item as one user sees it on one page."""

    label: str
    url: str
    icon: str
    key: str
    count: int
    is_current: bool
    on_bar: bool
    live: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    heading: str
    name: str
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Search:
    url_name: str
    label: str
    param: str


_items: dict[str, Item] = {}
_search: list[Search] = []


def register(
    section: str,
    label: str,
    url_name: str,
    icon: str,
    key: str = "",
    *,
    badge: Callable[[Any], int] | None = None,
    permission: Callable[[Any], bool] | None = None,
    live: str = "",
    inside: Callable[[], Iterable[str]] | None = None,
) -> None:
    """Add a place, or replace the one of the same label. Its URL may be missing: it is then left out of the page."""
    _items[label] = Item(Section(section), label, url_name, icon, key, badge, permission, live, inside)


def register_search(url_name: str, *, label: str = "Search accounts", param: str = "q") -> None:
    """Name the page that the search field of the navigation asks (by GET)."""
    _search[:] = [Search(url_name, label, param)]


def unregister(label: str) -> None:
    """Take a place away again."""
    _items.pop(label, None)


def _rank(item: Item) -> tuple[int, str]:
    return (ORDER.index(item.label) if item.label in ORDER else len(ORDER), item.label)


def _resolve(url_name: str) -> str:
    try:
        return reverse(url_name)
    except NoReverseMatch:
        return ""


def _current(visible: Sequence[tuple[Item, str]], path: str) -> str | None:
    """The place we are in: the one whose longest address leads to this page, its own before one that is reached from there.

    "/" leads only to itself.
    """
    leading = [
        (len(prefix), prefix == url, url)
        for item, url in visible
        for prefix in [url, *(item.inside() if item.inside else ())]
        if path == prefix or (prefix != "/" and path.startswith(prefix))
    ]
    return max(leading)[2] if leading else None


def groups_for(*, user: Any, path: str) -> list[Group]:
    """The navigation of one user at one address: places that resolve and are allowed, the current one marked."""
    visible = [
        (item, url)
        for item in sorted(_items.values(), key=_rank)
        if (item.permission is None or item.permission(user)) and (url := _resolve(item.url_name))
    ]
    current = _current(visible, path)
    groups = []
    for section in Section:
        links = tuple(
            Link(
                label=item.label,
                url=url,
                icon=item.icon,
                key=item.key,
                count=item.badge(user) if item.badge else 0,
                is_current=url == current,
                on_bar=item.label in ON_THE_BAR,
                live=_resolve(item.live) if item.live else "",
            )
            for item, url in visible
            if item.section is section
        )
        if links:
            groups.append(Group(HEADINGS.get(section, ""), section.value, links))
    return groups


def search_target() -> tuple[str, Search] | None:
    """Where the search field leads, when its page exists."""
    if _search and (url := _resolve(_search[0].url_name)):
        return url, _search[0]
    return None
