"""Taking a session's time: its people and resources all at once, under the one overlap rule."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from backend.bookings import availability
from backend.bookings.availability import Need, NeedKind, Reason, Step, ceil_minute, floor_minute
from backend.bookings.models import Claim, Session
from backend.bookings.operations.expiring import clear_dead_claims
from backend.bookings.queries import SalonRules, Visit, reckoned, taken
from backend.bookings.refusals import ResourceUnavailable, SlotUnavailable, StaffUnavailable, refusal
from backend.core.postgres.rows import insert

FURTHEST_DAYS = 366
_LEFT_TO_THE_SESSION = frozenset({Reason.PRAYER_BREAK})
"""Whoever leads it makes the pause inside it."""


@dataclass(frozen=True, eq=False)
class _Gathering(Visit):
    """A session as the engine sees it: one step that needs each of its people and things, however far ahead.

    It is no visit of the day's that a person's limit would count.
    """

    @cached_property
    def horizon_days(self) -> int:
        return FURTHEST_DAYS

    @cached_property
    def daily_limits(self) -> dict[uuid.UUID, int]:
        return {}


def check_time(
    rules: SalonRules,
    *,
    starts_at: datetime,
    ends_at: datetime,
    staff_ids: Collection[uuid.UUID],
    resource_ids: Collection[uuid.UUID],
    now: datetime,
) -> date:
    """The business date of a session then. Its calendars are locked, and what it leaves is given back.

    Raises StaffUnavailable or ResourceUnavailable for who or what the salon has no more, and the refusal of the first
    reason against the time, as for a visit that the desk writes down; pauses for prayer are the session's own affair.
    """
    if not rules.staff.keys() >= set(staff_ids):
        raise StaffUnavailable
    if not rules.resources.keys() >= set(resource_ids):
        raise ResourceUnavailable
    needs = (
        *(Need(NeedKind.STAFF, (one,)) for one in staff_ids),
        *(Need(NeedKind.RESOURCE, (one,)) for one in resource_ids),
    )
    start = floor_minute(starts_at)
    step = Step(duration=ceil_minute(ends_at) - start, needs=needs)
    plan = _Gathering(rules=rules, lines=(), steps=(step,), at_desk=True)
    known = taken(plan, starts=(start, start + 1), now=now)
    asked = reckoned(plan, known, now=ceil_minute(now))
    reasons = [one for one in availability.explain(asked, start) if one not in _LEFT_TO_THE_SESSION]
    if reasons:
        raise refusal(reasons, decided_by=rules.version)
    return rules.rulebook.timetable.business_date(start)


def claim(session: Session, calendar_ids: Collection[int], *, now: datetime) -> None:
    """Take a session's time on locked calendars: all of it or nothing. Raises SlotUnavailable."""
    claims = [
        Claim(
            calendar_id=calendar_id,
            session=session,
            starts_at=session.starts_at,
            ends_at=session.ends_at,
        )
        for calendar_id in calendar_ids
    ]
    clear_dead_claims(calendar_ids, starts_at=session.starts_at, ends_at=session.ends_at, now=now)
    if insert(claims, ignore_conflicts=True) < len(claims):
        raise SlotUnavailable
