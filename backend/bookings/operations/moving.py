"""Moving a booking: the same visit at another time, one atomic swap of claims."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from backend.bookings import messages
from backend.bookings.availability import Reason, Slot, moment_of
from backend.bookings.models import ActorRole, Booking, BookingItem, BookingState, Claim, ItemResource
from backend.bookings.operations.claiming import hold_rules
from backend.bookings.operations.freeing import note_freed
from backend.bookings.operations.kinds import plan_again
from backend.bookings.operations.reminding import next_reminder
from backend.bookings.operations.seating import (
    ask_for_loads,
    find_slot,
    given,
    least_loaded,
    lock_calendars_for,
    seating_of,
    take,
)
from backend.bookings.operations.transitions import Actor, Changes, check_move, lock_booking, write_event
from backend.bookings.refusals import refusal
from backend.core.errors import NotFound, VersionConflict
from backend.core.postgres.rows import insert
from backend.core.time import rfc3339

_MOVED = [
    "starts_at",
    "ends_at",
    "business_date",
    "version",
    "respond_by",
    "moves_left",
    "salon_moved_from",
    "is_overbooked",
    "attendance_confirmed_at",
    "remind_at",
]


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

    Without a name each service keeps its person where they are free, and anyone who performs it may take over; so with
    rooms and devices. A booking may take its own old time; when the move is refused it stands as it was. Raises
    NotFound, VersionConflict, CannotChangeStatus, RescheduleTooLate, SalonNotLive, ServiceUnavailable,
    ValidationFailed, and the refusals of `find_slot`.
    """
    seen = bookings.filter(pk=booking_id).first()
    if seen is None:
        raise NotFound
    _check(seen, version=version, actor=actor, now=now)
    with transaction.atomic():
        rules = hold_rules(seen.salon_id)
        items = list(
            BookingItem.objects.filter(booking=seen).order_by("position").prefetch_related("resources")
        )
        people = {item.staff_member_id for item in items if item.staff_member_id}
        visit = plan_again(seen, rules, items, chosen=staff_member_id, at_desk=actor.role == ActorRole.SALON)
        if starts_at <= now:
            raise refusal([Reason.PAST_TIME], decided_by=rules.version)
        calendars = lock_calendars_for(visit, customer=seen.customer, leaving=people)
        booking = lock_booking(bookings, booking_id)
        _check(booking, version=version, actor=actor, now=now)
        slot = find_slot(visit, starts_at=starts_at, now=now, customer=booking.customer, moving=booking.pk)

        moved_from = booking.starts_at
        before = _place(moved_from, [_had(item) for item in items])
        booking.starts_at, booking.ends_at = starts_at, moment_of(slot.ends)
        booking.business_date = slot.business_date
        booking.version += 1
        booking.is_overbooked = False
        booking.attendance_confirmed_at = None
        if actor.role == ActorRole.CUSTOMER:
            if booking.salon_moved_from is None:
                booking.moves_left -= 1
            booking.salon_moved_from = None
        elif booking.customer is not None:
            agreed = booking.salon_moved_from or moved_from
            booking.salon_moved_from = agreed if starts_at != agreed or staff_member_id is not None else None
        if booking.respond_by is not None and booking.state == BookingState.REQUESTED:
            booking.respond_by = min(booking.respond_by, starts_at)
        if booking.state == BookingState.CONFIRMED:
            booking.remind_at = next_reminder(booking, now=now)
            messages.drop_reminders(booking, now=now)
        booking.save(update_fields=_MOVED)

        slot = _as_before(slot, items)
        loads = ask_for_loads(visit, starts_at=starts_at, now=now)
        seating = seating_of(visit, slot, least_loaded(calendars, loads))
        for item, seat in zip(items, seating.seats, strict=True):
            item.staff_member_id = seat.staff_id
            item.starts_at, item.ends_at = seat.starts_at, seat.ends_at
        BookingItem.objects.bulk_update(items, ["staff_member_id", "starts_at", "ends_at"])
        ItemResource.objects.filter(item__booking=booking).delete()
        insert(given(items, seating, visit))
        # Deleted, not switched off: a deposit that arrives late takes a booking's own claims again, all of them.
        note_freed(booking, now=now)
        Claim.objects.filter(booking=booking).delete()
        take(booking, seating, calendars, now=now)

        write_event(
            booking,
            "reschedule",
            before=booking.state,
            actor=actor,
            now=now,
            reason=reason,
            moved_from=moved_from,
            changes=_difference(
                before, _place(starts_at, [(seat.staff_id, seat.resource_ids) for seat in seating.seats])
            ),
        )
        messages.tell(booking, "reschedule", before=booking.state, actor_role=actor.role, now=now)
    return booking


def _check(booking: Booking, *, version: int, actor: Actor, now: datetime) -> None:
    """Asked of the row as it was seen, so that its own state is the first answer, and again once it is locked."""
    if booking.version != version:
        raise VersionConflict
    check_move(booking, "reschedule", actor=actor, now=now)


_Had = tuple[uuid.UUID | None, Sequence[uuid.UUID]]


def _had(item: BookingItem) -> _Had:
    """Who serves it, and what it was given."""
    return item.staff_member_id, tuple(given.resource_id for given in item.resources.all())


def _place(starts_at: datetime, had: Sequence[_Had]) -> dict[str, Any]:
    """Where and when a visit is, as JSON: staff and resources of each service."""
    return {
        "starts_at": rfc3339(starts_at),
        "staff": [str(staff_id) for staff_id, _ in had if staff_id],
        "resources": [[str(one) for one in things] for _, things in had],
    }


def _difference(before: dict[str, Any], after: dict[str, Any]) -> Changes:
    return {name: (was, after[name]) for name, was in before.items() if was != after[name]}


def _as_before(slot: Slot[uuid.UUID], items: list[BookingItem]) -> Slot[uuid.UUID]:
    """The slot with only the person and things each service had, wherever they can serve it."""
    able = []
    for item, needs in zip(items, slot.able, strict=True):
        staff_id, things = _had(item)
        had = {staff_id, *things}
        able.append(tuple(tuple(one for one in those if one in had) or those for those in needs))
    return replace(slot, able=tuple(able))
