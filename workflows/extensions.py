"""What acting adds to the customer pages: panels, timeline entries, segment fields, and its part in merge and erase."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse

from accounts import extend, timeline
from accounts.extend import Panel, Relation
from accounts.models import Event
from core import clock
from surveys import answer_marks
from surveys.answer_marks import Mark
from surveys.models import Response
from team.models import User
from team.permissions import can_work
from workflows.domain import AlertState, TaskState
from workflows.models import Alert, Loop, PlaybookRun, Task
from workflows.queries import alerts, loops, playbooks, runs, tasks
from workflows.rules import leaving
from workflows.services import customers as forgetting
from workflows.services import gathering, rewards


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
            "playbooks": list(playbooks.list_runs(user=user).filter(**_of(target, obj))[:10]),
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


def _playbook_runs_of(events: Sequence[Event]) -> Mapping[int, Any]:
    by_id = PlaybookRun.objects.select_related("playbook", "run__rule").in_bulk(
        [e.subject_id for e in events]
    )
    return {e.pk: by_id.get(e.subject_id) for e in events}


def _loops_of(events: Sequence[Event]) -> Mapping[int, Any]:
    by_id = Loop.objects.select_related("response", "outcome").in_bulk([e.subject_id for e in events])
    return {e.pk: by_id.get(e.subject_id) for e in events}


def _clocks(responses: Sequence[Response], user: User) -> Mapping[int, Mark]:
    """The clock of each answer that is followed up, beside it in lists and on its page."""
    found = {}
    for pk, (loop, shown) in loops.readings_of_answers([response.pk for response in responses]).items():
        until = {"contact": "for contact", "resolution": "to settle it"}.get(shown.clock or "", "")
        url = f"{reverse('workflows:loop_list')}?whose=all&state=&response={pk}"
        found[pk] = Mark(shown.words, shown.tone, f"{until} {loop.owner or ''}".strip(), url)
    return found


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
    for kind in ("alert.raised", "alert.updated", "alert.snoozed", "alert.woken", "alert.closed"):
        extend.event_renderer(kind, "workflows/_event_alert.html", _alerts_of, group="tasks")
    for kind in ("task.created", "task.completed", "task.cancelled", "task.overdue"):
        extend.event_renderer(kind, "workflows/_event_task.html", _tasks_of, group="tasks")
    for kind in ("playbook.started", "playbook.finished", "playbook.stopped"):
        extend.event_renderer(kind, "workflows/_event_playbook.html", _playbook_runs_of, group="tasks")
    for kind in ("loop.breached", "loop.resolved"):
        extend.event_renderer(kind, "workflows/_event_loop.html", _loops_of, group="tasks")
    answer_marks.register("workflows.clock", _clocks)
    for model, erase in (
        ("workflows.Run", leaving.forget),
        ("workflows.AlertCause", None),
        ("workflows.Task", forgetting.forget_tasks),
        ("workflows.PlaybookRun", None),
        ("workflows.Loop", forgetting.end_loops),
    ):
        extend.relation(
            Relation(model, erase=erase, reason="Work follows the customer; erased, its words go.")
        )
    extend.relation(
        Relation(
            "workflows.Alert", erase=forgetting.forget_alerts, moving=gathering.moving,
            reason="Alerts follow the customer; one whose like is open there becomes part of that.",
        )
    )  # fmt: skip
    extend.relation(
        Relation(
            "workflows.DryRunHit", export=lambda contact: (),
            reason="What a rule would have done says nothing of the customer that its event does not.",
        )
    )  # fmt: skip
    extend.relation(
        Relation(
            "workflows.RewardCode", erase=rewards.forget, export=rewards.export,
            reason="A code belongs to whoever got it; to whom it went is forgotten with them.",
        )
    )  # fmt: skip
    extend.relation(
        Relation(
            "workflows.SegmentMember", merge="stay", export=lambda contact: (),
            reason="Who is in a watched segment is found anew at the next look.",
        )
    )  # fmt: skip
    timeline.subscribe("workflows.alerts_merged", gathering.on_accounts_merged, kinds=["account.merged"])
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
