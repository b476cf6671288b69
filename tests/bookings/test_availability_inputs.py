"""Rooms and devices, the processing gap, day limits, and the rules a salon adds to its weekly hours."""

from __future__ import annotations

import weakref
from datetime import date, timedelta

import pytest

from backend.bookings.availability import Step, assign, choose, claims, explain, listing, slots
from backend.salons.timetable import ClosedDays, ClosedWeekly, Season
from tests.bookings.test_availability import (
    BERLIN,
    MONDAY,
    SATURDAY,
    SUNDAY,
    TUESDAY,
    ask,
    at,
    closed,
    daily,
    people,
    salon,
    service,
    span,
    staff_of,
    things,
    times,
    why,
)

# Rooms, chairs and devices


def test_two_people_with_one_shared_room_serve_one_visit_at_a_time():
    rulebook = salon(daily("10:00-13:00"))
    in_the_room = service(60, "amal", "badr", using=[things("room")])
    taken = {"amal": [span("10:30", "11:30")], "room": [span("10:30", "11:30")]}

    assert times(ask(rulebook, in_the_room)) == ["10:00", "10:30", "11:00", "11:30", "12:00"]
    assert times(ask(rulebook, in_the_room, busy=taken)) == ["11:30", "12:00"]
    assert why(ask(rulebook, in_the_room, busy=taken), "10:30") == ("resource_unavailable",)
    assert times(ask(rulebook, service(60, "amal", "badr"), busy=taken)) == [
        "10:00",
        "10:30",
        "11:00",
        "11:30",
        "12:00",
    ]


def test_any_resource_of_a_kind_will_do_and_those_free_are_listed():
    question = ask(
        salon(daily("10:00-13:00"), closures=[closed("11:00", "12:00", "room 1")]),
        service(60, using=[things("room 1", "room 2")]),
        busy={"room 2": [span("10:00", "11:00")]},
    )

    found = {slot.starts: slot.able for slot in slots(question, from_date=SUNDAY, days=1)}

    assert found == {
        at("10:00"): ((("amal",), ("room 1",)),),
        at("11:00"): ((("amal",), ("room 2",)),),
        at("11:30"): ((("amal",), ("room 2",)),),
        at("12:00"): ((("amal",), ("room 1", "room 2")),),
    }
    assert why(question, "10:30") == ("resource_unavailable",)


def test_a_needed_kind_the_salon_does_not_have_makes_every_start_unavailable():
    question = ask(salon(daily("10:00-12:00")), service(60, using=[things()]))

    assert times(question) == []
    assert why(question, "10:00") == ("resource_unavailable",)


def test_buffers_hold_the_room_too_but_may_run_into_its_closure():
    rulebook = salon(daily("10:00-15:00"), closures=[closed("13:00", "15:00", "room")])
    question = ask(
        rulebook, service(60, after=20, using=[things("room")]), busy={"room": [span("11:30", "12:00")]}
    )

    assert times(question) == ["10:00", "12:00"]


def test_one_room_serves_two_steps_of_a_visit_and_is_claimed_once():
    steps = [
        service(30, "amal", after=10, using=[things("room")]),
        service(30, "badr", using=[things("room")]),
    ]
    question = ask(salon(daily("10:00-11:00")), *steps)

    assert times(question) == ["10:00"]
    assert claims(steps, [("amal", "room"), ("badr", "room")], at("10:00")) == [
        ("amal", span("10:00", "10:40")),
        ("room", span("10:00", "11:00")),
        ("badr", span("10:30", "11:00")),
    ]


def test_the_customer_keeps_the_room_as_well_as_the_hands():
    able = [(("amal", "badr"), ("room 1", "room 2")), (("room 2",), ("badr", "amal"))]

    assert choose(able) == (("amal", "room 2"), ("room 2", "amal"))
    assert choose(able, {"amal": 1, "badr": 0, "room 1": 0, "room 2": 1}.__getitem__) == (
        ("badr", "room 1"),
        ("room 2", "badr"),
    )


def test_a_step_may_need_a_room_and_nobody():
    question = ask(
        salon(daily("10:00-12:00")), Step(60, [things("room")]), busy={"room": [span("10:00", "10:30")]}
    )

    assert times(question) == ["10:30", "11:00"]
    assert listing(question, from_date=SUNDAY, days=1) == [
        (at("10:30"), SUNDAY, ()),
        (at("11:00"), SUNDAY, ()),
    ]
    assert assign(question, at("11:00")) == (("room",),)


def test_whole_days_without_a_room_are_the_business_dates_of_the_salon():
    rulebook = salon(daily("20:00-26:00"), closures=[ClosedDays(SUNDAY, SUNDAY, subject="room")])
    question = ask(rulebook, service(60, using=[things("room")]))

    assert times(question, SUNDAY) == ["00:00", "00:30", "01:00"]  # of Saturday's evening
    assert times(question, MONDAY)[0] == "20:00"
    assert why(question, f"{MONDAY} 01:00") == ("resource_unavailable",)


# The processing gap


def test_somebody_else_is_served_while_the_colour_takes():
    colour = service(90, gap=(30, 70))
    rulebook = salon(daily("10:00-12:00"), grid=10)
    between = {"amal": [span("10:30", "11:10")]}

    assert why(ask(rulebook, colour, busy=between), "10:00") == ()
    assert why(ask(rulebook, colour, busy=between), "10:10") == ("slot_unavailable",)
    assert why(ask(rulebook, colour, busy={"amal": [span("10:29", "10:31")]}), "10:00") == (
        "slot_unavailable",
    )
    assert why(ask(rulebook, colour, busy={"amal": [span("11:09", "11:11")]}), "10:00") == (
        "slot_unavailable",
    )
    assert times(
        ask(rulebook, service(40), busy={"amal": [span("10:00", "10:30"), span("11:10", "12:00")]})
    ) == ["10:30"]


def test_the_room_stays_taken_and_the_buffers_stay_outside_during_the_gap():
    steps = [service(90, before=5, after=10, gap=(30, 70), using=[things("room")])]

    assert claims(steps, [("amal", "room")], at("10:00")) == [
        ("amal", span("09:55", "10:30")),
        ("room", span("09:55", "11:40")),
        ("amal", span("11:10", "11:40")),
    ]
    assert why(
        ask(salon(daily("10:00-12:00")), *steps, busy={"room": [span("10:40", "10:50")]}), "10:00"
    ) == ("resource_unavailable",)


def test_nobody_leaves_work_during_the_gap():
    rulebook = salon(daily("10:00-12:00"), closures=[closed("10:40", "10:50", "amal")])

    assert why(ask(rulebook, service(90, gap=(30, 70))), "10:00") == ("staff_unavailable",)


def test_the_customer_is_there_for_the_gap():
    question = ask(
        salon(daily("10:00-12:00")), service(90, gap=(30, 70)), customer_busy=[span("10:40", "10:50")]
    )

    assert why(question, "10:00") == ("booking_overlap",)


# Limits of a day


def test_who_has_reached_the_limit_of_a_day_is_not_offered_on_it():
    rulebook = salon(daily("10:00-11:00"))
    question = ask(rulebook, service(60, "amal", "badr"), full_days={"amal": [SUNDAY]})

    assert staff_of(question) == [(("badr",),)]
    assert staff_of(question, MONDAY) == [(("amal", "badr"),)]


def test_a_day_on_which_everyone_reached_the_limit_is_full():
    rulebook = salon(daily("10:00-11:00"), closures=[closed("10:00", "11:00", "dana")])
    question = ask(
        rulebook,
        service(60, "amal", "dana"),
        full_days={"amal": [SUNDAY]},
        busy={"amal": [span("10:00", "11:00")]},
    )

    assert why(question, "10:00") == ("day_full",)


def test_one_at_the_limit_and_the_other_taken_leaves_the_slot_unavailable():
    question = ask(
        salon(daily("10:00-11:00")),
        service(60, "amal", "badr"),
        full_days={"amal": [SUNDAY]},
        busy={"badr": [span("10:00", "11:00")]},
    )

    assert why(question, "10:00") == ("slot_unavailable",)


def test_a_full_day_is_the_business_date_and_lasts_past_midnight_in_the_salons_zone():
    question = ask(salon(daily("20:00-26:00")), full_days={"amal": [SUNDAY]})

    assert times(question, SUNDAY) == ["00:00", "00:30", "01:00"]  # of Saturday's evening
    assert why(question, f"{MONDAY} 01:00") == ("day_full",)
    assert times(question, MONDAY)[0] == "20:00"


# A service's own notice and furthest day


def test_a_service_has_its_own_notice_and_furthest_day():
    rulebook = salon(daily("10:00-14:00"), notice=0, horizon=0)
    now = f"{SUNDAY} 10:00"

    assert times(ask(rulebook, now=now, notice_minutes=90)) == ["11:30", "12:00", "12:30", "13:00"]
    assert why(ask(rulebook, now=now), f"{MONDAY} 10:00") == ("too_far",)
    assert why(ask(rulebook, now=now, horizon_days=1), f"{MONDAY} 10:00") == ()
    assert why(ask(salon(daily("10:00-14:00"), notice=90), now=now, notice_minutes=0), "10:00") == ()


# Prayer pauses


def pausing(starts: str, ends: str):
    return lambda day: [(at(f"{day} {starts}"), at(f"{day} {ends}"))]


def test_a_visit_fits_before_or_after_a_prayer_pause():
    question = ask(salon(daily("10:00-14:00"), pauses=pausing("11:45", "12:15")))

    assert times(question) == ["10:00", "10:30", "12:30", "13:00"]
    assert why(question, "11:00") == why(question, "12:00") == ("prayer_break",)


def test_the_whole_visit_keeps_out_of_a_pause_unless_services_may_span_it():
    rules = {"pauses": pausing("11:45", "12:15"), "services_may_span_pauses": True}
    question = ask(salon(daily("10:00-14:00"), grid=15, **rules), service(30), service(30, "badr"))

    refused = [start for start in ("11:00", "11:30", "11:45", "12:00", "12:15") if why(question, start)]

    assert refused == ["11:45", "12:00"]


def test_buffers_may_run_into_a_pause():
    question = ask(
        salon(daily("10:00-14:00"), pauses=pausing("12:00", "12:30")), service(60, before=30, after=30)
    )

    assert times(question) == ["10:00", "10:30", "11:00", "12:30", "13:00"]


# Overrides


def test_an_override_shrinks_extends_or_closes_one_date():
    rulebook = salon(
        daily("10:00-13:00"),
        salon_overrides={SATURDAY: [(11 * 60, 12 * 60)], SUNDAY: [(9 * 60 + 10, 14 * 60)], MONDAY: []},
    )
    question = ask(rulebook)

    assert times(question, SATURDAY) == ["11:00"]
    assert times(question, SUNDAY)[:2] == ["09:10", "09:40"]
    assert times(question, SUNDAY)[-1] == "12:40"
    assert why(question, f"{MONDAY} 10:00") == ("salon_closed",)
    assert times(question, TUESDAY) == ["10:00", "10:30", "11:00", "11:30", "12:00"]


def test_overlapping_hours_of_an_override_keep_the_first_ones_grid():
    rulebook = salon([], salon_overrides={SUNDAY: [(11 * 60 + 10, 13 * 60), (10 * 60, 11 * 60 + 30)]})

    assert times(ask(rulebook)) == ["10:00", "10:30", "11:00", "11:40"]


def test_an_override_of_one_person_replaces_their_hours_of_that_date_only():
    rulebook = salon(
        daily("10:00-13:00"),
        staff={"badr": daily("10:00-11:00")},
        staff_overrides={"amal": {SUNDAY: []}, "badr": {SUNDAY: [(12 * 60, 13 * 60)]}},
    )
    question = ask(rulebook, service(60, "amal", "badr"))

    assert times(question, SUNDAY) == ["12:00"]
    assert why(question, "10:00") == ("staff_unavailable",)
    assert staff_of(question, MONDAY)[0] == (("amal", "badr"),)


def test_tomorrows_override_or_closure_does_not_cut_the_shift_of_this_evening():
    for rules in (
        {"salon_overrides": {MONDAY: []}},
        {"closures": [ClosedDays(MONDAY, MONDAY)]},
        {"staff_overrides": {"amal": {MONDAY: []}}},
        {"closures": [ClosedDays(MONDAY, MONDAY, subject="amal")]},
    ):
        question = ask(salon(daily("22:00-26:00"), **rules))
        assert times(question, MONDAY) == ["00:00", "00:30", "01:00"]
        assert times(question, TUESDAY)[0] == "22:00"


# Past midnight, as the facts have it


def test_thursday_from_16_for_ten_hours_goes_on_after_midnight_as_thursday():
    thursday, friday = date(2026, 2, 19), date(2026, 2, 20)
    question = ask(salon(daily("16:00-26:00", weekdays=[4])))

    found = {slot.starts: slot.business_date for slot in slots(question, from_date=friday, days=1)}

    assert found == {at(f"{friday} {start}"): thursday for start in ("00:00", "00:30", "01:00")}
    assert times(question, thursday)[0] == "16:00"


def test_the_list_of_a_day_brings_the_overflow_of_the_day_before_and_leaves_its_own_to_the_next():
    question = ask(salon(daily("22:00-26:00")))

    brief = listing(question, from_date=SUNDAY, days=1)

    assert [day for _, day, _ in brief] == [SATURDAY] * 3 + [SUNDAY] * 4
    assert brief + listing(question, from_date=MONDAY, days=1) == listing(question, from_date=SUNDAY, days=2)


# Many rules at once, and asking again


def test_a_season_a_closure_and_a_pause_leave_what_all_of_them_allow():
    rulebook = salon(
        daily("10:00-22:00"),
        seasons=[Season(frozenset([SUNDAY]), daily("13:00-17:00", "21:00-26:00"))],
        closures=[ClosedWeekly(7, 13 * 60, 14 * 60)],
        pauses=pausing("15:20", "15:50"),
    )

    assert times(ask(rulebook, service(60))) == [
        "14:00",
        "16:00",
        "21:00",
        "21:30",
        "22:00",
        "22:30",
        "23:00",
        "23:30",
    ]


def test_a_rulebook_asked_again_answers_each_question_for_itself():
    rulebook = salon(daily("10:00-12:00"))

    assert times(ask(rulebook, service(60))) == ["10:00", "10:30", "11:00"]
    assert times(ask(rulebook, service(90))) == ["10:00", "10:30"]
    assert times(ask(rulebook, service(60), busy={"amal": [span("10:00", "11:00")]})) == ["11:00"]
    assert times(ask(rulebook, service(30, "badr"), service(60))) == ["10:00", "10:30"]


def test_more_days_and_questions_than_are_kept_change_no_answer():
    rulebook = salon(daily("10:00-11:00"), zone=BERLIN)
    first = listing(ask(rulebook), from_date=SUNDAY, days=3)

    for ahead in range(100):
        assert len(listing(ask(rulebook), from_date=SUNDAY + timedelta(days=ahead), days=1)) == 1

    assert listing(ask(rulebook), from_date=SUNDAY, days=3) == first


def test_what_is_kept_is_bounded_for_all_salons_together():
    """Anybody may ask about any days of any salon: what stays of that must not grow with either."""
    salons = [salon(daily("10:00-11:00")) for _ in range(30)]
    days = [SUNDAY + timedelta(days=ahead) for ahead in range(60)]
    asked = [weakref.ref(rulebook.grounds.days(day, 1)) for rulebook in salons for day in days]

    assert sum(ground() is not None for ground in asked) <= 1024


def test_equal_answers_of_the_list_are_one_and_the_same_tuple():
    brief = listing(ask(salon(daily("10:00-20:00")), service(60, "amal", "badr")), from_date=SUNDAY, days=7)

    assert len(brief) == 7 * 19
    assert len({id(who) for _, _, who in brief}) == 1


@pytest.mark.parametrize("span_days", [1, 40])
def test_a_claim_of_many_days_takes_every_start_within_it(span_days):
    begins = at(f"{SUNDAY} 11:00") - span_days * 1440
    question = ask(
        salon(daily("10:00-12:00")),
        service(30),
        busy={"amal": [(begins, at(f"{SUNDAY} 11:00")), (at(f"{MONDAY} 10:30"), begins + 80 * 1440)]},
    )

    assert times(question, SUNDAY) == ["11:00", "11:30"]
    assert times(question, MONDAY) == ["10:00"]
    assert explain(question, at(f"{MONDAY} 11:00")) == ("slot_unavailable",)


def test_a_visit_that_needs_the_same_person_twice_may_be_given_by_them():
    question = ask(salon(daily("10:00-11:00")), Step(30, [people("amal")]), Step(30, [people("amal")]))

    assert assign(question, at("10:00")) == (("amal",), ("amal",))
