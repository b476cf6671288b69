"""Indexes that another one begins with, or nobody asks, are given up: each costs every booking that is made."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('bookings', '0017_taken_by_calendar'),
        ('salons', '0017_rentals'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='booking',
            name='customer',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='bookings', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='booking',
            name='reference',
            field=models.CharField(max_length=12),
        ),
        migrations.AlterField(
            model_name='booking',
            name='salon',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='bookings', to='salons.salon'),
        ),
        migrations.AlterField(
            model_name='bookingevent',
            name='booking',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='events', to='bookings.booking'),
        ),
        migrations.AlterField(
            model_name='bookingitem',
            name='booking',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='items', to='bookings.booking'),
        ),
        migrations.AddConstraint(
            model_name='booking',
            constraint=models.UniqueConstraint(fields=('reference',), name='booking_reference_once'),
        ),
    ]
