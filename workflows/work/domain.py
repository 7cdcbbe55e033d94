"""Tasks and playbooks as plain values."""

from enum import StrEnum


class Anchor(StrEnum):
    """From which day the offset of a playbook's task counts."""

    START = "start"
    RENEWAL = "renewal"
    CUSTOMER_SINCE = "customer_since"


class Unit(StrEnum):
    """What an offset counts: days on which the assignee works, or days of the calendar."""

    BUSINESS_DAYS = "business_days"
    CALENDAR_DAYS = "calendar_days"


class Route(StrEnum):
    """How the person who gets the work is found."""

    OWNER = "owner"
    ROLE = "role"
    PERSON = "person"
    ROUND_ROBIN = "round_robin"


class PlaybookState(StrEnum):
    """What became of a playbook that was started."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"


class NextAt(StrEnum):
    """When the next task of a series is made: once the one before is finished, or once its day has come."""

    DONE = "done"
    DUE = "due"
