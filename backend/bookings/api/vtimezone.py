"""A time zone written out for calendar apps that do not know its name (RFC 5545, 3.6.5).

One observance for each change of the clock, in the local time before it: the plain form that every parser reads alike.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard

_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)


@lru_cache(maxsize=32)
def vtimezone(name: str, first_year: int, last_year: int) -> Timezone:
    """The zone from the beginning of one year to the end of another."""
    zone = ZoneInfo(name)
    found = Timezone()
    found.add("tzid", name)
    begins = datetime(first_year, 1, 1, tzinfo=UTC)
    offset = _offset(zone, begins)
    found.add_component(_observance(zone, begins, before=offset))
    at = begins
    while at.year <= last_year:
        if _offset(zone, at + _DAY) != offset:
            change = _change(zone, at, offset)
            found.add_component(_observance(zone, change, before=offset))
            offset = _offset(zone, change)
        at += _DAY
    return found


def _change(zone: ZoneInfo, at: datetime, offset: timedelta) -> datetime:
    """The first minute within a day of `at` at which the offset is another."""
    low, high = 0, _DAY // _MINUTE
    while low < high:
        middle = (low + high) // 2
        if _offset(zone, at + middle * _MINUTE) == offset:
            low = middle + 1
        else:
            high = middle
    return at + low * _MINUTE


def _observance(zone: ZoneInfo, at: datetime, *, before: timedelta) -> TimezoneStandard | TimezoneDaylight:
    local = at.astimezone(zone)
    observance = TimezoneDaylight() if local.dst() else TimezoneStandard()
    observance.add("dtstart", (at + before).replace(tzinfo=None))
    observance.add("tzoffsetfrom", before)
    observance.add("tzoffsetto", _offset(zone, at))
    observance.add("tzname", local.tzname() or zone.key)
    return observance


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()
