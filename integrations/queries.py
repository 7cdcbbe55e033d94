"""What is read of connections. Rows start from `visible_to`: they belong to nobody's account, so scope all sees them."""

from django.db.models import QuerySet

from integrations.models import Connection, HookDelivery, RawAnswer, RunLine, SyncRun
from surveys.models import Response
from team.models import User


def list_connections(*, user: User) -> "QuerySet[Connection]":
    """All connections, also ended ones, with the surveys they read."""
    return Connection.objects.visible_to(user).prefetch_related("surveys__survey").order_by("name", "pk")


def list_runs(*, user: User) -> "QuerySet[SyncRun]":
    """Runs and days of deliveries, newest first."""
    return SyncRun.objects.visible_to(user).select_related("connection").order_by("-pk")


def list_lines(*, user: User) -> "QuerySet[RunLine]":
    """The lines of the runs that the person may see, in their order."""
    visible = SyncRun.objects.visible_to(user)
    return RunLine.objects.filter(run__in=visible).select_related("response").order_by("pk")


def list_answers(*, user: User, run: SyncRun, result: str = "created") -> "QuerySet[Response]":
    """The answers that a run brought ("created"), or changed ("updated"), that the person may see."""
    raw = (
        RawAnswer.objects.filter(first_run=run) if result == "created" else RawAnswer.objects.filter(run=run)
    )
    if result != "created":
        raw = raw.filter(result=result)
    return Response.objects.visible_to(user).filter(pk__in=raw.values("response"))


def list_deliveries(*, user: User, connection: Connection) -> "QuerySet[HookDelivery]":
    """What came to the connection's door, newest first, without the bodies."""
    visible = Connection.objects.visible_to(user).filter(pk=connection.pk)
    return (
        HookDelivery.objects.filter(connection__in=visible).defer("body", "headers", "query").order_by("-pk")
    )
