"""What pages and the API read about rules and their runs."""

import datetime as dt

from django.db.models import Count, Max, Q, QuerySet

from core import clock
from team.models import User
from workflows.models import Rule, Run


def list_rules(user: User) -> QuerySet[Rule]:
    """All rules, with how often they ran in the last 30 days, and when last, on accounts the person sees."""
    seen = Q(runs__in=Run.objects.visible_to(user))
    since = clock.now() - dt.timedelta(days=30)
    return Rule.objects.annotate(
        recent_runs=Count("runs", filter=seen & Q(runs__started_at__gte=since)),
        last_run_at=Max("runs__started_at", filter=seen),
    ).order_by("name", "pk")


def list_runs(*, user: User) -> QuerySet[Run]:
    """Runs on visible accounts, newest first, with their steps."""
    return (
        Run.objects.visible_to(user)
        .select_related("rule", "account", "contact")
        .prefetch_related("steps")
        .order_by("-started_at", "-pk")
    )
