"""A person's visits as their calendar app shows them: a staff member's, or one of a customer's."""

from __future__ import annotations

import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from backend.bookings.models import TAKING_STATES, Booking, BookingItem, BookingState, Session, SessionState
from backend.core.privacy import ERASED_NAME
from backend.salons.models import StaffMember

LOOKS_BACK, LOOKS_AHEAD = timedelta(days=30), timedelta(days=180)
SHOWN_CANCELLED = timedelta(days=14)
"""How long a visit that fell through still stands there as cancelled, so that every app takes it away."""
MOST_ENTRIES = 5000


@dataclass(frozen=True)
class Entry:
    """One visit or session: moments in UTC, the services' names in both languages, `status` as RFC 5545 has it.

    `changed_at` is its last change; `who` the client's first name, or empty.
    """

    id: uuid.UUID
    version: int
    status: str
    starts_at: datetime
    ends_at: datetime
    services_ar: tuple[str, ...]
    services_en: tuple[str, ...]
    who: str
    changed_at: datetime


def diary_of(staff_member: StaffMember, *, now: datetime) -> list[Entry]:
    """What a staff member does from 30 days ago to 180 days ahead, in order of time. Three queries."""
    begins, ends = now - LOOKS_BACK, now + LOOKS_AHEAD
    own = BookingItem.objects.filter(
        staff_member=staff_member, starts_at__gte=begins, starts_at__lt=ends, booking=OuterRef("pk")
    )
    bookings = (
        Booking.objects.filter(Exists(own), salon=staff_member.salon_id)
        .filter(session=None)  # shown once, and not for each who has a seat
        # A visit of several days may have begun before this member's part of it.
        .filter(starts_at__gte=begins - timedelta(days=5), starts_at__lt=ends)
        .annotate(changed_at=Max("events__at"))
        .filter(Q(state__in=TAKING_STATES) | Q(changed_at__gte=now - SHOWN_CANCELLED))
        .select_related("customer")
        .order_by("starts_at", "pk")[:MOST_ENTRIES]
    )
    by_id = {booking.pk: booking for booking in bookings}
    items: dict[uuid.UUID, list[BookingItem]] = defaultdict(list)
    for item in BookingItem.objects.filter(staff_member=staff_member, booking__in=by_id).order_by("position"):
        items[item.booking_id].append(item)
    visits = [
        entry_of(
            booking,
            items[pk],
            changed_at=booking.changed_at or booking.created_at,  # type: ignore[attr-defined]  # annotated above
            now=now,
        )
        for pk, booking in by_id.items()
        if items[pk]
    ]
    sessions = [_session(row) for row in _sessions_of(staff_member, begins=begins, ends=ends, now=now)]
    return sorted(visits + sessions, key=lambda entry: (entry.starts_at, entry.id))


def _sessions_of(
    staff_member: StaffMember, *, begins: datetime, ends: datetime, now: datetime
) -> QuerySet[Session]:
    return Session.objects.filter(
        Q(state__in=(SessionState.PUBLISHED, SessionState.COMPLETED))
        | Q(state=SessionState.CANCELLED, ended_at__gte=now - SHOWN_CANCELLED),
        staff=staff_member,
        starts_at__gte=begins,
        starts_at__lt=ends,
    ).order_by("starts_at", "pk")[:MOST_ENTRIES]


def _session(row: Session) -> Entry:
    return Entry(
        id=row.pk,
        version=row.version,
        status="CANCELLED" if row.state == SessionState.CANCELLED else "CONFIRMED",
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        services_ar=(row.title_ar or row.title_en,),
        services_en=(row.title_en or row.title_ar,),
        who="",
        changed_at=max(moment for moment in (row.created_at, row.decided_at, row.ended_at) if moment),
    )


def entry_of(booking: Booking, items: list[BookingItem], *, changed_at: datetime, now: datetime) -> Entry:
    """These items of a visit as one entry."""
    name = (booking.guest_name or (booking.customer.name if booking.customer else "")).strip()
    return Entry(
        id=booking.pk,
        version=booking.version,
        status=_status(booking, now=now),
        starts_at=min(item.starts_at for item in items),
        ends_at=max(item.ends_at for item in items),
        services_ar=tuple(item.service_name_ar for item in items),
        services_en=tuple(item.service_name_en for item in items),
        who=name.split()[0] if name and name != ERASED_NAME else "",
        changed_at=changed_at,
    )


def _status(booking: Booking, *, now: datetime) -> str:
    if booking.state not in TAKING_STATES or (booking.dies_at is not None and booking.dies_at <= now):
        return "CANCELLED"
    waits = booking.state in (BookingState.HELD, BookingState.REQUESTED)
    return "TENTATIVE" if waits else "CONFIRMED"
