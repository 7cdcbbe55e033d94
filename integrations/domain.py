"""States and kinds of listening to other systems, as plain values."""

from collections.abc import Mapping
from enum import StrEnum


def pairs(values: type[StrEnum]) -> list[tuple[str, str]]:
    """The choices of a model field: each value with its label."""
    return [(v.value, v.value.replace("_", " ").capitalize()) for v in values]


class ConnectionState(StrEnum):
    """Draft: being set up. Active: pulls and hears. Paused: by a person. Broken: waits for a person. Disconnected: ended;
    its answers stay."""

    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    BROKEN = "broken"
    DISCONNECTED = "disconnected"


class HookState(StrEnum):
    """Off: nothing is expected. Waiting: set up, nothing heard yet. Listening: heard at least once. Failed: the
    subscription over there could not be made; `Connection.hook_error` says why."""

    OFF = "off"
    WAITING = "waiting"
    LISTENING = "listening"
    FAILED = "failed"


class RunKind(StrEnum):
    """Why a run was made. `hook` is the log of one day's deliveries, not a pull; `reread` goes through what is kept here and
    asks the source nothing."""

    FIRST = "first"
    SCHEDULED = "scheduled"
    BY_HAND = "by_hand"
    BACKFILL = "backfill"
    RESCAN = "rescan"
    HOOK = "hook"
    REREAD = "reread"


RUN_TITLES: Mapping[RunKind, str] = {
    RunKind.FIRST: "First sync",
    RunKind.SCHEDULED: "Pull",
    RunKind.BY_HAND: "Pull by hand",
    RunKind.BACKFILL: "Read again",
    RunKind.RESCAN: "Nightly re-reading",
    RunKind.HOOK: "Deliveries",
    RunKind.REREAD: "Kept answers read again",
}


class RunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


# A connection has at most one pull in these states.
OPEN_RUNS = (RunState.QUEUED, RunState.RUNNING, RunState.WAITING, RunState.PAUSED)


class Result(StrEnum):
    """What became of one answer that a source told us of.

    Refused: it can never be taken as it is (`message` says why). Declined: the source says that nothing was answered.
    Skipped: not meant for us (a test, a survey that was not chosen, no score, erased here). Deleted, excluded and included
    are news of the source about an answer.
    """

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    DECLINED = "declined"
    SKIPPED = "skipped"
    DELETED = "deleted"
    EXCLUDED = "excluded"
    INCLUDED = "included"


class LineKind(StrEnum):
    """A line of a run's log: about one answer, or a note about the run."""

    REFUSED = "refused"
    UNMATCHED = "unmatched"
    DECLINED = "declined"
    SKIPPED = "skipped"
    DELETED = "deleted"
    NOTE = "note"


class Verdict(StrEnum):
    """What became of one delivery to our door."""

    TAKEN = "taken"
    NOTHING = "nothing"
    UNREADABLE = "unreadable"
    REFUSED = "refused"
