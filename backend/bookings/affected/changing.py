"""A change of hours together with the bookings it collides with, for one salon or, after a sighting, for all."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import TypeAlias, TypeVar

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from backend.bookings.affected.judging import Hit, SalonTimetable, coming_visits, hits, live
from backend.bookings.affected.offering import Offer, offers
from backend.bookings.availability import Reason, Rulebook
from backend.bookings.models import Booking
from backend.bookings.signals import time_freed
from backend.core.hijri import HijriSpan, Shifts, gregorian_range
from backend.salons.models import PrayerPause, Salon, Season
from backend.salons.operations.editing import lock_salon
from backend.salons.prayer import Prayer
from backend.salons.queries.timetables import (
    WHOLE_RAMADAN,
    HijriDays,
    hijri_shifts,
    hours_rules,
)

MOST_SHOWN = 50
_SALONS_AT_ONCE = 200
_DAY = timedelta(days=1)

Answer = TypeVar("Answer")
After: TypeAlias = tuple[datetime, uuid.UUID]
"""The start and id of the last booking of a page: the next page is what follows it."""


@dataclass(frozen=True)
class Collision:
    """One affected booking, with its salon, customer, items, services and people; why, and what to offer instead."""

    booking: Booking
    reasons: tuple[Reason, ...]
    offers: Sequence[Offer]


@dataclass(frozen=True)
class Affected:
    """How many bookings are affected, and some of them in order of time. `last` is the end of a page with more."""

    total: int
    collisions: Sequence[Collision]
    last: After | None


def change_hours(
    *, salon: Salon, change: Callable[[], Answer], now: datetime, preview: bool = False
) -> tuple[Answer, Affected]:
    """Run a change of the salon's hours; its answer, and the first fifty bookings it affects.

    A `preview` tells the same and writes nothing. The answer must not need the database any more when it is shown.
    A fixed number of queries, whatever the bookings.
    """
    with transaction.atomic():
        lock_salon(salon)
        shifts = hijri_shifts()
        before = _timetable(salon, shifts)
        answer = change()
        after = _timetable(salon, shifts)
        time_freed.send(sender=Salon, salon_id=salon.pk, now=now)
        found = hits(coming_visits(Q(booking__salon=salon), now=now), before=before, after=after)
        affected = _page(found, lambda _salon_ids: {salon.pk: after}, now=now)
        if preview:
            transaction.set_rollback(True)
    return answer, affected


def at_odds_now(
    *, salon: Salon, now: datetime, limit: int = MOST_SHOWN, after: After | None = None
) -> Affected:
    """The coming bookings that do not fit the salon's hours as they stand, whatever change that came of."""
    timetable = _timetable(salon, hijri_shifts())
    found = hits(coming_visits(Q(booking__salon=salon), now=now), before=None, after=timetable)
    return _page(found, lambda _salon_ids: {salon.pk: timetable}, now=now, limit=limit, after=after)


def moved_by_sighting(
    *,
    month: tuple[int, int],
    before: Shifts,
    after: Shifts,
    now: datetime,
    limit: int = MOST_SHOWN,
    after_booking: After | None = None,
) -> Affected:
    """The bookings of all salons affected when a Hijri month (year, month) begins by `after` and not by `before`.

    Nothing is written or locked. Only days on which some rule may differ are looked at, in batches of 200 salons with
    a constant number of queries each.
    """
    changed = {day for span in _spans_in_use() for day in _changed_days(span, month, before, after)}
    # An evening runs into the day after it, and takes its first hours from it.
    dates = {day + step * _DAY for day in changed for step in (-1, 0, 1)}
    if not dates:
        return Affected(0, (), None)
    bookings = Booking.objects.filter(live(now), business_date__in=dates, salon__in=_hijri_salons())
    salon_ids = list(bookings.order_by("salon").values_list("salon", flat=True).distinct())
    found: list[Hit] = []
    for begin in range(0, len(salon_ids), _SALONS_AT_ONCE):
        some = salon_ids[begin : begin + _SALONS_AT_ONCE]
        rules = hours_rules(some)
        visits = coming_visits(Q(booking__salon__in=some, booking__business_date__in=dates), now=now)
        for salon_id, own in groupby(sorted(visits, key=lambda v: v.salon_id), key=lambda v: v.salon_id):
            found += hits(own, before=rules[salon_id].compile(before), after=rules[salon_id].compile(after))
    found.sort(key=_place)
    return _page(found, lambda ids: _timetables(ids, after), now=now, limit=limit, after=after_booking)


def _timetable(salon: Salon, shifts: Shifts) -> SalonTimetable:
    """As the transaction sees the rules now; the process's cache must not learn of what may be rolled back."""
    return _timetables([salon.pk], shifts)[salon.pk]


def _timetables(salon_ids: Iterable[uuid.UUID], shifts: Shifts) -> dict[uuid.UUID, SalonTimetable]:
    return {salon_id: rules.compile(shifts) for salon_id, rules in hours_rules(salon_ids).items()}


def _place(hit: Hit) -> After:
    return hit.starts_at, hit.booking_id


def _page(
    found: Sequence[Hit],
    timetables: Callable[[set[uuid.UUID]], Mapping[uuid.UUID, SalonTimetable]],
    *,
    now: datetime,
    limit: int = MOST_SHOWN,
    after: After | None = None,
) -> Affected:
    following = [hit for hit in found if after is None or _place(hit) > after]
    shown = following[:limit]
    bookings = (
        Booking.objects.filter(pk__in=[hit.booking_id for hit in shown])
        .select_related("salon", "customer")
        .prefetch_related("items__service__variant_of", "items__staff_member")
    )
    rows = {booking.pk: booking for booking in bookings}
    salons = {booking.salon_id: booking.salon for booking in rows.values()}
    tables = timetables(set(salons)) if salons else {}
    rulebooks = {
        salon_id: Rulebook(
            tables[salon_id],
            grid_minutes=salon.grid_minutes,
            notice_minutes=salon.min_notice_minutes,
            horizon_days=salon.horizon_days,
        )
        for salon_id, salon in salons.items()
    }
    offered = offers(list(rows.values()), rulebooks, now=now)
    return Affected(
        total=len(found),
        collisions=[
            Collision(rows[hit.booking_id], hit.reasons, offered[hit.booking_id])
            for hit in shown
            if hit.booking_id in rows
        ],
        last=_place(shown[-1]) if len(following) > len(shown) else None,
    )


def _hijri_salons() -> QuerySet[Salon]:
    """The salons whose hours depend on how Hijri months begin."""
    seasons = Season.objects.filter(salon=OuterRef("pk"), hijri_from_month__isnull=False)
    isha = Q(prayer_pause=PrayerPause.CHOSEN, pause_prayers__contains=[Prayer.ISHA.value])
    return Salon.objects.filter(Exists(seasons) | isha)


def _spans_in_use() -> set[HijriDays]:
    """The stretches of the Hijri year that some salon's hours depend on."""
    seasons = Season.objects.filter(hijri_from_month__isnull=False).order_by()
    columns = ("hijri_from_month", "hijri_from_day", "hijri_to_month", "hijri_to_day")
    return {WHOLE_RAMADAN, *seasons.values_list(*columns).distinct()}


def _changed_days(span: HijriDays, month: tuple[int, int], before: Shifts, after: Shifts) -> list[date]:
    """The Gregorian days that only one of the two calendars counts to a stretch of the Hijri year."""
    ranges = [gregorian_range(*month, shifts) for shifts in (before, after)]
    first = min(starts for starts, _ in ranges) - 2 * _DAY
    last = max(ends for _, ends in ranges) + 2 * _DAY
    old, new = HijriSpan(*span, before), HijriSpan(*span, after)
    days = [first + ahead * _DAY for ahead in range((last - first).days + 1)]
    return [day for day in days if (day in old) != (day in new)]
