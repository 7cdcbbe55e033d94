"""The quiet times of the workspace become the rule of relationship surveys, and what was asked gets its cost."""

from django.db import migrations, models

QUIET = ("quiet_days_answered", "quiet_days_declined", "quiet_days_ignored")
# As surveys.ask_rules.DEFAULTS was when this was written. None: what the workspace had.
RULES = {
    "all": {"quiet": (7, 7, 7), "budget": 40},
    "relationship": {"quiet": None, "budget": 0},
    "transactional": {"quiet": (14, 30, 7), "budget": 0},
}


def carry_over(apps, schema_editor):
    AskRule = apps.get_model("surveys", "AskRule")
    for workspace in apps.get_model("team", "Workspace").objects.filter(pk=1):
        kept = [getattr(workspace, name) for name in QUIET]
        for scope, rule in RULES.items():
            # Nobody who switched a rest off gets one by the new rule of all asks.
            quiet = rule["quiet"] or kept
            if scope == "all":
                quiet = [min(new, old) for new, old in zip(quiet, kept, strict=True)]
            AskRule.objects.get_or_create(
                scope=scope, defaults={**dict(zip(QUIET, quiet, strict=True)), "budget": rule["budget"], "budget_days": 90}
            )
    # Every ask so far was one mail. Tests cost nobody anything.
    apps.get_model("surveys", "Invitation").objects.filter(cost=0, is_test=False).update(cost=10)


class Migration(migrations.Migration):
    dependencies = [("surveys", "0009_links_and_experiments"), ("team", "0003_audit_entries_plural")]
    run_before = [("team", "0004_quiet_days_move")]

    operations = [
        *(
            migrations.AlterField(
                model_name=name, name="budget_days", field=models.PositiveSmallIntegerField(default=90)
            )
            for name in ("askrule", "historicalaskrule")
        ),
        migrations.RunPython(carry_over, migrations.RunPython.noop),
    ]
