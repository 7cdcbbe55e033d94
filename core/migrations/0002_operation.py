"""What Django's models cannot say: an index for the queue, the cache table, and tables that need no journal."""

from django.core.management import call_command
from django.db import migrations


def create_cache_table(apps, schema_editor):
    call_command("createcachetable", database=schema_editor.connection.alias, verbosity=0)


def without_journal(apps, schema_editor):
    """Rate buckets and cached values may be lost in a crash; unlogged, they cost no flush of the journal."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE core_ratebucket SET UNLOGGED")
        schema_editor.execute("ALTER TABLE core_cache SET UNLOGGED")


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0001_initial"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [
        # The queue is polled ten times a second; without this each look reads all waiting rows.
        migrations.RunSQL(
            "CREATE INDEX IF NOT EXISTS core_queue_due ON django_q_ormq (key, lock)",
            "DROP INDEX IF EXISTS core_queue_due",
        ),
        migrations.RunPython(create_cache_table, migrations.RunPython.noop),
        migrations.RunPython(without_journal, migrations.RunPython.noop),
    ]
