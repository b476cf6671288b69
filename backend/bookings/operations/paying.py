"""What payments may tell a booking; a booking never learns how it was paid."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from backend.accounts.queries import is_gone
from backend.bookings.affected.judging import misfits
from backend.bookings.models import Booking, BookingState, Claim, SessionState
from backend.bookings.operations.claiming import hold_rules, is_day_full, lock_calendars_of, retake_claims
from backend.bookings.operations.counting import counted_as, lock_session
from backend.bookings.operations.expiring import clear_dead_claims, expire_dead_seats
from backend.bookings.operations.kinds import confirms_itself
from backend.bookings.operations.transitions import (
    CLOSING,
    LONGEST_HOLD,
    SYSTEM,
    may_begin_to_pay,
    transition,
)
from backend.bookings.refusals import CannotChangeStatus, SalonNotLive, SlotExpired

HOLD = timedelta(minutes=10)
HOLD_WHILE_PAYING = timedelta(minutes=20)


def payment_begun(booking: Booking, *, now: datetime) -> None:
    """Keep the time while the person pays: 20 minutes from here, never past 60 in all.

    What remains is never less than the bank's page may take, so nobody who stalls there loses the time before Moyasar
    gives up on them. `booking` is locked. Raises CannotChangeStatus unless it waits for its deposit, SlotExpired when
    too late.
    """
    if booking.state != BookingState.HELD:
        raise SlotExpired if booking.state == BookingState.EXPIRED else CannotChangeStatus
    assert booking.hold_expires_at is not None
    if not may_begin_to_pay(booking, now=now):
        raise SlotExpired
    until = min(now + HOLD_WHILE_PAYING, booking.created_at + LONGEST_HOLD)
    if until > booking.hold_expires_at:
        booking.hold_expires_at = until
        booking.save(update_fields=["hold_expires_at"])
        Claim.objects.filter(booking=booking, is_active=True).update(expires_at=until)


def deposit_paid(booking_id: uuid.UUID, *, now: datetime) -> bool:
    """The deposit has arrived. True when the booking stands on it, False when the money must go back.

    Runs inside the caller's transaction. A hold that died meanwhile gets its own time back when it is still free and
    still to come, the salon still takes bookings and is open then, and nobody's day has become full; what a person
    cancelled stays cancelled. The salon's rules are held first and calendars locked before the booking, as everywhere.
    """
    return _deposit_came(booking_id, "deposit_paid_at", now=now)


def deposit_secured(booking_id: uuid.UUID, *, now: datetime) -> bool:
    """The bank holds the deposit, to be charged once the salon confirms. True when the booking stands on that.

    As `deposit_paid` in everything else.
    """
    return _deposit_came(booking_id, "deposit_secured_at", now=now)


def deposit_to_charge(booking: Booking) -> int | None:
    """Halalas to charge of a deposit that the bank holds; None while the salon has yet to answer."""
    if booking.state == BookingState.REQUESTED:
        return None
    return (booking.cancellation_fee_minor or 0) if booking.state in CLOSING else booking.deposit_minor


def deposit_charged(booking_id: uuid.UUID, *, now: datetime) -> int:
    """What the bank held for a booking is charged now. Halalas of it that are the salon's; the rest goes back."""
    booking = Booking.objects.select_for_update(no_key=True).get(pk=booking_id)
    due = deposit_to_charge(booking)
    if due is None:
        due = booking.deposit_minor
    if due and booking.deposit_paid_at is None:
        booking.deposit_paid_at = now
        booking.save(update_fields=["deposit_paid_at"])
    return due


def _deposit_came(booking_id: uuid.UUID, moment: str, *, now: datetime) -> bool:
    seen = Booking.objects.select_related("customer", "salon").get(pk=booking_id)
    dead = seen.state == BookingState.EXPIRED or (seen.dies_at is not None and seen.dies_at <= now)
    if dead:
        # A hold past its end may be written down as expired before it is locked below.
        try:
            rules = hold_rules(seen.salon_id)
        except SalonNotLive:
            return False
        lock_calendars_of(booking_id)
        if seen.session_id is None and misfits(booking_id, rules.rulebook.timetable):
            return False
    booking = (
        Booking.objects.select_for_update(no_key=True, of=("self",))
        .select_related("salon")
        .get(pk=booking_id)
    )
    if dead and is_day_full(booking_id, now=now):
        return False
    if booking.session_id is not None and not _seats_may_stand(booking, now=now):
        return False
    if booking.state == BookingState.EXPIRED:
        if booking.deposit_paid_at or booking.deposit_secured_at or booking.starts_at <= now:
            return False
        if seen.customer is not None and is_gone(seen.customer):
            return False  # the deletion held the calendar
        _clear_the_way(booking, now=now)
        if not retake_claims(booking.pk):
            return False
    elif booking.state != BookingState.HELD:
        return False
    setattr(booking, moment, now)
    booking.save(update_fields=[moment])
    confirmed = confirms_itself(booking)
    booking.hold_expires_at = None
    if not confirmed:
        within = timedelta(minutes=booking.salon.respond_within_minutes)
        booking.respond_by = min(now + within, booking.starts_at)
    transition(booking, "auto_confirm" if confirmed else "request", actor=SYSTEM, now=now)
    return True


def _seats_may_stand(booking: Booking, *, now: datetime) -> bool:
    """Whether the session of a locked booking takes place, and still has the seats if their hold had run out."""
    assert booking.session_id is not None
    assert booking.seats is not None
    taken, _ = counted_as(booking.state)
    if not taken:
        expire_dead_seats(booking.session_id, now=now, wait=False)
    session = lock_session(booking.session_id)
    has_room = bool(taken) or booking.seats <= session.capacity - session.seats_taken
    return has_room and session.state_at(now) == SessionState.PUBLISHED


def _clear_the_way(booking: Booking, *, now: datetime) -> None:
    """Write down the dead holds that still stand on an expired booking's own time."""
    for calendar_id, starts_at, ends_at in booking.claims.values_list("calendar_id", "starts_at", "ends_at"):
        clear_dead_claims([calendar_id], starts_at=starts_at, ends_at=ends_at, now=now)
