
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('surveys', '0025_invitations_by_asked_at'),
    ]

    operations = [
        migrations.AlterField(
            model_name='contactscore',
            name='latest',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='surveys.response'),
        ),
        migrations.AlterField(
            model_name='contactscore',
            name='previous',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='surveys.response'),
        ),
        migrations.AlterField(
            model_name='responserevision',
            name='response',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='revisions', to='surveys.response'),
        ),
    ]
