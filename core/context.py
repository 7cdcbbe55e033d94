"""What every page knows besides its own view's context."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from core import navigation as registry

THEMES = ("light", "dark")


def navigation(request: HttpRequest) -> dict[str, Any]:
    """`navigation` (groups of links), `nav_bar` (the phone's), `nav_search` and `theme`.

    Lazy: fragments and hosted pages draw no navigation and so ask none of its badges.
    """
    user = getattr(request, "user", None)

    def groups() -> list[registry.Group]:
        if user is None or not user.is_authenticated:
            return []
        return registry.groups_for(user=user, path=request.path)

    lazy_groups: Any = SimpleLazyObject(groups)

    def bar() -> list[registry.Link]:
        return [link for group in lazy_groups for link in group.links if link.on_bar]

    def search() -> dict[str, str]:
        target = registry.search_target()
        if target is None:
            return {}
        url, described = target
        return {"url": url, "label": described.label, "param": described.param}

    theme = request.COOKIES.get("theme", "")
    return {
        "navigation": lazy_groups,
        "nav_bar": SimpleLazyObject(bar),
        "nav_search": SimpleLazyObject(search),
        "theme": theme if theme in THEMES else "",
    }
