"""Moving a booking: the same visit at another time, one atomic swap of claims."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from backend.bookings import messages
from backend.bookings.availability import moment_of
from backend.bookings.models import Booking, BookingItem, BookingState, Claim, ItemResource
from backend.bookings.operations.claiming import hold_rules
from backend.bookings.operations.seating import (
    clear_the_way,
    find_slot,
    give_resources,
    least_loaded,
    seating_of,
    take,
)
from backend.bookings.operations.transitions import Actor, check_move, lock_booking, write_event
from backend.bookings.queries import SalonRules, Visit, Wish, plan_visit
from backend.bookings.refusals import ServiceUnavailable
from backend.core.errors import NotFound, ValidationFailed, VersionConflict


def reschedule(
    *,
    bookings: QuerySet[Booking],
    booking_id: uuid.UUID,
    actor: Actor,
    version: int,
    starts_at: datetime,
    now: datetime,
    staff_member_id: uuid.UUID | None = None,
    reason: str = "",
) -> Booking:
    """Move a booking to another time, and to a chosen person where one is named; price and policy stay as agreed.

    Without a name the same people are preferred, and anyone who performs the services may take over. A booking may
    take its own old time; when the move is refused it stands as it was. Raises NotFound, VersionConflict,
    CannotChangeStatus, RescheduleTooLate, ServiceUnavailable, ValidationFailed, and the refusals of `find_slot`.
    """
    seen = bookings.filter(pk=booking_id).first()
    if seen is None:
        raise NotFound
    with transaction.atomic():
        rules = hold_rules(seen.salon_id)
        items = list(BookingItem.objects.filter(booking=seen).order_by("position"))
        same_people = {item.staff_member_id for item in items}
        visit = _same_visit(rules, items, staff_member_id)
        calendars = clear_the_way(
            visit, starts_at=starts_at, customer=seen.customer, now=now, leaving=same_people
        )
        booking = lock_booking(bookings, booking_id)
        if booking.version != version:
            raise VersionConflict
        check_move(booking, "reschedule", actor=actor, now=now)
        slot = find_slot(visit, starts_at=starts_at, now=now, customer=booking.customer, moving=booking.pk)

        moved_from = booking.starts_at
        booking.starts_at, booking.ends_at = starts_at, moment_of(slot.ends)
        booking.business_date = slot.business_date
        booking.version += 1
        if booking.respond_by is not None and booking.state == BookingState.REQUESTED:
            booking.respond_by = min(booking.respond_by, starts_at)
        booking.save(update_fields=["starts_at", "ends_at", "business_date", "version", "respond_by"])

        load = least_loaded(calendars, visit, starts_at=starts_at)
        seating = seating_of(visit, slot, lambda who: (who not in same_people, load(who) if load else 0))
        for item, seat in zip(items, seating.seats, strict=True):
            item.staff_member_id = seat.staff_id
            item.starts_at, item.ends_at = seat.starts_at, seat.ends_at
        BookingItem.objects.bulk_update(items, ["staff_member_id", "starts_at", "ends_at"])
        ItemResource.objects.filter(item__booking=booking).delete()
        give_resources(items, seating)
        # Deleted, not switched off: a deposit that arrives late takes a booking's own claims again, all of them.
        Claim.objects.filter(booking=booking).delete()
        take(booking, seating, calendars)

        write_event(
            booking,
            "reschedule",
            before=booking.state,
            actor=actor,
            now=now,
            reason=reason,
            moved_from=moved_from,
        )
        messages.tell(booking, "reschedule", before=booking.state, actor_role=actor.role, now=now)
    return booking


def _same_visit(rules: SalonRules, items: list[BookingItem], chosen: uuid.UUID | None) -> Visit:
    """What was booked, as the salon gives it today. Raises ServiceUnavailable, or ValidationFailed for the person."""
    if any(item.service_id not in rules.lines for item in items):
        raise ServiceUnavailable
    if chosen is not None and chosen not in rules.staff:
        raise ValidationFailed.at("/staff_member_id", "not_found")
    try:
        return plan_visit(rules, [Wish(item.service_id, chosen) for item in items])
    except ValidationFailed as error:  # it has variants now
        raise ServiceUnavailable from error
