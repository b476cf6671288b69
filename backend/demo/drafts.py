"""What stands in the demo's appointment books: a walk through each salon's days that fills free chairs by chance.

Pure and in minutes from today's midnight in Riyadh, whose clocks never change. Staff and rooms are never given two
things at once, buffers included, and a customer has at most one visit on a business day; the database would refuse
anything else.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum, auto
from itertools import product

from backend.bookings import availability
from backend.bookings.availability import Need, NeedKind, Span, Step
from backend.core.time import RIYADH
from backend.demo import people
from backend.demo.world import DAY, Cluster, Line, Person, Room, SalonCast, Staff, dice

HISTORY_DAYS = 92
COMING_DAYS = 14
_CHANCE = 0.085
_WEEK = {1: 0.8, 2: 0.85, 3: 1.0, 4: 1.5, 5: 1.35, 6: 1.1, 7: 0.8}


class Outcome(Enum):
    """How a visit goes, or how it stands today."""

    KEPT = auto()
    NO_SHOW = auto()
    CANCELLED_EARLY = auto()
    CANCELLED_LATE = auto()
    CANCELLED_BY_SALON = auto()
    VOIDED = auto()
    DECLINED = auto()
    UNANSWERED = auto()
    ABANDONED = auto()
    DROPPED = auto()
    PAID_TOO_LATE = auto()
    HELD_NOW = auto()
    REQUESTED_NOW = auto()
    AT_THE_DESK = auto()


TAKING = {Outcome.KEPT, Outcome.NO_SHOW, Outcome.HELD_NOW, Outcome.REQUESTED_NOW, Outcome.AT_THE_DESK}
_NEEDS_DEPOSIT = {Outcome.VOIDED, Outcome.ABANDONED, Outcome.DROPPED, Outcome.PAID_TOO_LATE, Outcome.HELD_NOW}
_NEEDS_ANSWER = {Outcome.DECLINED, Outcome.UNANSWERED, Outcome.REQUESTED_NOW}

_PAST = {
    Outcome.KEPT: 650, Outcome.AT_THE_DESK: 90, Outcome.NO_SHOW: 50, Outcome.CANCELLED_EARLY: 60,
    Outcome.CANCELLED_LATE: 40, Outcome.CANCELLED_BY_SALON: 20, Outcome.DECLINED: 30, Outcome.UNANSWERED: 12,
    Outcome.ABANDONED: 30, Outcome.DROPPED: 8, Outcome.PAID_TOO_LATE: 4, Outcome.VOIDED: 6,
}  # fmt: skip
_TODAY = {Outcome.KEPT: 850, Outcome.AT_THE_DESK: 60, Outcome.CANCELLED_EARLY: 60, Outcome.DECLINED: 30}
_COMING = {
    Outcome.KEPT: 690, Outcome.AT_THE_DESK: 50, Outcome.REQUESTED_NOW: 70, Outcome.HELD_NOW: 20,
    Outcome.CANCELLED_EARLY: 70, Outcome.CANCELLED_BY_SALON: 20, Outcome.DECLINED: 30, Outcome.ABANDONED: 50,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    line: Line
    staff: Staff
    starts: int
    rooms: tuple[Room, ...] = ()

    @property
    def ends(self) -> int:
        return self.starts + self.line.plan.minutes


@dataclass(frozen=True, slots=True)
class Draft:
    """One visit: who, what, with whom, when (minutes), and how it goes. `number` counts within the salon's day."""

    salon: SalonCast
    day: int
    number: int
    items: tuple[Item, ...]
    customer: Person | None
    guest: str
    outcome: Outcome

    @property
    def starts(self) -> int:
        return self.items[0].starts

    @property
    def ends(self) -> int:
        return self.items[-1].ends

    @property
    def claims(self) -> list[tuple[uuid.UUID, Span]]:
        """Time taken by staff member and room, buffers included, computed as for a real booking."""
        return _claims(self.items)


@dataclass(frozen=True, slots=True)
class _Scripted:
    """What must happen at a salon on a day, from a minute of that day on."""

    outcome: Outcome
    from_minute: int
    demo_customer: bool = False


_SCRIPT: dict[tuple[str, int], _Scripted] = {
    ("noura", -41): _Scripted(Outcome.KEPT, 960, demo_customer=True),
    ("lamsa", -27): _Scripted(Outcome.KEPT, 1020, demo_customer=True),
    ("noura", -12): _Scripted(Outcome.KEPT, 960, demo_customer=True),
    ("lamsa", -6): _Scripted(Outcome.CANCELLED_EARLY, 960, demo_customer=True),
    ("noura", 9): _Scripted(Outcome.KEPT, 1140, demo_customer=True),
    ("lamsa", 1): _Scripted(Outcome.REQUESTED_NOW, 900),
    ("lamsa", 2): _Scripted(Outcome.REQUESTED_NOW, 1020),
    ("lamsa", 4): _Scripted(Outcome.REQUESTED_NOW, 960),
    ("lamsa", 5): _Scripted(Outcome.HELD_NOW, 960),
}


class Book:
    """The appointment books of one cluster: its salons share customers, and nobody is in two chairs at once."""

    def __init__(self, cluster: Cluster, *, seed: int, today: date) -> None:
        self._cluster = cluster
        self._seed = seed
        self._today = today
        midnight = datetime.combine(today, time.min, tzinfo=RIYADH)
        self._midnight = availability.floor_minute(midnight)
        self._out: set[tuple[uuid.UUID, int]] = set()

    def drafts(self, salon: SalonCast) -> Iterator[Draft]:
        """Every visit of a salon, in order of days and starts."""
        ids = [staff.id for staff in salon.staff] + [room.id for room in salon.rooms]
        free_from = dict.fromkeys(ids, -(10**6))
        for day in range(-HISTORY_DAYS, COMING_DAYS + 1):
            yield from self._day(salon, day, free_from)

    def _day(self, salon: SalonCast, day: int, free_from: dict[uuid.UUID, int]) -> Iterator[Draft]:
        """Offer every start of a business day to everyone whose chair is free; `free_from` is kept up to date."""
        on = self._today + timedelta(days=day)
        rng = dice(self._seed, salon.slug, day)
        chance = (
            _CHANCE * salon.plan.busy * _WEEK[on.isoweekday()] * _trend(day) * salon.plan.grid_minutes / 30
        )
        script = _SCRIPT.get((salon.slug, day))
        on_call = salon.staff[salon.keepers :] if day > 0 else salon.staff
        number = 0
        for opens, (begins, closes) in self._open(salon, day, on):
            working = [(s, _works(s, salon, day, on, begins, closes)) for s in on_call]
            first = begins + (opens - begins) % salon.plan.grid_minutes
            starts = range(first, closes, salon.plan.grid_minutes)
            for at, (staff, hours) in product(starts, working):
                due = script is not None and at - day * DAY >= script.from_minute
                if free_from[staff.id] > at or (rng.random() >= chance and not due):
                    continue
                items = _items(rng, salon, staff, at, hours, working, free_from)
                draft = (
                    self._draft(rng, salon, day, number, items, script if due else None) if items else None
                )
                if draft is None:
                    continue
                number += 1
                script = None if due else script
                if draft.outcome in TAKING:
                    for taken, (_, until) in draft.claims:
                        free_from[taken] = max(free_from[taken], until)
                yield draft

    def _open(self, salon: SalonCast, day: int, on: date) -> list[tuple[int, Span]]:
        """What is open on a business day: stretches, each with the opening its starts are counted from."""
        shut = [salon.closed] if salon.closed else []
        off = salon.plan.weekly_break
        if off is not None and off.day == on.isoweekday():
            shut += [(day * DAY + opens, day * DAY + closes) for opens, closes in off.windows]
        if salon.pauses is not None:
            # An evening may run into the night prayer of its own date only, and not into the next day's.
            shut += [(a - self._midnight, b - self._midnight) for a, b in salon.pauses(on)]
        found = []
        for opens, closes in salon.windows(day, on):
            parts = [(day * DAY + opens, day * DAY + closes)]
            for gap in shut:
                parts = [left for part in parts for left in _without(part, gap)]
            found += [(day * DAY + opens, part) for part in parts]
        return found

    def _draft(
        self,
        rng: random.Random,
        salon: SalonCast,
        day: int,
        number: int,
        items: tuple[Item, ...],
        script: _Scripted | None,
    ) -> Draft | None:
        outcome = script.outcome if script else _outcome(rng, salon, day, items[0].starts)
        customer: Person | None = None
        guest = ""
        if outcome is Outcome.AT_THE_DESK:
            guest = rng.choice(people.GUESTS)
        elif script and script.demo_customer:
            customer = self._cluster.women[0]
        else:
            customer = self._somebody(rng, salon, day)
            if customer is None:
                return None
        if customer is not None and outcome in TAKING:
            self._out.add((customer.id, day))
        return Draft(salon, day, number, items, customer, guest, outcome)

    def _somebody(self, rng: random.Random, salon: SalonCast, day: int) -> Person | None:
        """A customer who has nothing else that day; some come far more often than others."""
        crowd = self._cluster.women if rng.random() < salon.share_of_women else self._cluster.men
        for _ in range(20):
            person = crowd[1 + int((len(crowd) - 1) * rng.random() ** 1.5)]
            if (person.id, day) not in self._out:
                return person
        return None


def _trend(day: int) -> float:
    """Business has grown over the months; coming days are fuller the nearer they are."""
    return 0.75 + 0.25 * (1 + day / HISTORY_DAYS) if day <= 0 else max(0.15, 0.9 - day * 0.055)


def _works(staff: Staff, salon: SalonCast, day: int, on: date, opens: int, closes: int) -> list[Span]:
    """When somebody works within a stretch of opening. In Ramadan days off are kept, and the salon's hours hold."""
    week = staff.week
    if week is None or (salon.fasts(on) and week.get(on.isoweekday())):
        spans = [(opens, closes)]
    else:
        own = ((day * DAY + a, day * DAY + b) for a, b in week.get(on.isoweekday(), ()))
        spans = [(max(a, opens), min(b, closes)) for a, b in own if max(a, opens) < min(b, closes)]
    return [part for span in spans for part in _without(span, staff.away[:2] if staff.away else None)]


def _without(span: Span, gap: Span | None) -> list[Span]:
    if gap is None or gap[1] <= span[0] or span[1] <= gap[0]:
        return [span]
    return [(a, b) for a, b in ((span[0], gap[0]), (gap[1], span[1])) if a < b]


def _items(
    rng: random.Random,
    salon: SalonCast,
    staff: Staff,
    at: int,
    hours: list[Span],
    working: list[tuple[Staff, list[Span]]],
    free_from: dict[uuid.UUID, int],
) -> tuple[Item, ...]:
    """A service this person can give from `at`, now and then followed by a second one, perhaps by somebody else."""
    fitting = _fitting(salon, staff, at, hours, free_from[staff.id], free_from, None)
    if not fitting:
        return ()
    first = rng.choice(fitting)
    if rng.random() >= 0.15:
        return (first,)
    for other, their_hours in rng.sample(working, len(working)):
        # The same chair goes straight on: buffers between one visitor's services merge into one claim.
        free = at if other is staff else free_from[other.id]
        more = [
            item
            for item in _fitting(salon, other, first.ends, their_hours, free, free_from, first)
            if item.line is not first.line
        ]
        if more:
            return (first, rng.choice(more))
    return (first,)


def _fitting(
    salon: SalonCast,
    staff: Staff,
    at: int,
    hours: list[Span],
    free: int,
    free_from: dict[uuid.UUID, int],
    after: Item | None,
) -> list[Item]:
    """What somebody who is free from `free` on can give at `at`, each with the rooms it needs.

    The service lies within working time, and its buffer before begins after whatever was before.
    """
    found = []
    for line in staff.services:
        begins, ends = at - line.plan.before, at + line.plan.minutes
        if begins < free or not any(a <= at and ends <= b for a, b in hours):
            continue
        rooms = [_room(salon, kind, begins, free_from, after) for kind in line.needs]
        given = tuple(room for room in rooms if room is not None)
        if len(given) == len(rooms):
            found.append(Item(line, staff, at, given))
    return found


def _room(
    salon: SalonCast, kind: str, begins: int, free_from: dict[uuid.UUID, int], after: Item | None
) -> Room | None:
    """The room the visitor is in already, else the first of its kind that is free by then."""
    alike = [room for room in salon.rooms if room.kind == kind]
    stays = [room for room in alike if after is not None and room in after.rooms]
    free = [room for room in alike if free_from[room.id] <= begins]
    return next(iter(stays + free), None)


def _claims(items: tuple[Item, ...]) -> list[tuple[uuid.UUID, Span]]:
    if len(items) == 1 and not items[0].rooms and items[0].line.plan.gap is None:
        item, plan = items[0], items[0].line.plan
        return [(item.staff.id, (item.starts - plan.before, item.ends + plan.after))]
    steps = [
        Step(
            i.line.plan.minutes,
            [Need(NeedKind.STAFF, [i.staff.id]), *(Need(NeedKind.RESOURCE, [room.id]) for room in i.rooms)],
            i.line.plan.before,
            i.line.plan.after,
            i.line.plan.gap,
        )
        for i in items
    ]
    chosen = [[i.staff.id, *(room.id for room in i.rooms)] for i in items]
    return availability.claims(steps, chosen, items[0].starts)


def _outcome(rng: random.Random, salon: SalonCast, day: int, starts: int) -> Outcome:
    # What begins after last midnight, the end of yesterday's evening included, may still be to come.
    weights = _PAST if starts < 0 else _TODAY if day <= 0 else _COMING
    outcome = rng.choices(list(weights), list(weights.values()))[0]
    impossible = (outcome in _NEEDS_DEPOSIT and not salon.plan.deposit_percent) or (
        outcome in _NEEDS_ANSWER and salon.plan.auto_confirm
    )
    return Outcome.KEPT if impossible else outcome
