"""From a wish to a booking: the same question that lists times decides whether this one may be taken."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Model

from backend.bookings import messages
from backend.bookings.availability import Slot, moment_of
from backend.bookings.models import Booking, BookingItem, BookingState, ItemResource, Source
from backend.bookings.operations.claiming import hold_rules_and_number
from backend.bookings.operations.paying import HOLD
from backend.bookings.operations.reminding import next_reminder
from backend.bookings.operations.seating import (
    ask_for_loads,
    find_slot,
    given,
    least_loaded,
    lock_and_find,
    seating_of,
    take,
)
from backend.bookings.operations.transitions import Actor, by_customer, by_salon, event_of
from backend.bookings.queries import SalonRules, Visit, Wish, plan_visit, with_rules
from backend.bookings.queries.standing import asked_of
from backend.bookings.reference import reference_of
from backend.bookings.refusals import AmountChanged, DayFull, MenOnly, SlotUnavailable, WomenOnly
from backend.bookings.standing import Standing
from backend.core.postgres.base import Later
from backend.notifications import operations as notifications
from backend.salons.models import Audience, Salon


@dataclass(frozen=True)
class Quote:
    """What a visit would be and cost: halalas, moments in UTC, and who and what could serve each item.

    `deposit_minor` is what `standing` makes of the visit's own.
    """

    visit: Visit
    standing: Standing
    deposit_minor: int
    starts_at: datetime
    ends_at: datetime
    business_date: date
    able: tuple[tuple[tuple[uuid.UUID, ...], ...], ...]


def quote_booking(
    *, salon: Salon, wishes: Sequence[Wish], starts_at: datetime, now: datetime, customer: Any = None
) -> Quote:
    """Price, deposit and time of a visit, if it may start then.

    Raises the refusal of the first reason against it (slot_unavailable, outside_hours, too_soon ...).
    """
    return quote(
        salon=salon,
        plan=lambda rules: plan_visit(rules, wishes),
        starts_at=starts_at,
        now=now,
        customer=customer,
    )


def quote(
    *,
    salon: Salon,
    plan: Callable[[SalonRules], Visit],
    starts_at: datetime,
    now: datetime,
    customer: Any = None,
) -> Quote:
    """The same for whatever `plan` makes of the salon's rules; raises what that raises too."""

    def ask(rules: SalonRules) -> tuple[Visit, Slot[uuid.UUID]]:
        check_audience(rules.salon, customer)
        visit = plan(rules)
        return visit, find_slot(visit, starts_at=starts_at, now=now, customer=customer)

    visit, slot = with_rules(salon, ask)
    stands = asked_of(visit, customer, at=now)
    return Quote(
        visit=visit,
        standing=stands,
        deposit_minor=stands.deposit_of(visit.price_minor, visit.deposit_minor),
        starts_at=starts_at,
        ends_at=moment_of(slot.ends),
        business_date=slot.business_date,
        able=slot.able,
    )


def create_booking(
    *,
    customer: Any,
    salon: Salon,
    wishes: Sequence[Wish],
    starts_at: datetime,
    now: datetime,
    note: str = "",
    expected_total_minor: int | None = None,
    savepoint: bool = True,
) -> Booking:
    """Book a visit for a customer: held until the deposit is paid, else requested, or confirmed at once.

    `expected_total_minor` is what the person saw. Whoever gives up their own transaction when this raises needs no
    `savepoint`. Raises SalonNotLive, AmountChanged, the refusal of the first reason
    against the time, or ValidationFailed for services the salon does not have.
    """
    return create(
        customer=customer,
        salon=salon,
        plan=lambda rules: plan_visit(rules, wishes),
        starts_at=starts_at,
        now=now,
        note=note,
        expected_total_minor=expected_total_minor,
        savepoint=savepoint,
    )


def create(
    *,
    customer: Any,
    salon: Salon,
    plan: Callable[[SalonRules], Visit],
    starts_at: datetime,
    now: datetime,
    note: str = "",
    expected_total_minor: int | None = None,
    savepoint: bool = True,
) -> Booking:
    """The same for whatever `plan` makes of the salon's rules; raises what that raises too."""
    with transaction.atomic(savepoint=savepoint):
        rules, number = hold_rules_and_number(salon.pk)
        check_audience(rules.salon, customer)
        visit = plan(rules)
        if expected_total_minor is not None and expected_total_minor != visit.price_minor:
            raise AmountChanged(
                extra={"params": {"expected_minor": expected_total_minor, "total_minor": visit.price_minor}}
            )
        booking = Booking(
            customer=customer,
            source=Source.APP,
            language=customer.spoken_language,
            note=note,
            deposit_minor=asked_of(visit, customer, at=now).deposit_of(
                visit.price_minor, visit.deposit_minor
            ),
        )
        if booking.deposit_minor:
            booking.state, booking.hold_expires_at = BookingState.HELD, now + HOLD
        elif visit.confirms_itself:
            booking.state = BookingState.CONFIRMED
        else:
            booking.state = BookingState.REQUESTED
            booking.respond_by = min(now + timedelta(minutes=rules.salon.respond_within_minutes), starts_at)
        return _write(booking, visit, number, starts_at=starts_at, actor=by_customer(customer), now=now)


def write_walk_in(
    *,
    staff_user: Any,
    salon: Salon,
    wishes: Sequence[Wish],
    starts_at: datetime,
    now: datetime,
    guest_name: str,
    guest_phone: str = "",
    note: str = "",
    overbook_reason: str = "",
) -> Booking:
    """Write down a guest at the desk: confirmed at once, without deposit, under the same overlap rule.

    Any minute will do, up to 12 hours back. A reason to overbook adds the visit although its people are taken; whoever
    gives one must be allowed to (`overbook`, salons.permissions).
    """
    return write_down(
        staff_user=staff_user,
        salon=salon,
        plan=lambda rules: plan_visit(rules, wishes, at_desk=True),
        starts_at=starts_at,
        now=now,
        guest_name=guest_name,
        guest_phone=guest_phone,
        note=note,
        overbook_reason=overbook_reason,
    )


def write_down(
    *,
    staff_user: Any,
    salon: Salon,
    plan: Callable[[SalonRules], Visit],
    starts_at: datetime,
    now: datetime,
    guest_name: str,
    guest_phone: str = "",
    note: str = "",
    overbook_reason: str = "",
) -> Booking:
    """The same for whatever `plan` makes of the salon's rules; raises what that raises too."""
    with transaction.atomic():
        rules, number = hold_rules_and_number(salon.pk)
        visit = plan(rules)
        booking = Booking(
            guest_name=guest_name,
            guest_phone=guest_phone,
            source=Source.DESK,
            language="ar",
            note=note,
            deposit_minor=0,
            state=BookingState.CONFIRMED,
        )
        return _write(
            booking,
            visit,
            number,
            starts_at=starts_at,
            actor=by_salon(staff_user),
            now=now,
            overbook_reason=overbook_reason,
        )


def check_audience(salon: Salon, customer: Any) -> None:
    """Refuse only who declared otherwise: nobody is asked for their sex before booking."""
    gender = getattr(customer, "gender", "")
    if salon.audience == Audience.WOMEN and gender == "male":
        raise WomenOnly
    if salon.audience == Audience.MEN and gender == "female":
        raise MenOnly


def _write(
    booking: Booking,
    visit: Visit,
    number: int,
    *,
    starts_at: datetime,
    actor: Actor,
    now: datetime,
    overbook_reason: str = "",
) -> Booking:
    """Write the booking down. The salon's rules are held by the caller, whose transaction this is part of."""
    salon = visit.salon
    prospect = messages.prospect_of(booking)
    find = partial(find_slot, visit, starts_at=starts_at, now=now, customer=booking.customer)

    def place() -> tuple[Slot[uuid.UUID], bool, Later | None]:
        loads = ask_for_loads(visit, starts_at=starts_at, now=now)
        try:
            return find(), False, loads
        except (SlotUnavailable, DayFull):
            if not overbook_reason:
                raise
            return find(overbook=True), True, loads

    calendars, (slot, booking.is_overbooked, loads) = lock_and_find(visit, place, customer=booking.customer)
    booking.salon, booking.kind = salon, visit.kind
    booking.starts_at, booking.ends_at = starts_at, moment_of(slot.ends)
    booking.business_date = slot.business_date
    if booking.state == BookingState.CONFIRMED:
        booking.remind_at = next_reminder(booking, now=now)
    booking.reference = reference_of(number)
    booking.price_minor = visit.price_minor
    # A guest has no app in which a bank could be asked to hold anything.
    booking.damage_minor = visit.damage_minor if booking.customer is not None else 0
    booking.currency = salon.currency
    booking.free_cancel_hours = salon.free_cancel_hours
    booking.late_cancel_percent = salon.late_cancel_percent
    booking.moves_left = salon.max_reschedules
    booking.created_at = now
    seating = seating_of(visit, slot, least_loaded(calendars, loads))
    items = [
        BookingItem(
            booking=booking,
            position=position,
            staff_member=visit.rules.staff[seat.staff_id] if seat.staff_id else None,
            **line.booked,
            service_name_ar=line.name_ar,
            service_name_en=line.name_en,
            starts_at=seat.starts_at,
            ends_at=seat.ends_at,
            price_minor=line.price_minor,
        )
        for position, (line, seat) in enumerate(zip(visit.lines, seating.seats, strict=True))
    ]
    things = given(items, seating, visit)
    _keep_in_sight(booking, items, things)
    said = messages.said_of(booking, "create", before="", actor_role=actor.role, now=now)
    claimed = prospect.claim(said[0], now=now) if said and prospect else None

    def along(lane: int) -> Sequence[Sequence[Model]]:
        event = event_of(
            booking,
            "create",
            before="",
            actor=actor,
            now=now,
            reason=overbook_reason if booking.is_overbooked else "",
            changes={"lane": (0, lane)} if booking.is_overbooked else None,
        )
        return [booking], items, things, [event], said, [claimed] if claimed else []

    take(booking, seating, calendars, now=now, along=along)
    for message in said:
        notifications.deliver_after_commit(message, claimed=claimed if message is said[0] else None)
    return booking


def _keep_in_sight(booking: Booking, items: Sequence[BookingItem], things: Sequence[ItemResource]) -> None:
    """Let the booking show what was just written without reading it back, as prefetching would."""
    for item in items:
        _fetched(item, "resources", item.resources.all(), [thing for thing in things if thing.item is item])
    _fetched(booking, "items", booking.items.all(), items)


def _fetched(row: Any, name: str, rows: Any, known: Sequence[Any]) -> None:
    rows._result_cache, rows._prefetch_done = list(known), True
    row._prefetched_objects_cache = {**getattr(row, "_prefetched_objects_cache", {}), name: rows}
