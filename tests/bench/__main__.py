"""How long the availability engine takes, beside a plain loop that answers the same question.

    python -m tests.bench [--rounds 15]

The workload is that of the facts: ten people, every day 10:00-13:00 and 14:00-22:00 in Riyadh, a start every half
hour, a service of 60 minutes with 10 more to tidy up, half of everybody's time taken. Both sides answer in turn, round
after round, so that a busy machine slows both; the ratio is what carries over to another machine.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from backend.bookings.availability import Question, Step, WeeklyWindow, compile_rulebook, slots

RIYADH = ZoneInfo("Asia/Riyadh")
SUNDAY = date(2026, 11, 22)
DAYS = (1, 7, 30)
STAFF = tuple(f"person-{n}" for n in range(10))
WINDOWS = ((10 * 60, 13 * 60), (14 * 60, 22 * 60))
GRID, DURATION, TIDYING = 30, 60, 10

Answer = list[tuple[int, tuple[str, ...]]]
"""Start minute and who is free then."""


def midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=RIYADH).timestamp()) // 60


def half_busy(days: int, seed: int = 7) -> dict[str, list[tuple[int, int]]]:
    """Four or five bookings a person and day, on the grid, none over another."""
    dice = random.Random(seed)
    busy: dict[str, list[tuple[int, int]]] = {}
    for person in STAFF:
        spans = busy[person] = []
        for number in range(days):
            base = midnight(SUNDAY + timedelta(days=number))
            starts = [
                base + m for opens, closes in WINDOWS for m in range(opens, closes - DURATION + 1, GRID)
            ]
            wanted = dice.choice((4, 5))
            taken: list[tuple[int, int]] = []
            for start in dice.sample(starts, len(starts)):
                span = (start, start + DURATION + TIDYING)
                if len(taken) < wanted and all(span[1] <= s or e <= span[0] for s, e in taken):
                    taken.append(span)
            spans += sorted(taken)
    return busy


def engine(busy: dict[str, list[tuple[int, int]]], days: int) -> Callable[[], Answer]:
    question = Question(
        rulebook=compile_rulebook(
            zone=RIYADH,
            grid_minutes=GRID,
            notice_minutes=0,
            horizon_days=60,
            salon_windows=[WeeklyWindow(weekday, *window) for weekday in range(1, 8) for window in WINDOWS],
            staff_windows={},
        ),
        steps=[Step(DURATION, STAFF, buffer_after=TIDYING)],
        now=midnight(SUNDAY),
        busy=busy,
    )
    return lambda: [(slot.starts, slot.staff[0]) for slot in slots(question, from_date=SUNDAY, days=days)]


def plain_loop(busy: dict[str, list[tuple[int, int]]], days: int) -> Callable[[], Answer]:
    """Every start of every window against every booking of that person: what one writes first."""

    def answer() -> Answer:
        found: Answer = []
        for number in range(days):
            base = midnight(SUNDAY + timedelta(days=number))
            for opens, closes in WINDOWS:
                for start in range(base + opens, base + closes - DURATION + 1, GRID):
                    end = start + DURATION + TIDYING
                    free = tuple(
                        person
                        for person in STAFF
                        if all(
                            end <= taken_from or taken_to <= start for taken_from, taken_to in busy[person]
                        )
                    )
                    if free:
                        found.append((start, free))
        return found

    return answer


def milliseconds(answer: Callable[[], Answer]) -> float:
    began = time.perf_counter()
    answer()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="of both sides in turn, default 15")
    rounds = max(1, parser.parse_args().rounds)

    print(f"Availability, {len(STAFF)} people, medians of {rounds} interleaved rounds (fastest to slowest)")
    print(f"{'days':>5} {'starts':>7} {'engine ms':>22} {'plain loop ms':>24} {'ratio':>7}")
    for days in DAYS:
        busy = half_busy(days)
        sides = (engine(busy, days), plain_loop(busy, days))
        answers = [side() for side in sides]  # warms both, and shows that they answer alike
        if answers[0] != answers[1]:
            raise SystemExit(f"{days} days: the two sides disagree, so their times mean nothing")
        times: tuple[list[float], list[float]] = ([], [])
        for number in range(rounds):
            for index in (0, 1) if number % 2 else (1, 0):
                times[index].append(milliseconds(sides[index]))
        shown = [f"{statistics.median(t):.3f} ({min(t):.3f}-{max(t):.3f})" for t in times]
        ratio = statistics.median(times[1]) / statistics.median(times[0])
        print(f"{days:>5} {len(answers[0]):>7} {shown[0]:>22} {shown[1]:>24} {ratio:>6.1f}x")


if __name__ == "__main__":
    main()
