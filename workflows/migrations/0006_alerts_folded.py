"""Every alert gets the cause it was raised for; of those that are open for the same thing, one remains."""

import datetime as dt

from django.db import migrations, models

RANKS = ("low", "normal", "high")


def give_causes(apps, schema_editor):
    Alert, Cause = apps.get_model("workflows", "Alert"), apps.get_model("workflows", "AlertCause")
    RunStep = apps.get_model("workflows", "RunStep")
    by_step = RunStep.objects.filter(run=models.OuterRef("run"), kind="create_alert").order_by("position")
    alerts = Alert.objects.select_related("response").annotate(step=models.Subquery(by_step.values("position")[:1]))
    for alert in alerts.order_by("pk").iterator(chunk_size=500):
        # A step that was under way and is delivered again knows its alert by the name it would give the cause today.
        key = alert.dedupe_key
        if alert.step is not None and key.startswith("rule:"):
            key = f"{key}:{alert.step}"
        if alert.kind == "connection_broken":
            alert.reason = ":".join(alert.dedupe_key.split(":")[:2])
        if alert.response is not None and alert.response.metric == "nps" and alert.response.score <= 2:
            alert.severity = "high"
        alert.last_at = alert.opened_at
        alert.save(update_fields=["reason", "severity", "last_at"])
        Cause.objects.create(
            alert=alert, key=key, at=alert.opened_at, severity=alert.severity, contact_id=alert.contact_id,
            response_id=alert.response_id, message_id=alert.message_id, run_id=alert.run_id,
        )  # fmt: skip


def fold_the_same(apps, schema_editor):
    """The oldest of the open ones remains, says what the newest says, and has the causes of all."""
    Alert, Cause = apps.get_model("workflows", "Alert"), apps.get_model("workflows", "AlertCause")
    now = dt.datetime.now(dt.UTC)
    remaining = {}
    for alert in Alert.objects.filter(state="open").order_by("opened_at", "pk").iterator(chunk_size=500):
        same = (alert.account_id, alert.kind, alert.reason)
        if same not in remaining:
            remaining[same] = alert.pk
            continue
        first = Alert.objects.get(pk=remaining[same])
        Cause.objects.filter(alert=alert).update(alert=first)
        for name in ("contact_id", "response_id", "message_id", "run_id"):
            if getattr(alert, name) is not None:
                setattr(first, name, getattr(alert, name))
        first.severity = max(first.severity, alert.severity, key=RANKS.index)
        first.count, first.last_at = first.count + 1, alert.opened_at
        first.save()
        alert.state, alert.closed_at, alert.data = "closed", now, {"gathered_in": first.pk}
        alert.save(update_fields=["state", "closed_at", "data"])


def tell_apart(apps, schema_editor):
    """What mails were about becomes notifications, which count as read: they were told long ago."""
    Notice, Told = apps.get_model("workflows", "Notice"), apps.get_model("workflows", "Notification")
    # Those of the last hour count towards what a person gets in an hour, so not all of them may go as of now.
    Notice.objects.update(due_at=models.F("created_at"))
    for notice in Notice.objects.select_related("alert").order_by("pk").iterator(chunk_size=500):
        topic = f"alert.{notice.alert.kind}" if notice.alert is not None else "task_given"
        Told.objects.create(
            user_id=notice.user_id, topic=topic, alert_id=notice.alert_id, task_id=notice.task_id, at=notice.created_at,
            read_at=notice.created_at, notice=notice,
        )  # fmt: skip


def settle(apps, schema_editor):
    """PostgreSQL changes no table with checks of foreign keys outstanding."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        schema_editor.execute("SET CONSTRAINTS ALL DEFERRED")


class Migration(migrations.Migration):
    dependencies = [("workflows", "0005_alerts")]

    operations = [
        migrations.RunPython(give_causes, migrations.RunPython.noop),
        migrations.RunPython(fold_the_same, migrations.RunPython.noop),
        migrations.RunPython(tell_apart, migrations.RunPython.noop),
        migrations.RunPython(settle, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name='alert',
            name='dedupe_key',
        ),
        migrations.RemoveField(
            model_name='notice',
            name='alert',
        ),
        migrations.RemoveField(
            model_name='notice',
            name='task',
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ('open', 'snoozed'))), fields=('account', 'kind', 'reason'), name='workflows_alert_one_live'),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ('open', 'snoozed')), ('account__isnull', True)), fields=('kind', 'reason'), name='workflows_alert_one_live_of_none'),
        ),
    ]
