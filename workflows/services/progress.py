"""How a playbook that was started comes to its end by itself."""

from accounts import timeline
from core import clock
from team.models import User
from workflows.domain import TaskState
from workflows.models import PlaybookRun
from workflows.work.domain import PlaybookState


def lock(started_id: int | None) -> None:
    """Take the playbook before its tasks (services.holding)."""
    if started_id is not None:
        PlaybookRun.objects.select_for_update(of=("self",)).get(pk=started_id)


def note_finished(started_id: int, actor: User | None) -> None:
    """End the playbook once none of its tasks is open. Called in the transaction that finishes a task."""
    started = PlaybookRun.objects.select_for_update(of=("self",)).get(pk=started_id)
    if started.state != PlaybookState.RUNNING or started.tasks.filter(state=TaskState.OPEN).exists():
        return
    started.state, started.finished_at = PlaybookState.DONE, clock.now()
    started.save(update_fields=["state", "finished_at"])
    tell_end(started, actor)


def tell_end(started: PlaybookRun, actor: User | None) -> None:
    timeline.record(
        kind="playbook.finished" if started.state == PlaybookState.DONE else "playbook.stopped",
        cause_key=f"playbook_run:{started.pk}:{started.state}",
        account=started.account,
        contact=started.contact,
        actor=actor,
        subject=("playbook_run", started.pk),
        data={"playbook": started.playbook_id},
    )
