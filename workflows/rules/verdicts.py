"""What a dry run can say, as plain values."""

from enum import StrEnum


class DryRunState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Verdict(StrEnum):
    """What would have become of an event that the rule listens to. Events whose conditions did not hold are not kept."""

    FIRES = "fires"
    HELD = "held"
    UNDER_WAY = "under_way"
    REENTRY = "reentry"
    UNKNOWN = "unknown"


VERDICT_WORDS = {
    Verdict.FIRES: "Would have run",
    Verdict.HELD: "Would have been held: more started that day than the rule allows",
    Verdict.UNDER_WAY: "Would not have run: one was still under way",
    Verdict.REENTRY: "Would not have run: they had gone through it before",
    Verdict.UNKNOWN: "Unknown: what it asks about is no longer known",
}


class Withheld(StrEnum):
    """Why a message would not have been written."""

    NO_ADDRESS = "no_address"
    NOT_RECOGNISED = "not_recognised"
    UNSUBSCRIBED = "unsubscribed"
    TOUCHED = "touched"
    GONE = "gone"


WITHHELD_WORDS = {
    Withheld.NO_ADDRESS: "Message left out: there is no address",
    Withheld.NOT_RECOGNISED: "Message left out: the product cannot know that they are there",
    Withheld.UNSUBSCRIBED: "Message left out: they do not want mail",
    Withheld.TOUCHED: "Message left out: a colleague had been in touch with them",
    Withheld.GONE: "Message left out: the person is no longer there",
}
