"""The whole life of a booking: moves to be answered, disputes, lanes for added visits, refusals and notes kept."""

import backend.core.ids
import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# What stands on another lane was added on purpose, and takes nothing that is on offer.
TAKEN = """
CREATE OR REPLACE FUNCTION bookings_taken(
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
     WHERE k.lane = 0
       AND (k.staff_member_id = ANY (staff) OR k.resource_id = ANY (resources) OR k.customer_id = customer)
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
BEFORE = """
CREATE OR REPLACE FUNCTION bookings_taken(
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

NO_SHOWS = """
UPDATE bookings_booking b
   SET no_show_at = coalesce(
           (SELECT max(e.at) FROM bookings_bookingevent e WHERE e.booking_id = b.id AND e.verb = 'no_show'), b.ends_at)
 WHERE b.state = 'no_show'
"""
MOVES = """
UPDATE bookings_booking b SET moves_left = s.max_reschedules
  FROM salons_salon s
 WHERE s.id = b.salon_id AND b.state IN ('held', 'requested', 'confirmed')
"""


class Migration(migrations.Migration):

    dependencies = [
        ('bookings', '0006_names_of_variants_fit'),
        ('salons', '0010_moves_of_a_booking'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ClientNote',
            fields=[
                ('id', models.UUIDField(default=backend.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('guest_phone', models.CharField(blank=True, default='', max_length=16)),
                ('text', models.TextField(max_length=1000)),
                ('is_health', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Refusal',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('asked', models.CharField(choices=[('quote', 'Quote'), ('create', 'Create'), ('walk_in', 'Walk In'), ('reschedule', 'Reschedule')], max_length=10)),
                ('starts_at', models.DateTimeField()),
                ('service_ids', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                ('staff_ids', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), blank=True, default=list, size=None)),
                ('reasons', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=24), size=None)),
                ('catalogue_version', models.PositiveBigIntegerField()),
            ],
        ),
        migrations.AddField(
            model_name='booking',
            name='attendance_confirmed_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='booking',
            name='dispute_answered_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='booking',
            name='disputed_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='booking',
            name='is_overbooked',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='booking',
            name='moves_left',
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='booking',
            name='no_show_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='booking',
            name='salon_moved_from',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='bookingevent',
            name='changes',
            field=models.JSONField(blank=True, db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name='calendar',
            name='lane',
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='calendar',
            name='last_taken_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='calendar',
            name='staff_member',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='calendars', to='salons.staffmember'),
        ),
        migrations.AddIndex(
            model_name='booking',
            index=models.Index(fields=['salon', 'customer', '-starts_at'], name='booking_by_client'),
        ),
        migrations.AddIndex(
            model_name='booking',
            index=models.Index(condition=models.Q(('guest_phone', ''), _negated=True), fields=['guest_phone', 'salon', '-starts_at'], name='booking_by_guest'),
        ),
        migrations.RunSQL(NO_SHOWS, migrations.RunSQL.noop, elidable=True),
        migrations.RunSQL(MOVES, migrations.RunSQL.noop, elidable=True),
        migrations.RunSQL(TAKEN, BEFORE),
        migrations.AddConstraint(
            model_name='booking',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'no_show'), _negated=True), ('no_show_at__isnull', False), _connector='OR'), name='booking_no_show_has_a_time'),
        ),
        migrations.AddConstraint(
            model_name='booking',
            constraint=models.CheckConstraint(condition=models.Q(('disputed_at__isnull', True), ('no_show_at__isnull', False), _connector='OR'), name='booking_dispute_follows_no_show'),
        ),
        migrations.AddConstraint(
            model_name='booking',
            constraint=models.CheckConstraint(condition=models.Q(('dispute_answered_at__isnull', True), ('disputed_at__isnull', False), _connector='OR'), name='booking_answer_follows_dispute'),
        ),
        migrations.AddConstraint(
            model_name='booking',
            constraint=models.CheckConstraint(condition=models.Q(('salon_moved_from__isnull', True), ('customer__isnull', False), _connector='OR'), name='booking_move_is_for_a_customer_to_answer'),
        ),
        migrations.AddConstraint(
            model_name='calendar',
            constraint=models.UniqueConstraint(fields=('staff_member', 'lane'), name='calendar_lane_once'),
        ),
        migrations.AddConstraint(
            model_name='calendar',
            constraint=models.CheckConstraint(condition=models.Q(('lane', 0), models.Q(('lane__lte', 9), ('staff_member__isnull', False)), _connector='OR'), name='calendar_lanes_are_few'),
        ),
        migrations.AddField(
            model_name='clientnote',
            name='customer',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='clientnote',
            name='salon',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='client_notes', to='salons.salon'),
        ),
        migrations.AddField(
            model_name='clientnote',
            name='written_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='refusal',
            name='salon',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='refusals', to='salons.salon'),
        ),
        migrations.AddIndex(
            model_name='clientnote',
            index=models.Index(fields=['salon', 'customer', '-created_at'], name='client_note_by_customer'),
        ),
        migrations.AddIndex(
            model_name='clientnote',
            index=models.Index(fields=['salon', 'guest_phone', '-created_at'], name='client_note_by_guest'),
        ),
        migrations.AddConstraint(
            model_name='clientnote',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('customer__isnull', False), ('guest_phone', '')), models.Q(('customer__isnull', True), ('guest_phone__regex', '^\\+[1-9][0-9]{7,14}$')), _connector='OR'), name='client_note_is_about_one'),
        ),
        migrations.AddConstraint(
            model_name='clientnote',
            constraint=models.CheckConstraint(condition=models.Q(('is_health', False), ('customer__isnull', False), _connector='OR'), name='client_note_on_health_of_an_account'),
        ),
        migrations.AddConstraint(
            model_name='clientnote',
            constraint=models.CheckConstraint(condition=models.Q(('text', ''), _negated=True), name='client_note_says_something'),
        ),
        migrations.AddIndex(
            model_name='refusal',
            index=models.Index(fields=['salon', '-at'], name='refusal_by_salon'),
        ),
        migrations.AddIndex(
            model_name='refusal',
            index=models.Index(fields=['at'], name='refusal_by_age'),
        ),
        migrations.AddConstraint(
            model_name='refusal',
            constraint=models.CheckConstraint(condition=models.Q(('asked__in', ['quote', 'create', 'walk_in', 'reschedule'])), name='refusal_asked_known'),
        ),
        migrations.AddConstraint(
            model_name='refusal',
            constraint=models.CheckConstraint(condition=models.Q(('reasons', []), _negated=True), name='refusal_has_a_reason'),
        ),
    ]
