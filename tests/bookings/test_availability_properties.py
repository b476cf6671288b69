"""Random salons against a slow reference that walks the wall clock minute by minute.

The reference shares nothing with the engine: no bit-sets, no wall times turned into moments, no arithmetic on
windows. It reads the clock of every minute, remembers the latest time the clock has shown, and asks plain
questions about single minutes. `AVAILABILITY_EXAMPLES` raises the number of salons tried.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.bookings.availability import (
    Question,
    Slot,
    Step,
    WeeklyWindow,
    assign,
    choose,
    claims,
    compile_rulebook,
    explain,
    moment_of,
    reach,
    slots,
    starts_on,
)

EXAMPLES = int(os.environ.get("AVAILABILITY_EXAMPLES", "40"))
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
ORDER = [
    "service_unavailable",
    "past_time",
    "too_soon",
    "too_far",
    "salon_closed",
    "outside_hours",
    "not_on_grid",
    "staff_unavailable",
    "slot_unavailable",
    "booking_overlap",
]

Window = tuple[int, int, int]
Span = tuple[int, int]


@dataclass
class Scene:
    """A salon, a wish and the state of the world, plainly. Windows are (weekday, opens, closes)."""

    zone: ZoneInfo
    day: date
    grid: int
    notice: int
    horizon: int
    now: int
    salon: list[Window]
    own: dict[str, list[Window]]
    steps: list[Step[str]]
    busy: dict[str, list[Span]] = field(default_factory=dict)
    away: dict[str, list[Span]] = field(default_factory=dict)
    closures: list[Span] = field(default_factory=list)
    customer_busy: list[Span] = field(default_factory=list)

    def question(self) -> Question[str]:
        return Question(
            rulebook=compile_rulebook(
                zone=self.zone,
                grid_minutes=self.grid,
                notice_minutes=self.notice,
                horizon_days=self.horizon,
                salon_windows=[WeeklyWindow(*window) for window in self.salon],
                staff_windows={who: [WeeklyWindow(*w) for w in windows] for who, windows in self.own.items()},
            ),
            steps=self.steps,
            now=self.now,
            busy=self.busy,
            away=self.away,
            closures=self.closures,
            customer_busy=self.customer_busy,
        )


class Reference:
    """Says of any minute of one day what a patient person with a wall clock would say."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        noon = int(datetime.combine(scene.day, datetime.min.time(), scene.zone).timestamp()) // 60 + 720
        self.minutes = range(noon - 4 * 1440, noon + 3 * 1440)
        self.clock: dict[int, datetime] = {}
        self.latest_shown: dict[int, datetime] = {}
        latest = datetime.min
        for minute in self.minutes:
            self.clock[minute] = datetime.fromtimestamp(minute * 60, scene.zone).replace(tzinfo=None)
            latest = max(latest, self.clock[minute])
            self.latest_shown[minute] = latest
        self.salon_windows = self.open_windows(scene.salon)
        self.own_windows = {who: self.open_windows(windows) for who, windows in scene.own.items()}
        self.closed = self.covered(scene.closures)
        self.engaged = self.covered(scene.customer_busy)
        self.taken = {who: self.covered(scene.busy.get(who, [])) for who in STAFF}
        self.away = {who: self.covered(scene.away.get(who, [])) for who in STAFF}
        self.length = sum(step.duration for step in scene.steps)

    @cached_property
    def day(self) -> list[int]:
        return [minute for minute in self.minutes if self.clock[minute].date() == self.scene.day]

    def covered(self, spans: list[Span]) -> set[int]:
        return {minute for starts, ends in spans for minute in range(starts, ends)}

    def open_windows(self, windows: list[Window]) -> dict[int, list[tuple[date, int]]]:
        """Every open minute, with the windows it lies in as (day of the window, minute the window opened)."""
        found: dict[int, list[tuple[date, int]]] = {}
        for back in range(-4, 4):
            day = self.scene.day + timedelta(days=back)
            for weekday, opens, closes in sorted(windows):
                if day.isoweekday() != weekday:
                    continue
                midnight = datetime(day.year, day.month, day.day)
                opens_at = midnight + timedelta(minutes=opens)
                closes_at = midnight + timedelta(minutes=closes)
                opened = None
                for minute in self.minutes:
                    if opens_at <= self.latest_shown[minute] < closes_at:
                        opened = minute if opened is None else opened
                        found.setdefault(minute, []).append((day, opened))
        return found

    def visit(self, start: int) -> range:
        return range(start, start + self.length)

    def working(self, who: str, minute: int) -> bool:
        on_duty = who not in self.own_windows or minute in self.own_windows[who]
        return on_duty and minute not in self.away[who]

    def each_step(self, start: int) -> list[tuple[list[str], list[str]]]:
        """For each step, the candidates who work then, and those of them who are free."""
        answer = []
        for step in self.scene.steps:
            ends = start + step.duration
            claim = range(start - step.buffer_before, ends + step.buffer_after)
            works = [w for w in step.candidates if all(self.working(w, m) for m in range(start, ends))]
            free = [w for w in works if all(m not in self.taken[w] for m in claim)]
            answer.append((works, free))
            start = ends
        return answer

    def business_date(self, start: int) -> date:
        windows = self.salon_windows.get(start)
        return windows[0][0] if windows else self.clock[start].date()

    def reasons(self, start: int) -> tuple[str, ...]:
        scene, windows = self.scene, self.salon_windows.get(start)
        said = set()
        if any(not step.candidates for step in scene.steps):
            said.add("service_unavailable")
        if start < scene.now:
            said.add("past_time")
        elif start < scene.now + scene.notice:
            said.add("too_soon")
        today = datetime.fromtimestamp(scene.now * 60, scene.zone).date()
        if (self.business_date(start) - today).days > scene.horizon:
            said.add("too_far")
        weekdays = {weekday for weekday, _, _ in scene.salon}
        never_opens = not windows and self.clock[start].isoweekday() not in weekdays
        if never_opens or any(minute in self.closed for minute in self.visit(start)):
            said.add("salon_closed")
        if not never_opens and any(minute not in self.salon_windows for minute in self.visit(start)):
            said.add("outside_hours")
        if windows and (start - windows[0][1]) % scene.grid:
            said.add("not_on_grid")
        for step, (works, free) in zip(scene.steps, self.each_step(start), strict=True):
            if step.candidates and not works:
                said.add("staff_unavailable")
            if works and not free:
                said.add("slot_unavailable")
        if any(minute in self.engaged for minute in self.visit(start)):
            said.add("booking_overlap")
        return tuple(reason for reason in ORDER if reason in said)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    name, day = draw(st.sampled_from(DAYS))
    zone = ZoneInfo(name)
    base = int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) // 60

    def windows(weekdays: list[int], most: int) -> st.SearchStrategy[list[Window]]:
        opening = st.tuples(
            st.sampled_from(weekdays),
            st.one_of(st.sampled_from([0, 120, 540, 600, 1080, 1320]), st.integers(0, 1439)),
            st.one_of(st.sampled_from([60, 240, 600, 720]), st.integers(1, 1500)),
        )
        closed = opening.map(lambda window: (window[0], window[1], min(window[1] + window[2], 2160)))
        return st.lists(closed, max_size=most)

    near = [(day + timedelta(days=back)).isoweekday() for back in (0, -1, 1)]
    spans = st.lists(
        st.tuples(st.integers(-200, 1600), st.integers(1, 200)).map(
            lambda s: (base + s[0], base + s[0] + s[1])
        ),
        max_size=4,
    )
    rarely = st.one_of(st.just([]), spans)
    service = st.builds(
        Step,
        duration=st.one_of(st.sampled_from([15, 30, 45]), st.integers(1, 70)),
        candidates=st.sampled_from(
            [
                STAFF,
                STAFF,
                STAFF[::-1],
                ["amal"],
                ["badr"],
                ["dana", "amal"],
                ["badr", "dana"],
                ["amal", "badr"],
                [],
            ]
        ),
        buffer_before=st.sampled_from([0, 0, 5, 17, 90]),
        buffer_after=st.sampled_from([0, 0, 10, 23, 90]),
    )
    return Scene(
        zone=zone,
        day=day,
        grid=draw(st.sampled_from([1, 5, 7, 15, 30, 60])),
        notice=draw(st.sampled_from([0, 0, 0, 30, 600, 4000])),
        horizon=draw(st.sampled_from([0, 1, 2, 3, 60])),
        now=base + draw(st.one_of(st.integers(-1500, -1), st.integers(-3000, 1500))),
        salon=draw(windows(near, 5)),
        own={
            who: draw(windows(near, 4))
            for who in draw(st.lists(st.sampled_from(STAFF), unique=True, max_size=2))
        },
        steps=draw(st.lists(service, min_size=1, max_size=3)),
        busy={who: draw(spans) for who in STAFF},
        away={who: draw(rarely) for who in STAFF},
        closures=draw(rarely),
        customer_busy=draw(rarely),
    )


def overlapping(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


@thorough
@given(scenes())
def test_every_minute_of_a_day_is_offered_explained_and_accepted_alike(scene: Scene) -> None:
    reference, question = Reference(scene), scene.question()
    assert starts_on(scene.zone, from_date=scene.day, days=1) == (reference.day[0], reference.day[-1] + 1)

    offered = {slot.starts: slot for slot in slots(question, from_date=scene.day, days=1)}

    assert list(offered) == sorted(offered)
    assert set(offered) <= set(reference.day)
    for minute in reference.day:
        reasons = explain(question, minute)
        assert reasons == reference.reasons(minute), moment_of(minute).astimezone(scene.zone)
        assert (minute in offered) == (not reasons)
        if minute in offered:
            assert offered[minute] == Slot(
                starts=minute,
                ends=minute + reference.length,
                business_date=reference.business_date(minute),
                staff=tuple(tuple(free) for _, free in reference.each_step(minute)),
            )


@thorough
@given(scenes(), st.permutations(STAFF), st.booleans())
def test_a_visit_finds_staff_exactly_where_it_is_offered(scene: Scene, liked: list[str], picky: bool) -> None:
    question = scene.question()
    rank = liked.index if picky else None
    offered = {slot.starts: slot for slot in slots(question, from_date=scene.day, days=1)}

    for minute in range(*starts_on(scene.zone, from_date=scene.day, days=1)):
        chosen = assign(question, minute, rank)
        assert (chosen is not None) == (minute in offered)
        if chosen is None:
            continue
        assert chosen == choose(offered[minute].staff, rank)
        for who, able in zip(chosen, offered[minute].staff, strict=True):
            assert who in able
            assert rank is None or rank(who) == min(map(rank, able))
        taken = claims(scene.steps, chosen, minute)
        for position, (who, span) in enumerate(taken):
            assert not any(overlapping(span, other) for other in scene.busy[who])
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
@given(scenes())
def test_nothing_beyond_reach_changes_the_answer(scene: Scene) -> None:
    begins, ends = reach(scene.steps, starts_on(scene.zone, from_date=scene.day, days=1))
    beyond = [(begins - 500, begins), (ends, ends + 500)]
    expected = slots(scene.question(), from_date=scene.day, days=1)

    scene.busy = {who: spans + beyond for who, spans in scene.busy.items()}
    scene.away = {who: spans + beyond for who, spans in scene.away.items()}
    scene.closures = scene.closures + beyond
    scene.customer_busy = scene.customer_busy + beyond

    assert slots(scene.question(), from_date=scene.day, days=1) == expected


@given(st.lists(st.lists(st.sampled_from(STAFF), unique=True, min_size=1), min_size=1, max_size=5))
def test_the_customer_changes_hands_as_seldom_as_possible(staff: list[list[str]]) -> None:
    fewest = dict.fromkeys(staff[0], 0)
    for able in staff[1:]:
        fewest = {who: min(n + (who != other) for other, n in fewest.items()) for who in able}

    chosen = choose(staff)

    changes = sum(one != other for one, other in pairwise(chosen))
    assert changes == min(fewest.values())
