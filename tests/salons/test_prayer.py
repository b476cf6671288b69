"""Prayer times: published ones within a minute, a fixed year in six cities, and pauses that never fail."""

from __future__ import annotations

import csv
import math
import socket
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.hijri import HijriSpan
from backend.salons.prayer import PausePlan, Prayer, prayer_times

RIYADH = ZoneInfo("Asia/Riyadh")
RAMADAN = HijriSpan(9, 1, 9, 30)
CITIES = {
    "Riyadh": (24.7136, 46.6753),
    "Makkah": (21.4225, 39.8262),
    "Madinah": (24.4672, 39.6112),
    "Dammam": (26.4207, 50.0888),
    "Tabuk": (28.3838, 36.555),
    "Abha": (18.2164, 42.5053),
}
WHOLE_YEAR = Path(__file__).with_name("prayer_times_2026.csv")
"""Every Friday of 2026 in six cities, as the pinned library computes them: a change of the library shows here."""


def plan(city: str = "Riyadh", *prayers: Prayer, friday: bool = False, minutes: int = 30) -> PausePlan:
    return PausePlan(*CITIES[city], RIYADH, frozenset(prayers), friday, minutes, RAMADAN)


def minute(day: date, clock: str) -> int:
    """An absolute minute by the clock in Riyadh."""
    hours, minutes = clock.split(":")
    moment = datetime(day.year, day.month, day.day, int(hours), int(minutes), tzinfo=RIYADH)
    return int(moment.timestamp()) // 60


def clock(absolute: int) -> str:
    return datetime.fromtimestamp(absolute * 60, RIYADH).strftime("%H:%M")


def times(city: str, day: date) -> dict[Prayer, int]:
    return prayer_times(*CITIES[city], day, RIYADH, ramadan=day in RAMADAN)


@pytest.mark.parametrize(
    ("city", "day", "published"),
    [
        # The daily press, 2025-12-01, and a table of prayer times, 2025-12-04.
        ("Riyadh", date(2025, 12, 1), "04:57 11:42 14:43 17:04 18:34"),
        ("Riyadh", date(2025, 12, 4), "04:59 11:43 14:44 17:04 18:34"),
        # The Umm al-Qura calendar for 2 Ramadan 1444.
        ("Riyadh", date(2023, 3, 24), "04:36 12:00 15:27 18:06 20:06"),
    ],
)
def test_a_day_of_published_times_is_met_within_a_minute(city: str, day: date, published: str):
    computed = times(city, day)

    for prayer, told in zip(Prayer, published.split(), strict=True):
        assert abs(computed[prayer] - minute(day, told)) <= 1, prayer


@pytest.mark.parametrize(
    ("city", "day", "prayer", "published"),
    [
        # The Umm al-Qura calendar as printed for Ramadan 1442.
        ("Riyadh", date(2021, 4, 14), Prayer.FAJR, "04:12"),
        ("Makkah", date(2021, 4, 14), Prayer.FAJR, "04:45"),
        ("Madinah", date(2021, 4, 14), Prayer.FAJR, "04:41"),
        ("Dammam", date(2021, 4, 14), Prayer.FAJR, "03:56"),
        ("Riyadh", date(2021, 4, 13), Prayer.MAGHRIB, "18:15"),
        ("Makkah", date(2021, 4, 13), Prayer.MAGHRIB, "18:40"),
        ("Madinah", date(2021, 4, 13), Prayer.MAGHRIB, "18:43"),
    ],
)
def test_older_published_times_are_met_within_two_minutes(
    city: str, day: date, prayer: Prayer, published: str
):
    assert abs(times(city, day)[prayer] - minute(day, published)) <= 2


def test_isha_in_ramadan_is_two_hours_after_maghrib():
    day = date(2023, 3, 24)

    assert clock(times("Riyadh", day)[Prayer.ISHA]) == "20:06"
    assert clock(prayer_times(*CITIES["Riyadh"], day, RIYADH, ramadan=False)[Prayer.ISHA]) == "19:36"


def rows() -> list[dict[str, str]]:
    with WHOLE_YEAR.open(encoding="ascii", newline="") as file:
        return list(csv.DictReader(file))


def test_a_year_in_six_cities_is_as_recorded():
    recorded = rows()
    assert {row["city"] for row in recorded} == set(CITIES)
    assert len(recorded) == 6 * 52

    for row in recorded:
        computed = times(row["city"], date.fromisoformat(row["date"]))
        assert {prayer.value: clock(at) for prayer, at in computed.items()} == {
            prayer.value: row[prayer] for prayer in Prayer
        }, (row["city"], row["date"])


def test_noon_is_where_the_equation_of_time_puts_it():
    for row in rows():
        day = date.fromisoformat(row["date"])
        angle = math.tau * (day.timetuple().tm_yday - 81) / 365
        equation = 9.87 * math.sin(2 * angle) - 7.53 * math.cos(angle) - 1.5 * math.sin(angle)
        noon = (12 + 3) * 60 - CITIES[row["city"]][1] * 4 - equation
        hours, minutes = map(int, row["dhuhr"].split(":"))
        assert abs(hours * 60 + minutes - noon) <= 2, (row["city"], row["date"])


def test_the_friday_pause_in_tabuk_is_not_the_one_in_dammam():
    friday = date(2026, 11, 20)
    [(tabuk, tabuk_ends)] = plan("Tabuk", friday=True)(friday)
    [(dammam, _)] = plan("Dammam", friday=True)(friday)

    assert 50 <= tabuk - dammam <= 58
    assert tabuk_ends == tabuk + 30
    assert tabuk == times("Tabuk", friday)[Prayer.DHUHR]


def test_the_friday_rule_pauses_noon_of_fridays_only():
    week = [date(2026, 11, day) for day in range(15, 22)]

    assert [len(plan(friday=True)(day)) for day in week] == [0, 0, 0, 0, 0, 1, 0]


def test_chosen_prayers_pause_every_day_in_order_and_noon_of_friday_once():
    chosen = plan("Riyadh", Prayer.ISHA, Prayer.ASR, Prayer.DHUHR, friday=True, minutes=20)

    for day in (date(2026, 11, 19), date(2026, 11, 20)):
        at = times("Riyadh", day)
        assert chosen(day) == tuple(
            (at[prayer], at[prayer] + 20) for prayer in (Prayer.DHUHR, Prayer.ASR, Prayer.ISHA)
        )


def test_pauses_fall_on_the_day_asked_for():
    for prayer in Prayer:
        [(starts, _)] = plan("Abha", prayer)(date(2026, 6, 21))
        assert datetime.fromtimestamp(starts * 60, RIYADH).date() == date(2026, 6, 21)


def test_a_salon_without_pauses_has_none():
    friday = date(2026, 11, 20)

    assert plan()(friday) == ()
    assert plan("Riyadh", *Prayer, friday=True, minutes=0)(friday) == ()


def test_the_moon_sighting_moves_the_later_isha():
    eve = date(2026, 2, 17)
    early = PausePlan(
        *CITIES["Riyadh"],
        RIYADH,
        frozenset({Prayer.ISHA}),
        False,
        30,
        HijriSpan(9, 1, 9, 30, {(1447, 9): -1}),
    )

    assert early(eve)[0][0] - plan("Riyadh", Prayer.ISHA)(eve)[0][0] == 30


def test_times_need_no_network(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_args: Any, **_kwargs: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    somewhere_not_asked_before = prayer_times(24.7137, 46.6754, date(2031, 3, 7), RIYADH, ramadan=False)

    assert list(somewhere_not_asked_before) == list(Prayer)


@pytest.mark.parametrize(
    ("place", "zone"),
    [((69.65, 18.96), "Europe/Oslo"), ((90.0, 0.0), "UTC"), ((-90.0, 0.0), "UTC")],
)
def test_where_the_sun_does_not_set_nothing_pauses(place: tuple[float, float], zone: str):
    summer = PausePlan(*place, ZoneInfo(zone), frozenset(Prayer), True, 30)

    assert summer(date(2026, 6, 19)) == ()


@pytest.mark.parametrize(
    ("place", "zone"), [((1.87, -157.43), "Pacific/Kiritimati"), ((-36.85, 174.76), "Pacific/Auckland")]
)
def test_noon_belongs_to_the_day_of_the_zone_however_far_from_utc(place: tuple[float, float], zone: str):
    for day in (date(2026, 1, 1), date(2026, 7, 1)):
        noon = prayer_times(*place, day, ZoneInfo(zone), ramadan=False)[Prayer.DHUHR]
        assert datetime.fromtimestamp(noon * 60, UTC).astimezone(ZoneInfo(zone)).date() == day


@given(
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.dates(date(1970, 1, 1), date(2100, 12, 31)) | st.sampled_from([date.min, date.max]),
    st.sampled_from(["Asia/Riyadh", "UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu"]),
)
def test_no_place_and_no_day_makes_a_plan_fail(latitude: float, longitude: float, day: date, zone: str):
    pauses = PausePlan(latitude, longitude, ZoneInfo(zone), frozenset(Prayer), True, 30, RAMADAN)(day)

    assert len(pauses) in (0, 5)
    assert all(ends - starts == 30 for starts, ends in pauses)


@pytest.mark.parametrize("place", [(91.0, 0.0), (0.0, 180.5), (math.nan, 0.0)])
def test_a_place_off_the_globe_is_refused(place: tuple[float, float]):
    with pytest.raises(ValueError, match="globe"):
        PausePlan(*place, RIYADH, frozenset(), True, 30)


def test_a_pause_of_negative_length_is_refused():
    with pytest.raises(ValueError, match="negative"):
        plan(minutes=-1)
