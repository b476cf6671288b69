"""Random salons with every kind of rule, against the slow reference. `AVAILABILITY_EXAMPLES` raises their number."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from backend.bookings.availability import (
    Need,
    NeedKind,
    Slot,
    Step,
    assign,
    choose,
    claims,
    explain,
    listing,
    moment_of,
    offer,
    reach,
    settled_since,
    slots,
    starts_on,
)
from backend.salons.timetable import ClosedDays, ClosedMoments, ClosedWeekly, Season, WeeklyWindow
from tests.bookings.reference import Reference, Scene

EXAMPLES = int(os.environ.get("AVAILABILITY_EXAMPLES", "100"))
thorough = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

DAYS = [
    ("Asia/Riyadh", date(2026, 2, 22)),
    ("Asia/Riyadh", date(2026, 3, 1)),
    ("Asia/Kolkata", date(2026, 2, 23)),
    ("Europe/Berlin", date(2026, 3, 29)),  # 02:00 becomes 03:00
    ("Europe/Berlin", date(2026, 10, 25)),  # 03:00 becomes 02:00
    ("Australia/Lord_Howe", date(2026, 10, 4)),  # 02:00 becomes 02:30
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # 02:00 becomes 01:30
    ("Africa/Cairo", date(2026, 4, 24)),  # midnight becomes 01:00
    ("Africa/Cairo", date(2026, 10, 29)),  # midnight becomes 23:00 of the day that just ended
]
STAFF = ["amal", "badr", "dana"]
ROOMS = ["room 1", "room 2"]
CHAIR = ["chair"]

minutes = st.tuples(
    st.one_of(st.sampled_from([0, 120, 540, 600, 600, 1080, 1320]), st.integers(0, 1439)),
    st.one_of(st.sampled_from([60, 240, 600, 720]), st.integers(1, 1500)),
).map(lambda drawn: (drawn[0], min(drawn[0] + drawn[1], 2160)))

staff_needs = st.sampled_from(
    [STAFF, STAFF, STAFF, STAFF[::-1], ["amal"], ["badr"], ["dana", "amal"], ["badr", "dana"], []]
).map(lambda who: Need(NeedKind.STAFF, who))
rooms = st.sampled_from([ROOMS, ROOMS, ROOMS[::-1], ["room 1"], []]).map(lambda r: Need(NeedKind.RESOURCE, r))
chairs = st.just(Need(NeedKind.RESOURCE, CHAIR))
needs = st.one_of(
    st.tuples(staff_needs),
    st.tuples(staff_needs, rooms),
    st.tuples(rooms, staff_needs, chairs),
    st.tuples(rooms),
)


@st.composite
def services(draw: st.DrawFn) -> Step[str]:
    duration = draw(st.one_of(st.sampled_from([15, 30, 45]), st.integers(1, 70)))
    gap = None
    if duration > 2 and draw(st.booleans()):
        starts = draw(st.one_of(st.just(1), st.integers(1, duration - 2)))
        gap = (starts, draw(st.one_of(st.just(duration - 1), st.integers(starts + 1, duration - 1))))
    return Step(
        duration,
        draw(needs),
        buffer_before=draw(st.sampled_from([0, 0, 5, 17, 90])),
        buffer_after=draw(st.sampled_from([0, 0, 10, 23, 90])),
        gap=gap,
    )


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    name, day = draw(st.sampled_from(DAYS))
    zone = ZoneInfo(name)
    base = int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) // 60
    dates = [day + timedelta(days=ahead) for ahead in (0, 0, -1, 1)]
    some_date = st.sampled_from(dates)

    def rarely(strategy: st.SearchStrategy[Any]) -> Any:
        """Nothing in half of the scenes: where everything is forbidden little can be learnt."""
        return draw(strategy) if draw(st.booleans()) else {}

    def windows(most: int) -> st.SearchStrategy[list[WeeklyWindow]]:
        return st.lists(
            st.builds(lambda d, m: WeeklyWindow(d.isoweekday(), *m), some_date, minutes), max_size=most
        )

    lengths = st.one_of(st.sampled_from([1, 5, 15, 30]), st.integers(1, 200))
    span = st.tuples(st.integers(-200, 1600), lengths).map(
        lambda drawn: (base + drawn[0], base + drawn[0] + drawn[1])
    )
    spans = st.lists(span, max_size=4)
    taken = st.lists(span, min_size=1, max_size=6)

    def pauses_of(one: date) -> st.SearchStrategy[list[tuple[int, int]]]:
        """A few on a day, the last of which may end on the next."""
        midnight = int(datetime(one.year, one.month, one.day, tzinfo=zone).timestamp()) // 60
        pause = st.tuples(st.integers(0, 1320), st.integers(1, 200))
        return st.lists(pause.map(lambda drawn: (midnight + drawn[0], midnight + sum(drawn))), max_size=4)

    subjects = st.sampled_from([None, *STAFF, *ROOMS, *CHAIR])
    around = st.tuples(some_date, some_date).map(sorted)
    closures = st.one_of(
        st.builds(lambda s, who: ClosedMoments(*s, subject=who), span, subjects),
        st.builds(lambda d, who: ClosedDays(*d, subject=who), around, subjects),
        st.builds(
            lambda d, m, between, who: ClosedWeekly(
                d.isoweekday(), m[0], min(m[1], m[0] + 240), *between, subject=who
            ),
            some_date,
            minutes,
            st.one_of(st.just((None, None)), around, some_date.map(lambda d: (d, None))),
            subjects,
        ),
    )
    overrides = st.dictionaries(some_date, st.lists(minutes, max_size=2), max_size=2)
    seasons = st.builds(
        Season,
        st.sets(some_date, min_size=1).map(frozenset),
        windows(5),
        st.dictionaries(st.sampled_from(STAFF), windows(3), max_size=2),
    )
    usual = [WeeklyWindow(d.isoweekday(), 600, 1500) for d in dates[1:]]
    return Scene(
        zone=zone,
        day=day,
        grid=draw(st.sampled_from([1, 5, 7, 15, 30, 60])),
        notice=draw(st.sampled_from([0, 0, 0, 30, 600, 4000])),
        horizon=draw(st.sampled_from([1, 2, 3, 60, 60, 0])),
        now=base + draw(st.one_of(st.integers(-1500, -1), st.integers(-3000, 1500))),
        salon=draw(st.one_of(st.just(usual), windows(5))),
        own=rarely(st.dictionaries(st.sampled_from(STAFF), windows(4), max_size=2)),
        steps=draw(st.lists(services(), min_size=1, max_size=3)),
        salon_overrides=rarely(overrides),
        staff_overrides=rarely(st.dictionaries(st.sampled_from(STAFF), overrides, max_size=2)),
        seasons=list(rarely(st.lists(seasons, max_size=2))),
        closures=list(rarely(st.lists(closures, max_size=4))),
        pauses=rarely(
            st.sets(some_date).flatmap(
                lambda days: st.fixed_dictionaries({one: pauses_of(one) for one in days})
            )
        ),
        may_span_pauses=draw(st.booleans()),
        busy=draw(st.dictionaries(st.sampled_from([*STAFF, *ROOMS, *CHAIR]), taken)),
        customer_busy=list(rarely(spans)),
        full_days=rarely(st.dictionaries(st.sampled_from(STAFF), st.lists(some_date, max_size=2))),
        service_notice=draw(st.sampled_from([None, None, 0, 45])),
        service_horizon=draw(st.sampled_from([None, None, 0, 30])),
    )


def overlapping(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


@thorough
@given(scenes())
def test_every_minute_of_a_day_is_offered_explained_and_accepted_alike(scene: Scene) -> None:
    reference, question = Reference(scene), scene.question()
    assert starts_on(scene.zone, from_date=scene.day, days=1) == (reference.day[0], reference.day[-1] + 1)

    offered = {slot.starts: slot for slot in slots(question, from_date=scene.day, days=1)}

    event("something is offered" if offered else "nothing is offered")
    assert list(offered) == sorted(offered)
    assert set(offered) <= set(reference.day)
    for minute in reference.day:
        reasons = explain(question, minute)
        assert reasons == reference.reasons(minute), moment_of(minute).astimezone(scene.zone)
        assert (minute in offered) == (not reasons)
        if minute in offered or minute % 20 == 0:
            assert offer(question, minute) == offered.get(minute)
        if minute in offered:
            assert offered[minute] == Slot(
                starts=minute,
                ends=minute + reference.length,
                business_date=reference.business_date(minute),
                able=tuple(
                    tuple(tuple(free) for _, _, free in needs) for needs in reference.each_need(minute)
                ),
            )


@thorough
@given(scenes(), st.permutations([*STAFF, *ROOMS, *CHAIR]), st.booleans())
def test_what_is_chosen_for_an_offered_start_is_free_and_never_clashes(
    scene: Scene, liked: list[str], picky: bool
) -> None:
    question = scene.question()
    rank = liked.index if picky else None

    for slot in slots(question, from_date=scene.day, days=1):
        chosen = assign(question, slot.starts, rank)
        assert chosen == choose(slot.able, rank)
        for step, picked, able in zip(scene.steps, chosen, slot.able, strict=True):
            assert len(picked) == len(step.needs)
            for who, candidates in zip(picked, able, strict=True):
                assert who in candidates
                assert rank is None or rank(who) == min(map(rank, candidates))
        taken = claims(scene.steps, chosen, slot.starts)
        assert taken == sorted(taken, key=lambda claim: claim[1])
        for position, (who, span) in enumerate(taken):
            assert not any(overlapping(span, other) for other in scene.busy.get(who, []))
            assert not any(who == other and overlapping(span, during) for other, during in taken[:position])


@thorough
@given(scenes(), st.integers(2, 5))
def test_several_days_are_the_days_one_after_another(scene: Scene, days: int) -> None:
    question = scene.question()
    one_by_one = [
        slot
        for ahead in range(days)
        for slot in slots(question, from_date=scene.day + timedelta(days=ahead), days=1)
    ]

    assert slots(question, from_date=scene.day, days=days) == one_by_one


@thorough
@given(scenes(), st.integers(1, 31))
def test_the_brief_list_tells_the_same_starts_days_and_people(scene: Scene, days: int) -> None:
    question = scene.question()
    first = next(
        (
            (number, position)
            for number, step in enumerate(scene.steps)
            for position, need in enumerate(step.needs)
            if need.kind is NeedKind.STAFF
        ),
        None,
    )

    brief = listing(question, from_date=scene.day, days=days)

    assert brief == [
        (slot.starts, slot.business_date, slot.able[first[0]][first[1]] if first else ())
        for slot in slots(question, from_date=scene.day, days=days)
    ]


@thorough
@given(scenes(), st.integers(1, 31))
def test_a_list_stays_as_it_is_since_the_minute_it_is_settled(scene: Scene, days: int) -> None:
    question = scene.question()
    notice = scene.notice if scene.service_notice is None else scene.service_notice
    since = settled_since(
        question.rulebook, now=scene.now, notice_minutes=notice, from_date=scene.day, days=days
    )
    event("settled before" if since < scene.now else "settled only now")
    assert since <= scene.now
    assert listing(replace(question, now=since), from_date=scene.day, days=days) == listing(
        question, from_date=scene.day, days=days
    )


@thorough
@given(scenes())
def test_nothing_beyond_reach_changes_the_answer(scene: Scene) -> None:
    begins, ends = reach(scene.steps, starts_on(scene.zone, from_date=scene.day, days=1))
    beyond = [(begins - 500, begins), (ends, ends + 500)]
    expected = slots(scene.question(), from_date=scene.day, days=1)

    scene.busy = {who: scene.busy.get(who, []) + beyond for who in [*STAFF, *ROOMS, *CHAIR]}
    scene.customer_busy = scene.customer_busy + beyond

    assert slots(scene.question(), from_date=scene.day, days=1) == expected


@thorough
@given(scenes())
def test_the_timetable_says_open_exactly_where_the_rules_do(scene: Scene) -> None:
    reference, timetable = Reference(scene), scene.question().rulebook.timetable
    open_minutes = {m for m in reference.open_windows if m not in reference.closed}
    served = [minute for minute in reference.day if minute in open_minutes and minute not in reference.paused]

    assert [minute for minute in reference.day if timetable.is_open_at(minute)] == served
    assert [timetable.business_date(m) for m in reference.day] == [
        reference.business_date(m) for m in reference.day
    ]
    shown = {m for starts, ends in timetable.openings(scene.day) for m in range(starts, ends)}
    assert shown == {m for m in open_minutes if reference.business_date(m) == scene.day}
    assert timetable.closed_all_day(scene.day) == (not shown)
    if served:
        assert timetable.next_opening(reference.day[0]) == served[0]


@given(st.lists(st.lists(st.sampled_from(STAFF), unique=True, min_size=1), min_size=1, max_size=5))
def test_the_customer_changes_hands_as_seldom_as_possible(staff: list[list[str]]) -> None:
    fewest = dict.fromkeys(staff[0], 0)
    for able in staff[1:]:
        fewest = {who: min(n + (who != other) for other, n in fewest.items()) for who in able}

    chosen = choose([[able] for able in staff])

    changes = sum(one != other for one, other in pairwise(chosen))
    assert changes == min(fewest.values())
