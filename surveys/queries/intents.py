"""Clicks that are no answers yet, with what was seen of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from surveys.choices import IntentState
from surveys.content import Content
from surveys.intent_rules import SENTENCES, Signal
from surveys.models import ScoreIntent
from surveys.queries.feedback import spoken_answer
from team.models import User


def list_intents(user: User, *, state: str = IntentState.WAITING, kind: str = "") -> QuerySet[ScoreIntent]:
    """Clicks in `user`'s sight, newest first. `kind`: "suspected" by the rule, "unconfirmed", or all."""
    found = ScoreIntent.objects.visible_to(user).filter(invitation__is_test=False, state=state)
    if kind == "suspected":
        found = found.exclude(suspicion="")
    elif kind == "unconfirmed":
        found = found.filter(suspicion="")
    return found.select_related(
        "invitation__contact", "invitation__account", "invitation__version__survey", "decided_by"
    ).order_by("-last_seen_at", "-pk")


def get_intent(user: User, intent_id: int) -> ScoreIntent | None:
    return (
        ScoreIntent.objects.visible_to(user)
        .filter(pk=intent_id, invitation__is_test=False)
        .select_related("invitation__contact", "invitation__account", "invitation__version__survey")
        .first()
    )


def count_waiting(user: User) -> dict[str, int]:
    """How many wait: {"suspected": n, "unconfirmed": n}."""
    waiting = ScoreIntent.objects.visible_to(user).filter(
        invitation__is_test=False, state=IntentState.WAITING
    )
    suspected = waiting.filter(~Q(suspicion="")).count()
    return {"suspected": suspected, "unconfirmed": waiting.count() - suspected}


@dataclass(frozen=True, slots=True)
class IntentRow:
    """A click as the list shows it."""

    intent: ScoreIntent
    reasons: Sequence[str]
    evidence: Sequence[str]
    said: Sequence[
        tuple[str, str]
    ]  # further questions and what was sent with the click, in the words of its version
    consents: Sequence[str]


def row_of(intent: ScoreIntent) -> IntentRow:
    reasons = [SENTENCES[Signal(word)] for word in intent.suspicion.split(",") if word in set(Signal)]
    consents = [
        text
        for is_ticked, text in (
            (intent.may_contact, "may be contacted"),
            (intent.may_quote, "may be quoted"),
        )
        if is_ticked
    ]
    return IntentRow(intent, reasons, _evidence(intent), _said(intent), consents)


def _said(intent: ScoreIntent) -> list[tuple[str, str]]:
    if not intent.answers:
        return []
    content = Content.from_json(intent.invitation.version.content)
    wording = content.wording(intent.invitation.language)
    return [
        (wording.questions[one.key].text, spoken_answer(one, wording.questions[one.key], given))
        for one in content.questions
        if (given := intent.answers.get(one.key)) is not None
    ]


def _evidence(intent: ScoreIntent) -> list[str]:
    seen = intent.evidence
    found = []
    scores = seen.get("scores") or []
    if len(scores) > 1:
        span = seen.get("span")
        within = f" within {_seconds(span)}" if span is not None else ""
        found.append(f"Opened {len(scores)} different scores{within}: {', '.join(map(str, scores))}.")
    elif scores:
        times = seen.get("opens", 1)
        found.append(f"Opened the link of score {scores[0]}{'' if times == 1 else f' {times} times'}.")
    if (after := seen.get("after_delivery")) is not None and after >= 0:
        found.append(f"First opened {_seconds(after)} after the mail was handed over.")
    if seen.get("sent"):
        how = "with a gesture" if seen.get("gesture") else "without a gesture"
        found.append(
            f"A form was sent {how}, {_seconds(seen.get('page_age', 0))} after its page was made,"
            f" seen for {_seconds(seen.get('visible', 0))}."
        )
    elif not intent.suspicion:
        found.append("Nobody touched the page.")
    return found


def _seconds(value: float) -> str:
    if value < 120:
        return f"{value:g} s"
    if value < 7200:
        return f"{value / 60:.0f} min"
    return f"{value / 3600:.0f} h" if value < 172_800 else f"{value / 86_400:.0f} days"
