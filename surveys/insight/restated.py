"""Accounts whose figures became others although nothing happened to them: who wants to know registers here.

Live events tell of everything else. These do not: an answer that turned out to be somebody else's leaves an account, an
answer was given at another time than was thought, an old answer is found to be somebody's.
"""

from collections.abc import Callable, Collection, Iterable

_listeners: dict[str, Callable[[Collection[int]], None]] = {}


def register(key: str, listen: Callable[[Collection[int]], None]) -> None:
    """Have `listen(account_ids)` called in the transaction of the change. Call from `AppConfig.ready`."""
    _listeners[key] = listen


def tell(accounts: Iterable[int | None]) -> None:
    """Say that the figures of these accounts are other ones now; None stands for no account."""
    ids = {pk for pk in accounts if pk is not None}
    for listen in _listeners.values() if ids else ():
        listen(ids)
