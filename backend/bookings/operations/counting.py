"""Counting a session's seats: under its row's lock, with every change of a booking that takes some.

A booking is locked before its session, never after (ADR 0028). Whoever has locked a session first touches only
bookings that nobody else holds.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from backend.bookings.models import TAKING_STATES, Booking, BookingState, Session, SessionState

_CONFIRMED = frozenset({BookingState.CONFIRMED, BookingState.COMPLETED, BookingState.NO_SHOW})


def lock_session(session_id: uuid.UUID) -> Session:
    """The session's row, locked until the transaction ends."""
    return Session.objects.select_for_update(no_key=True).get(pk=session_id)


def count_seats(booking: Booking, *, before: str, now: datetime) -> None:
    """Let a session's counts follow a booking that was in state `before`; of other bookings there is nothing to count.

    The booking is locked. Whether the session takes place is decided first: a seat given back after the deadline was
    there at the deadline.
    """
    if booking.session_id is None:
        return
    (took, stood), (takes, stands) = counted_as(before), counted_as(booking.state)
    if (took, stood) != (takes, stands):
        session = lock_session(booking.session_id)
        note_decision(session, now=now)
        seats = booking.seats or 0
        add_seats(session, taken=(takes - took) * seats, confirmed=(stands - stood) * seats)


def add_seats(session: Session, *, taken: int, confirmed: int) -> None:
    """Change the counts of a locked session."""
    session.seats_taken += taken
    session.seats_confirmed += confirmed
    session.save(update_fields=["seats_taken", "seats_confirmed"])


def note_decision(session: Session, *, now: datetime) -> None:
    """Write down that a locked session reached its minimum in time, once its deadline has passed."""
    due = session.decide_by is not None and session.decide_by <= now and session.decided_at is None
    if due and session.state == SessionState.PUBLISHED and not session.is_short(now):
        session.decided_at = now
        session.save(update_fields=["decided_at"])


def counted_as(state: str) -> tuple[int, int]:
    """How often a seat in this state counts as taken, and as confirmed."""
    return int(state in TAKING_STATES), int(state in _CONFIRMED)
