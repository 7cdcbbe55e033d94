"""Rules, runs, tasks and alerts as plain values."""

from enum import StrEnum

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
    CLOSED = "closed"


class TaskState(StrEnum):
    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"


class Priority(StrEnum):
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"
