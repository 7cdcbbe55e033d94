"""What many parts of one page ask for is read once for that page.

The workspace's settings and the zone of the figures are asked for by the page, its figures, its navigation and its template.
While a request only reads (GET, HEAD) they keep the first answer: fewer statements, and one page never shows two settings.
Everything else (writes, jobs, commands, what streams after the answer has begun) reads anew each time.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from django.http import HttpRequest, HttpResponse

T = TypeVar("T")
_known: ContextVar[dict[Callable[[], Any], Any] | None] = ContextVar("known_to_this_request", default=None)


def once(read: Callable[[], T]) -> T:
    """What `read` returns; called at most once in a request that only reads. Nobody may change what it returned."""
    known = _known.get()
    if known is None:
        return read()
    if read not in known:
        known[read] = read()
    return cast("T", known[read])


class ReadOnce:
    """Middleware: lets `once` remember for the length of a request that only reads."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            return self.get_response(request)
        token = _known.set({})
        try:
            return self.get_response(request)
        finally:
            _known.reset(token)
