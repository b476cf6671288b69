"""A booking may be something else than a visit: then no service and nobody need stand on its lines (ADR 0027)."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bookings", "0012_calendar_feeds")]

    operations = [
        migrations.AddField(
            model_name="booking",
            name="kind",
            field=models.CharField(
                choices=[("visit", "Visit"), ("seat", "Seat"), ("rental", "Rental")],
                db_default="visit",
                default="visit",
                max_length=6,
            ),
        ),
        migrations.AddConstraint(
            model_name="booking",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["visit", "seat", "rental"])), name="booking_kind_known"
            ),
        ),
        migrations.AlterField(
            model_name="bookingitem",
            name="service",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="salons.service",
            ),
        ),
        migrations.AlterField(
            model_name="bookingitem",
            name="staff_member",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="salons.staffmember",
            ),
        ),
        migrations.AddConstraint(
            model_name="bookingitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("service__isnull", True), ("staff_member__isnull", False), _connector="OR"
                ),
                name="booking_item_service_has_a_person",
            ),
        ),
    ]
