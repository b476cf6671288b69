"""Which starts a customer may take, and why any other start is refused: one computation for both questions.

Every rule is a set of refused starts. A start is offered when no rule refuses it, and explained by the rules
that do, so a listed time and an accepted time cannot differ. A further rule (a prayer pause, a room, a
season) is a further input to `_survey` and, where people deserve a word for it, a further `Reason`.

Sets of minutes are Python integers: bit `i` stands for the minute `origin + i`, so that a month of somebody's
calendar is intersected or shifted in about a microsecond. Every moment is a whole number of minutes since
1970-01-01 00:00 UTC and every span is half-open. The salon's zone matters in two places only: where weekly
hours become moments, and where a moment belongs to a day.

Two kinds of time are kept apart. A *service* must lie inside working time; hours, closures and absences end
it. A *claim*, the service with its buffers, must be free of other claims, and may run past closing time or
into a closure: tidying up needs the chair, not an open shop.

The module is pure: it reads no clock, no database and no settings.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from _typeshed import SupportsRichComparison

StaffId = TypeVar("StaffId", bound=Hashable)

Span: TypeAlias = tuple[int, int]
"""A half-open stretch `[starts, ends)` of absolute minutes."""

MAX_DAYS = 31
LATEST_CLOSING = 36 * 60


class Reason(StrEnum):
    """Why a start is refused. The values are wire codes; the order is the one reasons are told in.

    It runs from what no other time would cure to what another time or person may.
    """

    SERVICE_UNAVAILABLE = "service_unavailable"
    """Nobody at all is a candidate for one of the services."""
    PAST_TIME = "past_time"
    TOO_SOON = "too_soon"
    """Still to come, but within the notice the salon asks for. A past start is only `past_time`."""
    TOO_FAR = "too_far"
    """Its business date is later than the last one open for booking."""
    SALON_CLOSED = "salon_closed"
    """A closure of the salon meets the visit, or the salon never opens on that day."""
    OUTSIDE_HOURS = "outside_hours"
    """The salon opens that day, but not for the whole of the visit."""
    NOT_ON_GRID = "not_on_grid"
    """Inside opening hours, between two steps of the grid."""
    STAFF_UNAVAILABLE = "staff_unavailable"
    """One of the services finds every candidate off duty or away. The salon's own hours do not count here."""
    SLOT_UNAVAILABLE = "slot_unavailable"
    """One of the services finds everyone who works then already taken."""
    BOOKING_OVERLAP = "booking_overlap"
    """The customer is already booked somewhere during the visit."""


@dataclass(frozen=True, slots=True)
class WeeklyWindow:
    """One stretch of a working week, in minutes of the salon's wall clock after midnight of `weekday`.

    `weekday` counts as `date.isoweekday()`: Monday 1, Sunday 7. `closes_minute` may pass 1440, up to noon of
    the following day; the window still belongs wholly to the day it opened on.
    """

    weekday: int
    opens_minute: int
    closes_minute: int

    def __post_init__(self) -> None:
        if not 1 <= self.weekday <= 7:
            raise ValueError(f"weekday must be 1 to 7, not {self.weekday}")
        if not 0 <= self.opens_minute < 24 * 60:
            raise ValueError(f"opens_minute must be 0 to 1439, not {self.opens_minute}")
        if not self.opens_minute < self.closes_minute <= LATEST_CLOSING:
            raise ValueError(f"closes_minute must be opens_minute + 1 to 2160, not {self.closes_minute}")


_Week: TypeAlias = tuple[tuple[tuple[int, int], ...], ...]
"""Opening and closing minutes by weekday, Monday first, each day in order of opening."""


@dataclass(frozen=True, slots=True)
class Rulebook(Generic[StaffId]):
    """What a salon has decided about its time, ready to be asked any number of questions.

    Made by `compile_rulebook` and immutable, so callers may keep it until the salon changes its settings.
    """

    zone: ZoneInfo
    grid_minutes: int
    notice_minutes: int
    horizon_days: int
    salon_hours: _Week
    staff_hours: Mapping[StaffId, _Week]


@dataclass(frozen=True, slots=True)
class Step(Generic[StaffId]):
    """One service of a visit and the people who may give it, in the order they are to be listed.

    Lengths are minutes. The next step starts when this one's `duration` ends: buffers hold the staff member's
    calendar and never the customer. Candidates already perform the service and suit the customer's choice.
    """

    duration: int
    candidates: Sequence[StaffId]
    buffer_before: int = 0
    buffer_after: int = 0

    def __post_init__(self) -> None:
        if self.duration < 1 or self.buffer_before < 0 or self.buffer_after < 0:
            raise ValueError("a step lasts at least a minute and its buffers are not negative")


@dataclass(frozen=True, slots=True)
class Question(Generic[StaffId]):
    """A visit somebody would like, and everything already known to stand in its way.

    `busy` holds other bookings' claims with their buffers, by staff member; a booking being moved leaves out
    its own. `away` holds absences by staff member, `closures` those of the whole salon, and `customer_busy`
    the customer's other visits. Spans may overlap, come in any order and lie outside what `reach` asks for.
    """

    rulebook: Rulebook[StaffId]
    steps: Sequence[Step[StaffId]]
    now: int
    busy: Mapping[StaffId, Sequence[Span]] = field(default_factory=dict)
    away: Mapping[StaffId, Sequence[Span]] = field(default_factory=dict)
    closures: Sequence[Span] = ()
    customer_busy: Sequence[Span] = ()

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("a visit has at least one step")


@dataclass(frozen=True, slots=True)
class Slot(Generic[StaffId]):
    """A start on offer: the visit's span, the day it counts for, and who could take each step.

    Whoever is listed for a step can take it whatever is chosen for the others.
    """

    starts: int
    ends: int
    business_date: date
    staff: tuple[tuple[StaffId, ...], ...]


def compile_rulebook(
    *,
    zone: ZoneInfo,
    grid_minutes: int,
    notice_minutes: int,
    horizon_days: int,
    salon_windows: Iterable[WeeklyWindow],
    staff_windows: Mapping[StaffId, Iterable[WeeklyWindow]],
) -> Rulebook[StaffId]:
    """Prepare a salon's settings for questions.

    Staff without an entry in `staff_windows` work whenever the salon is open; an empty entry means never.
    """
    if grid_minutes < 1 or notice_minutes < 0 or horizon_days < 0:
        raise ValueError("the grid is at least a minute; notice and horizon are not negative")
    return Rulebook(
        zone=zone,
        grid_minutes=grid_minutes,
        notice_minutes=notice_minutes,
        horizon_days=horizon_days,
        salon_hours=_week(salon_windows),
        staff_hours={staff_id: _week(windows) for staff_id, windows in staff_windows.items()},
    )


def slots(question: Question[StaffId], *, from_date: date, days: int) -> list[Slot[StaffId]]:
    """List every start on offer on `days` calendar days of the salon's zone (1 to 31), in order of time.

    A start after midnight is listed on the day it happens, with the business date of the shift it belongs to.
    """
    if not 1 <= days <= MAX_DAYS:
        raise ValueError(f"days must be 1 to {MAX_DAYS}, not {days}")
    starts = starts_on(question.rulebook.zone, from_date=from_date, days=days)
    return _survey(question, starts).slots()


def explain(question: Question[StaffId], start: int) -> tuple[Reason, ...]:
    """Tell every reason why the visit may not start at this minute; empty exactly where `slots` lists it."""
    return _survey(question, (start, start + 1)).reasons(start)


def offer(question: Question[StaffId], start: int) -> Slot[StaffId] | None:
    """The slot `slots` lists for this minute, or None where it lists none and `explain` says why."""
    offered = _survey(question, (start, start + 1)).slots()
    return offered[0] if offered else None


def assign(
    question: Question[StaffId],
    start: int,
    rank: Callable[[StaffId], SupportsRichComparison] | None = None,
) -> tuple[StaffId, ...] | None:
    """Choose who takes each step of the visit as `choose` does, or None where the start is refused."""
    offered = offer(question, start)
    return choose(offered.staff, rank) if offered else None


def choose(
    staff: Sequence[Sequence[StaffId]], rank: Callable[[StaffId], SupportsRichComparison] | None = None
) -> tuple[StaffId, ...]:
    """Pick one person for each step of an offered slot.

    The lowest rank wins each step. Among equals the customer changes hands as seldom as possible, and then
    the person listed first is taken.
    """
    chosen: list[StaffId] = []
    run: list[StaffId] = []
    run_length = 0
    for able in staff:
        best = list(able) if rank is None else _lowest(able, rank)
        shared = [staff_id for staff_id in run if staff_id in best]
        if run_length and not shared:
            chosen += [run[0]] * run_length
            run_length = 0
        run = shared or best
        run_length += 1
    return (*chosen, *[run[0]] * run_length)


def claims(
    steps: Sequence[Step[StaffId]], staff: Sequence[StaffId], start: int
) -> list[tuple[StaffId, Span]]:
    """Say which time the visit takes on which calendar, buffers included, in order of time.

    One person's claims that touch or overlap become one, because a booking cannot stand in its own way.
    """
    merged: dict[StaffId, list[Span]] = {}
    for step, offset, staff_id in zip(steps, _offsets(steps), staff, strict=True):
        begins = start + offset - step.buffer_before
        ends = start + offset + step.duration + step.buffer_after
        apart = []
        for span in merged.get(staff_id, []):
            if span[1] < begins or ends < span[0]:
                apart.append(span)
            else:
                begins, ends = min(begins, span[0]), max(ends, span[1])
        merged[staff_id] = [*apart, (begins, ends)]
    taken = [(staff_id, span) for staff_id, spans in merged.items() for span in spans]
    return sorted(taken, key=lambda claim: claim[1])


def starts_on(zone: ZoneInfo, *, from_date: date, days: int) -> Span:
    """The absolute minutes of some calendar days in the salon's zone, whatever their clocks do."""
    return _instant(zone, from_date, 0), _instant(zone, from_date + timedelta(days=days), 0)


def reach(steps: Sequence[Step[StaffId]], starts: Span) -> Span:
    """The minutes that can matter to starts within a span: nothing outside it need be fetched."""
    timed = list(zip(steps, _offsets(steps), strict=True))
    lead = max(0, *(step.buffer_before - offset for step, offset in timed))
    trail = max(offset + step.duration + step.buffer_after for step, offset in timed)
    return starts[0] - lead, starts[1] - 1 + trail


def floor_minute(moment: datetime) -> int:
    """Turn an aware moment into an absolute minute, rounding down: for whatever begins."""
    return int(moment.timestamp() // 60)


def ceil_minute(moment: datetime) -> int:
    """Turn an aware moment into an absolute minute, rounding up: for whatever ends, and for `now`.

    A `now` rounded down would still offer a start that passed half a minute ago.
    """
    return int(-(-moment.timestamp() // 60))


def moment_of(minute: int) -> datetime:
    """Turn an absolute minute into an aware moment in UTC."""
    return datetime.fromtimestamp(minute * 60, UTC)


@dataclass(frozen=True, slots=True)
class _Frame:
    """The stretch of time under study, and the sets of minutes within it."""

    origin: int
    size: int

    @property
    def everything(self) -> int:
        return (1 << self.size) - 1

    def before(self, minute: int) -> int:
        return (1 << min(max(minute - self.origin, 0), self.size)) - 1

    def within(self, spans: Iterable[Span]) -> int:
        bits = 0
        origin, size = self.origin, self.size
        for starts, ends in spans:
            first = starts - origin if starts > origin else 0
            last = ends - origin if ends - origin < size else size
            if first < last:
                bits |= ((1 << (last - first)) - 1) << first
        return bits


@dataclass(frozen=True, slots=True)
class _Opening:
    """A stretch of opening hours that belongs to one business date, with its grid counted from `opened`.

    It starts later than it opened where an earlier window is still running: that one keeps its minutes.
    """

    business_date: date
    opened: int
    starts: int
    ends: int


@dataclass(frozen=True, slots=True)
class _Survey(Generic[StaffId]):
    """Every rule applied to a span of starts."""

    frame: _Frame
    starts: Span
    duration: int
    openings: Sequence[_Opening]
    refused: Mapping[Reason, int]
    able: Sequence[Sequence[tuple[StaffId, int]]]

    def reasons(self, start: int) -> tuple[Reason, ...]:
        position = start - self.frame.origin
        return tuple(reason for reason in Reason if self.refused[reason] >> position & 1)

    def slots(self) -> list[Slot[StaffId]]:
        offered = self.frame.within([self.starts])
        for refused in self.refused.values():
            offered &= ~refused
        size = self.frame.size // 8 + 1
        able = [[(staff_id, bits.to_bytes(size, "little")) for staff_id, bits in step] for step in self.able]
        closings = [opening.ends for opening in self.openings]
        found = []
        for position in _positions(offered):
            start = self.frame.origin + position
            opening = self.openings[bisect_right(closings, start)]
            byte, bit = position >> 3, 1 << (position & 7)
            staff = tuple([tuple([staff_id for staff_id, bits in step if bits[byte] & bit]) for step in able])
            found.append(Slot(start, start + self.duration, opening.business_date, staff))
        return found


def _survey(question: Question[StaffId], starts: Span) -> _Survey[StaffId]:
    """Apply every rule to a span of starts. All questions are answered from here."""
    rulebook, steps = question.rulebook, question.steps
    zone = rulebook.zone
    begins, ends = reach(steps, starts)
    # The day before may still be open: a window reaches to noon of the next day at the latest.
    days = _days(_local_date(zone, starts[0]) - timedelta(days=1), _local_date(zone, ends))
    origin = min(begins, _instant(zone, days[0], 0))
    frame = _Frame(origin, ends - origin)
    everything = frame.everything
    duration = sum(step.duration for step in steps)

    openings = _openings(rulebook, days)
    hours = frame.within((opening.starts, opening.ends) for opening in openings)
    grid = 0
    for opening in openings:
        grid |= _grid(opening, rulebook.grid_minutes) << (opening.opened - origin)
    days_off = [day for day in days if not rulebook.salon_hours[day.weekday()]]
    never_open = frame.within(starts_on(zone, from_date=day, days=1) for day in days_off) & ~hours
    closed = frame.within(question.closures)
    engaged = frame.within(question.customer_busy)

    past = frame.before(question.now)
    last_date = _local_date(zone, question.now) + timedelta(days=rulebook.horizon_days)
    bookable = frame.before(_instant(zone, last_date + timedelta(days=1), 0)) | frame.within(
        (opening.starts, opening.ends) for opening in openings if opening.business_date == last_date
    )

    off_duty = taken = 0
    able = []
    working = _working(question, frame, days)
    for step, offset in zip(steps, _offsets(steps), strict=True):
        someone_works = someone_free = 0
        free = []
        for staff_id in step.candidates:
            works = _runs(working[staff_id], step.duration) >> offset
            claim = step.buffer_before + step.duration + step.buffer_after
            unclaimed = _runs(everything & ~frame.within(question.busy.get(staff_id, ())), claim)
            lead = step.buffer_before - offset
            can = works & (unclaimed << lead if lead > 0 else unclaimed >> -lead)
            someone_works |= works
            someone_free |= can
            free.append((staff_id, can))
        able.append(free)
        if step.candidates:
            off_duty |= everything & ~someone_works
            taken |= someone_works & ~someone_free

    return _Survey(
        frame=frame,
        starts=starts,
        duration=duration,
        openings=openings,
        able=able,
        refused={
            Reason.SERVICE_UNAVAILABLE: 0 if all(step.candidates for step in steps) else everything,
            Reason.PAST_TIME: past,
            Reason.TOO_SOON: frame.before(question.now + rulebook.notice_minutes) & ~past,
            Reason.TOO_FAR: everything & ~bookable,
            Reason.SALON_CLOSED: never_open | everything & ~_runs(everything & ~closed, duration),
            Reason.OUTSIDE_HOURS: everything & ~_runs(hours, duration) & ~never_open,
            Reason.NOT_ON_GRID: hours & ~grid,
            Reason.STAFF_UNAVAILABLE: off_duty,
            Reason.SLOT_UNAVAILABLE: taken,
            Reason.BOOKING_OVERLAP: everything & ~_runs(everything & ~engaged, duration),
        },
    )


def _openings(rulebook: Rulebook[StaffId], days: Sequence[date]) -> list[_Opening]:
    """The salon's hours on these days as stretches that follow each other and never overlap."""
    openings = []
    reached = 0
    for day in days:
        for starts, ends in _windows(rulebook.zone, rulebook.salon_hours, day):
            if max(starts, reached) < ends:
                openings.append(_Opening(day, starts, max(starts, reached), ends))
                reached = ends
    return openings


def _grid(opening: _Opening, step: int) -> int:
    """The starts of an opening, counted from the minute it opened."""
    passed = -(-(opening.starts - opening.opened) // step)
    total = -(-(opening.ends - opening.opened) // step)
    return _comb(total - passed, step) << passed * step


@lru_cache(maxsize=1024)
def _comb(teeth: int, gap: int) -> int:
    return ((1 << teeth * gap) - 1) // ((1 << gap) - 1)


def _working(question: Question[StaffId], frame: _Frame, days: Sequence[date]) -> dict[StaffId, int]:
    """When each candidate works, by their own hours and absences.

    The salon's hours are a rule of the visit as a whole, so nobody's need be intersected with them.
    """
    rulebook = question.rulebook
    hours_of_week: dict[_Week, int] = {}
    working = {}
    for staff_id in {staff_id: None for step in question.steps for staff_id in step.candidates}:
        week = rulebook.staff_hours.get(staff_id)
        if week is None:
            hours = frame.everything
        elif week in hours_of_week:
            hours = hours_of_week[week]
        else:
            windows = (window for day in days for window in _windows(rulebook.zone, week, day))
            hours = hours_of_week[week] = frame.within(windows)
        working[staff_id] = hours & ~frame.within(question.away.get(staff_id, ()))
    return working


def _windows(zone: ZoneInfo, week: _Week, day: date) -> Iterator[Span]:
    for opens, closes in week[day.weekday()]:
        yield _instant(zone, day, opens), _instant(zone, day, closes)


def _week(windows: Iterable[WeeklyWindow]) -> _Week:
    days: list[list[tuple[int, int]]] = [[] for _ in range(7)]
    for window in windows:
        days[window.weekday - 1].append((window.opens_minute, window.closes_minute))
    return tuple(tuple(sorted(day)) for day in days)


@lru_cache(maxsize=1 << 14)
def _instant(zone: ZoneInfo, day: date, minute: int) -> int:
    """The first moment the salon's wall clock shows `minute` minutes after midnight of `day`, or later.

    Where clocks go back, a time shown twice means its first showing, so hours across the change last longer.
    Where they go forward, every skipped time means the moment of the change, so hours lying in the gap vanish
    that day. A later wall time is therefore never an earlier moment. Zones are taken to be whole minutes from
    UTC, as all have been since 1972.
    """
    wall = datetime.combine(day, time.min) + timedelta(minutes=minute)
    shown = floor_minute(wall.replace(tzinfo=zone, fold=0))
    other = floor_minute(wall.replace(tzinfo=zone, fold=1))
    if other >= shown:
        return shown
    return other + bisect_left(range(other, shown), True, key=lambda at: _wall(zone, at) >= wall)


def _wall(zone: ZoneInfo, minute: int) -> datetime:
    return moment_of(minute).astimezone(zone).replace(tzinfo=None, fold=0)


def _local_date(zone: ZoneInfo, minute: int) -> date:
    return _wall(zone, minute).date()


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=count) for count in range((last - first).days + 1)]


def _offsets(steps: Sequence[Step[StaffId]]) -> list[int]:
    """Minutes from the start of the visit to the start of each step."""
    return list(accumulate((step.duration for step in steps[:-1]), initial=0))


def _runs(bits: int, length: int) -> int:
    """The minutes from which `length` minutes in a row belong to the set, found by doubling."""
    reached = 1
    while reached < length:
        stride = min(reached, length - reached)
        bits &= bits >> stride
        reached += stride
    return bits


def _positions(bits: int) -> Iterator[int]:
    digits = bin(bits)[:1:-1]
    position = digits.find("1")
    while position >= 0:
        yield position
        position = digits.find("1", position + 1)


def _lowest(staff: Sequence[StaffId], rank: Callable[[StaffId], SupportsRichComparison]) -> list[StaffId]:
    ranks = {staff_id: rank(staff_id) for staff_id in staff}
    lowest = min(ranks.values())
    return [staff_id for staff_id in staff if ranks[staff_id] == lowest]
