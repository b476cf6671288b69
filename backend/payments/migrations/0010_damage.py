"""An amount may be held against damage to what is rented (ADR 0027)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0009_finance")]

    operations = [
        migrations.AlterField(
            model_name="payment",
            name="purpose",
            field=models.CharField(
                choices=[("deposit", "Deposit"), ("balance", "Balance"), ("damage", "Damage")],
                db_default="deposit",
                default="deposit",
                max_length=7,
            ),
        ),
        migrations.RemoveConstraint(model_name="payment", name="payment_purpose_known"),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(("purpose__in", ["deposit", "balance", "damage"])),
                name="payment_purpose_known",
            ),
        ),
    ]
