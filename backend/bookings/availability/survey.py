"""Every rule applied to some starts: which are on offer, to whom, and why the others are refused."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import compress
from typing import TYPE_CHECKING, Generic

from backend.bookings.availability.grounds import Ground
from backend.bookings.availability.visits import choose, offsets
from backend.bookings.availability.wishes import Need, NeedKind, Question, Reason, Rulebook, Slot, Step
from backend.salons.timetable import Id, Span, date_of, instant

if TYPE_CHECKING:
    from _typeshed import SupportsRichComparison

MAX_DAYS = 31


def slots(question: Question[Id], *, from_date: date, days: int) -> list[Slot[Id]]:
    """List every start on offer on `days` calendar days of the salon's zone (1 to 31), in order of time.

    A start after midnight is listed on the day it happens, with the business date of the shift it belongs to.
    """
    return list(_survey(question, _ground(question.rulebook, from_date, days)).slots())


def listing(question: Question[Id], *, from_date: date, days: int) -> list[tuple[int, date, tuple[Id, ...]]]:
    """The same starts in brief: start, business date, and who could serve the visit's first need of a person.

    That is empty for a visit which needs nobody. Equal answers are one and the same tuple.
    """
    return _survey(question, _ground(question.rulebook, from_date, days)).listing()


def settled_since(
    rulebook: Rulebook[Id], *, now: int, notice_minutes: int, from_date: date, days: int
) -> int:
    """The earliest minute since when, up to `now`, time has changed nothing of what is listed for these days.

    It takes a start away when the notice for it runs out, and opens another day at midnight.
    """
    zone, starts = rulebook.timetable.zone, _ground(rulebook, from_date, days).starts
    midnight = instant(zone, date_of(zone, now), 0)
    gone = bisect_left(starts, now + notice_minutes)
    return max(midnight, starts[gone - 1] + 1 - notice_minutes) if gone else midnight


def explain(question: Question[Id], start: int) -> tuple[Reason, ...]:
    """Tell every reason why the visit may not start at this minute; empty exactly where `slots` lists it."""
    refused = _survey(question, question.rulebook.grounds.minute(start)).refused
    return tuple(reason for reason in Reason if refused[reason])


def offer(question: Question[Id], start: int) -> Slot[Id] | None:
    """The slot `slots` lists for this minute, or None where it lists none and `explain` says why."""
    return next(_survey(question, question.rulebook.grounds.minute(start)).slots(), None)


def assign(
    question: Question[Id], start: int, rank: Callable[[Id], SupportsRichComparison] | None = None
) -> tuple[tuple[Id, ...], ...] | None:
    """Choose who and what serves each step of the visit as `choose` does, or None where the start is refused."""
    offered = offer(question, start)
    return choose(offered.able, rank) if offered else None


def _ground(rulebook: Rulebook[Id], from_date: date, days: int) -> Ground[Id]:
    if not 1 <= days <= MAX_DAYS:
        raise ValueError(f"days must be 1 to {MAX_DAYS}, not {days}")
    return rulebook.grounds.days(from_date, days)


@dataclass(frozen=True, slots=True)
class _Served(Generic[Id]):
    """A need at the starts under study: who can serve it, and when it fails for which reason."""

    need: Need[Id]
    able: Sequence[int]
    nobody_works: int
    all_full: int
    all_taken: int


@dataclass(frozen=True, slots=True)
class _Survey(Generic[Id]):
    ground: Ground[Id]
    duration: int
    refused: Mapping[Reason, int]
    served: Sequence[Sequence[_Served[Id]]]

    def slots(self) -> Iterator[Slot[Id]]:
        starts, dates = self.ground.starts, self.ground.dates
        able = zip(*(zip(*map(self._who, step), strict=True) for step in self.served), strict=True)
        for start, day, steps in compress(zip(starts, dates, able, strict=True), self._offered()):
            yield Slot(start, start + self.duration, day, steps)

    def listing(self) -> list[tuple[int, date, tuple[Id, ...]]]:
        people = (one for step in self.served for one in step if one.need.kind is NeedKind.STAFF)
        first = next(people, None)
        starts, dates = self.ground.starts, self.ground.dates
        who = self._who(first) if first is not None else [()] * len(starts)
        return list(compress(zip(starts, dates, who, strict=True), self._offered()))

    def _offered(self) -> bytes:
        refused = 0
        for bits in self.refused.values():
            refused |= bits
        return self._flags(self.ground.everything & ~refused)

    def _who(self, served: _Served[Id]) -> Sequence[tuple[Id, ...]]:
        """For each start, everyone who can serve the need then."""
        names = _Names(served.need.candidates)
        if not served.able:
            return [()] * len(self.ground.starts)
        return [names[flags] for flags in zip(*map(self._flags, served.able), strict=True)]

    def _flags(self, bits: int) -> bytes:
        """A set as one byte, 0 or 1, for each start."""
        return bin(bits | 1 << len(self.ground.starts))[:2:-1].encode().translate(_DIGITS)


_DIGITS = bytes.maketrans(b"01", b"\0\1")


class _Names(dict[tuple[int, ...], tuple[Id, ...]]):
    """Candidates by their flags: each combination is put together once."""

    def __init__(self, candidates: Sequence[Id]) -> None:
        self.candidates = candidates

    def __missing__(self, flags: tuple[int, ...]) -> tuple[Id, ...]:
        self[flags] = names = tuple(compress(self.candidates, flags))
        return names


def _survey(question: Question[Id], ground: Ground[Id]) -> _Survey[Id]:
    """Apply every rule to some starts. All questions are answered from here."""
    rulebook, steps, now = question.rulebook, question.steps, question.now
    duration = sum(step.duration for step in steps)
    notice = rulebook.notice_minutes if question.notice_minutes is None else question.notice_minutes
    horizon = rulebook.horizon_days if question.horizon_days is None else question.horizon_days
    last_date = date_of(rulebook.timetable.zone, now) + timedelta(days=horizon)
    past = ground.before(now)
    standing = ground.standing(duration, is_let=question.is_let)
    full = {who: ground.on(days) for who, days in question.full_days.items()}

    served = []
    nobody = off_duty = without_resource = all_full = taken = 0
    for step, offset in zip(steps, offsets(steps), strict=True):
        served.append([_serve(question, ground, step, offset, need, full) for need in step.needs])
        for one in served[-1]:
            if one.need.kind is NeedKind.RESOURCE:
                without_resource |= one.nobody_works | one.all_taken
            elif one.need.candidates:
                off_duty |= one.nobody_works
                all_full |= one.all_full
                taken |= one.all_taken
            else:
                nobody = ground.everything

    return _Survey(
        ground=ground,
        duration=duration,
        served=served,
        refused={
            Reason.SERVICE_UNAVAILABLE: nobody,
            Reason.PAST_TIME: past,
            Reason.TOO_SOON: ground.before(now + notice) & ~past,
            Reason.TOO_FAR: ground.everything & ~ground.up_to(last_date),
            Reason.SALON_CLOSED: standing.closed,
            Reason.OUTSIDE_HOURS: standing.outside_hours,
            Reason.PRAYER_BREAK: standing.in_pause,
            Reason.NOT_ON_GRID: 0 if question.any_minute else ground.off_grid,
            Reason.STAFF_UNAVAILABLE: off_duty,
            Reason.RESOURCE_UNAVAILABLE: without_resource,
            Reason.DAY_FULL: all_full,
            Reason.SLOT_UNAVAILABLE: taken,
            Reason.BOOKING_OVERLAP: ground.meeting(question.customer_busy, 0, duration),
        },
    )


def _serve(
    question: Question[Id],
    ground: Ground[Id],
    step: Step[Id],
    offset: int,
    need: Need[Id],
    full: Mapping[Id, int],
) -> _Served[Id]:
    works_any = open_any = free_any = 0
    able = []
    held: list[Span] = [(offset + begins, offset + ends) for begins, ends in step.held(need.kind)]
    for who in need.candidates:
        works = ground.present(who, offset, offset + step.duration)
        has_room = works & ~full.get(who, 0)
        free = has_room
        if busy := question.busy.get(who):
            for begins, ends in held:
                free &= ~ground.meeting(busy, begins, ends)
        works_any |= works
        open_any |= has_room
        free_any |= free
        able.append(free)
    return _Served(
        need=need,
        able=able,
        nobody_works=ground.everything & ~works_any,
        all_full=works_any & ~open_any,
        all_taken=open_any & ~free_any,
    )
