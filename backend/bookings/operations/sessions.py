"""The salon's side of group sessions: writing them down, publishing them, and letting them end (ADR 0028)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from backend.bookings.models import LIVE_STATES, Booking, BookingState, Session, SessionState
from backend.bookings.models.sessions import LONGEST
from backend.bookings.operations.claiming import hold_rules, lock_calendars
from backend.bookings.operations.counting import lock_session, note_decision
from backend.bookings.operations.freeing import free
from backend.bookings.operations.gathering import check_time, claim
from backend.bookings.operations.transitions import SYSTEM, by_salon, transition
from backend.bookings.refusals import CannotChangeSession, CapacityTaken
from backend.core.errors import FieldError, NotFound, ValidationFailed, VersionConflict
from backend.salons.models import Resource, Salon, StaffMember

BATCH = 20
AT_ONCE = 100
"""Bookings that follow while somebody waits; the others do within a minute."""
MOST_AT_ONCE = 200
"""Sessions of one round: what waits longer is taken up by the next."""
SOLD_AS = frozenset({"price_minor", "deposit_percent", "minimum_seats", "decide_by"})
"""Terms on which seats are bought: fixed once they are on sale."""
_A_MOMENT = timedelta(seconds=1)
_TAKERS: dict[str, tuple[str, type[StaffMember] | type[Resource]]] = {
    "staff_ids": ("staff", StaffMember),
    "resource_ids": ("resources", Resource),
}


def add_session(*, salon: Salon, values: Mapping[str, Any], now: datetime) -> Session:
    """Write down a draft.

    `values` are columns, and `staff_ids` and `resource_ids`, of which one at least is named. Raises ValidationFailed.
    """
    columns, takers = _apart(salon, values)
    session = Session(salon=salon, currency=salon.currency, created_at=now, **columns)
    check_whole(session, now=now)
    with transaction.atomic():
        session.save(force_insert=True)
        _set_takers(session, takers)
    return session


def edit_session(
    *, salon: Salon, session_id: uuid.UUID, version: int, changes: Mapping[str, Any], now: datetime
) -> Session:
    """Change a draft at will; of a published session its words, and its seats to no fewer than are taken.

    Raises NotFound, VersionConflict, CannotChangeSession, CapacityTaken, ValidationFailed.
    """
    columns, takers = _apart(salon, changes)
    with transaction.atomic():
        session = lock_seen(salon, session_id, version=version)
        changed = {name for name, value in columns.items() if getattr(session, name) != value}
        if session.state == SessionState.PUBLISHED:
            if takers or changed & (SOLD_AS | {"starts_at", "ends_at"}) or session.is_short(now):
                raise CannotChangeSession
        elif session.state != SessionState.DRAFT:
            raise CannotChangeSession
        for name in changed:
            setattr(session, name, columns[name])
        if session.capacity < session.seats_taken:
            raise CapacityTaken(extra={"params": {"seats_taken": session.seats_taken}})
        check_whole(session, now=now)
        session.version += 1
        session.save(update_fields=[*changed, "version"])
        _set_takers(session, takers)
    return session


def remove_session(*, salon: Salon, session_id: uuid.UUID, version: int) -> None:
    """Delete a draft. Raises NotFound, VersionConflict, and CannotChangeSession for what was ever published."""
    with transaction.atomic():
        session = lock_seen(salon, session_id, version=version)
        if session.state != SessionState.DRAFT:
            raise CannotChangeSession
        session.delete()


def publish_session(*, salon: Salon, session_id: uuid.UUID, version: int, now: datetime) -> Session:
    """Put a draft's seats on sale; its people and things are taken from now on, or it stays a draft.

    Raises NotFound, VersionConflict, CannotChangeSession, SalonNotLive, ValidationFailed, and what
    `gathering.check_time` raises.
    """
    with transaction.atomic():
        rules = hold_rules(salon.pk)
        seen = session_at(salon, session_id)
        staff_ids, resource_ids = takers_of(seen)
        calendars = lock_calendars(staff_ids=staff_ids, resource_ids=resource_ids)
        session = lock_seen(salon, session_id, version=version)
        if session.version != seen.version:
            raise VersionConflict  # its takers may be others
        if session.state != SessionState.DRAFT:
            raise CannotChangeSession
        check_whole(session, now=now)
        check_time(
            rules,
            starts_at=session.starts_at,
            ends_at=session.ends_at,
            staff_ids=staff_ids,
            resource_ids=resource_ids,
            now=now,
        )
        claim(session, calendars.ids.values(), now=now)
        session.state = SessionState.PUBLISHED
        session.version += 1
        session.save(update_fields=["state", "version"])
    return session


def cancel_session(
    *, salon: Salon, session_id: uuid.UUID, version: int, reason: str, by: Any, now: datetime
) -> Session:
    """Call a published session off: from here on no seat is sold, and every booking follows.

    What is decided is committed first, so that a crash leaves work for `finish_sessions` and no doubt. One that is
    cancelled already is returned as it is. Raises NotFound, VersionConflict, CannotChangeSession.
    """
    with transaction.atomic():
        session = lock_seen(salon, session_id)
        if session.state == SessionState.CANCELLED:
            return session
        if session.version != version:
            raise VersionConflict
        if session.state != SessionState.PUBLISHED or session.ends_at <= now:
            raise CannotChangeSession
        _call_off(session, by=by, reason=reason, now=now)
    close_bookings(session.pk, now=now, most=AT_ONCE)
    return session


def complete_session(*, salon: Salon, session_id: uuid.UUID, version: int, by: Any, now: datetime) -> Session:
    """Say that a session took place: every confirmed seat that is not marked as a no-show counts as a visit.

    Raises NotFound, VersionConflict, and CannotChangeSession before it began or where it does not take place.
    """
    with transaction.atomic():
        session = lock_seen(salon, session_id, version=version)
        if session.state != SessionState.PUBLISHED or session.starts_at > now or session.is_short(now):
            raise CannotChangeSession
        note_decision(session, now=now)
        session.state = SessionState.COMPLETED
        _end(session, by=by, reason="", now=now)
    close_bookings(session.pk, now=now, most=AT_ONCE)
    return session


def finish_sessions(now: datetime) -> int:
    """Call off what has too few seats at its deadline, and finish what a crash left; safe on many machines at once.

    Returns how many sessions were decided or closed.
    """
    done = 0
    due = Session.objects.filter(state=SessionState.PUBLISHED, decided_at=None, decide_by__lte=now)
    for session_id in list(due.order_by("decide_by").values_list("pk", flat=True)[:MOST_AT_ONCE]):
        with transaction.atomic():
            session = due.select_for_update(skip_locked=True, no_key=True).filter(pk=session_id).first()
            if session is None:
                continue
            if session.is_short(now):
                _call_off(session, by=None, reason="", now=now)
            else:
                note_decision(session, now=now)
        done += 1
    closing = Session.objects.filter(is_closing=True).order_by("pk")
    for session_id in list(closing.values_list("pk", flat=True)[:MOST_AT_ONCE]):
        done += close_bookings(session_id, now=now)
    return done


def close_bookings(session_id: uuid.UUID, *, now: datetime, most: int | None = None) -> bool:
    """Let the bookings of a session that is over or called off follow it, `most` of them, a few in each transaction.

    Each goes through the move every booking goes through, so that money, messages and books follow. True when none is
    left; one that somebody else is changing at the moment is left to the next round.
    """
    session = Session.objects.get(pk=session_id)
    is_off = session.state == SessionState.CANCELLED
    states = LIVE_STATES if is_off else (BookingState.CONFIRMED,)
    left = Booking.objects.filter(session=session, state__in=states)
    done = 0
    while most is None or done < most:
        with transaction.atomic():
            some = list(
                left.order_by("pk")
                .select_related("salon", "customer")
                .select_for_update(skip_locked=True, no_key=True, of=("self",))[:BATCH]
            )
            for booking in some:
                _follow(booking, session, is_off=is_off, now=now)
        done += len(some)
        if len(some) < BATCH:
            break
    with transaction.atomic():
        session = lock_session(session_id)
        if not session.is_closing or left.exists():
            return False
        session.is_closing = False
        session.save(update_fields=["is_closing"])
    return True


def _follow(booking: Booking, session: Session, *, is_off: bool, now: datetime) -> None:
    actor = SYSTEM if session.fell_short else by_salon(session.ended_by)
    if not is_off:
        transition(booking, "complete", actor=actor, now=now)
    elif booking.dies_at is not None and booking.dies_at <= now:
        transition(booking, "expire", actor=SYSTEM, now=now)
    else:
        # However late this comes: it was called off in time.
        at = min(now, booking.ends_at - _A_MOMENT)
        transition(booking, "cancel", actor=actor, now=at, reason=session.end_reason)


def _call_off(session: Session, *, by: Any, reason: str, now: datetime) -> None:
    """Write down that a locked session does not take place, and give its time back."""
    session.state = SessionState.CANCELLED
    _end(session, by=by, reason=reason, now=now)
    free(session, now=now)


def _end(session: Session, *, by: Any, reason: str, now: datetime) -> None:
    session.ended_at, session.ended_by, session.end_reason = now, by, reason
    session.is_closing = True
    session.version += 1
    session.save(update_fields=["state", "ended_at", "ended_by", "end_reason", "is_closing", "version"])


def session_at(salon: Salon, session_id: uuid.UUID) -> Session:
    """A session of this salon. Raises NotFound."""
    found = Session.objects.filter(salon=salon, pk=session_id).first()
    if found is None:
        raise NotFound
    return found


def lock_seen(salon: Salon, session_id: uuid.UUID, *, version: int | None = None) -> Session:
    """A session of this salon, locked, still at the version that was seen. Raises NotFound, VersionConflict."""
    session = Session.objects.select_for_update(no_key=True).filter(salon=salon, pk=session_id).first()
    if session is None:
        raise NotFound
    if version is not None and session.version != version:
        raise VersionConflict
    return session


def takers_of(session: Session) -> tuple[list[uuid.UUID], list[uuid.UUID]]:
    """Ids of the staff members and resources a session takes."""
    return (
        list(session.staff.order_by("position", "pk").values_list("pk", flat=True)),
        list(session.resources.order_by("pk").values_list("pk", flat=True)),
    )


_Takers = dict[str, list[Any]]


def _apart(salon: Salon, values: Mapping[str, Any]) -> tuple[dict[str, Any], _Takers]:
    """Columns, and whom and what it takes. Raises ValidationFailed for those the salon does not have."""
    columns, takers, wrong = dict(values), _Takers(), list[FieldError]()
    for name, (relation, model) in _TAKERS.items():
        ids = columns.pop(name, None)
        if ids is None:
            continue
        found = {row.pk: row for row in model.objects.filter(salon=salon, is_active=True, pk__in=ids)}
        wrong += [
            FieldError("not_found", pointer=f"/{name}/{number}")
            for number, one in enumerate(ids)
            if one not in found
        ]
        takers[relation] = list(found.values())
    if wrong:
        raise ValidationFailed(wrong)
    return columns, takers


def _set_takers(session: Session, takers: _Takers) -> None:
    for name, rows in takers.items():
        getattr(session, name).set(rows)
    if takers and not (session.staff.exists() or session.resources.exists()):
        raise ValidationFailed.at("/staff_ids", "list_empty")


def check_whole(session: Session, *, now: datetime) -> None:
    """Raise ValidationFailed for values that do not go together."""
    wrong = list(_faults(session, now=now))
    if wrong:
        raise ValidationFailed([FieldError(code, pointer=f"/{name}") for name, code in wrong])


def _faults(session: Session, *, now: datetime) -> Iterator[tuple[str, str]]:
    if session.ends_at <= session.starts_at:
        yield "ends_at", "ends_before_start"
    elif session.ends_at > session.starts_at + LONGEST:
        yield "ends_at", "moment_not_allowed"
    if session.starts_at.second or session.starts_at.microsecond:
        yield "starts_at", "moment_not_allowed"
    if session.ends_at.second or session.ends_at.microsecond:
        yield "ends_at", "moment_not_allowed"
    if session.minimum_seats and session.decide_by is None:
        yield "decide_by", "field_required"
    if session.decide_by is not None and not session.minimum_seats:
        yield "minimum_seats", "field_required"
    if session.minimum_seats > session.capacity:
        yield "minimum_seats", "too_large"
    if session.decide_by is not None and session.decide_by > session.starts_at:
        yield "decide_by", "moment_not_allowed"
    if session.state == SessionState.DRAFT and session.decide_by is not None and session.decide_by <= now:
        yield "decide_by", "moment_not_allowed"
