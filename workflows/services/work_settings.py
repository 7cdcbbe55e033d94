"""What the company promises when somebody is unhappy, how its week looks, and what can come of a loop."""

from collections.abc import Collection

from django.db import transaction
from django.db.models import Max

from accounts import history
from core.errors import Invalid
from surveys import domain as survey_domain
from team import audit
from team.models import User
from workflows.models import LoopOutcome, WorkSettings
from workflows.queries import worktime
from workflows.services.absences import check_place

MAX_DAYS = 90
MAX_ESCALATIONS = 3
MIN_GAP_MINUTES = 60


@transaction.atomic
def change_settings(
    *,
    country: str,
    region: str,
    loop_categories: Collection[str],
    contact_days: int,
    resolution_days: int,
    escalations: int,
    escalation_minutes: int,
    actor: User,
) -> WorkSettings:
    """Change the promises. They hold for answers from now on; clocks that run keep their times."""
    worktime.settings()
    row = WorkSettings.objects.select_for_update().get(pk=1)
    row.country, row.region = check_place(country, region)
    known = [name for scale in survey_domain.SCALES.values() for name in scale.names]
    if set(loop_categories) - set(known):
        raise Invalid("Choose from the categories of answers.", field="loop_categories")
    if not 1 <= contact_days <= MAX_DAYS:
        raise Invalid(f"Between 1 and {MAX_DAYS} business days.", field="contact_days")
    if not contact_days <= resolution_days <= MAX_DAYS:
        raise Invalid(f"Between the days for contact and {MAX_DAYS} business days.", field="resolution_days")
    if not 0 <= escalations <= MAX_ESCALATIONS:
        raise Invalid(f"At most {MAX_ESCALATIONS} times for a loop; 0 is never.", field="escalations")
    if escalation_minutes < MIN_GAP_MINUTES:
        raise Invalid(f"At least {MIN_GAP_MINUTES} minutes apart.", field="escalation_minutes")
    row.loop_categories = [name for name in known if name in set(loop_categories)]
    row.contact_days, row.resolution_days = contact_days, resolution_days
    row.escalations, row.escalation_minutes = escalations, escalation_minutes
    history.sign(row, actor)
    row.save()
    audit.record(action="work_settings.changed", actor=actor, obj=row)
    return row


@transaction.atomic
def add_outcome(*, label: str, actor: User) -> LoopOutcome:
    label = _label(label, None)
    last = LoopOutcome.objects.aggregate(last=Max("position"))["last"] or 0
    outcome = LoopOutcome.objects.create(label=label, position=last + 1)
    audit.record(action="loop_outcome.added", actor=actor, obj=outcome)
    return outcome


@transaction.atomic
def change_outcome(*, outcome: LoopOutcome, label: str, is_active: bool, actor: User) -> LoopOutcome:
    """Word an outcome differently, or take it out of the choice. Loops that were closed with it keep it."""
    outcome = LoopOutcome.objects.select_for_update().get(pk=outcome.pk)
    outcome.label, outcome.is_active = _label(label, outcome), is_active
    outcome.save(update_fields=["label", "is_active"])
    audit.record(action="loop_outcome.changed", actor=actor, obj=outcome, is_active=is_active)
    return outcome


def _label(label: str, outcome: LoopOutcome | None) -> str:
    label = " ".join(label.split())
    if not label or len(label) > 80:
        raise Invalid("Word the outcome in 1 to 80 characters.", field="label")
    others = LoopOutcome.objects.filter(label__iexact=label)
    if outcome is not None:
        others = others.exclude(pk=outcome.pk)
    if others.exists():
        raise Invalid("There is such an outcome already.", field="label")
    return label
