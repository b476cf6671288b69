"""Questions about time and bookings. What lists a start and what accepts it both begin here."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Q, QuerySet

from backend.bookings import availability
from backend.bookings.availability import Question, Rulebook, Span, Step, ceil_minute, floor_minute, moment_of
from backend.bookings.models import Booking, BookingState, Claim
from backend.core.errors import FieldError, ValidationFailed
from backend.salons.models import Closure, Salon, Service, StaffMember, StaffService, WorkingWindow


@dataclass(frozen=True)
class Wish:
    """One service somebody would like, by a chosen person or by anyone (None)."""

    service_id: uuid.UUID
    staff_member_id: uuid.UUID | None = None


@dataclass(frozen=True)
class Visit:
    """Services to be done one after another at one salon, and who could do each."""

    salon: Salon
    services: tuple[Service, ...]
    steps: tuple[Step[uuid.UUID], ...]
    staff: dict[uuid.UUID, StaffMember]

    @property
    def candidates(self) -> set[uuid.UUID]:
        return {staff_id for step in self.steps for staff_id in step.candidates}

    @property
    def price_minor(self) -> int:
        return sum(service.price_minor for service in self.services)


def plan_visit(salon: Salon, wishes: Sequence[Wish]) -> Visit:
    """The visit these wishes make. Raises ValidationFailed for a service or person the salon does not have."""
    wanted = [wish.service_id for wish in wishes]
    services = {s.id: s for s in Service.objects.filter(salon=salon, is_active=True, id__in=wanted)}
    performed: dict[uuid.UUID, list[uuid.UUID]] = {service_id: [] for service_id in services}
    staff = {s.id: s for s in StaffMember.objects.filter(salon=salon, is_active=True)}
    for service_id, staff_id in StaffService.objects.filter(service_id__in=services).values_list(
        "service_id", "staff_member_id"
    ):
        if staff_id in staff:
            performed[service_id].append(staff_id)
    position = {staff_id: index for index, staff_id in enumerate(staff)}
    wrong: list[FieldError] = []
    steps: list[Step[uuid.UUID]] = []
    for index, wish in enumerate(wishes):
        if wish.service_id not in services:
            wrong.append(FieldError("not_found", pointer=f"/items/{index}/service_id"))
            continue
        if wish.staff_member_id is not None and wish.staff_member_id not in staff:
            wrong.append(FieldError("not_found", pointer=f"/items/{index}/staff_member_id"))
            continue
        service = services[wish.service_id]
        able = performed[service.id]
        if wish.staff_member_id is not None:
            able = [staff_id for staff_id in able if staff_id == wish.staff_member_id]
        steps.append(
            Step(
                duration=service.duration_minutes,
                candidates=tuple(sorted(able, key=position.__getitem__)),
                buffer_before=service.buffer_before_minutes,
                buffer_after=service.buffer_after_minutes,
            )
        )
    if wrong:
        raise ValidationFailed(wrong)
    return Visit(salon=salon, services=tuple(services[id] for id in wanted), steps=tuple(steps), staff=staff)


def rulebook_of(salon: Salon) -> Rulebook[uuid.UUID]:
    """The salon's weekly hours and booking rules, ready for questions."""
    salon_windows: list[availability.WeeklyWindow] = []
    staff_windows: dict[uuid.UUID, list[availability.WeeklyWindow]] = {}
    for staff_id, weekday, opens, closes in WorkingWindow.objects.filter(salon=salon).values_list(
        "staff_member_id", "weekday", "opens_minute", "closes_minute"
    ):
        window = availability.WeeklyWindow(weekday, opens, closes)
        (salon_windows if staff_id is None else staff_windows.setdefault(staff_id, [])).append(window)
    return availability.compile_rulebook(
        zone=salon.zone,
        grid_minutes=salon.grid_minutes,
        notice_minutes=salon.min_notice_minutes,
        horizon_days=salon.horizon_days,
        salon_windows=salon_windows,
        staff_windows=staff_windows,
    )


def question(visit: Visit, *, starts: Span, now: datetime, customer: Any = None) -> Question[uuid.UUID]:
    """Everything known to stand in the way of `visit` starting within `starts` (absolute minutes).

    A fixed number of queries, whatever the staff, days and bookings. Claims of dead holds do not count.
    """
    begins, ends = availability.reach(visit.steps, starts)
    lo, hi = moment_of(begins), moment_of(ends)
    closures: list[Span] = []
    away: dict[uuid.UUID, list[Span]] = {}
    for staff_id, start, end in Closure.objects.filter(
        salon=visit.salon, starts_at__lt=hi, ends_at__gt=lo
    ).values_list("staff_member_id", "starts_at", "ends_at"):
        assert start is not None and end is not None
        span = (floor_minute(start), ceil_minute(end))
        (closures if staff_id is None else away.setdefault(staff_id, [])).append(span)
    busy: dict[uuid.UUID, list[Span]] = {}
    engaged: list[Span] = []
    whose = Q(calendar__staff_member__in=visit.candidates)
    if customer is not None:
        whose |= Q(calendar__customer=customer)
    counting = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
    for staff_id, start, end in Claim.objects.filter(
        whose, counting, is_active=True, starts_at__lt=hi, ends_at__gt=lo
    ).values_list("calendar__staff_member_id", "starts_at", "ends_at"):
        span = (floor_minute(start), ceil_minute(end))
        (engaged if staff_id is None else busy.setdefault(staff_id, [])).append(span)
    return Question(
        rulebook=rulebook_of(visit.salon),
        steps=visit.steps,
        now=ceil_minute(now),
        busy=busy,
        away=away,
        closures=closures,
        customer_busy=engaged,
    )


def free_slots(
    visit: Visit, *, from_date: date, days: int, now: datetime
) -> list[availability.Slot[uuid.UUID]]:
    """Every start on offer on `days` calendar days of the salon, from `from_date`."""
    starts = availability.starts_on(visit.salon.zone, from_date=from_date, days=days)
    return availability.slots(question(visit, starts=starts, now=now), from_date=from_date, days=days)


PHASES: dict[str, tuple[str, ...]] = {
    "cancelled": (BookingState.CANCELLED, BookingState.DECLINED, BookingState.EXPIRED),
    "past": (BookingState.COMPLETED, BookingState.NO_SHOW),
    "upcoming": (BookingState.HELD, BookingState.REQUESTED, BookingState.CONFIRMED),
}


def phase_of(booking: Booking, now: datetime) -> str:
    """`upcoming`, `past` or `cancelled`: what drives an app's layout."""
    if booking.state in PHASES["cancelled"]:
        return "cancelled"
    return "past" if booking.state in PHASES["past"] or booking.ends_at <= now else "upcoming"


def in_phase(phase: str, now: datetime) -> Q:
    if phase == "cancelled":
        return Q(state__in=PHASES["cancelled"])
    live = Q(state__in=PHASES["upcoming"])
    if phase == "upcoming":
        return live & Q(ends_at__gt=now)
    return Q(state__in=PHASES["past"]) | (live & Q(ends_at__lte=now))


def _with_details(bookings: QuerySet[Booking]) -> QuerySet[Booking]:
    return bookings.select_related("salon__city", "customer").prefetch_related(
        "items__service", "items__staff_member"
    )


def bookings_of(customer: Any) -> QuerySet[Booking]:
    """A customer's own bookings, with what a ticket shows.

    A session in doubt (accounts.operations.identity) sees none that were made before it.
    """
    bookings = Booking.objects.filter(customer=customer)
    if customer.history_from is not None:
        bookings = bookings.filter(created_at__gte=customer.history_from)
    return _with_details(bookings)


def bookings_for_support(person: Any) -> QuerySet[Booking]:
    """The latest bookings of somebody who called, without money."""
    return Booking.objects.filter(customer=person).select_related("salon").order_by("-starts_at", "-id")[:20]


def bookings_at(salon_ids: Iterable[uuid.UUID]) -> QuerySet[Booking]:
    """The bookings of these salons, with what the desk shows."""
    return _with_details(Booking.objects.filter(salon_id__in=list(salon_ids)))
