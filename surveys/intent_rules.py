"""When is a click an answer? The one statement of the rule; every door to the hosted page asks it.

Security scanners open every link of a mail, run the page's scripts and submit its forms. So:

- Opening a link (GET or HEAD) is never an answer, and neither is a script that merely runs.
- A score becomes an answer with a **proof**: a trusted gesture on the page (pointer, touch, key, wheel, or a click as
  assistive technology makes it), or, where no script runs, a form sent by its button.
- A proof does not count, and the click is held back as suspected, when one of these holds:

  1. *too fast*: sent less than 1.5 s after the page was made;
  2. *too soon*: without a gesture, less than 20 s after the mail was handed over;
  3. *many links*: three or more different score links of one mail were opened within 60 s. With a gesture only a burst
     of the last minute counts, without one a burst of the last ten minutes: a scanner that opened everything on
     delivery does not silence the person who answers later;
  4. *hidden link* followed within the same times, or the *hidden field* of this form filled in;
  5. *scripted*: scripts ran on the page and saw no gesture, or the form was not sent by its button.

Scroll events are no gesture: a script can cause them, and browsers call those trusted. A wheel or a finger can not be
caused that way.

What is held back is listed with its evidence and waits for a person to accept or dismiss it.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

MIN_PAGE_AGE = dt.timedelta(seconds=1.5)
MIN_MAIL_AGE = dt.timedelta(seconds=20)
BURST_LINKS = 3
BURST_SPAN = dt.timedelta(seconds=60)
RECENT_WITH_GESTURE = dt.timedelta(seconds=60)
RECENT_WITHOUT_GESTURE = dt.timedelta(minutes=10)
GESTURES = frozenset({"pointer", "touch", "key", "wheel", "click"})


class Signal(StrEnum):
    TOO_FAST = "too_fast"
    TOO_SOON = "too_soon"
    MANY_LINKS = "many_links"
    HIDDEN_LINK = "hidden_link"
    HIDDEN_FIELD = "hidden_field"
    SCRIPTED = "scripted"


SENTENCES = {
    Signal.TOO_FAST: "Sent within 1.5 seconds of the page being made, faster than a person reads it.",
    Signal.TOO_SOON: "Came within 20 seconds of the mail being handed over, as mail scanners do.",
    Signal.MANY_LINKS: "Three or more different scores of the same mail were opened within a minute.",
    Signal.HIDDEN_LINK: "A link that no person can see was followed.",
    Signal.HIDDEN_FIELD: "A field that no person can see was filled in.",
    Signal.SCRIPTED: "The form was sent by a script: nobody touched the page or pressed its button.",
}


@dataclass(frozen=True, slots=True)
class Opened:
    """A score link opened, at a moment."""

    at: dt.datetime
    score: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """What was seen of an invitation before now."""

    opened: Sequence[Opened] = ()
    hidden_links: Sequence[dt.datetime] = ()
    handed_over_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What came with a score that was sent: when its page was made, and what says that a person is there."""

    rendered_at: dt.datetime
    gesture: str = ""
    ran_script: bool = False
    by_button: bool = False
    hidden_field: bool = False

    @property
    def has_gesture(self) -> bool:
        return self.gesture in GESTURES


def judge(*, proof: Proof, trail: Trail, now: dt.datetime) -> tuple[Signal, ...]:
    """Why a score that was sent must be held back; empty when it is an answer."""
    found = []
    if now - proof.rendered_at < MIN_PAGE_AGE:
        found.append(Signal.TOO_FAST)
    if not proof.has_gesture and _too_soon(trail, now):
        found.append(Signal.TOO_SOON)
    since = now - (RECENT_WITH_GESTURE if proof.has_gesture else RECENT_WITHOUT_GESTURE)
    found += _of_links(trail, since)
    if proof.hidden_field:
        found.append(Signal.HIDDEN_FIELD)
    if not proof.has_gesture and (proof.ran_script or not proof.by_button):
        found.append(Signal.SCRIPTED)
    return tuple(found)


def judge_click(*, trail: Trail, now: dt.datetime) -> tuple[Signal, ...]:
    """What speaks against a mere click having been a person's; empty means unconfirmed, never an answer."""
    found = [Signal.TOO_SOON] if _too_soon(trail, now) else []
    return (*found, *_of_links(trail, dt.datetime.min.replace(tzinfo=dt.UTC)))


def has_burst(opened: Sequence[Opened], since: dt.datetime) -> bool:
    """Whether enough different scores were opened close together, the last of them at or after `since`."""
    ordered = sorted(opened, key=lambda one: one.at)
    for end, last in enumerate(ordered):
        if last.at < since:
            continue
        scores = {one.score for one in ordered[: end + 1] if last.at - one.at < BURST_SPAN}
        if len(scores) >= BURST_LINKS:
            return True
    return False


def _of_links(trail: Trail, since: dt.datetime) -> list[Signal]:
    found = [Signal.MANY_LINKS] if has_burst(trail.opened, since) else []
    if any(at >= since for at in trail.hidden_links):
        found.append(Signal.HIDDEN_LINK)
    return found


def _too_soon(trail: Trail, now: dt.datetime) -> bool:
    return trail.handed_over_at is not None and now - trail.handed_over_at < MIN_MAIL_AGE
