"""The order in which rows are taken, so that no two people wait for each other in a circle.

A change that touches several kinds of rows takes them in this order, and those of one kind by their key: answers, their
clocks, alerts, playbooks under way, tasks. Called at the beginning of the transaction that needs them.
"""

from collections.abc import Iterable

from surveys.models import Response
from workflows.models import AlertCause, Loop, PlaybookRun, Task


def answers(ids: Iterable[int]) -> None:
    """Take these answers and then their clocks."""
    chosen = set(ids)
    rows = Response.objects.filter(pk__in=chosen).order_by("pk")
    list(rows.select_for_update(of=("self",), no_key=True).values_list("pk", flat=True))
    clocks(chosen)


def clocks(ids: Iterable[int]) -> None:
    """Take the clocks of these answers; who holds the answers too takes those before."""
    rows = Loop.objects.filter(response__in=set(ids)).order_by("pk")
    list(rows.select_for_update(of=("self",)).values_list("pk", flat=True))


def answers_of_alerts(ids: Iterable[int]) -> None:
    """Take the answers behind these alerts, and their clocks, before the alerts themselves."""
    behind = AlertCause.objects.filter(alert__in=set(ids), response__isnull=False)
    answers(behind.values_list("response_id", flat=True))


def playbooks_of_tasks(ids: Iterable[int]) -> None:
    """Take the playbooks that these tasks are of, before the tasks themselves."""
    started = Task.objects.filter(pk__in=set(ids), playbook_run__isnull=False).values("playbook_run")
    rows = PlaybookRun.objects.filter(pk__in=started).order_by("pk")
    list(rows.select_for_update(of=("self",)).values_list("pk", flat=True))
