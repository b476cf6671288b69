"""The platform's share of what a business earns."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("salons", "0013_sellers")]

    operations = [
        migrations.AddField(
            model_name="business",
            name="commission_basis_points",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddConstraint(
            model_name="business",
            constraint=models.CheckConstraint(
                condition=models.Q(("commission_basis_points__lte", 10000)),
                name="business_commission_in_whole",
            ),
        ),
    ]
