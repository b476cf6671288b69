"""What a customer answers: that they will come, and whether the salon's new time suits them."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from backend.bookings.models import Booking
from backend.bookings.operations.transitions import Actor, lock_booking, transition
from backend.core.errors import VersionConflict


def answer(
    *,
    bookings: QuerySet[Booking],
    booking_id: uuid.UUID,
    verb: str,
    actor: Actor,
    version: int,
    now: datetime,
    reason: str = "",
) -> Booking:
    """One answer by a customer who saw `version`; one already given is returned as it is, like a cancellation.

    Raises NotFound, VersionConflict, and what `transition` raises.
    """
    with transaction.atomic():
        booking = lock_booking(bookings, booking_id)
        # A tap whose answer was lost names the version before it; one after a refresh names its own.
        written = version if booking.version == version else version + 1
        if booking.events.filter(version=written, verb=verb).exists():
            return booking
        if booking.version != version:
            raise VersionConflict
        return transition(booking, verb, actor=actor, now=now, reason=reason)
