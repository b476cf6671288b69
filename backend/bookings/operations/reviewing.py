"""Who may say how a visit was: whoever was there, while it is fresh."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from backend.bookings.models import Booking, BookingState
from backend.core.errors import NotFound, Refused
from backend.salons.models import Review
from backend.salons.operations.reviews import write_review

REVIEW_OPEN = timedelta(days=14)
"""Long enough to see how a colour washes out; too short for anybody to be talked out of what they said."""


class ReviewNotAllowed(Refused):
    code = "review_not_allowed"
    message = _("A review can be written after a visit that took place.")


class ReviewClosed(Refused):
    code = "review_closed"
    message = _("A review can be written or changed until %(days)d days after the visit.")


def review_until(booking: Booking) -> datetime:
    """From then on the review of this visit stays as it is."""
    return booking.ends_at + REVIEW_OPEN


def was_there(booking: Booking, now: datetime) -> bool:
    """Whether the customer came: the salon said so, or checked them in and the time is over.

    A check-in is not taken back by what the salon writes down later.
    """
    return booking.state == BookingState.COMPLETED or (
        booking.arrived_at is not None and booking.ends_at <= now
    )


def review_visit(
    *,
    bookings: QuerySet[Booking],
    booking_id: uuid.UUID,
    rating: int,
    comment: str,
    now: datetime,
    version: int | None = None,
) -> Review:
    """Say how a visit was, or say it anew: one review per booking, by its customer.

    `bookings` are the caller's own. Raises NotFound, ReviewNotAllowed, ReviewClosed, and what `write_review` raises.
    """
    booking = bookings.filter(pk=booking_id, customer__isnull=False).first()
    if booking is None:
        raise NotFound
    if not was_there(booking, now):
        raise ReviewNotAllowed
    if now >= review_until(booking):
        raise ReviewClosed(days=REVIEW_OPEN.days)
    return write_review(
        author=booking.customer,
        salon_id=booking.salon_id,
        booking_id=booking.pk,
        rating=rating,
        comment=comment,
        version=version,
        now=now,
    )
