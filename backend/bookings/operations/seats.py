"""Selling seats in a session: the last one once, under the session's lock."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from backend.accounts.operations import SessionRevoked
from backend.accounts.queries import is_gone
from backend.bookings import messages
from backend.bookings.availability import floor_minute
from backend.bookings.models import (
    Booking,
    BookingItem,
    BookingState,
    Claim,
    ItemResource,
    Kind,
    Session,
    SessionState,
    Source,
)
from backend.bookings.operations.claiming import (
    Calendars,
    hold_rules_and_number,
    insert_claims,
    lock_calendars,
)
from backend.bookings.operations.counting import add_seats, counted_as, lock_session, note_decision
from backend.bookings.operations.creating import check_audience
from backend.bookings.operations.expiring import expire_dead_seats
from backend.bookings.operations.paying import HOLD
from backend.bookings.operations.reminding import next_reminder
from backend.bookings.operations.transitions import Actor, by_customer, by_salon, event_of
from backend.bookings.queries import SalonRules
from backend.bookings.queries.sessions import seat_deposit
from backend.bookings.reference import reference_of
from backend.bookings.refusals import (
    AmountChanged,
    BookingOverlap,
    SeatsUnavailable,
    SessionCancelled,
    SessionClosed,
    SlotUnavailable,
)
from backend.core.errors import NotFound
from backend.core.postgres.rows import insert


def take_seats(
    *,
    customer: Any,
    session_id: uuid.UUID,
    seats: int,
    now: datetime,
    note: str = "",
    expected_total_minor: int | None = None,
) -> Booking:
    """Book seats in a published session: held until the deposit is paid, else confirmed at once.

    `expected_total_minor` is what the person saw. Raises NotFound, SalonNotLive, WomenOnly or MenOnly, AmountChanged,
    SessionCancelled, SessionClosed, BookingOverlap where the person is booked then (in this session too), and
    SeatsUnavailable with how many are left.
    """
    seen = _on_sale(session_id)
    with transaction.atomic():
        rules, number = hold_rules_and_number(seen.salon_id)
        check_audience(rules.salon, customer)
        calendars = lock_calendars(staff_ids=(), customer=customer)
        if is_gone(customer):
            raise SessionRevoked
        deposit = seats * seat_deposit(seen, rules, customer, at=now)
        booking = Booking(
            customer=customer,
            source=Source.APP,
            language=customer.spoken_language,
            note=note,
            deposit_minor=deposit,
            state=BookingState.HELD if deposit else BookingState.CONFIRMED,
            hold_expires_at=now + HOLD if deposit else None,
        )
        session = _open(session_id, now=now)
        total = seats * session.price_minor
        if expected_total_minor is not None and expected_total_minor != total:
            raise AmountChanged(
                extra={"params": {"expected_minor": expected_total_minor, "total_minor": total}}
            )
        _check_is_free(calendars, customer, session, now=now)
        return _write(
            booking,
            session,
            rules,
            number,
            seats=seats,
            calendars=calendars,
            actor=by_customer(customer),
            now=now,
        )


def write_guest_seats(
    *,
    staff_user: Any,
    session_id: uuid.UUID,
    seats: int,
    now: datetime,
    guest_name: str,
    guest_phone: str = "",
    note: str = "",
) -> Booking:
    """Write down a guest's seats at the desk: confirmed at once, without deposit, until the session ends.

    Raises as `take_seats` does.
    """
    seen = _on_sale(session_id)
    with transaction.atomic():
        rules, number = hold_rules_and_number(seen.salon_id)
        booking = Booking(
            guest_name=guest_name,
            guest_phone=guest_phone,
            source=Source.DESK,
            language="ar",
            note=note,
            deposit_minor=0,
            state=BookingState.CONFIRMED,
        )
        session = _open(session_id, now=now, at_desk=True)
        return _write(booking, session, rules, number, seats=seats, actor=by_salon(staff_user), now=now)


def _on_sale(session_id: uuid.UUID) -> Session:
    """What is not published, or was never, is not there."""
    found = (
        Session.objects.exclude(state=SessionState.DRAFT)
        .select_related("salon")
        .filter(pk=session_id)
        .first()
    )
    if found is None:
        raise NotFound
    return found


def _open(session_id: uuid.UUID, *, now: datetime, at_desk: bool = False) -> Session:
    """The session, locked, and its seats on sale now: until it begins, at its own desk until it ends.

    Holds that have run out are written down first: their seats count for nobody who comes after.
    """
    expire_dead_seats(session_id, now=now, wait=True)
    session = lock_session(session_id)
    state = session.state_at(now)
    if state == SessionState.CANCELLED:
        raise SessionCancelled
    if state != SessionState.PUBLISHED or (session.ends_at if at_desk else session.starts_at) <= now:
        raise SessionClosed
    note_decision(session, now=now)
    return session


def _check_is_free(calendars: Calendars, customer: Any, session: Session, *, now: datetime) -> None:
    """Refuse who has another booking then. Their calendar is locked."""
    counts = Q(expires_at=None) | Q(expires_at__gt=now)
    if Claim.objects.filter(
        counts,
        calendar_id=calendars.ids[customer.pk],
        is_active=True,
        starts_at__lt=session.ends_at,
        ends_at__gt=session.starts_at,
    ).exists():
        raise BookingOverlap


def _write(
    booking: Booking,
    session: Session,
    rules: SalonRules,
    number: int,
    *,
    seats: int,
    actor: Actor,
    now: datetime,
    calendars: Calendars | None = None,
) -> Booking:
    """Write the booking down and count its seats. The session is locked."""
    left = session.capacity - session.seats_taken
    if seats > left:
        raise SeatsUnavailable(extra={"params": {"seats_left": left}})
    salon = rules.salon
    booking.kind, booking.session, booking.seats, booking.salon = Kind.SEAT, session, seats, salon
    booking.starts_at, booking.ends_at = session.starts_at, session.ends_at
    booking.business_date = rules.rulebook.timetable.business_date(floor_minute(session.starts_at))
    booking.reference = reference_of(number)
    booking.price_minor, booking.currency = seats * session.price_minor, session.currency
    booking.free_cancel_hours = salon.free_cancel_hours
    booking.late_cancel_percent = salon.late_cancel_percent
    booking.created_at = now
    if booking.state == BookingState.CONFIRMED:
        booking.remind_at = next_reminder(booking, now=now)
    item = BookingItem(
        booking=booking,
        position=0,
        staff_member=session.staff.order_by("position", "pk").first(),
        service_name_ar=session.text_in("title", "ar"),
        service_name_en=session.text_in("title", "en"),
        starts_at=session.starts_at,
        ends_at=session.ends_at,
        price_minor=booking.price_minor,
    )
    insert([booking])
    insert([item])
    given = [ItemResource(item=item, resource=one) for one in session.resources.order_by("pk")]
    insert(given)
    insert([event_of(booking, "create", before="", actor=actor, now=now)])
    if calendars is not None:
        try:
            insert_claims(
                booking_id=booking.pk,
                spans=[(calendars.ids[booking.customer_id], booking.starts_at, booking.ends_at)],
                expires_at=booking.dies_at,
                now=now,
            )
        except SlotUnavailable as error:
            raise BookingOverlap from error
    taken, confirmed = counted_as(booking.state)
    add_seats(session, taken=seats * taken, confirmed=seats * confirmed)
    messages.tell(booking, "create", before="", actor_role=actor.role, now=now)
    return booking
