"""A daily limit counts claims, and one function of the database says what is taken."""

from datetime import timedelta

from django.db import migrations, models

FILL = """
UPDATE bookings_claim c SET business_date = b.business_date
  FROM bookings_booking b
 WHERE b.id = c.booking_id
   AND c.id IN (SELECT min(f.id) FROM bookings_claim f JOIN bookings_calendar k ON k.id = f.calendar_id
                 WHERE k.staff_member_id IS NOT NULL GROUP BY f.booking_id, f.calendar_id)
"""

TAKEN = """
CREATE FUNCTION bookings_taken(
    staff uuid[], resources uuid[], customer uuid, at timestamptz, begins timestamptz, ends timestamptz,
    moving uuid, salon uuid
) RETURNS TABLE (owner uuid, minutes bytea, dates bytea, version bigint) LANGUAGE plpgsql STABLE AS $f$
BEGIN
    RETURN QUERY
    SELECT coalesce(k.staff_member_id, k.resource_id, k.customer_id),
           string_agg(int4send(floor(date_part('epoch', c.starts_at) / 60)::int) ||
                      int4send(ceil(date_part('epoch', c.ends_at) / 60)::int), ''),
           string_agg(int4send(c.business_date - DATE '1970-01-01'), ''),
           NULL::bigint
      FROM bookings_calendar k
      JOIN bookings_claim c ON c.calendar_id = k.id
     WHERE (k.staff_member_id = ANY (staff) OR k.resource_id = ANY (resources) OR k.customer_id = customer)
       AND c.is_active AND (c.expires_at IS NULL OR c.expires_at > at)
       AND c.starts_at < bookings_taken.ends AND c.ends_at > bookings_taken.begins
       -- No claim is longer than a day, so the index need not be read to the end of what is booked.
       AND c.ends_at < bookings_taken.ends + interval '24 hours'
       AND c.booking_id IS DISTINCT FROM moving
     GROUP BY k.id
     UNION ALL
    SELECT NULL, NULL, NULL, s.catalogue_version FROM salons_salon s WHERE s.id = salon;
END $f$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0004_reschedules_leave_a_trace"),
        ("salons", "0005_catalogue_version"),
    ]

    operations = [
        migrations.AddField("claim", "business_date", models.DateField(blank=True, null=True)),
        migrations.AddConstraint(
            "claim",
            models.CheckConstraint(
                condition=models.Q(
                    ends_at__lte=models.ExpressionWrapper(
                        models.F("starts_at") + timedelta(days=1), output_field=models.DateTimeField()
                    )
                ),
                name="claim_at_most_a_day",
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop, elidable=True),
        migrations.RunSQL(TAKEN, "DROP FUNCTION bookings_taken"),
    ]
