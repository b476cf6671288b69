"""Days that somebody waits for: whatever changes a salon's rules marks its days, on every path (ADR 0022)."""

import django.db.models.deletion
from django.db import migrations, models

STALES = """
CREATE FUNCTION bookings_salon_stales_waited_days() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    UPDATE bookings_waitedday SET is_stale = true WHERE salon_id = NEW.id AND NOT is_stale;
    RETURN NULL;
END $f$;
CREATE TRIGGER waited_days_stale AFTER UPDATE ON salons_salon
    FOR EACH ROW WHEN (OLD.catalogue_version IS DISTINCT FROM NEW.catalogue_version)
    EXECUTE FUNCTION bookings_salon_stales_waited_days();
INSERT INTO bookings_waitedday (salon_id, date, is_stale)
SELECT DISTINCT salon_id, date, true FROM bookings_waitlistentry WHERE state = 'waiting';
"""

NO_STALES = """
DROP TRIGGER waited_days_stale ON salons_salon;
DROP FUNCTION bookings_salon_stales_waited_days();
"""


class Migration(migrations.Migration):
    dependencies = [("bookings", "0015_sessions"), ("salons", "0017_rentals")]

    operations = [
        migrations.CreateModel(
            name="WaitedDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("date", models.DateField()),
                ("served", models.JSONField(null=True)),
                ("is_stale", models.BooleanField(default=True)),
                (
                    "salon",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="salons.salon",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("is_stale", True)),
                        fields=["salon", "date"],
                        name="waited_day_stale",
                    ),
                    models.Index(fields=["date"], name="waited_day_by_date"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("salon", "date"), name="waited_day_once"),
                ],
            },
        ),
        migrations.RunSQL(STALES, NO_STALES),
    ]
