"""Giving a visit its place: who and what serves it, and the time that takes on each calendar."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from django.db.models import Model

from backend.bookings import availability
from backend.bookings.availability import NeedKind, Slot, Span, moment_of
from backend.bookings.models import LONGEST_CLAIM, Booking, BookingItem, ItemResource, Kind
from backend.bookings.operations.claiming import (
    Calendars,
    ask_for_calendars,
    first_use,
    insert_claims,
    lane_for,
    lock_calendars,
)
from backend.bookings.queries import Visit, look_at
from backend.bookings.refusals import refusal
from backend.core.postgres.base import Later, later

_LOADS = """
    SELECT coalesce(k.staff_member_id, k.resource_id), sum(c.ends_at - c.starts_at)
      FROM bookings_calendar k
     CROSS JOIN LATERAL (
           SELECT starts_at, ends_at FROM bookings_claim
            WHERE calendar_id = k.id AND is_active AND starts_at < %(ends)s AND ends_at > %(begins)s
              AND ends_at < %(reach)s  -- an end of the index: what is booked for later is not walked through
              AND (expires_at IS NULL OR expires_at > %(now)s)) c
     WHERE k.staff_member_id = ANY(%(staff)s::uuid[]) OR k.resource_id = ANY(%(resources)s::uuid[])
     GROUP BY 1
"""
_Found = TypeVar("_Found")
_NEVER = datetime.min.replace(tzinfo=UTC)


def find_slot(
    visit: Visit,
    *,
    starts_at: datetime,
    now: datetime,
    customer: Any = None,
    moving: uuid.UUID | None = None,
    overbook: bool = False,
) -> Slot[uuid.UUID]:
    """The slot that starts then, or the refusal of the first reason against it.

    With `overbook` people may be taken already; rooms, chairs and devices may not.
    """
    slot, reasons = look_at(visit, starts_at, now=now, customer=customer, moving=moving, overbook=overbook)
    if slot is None:
        raise refusal(reasons, decided_by=visit.rules.version)
    return slot


def lock_calendars_for(visit: Visit, *, customer: Any, leaving: Collection[uuid.UUID] = ()) -> Calendars:
    """Lock every calendar the visit could touch.

    `leaving` are people who get time back: their calendars are locked with the others.
    """
    return lock_calendars(
        staff_ids=visit.staff_ids | set(leaving), resource_ids=visit.resource_ids, customer=customer
    )


def lock_and_find(visit: Visit, find: Callable[[], _Found], *, customer: Any) -> tuple[Calendars, _Found]:
    """Lock every calendar the visit could touch, and look what is free on them, in one round trip.

    Raises what `find` raises.
    """
    asked = ask_for_calendars(staff_ids=visit.staff_ids, resource_ids=visit.resource_ids, customer=customer)
    found = find()
    calendars = asked.calendars()
    if calendars is None:  # what was found is worth nothing: nobody held anything still
        calendars = first_use(asked)
        found = find()
    return calendars, found


@dataclass(frozen=True)
class Seat:
    """One service of a visit: its time, who gives it, and the rooms, chairs or devices it has.

    What is let has nobody.
    """

    starts_at: datetime
    ends_at: datetime
    staff_id: uuid.UUID | None
    resource_ids: tuple[uuid.UUID, ...]


@dataclass(frozen=True)
class Seating:
    """A whole visit in its place: a seat for each service, and the minutes taken on whose calendar."""

    seats: tuple[Seat, ...]
    taken: tuple[tuple[uuid.UUID, Span], ...]


def seating_of(visit: Visit, slot: Slot[uuid.UUID], rank: Callable[[uuid.UUID], Any] | None) -> Seating:
    """Choose who and what serves each service of an offered slot; the lowest rank wins each need."""
    chosen = availability.choose(slot.able, rank)
    at = moment_of(slot.starts)
    seats = []
    for step, takers in zip(visit.steps, chosen, strict=True):
        until = at + timedelta(minutes=step.duration)
        kinds = [need.kind for need in step.needs]
        seats.append(
            Seat(
                starts_at=at,
                ends_at=until,
                staff_id=takers[kinds.index(NeedKind.STAFF)] if NeedKind.STAFF in kinds else None,
                resource_ids=tuple(
                    t for t, kind in zip(takers, kinds, strict=True) if kind is NeedKind.RESOURCE
                ),
            )
        )
        at = until
    return Seating(tuple(seats), tuple(availability.claims(visit.steps, chosen, slot.starts)))


def take(
    booking: Booking,
    seating: Seating,
    calendars: Calendars,
    *,
    now: datetime,
    along: Callable[[int], Sequence[Sequence[Model]]] = lambda _lane: (),
) -> int:
    """Claim a booking's time on locked calendars, the customer's own where they are there. The highest lane it needed.

    The booking is saved, or stands with its items in what `along` makes of that lane, which is written in the same
    statement.

    Lanes beyond the first are for a booking that `is_overbooked`. Raises SlotUnavailable when the constraint knows
    better than the question did, or no lane is free.
    """
    spans, highest, counted = [], 0, set()
    people = {seat.staff_id for seat in seating.seats}
    for owner, taken in seating.taken:
        begins, ends = moment_of(taken[0]), moment_of(taken[1])
        calendar_id, lane = calendars.ids[owner], 0
        if booking.is_overbooked and owner in people:
            lane, calendar_id = lane_for(calendars, owner, begins, ends)
        if owner in people and lane == 0:
            counted.add(calendar_id)
        highest = max(highest, lane)
        spans.append((calendar_id, begins, ends))
    if booking.customer is not None and Kind(booking.kind).takes_its_customer:
        spans.append((calendars.ids[booking.customer.pk], booking.starts_at, booking.ends_at))
    insert_claims(
        booking_id=booking.pk,
        spans=spans,
        expires_at=booking.dies_at,
        now=now,
        business_date=booking.business_date,
        counted=counted,
        along=along(highest),
    )
    return highest


def given(items: Sequence[BookingItem], seating: Seating, visit: Visit) -> list[ItemResource]:
    """Which rooms, chairs and devices each item is given."""
    return [
        ItemResource(item=item, resource=visit.rules.resources[resource_id])
        for item, seat in zip(items, seating.seats, strict=True)
        for resource_id in seat.resource_ids
    ]


def ask_for_loads(visit: Visit, *, starts_at: datetime, now: datetime) -> Later | None:
    """Ask, with the transaction's next statement, how long each one's day already is. None where nobody is chosen."""
    if all(len(need.candidates) < 2 for step in visit.steps for need in step.needs):
        return None
    zone = visit.salon.zone
    day = availability.starts_on(zone, from_date=starts_at.astimezone(zone).date(), days=1)
    asked = {
        "staff": list(visit.staff_ids),
        "resources": list(visit.resource_ids),
        "begins": moment_of(day[0]),
        "ends": moment_of(day[1]),
        "reach": moment_of(day[1]) + LONGEST_CLAIM,
        "now": now,
    }
    return later(_LOADS, asked)


def least_loaded(calendars: Calendars, loads: Later | None) -> Callable[[uuid.UUID], Any] | None:
    """Rank people and things: fewest minutes claimed on the day of the visit, then whoever was booked longest ago."""
    if loads is None:
        return None
    claimed: dict[uuid.UUID, timedelta] = dict(loads.fetchall())

    def rank(one: uuid.UUID) -> tuple[timedelta, datetime]:
        return claimed.get(one, timedelta()), calendars.last_taken.get(one, _NEVER)

    return rank
