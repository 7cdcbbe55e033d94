"""Run by test_upgrade: lays a database as it was before journeys, puts a little of everything that changes into it, upgrades
it as an operator does, and prints what became of it as JSON."""

import datetime as dt
import json
import sys
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.migrations.executor import MigrationExecutor  # noqa: E402
from django.db.migrations.loader import MigrationLoader  # noqa: E402

BEFORE = {
    "accounts": "0008_merges",
    "integrations": "0001_connections",
    "surveys": "0019_identity_journal",
    "team": "0006_creates_contacts",
    "workflows": "0002_alert_message",
}
THEN = dt.datetime(2026, 3, 17, 10, 0, tzinfo=dt.UTC)


def lay() -> Any:
    """The models of that time, with their tables."""
    executor = MigrationExecutor(connection)
    # Step by step: a new database would take the one step that stands for all of them.
    executor.loader = MigrationLoader(connection, replace_migrations=False)
    others = [node for node in executor.loader.graph.leaf_nodes() if node[0] not in BEFORE]
    targets = [*others, *BEFORE.items()]
    executor.migrate(targets)
    return executor.loader.project_state(targets).apps


def fill(apps: Any) -> None:
    def make(app: str, model: str, **values: Any) -> Any:
        return apps.get_model(app, model).objects.create(**values)

    ann, ben = (make("team", "User", email=f"{name}@example.com", name=name) for name in ("ann", "ben"))
    make("team", "NotificationPreference", user=ann, alert_mail=False, task_mail=True)
    make("team", "NotificationPreference", user=ben)
    for name, is_shared in (("mine", False), ("ours", True)):
        make("accounts", "Segment", name=name, owner=ann, is_shared=is_shared)

    account = make("accounts", "Account", name="Acme")
    rule = make(
        "workflows", "Rule", key="detractor-recovery", name="Detractor recovery", trigger="response.scored",
        steps=[{"kind": "create_alert"}, {"kind": "create_task", "title": "Call"}],
    )  # fmt: skip
    for number in range(2):
        run = make(
            "workflows", "Run", rule=rule, rule_version=1, cause_key=f"response:{number}", account=account,
            started_at=THEN,
        )  # fmt: skip
        for position, kind in enumerate(("create_alert", "create_task")):
            make(
                "workflows", "RunStep", key=f"run:{number}:{position}", run=run, position=position, kind=kind
            )
        alert = make(
            "workflows", "Alert", dedupe_key=f"rule:{rule.pk}:response:{number}", kind="detractor",
            account=account, run=run, assignee=ann, opened_at=THEN + dt.timedelta(hours=number),
        )  # fmt: skip
        make("workflows", "Notice", key=f"alert:{number}:mail:0", user=ann, alert=alert, created_at=THEN)
    make(
        "workflows", "Alert", dedupe_key="connection:7:broken:1", kind="connection_broken", assignee=ben,
        opened_at=THEN,
    )  # fmt: skip
    task = make("workflows", "Task", title="Call Ann", account=account, assignee=ben, run=run)
    make("workflows", "Notice", key="task:1:mail:0", user=ben, task=task, created_at=THEN)


def seen() -> dict[str, Any]:
    from accounts.models import Segment
    from team.models import NotificationPreference
    from workflows.models import Alert, AlertCause, Notice, Notification, Rule, RunStep, Task

    rule = Rule.objects.get(key="detractor-recovery")
    return {
        "preferences": dict(NotificationPreference.objects.values_list("user__name", "choices")),
        "sharing": dict(Segment.objects.values_list("name", "sharing")),
        "live": list(
            Alert.objects.filter(state="open").order_by("pk").values_list("kind", "reason", "count")
        ),
        "closed": list(Alert.objects.filter(state="closed").values_list("kind", flat=True)),
        "causes": [
            key.replace(f"rule:{rule.pk}:", "rule:")
            for key in AlertCause.objects.order_by("pk").values_list("key", flat=True)
        ],
        "steps": sorted(RunStep.objects.values_list("run__cause_key", "path")),
        "tasks": list(Task.objects.values_list("title", "state")),
        "told": sorted(Notification.objects.values_list("user__name", "topic")),
        "unread": Notification.objects.filter(read_at=None).count(),
        "mails as old as they were": Notice.objects.filter(due_at=THEN).count(),
        "rules": Rule.objects.count(),
    }


if __name__ == "__main__":
    fill(lay())
    call_command("migrate", verbosity=0)
    sys.stdout.write(json.dumps(seen()) + "\n")
