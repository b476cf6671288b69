"""From rows to timetables: everything the database holds about hours is in them, at a fixed cost."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test.utils import CaptureQueriesContext

from backend.core.time import RIYADH
from backend.salons.models import (
    Closure,
    HijriShift,
    Override,
    OverrideWindow,
    Resource,
    Salon,
    Season,
    WorkingWindow,
)
from backend.salons.queries.holidays import holiday_hours, hours_may_differ
from backend.salons.queries.timetables import (
    _Cache,
    coming_dates,
    hijri_shifts,
    hours_of,
    timetable_of,
    timetables_of,
)
from backend.salons.timetable import floor_minute, moment_of
from tests.factories import SalonFactory, open_salon

pytestmark = pytest.mark.django_db

FRIDAY = date(2026, 11, 20)
SATURDAY = FRIDAY + timedelta(days=1)


def again(salon: Salon) -> Salon:
    return Salon.objects.get(pk=salon.pk)


def at(day: date, hour: int, minute: int = 0) -> int:
    return floor_minute(
        datetime(day.year, day.month, day.day, tzinfo=RIYADH) + timedelta(hours=hour, minutes=minute)
    )


def clock(spans: Any) -> list[str]:
    return [
        f"{moment_of(a).astimezone(RIYADH):%d %H:%M}-{moment_of(b).astimezone(RIYADH):%d %H:%M}"
        for a, b in spans
    ]


def hours(salon: Salon, day: date) -> list[str]:
    return clock(timetable_of(again(salon)).openings(day))


def season(salon: Salon, opens: int, closes: int, **days: Any) -> Season:
    row = Season.objects.create(salon=salon, name_ar="موسم", **days)
    for weekday in range(1, 8):
        WorkingWindow.objects.create(
            salon=salon, season=row, weekday=weekday, opens_minute=opens, closes_minute=closes
        )
    return row


RAMADAN = {"hijri_from_month": 9, "hijri_from_day": 1, "hijri_to_month": 9, "hijri_to_day": 30}


def test_every_kind_of_rule_reaches_the_timetable() -> None:
    salon, _, [noura] = open_salon()
    room = Resource.objects.create(salon=salon, kind="room", code="1", name_ar="غرفة")
    assert hours(salon, FRIDAY) == ["20 10:00-20 22:00"]

    WorkingWindow.objects.filter(salon=salon, weekday=5).update(opens_minute=16 * 60, closes_minute=26 * 60)
    assert hours(salon, FRIDAY) == ["20 16:00-21 02:00"]

    override = Override.objects.create(salon=salon, date=FRIDAY)
    assert hours(salon, FRIDAY) == []
    OverrideWindow.objects.create(override=override, opens_minute=18 * 60, closes_minute=20 * 60)
    assert hours(salon, FRIDAY) == ["20 18:00-20 20:00"]

    season(salon, 12 * 60, 13 * 60, first_date=SATURDAY, last_date=SATURDAY)
    assert hours(salon, SATURDAY) == ["21 12:00-21 13:00"]
    season(salon, 14 * 60, 15 * 60, first_date=SATURDAY, last_date=SATURDAY)
    assert hours(salon, SATURDAY) == ["21 14:00-21 15:00"], "where seasons overlap, the newest holds"

    sunday, monday, tuesday = (SATURDAY + timedelta(days=n) for n in (1, 2, 3))
    Closure.objects.create(salon=salon, kind="days", first_date=sunday, last_date=sunday)
    Closure.objects.create(
        salon=salon, starts_at=moment_of(at(monday, 10)), ends_at=moment_of(at(monday, 12))
    )
    Closure.objects.create(salon=salon, kind="weekly", weekday=2, opens_minute=600, closes_minute=660)
    assert hours(salon, sunday) == []
    assert hours(salon, monday) == ["23 12:00-23 22:00"]
    assert hours(salon, tuesday) == ["24 11:00-24 22:00"]

    Closure.objects.create(
        salon=salon, kind="days", first_date=tuesday, last_date=tuesday, staff_member=noura
    )
    Closure.objects.create(salon=salon, kind="days", first_date=monday, last_date=monday, resource=room)
    WorkingWindow.objects.create(
        salon=salon, staff_member=noura, weekday=1, opens_minute=720, closes_minute=900
    )
    wednesday_off = Override.objects.create(salon=salon, staff_member=noura, date=tuesday + timedelta(days=1))
    table = timetable_of(again(salon))
    assert clock(table.absences(noura.pk, at(monday, 10), at(monday, 22))) == [
        "23 10:00-23 12:00",
        "23 15:00-23 22:00",
    ]
    assert clock(table.absences(noura.pk, at(tuesday, 10), at(tuesday, 22))) == ["24 10:00-24 22:00"]
    assert table.absences(noura.pk, at(wednesday_off.date, 10), at(wednesday_off.date, 11))
    assert table.absences(room.pk, at(monday, 10), at(monday, 11))
    assert not table.absences(room.pk, at(tuesday, 10), at(tuesday, 11))


def test_a_late_evening_is_the_business_of_the_day_before_from_saturday_to_sunday_too() -> None:
    salon, _, _ = open_salon(opens=16 * 60, closes=26 * 60)
    table = timetable_of(salon)
    assert table.business_date(at(SATURDAY, 0, 30)) == FRIDAY
    assert table.business_date(at(SATURDAY + timedelta(days=1), 0, 30)) == SATURDAY
    assert table.is_open_at(at(SATURDAY, 1, 59))
    assert not table.is_open_at(at(SATURDAY, 2))


def test_ramadan_hours_begin_and_end_with_the_moon_sighting() -> None:
    salon, _, _ = open_salon()
    season(salon, 21 * 60, 26 * 60, **RAMADAN)
    first, eid = date(2027, 2, 8), date(2027, 3, 9)
    ordinary = " 10:00-"
    assert [ordinary in hours(salon, day)[0] for day in (first - timedelta(days=1), first)] == [True, False]
    assert [ordinary in hours(salon, day)[0] for day in (eid - timedelta(days=1), eid)] == [False, True]
    before = again(salon).catalogue_version
    HijriShift.objects.create(hijri_year=1448, hijri_month=9, days=1, decided_at=datetime.now(UTC))
    HijriShift.objects.create(hijri_year=1448, hijri_month=10, days=-1, decided_at=datetime.now(UTC))
    assert again(salon).catalogue_version > before
    assert [ordinary in hours(salon, day)[0] for day in (first, first + timedelta(days=1))] == [True, False]
    assert [ordinary in hours(salon, eid - timedelta(days=n))[0] for n in (2, 1)] == [False, True]


@pytest.mark.parametrize(
    ("rule", "friday", "saturday"),
    [
        ({"prayer_pause": "none"}, 0, 0),
        ({"prayer_pause": "friday"}, 1, 0),
        ({"prayer_pause": "chosen", "pause_prayers": ["maghrib", "isha"]}, 2, 2),
        ({"prayer_pause": "friday", "prayer_pause_minutes": 0}, 0, 0),
    ],
)
def test_work_pauses_for_the_prayers_the_salon_chose(
    rule: dict[str, Any], friday: int, saturday: int
) -> None:
    salon = SalonFactory.create(latitude="24.71360", longitude="46.67530", **rule)
    table = timetable_of(again(salon))
    assert len(table.pauses(at(FRIDAY, 0), at(SATURDAY, 0))) == friday
    assert len(table.pauses(at(SATURDAY, 0), at(SATURDAY, 24))) == saturday


def test_prayer_is_called_where_the_salon_is_else_in_its_city_else_nobody_knows() -> None:
    nowhere = SalonFactory.create(prayer_pause="friday")
    assert timetable_of(again(nowhere)).pauses(at(FRIDAY, 0), at(SATURDAY, 0)) == []
    city = nowhere.city
    city.latitude, city.longitude = "28.38350", "36.56620"  # Tabuk
    city.save(update_fields=["latitude", "longitude"])
    dammam = SalonFactory.create(prayer_pause="friday", latitude="26.42070", longitude="50.08880")
    [[tabuk_noon, _]] = timetable_of(again(nowhere)).pauses(at(FRIDAY, 0), at(SATURDAY, 0))
    [[dammam_noon, _]] = timetable_of(again(dammam)).pauses(at(FRIDAY, 0), at(SATURDAY, 0))
    assert 45 <= tabuk_noon - dammam_noon <= 65


def test_isha_is_called_later_in_ramadan_as_it_was_sighted() -> None:
    salon = SalonFactory.create(
        latitude="24.71360", longitude="46.67530", prayer_pause="chosen", pause_prayers=["isha"]
    )
    day = date(2027, 2, 8)

    def isha() -> int:
        [[starts, _]] = timetable_of(again(salon)).pauses(at(day, 12), at(day, 24))
        return starts

    in_ramadan = isha()
    HijriShift.objects.create(hijri_year=1448, hijri_month=9, days=1, decided_at=datetime.now(UTC))
    assert in_ramadan - isha() == 30


def test_a_warm_question_costs_nothing_and_a_change_on_any_path_is_seen_at_once(
    django_assert_num_queries: Any,
) -> None:
    salon, _, _ = open_salon()
    known = again(salon)
    with django_assert_num_queries(6):
        timetable_of(known)
    with django_assert_num_queries(0):
        assert timetable_of(known) is timetable_of(known)
    WorkingWindow.objects.filter(salon=salon).update(closes_minute=23 * 60)
    assert hours(salon, FRIDAY) == ["20 10:00-20 23:00"]


def test_many_salons_cost_as_many_queries_as_one(django_assert_num_queries: Any) -> None:
    salons = [open_salon(staff=2)[0] for _ in range(7)]
    for salon in salons:
        season(salon, 600, 700, **RAMADAN)
        Override.objects.create(salon=salon, date=FRIDAY)
    versions = dict(Salon.objects.values_list("pk", "catalogue_version"))
    with django_assert_num_queries(6):
        tables = timetables_of(versions)
    assert all(tables[salon.pk].closed_all_day(FRIDAY) for salon in salons)
    assert timetable_of(again(salons[0])) is tables[salons[0].pk]


def test_the_cache_is_bounded_and_never_goes_back(monkeypatch: Any) -> None:
    from backend.salons.queries import timetables

    monkeypatch.setattr(timetables, "_KEPT", 2)
    cache, [first, second, third] = _Cache(), [open_salon()[0] for _ in range(3)]
    made = hours_of(again(first))
    for salon in (first, second, third):
        cache.keep(salon.pk, 5, made)
    assert cache.find({first.pk: 5})[1] == [first.pk], "the one asked for longest ago gave way"
    cache.keep(third.pk, 4, made)
    assert cache.find({third.pk: 5})[1] == []
    assert cache.find({third.pk: 6})[1] == [third.pk]


def test_threads_share_the_cache() -> None:
    made, cache, errors = hours_of(again(open_salon()[0])), _Cache(), []
    salons = [SalonFactory.build().pk for _ in range(1200)]

    def work() -> None:
        try:
            for salon_id in salons:
                cache.keep(salon_id, 1, made)
                cache.find({salon_id: 1, salons[0]: 1})
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []


def test_what_is_rolled_back_was_never_kept() -> None:
    from backend.salons.queries.timetables import hours_rules

    salon, _, _ = open_salon()
    before = again(salon)
    with transaction.atomic():
        Override.objects.create(salon=salon, date=FRIDAY)
        [rules] = hours_rules([salon.pk]).values()
        assert rules.compile(hijri_shifts()).closed_all_day(FRIDAY)
        transaction.set_rollback(True)
    Override.objects.create(salon=salon, date=SATURDAY)
    assert again(salon).catalogue_version == before.catalogue_version + 1, (
        "the very version that was taken back"
    )
    assert hours(salon, FRIDAY) == ["20 10:00-20 22:00"]
    assert hours(salon, SATURDAY) == []


def test_a_seasons_next_dates_follow_the_sightings() -> None:
    salon = SalonFactory.create()
    ramadan = season(salon, 600, 700, **RAMADAN)
    turn = Season.objects.create(
        salon=salon, hijri_from_month=12, hijri_from_day=20, hijri_to_month=1, hijri_to_day=10
    )
    dated = Season.objects.create(salon=salon, first_date=FRIDAY, last_date=SATURDAY)
    assert coming_dates(ramadan, today=FRIDAY, shifts={}) == [
        (date(2027, 2, 8), date(2027, 3, 8)),
        (date(2028, 1, 28), date(2028, 2, 25)),
    ]
    assert coming_dates(ramadan, today=FRIDAY, shifts={(1448, 9): 1, (1448, 10): 1})[0] == (
        date(2027, 2, 9),
        date(2027, 3, 9),
    )
    assert coming_dates(ramadan, today=date(2027, 3, 8), shifts={})[0][1] == date(2027, 3, 8)
    [[begins, ends], _] = coming_dates(turn, today=date(2026, 6, 20), shifts={})
    assert begins < date(2026, 6, 20) < ends, "one that runs over the turn of the year and is under way"
    assert coming_dates(dated, today=SATURDAY, shifts={}) == [(FRIDAY, SATURDAY)]
    assert coming_dates(dated, today=SATURDAY + timedelta(days=1), shifts={}) == []
    assert coming_dates(ramadan, today=date(2077, 11, 1), shifts={}) == []


def test_a_holiday_is_open_until_somebody_says_otherwise_and_a_question_until_settled() -> None:
    salon, _, _ = open_salon()
    first, last = date(2027, 3, 1), date(2027, 3, 31)

    def eid() -> Any:
        [found] = holiday_hours(again(salon), first, last)
        return found

    assert eid().holiday.code == "eid_al_fitr"
    assert not eid().confirmed
    assert all(spans for _, spans in eid().days), "a prompt, never a closure"
    days = [day for day, _ in eid().days]
    assert hours_may_differ(again(salon), first, last) == set(days)
    assert hours_may_differ(again(salon), days[1], days[1]) == {days[1]}
    Override.objects.create(salon=salon, date=days[0])
    Closure.objects.create(salon=salon, kind="days", first_date=days[1], last_date=days[1])
    assert hours_may_differ(again(salon), first, last) == set(days[2:])
    assert not eid().confirmed
    season(salon, 600, 700, first_date=days[2], last_date=days[-1])
    assert eid().confirmed
    assert hours_may_differ(again(salon), first, last) == set()


def test_telling_that_hours_may_differ_costs_no_query_when_warm(
    django_assert_num_queries: Any,
) -> None:
    salon = again(open_salon()[0])
    timetable_of(salon)
    with django_assert_num_queries(0):
        hours_may_differ(salon, FRIDAY, FRIDAY + timedelta(days=365))


def test_loading_costs_the_same_whatever_a_salon_has(django_assert_max_num_queries: Any) -> None:
    from django.db import connection

    from backend.salons.queries.timetables import hours_rules

    bare, _, _ = open_salon()
    with CaptureQueriesContext(connection) as one:
        hours_rules([bare.pk])
    rich, _, people = open_salon(staff=10)
    for n, person in enumerate(people):
        Override.objects.create(salon=rich, staff_member=person, date=FRIDAY + timedelta(days=n))
        season(rich, 600, 700, first_date=FRIDAY, last_date=SATURDAY)
        Closure.objects.create(salon=rich, kind="days", first_date=FRIDAY, last_date=FRIDAY)
    with CaptureQueriesContext(connection) as many:
        hours_rules([rich.pk])
    assert len(one) == len(many) == 5
