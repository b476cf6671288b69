"""Bookings of what is let by itself (ADR 0027)."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bookings", "0013_kinds"), ("salons", "0017_rentals")]

    operations = [
        migrations.AddField(
            model_name="booking",
            name="damage_minor",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="bookingitem",
            name="rental",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="salons.rental",
            ),
        ),
        migrations.AddConstraint(
            model_name="bookingitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("rental__isnull", True),
                    models.Q(("service__isnull", True), ("staff_member__isnull", True)),
                    _connector="OR",
                ),
                name="booking_item_rental_stands_alone",
            ),
        ),
        migrations.AddIndex(
            model_name="bookingitem",
            index=models.Index(
                condition=models.Q(("rental__isnull", False)),
                fields=["rental"],
                name="booking_item_of_a_rental",
            ),
        ),
    ]
