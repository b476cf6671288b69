"""Other times for bookings that cannot stay: the same services, by the same people where they can."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Q

from backend.bookings import availability
from backend.bookings.availability import Question, Rulebook, Span, ceil_minute, floor_minute
from backend.bookings.models import ActorRole, Booking, Calendar, Claim
from backend.bookings.operations.transitions import Actor, may
from backend.bookings.queries import Line
from backend.salons.models import (
    Resource,
    SalonStatus,
    Service,
    ServiceNeed,
    StaffMember,
    StaffService,
)

MOST_OFFERS = 3
LOOK_AHEAD_DAYS = 14
_MARGIN = timedelta(days=2)
"""A shift that runs past midnight, and buffers, reach no further than this beyond the days asked about."""


@dataclass(frozen=True)
class Offer:
    """A free start (absolute minutes), its business date, and who would serve each item.

    `same_staff`: everybody keeps the person they have.
    """

    starts: int
    ends: int
    business_date: date
    staff: tuple[uuid.UUID, ...]
    same_staff: bool


def offers(
    bookings: Sequence[Booking], rulebooks: Mapping[uuid.UUID, Rulebook[uuid.UUID]], *, now: datetime
) -> dict[uuid.UUID, list[Offer]]:
    """Up to three free starts for each booking: its own people's first, then anybody's, the nearest in time first.

    Looked for from the day of the booking on, two weeks ahead, by the salon's rules of today: what is offered is what
    a reschedule by the desk accepts. None for a service no longer sold, while a deposit is awaited, and from a salon
    that gives no time. `bookings` come with their salon, items and services; `rulebooks` are by salon. Eight queries,
    whatever the bookings.
    """
    found: dict[uuid.UUID, list[Offer]] = {booking.pk: [] for booking in bookings}
    desk = Actor(ActorRole.SALON)
    movable = [
        booking
        for booking in bookings
        if booking.salon.status == SalonStatus.LIVE and may(booking, "reschedule", actor=desk, now=now)
    ]
    if movable:
        around = _Surroundings(movable, now=now)
        for booking in movable:
            found[booking.pk] = _offers(booking, rulebooks[booking.salon_id], around, now=now)
    return found


def _offers(
    booking: Booking, rulebook: Rulebook[uuid.UUID], around: _Surroundings, *, now: datetime
) -> list[Offer]:
    items = list(booking.items.all())
    own = [item.staff_member_id for item in items]
    lines = [around.lines.get(item.service_id) if item.service_id else None for item in items]
    first = max(booking.starts_at, now).astimezone(rulebook.timetable.zone).date()
    booked = floor_minute(booking.starts_at)
    found: list[Offer] = []
    for chosen in (own, [None] * len(own)):
        question = around.question(booking, lines, chosen, rulebook, now=now)
        if question is None:
            break
        known = {offer.starts for offer in found}
        listed = availability.listing(question, from_date=first, days=LOOK_AHEAD_DAYS)
        starts = sorted((at for at, *_ in listed if at not in known), key=lambda at: (abs(at - booked), at))
        for at in starts[: MOST_OFFERS - len(found)]:
            slot = availability.offer(question, at)
            if slot is not None:
                staff = tuple(takers[0] for takers in availability.choose(slot.able, _rank(own)))
                found.append(Offer(at, slot.ends, slot.business_date, staff, list(staff) == own))
    return found


def _rank(own: Sequence[uuid.UUID | None]) -> Callable[[uuid.UUID], bool]:
    return lambda candidate: candidate not in own


class _Surroundings:
    """Everything that bears on other times for some bookings, read at once."""

    def __init__(self, bookings: Sequence[Booking], *, now: datetime) -> None:
        self.lines = _lines(bookings)
        self._busy: dict[uuid.UUID, list[tuple[uuid.UUID, Span, date | None]]] = defaultdict(list)
        owners = {one for line in self.lines.values() for one in line.performers}
        limited = StaffMember.objects.filter(pk__in=owners, max_bookings_per_day__isnull=False)
        self._limits = {row.pk: row.max_bookings_per_day or 0 for row in limited}
        owners |= {one for line in self.lines.values() for alike in line.needs for one in alike}
        owners |= {booking.customer_id for booking in bookings if booking.customer_id is not None}
        starts = [max(booking.starts_at, now) for booking in bookings]
        last = max(starts) + timedelta(days=LOOK_AHEAD_DAYS)
        self._read_claims(owners, min(starts) - _MARGIN, last + _MARGIN, now=now)

    def question(
        self,
        booking: Booking,
        lines: Sequence[Line | None],
        chosen: Sequence[uuid.UUID | None],
        rulebook: Rulebook[uuid.UUID],
        *,
        now: datetime,
    ) -> Question[uuid.UUID] | None:
        """Where else the booking could go, its own claims not in its way; None for what is no longer sold."""
        sold = [line for line in lines if line is not None and not line.has_variants]
        if len(sold) < len(lines):
            return None
        steps = [line.step(staff_id) for line, staff_id in zip(sold, chosen, strict=True)]
        candidates = {one for step in steps for need in step.needs for one in need.candidates}
        return Question(
            rulebook=rulebook,
            steps=steps,
            now=ceil_minute(now),
            busy={one: self._taken(one, booking) for one in candidates if one in self._busy},
            customer_busy=self._taken(booking.customer_id, booking) if booking.customer_id else (),
            full_days={one: self._full_days(one, booking) for one in candidates if one in self._limits},
            notice_minutes=max(line.notice_minutes for line in sold),
            horizon_days=min(line.horizon_days for line in sold),
        )

    def _taken(self, owner: uuid.UUID, booking: Booking) -> list[Span]:
        return [span for booking_id, span, _day in self._busy[owner] if booking_id != booking.pk]

    def _full_days(self, staff_id: uuid.UUID, booking: Booking) -> list[date]:
        counts = Counter(day for booking_id, _span, day in self._busy[staff_id] if booking_id != booking.pk)
        return [day for day, count in counts.items() if day is not None and count >= self._limits[staff_id]]

    def _read_claims(
        self, owners: set[uuid.UUID], starts_at: datetime, ends_at: datetime, *, now: datetime
    ) -> None:
        whose: dict[int, Any] = {
            calendar.pk: calendar.staff_member_id or calendar.resource_id or calendar.customer_id
            for calendar in Calendar.objects.filter(
                Q(staff_member__in=owners, lane=0) | Q(resource__in=owners) | Q(customer__in=owners)
            )
        }
        counting = Q(expires_at=None) | Q(expires_at__gt=now)
        for calendar_id, booking_id, start, end, day in Claim.objects.filter(
            counting, calendar__in=whose, is_active=True, starts_at__lt=ends_at, ends_at__gt=starts_at
        ).values_list("calendar_id", "booking_id", "starts_at", "ends_at", "business_date"):
            span = (floor_minute(start), ceil_minute(end))
            self._busy[whose[calendar_id]].append((booking_id, span, day))


def _lines(bookings: Sequence[Booking]) -> dict[uuid.UUID, Line]:
    """What the booked services are today, by service id; those no longer sold are left out."""
    booked: dict[uuid.UUID, tuple[Booking, Service]] = {
        item.service.pk: (booking, item.service)
        for booking in bookings
        for item in booking.items.all()
        if item.service is not None
    }
    above = {service_id: _above(service) for service_id, (_booking, service) in booked.items()}
    ids = {rule.pk for rule in above.values()}
    performers: defaultdict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    performing = StaffService.objects.filter(service__in=ids, staff_member__is_active=True)
    for service_id, staff_id in performing.order_by("staff_member__position", "staff_member_id").values_list(
        "service_id", "staff_member_id"
    ):
        performers[service_id].append(staff_id)
    resources: defaultdict[tuple[uuid.UUID, str], list[uuid.UUID]] = defaultdict(list)
    for row in Resource.objects.filter(salon__in={booking.salon_id for booking in bookings}, is_active=True):
        resources[row.salon_id, row.kind].append(row.pk)
    kinds: defaultdict[uuid.UUID, list[str]] = defaultdict(list)
    for need in ServiceNeed.objects.filter(service__in=ids).order_by("kind"):
        kinds[need.service_id].append(need.kind)
    with_variants = set(
        Service.objects.filter(variant_of__in=ids, is_active=True).values_list("variant_of", flat=True)
    )
    return {
        service_id: Line(
            service=service,
            above=service.variant_of,
            salon=booking.salon,
            performers=tuple(performers[rule.pk]),
            needs=tuple(tuple(resources[booking.salon_id, kind]) for kind in kinds[rule.pk]),
            has_variants=service_id in with_variants,
        )
        for service_id, (booking, service) in booked.items()
        if service.is_active and (rule := above[service_id]).is_active
    }


def _above(service: Service) -> Service:
    """Where who performs a service, and what it needs, is written: itself, or the one it is a variant of."""
    return service.variant_of or service
