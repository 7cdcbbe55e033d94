"""Closing the loop as plain values: what the two clocks of an answer measure, and what stops them."""

from enum import StrEnum


class LoopClock(StrEnum):
    """The two promises of a loop."""

    CONTACT = "contact"
    RESOLUTION = "resolution"


class LoopPause(StrEnum):
    """Why the clocks stand still. Snoozing an alert is not among them."""

    EXCLUDED = "excluded"
    DELETED = "deleted"
    RESCORED = "rescored"
    ERASED = "erased"


class ContactBy(StrEnum):
    """How the first human contact became known: by something a person logged or wrote, or by their word for it."""

    LOGGED = "logged"
    STATED = "stated"
