"""Who works on a key at this moment, where the database cannot tell because it writes one at a time.

SQLite makes a second writer wait for the first, so a request that repeats one under way would wait with it instead of
being told. Here one file beside the database is locked at the byte that a key's number names (POSIX record locks, freed
by the kernel when a process dies); these belong to a process, so a set tells the threads of one apart. On PostgreSQL,
where advisory locks of the transaction do this over all machines, nothing is held here.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from core import outbox_sql as sql

FILE = "inflight.lock"
_OFFSETS = 1 << 62

_guard = threading.Lock()
_mine: set[int] = set()
_opened: dict[int, int] = {}  # by process: a fork must not share what its parent has locked


@contextmanager
def held(number: int) -> Iterator[bool]:
    """Whether nobody else works on `number` now; while inside, nobody else does."""
    if sql.is_postgresql():
        yield True
        return
    offset = number % _OFFSETS
    if not _take(offset):
        yield False
        return
    try:
        yield True
    finally:
        _free(offset)


def _take(offset: int) -> bool:
    with _guard:
        if offset in _mine:
            return False
        try:
            fcntl.lockf(_file(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
        except BlockingIOError:
            return False
        _mine.add(offset)
        return True


def _free(offset: int) -> None:
    with _guard:
        _mine.discard(offset)
        fcntl.lockf(_file(), fcntl.LOCK_UN, 1, offset)


def _file() -> int:
    """The lock file, open once in this process: closing any handle of it would free every lock."""
    process = os.getpid()
    if process not in _opened:
        _opened.clear()
        _mine.clear()
        folder = Path(settings.DATA_DIR)
        folder.mkdir(parents=True, exist_ok=True)
        _opened[process] = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    return _opened[process]
