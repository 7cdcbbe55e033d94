"""What an administrator decides about background work that could not finish by itself."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from core import jobs, outbox
from core.outbox import State
from team import audit
from team.models import User


@transaction.atomic
def retry(*, rows: QuerySet[Any], actor: User) -> int:
    """Give dead, failed or doubtful rows all their attempts again; returns how many. Others are left alone."""
    chosen = rows.filter(state__in=[State.DEAD, State.FAILED, State.IN_DOUBT, State.CANCELLED])
    ids = list(chosen.order_by("pk").values_list("pk", flat=True))
    model = rows.model
    count = outbox.retry_by_hand(model._base_manager.filter(pk__in=ids))
    if count:
        audit.record(
            action="work.retried", actor=actor, table=model._meta.label_lower, ids=ids[:100], count=count
        )
        for kind in outbox.kinds():
            if kind.table is model:
                jobs.wake(kind.name)
    return count


@transaction.atomic
def settle(*, rows: QuerySet[Any], state: State, actor: User) -> int:
    """Settle by hand what became of rows: done (only those in doubt), or cancelled. Returns how many."""
    from_states = [State.IN_DOUBT] if state is State.DONE else [State.IN_DOUBT, State.DEAD, State.FAILED]
    ids = list(rows.filter(state__in=from_states).order_by("pk").values_list("pk", flat=True))
    model = rows.model
    count = model._base_manager.filter(pk__in=ids, state__in=from_states).update(
        state=state, finished_at=Now(), lease_until=None, error="Settled by hand"
    )
    if count:
        audit.record(
            action="work.settled",
            actor=actor,
            table=model._meta.label_lower,
            state=state.value,
            ids=ids[:100],
            count=count,
        )
    return int(count)
