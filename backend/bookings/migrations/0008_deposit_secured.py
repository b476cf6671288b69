"""A deposit may be held by the bank until the salon confirms."""

from django.db import migrations, models
from django.db.models import Q

WAS = (
    ~Q(state__in=("requested", "confirmed", "completed"))
    | Q(deposit_minor=0)
    | Q(deposit_paid_at__isnull=False)
)


class Migration(migrations.Migration):
    dependencies = [("bookings", "0007_the_whole_life")]

    operations = [
        migrations.AddField(
            model_name="booking",
            name="deposit_secured_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RemoveConstraint(model_name="booking", name="booking_deposit_before_requested"),
        migrations.AddConstraint(
            model_name="booking",
            constraint=models.CheckConstraint(
                condition=WAS | Q(deposit_secured_at__isnull=False) | Q(source="desk"),
                name="booking_deposit_before_requested",
            ),
        ),
    ]
