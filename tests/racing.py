"""Two people, or two workers, at the same moment: threads with connections of their own, and places where they meet.

Nothing here sleeps for luck. `at_once` lets its threads go together; a `Crossing` holds each at a chosen place until the
others have come to theirs, or stand before a lock that one of those who came holds.
"""

import threading
from collections.abc import Callable
from typing import Any

from django.db import connection, connections

PATIENCE = 60.0
"""Seconds after which whoever still waits is stuck for good."""


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Do all of these at the same time, each on its own connection; gives what each returned, or the error it raised."""
    barrier = threading.Barrier(len(works))
    results: list[Any] = [None] * len(works)

    def run(number: int) -> None:
        try:
            barrier.wait(timeout=PATIENCE)
            results[number] = works[number]()
        except Exception as error:
            results[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=PATIENCE)
    assert not any(thread.is_alive() for thread in threads), "they wait for each other for good"
    return results


class Crossing:
    """A place where `number` threads of `at_once` wait for each other, each holding what it holds by then."""

    def __init__(self, number: int = 2) -> None:
        self._number = number
        self._came: set[int] = set()
        self._ended = 0
        self._pids: set[int] = set()
        self._changed = threading.Condition()

    def travel(self, work: Callable[[], Any]) -> Callable[[], Any]:
        """The work as one of those who cross here."""

        def go() -> Any:
            connection.ensure_connection()
            with self._changed:
                self._pids.add(connection.connection.info.backend_pid)
            try:
                return work()
            finally:
                with self._changed:
                    self._ended += 1
                    self._changed.notify_all()

        return go

    @property
    def reached(self) -> bool:
        """Whether anybody came here at all."""
        return bool(self._came)

    def meet(self) -> None:
        """Wait until all others have come here, have ended, or wait for a lock. Coming again waits for nobody."""
        mine = connection.connection.info.backend_pid
        with self._changed:
            if mine in self._came:
                return
            self._came.add(mine)
            self._changed.notify_all()
            for _ in range(int(PATIENCE / 0.02)):
                if len(self._came) + self._ended + len(self._blocked()) >= self._number:
                    return
                self._changed.wait(0.02)
        raise AssertionError("The others never came")

    def _blocked(self) -> set[int]:
        others = list(self._pids - self._came)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM pg_locks WHERE NOT granted AND pid = ANY(%s)", [others])
            return {pid for (pid,) in cursor.fetchall()}
