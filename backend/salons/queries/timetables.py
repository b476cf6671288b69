"""From the rows of a salon's rules about hours to its timetable, compiled once and kept until the rules change."""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict, defaultdict
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from backend.core.hijri import (
    RAMADAN,
    YEARS,
    HijriOutOfRange,
    HijriSpan,
    Shifts,
    gregorian_range,
    hijri_of,
)
from backend.salons.models import (
    Closure,
    HijriShift,
    Override,
    PrayerPause,
    Salon,
    Season,
    WorkingWindow,
)
from backend.salons.prayer import PausePlan, Prayer
from backend.salons.timetable import (
    ClosedDays,
    ClosedMoments,
    ClosedWeekly,
    Hours,
    Timetable,
    WeeklyWindow,
    ceil_minute,
    compile_timetable,
    floor_minute,
)
from backend.salons.timetable import Closure as Closed
from backend.salons.timetable import Season as SeasonHours

HijriDays: TypeAlias = tuple[int, int, int, int]
"""From month and day to month and day of every Hijri year, as `HijriSpan` counts them."""
WHOLE_RAMADAN: HijriDays = (RAMADAN, 1, RAMADAN, 30)

_KEPT = 1024


@dataclass(frozen=True)
class DatedSpan:
    """Gregorian days, both ends included: a `Container[date]`."""

    first: date
    last: date

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.first <= day <= self.last


@dataclass
class SeasonRules:
    """A season's days and its weekly hours, of the salon and of each staff member."""

    days: HijriDays | DatedSpan
    salon: list[WeeklyWindow] = field(default_factory=list)
    staff: dict[uuid.UUID, list[WeeklyWindow]] = field(default_factory=dict)

    def span(self, shifts: Shifts) -> Container[date]:
        """Its Gregorian days when Hijri months begin as `shifts` say."""
        return self.days if isinstance(self.days, DatedSpan) else HijriSpan(*self.days, shifts)


@dataclass
class HoursRules:
    """A salon's rules about hours as they were read: all a timetable needs but how Hijri months began."""

    zone: ZoneInfo
    place: tuple[float, float] | None
    prayers: frozenset[Prayer]
    friday: bool
    pause_minutes: int
    services_may_span_pauses: bool
    salon: list[WeeklyWindow] = field(default_factory=list)
    staff: dict[uuid.UUID, list[WeeklyWindow]] = field(default_factory=dict)
    seasons: dict[uuid.UUID, SeasonRules] = field(default_factory=dict)
    salon_overrides: dict[date, list[Hours]] = field(default_factory=dict)
    staff_overrides: dict[uuid.UUID, dict[date, list[Hours]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    closures: list[Closed[uuid.UUID]] = field(default_factory=list)

    def compile(self, shifts: Shifts) -> Timetable[uuid.UUID]:
        """The timetable these rules make when Hijri months begin as `shifts` say."""
        pauses = None
        if self.place is not None and self.pause_minutes and (self.friday or self.prayers):
            pauses = PausePlan(
                *self.place,
                zone=self.zone,
                prayers=self.prayers,
                friday=self.friday,
                minutes=self.pause_minutes,
                ramadan=HijriSpan(*WHOLE_RAMADAN, shifts),
            )
        return compile_timetable(
            zone=self.zone,
            salon_windows=self.salon,
            staff_windows=self.staff,
            salon_overrides=self.salon_overrides,
            staff_overrides=self.staff_overrides,
            seasons=[
                SeasonHours(
                    days=season.span(shifts),
                    salon_windows=season.salon,
                    staff_windows=season.staff,
                )
                for season in self.seasons.values()
            ],
            closures=self.closures,
            pauses=pauses,
            services_may_span_pauses=self.services_may_span_pauses,
        )

    def hijri_days(self) -> set[HijriDays]:
        """The stretches of the Hijri year that the timetable depends on."""
        found = {season.days for season in self.seasons.values() if not isinstance(season.days, DatedSpan)}
        # Isha is called later in Ramadan.
        return found | ({WHOLE_RAMADAN} if Prayer.ISHA in self.prayers else set())

    def decides(self, day: date, shifts: Shifts) -> bool:
        """Whether the salon has said what holds on this very day, not only in an ordinary week.

        By an override or closure of the day, or by a season it lies in.
        """
        return (
            day in self.salon_overrides
            or any(
                isinstance(closure, ClosedDays)
                and closure.subject is None
                and closure.first_date <= day <= closure.last_date
                for closure in self.closures
            )
            or any(day in season.span(shifts) for season in self.seasons.values())
        )


@dataclass(frozen=True)
class SalonHours:
    """A salon's rules about hours and the timetable they make with the moon sightings on record."""

    rules: HoursRules
    shifts: Shifts
    timetable: Timetable[uuid.UUID]

    def decides(self, day: date) -> bool:
        """Whether the salon has said what holds on this very day; see `HoursRules.decides`."""
        return self.rules.decides(day, self.shifts)


def timetable_of(salon: Salon) -> Timetable[uuid.UUID]:
    """The hours of one salon; see `timetables_of`."""
    return hours_of(salon).timetable


def timetables_of(versions: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, Timetable[uuid.UUID]]:
    """The hours of many salons, by id, from their ids and the `catalogue_version` each was read at.

    Kept in this process for the next question; those not at hand cost six queries together, whatever their number.
    Staff members and resources are named by their ids. Not for a transaction that has changed rules and may yet be
    rolled back: its versions are nobody else's (`hours_rules` is).
    """
    return {salon_id: hours.timetable for salon_id, hours in _hours(versions).items()}


def hours_of(salon: Salon) -> SalonHours:
    """The hours of one salon with the rules behind them, kept as `timetables_of` keeps them."""
    return _hours({salon.pk: salon.catalogue_version})[salon.pk]


def _hours(versions: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, SalonHours]:
    found, missing = _CACHE.find(versions)
    if missing:
        shifts = hijri_shifts()
        for salon_id, rules in hours_rules(missing).items():
            found[salon_id] = SalonHours(rules, shifts, rules.compile(shifts))
            _CACHE.keep(salon_id, versions[salon_id], found[salon_id])
    return found


def hijri_shifts() -> dict[tuple[int, int], int]:
    """The moon sightings on record, by Hijri year and month."""
    rows = HijriShift.objects.values_list("hijri_year", "hijri_month", "days")
    return {(year, month): days for year, month, days in rows}


def hours_rules(salon_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, HoursRules]:
    """The rules of some salons as the database has them now, in five queries. Unknown ids are left out."""
    ids = list(salon_ids)
    rules = {
        salon.pk: _bare_rules(salon) for salon in Salon.objects.select_related("city").filter(pk__in=ids)
    }
    for season in Season.objects.filter(salon__in=ids).order_by(
        "id"
    ):  # where seasons overlap, the newest wins
        rules[season.salon_id].seasons[season.pk] = SeasonRules(_season_days(season))
    for salon_id, season_id, staff_id, weekday, opens, closes in (
        WorkingWindow.objects.filter(salon__in=ids)
        .order_by()
        .values_list("salon_id", "season_id", "staff_member_id", "weekday", "opens_minute", "closes_minute")
    ):
        holder = rules[salon_id] if season_id is None else rules[salon_id].seasons.get(season_id)
        if holder is None:
            continue  # of a season begun since we read the seasons; the version has changed with it
        windows = holder.salon if staff_id is None else holder.staff.setdefault(staff_id, [])
        windows.append(WeeklyWindow(weekday, opens, closes))
    for salon_id, staff_id, day, opens, closes in (
        Override.objects.filter(salon__in=ids)
        .order_by()
        .values_list("salon_id", "staff_member_id", "date", "windows__opens_minute", "windows__closes_minute")
    ):
        dated = (
            rules[salon_id].salon_overrides if staff_id is None else rules[salon_id].staff_overrides[staff_id]
        )
        hours = dated.setdefault(day, [])
        if opens is not None:
            hours.append((opens, closes))
    for closure in Closure.objects.filter(salon__in=ids).order_by():
        rules[closure.salon_id].closures.append(_closed(closure))
    return rules


def _bare_rules(salon: Salon) -> HoursRules:
    return HoursRules(
        zone=salon.zone,
        place=_place(salon),
        prayers=frozenset(
            map(Prayer, salon.pause_prayers) if salon.prayer_pause == PrayerPause.CHOSEN else ()
        ),
        friday=salon.prayer_pause == PrayerPause.FRIDAY,
        pause_minutes=salon.prayer_pause_minutes,
        services_may_span_pauses=salon.services_may_span_pauses,
    )


def _place(salon: Salon) -> tuple[float, float] | None:
    """Where prayer times are reckoned: at the salon, else in the middle of its city."""
    for at in (salon, salon.city):
        if at.latitude is not None and at.longitude is not None:
            return float(at.latitude), float(at.longitude)
    return None


def coming_dates(row: Season, *, today: date, shifts: Shifts, most: int = 2) -> list[tuple[date, date]]:
    """The first and last Gregorian days of a season's next times from `today` on, one under way included."""
    days = _season_days(row)
    if isinstance(days, DatedSpan):
        return [(days.first, days.last)] if days.last >= today else []
    from_month, from_day, to_month, to_day = days
    found: list[tuple[date, date]] = []
    try:
        # A stretch that began last year may run over the turn of this one.
        for year in range(hijri_of(today, shifts).year - 1, YEARS.stop):
            first = gregorian_range(year, from_month, shifts)[0] + timedelta(days=from_day - 1)
            end_year = year + ((to_month, to_day) < (from_month, from_day))
            month_starts, month_ends = gregorian_range(end_year, to_month, shifts)
            last = month_ends if to_day == 30 else min(month_starts + timedelta(days=to_day - 1), month_ends)
            if last >= max(first, today):  # a 30th does not come in every year
                found.append((first, last))
            if len(found) == most:
                break
    except HijriOutOfRange:
        pass  # beyond the tables nothing is known
    return found


def _season_days(row: Season) -> HijriDays | DatedSpan:
    if row.first_date is not None and row.last_date is not None:
        return DatedSpan(row.first_date, row.last_date)
    return (
        row.hijri_from_month or 0,
        row.hijri_from_day or 0,
        row.hijri_to_month or 0,
        row.hijri_to_day or 0,
    )


def _closed(row: Closure) -> Closed[uuid.UUID]:
    """One closure; the database sees to it that each kind has what it needs (`closure_has_one_form`)."""
    subject = row.staff_member_id or row.resource_id
    if row.starts_at is not None and row.ends_at is not None:
        return ClosedMoments(floor_minute(row.starts_at), ceil_minute(row.ends_at), subject)
    if row.weekday is not None:
        return ClosedWeekly(
            row.weekday, row.opens_minute or 0, row.closes_minute or 0, row.first_date, row.last_date, subject
        )
    return ClosedDays(row.first_date or date.min, row.last_date or date.max, subject)


class _Cache:
    """The hours asked for most recently, one version of each salon. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[uuid.UUID, tuple[int, SalonHours]] = OrderedDict()

    def find(self, versions: Mapping[uuid.UUID, int]) -> tuple[dict[uuid.UUID, SalonHours], list[uuid.UUID]]:
        """What is at hand at these versions, and which salons are not."""
        found: dict[uuid.UUID, SalonHours] = {}
        with self._lock:
            for salon_id, version in versions.items():
                kept = self._kept.get(salon_id)
                if kept is not None and kept[0] == version:
                    self._kept.move_to_end(salon_id)
                    found[salon_id] = kept[1]
        return found, [salon_id for salon_id in versions if salon_id not in found]

    def keep(self, salon_id: uuid.UUID, version: int, hours: SalonHours) -> None:
        """Keep it, unless a thread that read later was quicker."""
        with self._lock:
            kept = self._kept.get(salon_id)
            if kept is None or kept[0] < version:
                self._kept[salon_id] = (version, hours)
                self._kept.move_to_end(salon_id)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)


_CACHE = _Cache()
