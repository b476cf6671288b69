"""A salon's days as its desk sees them: who works when, what is taken on whose calendar, what waits for an answer."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Generic, TypeVar

from django.db.models import Count, Prefetch, Q, QuerySet

from backend.bookings.availability import Span, ceil_minute, floor_minute, moment_of
from backend.bookings.models import (
    TAKING_STATES,
    Booking,
    BookingItem,
    BookingState,
    Claim,
    Kind,
    Session,
    SessionState,
)
from backend.salons.models import LONGEST_RENTAL, Resource, Salon, StaffMember
from backend.salons.queries.timetables import timetable_of
from backend.salons.timetable import Timetable, instant
from backend.salons.timetable.minutes import joined, without
from backend.salons.timetable.rules import LATEST_CLOSING

LONGEST_VISIT = LONGEST_RENTAL
"""Ten services of twelve hours are no longer."""
_DAY = timedelta(days=1)

Owner = TypeVar("Owner", StaffMember, Resource)


@dataclass(frozen=True)
class Block:
    """Services of one booking that follow each other on one calendar.

    `taken` are the absolute minutes they take there, buffers included, the time in which the client only waits left
    out. `lane` is 0 unless the visit was added on purpose while the person was taken.
    """

    booking: Booking
    items: tuple[BookingItem, ...]
    taken: tuple[Span, ...]
    lane: int

    @property
    def starts_at(self) -> datetime:
        return self.items[0].starts_at

    @property
    def ends_at(self) -> datetime:
        return self.items[-1].ends_at


@dataclass(frozen=True)
class Column(Generic[Owner]):
    """One person or thing on one day: `present` are its absolute minutes within the salon's hours.

    A session is one entry whoever has seats in it; bookings of seats are not among the blocks.
    """

    owner: Owner
    present: tuple[Span, ...]
    blocks: tuple[Block, ...]
    sessions: tuple[Session, ...]


@dataclass(frozen=True)
class DeskDay:
    """One business date. Spans are absolute minutes; `hours` are without closures, `pauses` are for prayer.

    `bookings` have a block on the day. `waiting` are those of the date that the salon has yet to answer, the most
    urgent first.
    """

    date: date
    hours: tuple[Span, ...]
    pauses: tuple[Span, ...]
    staff: tuple[Column[StaffMember], ...]
    resources: tuple[Column[Resource], ...]
    bookings: tuple[Booking, ...]
    waiting: tuple[Booking, ...]


@dataclass
class _Blocks:
    """Blocks and sessions by owner and business date."""

    by_day: dict[tuple[uuid.UUID, date], list[Block]] = field(default_factory=lambda: defaultdict(list))
    sessions: dict[tuple[uuid.UUID, date], list[Session]] = field(default_factory=lambda: defaultdict(list))
    owners: set[uuid.UUID] = field(default_factory=set)


def today_at(salon: Salon, *, now: datetime) -> date:
    """The business date that is running: at half past midnight, an evening's that has not ended."""
    return timetable_of(salon).business_date(floor_minute(now))


def states_on(salon: Salon, day: date, *, now: datetime) -> dict[str, int]:
    """How many bookings of a business date are in each state; those that have run out are in none."""
    around = [datetime.combine(day + ahead * _DAY, time(), tzinfo=salon.zone) for ahead in (-1, 2)]
    rows = Booking.objects.filter(salon=salon, starts_at__range=around, business_date=day)
    dead = Q(state=BookingState.HELD, hold_expires_at__lte=now) | Q(
        state=BookingState.REQUESTED, respond_by__lte=now
    )
    counted = rows.exclude(dead).order_by().values_list("state").annotate(all=Count("pk"))
    return dict.fromkeys(BookingState.values, 0) | dict(counted)


def desk_days(salon: Salon, *, first: date, days: int, now: datetime) -> list[DeskDay]:
    """What stands on `days` business dates from `first`, by the rules about hours of today.

    A visit that runs on into the next date stands on both. What has run out is left out, written down or not. The
    number of queries is fixed. Who works there no more is shown while something of theirs is.
    """
    timetable = timetable_of(salon)
    dates = [first + ahead * _DAY for ahead in range(days)]
    found = _Blocks()
    for booking in _bookings(salon, timetable, dates):
        if booking.dies_at is None or booking.dies_at > now:
            _place(booking, timetable, dates, found)
    for session in _sessions(salon, timetable, dates):
        if session.state_at(now) != SessionState.CANCELLED:
            _place_session(session, timetable, found)
    staff = [row for row in StaffMember.objects.filter(salon=salon) if _is_shown(row, found)]
    resources = [row for row in Resource.objects.filter(salon=salon) if _is_shown(row, found)]
    shown = []
    for day in dates:
        hours = timetable.openings(day)
        columns = tuple(_columns(staff, day, hours, timetable, found))
        things = tuple(_columns(resources, day, hours, timetable, found))
        blocks = [block for of in (columns, things) for column in of for block in column.blocks]
        bookings = {block.booking.pk: block.booking for block in blocks}
        in_order = tuple(sorted(bookings.values(), key=lambda row: (row.starts_at, row.pk)))
        shown.append(
            DeskDay(
                date=day,
                hours=hours,
                pauses=tuple(
                    (max(pause[0], starts), min(pause[1], ends))
                    for starts, ends in hours
                    for pause in timetable.pauses(starts, ends)
                ),
                staff=columns,
                resources=things,
                bookings=in_order,
                waiting=tuple(_waiting(in_order, day)),
            )
        )
    return shown


def _bookings(salon: Salon, timetable: Timetable[uuid.UUID], dates: Sequence[date]) -> QuerySet[Booking]:
    begins = moment_of(instant(timetable.zone, dates[0], 0))
    ends = moment_of(instant(timetable.zone, dates[-1], LATEST_CLOSING))
    claims = Claim.objects.filter(is_active=True, calendar__customer=None).select_related("calendar")
    return (
        Booking.objects.filter(
            salon=salon,
            state__in=TAKING_STATES,
            starts_at__gt=begins - LONGEST_VISIT,
            starts_at__lt=ends,
            ends_at__gt=begins,
        )
        .exclude(kind=Kind.SEAT)
        .select_related("customer")
        .prefetch_related("items__resources", Prefetch("claims", claims.order_by("starts_at")))
    )


def _sessions(salon: Salon, timetable: Timetable[uuid.UUID], dates: Sequence[date]) -> QuerySet[Session]:
    begins = moment_of(instant(timetable.zone, dates[0], 0))
    ends = moment_of(instant(timetable.zone, dates[-1], LATEST_CLOSING))
    return (
        Session.objects.filter(
            salon=salon,
            state__in=(SessionState.PUBLISHED, SessionState.COMPLETED),
            starts_at__range=(begins, ends),
        )
        .prefetch_related("staff", "resources")
        .order_by("starts_at", "pk")
    )


def _place_session(session: Session, timetable: Timetable[uuid.UUID], found: _Blocks) -> None:
    day = timetable.business_date(floor_minute(session.starts_at))
    for one in (*session.staff.all(), *session.resources.all()):
        found.sessions[one.pk, day].append(session)
        found.owners.add(one.pk)


def _place(booking: Booking, timetable: Timetable[uuid.UUID], dates: Sequence[date], found: _Blocks) -> None:
    """Put a booking's blocks on the dates they stand on."""
    for owner, block in _blocks_of(booking):
        starts, ends = floor_minute(block.starts_at), ceil_minute(block.ends_at)
        # The date it was booked for, whatever has become of the hours since.
        day = booking.business_date
        if block.starts_at > booking.starts_at:
            day = max(day, timetable.business_date(starts))
        last = max(day, timetable.business_date(ends - 1))
        while day <= last:
            if dates[0] <= day <= dates[-1]:
                found.by_day[owner, day].append(block)
                found.owners.add(owner)
            day += _DAY


def _blocks_of(booking: Booking) -> Iterator[tuple[uuid.UUID, Block]]:
    items = list(booking.items.all())
    users = [
        {given.resource_id for given in item.resources.all()}
        | ({item.staff_member_id} if item.staff_member_id else set())
        for item in items
    ]
    claims = defaultdict(list)
    for claim in booking.claims.all():
        claims[claim.calendar.staff_member_id or claim.calendar.resource_id].append(claim)
    for owner in dict.fromkeys(one for those in users for one in those):
        runs = groupby(zip(items, users, strict=True), key=lambda pair: owner in pair[1])
        for serves, run in runs:
            if not serves:
                continue
            together = tuple(item for item, _ in run)
            own = [
                claim
                for claim in claims[owner]
                if claim.starts_at < together[-1].ends_at and claim.ends_at > together[0].starts_at
            ]
            yield (
                owner,
                Block(
                    booking=booking,
                    items=together,
                    taken=tuple(joined((floor_minute(c.starts_at), ceil_minute(c.ends_at)) for c in own)),
                    lane=max((claim.calendar.lane for claim in own), default=0),
                ),
            )


def _is_shown(row: StaffMember | Resource, found: _Blocks) -> bool:
    return row.is_active or row.pk in found.owners


def _columns(
    owners: Iterable[Owner],
    day: date,
    hours: Sequence[Span],
    timetable: Timetable[uuid.UUID],
    found: _Blocks,
) -> Iterator[Column[Owner]]:
    for owner in owners:
        blocks = found.by_day.get((owner.pk, day), ())
        yield Column(
            owner=owner,
            present=present_within(hours, owner.pk, timetable),
            blocks=tuple(sorted(blocks, key=lambda block: (block.starts_at, block.lane, block.booking.pk))),
            sessions=tuple(found.sessions.get((owner.pk, day), ())),
        )


def present_within(
    hours: Sequence[Span], who: uuid.UUID, timetable: Timetable[uuid.UUID]
) -> tuple[Span, ...]:
    """The minutes of a day's hours in which a person or thing is there."""
    absent = timetable.absences(who, hours[0][0], hours[-1][1]) if hours else []
    return tuple(without(hours, absent))


def _waiting(bookings: Iterable[Booking], day: date) -> list[Booking]:
    asked = [row for row in bookings if row.state == BookingState.REQUESTED and row.business_date == day]
    return sorted(asked, key=lambda row: (row.respond_by or row.starts_at, row.pk))
