"""Rules, runs, tasks and alerts as plain values."""

from enum import StrEnum

SATURDAY = 5
"""The first weekday, as Python counts them, that nobody works where no calendar says otherwise."""

ACT_WITHIN_DAYS = 7
"""Rules act on events that occurred within this many days; older ones are history that arrived late."""


class RunState(StrEnum):
    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


class StepKind(StrEnum):
    CREATE_ALERT = "create_alert"
    CREATE_TASK = "create_task"


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
