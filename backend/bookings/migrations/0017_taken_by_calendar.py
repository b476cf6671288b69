"""What is taken is asked calendar by calendar: one plan serves all values, and is made once in a connection.

Before, PostgreSQL joined calendars and claims as it thought best for the values at hand, which took it longer to find
out than to do.
"""

from importlib import import_module

from django.db import migrations

TAKEN = """
CREATE OR REPLACE FUNCTION bookings_taken(
    staff uuid[], resources uuid[], customer uuid, at timestamptz, begins timestamptz, ends timestamptz,
    moving uuid, salon uuid
) RETURNS TABLE (owner uuid, minutes bytea, dates bytea, version bigint) LANGUAGE plpgsql STABLE AS $f$
BEGIN
    RETURN QUERY
    SELECT k.owner, taken.minutes, taken.dates, NULL::bigint
      FROM (SELECT id, staff_member_id AS owner FROM bookings_calendar
             WHERE staff_member_id = ANY (staff) AND lane = 0
            UNION ALL
            SELECT id, resource_id FROM bookings_calendar WHERE resource_id = ANY (resources)
            UNION ALL
            SELECT id, customer_id FROM bookings_calendar WHERE customer_id = bookings_taken.customer) k
     CROSS JOIN LATERAL (
            SELECT string_agg(int4send(floor(date_part('epoch', c.starts_at) / 60)::int) ||
                              int4send(ceil(date_part('epoch', c.ends_at) / 60)::int), '') AS minutes,
                   string_agg(int4send(c.business_date - DATE '1970-01-01'), '') AS dates
              FROM bookings_claim c
             WHERE c.calendar_id = k.id
               AND c.is_active AND (c.expires_at IS NULL OR c.expires_at > at)
               AND c.starts_at < bookings_taken.ends AND c.ends_at > bookings_taken.begins
               -- No claim is longer than a day, so the index need not be read to the end of what is booked.
               AND c.ends_at < bookings_taken.ends + interval '24 hours'
               -- A claim need not be a booking's.
               AND (moving IS NULL OR c.booking_id IS DISTINCT FROM moving)) taken
     WHERE taken.minutes IS NOT NULL
     UNION ALL
    SELECT NULL, NULL, NULL, s.catalogue_version FROM salons_salon s WHERE s.id = salon;
END $f$
"""
BEFORE = import_module("backend.bookings.migrations.0012_calendar_feeds").TAKEN


class Migration(migrations.Migration):
    dependencies = [("bookings", "0016_waited_days")]
    operations = [migrations.RunSQL(TAKEN, BEFORE)]
