"""Time that a change of hours opens, for whoever waits for one of its days."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import date, datetime

from backend.bookings.affected.judging import SalonTimetable
from backend.bookings.availability import Span
from backend.bookings.models import WaitlistEntry, WaitlistState
from backend.bookings.operations.freeing import note_opened
from backend.salons.models import Resource, Salon, StaffMember
from backend.salons.timetable import instant
from backend.salons.timetable.minutes import joined, without

MOST_DAYS = 31
"""Of those waited for, the nearest."""
_REACHES = 36 * 60
"""Minutes from midnight in which a visit that begins on a day may still go on."""


def offer_opened(salon: Salon, *, before: SalonTimetable, after: SalonTimetable, now: datetime) -> None:
    """Note the time in which the salon's people and things serve customers `after` a change and did not `before`."""
    waiting = WaitlistEntry.objects.filter(salon=salon, state=WaitlistState.WAITING, over_at__gt=now)
    days = list(waiting.order_by("date").values_list("date", flat=True).distinct()[:MOST_DAYS])
    if not days:
        return
    owners = [
        *StaffMember.objects.filter(salon=salon, is_active=True).values_list("pk", flat=True),
        *Resource.objects.filter(salon=salon, is_active=True).values_list("pk", flat=True),
    ]
    note_opened(salon, _gained(owners, days, before, after), now=now)


def _gained(
    owners: Sequence[uuid.UUID], days: Sequence[date], before: SalonTimetable, after: SalonTimetable
) -> Iterator[tuple[uuid.UUID, Span]]:
    whole = joined((begins, begins + _REACHES) for begins in (instant(after.zone, day, 0) for day in days))
    for owner in owners:
        for begins, ends in whole:
            had = _serves(before, owner, begins, ends)
            for span in without(_serves(after, owner, begins, ends), had):
                yield owner, span


def _serves(table: SalonTimetable, owner: uuid.UUID, begins: int, ends: int) -> list[Span]:
    """When somebody or something serves customers, by the hours alone."""
    closed = joined(
        [
            *table.outside_hours(begins, ends),
            *table.closed(begins, ends),
            *table.pauses(begins, ends),
            *table.absences(owner, begins, ends),
        ]
    )
    return without([(begins, ends)], closed)
