"""A daily limit counts claims, and one function of the database says what is taken."""

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
) RETURNS TABLE (owner uuid, minutes text, dates text) LANGUAGE plpgsql STABLE AS $f$
BEGIN
    RETURN QUERY
    SELECT coalesce(k.staff_member_id, k.resource_id, k.customer_id),
           string_agg(floor(date_part('epoch', c.starts_at) / 60)::int::text || ' ' ||
                      ceil(date_part('epoch', c.ends_at) / 60)::int::text, ' '),
           string_agg((c.business_date - DATE '1970-01-01')::text, ' ')
      FROM bookings_calendar k
      JOIN bookings_claim c ON c.calendar_id = k.id
     WHERE (k.staff_member_id = ANY (staff) OR k.resource_id = ANY (resources) OR k.customer_id = customer)
       AND c.is_active AND (c.expires_at IS NULL OR c.expires_at > at)
       AND c.starts_at < bookings_taken.ends AND c.ends_at > bookings_taken.begins
       AND c.booking_id IS DISTINCT FROM moving
     GROUP BY k.id
     UNION ALL
    SELECT NULL, s.catalogue_version::text, NULL FROM salons_salon s WHERE s.id = salon;
END $f$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0004_reschedules_leave_a_trace"),
        ("salons", "0005_catalogue_version"),
    ]

    operations = [
        migrations.AddField("claim", "business_date", models.DateField(blank=True, null=True)),
        migrations.RunSQL(FILL, migrations.RunSQL.noop, elidable=True),
        migrations.RunSQL(TAKEN, "DROP FUNCTION bookings_taken"),
    ]
