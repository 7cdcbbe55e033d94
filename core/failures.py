"""Saying what went wrong without repeating what the data said."""

import logging
import re
import traceback

from core.errors import Refused

_ADDRESS = re.compile(r"[^\s<>()'\"=,;]+@[^\s<>()'\"=,;]+")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|\([^)]*\)|\{[^}]*\}|\[[^\]]*\]")
_DIGITS = re.compile(r"\d{5,}")
_seen: set[str] = set()


def describe(error: BaseException) -> str:
    """Type and first line of an exception, with quoted values, addresses and long numbers masked.

    Database and mail errors quote the data that troubled them; this text is stored and logged, so it must not.
    """
    if isinstance(error, Refused):
        return error.message[:500]
    line = (str(error).splitlines() or [""])[0]
    line = _QUOTED.sub("…", line)
    line = _DIGITS.sub("…", _ADDRESS.sub("…", line)).strip()
    return f"{type(error).__name__}: {line}"[:500].rstrip(": ")


def log_failure(logger: logging.Logger, where: str, error: BaseException) -> None:
    """Log an unexpected failure once per process with its stack, and later repetitions as one line."""
    text = f"{where}: {describe(error)}"
    if text in _seen:
        logger.warning("%s (again)", text)
        return
    if len(_seen) < 1000:
        _seen.add(text)
    # The stack is formatted by hand: logging's own would end in the unmasked message.
    stack = "".join(traceback.format_tb(error.__traceback__))
    logger.error("%s\n%s", text, stack.rstrip())
