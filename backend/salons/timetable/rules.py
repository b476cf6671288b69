"""What a salon decides about its hours, as it is handed to `compile_timetable`."""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Generic, TypeAlias, TypeVar

Id = TypeVar("Id", bound=Hashable)
"""Names a staff member or a resource; the two never share one."""

Hours: TypeAlias = tuple[int, int]
"""Opening and closing, in minutes of the wall clock after midnight; closing may pass 1440, up to noon next day."""

LATEST_CLOSING = 36 * 60


@dataclass(frozen=True, slots=True)
class WeeklyWindow:
    """One stretch of a working week. `weekday` counts as `date.isoweekday()`: Monday 1, Sunday 7.

    `closes_minute` may pass 1440, up to noon of the following day; the window belongs to the day it opened on.
    Raises ValueError for a weekday or minutes that make no sense.
    """

    weekday: int
    opens_minute: int
    closes_minute: int

    def __post_init__(self) -> None:
        check_weekday(self.weekday)
        check_hours(self.opens_minute, self.closes_minute)


@dataclass(frozen=True, slots=True)
class Season(Generic[Id]):
    """Weekly hours that hold instead of the ordinary ones on the business dates within `days`.

    Staff without an entry keep their ordinary days off and otherwise work as the salon does; an empty entry means
    never in this season.
    """

    days: Container[date]
    salon_windows: Iterable[WeeklyWindow]
    staff_windows: Mapping[Id, Iterable[WeeklyWindow]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClosedMoments(Generic[Id]):
    """Shut from one absolute minute to another: the salon (`subject` None), a staff member or a resource."""

    starts: int
    ends: int
    subject: Id | None = None


@dataclass(frozen=True, slots=True)
class ClosedDays(Generic[Id]):
    """Shut on whole business dates, the last included, with what runs on past their midnight.

    A resource has no hours of its own, so its dates are the salon's.
    """

    first_date: date
    last_date: date
    subject: Id | None = None


@dataclass(frozen=True, slots=True)
class ClosedWeekly(Generic[Id]):
    """Shut for a part of every such weekday, from the first to the last date where these are given.

    Minutes are those of a `WeeklyWindow`. Whatever lies in that part is shut, whichever day it belongs to.
    """

    weekday: int
    opens_minute: int
    closes_minute: int
    first_date: date | None = None
    last_date: date | None = None
    subject: Id | None = None

    def __post_init__(self) -> None:
        check_weekday(self.weekday)
        check_hours(self.opens_minute, self.closes_minute)

    def holds_on(self, day: date) -> bool:
        return (
            day.isoweekday() == self.weekday
            and (self.first_date is None or self.first_date <= day)
            and (self.last_date is None or day <= self.last_date)
        )


Closure: TypeAlias = ClosedMoments[Id] | ClosedDays[Id] | ClosedWeekly[Id]


def check_weekday(weekday: int) -> None:
    if not 1 <= weekday <= 7:
        raise ValueError(f"weekday must be 1 to 7, not {weekday}")


def check_hours(opens: int, closes: int) -> None:
    if not 0 <= opens < 24 * 60:
        raise ValueError(f"opens_minute must be 0 to 1439, not {opens}")
    if not opens < closes <= LATEST_CLOSING:
        raise ValueError(f"closes_minute must be opens_minute + 1 to 2160, not {closes}")
