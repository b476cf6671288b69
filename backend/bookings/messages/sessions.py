"""What bookings of seats say in words of their own: the session's title, and that all of it was called off."""

from __future__ import annotations

from django.utils.translation import get_language

from backend.bookings.models import Booking, SessionState

LONGEST_TITLE = 16

_CALLED_OFF = {
    "booking_cancelled_by_salon": "session_cancelled",
    "booking_cancelled_by_salon_refunded": "session_cancelled_refunded",
}


def kind_for_seats(booking: Booking, kind: str) -> str:
    """The kind of message for seats in place of a visit's."""
    if kind == "booking_confirmed":
        return "seats_confirmed"
    if kind not in _CALLED_OFF or booking.session is None:
        return kind
    return _CALLED_OFF[kind] if booking.session.state == SessionState.CANCELLED else kind


def short_title(booking: Booking) -> str:
    """The session's title in the active language, as long as a text message bears."""
    [item] = booking.items.all()
    in_arabic = (get_language() or "ar").startswith("ar")
    title = item.service_name_ar if in_arabic else item.service_name_en
    return title[:LONGEST_TITLE].rstrip()
