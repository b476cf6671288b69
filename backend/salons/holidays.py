"""Public holidays of the private sector, as a prompt: salons are busiest then, so nothing closes by itself.

Eid al-Fitr: four days from the day after 29 Ramadan (HRSD statements 2022-2025). The other lengths are UNCONFIRMED
and stand in the table below (KSA facts, section 2.8).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from backend.core.hijri import DHUL_HIJJA, RAMADAN, HijriOutOfRange, Shifts, gregorian_range, hijri_of


@dataclass(frozen=True)
class _Rule:
    """A holiday that begins on the `day`-th day from a month's start; a short Hijri month may be over by then."""

    code: str
    name: Promise
    hijri: bool
    month: int
    day: int
    length: int
    length_confirmed: bool


_RULES = (
    _Rule("eid_al_fitr", _("Eid al-Fitr"), True, RAMADAN, 30, 4, True),
    _Rule("eid_al_adha", _("Eid al-Adha"), True, DHUL_HIJJA, 9, 4, False),
    _Rule("founding_day", _("Founding Day"), False, 2, 22, 1, False),
    _Rule("national_day", _("Saudi National Day"), False, 9, 23, 1, False),
)


@dataclass(frozen=True)
class Holiday:
    """Days off in many places, both ends included. `name` is in the reader's language.

    `confirmed` is true once nothing about the dates is a guess: the length has a source and, for a Hijri month, its
    moon sighting is recorded.
    """

    code: str
    name: Promise
    first: date
    last: date
    confirmed: bool


def holidays_between(first: date, last: date, shifts: Shifts) -> list[Holiday]:
    """The holidays with a day from `first` to `last`, both included, in order of time.

    Hijri holidays outside the calendar's tables are left out.
    """
    found = [
        holiday
        for rule in _RULES
        for year in _years(rule, first, last)
        if (holiday := _holiday(rule, year, shifts)) and holiday.first <= last and holiday.last >= first
    ]
    return sorted(found, key=lambda holiday: (holiday.first, holiday.code))


def _years(rule: _Rule, first: date, last: date) -> range:
    """Years, in the rule's calendar, whose holiday may meet the days asked about."""
    if not rule.hijri:
        return range(first.year, last.year + 1)
    try:
        return range(hijri_of(first).year - 1, hijri_of(last).year + 2)
    except HijriOutOfRange:
        return range(0)


def _holiday(rule: _Rule, year: int, shifts: Shifts) -> Holiday | None:
    if rule.hijri:
        try:
            month_starts, _end = gregorian_range(year, rule.month, shifts)
        except HijriOutOfRange:
            return None
        confirmed = rule.length_confirmed and (year, rule.month) in shifts
    else:
        month_starts, confirmed = date(year, rule.month, 1), rule.length_confirmed
    starts = month_starts + timedelta(days=rule.day - 1)
    return Holiday(rule.code, rule.name, starts, starts + timedelta(days=rule.length - 1), confirmed)
