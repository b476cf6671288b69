"""Public holidays: the right days, moved by the moon, and honest about what nobody has confirmed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.utils import translation

from backend.core.hijri import gregorian_range
from backend.salons.holidays import Holiday, holidays_between

YEAR = (date(2026, 1, 1), date(2026, 12, 31))


def by_code(first: date, last: date, shifts: dict[tuple[int, int], int] | None = None) -> dict[str, Holiday]:
    return {holiday.code: holiday for holiday in holidays_between(first, last, shifts or {})}


def test_a_year_has_four_holidays_in_order():
    assert [(h.code, h.first, h.last) for h in holidays_between(*YEAR, {})] == [
        ("founding_day", date(2026, 2, 22), date(2026, 2, 22)),
        ("eid_al_fitr", date(2026, 3, 19), date(2026, 3, 22)),
        ("eid_al_adha", date(2026, 5, 26), date(2026, 5, 29)),
        ("national_day", date(2026, 9, 23), date(2026, 9, 23)),
    ]


def test_eid_al_fitr_begins_the_day_after_the_29th_in_a_short_and_in_a_long_ramadan():
    for year in range(1445, 1450):
        starts, ends = gregorian_range(year, 9)
        eid = by_code(starts, ends + timedelta(days=4))["eid_al_fitr"]
        assert eid.first == starts + timedelta(days=29)
        assert eid.first - ends in (timedelta(0), timedelta(days=1))


def test_the_sighting_of_ramadan_moves_its_eid_and_settles_it():
    expected, sighted = by_code(*YEAR), by_code(*YEAR, {(1447, 9): 1})

    assert sighted["eid_al_fitr"].first == expected["eid_al_fitr"].first + timedelta(days=1)
    assert sighted["eid_al_adha"] == expected["eid_al_adha"]
    assert not expected["eid_al_fitr"].confirmed
    assert sighted["eid_al_fitr"].confirmed
    assert by_code(*YEAR, {(1447, 9): 0})["eid_al_fitr"].confirmed


def test_a_length_without_a_source_is_not_called_confirmed():
    sighted = by_code(*YEAR, {(1447, 12): 0})

    assert not any(sighted[code].confirmed for code in ("eid_al_adha", "founding_day", "national_day"))


def test_a_holiday_is_listed_for_each_of_its_days_and_no_other():
    for day, listed in [(25, False), (26, True), (29, True), (30, False)]:
        asked = date(2026, 5, day)
        assert ("eid_al_adha" in by_code(asked, asked)) is listed


def test_two_eids_in_one_gregorian_year_are_both_listed():
    eids = [h for h in holidays_between(date(2000, 1, 1), date(2000, 12, 31), {}) if h.code == "eid_al_fitr"]

    assert len(eids) == 2


@pytest.mark.parametrize("year", [1900, 2090])
def test_outside_the_hijri_tables_only_the_fixed_days_are_listed(year: int):
    assert list(by_code(date(year, 1, 1), date(year, 12, 31))) == ["founding_day", "national_day"]


def test_the_last_year_of_the_tables_keeps_its_holidays():
    assert by_code(date(2077, 9, 20), date(2077, 11, 16))["eid_al_adha"].first.year == 2077


def test_holidays_are_named_in_the_reader_s_language():
    eid = by_code(*YEAR)["eid_al_fitr"]

    with translation.override("ar"):
        assert str(eid.name) == "عيد الفطر"
    with translation.override("en"):
        assert str(eid.name) == "Eid al-Fitr"
