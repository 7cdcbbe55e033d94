"""What pages and the API read about playbooks and what was started from them."""

from django.db.models import Count, Q, QuerySet

from team.models import User
from workflows.domain import TaskState
from workflows.models import Playbook, PlaybookRun, PlaybookTask, Task
from workflows.work.domain import PlaybookState


def list_playbooks(*, user: User) -> QuerySet[Playbook]:
    """All playbooks, the usable ones first, with how many tasks they have and how many run on visible accounts."""
    seen = Q(runs__in=PlaybookRun.objects.visible_to(user))
    return Playbook.objects.annotate(
        task_count=Count("tasks", distinct=True),
        running=Count("runs", filter=seen & Q(runs__state=PlaybookState.RUNNING), distinct=True),
        ended=Count("runs", filter=seen & ~Q(runs__state=PlaybookState.RUNNING), distinct=True),
    ).order_by("-is_active", "name", "pk")


def startable() -> QuerySet[Playbook]:
    """Playbooks that can be started by hand or by a rule."""
    return Playbook.objects.filter(is_active=True, tasks__isnull=False).distinct().order_by("name", "pk")


def choices() -> list[tuple[str, str]]:
    """The startable playbooks for a choice: id and name."""
    return [(str(pk), name) for pk, name in startable().values_list("pk", "name")]


def tasks_of(playbook: Playbook) -> QuerySet[PlaybookTask]:
    return (
        PlaybookTask.objects.filter(playbook=playbook).select_related("playbook").order_by("position", "pk")
    )


def list_runs(*, user: User) -> QuerySet[PlaybookRun]:
    """What was started on visible accounts, the latest first, with how much of it is done."""
    return (
        PlaybookRun.objects.visible_to(user)
        .select_related("playbook", "account", "contact", "started_by", "stopped_by", "run__rule")
        .annotate(
            total=Count("tasks", distinct=True),
            finished=Count("tasks", filter=~Q(tasks__state=TaskState.OPEN), distinct=True),
        )
        .order_by("-started_at", "-pk")
    )


def tasks_of_run(started: PlaybookRun) -> QuerySet[Task]:
    return (
        Task.objects.filter(playbook_run=started)
        .select_related("assignee", "account", "run__rule", "playbook_run__playbook")
        .order_by("due_at", "pk")
    )
