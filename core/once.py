"""What many parts of one page, or of one piece of work, ask for is read once for it.

The workspace's settings and the zone of the figures are asked for by the page, its figures, its navigation and its template;
by whoever listens to an event, and by each step of a rule. While a request only reads (GET, HEAD), and while one row of the
outbox is worked off, they keep the first answer: fewer statements, and nothing ever shows or obeys two settings at once.
Everything else (requests that write, commands, what streams after the answer has begun) reads anew each time.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from django.http import HttpRequest, HttpResponse

T = TypeVar("T")
_known: ContextVar[dict[Callable[[], Any], Any] | None] = ContextVar("read_once", default=None)


def once(read: Callable[[], T]) -> T:
    """What `read` returns; called at most once while it is remembered. Nobody may change what it returned."""
    known = _known.get()
    if known is None:
        return read()
    if read not in known:
        known[read] = read()
    return cast("T", known[read])


@contextmanager
def remembering() -> Iterator[None]:
    """Let `once` keep its answers for the length of the block, which must not change what they are about."""
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


class ReadOnce:
    """Middleware: lets `once` remember for the length of a request that only reads."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            return self.get_response(request)
        with remembering():
            return self.get_response(request)
