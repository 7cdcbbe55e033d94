"""How a person is told becomes a choice by topic and channel, with quiet hours and a digest."""

from django.db import migrations, models


def carry_over(apps, schema_editor):
    """Who declined mails of alerts, or asked for those of tasks, said so for all of them."""
    Preference = apps.get_model("team", "NotificationPreference")
    for row in Preference.objects.all().iterator():
        chosen = {}
        if not row.alert_mail:
            chosen["alert"] = ["app"]
        if row.task_mail:
            chosen["task"] = ["app", "mail"]
        if chosen:
            Preference.objects.filter(pk=row.pk).update(choices=chosen)


class Migration(migrations.Migration):
    dependencies = [("team", "0006_creates_contacts")]

    operations = [
        migrations.AddField(
            "workspace",
            "notices_per_hour",
            models.PositiveSmallIntegerField(
                db_default=10,
                default=10,
                help_text="More mails than this are gathered into one, for each person and hour.",
            ),
        ),
        migrations.AddField("notificationpreference", "choices", models.JSONField(default=dict)),
        migrations.AddField("notificationpreference", "quiet_from", models.TimeField(blank=True, null=True)),
        migrations.AddField("notificationpreference", "quiet_until", models.TimeField(blank=True, null=True)),
        migrations.AddField(
            "notificationpreference",
            "is_quiet_at_weekends",
            models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField("notificationpreference", "digest", models.BooleanField(blank=True, null=True)),
        migrations.AddField("notificationpreference", "digest_at", models.TimeField(blank=True, null=True)),
        migrations.AddField(
            "notificationpreference",
            "digest_on_workdays_only",
            models.BooleanField(db_default=True, default=True),
        ),
        migrations.RunPython(carry_over, migrations.RunPython.noop),
        migrations.RemoveField("notificationpreference", "alert_mail"),
        migrations.RemoveField("notificationpreference", "task_mail"),
    ]
