"""Questions about time. What lists a start and what accepts it both begin here."""

from __future__ import annotations

import sys
import uuid
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar, Protocol

from backend.accounts.operations import SessionRevoked
from backend.bookings import availability
from backend.bookings.availability import (
    NeedKind,
    Question,
    Reason,
    Slot,
    Span,
    Step,
    ceil_minute,
    moment_of,
)
from backend.bookings.models import Kind
from backend.bookings.queries.rules import RulesChanged, SalonRules
from backend.core.errors import FieldError, ValidationFailed
from backend.core.postgres.base import binary_cursor
from backend.salons.models import Salon
from backend.salons.timetable import instant
from backend.salons.timetable.rules import LATEST_CLOSING

_EPOCH = date(1970, 1, 1)
_DAY = timedelta(days=1)
DESK_LOOKS_BACK = 12 * 60
"""Minutes. Who came in without a booking is written down when there is a hand free for it."""
_KEPT_VISITS = 1024
"""Of one salon. A person may choose among hundreds of services and people, a robot among all their combinations."""


@dataclass(frozen=True)
class Wish:
    """One service somebody would like, by a chosen person or by anyone (None)."""

    service_id: uuid.UUID
    staff_member_id: uuid.UUID | None = None


class Booked(Protocol):
    """A line of what is booked: its name in both languages, price and deposit in halalas, and when it may be booked."""

    @property
    def booked(self) -> dict[str, Any]: ...
    @property
    def name_ar(self) -> str: ...
    @property
    def name_en(self) -> str: ...
    @property
    def price_minor(self) -> int: ...
    @property
    def deposit_minor(self) -> int: ...
    @property
    def notice_minutes(self) -> int: ...
    @property
    def horizon_days(self) -> int: ...


@dataclass(frozen=True, eq=False)
class Visit:
    """Services to be done one after another at one salon, and who and what could serve each.

    One that the desk writes down needs no notice, may begin at any minute, and may have begun: whoever writes it is
    there. As long as a salon's rules are kept,
    the same wishes make the same object.
    """

    kind: ClassVar[Kind] = Kind.VISIT

    rules: SalonRules
    lines: Sequence[Booked]
    steps: tuple[Step[uuid.UUID], ...]
    at_desk: bool = False

    @property
    def salon(self) -> Salon:
        return self.rules.salon

    @property
    def confirms_itself(self) -> bool:
        return self.salon.auto_confirm

    @property
    def damage_minor(self) -> int:
        """Halalas the bank is to hold against damage."""
        return 0

    def candidates(self, kind: NeedKind) -> set[uuid.UUID]:
        """Everybody, or everything, that could serve any of it."""
        return {c for step in self.steps for need in step.needs if need.kind is kind for c in need.candidates}

    @cached_property
    def staff_ids(self) -> set[uuid.UUID]:
        return self.candidates(NeedKind.STAFF)

    @cached_property
    def resource_ids(self) -> set[uuid.UUID]:
        return self.candidates(NeedKind.RESOURCE)

    @cached_property
    def owners(self) -> dict[str, str]:
        """Both as PostgreSQL writes arrays, which takes long to do for every question."""
        return {"staff": _array(self.staff_ids), "resources": _array(self.resource_ids)}

    @cached_property
    def daily_limits(self) -> dict[uuid.UUID, int]:
        """Bookings a day, of those who have such a limit."""
        limits = {staff_id: self.rules.staff[staff_id].max_bookings_per_day for staff_id in self.staff_ids}
        return {staff_id: limit for staff_id, limit in limits.items() if limit is not None}

    @property
    def price_minor(self) -> int:
        return sum(line.price_minor for line in self.lines)

    @property
    def deposit_minor(self) -> int:
        return sum(line.deposit_minor for line in self.lines)

    @cached_property
    def notice_minutes(self) -> int:
        return 0 if self.at_desk else max(line.notice_minutes for line in self.lines)

    @cached_property
    def horizon_days(self) -> int:
        return min(line.horizon_days for line in self.lines)


def plan_visit(rules: SalonRules, wishes: Sequence[Wish], *, at_desk: bool = False) -> Visit:
    """The visit these wishes make.

    Raises ValidationFailed for a service or person the salon does not have, and for a service that is booked as one
    of its variants.
    """
    wanted = (at_desk, *((wish.service_id, wish.staff_member_id) for wish in wishes))
    known: Visit | None = rules.visits.get(wanted)
    if known is not None:
        return known
    wrong: list[FieldError] = []
    for index, wish in enumerate(wishes):
        line = rules.lines.get(wish.service_id)
        if line is None:
            wrong.append(FieldError("not_found", pointer=f"/items/{index}/service_id"))
        elif line.has_variants:
            wrong.append(FieldError("variant_required", pointer=f"/items/{index}/service_id"))
        elif wish.staff_member_id is not None and wish.staff_member_id not in rules.staff:
            wrong.append(FieldError("not_found", pointer=f"/items/{index}/staff_member_id"))
    if wrong:
        raise ValidationFailed(wrong)
    visit = Visit(
        rules=rules,
        lines=tuple(rules.lines[wish.service_id] for wish in wishes),
        steps=tuple(rules.step(wish.service_id, wish.staff_member_id) for wish in wishes),
        at_desk=at_desk,
    )
    if len(rules.visits) >= _KEPT_VISITS:
        rules.visits.clear()
    rules.visits[wanted] = visit
    return visit


_TAKEN = """
    SELECT owner, minutes, dates, version,
           %(customer)s::uuid IS NOT NULL AND owner IS NULL AND NOT EXISTS (
               SELECT FROM accounts_user WHERE id = %(customer)s::uuid AND deleted_at IS NULL)
      FROM bookings_taken(%(staff)s::text::uuid[], %(resources)s::text::uuid[], %(customer)s::uuid, %(now)s,
                          %(begins)s, %(ends)s, %(moving)s::uuid, %(salon)s::uuid)
"""
"""A function of the database (migration 0005): each connection keeps its plan, and planning costs as much as running.

One row for each calendar: its owner, the absolute minutes of its claims (begins, ends, begins, ends ...) and the
business dates they count for (days since 1970), each as four bytes in network order: Python reads thousands of those
in a few microseconds. A row without an owner brings the salon's catalogue version.
"""


Taken = tuple[tuple[uuid.UUID, bytes, bytes | None], ...]
"""What is taken as the database packs it: owner, minutes and business dates of each calendar that has any claim."""


def taken(
    visit: Visit, *, starts: Span, now: datetime, customer: Any = None, moving: uuid.UUID | None = None
) -> Taken:
    """What is known to stand in the way of `visit` starting within `starts` (absolute minutes).

    One query whatever the staff, days and bookings. Claims of dead holds do not count, nor do those of the booking
    being moved. Raises RulesChanged where the visit was planned by rules that no longer hold, SessionRevoked where the
    customer has left.
    """
    begins, ends = availability.reach(visit.steps, starts)
    if visit.daily_limits:
        zone, timetable = visit.salon.zone, visit.rules.rulebook.timetable
        first, last = (timetable.business_date(minute) for minute in (starts[0], starts[1] - 1))
        begins, ends = min(begins, instant(zone, first, 0)), max(ends, instant(zone, last, LATEST_CLOSING))
    parameters = visit.owners | {
        "customer": customer.pk if customer is not None else None,
        "now": now,
        "begins": moment_of(begins),
        "ends": moment_of(ends),
        "moving": moving,
        "salon": visit.salon.pk,
    }
    with binary_cursor() as cursor:
        cursor.execute(_TAKEN, parameters)
        rows = cursor.fetchall()
    if not any(owner is None and version == visit.rules.version for owner, _, _, version, _ in rows):
        raise RulesChanged
    if any(gone for *_, gone in rows):
        raise SessionRevoked  # deleted while this was on its way; who deletes holds the calendar
    return tuple((owner, minutes, dates) for owner, minutes, dates, *_ in rows if owner is not None)


def question(
    visit: Visit, *, starts: Span, now: datetime, customer: Any = None, moving: uuid.UUID | None = None
) -> Question[uuid.UUID]:
    """The same, ready to be asked. Raises RulesChanged."""
    known = taken(visit, starts=starts, now=now, customer=customer, moving=moving)
    minute = ceil_minute(now)
    if visit.at_desk and starts[0] >= minute - DESK_LOOKS_BACK:
        minute = min(minute, starts[0])
    return reckoned(visit, known, now=minute, customer=customer)


def reckoned(visit: Visit, known: Taken, *, now: int, customer: Any = None) -> Question[uuid.UUID]:
    """What is taken, as the engine reads it; `now` is an absolute minute."""
    limits = visit.daily_limits
    kind = visit.kind
    busy: dict[uuid.UUID, list[Span]] = {}
    full_days: dict[uuid.UUID, list[date]] = {}
    for owner, minutes, dates in known:
        bounds = _numbers(minutes)
        busy[owner] = list(zip(bounds[::2], bounds[1::2], strict=True))
        if dates and owner in limits:
            counts = Counter(_numbers(dates))
            full_days[owner] = [_EPOCH + day * _DAY for day, n in counts.items() if n >= limits[owner]]
    elsewhere = busy.pop(customer.pk, ()) if customer is not None else ()
    return Question(
        rulebook=visit.rules.rulebook,
        steps=visit.steps,
        now=now,
        busy=busy,
        customer_busy=elsewhere if kind.takes_its_customer else (),
        full_days=full_days,
        notice_minutes=visit.notice_minutes,
        horizon_days=visit.horizon_days,
        any_minute=visit.at_desk,
        is_let=kind is Kind.RENTAL,
    )


def _array(ids: Iterable[uuid.UUID]) -> str:
    return "{" + ",".join(map(str, ids)) + "}"


def _numbers(packed: bytes) -> array[int]:
    numbers = array("i", packed)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def look_at(
    visit: Visit,
    starts_at: datetime,
    *,
    now: datetime,
    customer: Any = None,
    moving: uuid.UUID | None = None,
    overbook: bool = False,
) -> tuple[Slot[uuid.UUID] | None, tuple[Reason, ...]]:
    """The slot that starts at this moment, or None and every reason against it.

    A moment inside a minute is off every grid. With `overbook`, that people are taken is no reason.
    """
    if starts_at.second or starts_at.microsecond:
        return None, (Reason.NOT_ON_GRID,)
    start = availability.floor_minute(starts_at)
    asked = question(visit, starts=(start, start + 1), now=now, customer=customer, moving=moving)
    if overbook:
        things = {owner: spans for owner, spans in asked.busy.items() if owner not in visit.staff_ids}
        asked = replace(asked, busy=things, full_days={})
    slot = availability.offer(asked, start)
    return slot, () if slot is not None else availability.explain(asked, start)


def free_slots(visit: Visit, *, from_date: date, days: int, now: datetime) -> list[Slot[uuid.UUID]]:
    """Every start on offer on `days` calendar days of the salon, from `from_date`."""
    starts = availability.starts_on(visit.salon.zone, from_date=from_date, days=days)
    return availability.slots(question(visit, starts=starts, now=now), from_date=from_date, days=days)
