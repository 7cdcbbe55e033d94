"""What the hosted page writes: evidence of visits, score intents, and answers through the one door."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import transaction

from accounts import timeline
from core.errors import Refused
from surveys import ingest, questions
from surveys.choices import Channel, IntentState
from surveys.intent_rules import Proof, Signal, Trail, judge, judge_click
from surveys.models import Invitation, PageVisit, ScoreIntent
from surveys.queries import respond as queries
from surveys.queries.respond import HostedPage, PageState, Visit
from team.models import User

SOURCE = "hosted"
# A held-back click that was answered or erased keeps nothing of what the person said.
FORGOTTEN: Mapping[str, Any] = {"comment": "", "answers": {}, "may_contact": False, "may_quote": False}
# A link that is opened for ever must not fill the disk; what counts has long been seen by then.
MAX_VISITS = 200


class Result(StrEnum):
    SAVED = "saved"
    HELD = "held"
    LOCKED = "locked"
    EXPIRED = "expired"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A score sent from the page. What is None stays as it is; `is_final`: by the button, with nothing more to come."""

    score: int
    proof: Proof
    comment: str | None = None
    may_contact: bool | None = None
    may_quote: bool | None = None
    answers: Mapping[str, Any] | None = None
    language: str = ""
    visible_seconds: float = 0
    is_final: bool = True

    @property
    def is_score_only(self) -> bool:
        return not self.is_final and self.comment is None and self.answers is None


@transaction.atomic
def note_visit(*, page: HostedPage, kind: Visit, now: dt.datetime, score: int | None = None) -> None:
    """Remember that the page, a score link or the hidden link was opened. Never records an answer.

    A score link opened by GET while the page takes first answers also leaves a score intent.
    """
    if page.state is PageState.TEST:
        return
    invitation = lock(page.invitation)
    if not _note(invitation, kind, now=now, score=score):
        return
    is_first = page.state is PageState.OPEN
    if kind is Visit.SCORE and score is not None and is_first:
        trail = queries.trail_of(invitation)
        _hold(
            invitation, score, now=now, signals=judge_click(trail=trail, now=now), evidence=_seen(trail, now)
        )
    elif kind in {Visit.HIDDEN, Visit.HEAD} and is_first:
        trail = queries.trail_of(invitation)
        intent = ScoreIntent.objects.filter(invitation=invitation, state=IntentState.WAITING).first()
        if intent is not None:
            _hold(
                invitation,
                intent.score,
                now=now,
                signals=judge_click(trail=trail, now=now),
                evidence=_seen(trail, now),
            )


@transaction.atomic
def note_opened(*, page: HostedPage, now: dt.datetime) -> None:
    """The mail's picture was loaded. Proxies of mail providers load it too, so this proves no person."""
    if page.state is PageState.TEST or not page.content.track_opens:
        return
    invitation = page.invitation
    if not Invitation.objects.filter(pk=invitation.pk, opened_at__isnull=True).update(opened_at=now):
        return
    _note(invitation, Visit.OPENED, now=now)
    timeline.record(
        kind="survey.opened",
        cause_key=f"invitation:{invitation.pk}:opened",
        account=invitation.account,
        contact=invitation.contact,
        subject=("invitation", invitation.pk),
        occurred_at=now,
    )


@transaction.atomic
def answer(*, page: HostedPage, submission: Submission, now: dt.datetime) -> Result:
    """Commit a score, or hold it back when the scanner rule says so.

    Promised: many at once make one response; a held-back score keeps its comment, further answers and consents, and is
    listed; nothing is written when the page takes no answers. Raises `Refused` when the ingest door refuses for another reason.
    """
    invitation = lock(page.invitation)
    # Read again under the lock: another tab may have answered since the page was found.
    fresh = queries.page_of(invitation.pk, now=now)
    if fresh is None or not fresh.takes_answers:
        return _closed_result(fresh)
    trail = queries.trail_of(invitation)
    signals = judge(proof=submission.proof, trail=trail, now=now)
    _note(invitation, Visit.SUBMIT if submission.is_final else Visit.GESTURE, now=now, score=submission.score)
    if signals:
        if fresh.state is PageState.OPEN:
            evidence = _seen(trail, now) | _sent(submission, now)
            _hold(
                invitation,
                submission.score,
                now=now,
                signals=signals,
                evidence=evidence,
                submission=submission,
            )
        return Result.HELD
    response = fresh.response
    if response is not None and submission.is_score_only and response.score == submission.score:
        return Result.SAVED
    given = answer_of(
        invitation,
        score=submission.score,
        comment=submission.comment,
        may_contact=bool(submission.may_contact)
        if submission.may_contact is not None
        else (response.may_contact if response is not None else False),
        may_quote=submission.may_quote,
        answers=submission.answers,
        language=submission.language,
        completed=submission.is_final or (response is not None and response.state == "completed"),
        now=now,
    )
    return commit(invitation, given, state=IntentState.CONFIRMED, now=now)


def answer_of(
    invitation: Invitation,
    *,
    score: int,
    comment: str | None,
    may_contact: bool,
    language: str,
    completed: bool,
    now: dt.datetime,
    may_quote: bool | None = None,
    answers: Mapping[str, Any] | None = None,
) -> ingest.Answer:
    """The answer of an invitation as the ingest door takes it; always the same external id, so never a second one."""
    return ingest.Answer(
        survey_id=invitation.version.survey_id,
        version_id=invitation.version_id,
        invitation_id=invitation.pk,
        contact_id=invitation.contact_id,
        score=score,
        source=SOURCE,
        channel=Channel(invitation.channel),
        external_id=f"invitation:{invitation.pk}",
        responded_at=now,
        source_updated_at=now,
        comment=comment,
        may_contact=may_contact,
        may_quote=may_quote,
        answers=answers,
        language=language or invitation.language,
        completed=completed,
    )


def commit(
    invitation: Invitation,
    given: ingest.Answer,
    *,
    state: IntentState,
    now: dt.datetime,
    actor: User | None = None,
) -> Result:
    """Pass an answer through the ingest door and settle the invitation's intent. Call inside a transaction."""
    (outcome,) = ingest.ingest([given], actor=actor)
    if outcome.result == "refused":
        if outcome.code == "locked":
            return Result.LOCKED
        raise Refused(outcome.message, code=outcome.code, field=outcome.field)
    Invitation.objects.filter(pk=invitation.pk, opened_at__isnull=True).update(opened_at=now)
    ScoreIntent.objects.filter(invitation=invitation).exclude(state=IntentState.ACCEPTED).update(
        state=state, decided_at=now, decided_by=actor, **FORGOTTEN
    )
    return Result.SAVED


def lock(invitation: Invitation) -> Invitation:
    """The invitation, held so that its clicks and answers come one after the other."""
    return (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("version", "wave__campaign", "contact", "account")
        .get(pk=invitation.pk)
    )


def _note(invitation: Invitation, kind: Visit, *, now: dt.datetime, score: int | None = None) -> bool:
    if PageVisit.objects.filter(invitation=invitation).count() >= MAX_VISITS:
        return False
    PageVisit.objects.create(invitation=invitation, kind=kind, score=score, at=now)
    return True


def _closed_result(page: HostedPage | None) -> Result:
    if page is None or page.state is PageState.CLOSED:
        return Result.CLOSED
    return Result.LOCKED if page.state is PageState.LOCKED else Result.EXPIRED


def _hold(
    invitation: Invitation,
    score: int,
    *,
    now: dt.datetime,
    signals: tuple[Signal, ...],
    evidence: dict[str, Any],
    submission: Submission | None = None,
) -> None:
    """Write or renew the intent of an invitation; what was suspected once stays suspected.

    Of what was sent with the score the latest word is kept: an answer sent empty is taken back, what was not asked stays.
    """
    intent, is_new = ScoreIntent.objects.get_or_create(
        invitation=invitation,
        defaults={
            "score": score,
            "first_seen_at": now,
            "last_seen_at": now,
            "evidence": evidence,
            "suspicion": ",".join(signals),
        },
    )
    sent = _keep(intent, submission) if submission is not None else []
    if is_new:
        if sent:
            intent.save(update_fields=sent)
        return
    known = [word for word in intent.suspicion.split(",") if word]
    intent.score = score
    intent.last_seen_at = now
    intent.evidence = intent.evidence | evidence
    intent.suspicion = ",".join(dict.fromkeys([*known, *signals]))
    if evidence.get("sent"):
        # Somebody or something sent a form: that deserves a second look, even after a dismissal.
        intent.state = IntentState.WAITING
    intent.save(update_fields=["score", "last_seen_at", "evidence", "suspicion", "state", *sent])


def _keep(intent: ScoreIntent, submission: Submission) -> list[str]:
    """Put what came with a score on its intent; the names of the fields that were set."""
    kept: dict[str, Any] = {}
    if submission.comment:
        kept["comment"] = submission.comment
    if submission.answers is not None:
        said = {**intent.answers, **submission.answers}
        kept["answers"] = {key: value for key, value in said.items() if not questions.is_empty(value)}
    for name in ("may_contact", "may_quote"):
        if (ticked := getattr(submission, name)) is not None:
            kept[name] = ticked
    for name, value in kept.items():
        setattr(intent, name, value)
    return list(kept)


def _seen(trail: Trail, now: dt.datetime) -> dict[str, Any]:
    """Evidence that the list shows: numbers and words only, nothing about the visitor's device."""
    seen: dict[str, Any] = {
        "scores": sorted({one.score for one in trail.opened}),
        "opens": len(trail.opened),
        "hidden_link": bool(trail.hidden_links),
    }
    if trail.opened:
        seen["span"] = round((trail.opened[-1].at - trail.opened[0].at).total_seconds(), 1)
    if trail.handed_over_at is not None:
        first = min([one.at for one in trail.opened], default=now)
        seen["after_delivery"] = round((first - trail.handed_over_at).total_seconds(), 1)
    return seen


def _sent(submission: Submission, now: dt.datetime) -> dict[str, Any]:
    proof = submission.proof
    return {
        "sent": True,
        "page_age": round((now - proof.rendered_at).total_seconds(), 1),
        "gesture": proof.gesture if proof.has_gesture else "",
        "script": proof.ran_script,
        "button": proof.by_button,
        "hidden_field": proof.hidden_field,
        "visible": round(submission.visible_seconds, 1),
    }
