"""Time that a salon's rules open on a day somebody waits for: new hours, a closure that goes, somebody who is back.

Whatever changes a salon's rules, on whichever path, raises its catalogue version, and the database marks the days
that are waited for there (migration 0016). So this compares what is served before and after, and knows no path.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date, datetime

from django.db import transaction

from backend.bookings.availability import Span, ceil_minute
from backend.bookings.models import ServedTimes, WaitedDay
from backend.bookings.operations.claiming import hold_rules
from backend.bookings.operations.freeing import note_opened
from backend.bookings.queries import SalonRules
from backend.bookings.refusals import SalonNotLive
from backend.salons.models import Salon
from backend.salons.timetable import instant
from backend.salons.timetable.minutes import joined, without

MOST_DAYS = 31
"""Of one salon in one transaction, the nearest first."""
MOST_SALONS = 200
"""Of one round: a new moon changes the rules of all."""
_REACHES = 36 * 60
"""Minutes from midnight in which a visit that begins on a day may still go on."""


def watch_day(salon: Salon, day: date, served: ServedTimes) -> None:
    """Keep what is `served_on` a day that somebody waits for from now on, to compare a change with.

    The caller's transaction adds who waits.
    """
    WaitedDay.objects.bulk_create([WaitedDay(salon=salon, date=day, served=served)], ignore_conflicts=True)


def served_on(rules: SalonRules, day: date) -> ServedTimes:
    """When each of the salon's people and things serves customers on a day, by the hours alone."""
    table = rules.rulebook.timetable
    begins = instant(table.zone, day, 0)
    ends = begins + _REACHES
    shut = [
        *table.outside_hours(begins, ends),
        *table.closed(begins, ends),
        *table.pauses(begins, ends),
    ]
    found = {}
    for owner in (*rules.staff, *rules.resources):
        if spans := without([(begins, ends)], joined([*shut, *table.absences(owner, begins, ends)])):
            found[str(owner)] = spans
    return found


def note_what_opened(now: datetime, *, salon_id: uuid.UUID | None = None) -> int:
    """Note the time that changed rules opened on days that are waited for, at all salons or one. Returns how many days.

    Safe on many machines at once: a salon's rules are held while its days are compared.
    """
    changed = WaitedDay.objects.filter(is_stale=True)
    if salon_id is not None:
        changed = changed.filter(salon=salon_id)
    done = 0
    for one in list(changed.order_by("salon").values_list("salon", flat=True).distinct()[:MOST_SALONS]):
        with transaction.atomic():
            try:
                rules = hold_rules(one)
            except SalonNotLive:
                rules = None
            days = list(
                WaitedDay.objects.filter(salon=one, is_stale=True)
                .select_related("salon")
                .order_by("date")
                .select_for_update(skip_locked=True, no_key=True, of=("self",))[:MOST_DAYS]
            )
            opened: list[tuple[uuid.UUID, Span]] = []
            for day in days:
                served = served_on(rules, day.date) if rules is not None else {}
                if day.served is not None:
                    opened += _gained(day.served, served, after=ceil_minute(now))
                day.served, day.is_stale = served, False
            WaitedDay.objects.bulk_update(days, ["served", "is_stale"])
            if opened:
                note_opened(days[0].salon, opened, now=now)
        done += len(days)
    return done


def _gained(before: ServedTimes, served: ServedTimes, *, after: int) -> Iterator[tuple[uuid.UUID, Span]]:
    for owner, spans in served.items():
        coming = [(max(begins, after), ends) for begins, ends in spans if ends > after]
        had = [(begins, ends) for begins, ends in before.get(owner, ())]
        for span in without(coming, had):
            yield uuid.UUID(owner), span
