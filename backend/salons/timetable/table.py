"""A salon's rules compiled: what is open, closed or away, on any day."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Generic, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from backend.salons.timetable.minutes import DAY, Span, date_of, instant, joined, meeting, within, without
from backend.salons.timetable.rules import (
    ClosedDays,
    ClosedMoments,
    ClosedWeekly,
    Closure,
    Hours,
    Id,
    Season,
    WeeklyWindow,
    check_hours,
)

_REMEMBERED_DAYS = 1024

_Week: TypeAlias = tuple[tuple[Hours, ...], ...]
"""Hours by weekday, Monday first, each day in order of opening."""


class Opening(NamedTuple):
    """A stretch of the salon's hours that belongs to one business date; starts are counted from `opened`.

    `starts` is later than `opened` where an earlier window still runs: that one keeps its minutes.
    """

    business_date: date
    opened: int
    starts: int
    ends: int


def compile_timetable(
    *,
    zone: ZoneInfo,
    salon_windows: Iterable[WeeklyWindow],
    staff_windows: Mapping[Id, Iterable[WeeklyWindow]] | None = None,
    salon_overrides: Mapping[date, Iterable[Hours]] | None = None,
    staff_overrides: Mapping[Id, Mapping[date, Iterable[Hours]]] | None = None,
    seasons: Sequence[Season[Id]] = (),
    closures: Iterable[Closure[Id]] = (),
    pauses: Callable[[date], Sequence[Span]] | None = None,
    services_may_span_pauses: bool = False,
) -> Timetable[Id]:
    """Prepare a salon's rules for questions.

    Staff without an entry in `staff_windows` work whenever the salon is open; an empty entry means never. An override
    without hours means closed, or off. `pauses` gives the prayer pauses of a calendar day in absolute minutes; it is
    asked once for a day as a rule, and must be safe to call from several threads. Raises ValueError for hours that
    make no sense.
    """
    return Timetable(
        zone=zone,
        salon=_Rules(_week(salon_windows), _dated(salon_overrides or {})),
        staff_weeks={who: _week(windows) for who, windows in (staff_windows or {}).items()},
        staff_overrides={who: _dated(dates) for who, dates in (staff_overrides or {}).items()},
        seasons=[
            (
                season.days,
                _week(season.salon_windows),
                {who: _week(windows) for who, windows in season.staff_windows.items()},
            )
            for season in seasons
        ],
        closures=closures,
        pauses=pauses,
        services_may_span_pauses=services_may_span_pauses,
    )


class _Rules(NamedTuple):
    week: _Week
    overrides: Mapping[date, tuple[Hours, ...]]


_Season: TypeAlias = tuple[Container[date], _Week, Mapping[Id, _Week]]


class Timetable(Generic[Id]):
    """A salon's compiled hours; see the module. Safe to share between threads."""

    def __init__(
        self,
        *,
        zone: ZoneInfo,
        salon: _Rules,
        staff_weeks: Mapping[Id, _Week],
        staff_overrides: Mapping[Id, Mapping[date, tuple[Hours, ...]]],
        seasons: Sequence[_Season[Id]],
        closures: Iterable[Closure[Id]],
        pauses: Callable[[date], Sequence[Span]] | None,
        services_may_span_pauses: bool,
    ) -> None:
        self.zone = zone
        self.services_may_span_pauses = services_may_span_pauses
        self._salon = salon
        self._staff_weeks = staff_weeks
        self._staff_overrides = staff_overrides
        self._seasons = tuple(reversed(seasons))
        self._shut: dict[Id | None, list[Closure[Id]]] = {}
        for closure in closures:
            self._shut.setdefault(closure.subject, []).append(closure)
        own_seasons = (who for _, _, staff in seasons for who in staff)
        self._particular = {*staff_weeks, *staff_overrides, *own_seasons, *self._shut}

        remembered = lru_cache(maxsize=_REMEMBERED_DAYS)
        self._season_on = remembered(self._find_season)
        self._salon_hours = remembered(self._find_salon_hours)
        self._hours = remembered(self._find_hours)
        self._openings = remembered(self._find_openings)
        self._begins = remembered(self._find_begins)
        self._pauses_of = remembered(pauses) if pauses is not None else None

    # For people: what is shown, and what "open now" means.

    def openings(self, day: date) -> tuple[Span, ...]:
        """The salon's hours of a business date without its closures, in order; prayer pauses are not cut out.

        Stretches that touch are one. The last may end after midnight. Empty where the salon is closed all day.
        """
        return self._openings(day)

    def closed_all_day(self, day: date) -> bool:
        """Whether nothing is left of a business date, by its hours or by closures."""
        return not self._openings(day)

    def is_open_at(self, minute: int) -> bool:
        """Whether the salon is open in this minute: within its hours, in no closure and no prayer pause."""
        spans = self._openings(self.business_date(minute))
        return within(spans, minute) and not within(self.pauses(minute, minute + 1), minute)

    def next_opening(self, minute: int, *, within_days: int = 60) -> int | None:
        """The first minute, from this one on, in which the salon `is_open_at`; None where none comes so soon."""
        today = self.business_date(minute)
        for ahead in range(within_days + 1):
            for starts, ends in self._openings(today + ahead * DAY):
                if minute < ends:
                    left = without([(max(starts, minute), ends)], self.pauses(max(starts, minute), ends))
                    if left:
                        return left[0][0]
        return None

    # For the availability engine, and whoever else works with stretches of time.

    def business_date(self, minute: int) -> date:
        """The date of the shift the minute lies in, or of its calendar day where the salon is not open."""
        day = date_of(self.zone, minute)
        return day if minute >= self._begins(day) else day - DAY

    def has_hours(self, day: date) -> bool:
        """Whether override, season or week give the salon any hours on this date. Closures do not count."""
        return bool(self._salon_hours(day))

    def hours(self, day: date) -> tuple[Opening, ...]:
        """The salon's hours of a business date, closures and pauses not cut out; in order, and never overlapping."""
        return self._hours(day)

    def hours_between(self, begins: int, ends: int) -> list[Opening]:
        """The hours of every business date that may meet these minutes, in order."""
        return [opening for day in self._days(begins, ends) for opening in self._hours(day)]

    def outside_hours(self, begins: int, ends: int) -> list[Span]:
        """The minutes of this stretch in which no hours of the salon hold, in order and apart."""
        hours = joined((opening.starts, opening.ends) for opening in self.hours_between(begins, ends))
        return without([(begins, ends)], hours)

    def closed(self, begins: int, ends: int) -> list[Span]:
        """The salon's closures that meet these minutes, in order and apart; they may reach beyond."""
        whole_days = [
            (self._begins(day), self._begins(day + DAY))
            for day in self._days(begins, ends)
            if self._takes_off(None, day)
        ]
        return meeting(joined([*whole_days, *self._parts(None, begins, ends)]), begins, ends)

    def pauses(self, begins: int, ends: int) -> list[Span]:
        """The prayer pauses that meet these minutes, in order and apart; they may reach beyond."""
        if self._pauses_of is None:
            return []
        spans = [span for day in self._days(begins, ends) for span in self._pauses_of(day)]
        return meeting(joined(spans), begins, ends)

    def absences(self, who: Id, begins: int, ends: int) -> list[Span]:
        """When, within these minutes, a staff member is off duty or away, or a resource out of use.

        In order and apart. Who has no hours of their own is at work all day and all night: the salon's hours are a
        rule for everybody at once, and are not repeated for each.
        """
        if who not in self._particular:
            return []
        present: list[Span] = []
        for day in self._days(begins, ends):
            if self._takes_off(who, day):
                continue
            own = self._own_hours(who, day)
            if own is None:
                present.append((self._begins(day), self._begins(day + DAY)))
            else:
                present += [(self._at(day, opens), self._at(day, closes)) for opens, closes in own]
        absent = without([(begins, ends)], joined(present))
        return joined([*absent, *self._parts(who, begins, ends)])

    def _own_hours(self, who: Id, day: date) -> tuple[Hours, ...] | None:
        """A staff member's hours of a date, or None where they work as the salon does."""
        overrides = self._staff_overrides.get(who, {})
        if day in overrides:
            return overrides[day]
        week = self._staff_weeks.get(who)
        season = self._season_on(day)
        if season is None:
            return None if week is None else week[day.weekday()]
        _, _, staff = season
        if who in staff:
            return staff[who][day.weekday()]
        return () if week is not None and not week[day.weekday()] else None

    def _takes_off(self, subject: Id | None, day: date) -> bool:
        return any(
            isinstance(closure, ClosedDays) and closure.first_date <= day <= closure.last_date
            for closure in self._shut.get(subject, ())
        )

    def _parts(self, subject: Id | None, begins: int, ends: int) -> list[Span]:
        """Closures of a subject that are not whole days."""
        spans: list[Span] = []
        for closure in self._shut.get(subject, ()):
            if isinstance(closure, ClosedMoments):
                spans.append((closure.starts, closure.ends))
            elif isinstance(closure, ClosedWeekly):
                spans += [
                    (self._at(day, closure.opens_minute), self._at(day, closure.closes_minute))
                    for day in self._days(begins, ends)
                    if closure.holds_on(day)
                ]
        return meeting(spans, begins, ends)

    def _days(self, begins: int, ends: int) -> list[date]:
        """The dates whose hours may meet these minutes: the evening before may still run."""
        first, last = date_of(self.zone, begins) - DAY, date_of(self.zone, ends)
        return [first + ahead * DAY for ahead in range((last - first).days + 1)]

    def _at(self, day: date, minute: int) -> int:
        return instant(self.zone, day, minute)

    def _find_season(self, day: date) -> _Season[Id] | None:
        return next((season for season in self._seasons if day in season[0]), None)

    def _find_salon_hours(self, day: date) -> tuple[Hours, ...]:
        if day in self._salon.overrides:
            return self._salon.overrides[day]
        season = self._season_on(day)
        return (self._salon.week if season is None else season[1])[day.weekday()]

    def _find_begins(self, day: date) -> int:
        evening = [closes for _, closes in self._salon_hours(day - DAY)]
        return max(self._at(day, 0), self._at(day - DAY, max(evening, default=0)))

    def _find_hours(self, day: date) -> tuple[Opening, ...]:
        found = []
        reached = self._begins(day)
        for opens, closes in self._salon_hours(day):
            opened, ends = self._at(day, opens), self._at(day, closes)
            if max(opened, reached) < ends:
                found.append(Opening(day, opened, max(opened, reached), ends))
                reached = ends
        return tuple(found)

    def _find_openings(self, day: date) -> tuple[Span, ...]:
        spans = joined((opening.starts, opening.ends) for opening in self._hours(day))
        return tuple(without(spans, self.closed(spans[0][0], spans[-1][1]))) if spans else ()


def _week(windows: Iterable[WeeklyWindow]) -> _Week:
    days: list[list[Hours]] = [[] for _ in range(7)]
    for window in windows:
        days[window.weekday - 1].append((window.opens_minute, window.closes_minute))
    return tuple(tuple(sorted(day)) for day in days)


def _dated(overrides: Mapping[date, Iterable[Hours]]) -> dict[date, tuple[Hours, ...]]:
    dated = {day: tuple(sorted(hours)) for day, hours in overrides.items()}
    for hours in dated.values():
        for opens, closes in hours:
            check_hours(opens, closes)
    return dated
