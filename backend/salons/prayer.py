"""When work pauses for prayer: times of the Umm al-Qura method, computed offline for a salon's own place.

Within a minute of the published times (KSA facts, section 2.6, where they were compared). Every moment is a whole
number of minutes since 1970-01-01 00:00 UTC, as in the availability engine.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

from adhanpy.calculation.CalculationMethod import CalculationMethod
from adhanpy.PrayerTimes import PrayerTimes

Span: TypeAlias = tuple[int, int]
"""A half-open stretch `[starts, ends)` of absolute minutes."""

FRIDAY = 5
ISHA_AFTER_MAGHRIB = 90
ISHA_AFTER_MAGHRIB_IN_RAMADAN = 120


class Prayer(StrEnum):
    FAJR = "fajr"
    DHUHR = "dhuhr"
    ASR = "asr"
    MAGHRIB = "maghrib"
    ISHA = "isha"


@dataclass(frozen=True)
class PausePlan:
    """A salon's pauses for prayer, asked for by calendar day of its zone.

    Coordinates are degrees, north and east positive. `prayers` pause work every day and `friday` the noon prayer of
    Fridays, each for `minutes` from the adhan. In `ramadan` isha is called later.
    """

    latitude: float
    longitude: float
    zone: ZoneInfo
    prayers: frozenset[Prayer]
    friday: bool
    minutes: int
    ramadan: Container[date] = ()

    def __post_init__(self) -> None:
        if not (-90 <= self.latitude <= 90 and -180 <= self.longitude <= 180):
            raise ValueError("coordinates are degrees on the globe")
        if self.minutes < 0:
            raise ValueError("a pause has no negative length")

    def __call__(self, day: date) -> tuple[Span, ...]:
        """The pauses of one day, in order of time; none where the sun gives no prayer times."""
        observed = self.prayers
        if self.friday and day.isoweekday() == FRIDAY:
            observed |= {Prayer.DHUHR}
        if not observed or not self.minutes:
            return ()
        times = prayer_times(self.latitude, self.longitude, day, self.zone, ramadan=day in self.ramadan)
        return tuple(
            (starts, starts + self.minutes) for prayer, starts in times.items() if prayer in observed
        )


def prayer_times(
    latitude: float, longitude: float, day: date, zone: ZoneInfo, *, ramadan: bool
) -> dict[Prayer, int]:
    """The adhans of the zone's calendar day in absolute minutes, in order; empty where they cannot be computed.

    Far north and south the sun may not rise or set. Isha follows maghrib by a fixed interval, longer in Ramadan.
    """
    adhans = _adhans(round(latitude, 5), round(longitude, 5), day, zone)
    if adhans is None:
        return {}
    isha = adhans[-1] + (ISHA_AFTER_MAGHRIB_IN_RAMADAN if ramadan else ISHA_AFTER_MAGHRIB)
    return dict(zip(Prayer, (*adhans, isha), strict=True))


@lru_cache(maxsize=8192)
def _adhans(latitude: float, longitude: float, day: date, zone: ZoneInfo) -> tuple[int, int, int, int] | None:
    """Fajr, dhuhr, asr and maghrib of one day at one place, or None."""
    try:
        times = _computed(latitude, longitude, day, zone)
        # The library counts days in UTC; in zones far from it, noon may fall on the day before or after.
        if drift := day - times.dhuhr.date():
            times = _computed(latitude, longitude, day + drift, zone)
        fajr, dhuhr, asr, maghrib = (
            int(adhan.timestamp() // 60) for adhan in (times.fajr, times.dhuhr, times.asr, times.maghrib)
        )
    except (RuntimeError, ValueError, ArithmeticError):
        return None
    return fajr, dhuhr, asr, maghrib


def _computed(latitude: float, longitude: float, day: date, zone: ZoneInfo) -> PrayerTimes:
    return PrayerTimes(
        (latitude, longitude),
        datetime(day.year, day.month, day.day, tzinfo=zone),
        calculation_method=CalculationMethod.UMM_AL_QURA,
        time_zone=zone,
    )
