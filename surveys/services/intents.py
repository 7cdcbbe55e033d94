"""Deciding about clicks that were held back: a person accepts them as answers or dismisses them."""

from django.db import transaction

from core import clock
from core.errors import Refused
from surveys.choices import IntentState
from surveys.models import Response, ScoreIntent
from surveys.services import respond
from surveys.services.respond import Result
from team import audit
from team.models import User


@transaction.atomic
def accept_intent(*, intent: ScoreIntent, actor: User) -> ScoreIntent:
    """Make the click an answer, given when it was made, through the same door as every answer.

    Refused when it was decided already, when the person has answered since, or when the contact was erased.
    """
    held = _held(intent)
    invitation = held.invitation
    if invitation.contact is None or invitation.contact.erased_at is not None:
        raise Refused("The contact was erased, so there is nobody left to whom this answer could belong.")
    if Response.objects.filter(invitation=invitation).exists():
        raise Refused("This person has answered since; the click is no longer needed. Dismiss it.")
    given = respond.answer_of(
        invitation,
        score=held.score,
        comment=held.comment or None,
        may_contact=held.may_contact,
        may_quote=held.may_quote,
        answers=held.answers or None,
        language="",
        completed=bool(held.comment or held.answers),
        now=held.last_seen_at,
    )
    result = respond.commit(invitation, given, state=IntentState.ACCEPTED, now=clock.now(), actor=actor)
    if result is not Result.SAVED:
        raise Refused("The answer to this invitation can no longer be changed.")
    audit.record(action="intent.accepted", actor=actor, obj=held, score=held.score, suspicion=held.suspicion)
    held.refresh_from_db()
    return held


@transaction.atomic
def dismiss_intent(*, intent: ScoreIntent, actor: User) -> ScoreIntent:
    """Say that it was no person. It stays listed as dismissed; a real answer can still come."""
    held = _held(intent)
    held.state, held.decided_at, held.decided_by = IntentState.DISMISSED, clock.now(), actor
    held.save(update_fields=["state", "decided_at", "decided_by"])
    audit.record(action="intent.dismissed", actor=actor, obj=held, score=held.score, suspicion=held.suspicion)
    return held


def _held(intent: ScoreIntent) -> ScoreIntent:
    # The invitation first, as answering does, so that a decision and an answer never wait for each other.
    respond.lock(intent.invitation)
    held = (
        ScoreIntent.objects.select_for_update(of=("self",))
        .select_related(
            "invitation__contact", "invitation__version", "invitation__wave__campaign", "invitation__account"
        )
        .get(pk=intent.pk)
    )
    if held.state != IntentState.WAITING:
        raise Refused("This click was decided already. Reload the page to see how.", code="decided")
    return held
