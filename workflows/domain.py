"""Rules, runs, tasks and alerts as plain values."""

from enum import StrEnum


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
