"""The sequence behind booking references. Gaps are fine: a reference is a name, not a count."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("bookings", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE bookings_reference MINVALUE 0 START 1", reverse_sql="DROP SEQUENCE bookings_reference"
        ),
    ]
