
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0012_all_in_one'),
    ]

    operations = [
        migrations.AlterField(
            model_name='eventrelay',
            name='event',
            field=models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='relay', serialize=False, to='accounts.event'),
        ),
    ]
