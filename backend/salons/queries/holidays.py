"""Public holidays as a salon's own question: are its hours of those days settled?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from backend.salons.holidays import Holiday, holidays_between
from backend.salons.models import Salon
from backend.salons.queries.timetables import hours_of
from backend.salons.timetable import Span


@dataclass(frozen=True)
class HolidayHours:
    """A holiday and the salon's hours of each of its days, in absolute minutes, as they stand.

    `confirmed` once the salon has decided about every one of the days: by a season, an override (one with the usual
    hours says that they hold) or a closure.
    """

    holiday: Holiday
    confirmed: bool
    days: tuple[tuple[date, tuple[Span, ...]], ...]


def holiday_hours(salon: Salon, first: date, last: date) -> list[HolidayHours]:
    """The holidays with a day from `first` to `last`, in order of time. No query when the hours are at hand."""
    hours = hours_of(salon)
    found = []
    for holiday in holidays_between(first, last, hours.shifts):
        days = _days(holiday)
        found.append(
            HolidayHours(
                holiday=holiday,
                confirmed=all(map(hours.decides, days)),
                days=tuple((day, hours.timetable.openings(day)) for day in days),
            )
        )
    return found


def hours_may_differ(salon: Salon, first: date, last: date) -> set[date]:
    """The days from `first` to `last` that are holidays on which the salon has not said what holds.

    Customers are told so; nothing is closed (KSA facts, section 2.8). No query when the hours are at hand.
    """
    hours = hours_of(salon)
    return {
        day
        for holiday in holidays_between(first, last, hours.shifts)
        for day in _days(holiday)
        if first <= day <= last and not hours.decides(day)
    }


def _days(holiday: Holiday) -> list[date]:
    return [holiday.first + timedelta(days=n) for n in range((holiday.last - holiday.first).days + 1)]
