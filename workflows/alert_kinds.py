"""What alerts of higher apps are about, in words: an alert that belongs to no answer says nothing by itself."""

from collections.abc import Callable

from workflows.models import Alert

_words: dict[str, Callable[[Alert], str]] = {}


def register(kind: str, words: Callable[[Alert], str]) -> None:
    """`words(alert)` is one line that tells what alerts of this kind are about ("Typeform has been broken for a day")."""
    _words[kind] = words


def title(alert: Alert) -> str:
    """The line for this alert; "" for a kind that nobody described."""
    words = _words.get(alert.kind)
    return words(alert) if words is not None else ""
