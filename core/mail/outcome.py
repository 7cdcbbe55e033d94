"""What became of a message, in words that can be stored: kinds, stages, and the reading of a mail server's replies."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_DIAGNOSTIC = 200

# Codes that speak of our login or the connection, whatever command they answer: no reason to give a recipient up.
_ABOUT_US: Final = frozenset({421, 454, 530, 534, 535, 538})
# Refusals of RCPT that mean the mailbox, when the server adds no enhanced code that says otherwise (RFC 5321, 4.2.3).
_NO_SUCH_MAILBOX: Final = frozenset({550, 551, 553})
_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
_BAD_ADDRESS = re.compile(r"5\.1\.(?!7$|8$)\d+|5\.2\.1")  # 5.1.7 and 5.1.8 blame the sender's address
_ADDRESS_LIKE = re.compile(r"<[^<>]*>|[^\s<>,;:()\"']*@[^\s<>,;()\"']*")


class Kind(StrEnum):
    SENT = "sent"
    WITHDRAWN = "withdrawn"  # the fence said no; nothing was sent
    RETRY = "retry"  # nothing was accepted; may be tried again
    REFUSED = "refused"  # never, says the server, or the message cannot be sent at all
    IN_DOUBT = "in_doubt"  # handed over whole, and no answer came


class Stage(StrEnum):
    BUILD = "build"
    CONNECT = "connect"  # greeting, STARTTLS and login included
    SENDER = "sender"
    RECIPIENT = "recipient"
    FENCE = "fence"
    DATA = "data"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message. `diagnostic` names no address and may be stored and shown."""

    kind: Kind
    stage: Stage
    code: int = 0
    enhanced: str = ""
    diagnostic: str = ""
    address_bad: bool = False  # the address itself is no good: suppress it

    @property
    def about_server(self) -> bool:
        """Whether the trouble is the server's or our login's, so that every other message would meet it too."""
        return self.stage is Stage.CONNECT or (self.kind is Kind.RETRY and self.code in _ABOUT_US)


def verdict(code: int, text: str, stage: Stage, *, rcpt: str = "") -> Outcome:
    """The outcome that a reply to MAIL, RCPT, DATA or the final dot stands for."""
    found = _ENHANCED.match(text)
    enhanced = found.group(1) if found else ""
    if code // 100 == 2 and stage is Stage.FINAL:
        return Outcome(Kind.SENT, stage, code, enhanced)
    said = safe(text, rcpt=rcpt)
    kind = Kind.RETRY
    if code // 100 == 5 and code not in _ABOUT_US:
        kind = Kind.REFUSED
    elif code // 100 not in {4, 5} and stage is Stage.FINAL:
        kind = Kind.IN_DOUBT  # an answer that means nothing is no answer
        said = said or "The mail server's answer is not one."
    bad = kind is Kind.REFUSED and stage is not Stage.SENDER and _is_bad_address(code, enhanced, stage)
    return Outcome(kind, stage, code, enhanced, said, bad)


def _is_bad_address(code: int, enhanced: str, stage: Stage) -> bool:
    if enhanced:
        return _BAD_ADDRESS.fullmatch(enhanced) is not None
    return stage is Stage.RECIPIENT and code in _NO_SUCH_MAILBOX


def safe(text: str, *, rcpt: str = "") -> str:
    """A server's words on one line, without addresses, cut to a sane length."""
    local = rcpt.rpartition("@")[0]
    for secret in (rcpt, local if len(local) > 2 else ""):
        if secret:
            text = re.sub(re.escape(secret), "…", text, flags=re.IGNORECASE)
    text = _ADDRESS_LIKE.sub("…", text)
    text = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(text.split())[:MAX_DIAGNOSTIC]
