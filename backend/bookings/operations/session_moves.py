"""Moving a published session: its own claims and everybody's seats in one atomic swap."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from backend.bookings import messages
from backend.bookings.models import (
    LIVE_STATES,
    Booking,
    BookingItem,
    BookingState,
    Calendar,
    Claim,
    Session,
    SessionState,
)
from backend.bookings.operations.claiming import hold_rules
from backend.bookings.operations.counting import lock_session
from backend.bookings.operations.freeing import note_freed
from backend.bookings.operations.gathering import check_time, claim
from backend.bookings.operations.reminding import next_reminder
from backend.bookings.operations.sessions import check_whole, session_at, takers_of
from backend.bookings.operations.transitions import Actor, by_salon, write_event
from backend.bookings.refusals import CannotChangeSession
from backend.core.errors import VersionConflict
from backend.core.postgres.rows import insert
from backend.core.time import rfc3339
from backend.salons.models import Salon

_TRIES = 5


class _Joined(Exception):
    """Somebody joined between the look and the lock: give back all locks and look again."""


def move_session(
    *,
    salon: Salon,
    session_id: uuid.UUID,
    version: int,
    starts_at: datetime,
    ends_at: datetime,
    by: Any,
    now: datetime,
    reason: str = "",
) -> Session:
    """Move a published session that has not begun to another time, with the same people, rooms and bookings.

    Everybody with an account is told and may refuse free of charge, as when a salon moves a visit. Whoever has another
    booking then keeps both until they answer. Its deadline stays. When the move is refused all stands as it was.
    Raises NotFound, VersionConflict, CannotChangeSession, SalonNotLive, ValidationFailed, and what
    `gathering.check_time` raises.
    """
    for _ in range(_TRIES):
        try:
            with transaction.atomic():
                return _move(
                    salon, session_id, version, starts_at, ends_at, actor=by_salon(by), reason=reason, now=now
                )
        except _Joined:
            continue
    raise VersionConflict


def _move(
    salon: Salon,
    session_id: uuid.UUID,
    version: int,
    starts_at: datetime,
    ends_at: datetime,
    *,
    actor: Actor,
    reason: str,
    now: datetime,
) -> Session:
    rules = hold_rules(salon.pk)
    seen = session_at(salon, session_id)
    staff_ids, resource_ids = takers_of(seen)
    coming = Booking.objects.filter(session=seen, state__in=LIVE_STATES)
    calendars = _lock_all(seen, staff_ids, resource_ids)
    bookings = list(
        coming.select_related("salon", "customer")
        .prefetch_related("items")
        .order_by("pk")
        .select_for_update(no_key=True, of=("self",))
    )
    session = lock_session(seen.pk)
    if session.version != version:
        raise VersionConflict
    if session.state_at(now) != SessionState.PUBLISHED or session.starts_at <= now:
        raise CannotChangeSession
    if coming.exclude(pk__in=[booking.pk for booking in bookings]).exists():
        raise _Joined
    session.starts_at, session.ends_at = starts_at, ends_at
    check_whole(session, now=now)
    note_freed(session, now=now)
    Claim.objects.filter(session=session).delete()
    business_date = check_time(
        rules,
        starts_at=starts_at,
        ends_at=ends_at,
        staff_ids=staff_ids,
        resource_ids=resource_ids,
        now=now,
    )
    claim(session, calendars, now=now)
    session.version += 1
    session.save(update_fields=["starts_at", "ends_at", "version"])
    for booking in bookings:
        _take_along(booking, session, business_date, actor=actor, reason=reason, now=now)
    return session


def _lock_all(session: Session, staff_ids: list[uuid.UUID], resource_ids: list[uuid.UUID]) -> list[int]:
    """Lock the calendars of a session's people and things, and of everybody who comes, in id order.

    The ids of the session's own. All have been used before, so none is made here.
    """
    theirs = Claim.objects.filter(Q(session=session) | Q(booking__session=session), is_active=True)
    locked = Calendar.objects.filter(pk__in=theirs.values("calendar_id")).order_by("pk")
    return [
        row.pk
        for row in locked.select_for_update(no_key=True)
        if row.lane == 0 and (row.staff_member_id in staff_ids or row.resource_id in resource_ids)
    ]


def _take_along(
    booking: Booking, session: Session, business_date: date, *, actor: Actor, reason: str, now: datetime
) -> None:
    moved_from = booking.starts_at
    booking.starts_at, booking.ends_at = session.starts_at, session.ends_at
    booking.business_date = business_date
    booking.version += 1
    booking.attendance_confirmed_at = None
    if booking.customer is not None:
        agreed = booking.salon_moved_from or moved_from
        booking.salon_moved_from = agreed if booking.starts_at != agreed else None
    if booking.state == BookingState.CONFIRMED:
        booking.remind_at = next_reminder(booking, now=now)
        messages.drop_reminders(booking, now=now)
    booking.save(
        update_fields=[
            *("starts_at", "ends_at", "business_date", "version"),
            *("attendance_confirmed_at", "salon_moved_from", "remind_at"),
        ]
    )
    BookingItem.objects.filter(booking=booking).update(starts_at=booking.starts_at, ends_at=booking.ends_at)
    claims = list(Claim.objects.filter(booking=booking))
    Claim.objects.filter(pk__in=[one.pk for one in claims]).delete()
    # Who is expected elsewhere then has two bookings until they answer: theirs is not taken twice.
    insert(
        [
            Claim(
                calendar_id=one.calendar_id,
                booking=booking,
                starts_at=booking.starts_at,
                ends_at=booking.ends_at,
                expires_at=booking.dies_at,
            )
            for one in claims[:1]
        ],
        ignore_conflicts=True,
    )
    write_event(
        booking,
        "reschedule",
        before=booking.state,
        actor=actor,
        now=now,
        reason=reason,
        moved_from=moved_from,
        changes={"starts_at": (rfc3339(moved_from), rfc3339(booking.starts_at))},
    )
    messages.tell(booking, "reschedule", before=booking.state, actor_role=actor.role, now=now)
