"""What calendars elsewhere say about the people of a salon, and where that collides with what is booked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from backend.bookings.models import TAKING_STATES, Booking, Claim, OutsideCalendar, OutsideTime
from backend.salons.models import Salon

MOST_CONFLICTS = 50


def outside_calendars_at(salon: Salon) -> QuerySet[OutsideCalendar]:
    """Those of the people who work there, in the order of the list of staff."""
    return (
        OutsideCalendar.objects.filter(staff_member__salon=salon, staff_member__is_active=True)
        .select_related("staff_member")
        .order_by("staff_member__position", "staff_member_id")
    )


def outside_times_at(salon: Salon, *, begins: datetime, ends: datetime) -> Mapping[UUID, OutsideCalendar]:
    """By staff member, each with its `times` in [begins, ends), in order. Two queries at most."""
    times = OutsideTime.objects.filter(starts_at__lt=ends, ends_at__gt=begins).order_by("starts_at")
    rows = OutsideCalendar.objects.filter(staff_member__salon=salon).prefetch_related(
        Prefetch("times", times)
    )
    return {row.staff_member_id: row for row in rows}


def conflicts_of(calendar: OutsideCalendar, *, now: datetime) -> QuerySet[Booking]:
    """The bookings still to end that stand where its owner is busy elsewhere, the nearest first."""
    busy = OutsideTime.objects.filter(
        calendar=calendar, starts_at__lt=OuterRef("ends_at"), ends_at__gt=OuterRef("starts_at")
    )
    claims = Claim.objects.filter(
        Exists(busy),
        calendar__staff_member=calendar.staff_member_id,
        calendar__lane=0,
        is_active=True,
        ends_at__gt=now,
    )
    standing = Booking.objects.filter(pk__in=claims.values("booking"), state__in=TAKING_STATES)
    return standing.order_by("starts_at", "pk")[:MOST_CONFLICTS]
