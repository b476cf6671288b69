"""What the engine is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum, StrEnum, auto
from typing import Generic

from backend.bookings.availability.grounds import Grounds
from backend.salons.timetable import Id, Span, Timetable


class Reason(StrEnum):
    """Why a start is refused. The values are wire codes; the order is the one reasons are told in.

    It runs from what no other time would cure to what another time or person may. The *visit* is the time from the
    start to the end of the last step, without buffers. Who *works then* is on duty and not away for the whole of a
    step, processing gap included; the salon's own hours do not count there.
    """

    SERVICE_UNAVAILABLE = "service_unavailable"
    """A step needs a staff member and nobody at all is a candidate."""
    PAST_TIME = "past_time"
    TOO_SOON = "too_soon"
    """Still to come, but within the notice asked for. A past start is only `past_time`."""
    TOO_FAR = "too_far"
    """Its business date is later than the last one open for booking."""
    SALON_CLOSED = "salon_closed"
    """A closure of the salon meets the visit; or the start is outside hours on a day that has none."""
    OUTSIDE_HOURS = "outside_hours"
    """Hours do not hold for the whole of the visit, or at an end of what is let, and it is not for want of any on the
    day of the start."""
    PRAYER_BREAK = "prayer_break"
    """A pause meets the visit or, where services may span pauses, its first minute."""
    NOT_ON_GRID = "not_on_grid"
    """Inside opening hours, between two steps of the grid."""
    STAFF_UNAVAILABLE = "staff_unavailable"
    """A step finds no candidate who works then."""
    RESOURCE_UNAVAILABLE = "resource_unavailable"
    """A step finds every resource of a kind it needs out of use or taken, or there is none."""
    DAY_FULL = "day_full"
    """A step finds that everyone who works then has reached their limit of that business date."""
    SLOT_UNAVAILABLE = "slot_unavailable"
    """A step finds everyone who works then, and has not reached their limit, already taken."""
    BOOKING_OVERLAP = "booking_overlap"
    """The customer is already booked somewhere during the visit."""


class NeedKind(Enum):
    """How something is taken for a step; buffers count for both."""

    STAFF = auto()
    """A person: free for others during the processing gap."""
    RESOURCE = auto()
    """A room, chair or device: held from beginning to end."""


@dataclass(frozen=True, slots=True)
class Need(Generic[Id]):
    """One of these is taken for a step. They are listed in the order they are to be shown and preferred."""

    kind: NeedKind
    candidates: Sequence[Id]


@dataclass(frozen=True, slots=True)
class Step(Generic[Id]):
    """One service of a visit, and what it needs: one candidate of every need.

    Lengths are minutes. The next step starts when this one's `duration` ends: buffers hold calendars and never the
    customer. `gap` is the stretch inside the service, in minutes after its start, in which the customer stays and the
    staff member is free. Candidates already perform the service and suit the customer's choice.
    """

    duration: int
    needs: Sequence[Need[Id]]
    buffer_before: int = 0
    buffer_after: int = 0
    gap: Span | None = None

    def __post_init__(self) -> None:
        if self.duration < 1 or self.buffer_before < 0 or self.buffer_after < 0:
            raise ValueError("a step lasts at least a minute and its buffers are not negative")
        if self.gap is not None and not 0 < self.gap[0] < self.gap[1] < self.duration:
            raise ValueError("a processing gap lies inside its step, with work before and after it")
        candidates = [candidate for need in self.needs for candidate in need.candidates]
        if not self.needs or len(set(candidates)) < len(candidates):
            raise ValueError("a step has at least one need, and nobody is a candidate of two")

    def held(self, kind: NeedKind) -> tuple[Span, ...]:
        """The minutes, counted from the start of the step, in which a thing of this kind is taken."""
        begins, ends = -self.buffer_before, self.duration + self.buffer_after
        if kind is NeedKind.RESOURCE or self.gap is None:
            return ((begins, ends),)
        return (begins, self.gap[0]), (self.gap[1], ends)


@dataclass(frozen=True, slots=True)
class Rulebook(Generic[Id]):
    """What a salon has decided about its time, ready to be asked any number of questions.

    Immutable, and quicker with every question of the same days: keep it until the salon changes its rules.
    """

    timetable: Timetable[Id]
    grid_minutes: int
    notice_minutes: int
    horizon_days: int
    grounds: Grounds[Id] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.grid_minutes < 1 or self.notice_minutes < 0 or self.horizon_days < 0:
            raise ValueError("the grid is at least a minute; notice and horizon are not negative")
        object.__setattr__(self, "grounds", Grounds(self.timetable, self.grid_minutes))


@dataclass(frozen=True, slots=True)
class Question(Generic[Id]):
    """A visit somebody would like, and everything already known to stand in its way.

    `busy` holds other bookings' claims with their buffers, by staff member or resource, and `customer_busy` the
    customer's other visits; a booking being moved leaves out its own. Spans may overlap, come in any order and lie
    outside what `reach` asks for. `full_days` are the business dates on which a staff member has reached the limit of
    that day. A service's own notice and horizon go before the salon's. With `any_minute` the grid does not count.

    What `is_let` is handed over and left alone: it begins and ends while the salon's hours hold, which its opening and
    closing count as, and nobody pauses for prayer. Closures count all the same.
    """

    rulebook: Rulebook[Id]
    steps: Sequence[Step[Id]]
    now: int
    busy: Mapping[Id, Sequence[Span]] = field(default_factory=dict)
    customer_busy: Sequence[Span] = ()
    full_days: Mapping[Id, Collection[date]] = field(default_factory=dict)
    notice_minutes: int | None = None
    horizon_days: int | None = None
    any_minute: bool = False
    is_let: bool = False

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("a visit has at least one step")
        if (self.notice_minutes or 0) < 0 or (self.horizon_days or 0) < 0:
            raise ValueError("notice and horizon are not negative")


@dataclass(frozen=True, slots=True)
class Slot(Generic[Id]):
    """A start on offer: the visit's span, the day it counts for, and for each need of each step who could serve it.

    Whoever is listed for a need can take it whatever is chosen for the others.
    """

    starts: int
    ends: int
    business_date: date
    able: tuple[tuple[tuple[Id, ...], ...], ...]
