"""What missed visits and late cancellations ask of whoever books again (ADR 0023)."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("salons", "0014_commission")]

    operations = [
        migrations.AddField(
            model_name="business",
            name="standing_steps",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.PositiveSmallIntegerField(),
                blank=True,
                db_default=[],
                default=list,
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="business",
            name="standing_days",
            field=models.PositiveSmallIntegerField(db_default=180, default=180),
        ),
        migrations.AddField(
            model_name="business",
            name="no_show_marks",
            field=models.PositiveSmallIntegerField(db_default=1, default=1),
        ),
        migrations.AddField(
            model_name="business",
            name="late_cancel_marks",
            field=models.PositiveSmallIntegerField(db_default=1, default=1),
        ),
        migrations.AddConstraint(
            model_name="business",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("standing_steps__len__lte", 5),
                    ("standing_steps__0__range", (0, 100)),
                    ("standing_steps__1__range", (models.F("standing_steps__0"), 100)),
                    ("standing_steps__2__range", (models.F("standing_steps__1"), 100)),
                    ("standing_steps__3__range", (models.F("standing_steps__2"), 100)),
                    ("standing_steps__4__range", (models.F("standing_steps__3"), 100)),
                ),
                name="business_steps_rise",
            ),
        ),
        migrations.AddConstraint(
            model_name="business",
            constraint=models.CheckConstraint(
                condition=models.Q(("standing_days__range", (1, 365))), name="business_standing_ends"
            ),
        ),
        migrations.AddConstraint(
            model_name="business",
            constraint=models.CheckConstraint(
                condition=models.Q(("late_cancel_marks__lte", 3), ("no_show_marks__lte", 3)),
                name="business_marks_are_few",
            ),
        ),
    ]
