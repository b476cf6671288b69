"""What a salon's availability promises, one awkward day at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from backend.bookings.availability import (
    Need,
    NeedKind,
    Question,
    Reason,
    Rulebook,
    Step,
    assign,
    ceil_minute,
    choose,
    claims,
    explain,
    floor_minute,
    moment_of,
    reach,
    slots,
    starts_on,
)
from backend.salons.timetable import ClosedMoments, WeeklyWindow, compile_timetable

RIYADH = ZoneInfo("Asia/Riyadh")
BERLIN = ZoneInfo("Europe/Berlin")
KOLKATA = ZoneInfo("Asia/Kolkata")

SATURDAY, SUNDAY, MONDAY, TUESDAY = (date(2026, 2, day) for day in (21, 22, 23, 24))
EARLIER = "2026-02-18 09:00"  # a Wednesday: nothing asked about below is past, too soon or too far

Windows = Iterable[WeeklyWindow]


def clock(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def daily(*windows: str, weekdays: Iterable[int] = range(1, 8)) -> list[WeeklyWindow]:
    """Windows such as "10:00-14:00" on every weekday; "18:00-26:00" closes at two in the morning."""
    edges = [[clock(edge) for edge in window.split("-")] for window in windows]
    return [WeeklyWindow(weekday, opens, closes) for weekday in weekdays for opens, closes in edges]


def at(text: str, zone: ZoneInfo = RIYADH, fold: int = 0) -> int:
    """The absolute minute of a local "2026-02-22 10:00", or of "10:00" on that Sunday."""
    text = text if " " in text else f"{SUNDAY} {text}"
    return floor_minute(datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold))


def span(starts: str, ends: str) -> tuple[int, int]:
    return at(starts), at(ends)


def salon(
    hours: Windows,
    *,
    staff: Mapping[str, Windows] | None = None,
    zone: ZoneInfo = RIYADH,
    grid: int = 30,
    notice: int = 0,
    horizon: int = 365,
    **rules: Any,
) -> Rulebook[str]:
    timetable = compile_timetable(zone=zone, salon_windows=hours, staff_windows=staff or {}, **rules)
    return Rulebook(timetable, grid, notice, horizon)


def people(*candidates: str) -> Need[str]:
    return Need(NeedKind.STAFF, candidates)


def things(*candidates: str) -> Need[str]:
    return Need(NeedKind.RESOURCE, candidates)


def service(
    duration: int = 60,
    *candidates: str,
    before: int = 0,
    after: int = 0,
    gap: tuple[int, int] | None = None,
    using: Iterable[Need[str]] = (),
) -> Step[str]:
    needs = (people(*(candidates or ("amal",))), *using)
    return Step(duration, needs, buffer_before=before, buffer_after=after, gap=gap)


def closed(starts: str, ends: str, subject: str | None = None) -> ClosedMoments[str]:
    return ClosedMoments(at(starts), at(ends), subject)


def staff_of(question: Question[str], day: date = SUNDAY) -> list[tuple[tuple[str, ...], ...]]:
    """Who is listed for the first need of each step, start by start."""
    return [tuple(needs[0] for needs in slot.able) for slot in slots(question, from_date=day, days=1)]


def ask(rulebook: Rulebook[str], *steps: Step[str], now: str = EARLIER, **facts: Any) -> Question[str]:
    return Question(rulebook, steps or (service(),), now=at(now, rulebook.timetable.zone), **facts)


def times(question: Question[str], day: date = SUNDAY, days: int = 1) -> list[str]:
    """The starts offered, as clock times; each is checked to be explained by no reason."""
    zone = question.rulebook.timetable.zone
    offered = slots(question, from_date=day, days=days)
    assert all(explain(question, slot.starts) == () for slot in offered)
    return [f"{moment_of(slot.starts).astimezone(zone):%H:%M}" for slot in offered]


def why(question: Question[str], start: str, **options: Any) -> tuple[str, ...]:
    return explain(question, at(start, question.rulebook.timetable.zone, **options))


# Opening hours and the grid


def test_starts_run_from_opening_until_the_service_would_pass_closing():
    assert times(ask(salon(daily("10:00-12:30")))) == ["10:00", "10:30", "11:00", "11:30"]


def test_a_service_longer_than_the_grid_step_may_start_on_every_step():
    question = ask(salon(daily("10:00-13:00"), grid=15), service(100))

    assert times(question) == ["10:00", "10:15", "10:30", "10:45", "11:00", "11:15"]


def test_the_grid_counts_from_opening_and_not_from_midnight():
    assert times(ask(salon(daily("10:10-12:00"), grid=25))) == ["10:10", "10:35", "11:00"]


def test_the_grid_does_not_drift_to_the_end_of_the_last_booking():
    question = ask(salon(daily("10:00-13:00")), busy={"amal": [span("10:00", "10:50")]})

    assert times(question) == ["11:00", "11:30", "12:00"]
    assert why(question, "10:50") == (Reason.NOT_ON_GRID,)


def test_each_window_of_a_day_has_its_own_grid():
    question = ask(salon(daily("10:00-11:30", "16:20-18:00")))

    assert times(question) == ["10:00", "10:30", "16:20", "16:50"]


def test_a_long_service_fits_only_before_the_break():
    question = ask(salon(daily("10:00-13:00", "14:00-16:00")), service(150))

    assert times(question) == ["10:00", "10:30"]
    assert why(question, "11:00") == ("outside_hours",)
    assert why(question, "14:00") == ("outside_hours",)


def test_windows_that_touch_are_one_stretch_of_work():
    assert times(ask(salon(daily("10:00-11:00", "11:00-12:00")), service(90))) == ["10:00", "10:30"]


def test_a_salon_that_never_closes_works_through_midnight():
    question = ask(salon(daily("00:00-24:00"), grid=60), service(120))

    assert len(times(question)) == 24
    assert {slot.business_date for slot in slots(question, from_date=SUNDAY, days=1)} == {SUNDAY}


def test_where_windows_overlap_the_earlier_one_keeps_its_minutes_and_its_grid():
    question = ask(salon(daily("10:00-11:30", "11:10-13:00")))

    assert times(question) == ["10:00", "10:30", "11:00", "11:40"]


def test_a_day_without_windows_is_closed_and_the_hours_of_other_days_do_not_matter():
    question = ask(salon(daily("10:00-20:00", weekdays=[1, 2])))

    assert times(question) == []
    assert why(question, "12:00") == ("salon_closed",)
    assert why(question, f"{MONDAY} 09:00") == ("outside_hours",)
    assert why(question, f"{MONDAY} 12:00") == ()


def test_a_minute_before_or_after_a_start_on_offer_is_refused():
    question = ask(salon(daily("10:00-11:00")))

    assert why(question, "09:59") == ("outside_hours",)
    assert why(question, "10:00") == ()
    assert why(question, "10:01") == ("outside_hours", "not_on_grid")


# Past midnight


def test_a_late_shift_belongs_to_the_day_it_opened():
    question = ask(salon(daily("22:00-26:00", weekdays=[7])))

    found = slots(question, from_date=SUNDAY, days=2)

    assert times(question, SUNDAY) == ["22:00", "22:30", "23:00", "23:30"]
    assert times(question, MONDAY) == ["00:00", "00:30", "01:00"]
    assert {slot.business_date for slot in found} == {SUNDAY}


@pytest.mark.parametrize("weekday", range(1, 8))
def test_every_late_shift_wraps_into_the_next_weekday(weekday):
    opened = MONDAY + timedelta(days=weekday - 1)
    question = ask(salon(daily("23:00-25:00", weekdays=[weekday])))

    [midnight] = slots(question, from_date=opened + timedelta(days=1), days=1)

    assert moment_of(midnight.starts).astimezone(RIYADH).isoweekday() == weekday % 7 + 1
    assert midnight.business_date == opened


def test_the_grid_of_a_late_shift_runs_on_past_midnight():
    assert times(ask(salon(daily("22:10-25:30"), grid=40), service(30)), MONDAY)[:2] == ["00:10", "00:50"]


def test_a_closed_day_still_ends_the_shift_of_the_day_before():
    question = ask(salon(daily("20:00-26:00", weekdays=[6])))

    assert times(question, SUNDAY) == ["00:00", "00:30", "01:00"]
    assert why(question, "01:30") == ("outside_hours",)
    assert why(question, "03:00") == ("salon_closed",)


def test_a_shift_may_last_until_noon_of_the_next_day():
    question = ask(salon(daily("23:00-36:00", weekdays=[6]), grid=60))

    assert times(question, SUNDAY) == [f"{hour:02}:00" for hour in range(12)]
    assert why(question, "12:00") == ("salon_closed",)


def test_a_late_shift_keeps_its_minutes_from_the_next_day_that_opens_during_it():
    question = ask(salon([*daily("20:00-26:00", weekdays=[6]), *daily("01:15-04:00", weekdays=[7])]))

    found = slots(question, from_date=SUNDAY, days=1)

    assert times(question) == ["00:00", "00:30", "01:00", "01:30", "02:15", "02:45"]
    assert [slot.business_date for slot in found] == [SATURDAY] * 4 + [SUNDAY] * 2


# Zones and clock changes


def test_riyadh_hours_are_three_hours_ahead_of_utc():
    [slot, *_] = slots(ask(salon(daily("10:00-20:00"))), from_date=SUNDAY, days=1)

    assert moment_of(slot.starts) == datetime(2026, 2, 22, 7, tzinfo=UTC)


def test_half_hour_zones_open_on_the_half_hour_of_utc():
    question = ask(salon(daily("00:00-01:30"), zone=KOLKATA))
    found = slots(question, from_date=SUNDAY, days=1)

    assert times(question) == ["00:00", "00:30"]
    assert moment_of(found[0].starts) == datetime(2026, 2, 21, 18, 30, tzinfo=UTC)


def test_an_hour_skipped_by_the_clocks_is_not_offered():
    question = ask(salon(daily("00:00-06:00"), zone=BERLIN, grid=60))

    assert times(question, date(2026, 3, 29)) == ["00:00", "01:00", "03:00", "04:00", "05:00"]


def test_an_hour_shown_twice_is_offered_twice():
    question = ask(salon(daily("00:00-04:00"), zone=BERLIN, grid=60))

    assert times(question, date(2026, 10, 25)) == ["00:00", "01:00", "02:00", "02:00", "03:00"]
    assert why(question, "2026-10-25 02:00", fold=0) == why(question, "2026-10-25 02:00", fold=1) == ()


def test_hours_inside_the_skipped_hour_vanish_that_day_and_closings_in_it_come_at_the_change():
    inside = ask(salon(daily("02:10-02:50"), zone=BERLIN, grid=10), service(10))
    across = ask(salon(daily("01:00-02:30"), zone=BERLIN), service(30))

    assert times(inside, date(2026, 3, 28)) == ["02:10", "02:20", "02:30", "02:40"]
    assert times(inside, date(2026, 3, 29)) == []
    assert times(across, date(2026, 3, 29)) == ["01:00", "01:30"]


def test_a_window_between_times_shown_twice_means_their_first_showing():
    question = ask(salon(daily("02:00-03:00"), zone=BERLIN), service(30))
    first_half = ask(salon(daily("02:00-02:30"), zone=BERLIN), service(30))

    assert times(question, date(2026, 10, 25)) == ["02:00", "02:30", "02:00", "02:30"]
    assert times(first_half, date(2026, 10, 25)) == ["02:00"]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 4), ("2026-10-25", 6)])
def test_a_late_shift_across_a_clock_change_closes_by_the_wall_clock(day, hours):
    changing = date.fromisoformat(day)
    question = ask(salon(daily("22:00-27:00"), zone=BERLIN, grid=60))

    found = slots(question, from_date=changing - timedelta(days=1), days=2)
    shift = [slot for slot in found if slot.business_date == changing - timedelta(days=1)]

    assert len(shift) == hours
    assert shift[-1].ends == at(f"{day} 03:00", BERLIN)


def test_days_of_a_clock_change_are_23_and_25_hours_long_and_meet_without_a_gap():
    lengths = []
    for day in (date(2026, 3, 29), date(2026, 10, 25), date(2026, 10, 26)):
        starts, ends = starts_on(BERLIN, from_date=day, days=1)
        lengths.append(ends - starts)
        assert ends == starts_on(BERLIN, from_date=day + timedelta(days=1), days=1)[0]

    assert lengths == [23 * 60, 25 * 60, 24 * 60]


# Notice and horizon


def test_a_start_may_be_taken_until_the_very_minute_it_begins():
    question = ask(salon(daily("10:00-12:00")), now=f"{SUNDAY} 10:30")

    assert times(question) == ["10:30", "11:00"]
    assert why(question, "10:00") == ("past_time",)


def test_now_is_rounded_up_so_that_nothing_already_begun_is_offered():
    half_past = datetime(2026, 2, 22, 7, 30, 1, tzinfo=UTC)

    assert moment_of(ceil_minute(half_past)) == datetime(2026, 2, 22, 7, 31, tzinfo=UTC)
    assert moment_of(floor_minute(half_past)) == datetime(2026, 2, 22, 7, 30, tzinfo=UTC)


def test_notice_is_kept_to_the_minute_and_a_past_start_is_only_past():
    question = ask(salon(daily("10:00-14:00"), notice=60), now=f"{SUNDAY} 10:30")

    assert times(question) == ["11:30", "12:00", "12:30", "13:00"]
    assert why(question, "11:00") == ("too_soon",)
    assert why(question, "10:00") == ("past_time",)


def test_notice_and_horizon_meeting_in_the_same_hour_leave_what_lies_between_them():
    question = ask(salon(daily("20:00-24:00"), notice=24 * 60, horizon=1), now=f"{SATURDAY} 22:15")

    assert times(question, SATURDAY, days=5) == ["22:30", "23:00"]


def test_notice_longer_than_the_horizon_leaves_nothing_and_says_both():
    question = ask(salon(daily("20:00-24:00"), notice=3 * 24 * 60, horizon=1), now=f"{SATURDAY} 12:00")

    assert times(question, SATURDAY, days=7) == []
    assert why(question, f"{SUNDAY} 20:00") == ("too_soon",)
    assert why(question, f"{MONDAY} 20:00") == ("too_soon", "too_far")
    assert why(question, f"{TUESDAY} 20:00") == ("too_far",)


def test_the_last_bookable_evening_stays_bookable_after_midnight():
    question = ask(salon(daily("10:00-26:00"), horizon=1), now=f"{SATURDAY} 12:00")

    assert why(question, f"{MONDAY} 01:00") == ()
    assert why(question, f"{MONDAY} 10:00") == ("too_far",)


def test_today_is_the_salons_and_not_utc_s():
    question = ask(salon(daily("10:00-20:00"), horizon=0), now=f"{SUNDAY} 01:00")

    assert moment_of(question.now).date() == SATURDAY
    assert why(question, f"{SUNDAY} 10:00") == ()
    assert why(question, f"{SUNDAY} 21:00") == ("outside_hours",)
    assert why(question, f"{MONDAY} 10:00") == ("too_far",)


# Other bookings and buffers


def test_bookings_may_touch_but_not_overlap():
    question = ask(salon(daily("10:00-14:00")), busy={"amal": [span("11:00", "12:00")]})

    assert times(question) == ["10:00", "12:00", "12:30", "13:00"]
    assert why(question, "11:30") == ("slot_unavailable",)


def test_a_booking_of_one_minute_is_enough_to_refuse():
    question = ask(salon(daily("10:00-12:00")), busy={"amal": [span("10:59", "11:00")]})

    assert times(question) == ["11:00"]


def test_the_gap_is_the_earlier_after_buffer_plus_the_later_before_buffer():
    """The booked hour from 12:00 asks for 10 minutes before and 20 after, the new one for 5 and 15."""
    question = ask(
        salon(daily("10:00-15:00"), grid=5),
        service(60, before=5, after=15),
        busy={"amal": [span("11:50", "13:20")]},
    )
    offered = times(question)

    assert [start for start in offered if "10:20" < start < "13:40"] == [
        "10:25",
        "10:30",
        "10:35",
        "13:25",
        "13:30",
        "13:35",
    ]


def test_buffers_may_run_over_opening_and_closing():
    question = ask(salon(daily("10:00-12:00")), service(60, before=45, after=45))

    assert times(question) == ["10:00", "10:30", "11:00"]


def test_buffers_outside_hours_still_need_the_chair():
    question = ask(
        salon(daily("10:00-12:00")),
        service(60, before=15, after=15),
        busy={"amal": [span("09:00", "09:46"), span("12:14", "13:00")]},
    )

    assert times(question) == ["10:30"]


def test_buffers_count_across_midnight():
    late = salon(daily("20:00-26:00"))
    busy = {"amal": [(at(f"{MONDAY} 00:10"), at(f"{MONDAY} 01:00"))]}

    assert "23:00" in times(ask(late, service(60, after=10), busy=busy))
    assert "23:00" not in times(ask(late, service(60, after=11), busy=busy))


def test_a_before_buffer_reaches_back_into_the_evening_before():
    early = salon(daily("00:00-03:00"))
    busy = {"amal": [(at(f"{SATURDAY} 22:00"), at(f"{SATURDAY} 23:50"))]}

    assert times(ask(early, service(60, before=10), busy=busy))[0] == "00:00"
    assert times(ask(early, service(60, before=11), busy=busy))[0] == "00:30"


def test_a_buffer_may_be_longer_than_a_day():
    two_days_before = at("2026-02-20 10:00")
    question = ask(
        salon(daily("10:00-12:00")),
        service(60, before=48 * 60),
        busy={"amal": [(two_days_before, two_days_before + 1)]},
    )

    assert times(question) == ["10:30", "11:00"]
    assert why(question, "10:00") == ("slot_unavailable",)


def test_claims_may_overlap_each_other_and_come_in_any_order():
    busy = {
        "amal": [
            span("12:00", "13:00"),
            span("10:00", "11:00"),
            span("10:30", "11:30"),
            span("09:00", "09:00"),
        ]
    }

    assert times(ask(salon(daily("10:00-14:00")), busy=busy)) == ["13:00"]


def test_another_persons_bookings_do_not_matter():
    assert times(ask(salon(daily("10:00-11:00")), busy={"badr": [span("10:00", "11:00")]})) == ["10:00"]


def test_a_booking_moved_into_its_own_time_leaves_its_own_claim_out():
    others = [span("12:00", "13:00")]
    own = span("10:00", "11:00")
    rulebook = salon(daily("10:00-13:00"))

    assert why(ask(rulebook, busy={"amal": others}), "10:30") == ()
    assert why(ask(rulebook, busy={"amal": [*others, own]}), "10:30") == ("slot_unavailable",)


# Closures, absences and people's own hours


def test_a_part_day_closure_refuses_every_visit_that_meets_it():
    question = ask(salon(daily("10:00-15:00"), closures=[closed("12:00", "13:00")]))

    assert times(question) == ["10:00", "10:30", "11:00", "13:00", "13:30", "14:00"]
    assert why(question, "11:30") == why(question, "12:30") == ("salon_closed",)


def test_a_closure_across_midnight_closes_parts_of_both_days():
    question = ask(salon(daily("22:00-26:00", weekdays=[7]), closures=[closed("23:00", f"{MONDAY} 00:30")]))

    assert times(question, SUNDAY) == ["22:00"]
    assert times(question, MONDAY) == ["00:30", "01:00"]


def test_buffers_may_run_into_a_closure_or_an_absence():
    for subject in (None, "amal"):
        rulebook = salon(daily("10:00-15:00"), closures=[closed("12:00", "13:00", subject)])
        assert why(ask(rulebook, service(60, after=20)), "11:00") == ()


def test_while_one_person_is_away_others_take_over():
    question = ask(
        salon(daily("10:00-12:00"), closures=[closed("10:00", "11:00", "amal")]), service(60, "amal", "badr")
    )

    assert staff_of(question) == [(("badr",),), (("badr",),), (("amal", "badr"),)]


def test_the_chosen_person_being_away_is_not_the_same_as_being_busy():
    rulebook = salon(daily("10:00-14:00"), closures=[closed("10:00", "10:01", "amal")])

    assert why(ask(rulebook), "10:00") == ("staff_unavailable",)
    assert why(ask(rulebook, busy={"amal": [span("12:00", "12:01")]}), "12:00") == ("slot_unavailable",)


def test_one_away_and_the_other_busy_leaves_the_slot_unavailable():
    question = ask(
        salon(daily("10:00-12:00"), closures=[closed("10:00", "12:00", "amal")]),
        service(60, "amal", "badr"),
        busy={"badr": [span("10:00", "12:00")]},
    )

    assert why(question, "10:00") == ("slot_unavailable",)


def test_people_work_where_their_own_hours_and_the_salons_meet():
    question = ask(salon(daily("10:00-14:00"), staff={"amal": daily("08:00-12:00", "13:00-18:00")}))

    assert times(question) == ["10:00", "10:30", "11:00", "13:00"]
    assert why(question, "11:30") == ("staff_unavailable",)
    assert why(question, "08:00") == ("outside_hours",)


def test_the_grid_stays_the_salons_when_somebody_starts_later():
    question = ask(salon(daily("10:00-14:00"), staff={"amal": daily("10:45-14:00")}))

    assert times(question)[0] == "11:00"


def test_a_persons_own_late_shift_counts_past_midnight():
    question = ask(salon(daily("18:00-27:00"), staff={"amal": daily("23:00-25:30", weekdays=[7])}))

    assert times(question, SUNDAY, days=2) == ["23:00", "23:30", "00:00", "00:30"]


def test_somebody_with_own_hours_but_none_of_them_never_works():
    question = ask(salon(daily("10:00-14:00"), staff={"amal": []}))

    assert times(question) == []
    assert why(question, "10:00") == ("staff_unavailable",)


def test_no_candidates_means_the_service_itself_is_unavailable():
    question = ask(salon(daily("10:00-14:00")), service(), Step(30, [people()]))

    assert times(question) == []
    assert why(question, "10:00") == ("service_unavailable",)


# Several services in a row


def test_a_chain_is_served_one_step_after_another_by_whoever_performs_it():
    question = ask(
        salon(daily("10:00-13:00")),
        service(60, "amal"),
        service(30, "badr"),
        busy={"amal": [span("11:00", "11:30")], "badr": [span("10:00", "11:00")]},
    )

    assert times(question) == ["10:00", "11:30"]
    assert slots(question, from_date=SUNDAY, days=1)[0].ends == at("11:30")


def test_whoever_takes_a_later_step_need_not_work_before_it():
    question = ask(
        salon(daily("10:00-12:00"), staff={"badr": daily("10:30-11:30")}),
        service(30, "amal"),
        service(30, "badr"),
    )

    assert times(question) == ["10:00", "10:30"]


def test_the_order_of_services_is_kept():
    rulebook, busy = salon(daily("10:00-11:30")), {"badr": [span("10:00", "10:30")]}

    assert times(ask(rulebook, service(60, "amal"), service(30, "badr"), busy=busy)) == ["10:00"]
    assert times(ask(rulebook, service(30, "badr"), service(60, "amal"), busy=busy)) == []


def test_buffers_do_not_keep_the_customer_waiting_between_steps():
    chain = (service(30, "amal", after=15), service(30, "badr", before=15))

    assert times(ask(salon(daily("10:00-11:00")), *chain)) == ["10:00"]


def test_buffers_between_two_services_of_one_person_do_not_stand_in_their_way():
    question = ask(salon(daily("10:00-11:00")), service(30, after=15), service(30, before=15))

    assert times(question) == ["10:00"]
    assert claims(question.steps, [("amal",), ("amal",)], at("10:00")) == [("amal", span("10:00", "11:00"))]


def test_a_before_buffer_longer_than_the_step_before_it_reaches_back_past_the_visits_start():
    chain = (service(10, "amal"), service(30, "badr", before=30))
    rulebook = salon(daily("10:00-12:00"))

    assert why(ask(rulebook, *chain, busy={"badr": [span("09:00", "09:40")]}), "10:00") == ()
    assert why(ask(rulebook, *chain, busy={"badr": [span("09:00", "09:41")]}), "10:00") == (
        "slot_unavailable",
    )


def test_everyone_listed_for_a_step_is_free_for_that_step():
    question = ask(
        salon(daily("10:00-11:00")),
        service(30, "amal", "badr"),
        service(30, "badr", "amal"),
        busy={"amal": [span("10:30", "11:00")]},
    )

    assert staff_of(question) == [(("amal", "badr"), ("badr",))]


def test_a_chain_may_not_cross_a_break_even_between_its_steps():
    question = ask(salon(daily("10:00-11:00", "11:30-13:00")), service(30, "amal"), service(60, "badr"))

    assert times(question) == ["11:30"]


def test_each_step_has_its_own_reason_when_two_fail():
    question = ask(
        salon(daily("10:00-12:00"), closures=[closed("10:00", "12:00", "amal")]),
        service(30, "amal"),
        service(30, "badr"),
        busy={"badr": [span("10:00", "12:00")]},
    )

    assert why(question, "10:00") == ("staff_unavailable", "slot_unavailable")


# The customer's other visits, and reasons together


def test_a_customer_is_not_in_two_chairs_at_once_but_may_walk_from_one_to_the_next():
    question = ask(
        salon(daily("10:00-14:00")), service(60, before=10, after=10), customer_busy=[span("11:00", "12:00")]
    )

    assert times(question) == ["10:00", "12:00", "12:30", "13:00"]
    assert why(question, "11:30") == ("booking_overlap",)


def test_all_reasons_are_told_in_their_fixed_order():
    question = ask(
        salon(
            daily("10:00-14:00", weekdays=[7]),
            horizon=0,
            closures=[closed("13:00", "14:00"), closed("14:00", "15:00", "dana")],
            pauses=lambda day: [span("13:30", "13:40")],
        ),
        service(60, "amal"),
        service(5, using=[things()]),
        service(5, "badr"),
        service(5, "dana"),
        Step(30, [people()]),
        now=f"{SATURDAY} 12:00",
        busy={"amal": [span("13:00", "14:00")]},
        customer_busy=[span("13:00", "14:00")],
        full_days={"badr": [SUNDAY]},
    )

    assert why(question, "12:50") == (
        "service_unavailable",
        "too_far",
        "salon_closed",
        "outside_hours",
        "prayer_break",
        "not_on_grid",
        "staff_unavailable",
        "resource_unavailable",
        "day_full",
        "slot_unavailable",
        "booking_overlap",
    )


def test_any_moment_can_be_explained_however_far_away():
    question = ask(salon(daily("10:00-14:00")))

    assert why(question, "2001-01-01 10:00") == ("past_time",)
    assert why(question, "2031-01-01 10:00") == ("too_far",)


# Choosing staff and claiming time


def test_the_best_ranked_person_who_is_free_is_assigned():
    question = ask(
        salon(daily("10:00-12:00")),
        service(60, "amal", "badr", "dana"),
        busy={"dana": [span("10:00", "11:00")]},
    )
    rank = {"dana": 0, "badr": 1, "amal": 2}.__getitem__

    assert assign(question, at("10:00"), rank) == (("badr",),)
    assert assign(question, at("11:00"), rank) == (("dana",),)
    assert assign(question, at("11:00")) == (("amal",),)


def test_nobody_is_assigned_where_the_start_is_refused():
    question = ask(salon(daily("10:00-12:00")))

    assert assign(question, at("10:05")) is None
    assert assign(question, at("11:30")) is None


def chosen(*able: tuple[str, ...], **options: Any) -> tuple[str, ...]:
    """Who is chosen where every step needs one person."""
    return tuple(who for (who,) in choose([[step] for step in able], **options))


def test_among_equals_one_person_serves_as_much_of_the_visit_as_possible():
    assert chosen(("amal", "badr"), ("dana", "badr"), ("amal", "dana")) == ("badr", "badr", "amal")
    assert chosen(("amal", "badr"), ("badr",), rank={"amal": 1, "badr": 1}.__getitem__) == ("badr", "badr")


def test_rank_goes_before_staying_with_one_person():
    assert chosen(("amal", "badr"), ("badr",), rank={"amal": 1, "badr": 2}.__getitem__) == ("amal", "badr")


def test_claims_hold_buffers_and_are_merged_for_one_person_only():
    steps = [service(30, before=5, after=10), service(20, after=10), service(40, before=15)]

    assert claims(steps, [("amal",), ("badr",), ("amal",)], at("10:00")) == [
        ("amal", span("09:55", "11:30")),
        ("badr", span("10:30", "11:00")),
    ]
    assert claims([service(30), service(30)], [("amal",), ("amal",)], at("10:00")) == [
        ("amal", span("10:00", "11:00"))
    ]
    assert claims([service(30)] * 3, [("amal",), ("badr",), ("amal",)], at("10:00")) == [
        ("amal", span("10:00", "10:30")),
        ("badr", span("10:30", "11:00")),
        ("amal", span("11:00", "11:30")),
    ]


def test_reach_covers_every_claim_a_visit_could_make():
    steps = [service(10, before=5), service(30, before=30, after=0), service(20, after=40)]

    assert reach(steps, span("10:00", "10:01")) == span("09:40", "11:40")


# What cannot be asked


@pytest.mark.parametrize(
    "window", [(0, 0, 60), (8, 0, 60), (1, -1, 60), (1, 1440, 1500), (1, 60, 60), (1, 0, 2161)]
)
def test_windows_that_make_no_sense_are_refused(window):
    with pytest.raises(ValueError, match="must be"):
        WeeklyWindow(*window)


@pytest.mark.parametrize("days", [0, 32])
def test_one_to_thirty_one_days_can_be_asked_for(days):
    with pytest.raises(ValueError, match="days must be 1 to 31"):
        slots(ask(salon(daily("10:00-12:00"))), from_date=SUNDAY, days=days)


def test_visits_and_steps_that_make_no_sense_are_refused():
    question = ask(salon(daily("10:00-12:00")))

    with pytest.raises(ValueError, match="at least one step"):
        replace(question, steps=())
    with pytest.raises(ValueError, match="at least a minute"):
        service(0)
    with pytest.raises(ValueError, match="not negative"):
        service(30, after=-1)
    with pytest.raises(ValueError, match="grid"):
        salon(daily("10:00-12:00"), grid=0)
    with pytest.raises(ValueError, match="at least one need"):
        Step(30, [])
    with pytest.raises(ValueError, match="nobody is a candidate of two"):
        Step(30, [people("amal"), people("amal")])
    with pytest.raises(ValueError, match="horizon"):
        replace(question, horizon_days=-1)


@pytest.mark.parametrize("gap", [(0, 10), (10, 10), (20, 30), (10, 40)])
def test_a_processing_gap_lies_inside_its_service(gap):
    with pytest.raises(ValueError, match="processing gap"):
        service(30, gap=gap)
