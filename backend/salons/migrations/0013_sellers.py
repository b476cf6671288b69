"""A seller's registered address, as tax documents print it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("salons", "0012_reminders")]

    operations = [
        migrations.AddField(
            model_name="business",
            name="address",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
        migrations.AddField(
            model_name="business",
            name="address_ar",
            field=models.CharField(blank=True, db_default="", default="", max_length=200, null=True),
        ),
        migrations.AddField(
            model_name="business",
            name="address_en",
            field=models.CharField(blank=True, db_default="", default="", max_length=200, null=True),
        ),
    ]
