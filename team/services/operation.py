"""What an administrator decides about background work that could not finish by itself."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from core import jobs, outbox
from core.errors import Refused
from core.outbox import State
from team import audit
from team.models import User


@dataclass(slots=True)
class Decided:
    """How many rows the decision was carried out for, and what was refused of the others."""

    count: int = 0
    refusals: list[str] = field(default_factory=list)


@transaction.atomic
def retry(*, rows: QuerySet[Any], actor: User) -> Decided:
    """Give dead, failed or doubtful rows all their attempts again. Others are left alone.

    Where a kind says what trying again means (`outbox.Kind.retry_by_hand`), that is done for each row.
    """
    model = rows.model
    chosen = list(
        rows.filter(state__in=[State.DEAD, State.FAILED, State.IN_DOUBT, State.CANCELLED]).order_by("pk")
    )
    decided, plain, done = Decided(), [], []
    for row, kind in _with_kinds(chosen):
        if kind is None or kind.retry_by_hand is None:
            plain.append(row.pk)
        elif _carry_out(kind.retry_by_hand, row, actor, decided=decided):
            done.append(row.pk)
    decided.count += outbox.retry_by_hand(model._base_manager.filter(pk__in=plain))
    if decided.count:
        _note("work.retried", model, [*plain, *done], actor, count=decided.count)
        for kind in outbox.kinds():
            if kind.table is model:
                jobs.wake(kind.name)
    return decided


@transaction.atomic
def settle(*, rows: QuerySet[Any], state: State, actor: User) -> Decided:
    """Settle by hand what became of rows: done (only those in doubt), or cancelled.

    Where a kind says what that means (`outbox.Kind.settle_by_hand`), that is done for each row.
    """
    from_states = [State.IN_DOUBT] if state is State.DONE else [State.IN_DOUBT, State.DEAD, State.FAILED]
    model = rows.model
    decided, plain, done = Decided(), [], []
    for row, kind in _with_kinds(rows.filter(state__in=from_states).order_by("pk")):
        if kind is None or kind.settle_by_hand is None:
            plain.append(row.pk)
        elif _carry_out(kind.settle_by_hand, row, state, actor, decided=decided):
            done.append(row.pk)
    decided.count += model._base_manager.filter(pk__in=plain, state__in=from_states).update(
        state=state, finished_at=Now(), lease_until=None, error="Settled by hand"
    )
    if decided.count:
        _note("work.settled", model, [*plain, *done], actor, count=decided.count, state=state.value)
    return decided


def _with_kinds(rows: Iterable[Any]) -> Iterable[tuple[Any, outbox.Kind | None]]:
    for row in list(rows):
        yield row, outbox.kind_of(row)


def _carry_out(act: Callable[..., None], *given: Any, decided: Decided) -> bool:
    """One row's decision; a refusal is kept for the page and undoes that row only."""
    try:
        with transaction.atomic():
            act(*given)
    except Refused as refusal:
        decided.refusals.append(f"{given[0]}: {refusal.message}")
        return False
    decided.count += 1
    return True


def _note(action: str, model: Any, ids: list[Any], actor: User, **data: Any) -> None:
    audit.record(action=action, actor=actor, table=model._meta.label_lower, ids=sorted(ids)[:100], **data)
