from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("surveys", "0011_variant_texts")]

    operations = [
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["message_id"], name="surveys_delivery_message"),
        ),
    ]
