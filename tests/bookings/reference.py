"""What a patient person with a wall clock and the salon's rules would say of any minute of one day.

Slow and obvious on purpose, to be compared with the engine: no sets of bits, no wall times turned into moments, no
arithmetic on windows. It reads the clock of every minute, remembers the latest time the clock has shown, and asks
plain questions about single minutes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from backend.bookings.availability import NeedKind, Question, Rulebook, Step
from backend.salons.timetable import (
    ClosedDays,
    ClosedMoments,
    ClosedWeekly,
    Closure,
    Season,
    WeeklyWindow,
    compile_timetable,
)

ORDER = [
    "service_unavailable",
    "past_time",
    "too_soon",
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
]

Hours = tuple[int, int]
Span = tuple[int, int]


@dataclass
class Scene:
    """A salon, a wish and the state of the world, plainly."""

    zone: ZoneInfo
    day: date
    grid: int
    notice: int
    horizon: int
    now: int
    salon: list[WeeklyWindow]
    steps: list[Step[str]]
    own: dict[str, list[WeeklyWindow]] = field(default_factory=dict)
    salon_overrides: dict[date, list[Hours]] = field(default_factory=dict)
    staff_overrides: dict[str, dict[date, list[Hours]]] = field(default_factory=dict)
    seasons: list[Season[str]] = field(default_factory=list)
    closures: list[Closure[str]] = field(default_factory=list)
    pauses: dict[date, list[Span]] = field(default_factory=dict)
    may_span_pauses: bool = False
    busy: dict[str, list[Span]] = field(default_factory=dict)
    customer_busy: list[Span] = field(default_factory=list)
    full_days: dict[str, list[date]] = field(default_factory=dict)
    service_notice: int | None = None
    service_horizon: int | None = None

    def question(self) -> Question[str]:
        timetable = compile_timetable(
            zone=self.zone,
            salon_windows=self.salon,
            staff_windows=self.own,
            salon_overrides=self.salon_overrides,
            staff_overrides=self.staff_overrides,
            seasons=self.seasons,
            closures=self.closures,
            pauses=lambda day: self.pauses.get(day, []),
            services_may_span_pauses=self.may_span_pauses,
        )
        return Question(
            Rulebook(timetable, self.grid, self.notice, self.horizon),
            self.steps,
            now=self.now,
            busy=self.busy,
            customer_busy=self.customer_busy,
            full_days=self.full_days,
            notice_minutes=self.service_notice,
            horizon_days=self.service_horizon,
        )


@lru_cache(maxsize=64)
def clocks(zone: ZoneInfo, day: date) -> dict[int, datetime]:
    """The latest time the wall clock has shown by each minute, from three days before noon of a day to two after."""
    noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=zone).timestamp()) // 60
    shown = {}
    latest = datetime.min
    for minute in range(noon - 3 * 1440, noon + 2 * 1440):
        latest = max(latest, datetime.fromtimestamp(minute * 60, zone).replace(tzinfo=None))
        shown[minute] = latest
    return shown


class Reference:
    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.clock = clocks(scene.zone, scene.day)
        self.minutes_of: dict[date, list[int]] = {}
        for minute, shown in self.clock.items():
            self.minutes_of.setdefault(shown.date(), []).append(minute)
        self.dates = sorted(self.minutes_of)
        self.length = sum(step.duration for step in scene.steps)
        self.engaged = {m for starts, ends in scene.customer_busy for m in range(starts, ends)}
        self.taken = {
            who: {m for starts, ends in spans for m in range(starts, ends)}
            for who, spans in scene.busy.items()
        }
        self.there: dict[str, set[int]] = {}

    @cached_property
    def day(self) -> list[int]:
        return self.minutes_of[self.scene.day]

    def minutes(self, day: date, opens: int, closes: int) -> list[int]:
        """The minutes of a stretch that begins on a day, by what the clock has shown."""
        midnight = datetime(day.year, day.month, day.day)
        opens_at, closes_at = midnight + timedelta(minutes=opens), midnight + timedelta(minutes=closes)
        days = [day, day + timedelta(days=1), day + timedelta(days=2)]
        candidates = [minute for one in days for minute in self.minutes_of.get(one, [])]
        return [minute for minute in candidates if opens_at <= self.clock[minute] < closes_at]

    def season(self, day: date) -> Season[str] | None:
        found = None
        for season in self.scene.seasons:
            if day in season.days:
                found = season
        return found

    @staticmethod
    def weekly(windows: list[WeeklyWindow], day: date) -> list[Hours]:
        return sorted((w.opens_minute, w.closes_minute) for w in windows if w.weekday == day.isoweekday())

    def salon_hours(self, day: date) -> list[Hours]:
        if day in self.scene.salon_overrides:
            return sorted(self.scene.salon_overrides[day])
        season = self.season(day)
        return self.weekly(list(season.salon_windows) if season else self.scene.salon, day)

    def staff_hours(self, who: str, day: date) -> list[Hours] | None:
        """None where they work as the salon does."""
        overrides = self.scene.staff_overrides.get(who, {})
        if day in overrides:
            return overrides[day]
        season = self.season(day)
        if season and who in season.staff_windows:
            return self.weekly(list(season.staff_windows[who]), day)
        if who not in self.scene.own:
            return None
        ordinary = self.weekly(self.scene.own[who], day)
        if season and ordinary:
            return None
        return ordinary

    @cached_property
    def open_windows(self) -> dict[int, tuple[date, int]]:
        """For each open minute, the day of the window it lies in and the minute that window opened."""
        found: dict[int, tuple[date, int]] = {}
        for day in self.dates:
            for opens, closes in self.salon_hours(day):
                minutes = self.minutes(day, opens, closes)
                for minute in minutes:
                    found.setdefault(minute, (day, minutes[0]))
        return found

    def business_date(self, minute: int) -> date:
        if minute in self.open_windows:
            return self.open_windows[minute][0]
        return self.clock[minute].date()

    def parts(self, subject: str | None) -> set[int]:
        """The minutes of a subject's closures that are not whole days."""
        shut: set[int] = set()
        for closure in self.scene.closures:
            if closure.subject != subject:
                continue
            if isinstance(closure, ClosedMoments):
                shut.update(range(closure.starts, closure.ends))
            if isinstance(closure, ClosedWeekly):
                for day in self.dates:
                    begun = closure.first_date is None or closure.first_date <= day
                    over = closure.last_date is not None and closure.last_date < day
                    if day.isoweekday() == closure.weekday and begun and not over:
                        shut.update(self.minutes(day, closure.opens_minute, closure.closes_minute))
        return shut

    def takes_off(self, subject: str | None, day: date) -> bool:
        return any(
            isinstance(closure, ClosedDays)
            and closure.subject == subject
            and closure.first_date <= day <= closure.last_date
            for closure in self.scene.closures
        )

    @cached_property
    def closed(self) -> set[int]:
        whole = {minute for minute in self.clock if self.takes_off(None, self.business_date(minute))}
        return whole | self.parts(None)

    @cached_property
    def paused(self) -> set[int]:
        return {
            m for spans in self.scene.pauses.values() for starts, ends in spans for m in range(starts, ends)
        }

    def present(self, who: str) -> set[int]:
        """The minutes in which a staff member is at work, or a resource in use."""
        if who in self.there:
            return self.there[who]
        here: set[int] = set()
        like_the_salon = set()
        for day in self.dates:
            if self.takes_off(who, day):
                continue
            hours = self.staff_hours(who, day)
            if hours is None:
                like_the_salon.add(day)
            else:
                for opens, closes in hours:
                    here.update(self.minutes(day, opens, closes))
        here.update(minute for minute in self.clock if self.business_date(minute) in like_the_salon)
        self.there[who] = here - self.parts(who)
        return self.there[who]

    def each_need(self, start: int) -> list[list[tuple[list[str], list[str], list[str]]]]:
        """For each need of each step: who works then, who of them may still be booked, and who of these is free."""
        answer = []
        day = self.business_date(start)
        for step in self.scene.steps:
            ends = start + step.duration
            whole = [*range(start - step.buffer_before, ends + step.buffer_after)]
            hands_on = whole
            if step.gap:
                hands_on = [m for m in whole if not start + step.gap[0] <= m < start + step.gap[1]]
            needs = []
            for need in step.needs:
                claim = hands_on if need.kind is NeedKind.STAFF else whole
                works = [w for w in need.candidates if self.present(w).issuperset(range(start, ends))]
                open_ = [w for w in works if day not in self.scene.full_days.get(w, [])]
                free = [w for w in open_ if self.taken.get(w, set()).isdisjoint(claim)]
                needs.append((works, open_, free))
            answer.append(needs)
            start = ends
        return answer

    def reasons(self, start: int) -> tuple[str, ...]:
        scene, said = self.scene, set()
        visit = range(start, start + self.length)
        notice = scene.notice if scene.service_notice is None else scene.service_notice
        if start < scene.now:
            said.add("past_time")
        elif start < scene.now + notice:
            said.add("too_soon")
        horizon = scene.horizon if scene.service_horizon is None else scene.service_horizon
        today = datetime.fromtimestamp(scene.now * 60, scene.zone).date()
        if (self.business_date(start) - today).days > horizon:
            said.add("too_far")
        opening = self.open_windows.get(start)
        no_hours = opening is None and not self.salon_hours(self.clock[start].date())
        if no_hours or any(minute in self.closed for minute in visit):
            said.add("salon_closed")
        if not no_hours and any(minute not in self.open_windows for minute in visit):
            said.add("outside_hours")
        if any(minute in self.paused for minute in (visit[:1] if scene.may_span_pauses else visit)):
            said.add("prayer_break")
        if opening and (start - opening[1]) % scene.grid:
            said.add("not_on_grid")
        for step, needs in zip(scene.steps, self.each_need(start), strict=True):
            for need, (works, open_, free) in zip(step.needs, needs, strict=True):
                if need.kind is NeedKind.RESOURCE:
                    if not free:
                        said.add("resource_unavailable")
                elif not need.candidates:
                    said.add("service_unavailable")
                elif not works:
                    said.add("staff_unavailable")
                elif not open_:
                    said.add("day_full")
                elif not free:
                    said.add("slot_unavailable")
        if any(minute in self.engaged for minute in visit):
            said.add("booking_overlap")
        return tuple(reason for reason in ORDER if reason in said)
