"""Nobody reaches a page or endpoint that was not decided to be open."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.permissions import AllowAny

# Views of libraries, which carry no mark of ours, by the beginning of their route, and why they may be as they are.
LIBRARIES = {
    "admin/": "the admin site lets in administrators only (AdminSite.has_permission), through our sign-in",
    "auth/": "allauth: signing in is for everyone, the rest of it asks for a session itself",
}


def views(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern).removeprefix("^")
        if isinstance(entry, URLResolver):
            yield from views(entry, route)
        elif isinstance(entry, URLPattern):
            yield route, entry.callback


def permission_classes(view: Any) -> list[Any] | None:
    """Those of an API view, None for anything else."""
    cls = getattr(view, "cls", None) or getattr(view, "view_class", None)
    if cls is None or not hasattr(cls, "permission_classes"):
        return None
    return list(getattr(view, "initkwargs", {}).get("permission_classes", cls.permission_classes))


def is_guarded(view: Any) -> bool:
    if getattr(view, "guard", None) is not None or getattr(view, "public_reason", ""):
        return True
    classes = permission_classes(view)
    return bool(classes) and AllowAny not in (classes or [])


def test_every_url_is_guarded_or_public_for_a_reason() -> None:
    unguarded = [
        route
        for route, view in views(get_resolver())
        if not route.startswith(tuple(LIBRARIES)) and not is_guarded(view)
    ]
    assert unguarded == [], "Guard these with team.http.requires, or mark them with team.http.public(reason)."


def test_the_test_would_see_an_open_view() -> None:
    def open_view(request: Any) -> None: ...

    class OpenApi:
        permission_classes = (AllowAny,)

    open_view_of_api = type("view", (), {"cls": OpenApi})
    assert not is_guarded(open_view)
    assert not is_guarded(open_view_of_api)


@pytest.mark.parametrize("part", ["admin/", "api/v1/"])
def test_the_list_is_not_empty_where_there_should_be_something(part: str) -> None:
    assert any(route.startswith(part) for route, _ in views(get_resolver()))
