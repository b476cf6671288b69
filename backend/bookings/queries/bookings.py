"""Bookings for whoever may see them: a customer's own, a salon's, support's."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from backend.bookings.models import Booking, BookingState

PHASES: dict[str, tuple[str, ...]] = {
    "cancelled": (BookingState.CANCELLED, BookingState.DECLINED, BookingState.EXPIRED),
    "past": (BookingState.COMPLETED, BookingState.NO_SHOW),
    "upcoming": (BookingState.HELD, BookingState.REQUESTED, BookingState.CONFIRMED),
}


def phase_of(booking: Booking, now: datetime) -> str:
    """`upcoming`, `past` or `cancelled`: what drives an app's layout."""
    if booking.state in PHASES["cancelled"]:
        return "cancelled"
    return "past" if booking.state in PHASES["past"] or booking.ends_at <= now else "upcoming"


def in_phase(phase: str, now: datetime) -> Q:
    if phase == "cancelled":
        return Q(state__in=PHASES["cancelled"])
    live = Q(state__in=PHASES["upcoming"])
    if phase == "upcoming":
        return live & Q(ends_at__gt=now)
    return Q(state__in=PHASES["past"]) | (live & Q(ends_at__lte=now))


def _with_details(bookings: QuerySet[Booking]) -> QuerySet[Booking]:
    return bookings.select_related("salon__city", "customer").prefetch_related(
        "items__service", "items__staff_member", "items__resources__resource"
    )


def bookings_of(customer: Any) -> QuerySet[Booking]:
    """A customer's own bookings, with what a ticket shows.

    A session in doubt (accounts.operations.identity) sees none that were made before it.
    """
    bookings = Booking.objects.filter(customer=customer)
    if customer.history_from is not None:
        bookings = bookings.filter(created_at__gte=customer.history_from)
    return _with_details(bookings)


def bookings_for_support(person: Any) -> QuerySet[Booking]:
    """The latest bookings of somebody who called, without money."""
    return Booking.objects.filter(customer=person).select_related("salon").order_by("-starts_at", "-id")[:20]


def bookings_at(salon_ids: Iterable[uuid.UUID]) -> QuerySet[Booking]:
    """The bookings of these salons, with what the desk shows."""
    return _with_details(Booking.objects.filter(salon_id__in=list(salon_ids)))
