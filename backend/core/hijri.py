"""The Hijri calendar: Umm al-Qura as computed, moved by the moon sightings people have recorded.

Months begin when the Supreme Court announces the moon, the evening before, and that may differ by a day from the
calendar. A computed date is therefore a default; `Shifts` says how months really began (KSA facts, section 2.9).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from django.utils.translation import gettext_lazy as _
from hijridate import Hijri

Shifts: TypeAlias = Mapping[tuple[int, int], int]
"""By Hijri year and month, how many days after its computed first day the month begins: -1, 0 or 1.

The month before grows or shrinks accordingly. An entry of 0 says that the sighting agreed.
"""

YEARS = range(1343, 1501)
"""Hijri years the Umm al-Qura tables cover: 1924-08-01 to 2077-11-16."""

RAMADAN = 9
DHUL_HIJJA = 12

MONTH_NAMES = (
    _("Muharram"),
    _("Safar"),
    _("Rabi al-Awwal"),
    _("Rabi al-Akhir"),
    _("Jumada al-Ula"),
    _("Jumada al-Akhirah"),
    _("Rajab"),
    _("Shaban"),
    _("Ramadan"),
    _("Shawwal"),
    _("Dhul-Qadah"),
    _("Dhul-Hijja"),
)
"""Names in the form Saudi authorities use, from the first month to the twelfth, in the reader's language."""

_NONE: Shifts = MappingProxyType({})


class HijriDate(NamedTuple):
    year: int
    month: int
    day: int


class HijriOutOfRange(ValueError):
    """The day or month lies outside the years the tables cover."""


def hijri_of(day: date, shifts: Shifts = _NONE) -> HijriDate:
    """The Hijri date of a Gregorian day; a day begins at midnight here. Raises HijriOutOfRange."""
    starts = _month_starts()
    ordinal = day.toordinal()
    computed = bisect_right(starts, ordinal) - 1
    # A shift is shorter than any month, so it can only bring in a neighbour.
    for index in (computed, computed + 1, computed - 1):
        if 0 <= index < len(starts) - 1:
            first = _first_ordinal(index, shifts)
            if first <= ordinal < _first_ordinal(index + 1, shifts):
                return HijriDate(*_month_at(index), ordinal - first + 1)
    raise HijriOutOfRange(f"{day} has no date in the Umm al-Qura tables")


def gregorian_range(year: int, month: int, shifts: Shifts = _NONE) -> tuple[date, date]:
    """The first and the last Gregorian day of a Hijri month. Raises HijriOutOfRange; ValueError for a 13th month."""
    if not 1 <= month <= 12:
        raise ValueError(f"a Hijri month is 1 to 12, not {month}")
    if year not in YEARS:
        raise HijriOutOfRange(f"Hijri year {year} is not in the Umm al-Qura tables")
    index = (year - YEARS.start) * 12 + month - 1
    return (
        date.fromordinal(_first_ordinal(index, shifts)),
        date.fromordinal(_first_ordinal(index + 1, shifts) - 1),
    )


@dataclass(frozen=True)
class HijriSpan:
    """The days from one Hijri month and day to another, both included, in every Hijri year: a `Container[date]`.

    A span whose end precedes its start runs over the turn of the year. `to_day` 30 reaches to the end of the month,
    however long it was. Days outside the tables are in no span.
    """

    from_month: int
    from_day: int
    to_month: int
    to_day: int
    # Equal spans have equal shifts, so leaving them out of the hash is safe and keeps any mapping acceptable.
    shifts: Shifts = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not (1 <= self.from_month <= 12 and 1 <= self.to_month <= 12):
            raise ValueError("a Hijri month is 1 to 12")
        if not (1 <= self.from_day <= 30 and 1 <= self.to_day <= 30):
            raise ValueError("a Hijri day is 1 to 30")
        object.__setattr__(self, "shifts", dict(self.shifts))

    def __contains__(self, day: object) -> bool:
        if not isinstance(day, date):
            return False
        try:
            found = hijri_of(day, self.shifts)
        except HijriOutOfRange:
            return False
        # Sightings that disagree with the tables at both ends can make a month longer than 30 days.
        here = (found.month, min(found.day, 30))
        begins, ends = (self.from_month, self.from_day), (self.to_month, self.to_day)
        return begins <= here <= ends if begins <= ends else here >= begins or here <= ends


def _month_at(index: int) -> tuple[int, int]:
    return YEARS.start + index // 12, index % 12 + 1


def _first_ordinal(index: int, shifts: Shifts) -> int:
    return _month_starts()[index] + shifts.get(_month_at(index), 0)


@cache
def _month_starts() -> tuple[int, ...]:
    """Ordinals of the computed first day of every month, and of the day after the last."""
    firsts = [Hijri(year, month, 1) for year in YEARS for month in range(1, 13)]
    after = firsts[-1].to_gregorian().toordinal() + firsts[-1].month_length()
    return (*(first.to_gregorian().toordinal() for first in firsts), after)
