"""What changes rules."""

from django.db import transaction

from core import clock
from core.errors import Refused
from team import audit
from team.models import User
from workflows.models import Rule, Run


@transaction.atomic
def switch_rule(*, rule: Rule, is_active: bool, actor: User) -> Rule:
    """Switch a rule on or off. Runs that are under way finish; past events are not caught up on."""
    rule = Rule.objects.select_for_update().get(pk=rule.pk)
    if rule.is_active != is_active:
        rule.is_active = is_active
        rule.save(update_fields=["is_active"])
        audit.record(action="rule.switch", actor=actor, obj=rule, is_active=is_active)
    return rule


@transaction.atomic
def stop_run(*, run: Run, actor: User) -> None:
    """Stop a run: steps not done yet will not be."""

    stopped = Run.objects.filter(pk=run.pk, state__in=["running", "waiting"]).update(
        state="stopped", finished_at=clock.now()
    )
    if not stopped:
        raise Refused("This run has ended already.", code="ended")
    audit.record(action="run.stop", actor=actor, obj=run)
