"""When a salon, its people and its things are at work.

A salon's rules about hours are compiled once, by `compile_timetable`, into a `Timetable`: an immutable value that
callers keep until the rules change. It can be asked about any day and remembers what it worked out.

Every moment is a whole number of minutes since 1970-01-01 00:00 UTC, and every span of them is half-open. Hours
are minutes of the wall clock after midnight of a day in the salon's zone.

A *business date* is the day a shift counts for. Thursday's evening belongs to Thursday until it ends, after midnight
too. Business dates follow each other without a gap: each begins at midnight or, where the evening before runs on
past it, when that evening ends. Whatever is said of one date (an override, days off, a season) therefore never cuts
the shift that began the evening before.

Which hours hold on a date: those of its override; else those of the season it lies in, the last listed where
several do; else the ordinary week. A staff member without hours of their own works whenever the salon is open. In a
season that says nothing of them, staff with hours of their own keep their days off and otherwise work as the salon.

The module is pure: it reads no clock, no database and no settings.
"""

from backend.salons.timetable.minutes import Span, ceil_minute, date_of, floor_minute, instant, moment_of
from backend.salons.timetable.rules import (
    ClosedDays,
    ClosedMoments,
    ClosedWeekly,
    Closure,
    Hours,
    Id,
    Season,
    WeeklyWindow,
)
from backend.salons.timetable.table import Opening, Timetable, compile_timetable

__all__ = [
    "ClosedDays",
    "ClosedMoments",
    "ClosedWeekly",
    "Closure",
    "Hours",
    "Id",
    "Opening",
    "Season",
    "Span",
    "Timetable",
    "WeeklyWindow",
    "ceil_minute",
    "compile_timetable",
    "date_of",
    "floor_minute",
    "instant",
    "moment_of",
]
