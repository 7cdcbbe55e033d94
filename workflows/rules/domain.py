"""Rules as plain values: how somebody enters a journey, how they leave it, and what became of a step."""

import datetime as dt
from enum import StrEnum

ACT_WITHIN = dt.timedelta(days=7)
"""Rules act on events that were recorded within this time of happening; older ones are history that arrived late."""
MAX_CHAIN = 5
"""So many rules may set each other off in a row; the next one is stopped and reported."""
REACH_CAP = 500
"""Runs a day of a rule that writes to customers, where the rule itself says nothing else."""
CONFIRM_ABOVE = 200
"""A rule that would have reached more people than this in 30 days is switched on only by who confirms the number."""


class Reentry(StrEnum):
    """Whether somebody who went through a journey may enter it again."""

    ALWAYS = "always"
    NEVER = "never"
    AFTER_DAYS = "after_days"


class OneRunPer(StrEnum):
    """Of what there is at most one run under way."""

    CAUSE = "cause"
    CONTACT = "contact"
    ACCOUNT = "account"


class Exit(StrEnum):
    """What ends a journey before its last step."""

    REPLIED = "replied"
    ANSWERED = "answered"
    TASK_CLOSED = "task_closed"
    ALERT_CLOSED = "alert_closed"
    UNSUBSCRIBED = "unsubscribed"


class StepOutcome(StrEnum):
    """What became of a step that is behind us; empty while it is not."""

    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"


EXIT_WORDS: dict[Exit, str] = {
    Exit.REPLIED: "the customer replied",
    Exit.ANSWERED: "the customer answered a survey",
    Exit.TASK_CLOSED: "a task of this run was closed",
    Exit.ALERT_CLOSED: "an alert of this run was closed",
    Exit.UNSUBSCRIBED: "the customer unsubscribed",
}
