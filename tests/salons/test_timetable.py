"""What a salon's hours are on a day: weeks, overrides, seasons, closures and pauses, and what "open now" means."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from backend.salons.timetable import (
    ClosedDays,
    ClosedMoments,
    ClosedWeekly,
    Season,
    Timetable,
    WeeklyWindow,
    ceil_minute,
    compile_timetable,
    date_of,
    floor_minute,
    instant,
    moment_of,
)

RIYADH = ZoneInfo("Asia/Riyadh")
BERLIN = ZoneInfo("Europe/Berlin")
FRIDAY, SATURDAY, SUNDAY, MONDAY, TUESDAY = (date(2026, 2, day) for day in (20, 21, 22, 23, 24))


def clock(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def hours(*windows: str) -> list[tuple[int, int]]:
    return [(clock(opens), clock(closes)) for opens, closes in (window.split("-") for window in windows)]


def weekly(*windows: str, weekdays: Iterable[int] = range(1, 8)) -> list[WeeklyWindow]:
    return [WeeklyWindow(weekday, *edges) for weekday in weekdays for edges in hours(*windows)]


def at(day: date, text: str, zone: ZoneInfo = RIYADH) -> int:
    """The absolute minute of a wall time; "25:00" is one o'clock after midnight."""
    midnight = datetime(day.year, day.month, day.day)
    return floor_minute((midnight + timedelta(minutes=clock(text))).replace(tzinfo=zone))


def timetable(*windows: str, zone: ZoneInfo = RIYADH, **rules: Any) -> Timetable[str]:
    return compile_timetable(zone=zone, salon_windows=weekly(*windows), **rules)


def shown(table: Timetable[str], day: date) -> list[str]:
    """The openings of a date as clock times."""
    return [
        "-".join(f"{moment_of(m).astimezone(table.zone):%H:%M}" for m in span) for span in table.openings(day)
    ]


def at_work(table: Timetable[str], who: str, day: date) -> list[str]:
    """The stretches of one calendar day in which somebody is not absent."""
    begins, ends = at(day, "00:00"), at(day, "24:00")
    edges = [begins, *(edge for span in table.absences(who, begins, ends) for edge in span), ends]
    stretches = [(max(edges[i], begins), min(edges[i + 1], ends)) for i in range(0, len(edges), 2)]
    return [
        f"{(starts - begins) // 60:02}:{(starts - begins) % 60:02}-{(over - begins) // 60:02}:{(over - begins) % 60:02}"
        for starts, over in stretches
        if starts < over
    ]


# Weeks, overrides and seasons


def test_several_windows_a_day_are_shown_in_order_and_those_that_touch_as_one():
    assert shown(timetable("16:00-20:00", "10:00-12:00", "20:00-22:00"), SUNDAY) == [
        "10:00-12:00",
        "16:00-22:00",
    ]


def test_hours_after_midnight_are_shown_with_the_day_they_opened_on():
    table = compile_timetable(zone=RIYADH, salon_windows=weekly("16:00-26:00", weekdays=[6]))

    assert shown(table, SATURDAY) == ["16:00-02:00"]
    assert table.closed_all_day(SUNDAY)
    assert table.is_open_at(at(SUNDAY, "01:59"))
    assert not table.is_open_at(at(SUNDAY, "02:00"))


def test_an_override_goes_before_a_season_and_a_season_before_the_week():
    table = timetable(
        "10:00-20:00",
        seasons=[Season(frozenset([SUNDAY, MONDAY]), weekly("13:00-17:00"))],
        salon_overrides={MONDAY: hours("09:00-10:00")},
    )

    assert [shown(table, day) for day in (SATURDAY, SUNDAY, MONDAY)] == [
        ["10:00-20:00"],
        ["13:00-17:00"],
        ["09:00-10:00"],
    ]


def test_of_two_seasons_on_one_day_the_one_listed_last_wins():
    ramadan = Season(frozenset([SUNDAY]), weekly("21:00-26:00"))
    sale = Season(frozenset([SUNDAY]), weekly("08:00-24:00"))

    assert shown(timetable("10:00-20:00", seasons=[ramadan, sale]), SUNDAY) == ["08:00-00:00"]
    assert shown(timetable("10:00-20:00", seasons=[sale, ramadan]), SUNDAY) == ["21:00-02:00"]


def test_a_season_may_have_weekdays_without_hours():
    season = Season(frozenset([SUNDAY, MONDAY]), weekly("10:00-12:00", weekdays=[1]))
    table = timetable("10:00-20:00", seasons=[season])

    assert table.closed_all_day(SUNDAY)
    assert not table.has_hours(SUNDAY)
    assert shown(table, MONDAY) == ["10:00-12:00"]


def test_the_last_night_of_a_season_runs_on_into_the_first_ordinary_day():
    table = timetable("10:00-20:00", seasons=[Season(frozenset([SUNDAY]), weekly("21:00-27:00"))])

    assert table.is_open_at(at(MONDAY, "02:59"))
    assert table.business_date(at(MONDAY, "02:59")) == SUNDAY
    assert table.business_date(at(MONDAY, "03:00")) == MONDAY


def test_staff_without_hours_of_their_own_in_a_season_keep_their_days_off_and_work_as_the_salon():
    table = timetable(
        "10:00-20:00",
        staff_windows={"amal": weekly("10:00-14:00", weekdays=[7]), "badr": weekly("10:00-14:00")},
        seasons=[
            Season(
                frozenset([SUNDAY, MONDAY]),
                weekly("13:00-17:00"),
                {"badr": weekly("15:00-16:00", weekdays=[7])},
            )
        ],
    )

    assert at_work(table, "amal", SUNDAY) == ["00:00-24:00"]  # whenever the salon is
    assert at_work(table, "amal", MONDAY) == []
    assert at_work(table, "badr", SUNDAY) == ["15:00-16:00"]
    assert at_work(table, "badr", MONDAY) == []
    assert at_work(table, "badr", TUESDAY) == ["10:00-14:00"]
    assert at_work(table, "dana", MONDAY) == ["00:00-24:00"]


def test_an_empty_entry_means_never_and_no_entry_means_whenever_the_salon_is_open():
    table = timetable("10:00-20:00", staff_windows={"amal": []})

    assert at_work(table, "amal", SUNDAY) == []
    assert at_work(table, "badr", SUNDAY) == ["00:00-24:00"]


def test_the_override_of_a_person_goes_before_their_season_and_week():
    table = timetable(
        "10:00-20:00",
        staff_windows={"amal": weekly("10:00-14:00")},
        staff_overrides={"amal": {SUNDAY: hours("18:00-20:00"), MONDAY: []}, "badr": {SUNDAY: []}},
        seasons=[Season(frozenset([SUNDAY]), weekly("13:00-17:00"), {"amal": weekly("13:00-15:00")})],
    )

    assert at_work(table, "amal", SUNDAY) == ["18:00-20:00"]
    assert at_work(table, "amal", MONDAY) == []
    assert at_work(table, "amal", TUESDAY) == ["10:00-14:00"]
    assert at_work(table, "badr", SUNDAY) == []
    assert at_work(table, "badr", MONDAY) == ["00:00-24:00"]


# Closures


def test_a_closure_between_two_moments_is_cut_out_of_the_hours():
    table = timetable("10:00-20:00", closures=[ClosedMoments(at(SUNDAY, "12:30"), at(SUNDAY, "13:00"))])

    assert shown(table, SUNDAY) == ["10:00-12:30", "13:00-20:00"]
    assert not table.is_open_at(at(SUNDAY, "12:30"))
    assert table.is_open_at(at(SUNDAY, "13:00"))


def test_whole_days_take_what_runs_past_midnight_and_nothing_of_the_evening_before():
    table = timetable("18:00-26:00", closures=[ClosedDays(SUNDAY, MONDAY)])

    assert [shown(table, day) for day in (SATURDAY, SUNDAY, MONDAY, TUESDAY)] == [
        ["18:00-02:00"],
        [],
        [],
        ["18:00-02:00"],
    ]
    assert table.is_open_at(at(SUNDAY, "01:59"))
    assert not table.is_open_at(at(TUESDAY, "01:00"))


def test_leave_of_whole_days_takes_a_persons_own_late_shift_and_leaves_the_one_before():
    table = timetable(
        "18:00-26:00",
        staff_windows={"amal": weekly("20:00-26:00")},
        closures=[ClosedDays(SUNDAY, SUNDAY, subject="amal"), ClosedDays(SUNDAY, SUNDAY, subject="badr")],
    )

    assert at_work(table, "amal", SUNDAY) == ["00:00-02:00"]
    assert at_work(table, "amal", MONDAY) == ["20:00-24:00"]
    assert at_work(table, "badr", SUNDAY) == ["00:00-02:00"]
    assert at_work(table, "badr", MONDAY) == ["02:00-24:00"]


def test_a_weekly_part_day_closure_holds_between_its_dates_and_may_pass_midnight():
    part = ClosedWeekly(
        7, clock("23:00"), clock("25:00"), first_date=SUNDAY, last_date=SUNDAY + timedelta(days=7)
    )
    table = timetable("18:00-26:00", closures=[part])

    assert shown(table, SUNDAY - timedelta(days=7)) == ["18:00-02:00"]
    assert shown(table, SUNDAY) == shown(table, SUNDAY + timedelta(days=7)) == ["18:00-23:00", "01:00-02:00"]
    assert shown(table, SUNDAY + timedelta(days=14)) == ["18:00-02:00"]


def test_a_weekly_closure_without_dates_holds_for_ever_and_for_its_subject_only():
    table = timetable(
        "10:00-20:00", closures=[ClosedWeekly(7, clock("12:00"), clock("13:00"), subject="room")]
    )

    assert at_work(table, "room", SUNDAY) == ["00:00-12:00", "13:00-24:00"]
    assert at_work(table, "room", SUNDAY + timedelta(days=700)) == ["00:00-12:00", "13:00-24:00"]
    assert at_work(table, "amal", SUNDAY) == ["00:00-24:00"]
    assert shown(table, SUNDAY) == ["10:00-20:00"]


def test_days_closed_until_further_notice_may_name_the_last_day_there_is():
    table = timetable("10:00-20:00", closures=[ClosedDays(SUNDAY, date.max), ClosedDays(date.min, FRIDAY)])

    assert [table.closed_all_day(day) for day in (FRIDAY, SATURDAY, SUNDAY)] == [True, False, True]
    assert table.next_opening(at(SUNDAY, "00:00")) is None


# Open now, and next


def test_open_now_ends_with_hours_closures_and_pauses():
    table = timetable(
        "10:00-20:00",
        closures=[ClosedMoments(at(SUNDAY, "18:00"), at(SUNDAY, "21:00"))],
        pauses=lambda day: [(at(day, "11:50"), at(day, "12:20"))],
    )
    opens_and_closes = [
        minute
        for minute in range(at(SUNDAY, "00:00"), at(SUNDAY, "24:00"))
        if table.is_open_at(minute) != table.is_open_at(minute - 1)
    ]

    assert opens_and_closes == [at(SUNDAY, text) for text in ("10:00", "11:50", "12:20", "18:00")]
    assert shown(table, SUNDAY) == ["10:00-18:00"]


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ((SUNDAY, "09:00"), (SUNDAY, "10:00")),
        ((SUNDAY, "11:00"), (SUNDAY, "11:00")),
        ((SUNDAY, "11:55"), (SUNDAY, "12:20")),
        ((SUNDAY, "20:00"), (TUESDAY, "10:00")),
        ((MONDAY, "12:00"), (TUESDAY, "10:00")),
    ],
)
def test_the_next_opening_is_now_or_after_a_pause_a_night_or_days_off(now, then):
    table = timetable(
        "10:00-20:00",
        salon_overrides={MONDAY: []},
        pauses=lambda day: [(at(day, "11:50"), at(day, "12:20"))],
    )

    assert table.next_opening(at(*now)) == at(*then)


def test_no_next_opening_is_told_beyond_the_days_looked_at():
    table = timetable("10:00-20:00", closures=[ClosedDays(SUNDAY, SUNDAY + timedelta(days=9))])

    assert table.next_opening(at(SUNDAY, "09:00"), within_days=9) is None
    assert table.next_opening(at(SUNDAY, "09:00"), within_days=10) == at(date(2026, 3, 4), "10:00")


def test_a_salon_that_never_closes_is_always_open_and_each_date_lasts_from_midnight_to_midnight():
    table = timetable("00:00-24:00")

    assert shown(table, SUNDAY) == ["00:00-00:00"]
    assert table.business_date(at(SUNDAY, "23:59")) == SUNDAY
    assert table.business_date(at(MONDAY, "00:00")) == MONDAY


def test_the_hours_of_the_next_day_wait_until_the_evening_before_is_over():
    table = compile_timetable(
        zone=RIYADH,
        salon_windows=[*weekly("20:00-26:00", weekdays=[6]), *weekly("01:15-04:00", weekdays=[7])],
    )

    [after_midnight] = table.hours(SUNDAY)

    assert (after_midnight.opened, after_midnight.starts) == (at(SUNDAY, "01:15"), at(SUNDAY, "02:00"))
    assert table.business_date(at(SUNDAY, "01:59")) == SATURDAY
    assert table.business_date(at(SUNDAY, "02:00")) == SUNDAY


# Clocks and zones


def test_hours_follow_the_wall_clock_across_its_changes():
    table = timetable("22:00-27:00", zone=BERLIN)
    lengths = [ends - starts for day in (28, 29) for starts, ends in table.openings(date(2026, 3, day))]
    autumn = [ends - starts for starts, ends in table.openings(date(2026, 10, 24))]

    assert lengths == [4 * 60, 5 * 60]
    assert autumn == [6 * 60]


def test_a_calendar_day_lasts_from_midnight_to_midnight_though_the_clock_goes_back_over_it():
    """In St. John's the clocks of 29 October 2006 went back from 00:01 to 23:01 of the day before."""
    zone = ZoneInfo("America/St_Johns")
    midnight = instant(zone, date(2006, 10, 29), 0)

    assert date_of(zone, midnight - 1) == date(2006, 10, 28)
    assert {date_of(zone, midnight + ahead) for ahead in range(120)} == {date(2006, 10, 29)}


def test_moments_become_minutes_downwards_for_beginnings_and_upwards_for_ends():
    moment = datetime(2026, 2, 22, 7, 30, 1, tzinfo=UTC)

    assert moment_of(floor_minute(moment)) == datetime(2026, 2, 22, 7, 30, tzinfo=UTC)
    assert moment_of(ceil_minute(moment)) == datetime(2026, 2, 22, 7, 31, tzinfo=UTC)


# Being asked often


def test_a_day_asked_again_is_not_worked_out_again():
    asked: list[date] = []

    def pauses(day: date) -> list[tuple[int, int]]:
        asked.append(day)
        return [(at(day, "11:50"), at(day, "12:20"))]

    table = timetable("10:00-20:00", pauses=pauses)
    for _ in range(3):
        assert not table.is_open_at(at(SUNDAY, "12:00"))
        assert table.is_open_at(at(SUNDAY, "13:00"))

    assert sorted(asked) == [SATURDAY, SUNDAY]


def test_many_threads_get_the_same_answers():
    table = timetable("18:00-26:00", closures=[ClosedWeekly(7, clock("20:00"), clock("21:00"))])
    alone = timetable("18:00-26:00", closures=[ClosedWeekly(7, clock("20:00"), clock("21:00"))])
    days = [SUNDAY + timedelta(days=ahead) for ahead in range(200)]
    answers: list[list[tuple[tuple[int, int], ...]]] = []
    threads = [Thread(target=lambda: answers.append([table.openings(day) for day in days])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [[alone.openings(day) for day in days]] * 8


# What cannot be said


@pytest.mark.parametrize(
    "window", [(0, 0, 60), (8, 0, 60), (1, -1, 60), (1, 1440, 1500), (1, 60, 60), (1, 0, 2161)]
)
def test_hours_that_make_no_sense_are_refused(window):
    with pytest.raises(ValueError, match="must be"):
        WeeklyWindow(*window)
    with pytest.raises(ValueError, match="must be"):
        ClosedWeekly(*window)


@pytest.mark.parametrize("edges", [(-1, 60), (1440, 1500), (60, 60), (0, 2161)])
def test_overrides_that_make_no_sense_are_refused(edges):
    with pytest.raises(ValueError, match="must be"):
        timetable("10:00-20:00", salon_overrides={SUNDAY: [edges]})
    with pytest.raises(ValueError, match="must be"):
        timetable("10:00-20:00", staff_overrides={"amal": {SUNDAY: [edges]}})
