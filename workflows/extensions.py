"""What acting adds to the customer pages: panels, timeline entries, segment fields, and its part in merge and erase."""

from collections.abc import Mapping, Sequence
from typing import Any

from accounts import extend, timeline
from accounts.extend import Panel, Relation
from accounts.models import Event
from core import clock
from team.models import User
from team.permissions import can_work
from workflows.domain import AlertState, TaskState
from workflows.models import Alert, Task
from workflows.queries import alerts, runs, tasks
from workflows.services import customers as forgetting


def _of(target: str, obj: Any) -> dict[str, Any]:
    return {target: obj}


def _open_alerts(target: str) -> Any:
    def context(obj: Any, user: User) -> Mapping[str, Any]:
        found = alerts.list_alerts(user=user).filter(state=AlertState.OPEN, **_of(target, obj))
        return {"alerts": list(found[:3])}

    return context


def _tasks(target: str) -> Any:
    def context(obj: Any, user: User) -> Mapping[str, Any]:
        found = tasks.list_tasks(user=user).filter(**_of(target, obj))
        return {
            "tasks": list(found[:100]),
            "target": target,
            "object": obj,
            "now": clock.now(),
            "may_work": can_work(user),
        }

    return context


def _count_tasks(target: str) -> Any:
    def count(obj: Any, user: User) -> int:
        return tasks.list_tasks(user=user).filter(state=TaskState.OPEN, **_of(target, obj)).count()

    return count


def _runs(target: str) -> Any:
    return lambda obj, user: runs.of_customer(target, obj, user)


def _count_runs(target: str) -> Any:
    return lambda obj, user: runs.count_under_way(target, obj, user) or None


def _alerts_of(events: Sequence[Event]) -> Mapping[int, Any]:
    by_id = Alert.objects.select_related("assignee", "response").in_bulk([e.subject_id for e in events])
    return {e.pk: by_id.get(e.subject_id) for e in events}


def _tasks_of(events: Sequence[Event]) -> Mapping[int, Any]:
    by_id = Task.objects.select_related("assignee", "run__rule").in_bulk([e.subject_id for e in events])
    return {e.pk: by_id.get(e.subject_id) for e in events}


def register() -> None:
    for target in ("account", "contact"):
        extend.panel(
            Panel(
                f"workflows.alerts.{target}", target, "overview", "Alerts", "workflows/_alert_panel.html",
                _open_alerts(target), position=10, column="top",
            )
        )  # fmt: skip
        extend.panel(
            Panel(
                f"workflows.tasks.{target}", target, "tasks", "Tasks", "workflows/_task_panel.html", _tasks(target),
                position=60, count=_count_tasks(target),
            )
        )  # fmt: skip
        extend.panel(
            Panel(
                f"workflows.runs.{target}", target, "rules", "Rules", "workflows/_runs_panel.html", _runs(target),
                position=90, count=_count_runs(target),
            )
        )  # fmt: skip
    for kind in ("alert.raised", "alert.closed"):
        extend.event_renderer(kind, "workflows/_event_alert.html", _alerts_of, group="tasks")
    for kind in ("task.created", "task.completed", "task.cancelled"):
        extend.event_renderer(kind, "workflows/_event_task.html", _tasks_of, group="tasks")
    for model, erase in (
        ("workflows.Run", None),
        ("workflows.Alert", forgetting.forget_alerts),
        ("workflows.Task", forgetting.forget_tasks),
    ):
        extend.relation(
            Relation(model, erase=erase, reason="Work follows the customer; erased, its words go.")
        )
    for model in ("workflows.RewardCode", "workflows.SegmentMember"):
        if model not in extend.registered.relations:
            extend.relation(Relation(model, export=lambda contact: (), reason="It follows the customer."))
    extend.relation(
        Relation(
            "workflows.DryRunHit", export=lambda contact: (),
            reason="What a rule would have done says nothing of the customer that its event does not.",
        )
    )  # fmt: skip
    extend.relation(
        Relation(
            "workflows.HistoricalTask", erase=forgetting.forget_past_tasks, export=lambda contact: (),
            reason="The history of a task follows the task.",
        )
    )  # fmt: skip
    timeline.subscribe(
        "workflows.relinked", forgetting.follow_answer, kinds=["response.updated", "response.unlinked"],
        live_only=True,
    )  # fmt: skip
