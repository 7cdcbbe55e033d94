from typing import Any

from django.db import migrations, models


def _carry_over(apps: Any, schema_editor: Any) -> None:
    for name in ("Segment", "HistoricalSegment"):
        apps.get_model("accounts", name)._base_manager.filter(is_shared=False).update(sharing="private")


def _back(apps: Any, schema_editor: Any) -> None:
    for name in ("Segment", "HistoricalSegment"):
        apps.get_model("accounts", name)._base_manager.exclude(sharing="everybody").update(is_shared=False)


_SHARING = models.CharField(
    choices=[("private", "Only me"), ("team", "My team"), ("everybody", "Everybody")],
    default="everybody",
    help_text="“team” is the team of the owner.",
    max_length=10,
)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0009_metric_types")]

    operations = [
        migrations.AddField("segment", "sharing", _SHARING),
        migrations.AddField("historicalsegment", "sharing", _SHARING.clone()),
        migrations.RunPython(_carry_over, _back),
        migrations.RemoveField("segment", "is_shared"),
        migrations.RemoveField("historicalsegment", "is_shared"),
    ]
