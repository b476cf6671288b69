"""Calendars beyond our own: feeds of a staff member's bookings, and the calendars that are read for busy times."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import backend.core.ids

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
       -- A claim need not be a booking's.
       AND (moving IS NULL OR c.booking_id IS DISTINCT FROM moving)
     GROUP BY k.id
     UNION ALL
    SELECT NULL, NULL, NULL, s.catalogue_version FROM salons_salon s WHERE s.id = salon;
END $f$
"""
BEFORE = TAKEN.replace("(moving IS NULL OR c.booking_id IS DISTINCT FROM moving)", "c.booking_id IS DISTINCT FROM moving")

READ_ERRORS = [
    ("address_invalid", "The address leads to another that cannot be used."),
    ("address_refused", "The address belongs to a private network."),
    ("host_unknown", "No server was found under this address."),
    ("unreachable", "The server of the calendar cannot be reached."),
    ("certificate_refused", "The server of the calendar cannot prove who it is."),
    ("timed_out", "The server of the calendar takes too long to answer."),
    ("too_large", "The calendar is too large."),
    ("too_many_redirects", "The address only leads on to others."),
    ("answer_unreadable", "The answer of the calendar's server cannot be read."),
    ("sign_in_refused", "The calendar's server refuses the name or the password."),
    ("calendar_gone", "There is no calendar under this address any more."),
    ("answer_refused", "The server of the calendar reports a fault."),
    ("calendar_unreadable", "What is under this address is not a calendar."),
    ("calendar_too_busy", "The calendar holds more events than can be read."),
    ("secret_lost", "The address has to be entered once more."),
]


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0011_standing"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CalendarFeed",
            fields=[
                (
                    "staff_member",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="calendar_feed",
                        serialize=False,
                        to="salons.staffmember",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("secret_hash", models.CharField(max_length=64, unique=True)),
                ("created_at", models.DateTimeField()),
                ("last_read_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="OutsideCalendar",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=backend.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "staff_member",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="outside_calendar",
                        to="salons.staffmember",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("is_caldav", models.BooleanField(default=False)),
                ("host", models.CharField(max_length=255)),
                ("sealed", models.BinaryField()),
                ("etag", models.CharField(blank=True, default="", max_length=200)),
                ("last_modified", models.CharField(blank=True, default="", max_length=200)),
                ("created_at", models.DateTimeField()),
                ("tried_at", models.DateTimeField(blank=True, null=True)),
                ("read_at", models.DateTimeField(blank=True, null=True)),
                ("covered_until", models.DateTimeField(blank=True, null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                (
                    "error",
                    models.CharField(blank=True, choices=READ_ERRORS, default="", max_length=24),
                ),
                ("conflicts", models.PositiveIntegerField(default=0)),
                ("next_read_at", models.DateTimeField()),
                ("leased_until", models.DateTimeField(blank=True, null=True)),
                ("version", models.PositiveIntegerField(default=1)),
            ],
        ),
        migrations.CreateModel(
            name="OutsideTime",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "calendar",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="times",
                        to="bookings.outsidecalendar",
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="claim",
            name="outside_calendar",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="claims",
                to="bookings.outsidecalendar",
            ),
        ),
        migrations.RemoveConstraint(model_name="claim", name="claim_has_one_taker"),
        migrations.AddConstraint(
            model_name="claim",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    booking__isnull=False, waitlist_entry__isnull=True, outside_calendar__isnull=True
                )
                | models.Q(booking__isnull=True, waitlist_entry__isnull=False, outside_calendar__isnull=True)
                | models.Q(booking__isnull=True, waitlist_entry__isnull=True, outside_calendar__isnull=False),
                name="claim_has_one_taker",
            ),
        ),
        migrations.AddIndex(
            model_name="claim",
            index=models.Index(
                fields=["outside_calendar"],
                condition=models.Q(outside_calendar__isnull=False),
                name="claim_from_outside",
            ),
        ),
        migrations.AddConstraint(
            model_name="calendarfeed",
            constraint=models.CheckConstraint(
                condition=models.Q(secret_hash__regex="^[0-9a-f]{64}$"), name="calendar_feed_keeps_a_hash"
            ),
        ),
        migrations.AddIndex(
            model_name="outsidecalendar",
            index=models.Index(fields=["next_read_at"], name="outside_calendar_due"),
        ),
        migrations.AddConstraint(
            model_name="outsidecalendar",
            constraint=models.CheckConstraint(
                condition=models.Q(error__in=["", *(code for code, _ in READ_ERRORS)]),
                name="outside_calendar_error_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="outsidecalendar",
            constraint=models.CheckConstraint(
                condition=models.Q(failures=0, error="")
                | (models.Q(failures__gt=0) & ~models.Q(error="")),
                name="outside_calendar_failure_has_an_error",
            ),
        ),
        migrations.AddIndex(
            model_name="outsidetime",
            index=models.Index(fields=["calendar", "ends_at"], name="outside_time_by_end"),
        ),
        migrations.AddConstraint(
            model_name="outsidetime",
            constraint=models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")), name="outside_time_in_order"
            ),
        ),
        migrations.RunSQL(TAKEN, BEFORE),
    ]
