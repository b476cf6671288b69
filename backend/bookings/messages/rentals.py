"""What bookings of a rental say in words of their own: what is let, and from when to when."""

from __future__ import annotations

from backend.bookings.messages.sessions import short_title
from backend.bookings.models import Booking
from backend.notifications.phrases import said_at

_NAMING_IT = {
    "booking_received": "rental_received",
    "booking_confirmed": "rental_confirmed",
    "booking_requested": "rental_requested",
}


def kind_for_rental(booking: Booking, kind: str) -> str:
    """The kind of message for a rental in place of a visit's."""
    return _NAMING_IT.get(kind, kind)


def rental_values(booking: Booking) -> dict[str, str]:
    """What is let, and when it ends."""
    ends = said_at(booking.ends_at.astimezone(booking.salon.zone))
    return {"title": short_title(booking), "until_date": ends["date"], "until_time": ends["time"]}
