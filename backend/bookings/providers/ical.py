"""What an iCalendar file (RFC 5545) says about when somebody is busy. Pure: no clock, no network, no database."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from typing import Any
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar, Component

from backend.bookings.availability import Span, ceil_minute, floor_minute
from backend.salons.timetable.minutes import joined

MOST_EVENTS = 5000
"""Series and single events in one file."""
MOST_TIMES = 2000
"""Stretches of busy time that come of it."""
PATIENCE = 5.0
"""Seconds that all recurrences together may take to work out."""
_FREQUENCIES = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
_DAYS_OF_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MARGIN = timedelta(days=1)


class CalendarUnreadable(Exception):
    """The file cannot be understood."""


class CalendarTooBusy(Exception):
    """The file holds more than a person's calendar does, or repeats more often than one."""


def busy_times(
    data: bytes, *, zone: ZoneInfo, begins: datetime, ends: datetime, own_host: str = ""
) -> list[Span]:
    """The stretches in [begins, ends) at which the calendar is busy, as absolute minutes, in order and apart.

    All-day events last from midnight to midnight in `zone`, and times without a zone are the calendar's own
    (`X-WR-TIMEZONE`) or else `zone`'s. Cancelled events and those marked as free do not count, nor do those whose UID
    ends in `@own_host`: they were ours to begin with. Raises CalendarUnreadable or CalendarTooBusy.
    """
    try:
        calendars = Calendar.from_ical(data, multiple=True)
        if not calendars or any(calendar.name != "VCALENDAR" for calendar in calendars):
            raise CalendarUnreadable
        spans = joined(
            span
            for calendar in calendars
            for span in _spans(calendar, zone=zone, begins=begins, ends=ends, own_host=own_host)
        )
    except (CalendarUnreadable, CalendarTooBusy):
        raise
    except (
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        # The file is a stranger's: whatever the library stumbles over in it is a fault of the file.
        raise CalendarUnreadable from error
    if len(spans) > MOST_TIMES:
        raise CalendarTooBusy
    return spans


def _spans(
    calendar: Calendar, *, zone: ZoneInfo, begins: datetime, ends: datetime, own_host: str
) -> Iterator[Span]:
    events = [event for event in calendar.walk("VEVENT") if not _is_own(event, own_host)]
    if len(events) > MOST_EVENTS:
        raise CalendarTooBusy
    for event in events:
        _refuse_endless(event)
    calendar.subcomponents = [part for part in calendar.subcomponents if part.name != "VEVENT"] + events
    floating = _own_zone(calendar) or zone
    first, last = floor_minute(begins), ceil_minute(ends)
    # The library compares times without a zone as they stand; a day more on both sides makes up for that.
    for event in _occurrences(calendar, begins - _MARGIN, ends + _MARGIN):
        if not _is_busy(event):
            continue
        starts_at, ends_at = (
            _moment(event.get(name), zone=zone, floating=floating) for name in ("DTSTART", "DTEND")
        )
        span = max(floor_minute(starts_at), first), min(ceil_minute(ends_at), last)
        if span[0] < span[1]:
            yield span


def _occurrences(calendar: Calendar, begins: datetime, ends: datetime) -> Iterator[Component]:
    """Every occurrence, one series after another, within the time and the number one person's calendar needs."""
    deadline, found = time.monotonic() + PATIENCE, 0
    for series in recurring_ical_events.of(calendar).series:
        if time.monotonic() > deadline:
            raise CalendarTooBusy
        for occurrence in series.between(begins, ends):
            found += 1
            if found > MOST_EVENTS:
                raise CalendarTooBusy
            yield occurrence.as_component(False)


def _refuse_endless(event: Component) -> None:
    """Rules that no calendar app writes and that would keep a machine busy for minutes: within a day, or on no day."""
    for rule in _listed(event.get("RRULE")):
        frequency = str(next(iter(rule.get("FREQ", [])), "")).upper()
        if frequency not in _FREQUENCIES or any(
            len(rule.get(part, [])) > 1 for part in ("BYHOUR", "BYMINUTE", "BYSECOND")
        ):
            raise CalendarTooBusy
        months, days = rule.get("BYMONTH"), rule.get("BYMONTHDAY")
        if (
            months
            and days
            and not any(abs(int(day)) <= _DAYS_OF_MONTH[int(month) - 1] for month in months for day in days)
        ):
            raise CalendarTooBusy


def _listed(value: Any) -> Iterable[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)


def _is_own(event: Component, own_host: str) -> bool:
    return bool(own_host) and str(event.get("UID", "")).strip().lower().endswith(f"@{own_host.lower()}")


def _is_busy(event: Component) -> bool:
    said = {
        name: str(event.get(name, "")).strip().upper()
        for name in ("STATUS", "TRANSP", "X-MICROSOFT-CDO-BUSYSTATUS")
    }
    return (
        said["STATUS"] != "CANCELLED"
        and said["TRANSP"] != "TRANSPARENT"
        and said["X-MICROSOFT-CDO-BUSYSTATUS"] != "FREE"
    )


def _own_zone(calendar: Calendar) -> ZoneInfo | None:
    try:
        return ZoneInfo(str(calendar.get("X-WR-TIMEZONE", "")).strip())
    except (ValueError, OSError, KeyError):  # KeyError is how a zone says that nobody knows it
        calendar.pop("X-WR-TIMEZONE", None)
        return None


def _moment(value: Any, *, zone: ZoneInfo, floating: ZoneInfo) -> datetime:
    at: date = value.dt
    if not isinstance(at, datetime):
        return datetime.combine(at, clock(), tzinfo=zone).astimezone(UTC)
    return (at if at.tzinfo is not None else at.replace(tzinfo=floating)).astimezone(UTC)
