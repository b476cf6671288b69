"""From a wish to a booking: the same question that lists times decides whether this one may be taken."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from backend.accounts.operations import SessionRevoked
from backend.accounts.queries import is_gone
from backend.bookings import availability, messages
from backend.bookings.availability import Slot, moment_of
from backend.bookings.models import Booking, BookingItem, BookingState, Claim, Source
from backend.bookings.operations.claiming import insert_claims, lock_calendars
from backend.bookings.operations.expiring import clear_dead_claims
from backend.bookings.operations.paying import HOLD
from backend.bookings.operations.transitions import Actor, by_customer, by_salon, write_event
from backend.bookings.queries import Visit, Wish, plan_visit, question
from backend.bookings.reference import reference_of
from backend.bookings.refusals import AmountChanged, MenOnly, NotOnGrid, WomenOnly, refusal
from backend.core.money import percentage
from backend.salons.models import Audience, Salon


@dataclass(frozen=True)
class Quote:
    """What a visit would be and cost: halalas, moments in UTC, and who could do each item."""

    visit: Visit
    starts_at: datetime
    ends_at: datetime
    business_date: date
    price_minor: int
    deposit_minor: int
    staff: tuple[tuple[uuid.UUID, ...], ...]


def quote_visit(
    *, salon: Salon, wishes: Sequence[Wish], starts_at: datetime, now: datetime, customer: Any = None
) -> Quote:
    """Price, deposit and time of a visit, if it may start then.

    Raises the refusal of the first reason against it (slot_unavailable, outside_hours, too_soon ...).
    """
    _suits(salon, customer)
    visit = plan_visit(salon, wishes)
    slot = _slot(visit, starts_at=starts_at, now=now, customer=customer)
    return Quote(
        visit=visit,
        starts_at=starts_at,
        ends_at=moment_of(slot.ends),
        business_date=slot.business_date,
        price_minor=visit.price_minor,
        deposit_minor=percentage(visit.price_minor, salon.deposit_percent),
        staff=slot.staff,
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
) -> Booking:
    """Book a visit for a customer: held until the deposit is paid, else requested, or confirmed at once.

    `expected_total_minor` is what the person saw. Raises AmountChanged, the refusal of the first reason against the
    time, or ValidationFailed for services the salon does not have.
    """
    _suits(salon, customer)
    visit = plan_visit(salon, wishes)
    if expected_total_minor is not None and expected_total_minor != visit.price_minor:
        raise AmountChanged(
            extra={"params": {"expected_minor": expected_total_minor, "total_minor": visit.price_minor}}
        )
    deposit_minor = percentage(visit.price_minor, salon.deposit_percent)
    booking = Booking(
        salon=salon,
        customer=customer,
        source=Source.APP,
        language=customer.spoken_language,
        note=note,
        deposit_minor=deposit_minor,
    )
    if deposit_minor:
        booking.state, booking.hold_expires_at = BookingState.HELD, now + HOLD
    elif salon.auto_confirm:
        booking.state = BookingState.CONFIRMED
    else:
        booking.state = BookingState.REQUESTED
        booking.respond_by = min(now + timedelta(minutes=salon.respond_within_minutes), starts_at)
    return _write(booking, visit, starts_at=starts_at, actor=by_customer(customer), now=now)


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
) -> Booking:
    """Write down a guest at the desk: confirmed at once, without deposit, under the same overlap rule."""
    visit = plan_visit(salon, wishes)
    booking = Booking(
        salon=salon,
        guest_name=guest_name,
        guest_phone=guest_phone,
        source=Source.DESK,
        language="ar",
        note=note,
        deposit_minor=0,
        state=BookingState.CONFIRMED,
    )
    return _write(booking, visit, starts_at=starts_at, actor=by_salon(staff_user), now=now)


def _suits(salon: Salon, customer: Any) -> None:
    """Refuse only who declared otherwise: nobody is asked for their sex before booking."""
    gender = getattr(customer, "gender", "")
    if salon.audience == Audience.WOMEN and gender == "male":
        raise WomenOnly
    if salon.audience == Audience.MEN and gender == "female":
        raise MenOnly


def _slot(visit: Visit, *, starts_at: datetime, now: datetime, customer: Any) -> Slot[uuid.UUID]:
    """The slot that starts then, or the refusal of the first reason against it."""
    if starts_at.second or starts_at.microsecond:
        raise NotOnGrid(extra={"params": {"reasons": [NotOnGrid.code]}})
    start = availability.floor_minute(starts_at)
    asked = question(visit, starts=(start, start + 1), now=now, customer=customer)
    slot = availability.offer(asked, start)
    if slot is None:
        raise refusal(availability.explain(asked, start))
    return slot


def _write(booking: Booking, visit: Visit, *, starts_at: datetime, actor: Actor, now: datetime) -> Booking:
    with transaction.atomic():
        calendars = lock_calendars(staff_ids=visit.candidates, customer=booking.customer)
        if booking.customer is not None and is_gone(booking.customer):
            raise SessionRevoked  # deleted while this request was on its way; the deletion held the calendar
        begins, ends = availability.reach(
            visit.steps, (availability.floor_minute(starts_at), availability.floor_minute(starts_at) + 1)
        )
        clear_dead_claims(calendars.values(), starts_at=moment_of(begins), ends_at=moment_of(ends), now=now)
        slot = _slot(visit, starts_at=starts_at, now=now, customer=booking.customer)
        staff = availability.choose(slot.staff, _least_loaded(calendars, starts_at, visit, now))
        booking.starts_at, booking.ends_at = starts_at, moment_of(slot.ends)
        booking.business_date = slot.business_date
        booking.reference = reference_of(_next_number())
        booking.price_minor = visit.price_minor
        booking.currency = visit.salon.currency
        booking.free_cancel_hours = visit.salon.free_cancel_hours
        booking.late_cancel_percent = visit.salon.late_cancel_percent
        booking.created_at = now
        booking.save(force_insert=True)
        at = starts_at
        items = []
        for position, (service, staff_id) in enumerate(zip(visit.services, staff, strict=True)):
            until = at + timedelta(minutes=service.duration_minutes)
            items.append(
                BookingItem(
                    booking=booking,
                    position=position,
                    service=service,
                    staff_member=visit.staff[staff_id],
                    service_name_ar=service.name_ar or service.name_en or "",
                    service_name_en=service.name_en or service.name_ar or "",
                    starts_at=at,
                    ends_at=until,
                    price_minor=service.price_minor,
                )
            )
            at = until
        BookingItem.objects.bulk_create(items)
        spans = [
            (calendars[staff_id], moment_of(span[0]), moment_of(span[1]))
            for staff_id, span in availability.claims(visit.steps, staff, slot.starts)
        ]
        if booking.customer is not None:
            spans.append((calendars[booking.customer.pk], booking.starts_at, booking.ends_at))
        insert_claims(booking_id=booking.pk, spans=spans, expires_at=booking.dies_at)
        write_event(booking, "create", before="", actor=actor, now=now)
        messages.tell(booking, "create", before="", actor_role=actor.role, now=now)
    return booking


def _least_loaded(calendars: dict[Any, int], starts_at: datetime, visit: Visit, now: datetime) -> Any:
    """Rank staff by minutes already claimed on the salon's day of the visit: the emptier chair first."""
    if all(len(step.candidates) < 2 for step in visit.steps):
        return None
    zone = visit.salon.zone
    day = availability.starts_on(zone, from_date=starts_at.astimezone(zone).date(), days=1)
    loads = dict.fromkeys(visit.candidates, timedelta())
    owner = {calendar_id: owner for owner, calendar_id in calendars.items()}
    rows = Claim.objects.filter(
        calendar_id__in=owner, is_active=True, starts_at__lt=moment_of(day[1]), ends_at__gt=moment_of(day[0])
    ).values_list("calendar_id", "starts_at", "ends_at")
    for calendar_id, start, end in rows:
        if owner[calendar_id] in loads:
            loads[owner[calendar_id]] += end - start
    return loads.__getitem__


def _next_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('bookings_reference')")
        row = cursor.fetchone()
    return int(row[0])
