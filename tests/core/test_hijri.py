"""The Hijri calendar: the published months, the sightings that move them, and spans that come every year."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.utils import translation
from hijridate import Gregorian
from hypothesis import given
from hypothesis import strategies as st

from backend.core.hijri import (
    MONTH_NAMES,
    YEARS,
    HijriDate,
    HijriOutOfRange,
    HijriSpan,
    gregorian_range,
    hijri_of,
)

RAMADAN = HijriSpan(9, 1, 9, 30)
DAY = timedelta(days=1)
days = st.dates(date(1925, 1, 1), date(2077, 1, 1))
sightings = st.dictionaries(
    st.tuples(st.sampled_from(YEARS), st.integers(1, 12)), st.integers(-1, 1), max_size=40
)


@pytest.mark.parametrize(
    ("year", "month", "first", "next_first"),
    [
        (1446, 9, date(2025, 3, 1), date(2025, 3, 30)),
        (1447, 9, date(2026, 2, 18), date(2026, 3, 20)),
        (1448, 9, date(2027, 2, 8), date(2027, 3, 9)),
        (1449, 9, date(2028, 1, 28), date(2028, 2, 26)),
    ],
)
def test_ramadan_and_shawwal_begin_on_the_days_of_the_umm_al_qura_calendar(
    year: int, month: int, first: date, next_first: date
):
    assert gregorian_range(year, month) == (first, next_first - DAY)
    assert gregorian_range(year, month + 1)[0] == next_first
    assert hijri_of(first) == HijriDate(year, month, 1)
    assert hijri_of(next_first) == (year, month + 1, 1)


@pytest.mark.parametrize(("year", "day"), [(1447, date(2026, 5, 27)), (1448, date(2027, 5, 16))])
def test_the_day_of_sacrifice_is_the_tenth_of_dhul_hijja(year: int, day: date):
    assert hijri_of(day) == (year, 12, 10)


def test_a_moon_sighted_a_day_later_moves_the_month_and_lengthens_the_one_before():
    assert gregorian_range(1439, 9)[0] == date(2018, 5, 16)
    seen = {(1439, 9): 1}

    assert gregorian_range(1439, 9, seen)[0] == date(2018, 5, 17)
    assert gregorian_range(1439, 8, seen)[1] == date(2018, 5, 16)
    assert hijri_of(date(2018, 5, 16), seen) == (1439, 8, 30)
    assert hijri_of(date(2018, 5, 17), seen) == (1439, 9, 1)
    assert gregorian_range(1439, 10, seen) == gregorian_range(1439, 10)


def test_a_moon_sighted_a_day_earlier_shortens_the_month_before():
    seen = {(1447, 9): -1, (1447, 10): -1}

    assert hijri_of(date(2026, 2, 17), seen) == (1447, 9, 1)
    assert hijri_of(date(2026, 3, 19), seen) == (1447, 10, 1)
    assert gregorian_range(1447, 8, seen)[1] == date(2026, 2, 16)


def test_a_sighting_that_agreed_moves_nothing():
    assert gregorian_range(1447, 9, {(1447, 9): 0}) == gregorian_range(1447, 9)


@given(days)
def test_without_sightings_every_day_is_the_library_s(day: date):
    assert hijri_of(day) == Gregorian.fromdate(day).to_hijri().datetuple()


@given(days, sightings)
def test_every_day_is_one_day_of_one_month_whatever_was_sighted(
    day: date, shifts: dict[tuple[int, int], int]
):
    year, month, number = hijri_of(day, shifts)
    first, last = gregorian_range(year, month, shifts)

    assert first <= day <= last
    assert day == first + (number - 1) * DAY
    following = hijri_of(last + DAY, shifts)
    assert following == ((year, month + 1, 1) if month < 12 else (year + 1, 1, 1))


@pytest.mark.parametrize("day", [date(1924, 7, 31), date(2077, 11, 17), date.min, date.max])
def test_a_day_outside_the_tables_has_no_hijri_date_and_is_in_no_span(day: date):
    with pytest.raises(HijriOutOfRange):
        hijri_of(day)
    assert day not in HijriSpan(1, 1, 12, 30)


def test_the_first_and_the_last_day_of_the_tables_have_a_date():
    assert hijri_of(date(1924, 8, 1)) == (1343, 1, 1)
    assert hijri_of(date(2077, 11, 16)) == (1500, 12, 30)
    assert hijri_of(date(1924, 7, 31), {(1343, 1): -1}) == (1343, 1, 1)
    with pytest.raises(HijriOutOfRange):
        hijri_of(date(1924, 8, 1), {(1343, 1): 1})


@pytest.mark.parametrize("year", [1342, 1501, 0, -1])
def test_a_month_outside_the_tables_has_no_days(year: int):
    with pytest.raises(HijriOutOfRange):
        gregorian_range(year, 9)


@pytest.mark.parametrize("month", [0, 13, -1])
def test_there_is_no_thirteenth_month(month: int):
    with pytest.raises(ValueError, match="1 to 12"):
        gregorian_range(1447, month)


def test_a_span_holds_its_days_in_every_year():
    for year in (1446, 1447, 1448, 1449):
        first, last = gregorian_range(year, 9)
        assert first - DAY not in RAMADAN
        assert first in RAMADAN
        assert last in RAMADAN
        assert last + DAY not in RAMADAN


def test_the_thirtieth_stands_for_the_end_of_a_month_of_any_length():
    first, last = gregorian_range(1446, 9)
    assert (last - first).days + 1 == 29

    longer = HijriSpan(9, 1, 9, 30, {(1446, 10): 1})
    assert last + DAY in longer
    assert last + 2 * DAY not in longer
    longest = HijriSpan(9, 1, 9, 30, {(1447, 9): -1, (1447, 10): 1})
    first, last = gregorian_range(1447, 9, longest.shifts)
    assert (last - first).days + 1 == 32
    assert last in longest


def test_a_span_follows_the_sighting():
    moved = HijriSpan(9, 1, 9, 30, {(1447, 9): 1})

    assert date(2026, 2, 18) in RAMADAN
    assert date(2026, 2, 18) not in moved
    assert date(2026, 2, 19) in moved


def test_a_span_may_run_over_the_turn_of_the_year():
    pilgrimage_to_ashura = HijriSpan(12, 8, 1, 10)
    turn = gregorian_range(1448, 1)[0]

    assert turn in pilgrimage_to_ashura
    assert turn + 9 * DAY in pilgrimage_to_ashura
    assert turn + 10 * DAY not in pilgrimage_to_ashura
    start = gregorian_range(1447, 12)[0] + 7 * DAY
    assert start in pilgrimage_to_ashura
    assert start - DAY not in pilgrimage_to_ashura


def test_a_span_from_a_thirtieth_that_a_month_lacks_begins_with_the_next_month():
    assert gregorian_range(1446, 9)[1] not in HijriSpan(9, 30, 10, 3)
    assert gregorian_range(1446, 10)[0] in HijriSpan(9, 30, 10, 3)


def test_a_span_is_a_value():
    seen = {(1447, 9): 1}
    span = HijriSpan(9, 1, 9, 30, seen)
    seen.clear()

    assert span == HijriSpan(9, 1, 9, 30, {(1447, 9): 1})
    assert hash(span) == hash(HijriSpan(9, 1, 9, 30, {(1447, 9): 1}))
    assert span != RAMADAN
    assert datetime(2026, 2, 20, 23, 59) in span
    assert "2026-02-20" not in span


@pytest.mark.parametrize("parts", [(0, 1, 9, 30), (9, 0, 9, 30), (9, 1, 13, 30), (9, 1, 9, 31)])
def test_a_span_of_days_that_do_not_exist_is_refused(parts: tuple[int, int, int, int]):
    with pytest.raises(ValueError, match="a Hijri"):
        HijriSpan(*parts)


def test_months_are_named_as_saudi_authorities_name_them():
    assert len(MONTH_NAMES) == 12
    with translation.override("ar"):
        assert str(MONTH_NAMES[3]) == "ربيع الآخر"
        assert str(MONTH_NAMES[8]) == "رمضان"
        assert str(MONTH_NAMES[11]) == "ذو الحجة"
    with translation.override("en"):
        assert str(MONTH_NAMES[3]) == "Rabi al-Akhir"
