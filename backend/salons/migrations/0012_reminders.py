"""When customers are reminded, and whether the salon has words of its own."""

import backend.salons.models.places
import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("salons", "0011_deposits_may_be_authorised_first"),
    ]

    operations = [
        migrations.AddField(
            model_name="salon",
            name="has_own_wordings",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name="salon",
            name="reminder_hours",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.PositiveSmallIntegerField(),
                blank=True,
                db_default=[24, 2],
                default=backend.salons.models.places.usual_reminders,
                size=None,
            ),
        ),
        migrations.AddConstraint(
            model_name="salon",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("reminder_hours__len__lte", 3),
                    ("reminder_hours__0__range", (1, 168)),
                    ("reminder_hours__1__range", (1, 168)),
                    ("reminder_hours__2__range", (1, 168)),
                ),
                name="salon_reminders_are_few",
            ),
        ),
    ]
