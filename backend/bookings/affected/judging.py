"""Coming bookings held against a timetable."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, TypeAlias

from django.db.models import Q

from backend.bookings import availability
from backend.bookings.availability import (
    Need,
    NeedKind,
    Question,
    Reason,
    Rulebook,
    Step,
    floor_minute,
    starts_on,
)
from backend.bookings.models import BookingItem, BookingState, ItemResource, Kind
from backend.salons.timetable import Timetable

SalonTimetable: TypeAlias = Timetable[uuid.UUID]

OF_HOURS = (
    Reason.SALON_CLOSED,
    Reason.OUTSIDE_HOURS,
    Reason.PRAYER_BREAK,
    Reason.STAFF_UNAVAILABLE,
    Reason.RESOURCE_UNAVAILABLE,
)
"""The reasons hours alone can give, in the engine's telling order."""


@dataclass(frozen=True, slots=True)
class ComingVisit:
    """A booking as the engine sees it: its start, and its own people and resources."""

    booking_id: uuid.UUID
    salon_id: uuid.UUID
    starts_at: datetime
    steps: tuple[Step[uuid.UUID], ...]
    is_let: bool = False

    @property
    def duration(self) -> int:
        return sum(step.duration for step in self.steps)


@dataclass(frozen=True, slots=True)
class Hit:
    """A booking that does not fit, and why."""

    booking_id: uuid.UUID
    salon_id: uuid.UUID
    starts_at: datetime
    reasons: tuple[Reason, ...]


def live(now: datetime, prefix: str = "") -> Q:
    """Bookings still to come: held, requested or confirmed, not run out and not begun."""
    alive = (
        Q(**{f"{prefix}state": BookingState.CONFIRMED})
        | Q(**{f"{prefix}state": BookingState.HELD, f"{prefix}hold_expires_at__gt": now})
        | Q(**{f"{prefix}state": BookingState.REQUESTED, f"{prefix}respond_by__gt": now})
    )
    return alive & Q(**{f"{prefix}starts_at__gt": now})


def coming_visits(which: Q, *, now: datetime) -> Iterator[ComingVisit]:
    """The live bookings among `which` (a filter on bookings' items), by time. Two queries."""
    yield from _visits(which & live(now, "booking__"))


def misfits(booking_id: uuid.UUID, timetable: SalonTimetable) -> tuple[Reason, ...]:
    """What the salon's hours have against a booking where it stands, whatever state it is in."""
    [visit] = _visits(Q(booking_id=booking_id))
    return _reasons(_rulebook(timetable), visit)


def _visits(which: Q) -> Iterator[ComingVisit]:
    resources = defaultdict(list)
    held = ItemResource.objects.filter(item__in=BookingItem.objects.filter(which))
    for item_id, resource_id in held.values_list("item_id", "resource_id"):
        resources[item_id].append(resource_id)
    rows = (
        BookingItem.objects.filter(which)
        .order_by("booking__starts_at", "booking_id", "position")
        .values_list(
            "booking_id",
            "booking__salon_id",
            "booking__starts_at",
            "booking__kind",
            "pk",
            "starts_at",
            "ends_at",
            "staff_member_id",
        )
    )
    for (booking_id, salon_id, starts_at, kind), items in groupby(rows, key=lambda row: row[:4]):
        steps = tuple(
            Step(
                duration=int((until - at).total_seconds()) // 60,
                needs=(
                    *((Need(NeedKind.STAFF, (staff_id,)),) if staff_id else ()),
                    *(Need(NeedKind.RESOURCE, (resource_id,)) for resource_id in resources.get(pk, ())),
                ),
            )
            for *_booking, pk, at, until, staff_id in items
        )
        yield ComingVisit(booking_id, salon_id, starts_at, steps, is_let=kind == Kind.RENTAL)


def hits(visits: Iterable[ComingVisit], *, before: SalonTimetable | None, after: SalonTimetable) -> list[Hit]:
    """The visits of a salon that fit `before` and do not fit `after`; without `before`, all that do not fit."""
    now_rules = _rulebook(after)
    old_rules = None if before is None else _rulebook(before)
    found = []
    for visit in visits if before is None else _on_changed_days(list(visits), before, after):
        reasons = _reasons(now_rules, visit)
        if reasons and (old_rules is None or not _reasons(old_rules, visit)):
            found.append(Hit(visit.booking_id, visit.salon_id, visit.starts_at, reasons))
    return found


def _on_changed_days(
    visits: Sequence[ComingVisit], before: SalonTimetable, after: SalonTimetable
) -> Iterator[ComingVisit]:
    """The visits on days that differ at all: a change is mostly about a few, and looking at a day is quick."""
    by_day = defaultdict(list)
    for visit in visits:
        by_day[visit.starts_at.astimezone(after.zone).date()].append(visit)
    for day, some in by_day.items():
        begins, _ = starts_on(after.zone, from_date=day, days=1)
        ends = max(floor_minute(visit.starts_at) + visit.duration for visit in some)
        takers = {
            one for visit in some for step in visit.steps for need in step.needs for one in need.candidates
        }
        if _look(before, day, begins, ends, takers) != _look(after, day, begins, ends, takers):
            yield from some


def _look(table: SalonTimetable, day: date, begins: int, ends: int, takers: Iterable[uuid.UUID]) -> Any:
    """All that the engine reads of a timetable about these minutes."""
    return (
        [table.has_hours(day - timedelta(days=back)) for back in (1, 0)],
        table.hours_between(begins, ends),
        table.closed(begins, ends),
        table.pauses(begins, ends),
        [table.absences(one, begins, ends) for one in takers],
    )


def _rulebook(timetable: SalonTimetable) -> Rulebook[uuid.UUID]:
    return Rulebook(timetable, grid_minutes=1, notice_minutes=0, horizon_days=0)


def _reasons(rulebook: Rulebook[uuid.UUID], visit: ComingVisit) -> tuple[Reason, ...]:
    start = floor_minute(visit.starts_at)
    asked = Question(rulebook=rulebook, steps=visit.steps, now=start, is_let=visit.is_let)
    return tuple(reason for reason in availability.explain(asked, start) if reason in OF_HOURS)
