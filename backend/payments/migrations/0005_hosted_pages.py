"""Attempts on a page of the gateway's own, whose payments have ids that the gateway chose."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0004_desk_and_cards")]

    operations = [
        migrations.AddField(
            model_name="payment",
            name="invoice_id",
            field=models.UUIDField(blank=True, db_index=True, null=True),
        ),
        migrations.AddField(
            model_name="payment",
            name="gateway_id",
            field=models.UUIDField(blank=True, null=True, unique=True),
        ),
    ]
