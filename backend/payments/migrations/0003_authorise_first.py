"""Deposits that are authorised first and captured when the salon confirms."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("payments", "0002_gateway_calls")]

    operations = [
        migrations.AddField(
            model_name="payment",
            name="manual",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="payment",
            name="secured_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                condition=Q(state="authorized"), fields=["checked_at"], name="payment_held_by_bank"
            ),
        ),
    ]
