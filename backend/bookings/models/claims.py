"""What can be taken, and who has taken it: the one overlap rule (ADR 0002).

Whatever can be taken has a calendar, whoever takes time inserts claims, and one exclusion constraint on claims refuses
overlaps on every path, under any number of processes.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value

from backend.salons.models import Resource, StaffMember

LANES = 9
"""Visits at most that a person may be given on purpose while they are taken."""


LONGEST_CLAIM = timedelta(days=1)


class Calendar(models.Model):
    """Whatever can be in one place at a time: a staff member, a resource or a customer. Rows are made on first use.

    The id is small on purpose: `int8range(id, id, '[]')` stands in for equality in the exclusion constraint.

    `lane` 0 is the person as everybody knows them. The others are theirs too: a visit that an owner adds on purpose
    while the person is taken stands on the first lane that is free, so the constraint holds for it like for any other.
    """

    staff_member = models.ForeignKey(
        StaffMember, on_delete=models.CASCADE, null=True, blank=True, related_name="calendars"
    )
    lane = models.PositiveSmallIntegerField(default=0, db_default=0)
    resource = models.OneToOneField(
        Resource, on_delete=models.CASCADE, null=True, blank=True, related_name="calendar"
    )
    customer = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="calendar"
    )

    last_taken_at = models.DateTimeField(null=True, blank=True)
    """When a booking last took time here: among equals, whoever was booked longest ago is next."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["staff_member", "lane"], name="calendar_lane_once"),
            models.CheckConstraint(
                condition=Q(lane=0) | Q(staff_member__isnull=False, lane__lte=LANES),
                name="calendar_lanes_are_few",
            ),
            models.CheckConstraint(
                condition=Q(staff_member__isnull=False, resource__isnull=True, customer__isnull=True)
                | Q(staff_member__isnull=True, resource__isnull=False, customer__isnull=True)
                | Q(staff_member__isnull=True, resource__isnull=True, customer__isnull=False),
                name="calendar_has_one_owner",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Int8Range(Func):
    function = "int8range"


class TsTzRange(Func):
    function = "tstzrange"


class Claim(models.Model):
    """Time taken on one calendar, buffers included, half-open. `is_active` false = given back.

    What takes longer than a day is several claims, so that a question about one day reads two days of claims at most.

    It is taken by a booking or a published session, held for an offer to somebody on the waiting list, or taken by what
    the person does elsewhere (`outside_calendar`). The claims of an offer, and of a
    held or requested booking, carry `expires_at`; after it they no longer count for anybody who looks, and whoever
    wants the time writes down first that it has run out.

    `business_date` stands on one claim a booking has on a staff member's calendar: it is what a daily limit counts.
    """

    id = models.BigAutoField(primary_key=True)
    calendar = models.ForeignKey(Calendar, on_delete=models.PROTECT, related_name="claims")
    booking = models.ForeignKey(
        "bookings.Booking", on_delete=models.CASCADE, null=True, blank=True, related_name="claims"
    )
    waitlist_entry = models.ForeignKey(
        "bookings.WaitlistEntry",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="claims",
        db_index=False,
    )
    outside_calendar = models.ForeignKey(
        "bookings.OutsideCalendar",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="claims",
        db_index=False,  # a partial one, which bookings do not pay for
    )
    session = models.ForeignKey(
        "bookings.Session",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="claims",
        db_index=False,  # likewise
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    business_date = models.DateField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="claim_no_overlap",
                expressions=[
                    (Int8Range(F("calendar"), F("calendar"), Value("[]")), RangeOperators.OVERLAPS),
                    (TsTzRange(F("starts_at"), F("ends_at")), RangeOperators.OVERLAPS),
                ],
                condition=Q(is_active=True),
            ),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="claim_ends_after_start"),
            models.CheckConstraint(
                condition=Q(booking__isnull=False, waitlist_entry=None, outside_calendar=None, session=None)
                | Q(booking=None, waitlist_entry__isnull=False, outside_calendar=None, session=None)
                | Q(booking=None, waitlist_entry=None, outside_calendar__isnull=False, session=None)
                | Q(booking=None, waitlist_entry=None, outside_calendar=None, session__isnull=False),
                name="claim_has_one_taker",
            ),
            models.CheckConstraint(
                condition=Q(waitlist_entry__isnull=True) | Q(expires_at__isnull=False),
                name="claim_of_an_offer_has_an_end",
            ),
            models.CheckConstraint(
                condition=Q(
                    ends_at__lte=models.ExpressionWrapper(
                        F("starts_at") + LONGEST_CLAIM, output_field=models.DateTimeField()
                    )
                ),
                name="claim_at_most_a_day",
            ),
        ]
        indexes = [
            models.Index(
                fields=["calendar", "ends_at"],
                include=["starts_at", "expires_at"],
                condition=Q(is_active=True),
                name="claim_busy_times",
            ),
            models.Index(
                fields=["waitlist_entry"],
                condition=Q(waitlist_entry__isnull=False),
                name="claim_for_an_offer",
            ),
            models.Index(
                fields=["outside_calendar"],
                condition=Q(outside_calendar__isnull=False),
                name="claim_from_outside",
            ),
            models.Index(fields=["session"], condition=Q(session__isnull=False), name="claim_of_a_session"),
        ]

    def __str__(self) -> str:
        return f"{self.calendar_id} {self.starts_at:%F %R}"
