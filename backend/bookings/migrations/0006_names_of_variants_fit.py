"""A variant is named after its service: two names of 120 characters and what stands between them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bookings", "0005_what_is_taken")]

    operations = [
        migrations.AlterField("bookingitem", "service_name_ar", models.CharField(max_length=243)),
        migrations.AlterField("bookingitem", "service_name_en", models.CharField(max_length=243)),
    ]
