"""How long people are left alone is a rule of asking (surveys.AskRule)."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("team", "0003_audit_entries_plural")]

    operations = [
        migrations.RemoveField(model_name="workspace", name="quiet_days_answered"),
        migrations.RemoveField(model_name="workspace", name="quiet_days_declined"),
        migrations.RemoveField(model_name="workspace", name="quiet_days_ignored"),
    ]
