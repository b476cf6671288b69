"""Questions about time. What lists a start and what accepts it both begin here."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from backend.bookings import availability
from backend.bookings.availability import NeedKind, Question, Slot, Span, Step, ceil_minute, moment_of
from backend.bookings.queries.rules import Line, RulesChanged, SalonRules
from backend.core.errors import FieldError, ValidationFailed
from backend.salons.models import Salon

LONGEST_SHIFT = timedelta(hours=36)
"""What counts for a business date may end at noon of the next day."""


@dataclass(frozen=True)
class Wish:
    """One service somebody would like, by a chosen person or by anyone (None)."""

    service_id: uuid.UUID
    staff_member_id: uuid.UUID | None = None


@dataclass(frozen=True)
class Visit:
    """Services to be done one after another at one salon, and who and what could serve each."""

    rules: SalonRules
    lines: tuple[Line, ...]
    steps: tuple[Step[uuid.UUID], ...]

    @property
    def salon(self) -> Salon:
        return self.rules.salon

    def candidates(self, kind: NeedKind) -> set[uuid.UUID]:
        """Everybody, or everything, that could serve any of it."""
        return {c for step in self.steps for need in step.needs if need.kind is kind for c in need.candidates}

    @property
    def staff_ids(self) -> set[uuid.UUID]:
        return self.candidates(NeedKind.STAFF)

    @property
    def resource_ids(self) -> set[uuid.UUID]:
        return self.candidates(NeedKind.RESOURCE)

    @property
    def price_minor(self) -> int:
        return sum(line.price_minor for line in self.lines)

    @property
    def deposit_minor(self) -> int:
        return sum(line.deposit_minor for line in self.lines)


def plan_visit(rules: SalonRules, wishes: Sequence[Wish]) -> Visit:
    """The visit these wishes make.

    Raises ValidationFailed for a service or person the salon does not have, and for a service that is booked as one
    of its variants.
    """
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
    return Visit(
        rules=rules,
        lines=tuple(rules.lines[wish.service_id] for wish in wishes),
        steps=tuple(rules.step(wish.service_id, wish.staff_member_id) for wish in wishes),
    )


_TAKEN = """
    SELECT coalesce(k.staff_member_id, k.resource_id, k.customer_id)::text,
           string_agg(floor(date_part('epoch', c.starts_at) / 60)::int || ' ' ||
                      ceil(date_part('epoch', c.ends_at) / 60)::int, ' ')
      FROM bookings_calendar k
      JOIN bookings_claim c ON c.calendar_id = k.id
     WHERE (k.staff_member_id = ANY(%(staff)s) OR k.resource_id = ANY(%(resources)s) OR k.customer_id = %(customer)s)
       AND c.is_active AND (c.expires_at IS NULL OR c.expires_at > %(now)s)
       AND c.starts_at < %(ends)s AND c.ends_at > %(begins)s
       AND c.booking_id IS DISTINCT FROM %(moving)s
     GROUP BY k.id
     UNION ALL
    SELECT NULL, catalogue_version::text FROM salons_salon WHERE id = %(salon)s
"""

_BOOKINGS_OF_DAYS = """
    SELECT k.staff_member_id, b.business_date, count(DISTINCT b.id)
      FROM bookings_calendar k
      JOIN bookings_claim c ON c.calendar_id = k.id
      JOIN bookings_booking b ON b.id = c.booking_id
     WHERE k.staff_member_id = ANY(%(staff)s)
       AND c.is_active AND (c.expires_at IS NULL OR c.expires_at > %(now)s)
       AND c.starts_at < %(ends)s AND c.ends_at > %(begins)s
       AND c.booking_id IS DISTINCT FROM %(moving)s
     GROUP BY 1, 2
"""


def question(
    visit: Visit, *, starts: Span, now: datetime, customer: Any = None, moving: uuid.UUID | None = None
) -> Question[uuid.UUID]:
    """Everything known to stand in the way of `visit` starting within `starts` (absolute minutes).

    One query whatever the staff, days and bookings, and a second where somebody has a daily limit. Claims of dead
    holds do not count, nor do those of the booking being moved. Raises RulesChanged where the visit was planned by
    rules that no longer hold.
    """
    begins, ends = availability.reach(visit.steps, starts)
    parameters = {
        "staff": list(visit.staff_ids),
        "resources": list(visit.resource_ids),
        "customer": customer.pk if customer is not None else None,
        "now": now,
        "begins": moment_of(begins),
        "ends": moment_of(ends),
        "moving": moving,
        "salon": visit.salon.pk,
    }
    busy: dict[uuid.UUID, list[Span]] = {}
    version = None
    with connection.cursor() as cursor:
        cursor.execute(_TAKEN, parameters)
        for owner, told in cursor.fetchall():
            if owner is None:
                version = int(told)
            else:
                minutes = iter(map(int, told.split()))
                busy[uuid.UUID(owner)] = list(zip(minutes, minutes, strict=True))
    if version != visit.rules.version:
        raise RulesChanged
    return Question(
        rulebook=visit.rules.rulebook,
        steps=visit.steps,
        now=ceil_minute(now),
        busy=busy,
        customer_busy=busy.pop(customer.pk, ()) if customer is not None else (),
        full_days=_full_days(visit, parameters),
        notice_minutes=max(line.notice_minutes for line in visit.lines),
        horizon_days=min(line.horizon_days for line in visit.lines),
    )


def _full_days(visit: Visit, parameters: dict[str, Any]) -> dict[uuid.UUID, Collection[date]]:
    """The business dates on which somebody with a daily limit has reached it."""
    limits = {
        staff_id: limit
        for staff_id in visit.staff_ids
        if (limit := visit.rules.staff[staff_id].max_bookings_per_day) is not None
    }
    if not limits:
        return {}
    wider = {
        **parameters,
        "staff": list(limits),
        "begins": parameters["begins"] - LONGEST_SHIFT,
        "ends": parameters["ends"] + LONGEST_SHIFT,
    }
    full: dict[uuid.UUID, set[date]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_BOOKINGS_OF_DAYS, wider)
        for staff_id, day, count in cursor.fetchall():
            if count >= limits[staff_id]:
                full.setdefault(staff_id, set()).add(day)
    return dict(full)


def free_slots(visit: Visit, *, from_date: date, days: int, now: datetime) -> list[Slot[uuid.UUID]]:
    """Every start on offer on `days` calendar days of the salon, from `from_date`."""
    starts = availability.starts_on(visit.salon.zone, from_date=from_date, days=days)
    return availability.slots(question(visit, starts=starts, now=now), from_date=from_date, days=days)
