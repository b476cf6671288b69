"""How long the availability engine takes, beside a plain loop that answers the same question.

The workload is that of the facts: ten people, every day 10:00-13:00 and 14:00-22:00 in Riyadh, a start every half
hour, a service of 60 minutes with 10 more to tidy up, half of everybody's time taken. Every kind of rule is active: a
season of five days, an override, a weekly closure, Friday pauses, one person's own hours. Both sides answer in turn,
round after round, so that a busy machine slows both; the ratio is what carries over to another machine.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from backend.bookings.availability import Need, NeedKind, Question, Rulebook, Step, listing
from backend.salons.timetable import ClosedWeekly, Season, WeeklyWindow, compile_timetable

RIYADH = ZoneInfo("Asia/Riyadh")
SUNDAY = date(2026, 11, 22)
DAYS = (1, 7, 30)
STAFF = tuple(f"person-{n}" for n in range(10))
GRID, DURATION, TIDYING = 30, 60, 10

ORDINARY = ((10 * 60, 13 * 60), (14 * 60, 22 * 60))
IN_SEASON = ((13 * 60, 17 * 60), (21 * 60, 26 * 60))
SEASON = frozenset(date(2026, 12, day) for day in range(1, 6))
OVERRIDES = {date(2026, 11, 25): ((12 * 60, 20 * 60),)}
OWN = (12 * 60, 20 * 60)  # of the first person, outside the season
CLOSED = (2, 16 * 60, 17 * 60)  # each Tuesday
PAUSE = (11 * 60 + 40, 12 * 60 + 10)  # each Friday

Answer = list[tuple[datetime, tuple[str, ...]]]
"""Starts and who is free then."""


def moment(day: date, minute: int) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=RIYADH) + timedelta(minutes=minute)


def minute_of(at: datetime) -> int:
    return int(at.timestamp()) // 60


def hours(day: date) -> tuple[tuple[int, int], ...]:
    return OVERRIDES.get(day, IN_SEASON if day in SEASON else ORDINARY)


def half_busy(days: int, seed: int = 7) -> dict[str, list[tuple[datetime, datetime]]]:
    """Four or five bookings a person and day, on the grid, none over another."""
    dice = random.Random(seed)
    busy: dict[str, list[tuple[datetime, datetime]]] = {}
    for person in STAFF:
        spans = busy[person] = []
        for number in range(days):
            day = SUNDAY + timedelta(days=number)
            starts = [m for opens, closes in hours(day) for m in range(opens, closes - DURATION + 1, GRID)]
            wanted = dice.choice((4, 5))
            taken: list[tuple[int, int]] = []
            for start in dice.sample(starts, len(starts)):
                span = (start, start + DURATION + TIDYING)
                if len(taken) < wanted and all(span[1] <= s or e <= span[0] for s, e in taken):
                    taken.append(span)
            spans += [(moment(day, starts), moment(day, ends)) for starts, ends in sorted(taken)]
    return busy


def weekly(*windows: tuple[int, int]) -> list[WeeklyWindow]:
    return [WeeklyWindow(weekday, *window) for weekday in range(1, 8) for window in windows]


def rulebook() -> Rulebook[str]:
    """The salon's rules compiled, as a process keeps them between requests."""
    timetable = compile_timetable(
        zone=RIYADH,
        salon_windows=weekly(*ORDINARY),
        staff_windows={STAFF[0]: weekly(OWN)},
        seasons=[Season(SEASON, weekly(*IN_SEASON))],
        salon_overrides=OVERRIDES,
        closures=[ClosedWeekly(*CLOSED)],
        pauses=lambda day: [tuple(minute_of(moment(day, m)) for m in PAUSE)] if day.isoweekday() == 5 else [],
    )
    return Rulebook(timetable, grid_minutes=GRID, notice_minutes=0, horizon_days=60)


def engine(
    busy: dict[str, list[tuple[datetime, datetime]]], days: int, *, cold: bool = False
) -> Callable[[], Answer]:
    """The engine as an endpoint uses it: rules compiled, claims in absolute minutes as they come from the database."""
    kept = rulebook()
    step = Step(DURATION, [Need(NeedKind.STAFF, STAFF)], buffer_after=TIDYING)
    claims = {
        who: [(minute_of(starts), minute_of(ends)) for starts, ends in spans] for who, spans in busy.items()
    }
    now = minute_of(moment(SUNDAY, 0))

    def answer() -> Answer:
        question = Question(rulebook() if cold else kept, [step], now=now, busy=claims)
        return listing(question, from_date=SUNDAY, days=days)

    return answer


def plain_loop(busy: dict[str, list[tuple[datetime, datetime]]], days: int) -> Callable[[], Answer]:
    """Every start of every window against each person's hours and bookings: what one writes first.

    Bookings are aware moments in UTC, as Django reads them.
    """
    busy = {
        who: [(starts.astimezone(UTC), ends.astimezone(UTC)) for starts, ends in spans]
        for who, spans in busy.items()
    }

    def answer() -> Answer:
        found: Answer = []
        horizon = SUNDAY + timedelta(days=60)
        now = moment(SUNDAY, 0)
        until = moment(SUNDAY + timedelta(days=days), 0)
        for number in range(days):
            day = SUNDAY + timedelta(days=number)
            for opens, closes in hours(day):
                for minute in range(opens, closes - DURATION + 1, GRID):
                    start = moment(day, minute)
                    end = start + timedelta(minutes=DURATION)
                    if start < now or day > horizon or start >= until:
                        continue
                    if (
                        day.isoweekday() == CLOSED[0]
                        and start < moment(day, CLOSED[2])
                        and moment(day, CLOSED[1]) < end
                    ):
                        continue
                    if (
                        day.isoweekday() == 5
                        and start < moment(day, PAUSE[1])
                        and moment(day, PAUSE[0]) < end
                    ):
                        continue
                    free = []
                    for person in STAFF:
                        own = [OWN] if person == STAFF[0] and day not in SEASON else hours(day)
                        if not any(
                            moment(day, begins) <= start and end <= moment(day, over) for begins, over in own
                        ):
                            continue
                        tidy = end + timedelta(minutes=TIDYING)
                        if all(
                            tidy <= taken_from or taken_to <= start for taken_from, taken_to in busy[person]
                        ):
                            free.append(person)
                    if free:
                        found.append((start, tuple(free)))
        return found

    return answer


def milliseconds(answer: Callable[[], object]) -> float:
    began = time.perf_counter()
    answer()
    return (time.perf_counter() - began) * 1000


def run(rounds: int) -> None:
    """Print, for 1, 7 and 30 days, what a warm question, the first of all and the plain loop take."""
    print(
        f"Availability, {len(STAFF)} people, medians of {rounds} interleaved rounds (fastest to slowest), ms"
    )
    print(
        f"{'days':>5} {'starts':>7} {'engine':>22} {'rules compiled anew':>24} {'plain loop':>28} {'ratio':>8}"
    )
    for days in DAYS:
        busy = half_busy(days)
        sides = (engine(busy, days), engine(busy, days, cold=True), plain_loop(busy, days))
        brief = [(minute, who) for minute, _, who in sides[0]()]
        if brief != [(minute_of(start), who) for start, who in sides[2]()]:
            raise SystemExit(f"{days} days: the two sides disagree, so their times mean nothing")
        times: tuple[list[float], ...] = ([], [], [])
        for number in range(rounds):
            for index in (0, 1, 2) if number % 2 else (2, 1, 0):
                times[index].append(milliseconds(sides[index]))
        shown = [f"{statistics.median(t):.3f} ({min(t):.3f}-{max(t):.3f})" for t in times]
        ratio = statistics.median(times[2]) / statistics.median(times[0])
        print(f"{days:>5} {len(brief):>7} {shown[0]:>22} {shown[1]:>24} {shown[2]:>28} {ratio:>7.0f}x")


if __name__ == "__main__":
    run(15)
