from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workflows", "0007_health"), ("accounts", "0010_sharing")]
    operations = [
        migrations.RemoveConstraint(model_name="runstep", name="workflows_runstep_once"),
        migrations.RenameField(model_name="runstep", old_name="position", new_name="path"),
        migrations.AlterField(model_name="runstep", name="path", field=models.CharField(max_length=60)),
        migrations.AddConstraint(
            model_name="runstep",
            constraint=models.UniqueConstraint(fields=("run", "path"), name="workflows_runstep_once"),
        ),
    ]
