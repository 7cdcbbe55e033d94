"""Rules, runs, tasks and alerts as plain values."""

from enum import StrEnum

SATURDAY = 5
"""The first weekday, as Python counts them, that nobody works where no calendar says otherwise."""


class RunState(StrEnum):
    RUNNING = "running"
    WAITING = "waiting"
    HELD = "held"
    DONE = "done"
    EXITED = "exited"
    FAILED = "failed"
    STOPPED = "stopped"


UNDER_WAY = (RunState.RUNNING, RunState.WAITING, RunState.HELD)


class AlertState(StrEnum):
    OPEN = "open"
    SNOOZED = "snoozed"
    CLOSED = "closed"


LIVE_ALERTS = (AlertState.OPEN.value, AlertState.SNOOZED.value)
"""Of these there is at most one for an account, kind and reason."""


class TaskState(StrEnum):
    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"


class Priority(StrEnum):
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"
