"""The life of a booking: one table of allowed moves, one place that writes the event."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from backend.bookings import messages
from backend.bookings.models import (
    TAKING_STATES,
    ActorRole,
    Booking,
    BookingEvent,
    BookingState,
    Claim,
    Kind,
)
from backend.bookings.operations.counting import count_seats
from backend.bookings.operations.freeing import free
from backend.bookings.operations.reminding import clock_of
from backend.bookings.operations.standing import tell_of_mark
from backend.bookings.refusals import CannotChangeStatus, RescheduleLimit, RescheduleTooLate, SlotExpired
from backend.bookings.signals import booking_closed, booking_confirmed, visit_ended
from backend.core.errors import DomainError, NotFound, PermissionDenied, VersionConflict
from backend.core.money import percentage
from backend.core.postgres.rows import insert

S = BookingState
Changes = dict[str, tuple[Any, Any]]
"""What else is different after a change, as JSON values: before and after."""


@dataclass(frozen=True)
class Actor:
    """Who acts, and in which role: the same person may be a customer here and staff there."""

    role: str
    user: Any = None


SYSTEM = Actor(ActorRole.SYSTEM)


def by_customer(user: Any) -> Actor:
    return Actor(ActorRole.CUSTOMER, user)


def by_salon(user: Any) -> Actor:
    return Actor(ActorRole.SALON, user)


@dataclass(frozen=True)
class Move:
    """From which states, by whom, to which state (None: it stays). `when` narrows it further by the clock."""

    states: frozenset[str]
    roles: frozenset[str]
    to: str | None
    when: Callable[[Booking, datetime], bool] = lambda booking, now: True


def _begun(booking: Booking, now: datetime) -> bool:
    return booking.starts_at <= now


def _movable(booking: Booking, now: datetime) -> bool:
    return booking.starts_at > now and Kind(booking.kind).moves_by_itself


def _not_over(booking: Booking, now: datetime) -> bool:
    return booking.ends_at > now


def _not_arrived(booking: Booking, now: datetime) -> bool:
    return booking.arrived_at is None


def _moved_by_salon(booking: Booking, now: datetime) -> bool:
    return booking.salon_moved_from is not None and booking.starts_at > now


def _attendance_open(booking: Booking, now: datetime) -> bool:
    return booking.attendance_confirmed_at is None and booking.starts_at > now


def _disputable(booking: Booking, now: datetime) -> bool:
    until = booking.disputable_until
    return booking.disputed_at is None and until is not None and now < until


def _dispute_open(booking: Booking, now: datetime) -> bool:
    return booking.disputed_at is not None and booking.dispute_answered_at is None


def _move(states: tuple[str, ...], roles: tuple[str, ...], to: str | None, **more: Any) -> Move:
    return Move(frozenset(states), frozenset(roles), to, **more)


_CUSTOMER, _SALON, _SYSTEM = ActorRole.CUSTOMER, ActorRole.SALON, ActorRole.SYSTEM

MOVES: dict[str, Move] = {
    "request": _move((S.HELD, S.EXPIRED), (_SYSTEM,), S.REQUESTED),
    "auto_confirm": _move((S.HELD, S.EXPIRED), (_SYSTEM,), S.CONFIRMED),
    "confirm": _move((S.REQUESTED,), (_SALON,), S.CONFIRMED),
    "decline": _move((S.REQUESTED,), (_SALON,), S.DECLINED),
    "cancel": _move(
        (S.HELD, S.REQUESTED, S.CONFIRMED), (_CUSTOMER, _SALON, _SYSTEM), S.CANCELLED, when=_not_over
    ),
    "reschedule": _move((S.REQUESTED, S.CONFIRMED), (_CUSTOMER, _SALON), None, when=_movable),
    "accept_move": _move((S.REQUESTED, S.CONFIRMED), (_CUSTOMER,), None, when=_moved_by_salon),
    "refuse_move": _move((S.REQUESTED, S.CONFIRMED), (_CUSTOMER,), S.CANCELLED, when=_moved_by_salon),
    "confirm_attendance": _move((S.CONFIRMED,), (_CUSTOMER,), None, when=_attendance_open),
    "check_in": _move((S.CONFIRMED,), (_SALON,), S.CONFIRMED, when=_not_arrived),
    "complete": _move((S.CONFIRMED,), (_SALON,), S.COMPLETED, when=_begun),
    "no_show": _move((S.CONFIRMED,), (_SALON,), S.NO_SHOW, when=_begun),
    "dispute_no_show": _move((S.NO_SHOW,), (_CUSTOMER,), None, when=_disputable),
    "uphold_no_show": _move((S.NO_SHOW,), (_SALON,), None, when=_dispute_open),
    "withdraw_no_show": _move((S.NO_SHOW,), (_SALON,), S.COMPLETED),
    "expire": _move((S.HELD, S.REQUESTED), (_SYSTEM,), S.EXPIRED),
}

MOMENTS = {
    "check_in": "arrived_at",
    "confirm_attendance": "attendance_confirmed_at",
    "no_show": "no_show_at",
    "dispute_no_show": "disputed_at",
    "uphold_no_show": "dispute_answered_at",
}
"""Moves whose own moment stands on the booking."""

LONGEST_HOLD = timedelta(minutes=60)
AT_THE_BANK = timedelta(minutes=15)
"""How long Moyasar lets a payer stall in 3-D Secure: payment facts 4."""

CLOSING = frozenset({S.CANCELLED, S.DECLINED, S.EXPIRED})
ENDINGS = frozenset({S.COMPLETED, S.NO_SHOW})


def lock_booking(bookings: QuerySet[Booking], booking_id: uuid.UUID) -> Booking:
    """The booking, locked until the transaction ends. Raises NotFound when it is not among `bookings`."""
    found = (
        Booking.objects.select_for_update(no_key=True)
        .filter(pk=booking_id, pk__in=bookings.order_by().values("pk"))
        .first()
    )
    if found is None:
        raise NotFound
    return found


def may(booking: Booking, verb: str, *, actor: Actor, now: datetime) -> bool:
    """Whether this move is open to this actor now. Dead holds can only expire or be paid after all."""
    move = MOVES[verb]
    dead = booking.dies_at is not None and booking.dies_at <= now and actor.role != ActorRole.SYSTEM
    return booking.state in move.states and actor.role in move.roles and not dead and move.when(booking, now)


def allowed_actions(booking: Booking, *, actor: Actor, now: datetime) -> list[str]:
    """What the app may offer as buttons; the server decides again on each press."""
    verbs = [verb for verb in MOVES if may(booking, verb, actor=actor, now=now)]
    if actor.role == ActorRole.CUSTOMER and "reschedule" in verbs and _stays_put(booking, now=now):
        verbs.remove("reschedule")
    if actor.role == ActorRole.CUSTOMER and may_begin_to_pay(booking, now=now):
        verbs.insert(0, "pay")
    return verbs


def may_begin_to_pay(booking: Booking, *, now: datetime) -> bool:
    """Whether a hold still lives, and can be kept for as long as the bank's page may take."""
    if booking.state != S.HELD or booking.hold_expires_at is None or booking.hold_expires_at <= now:
        return False
    return now + AT_THE_BANK <= booking.created_at + LONGEST_HOLD


def cancellation_fee(booking: Booking, *, now: datetime) -> int:
    """Halalas the salon keeps when the customer cancels now: by the policy copied onto the booking."""
    if booking.state != S.CONFIRMED or now < booking.free_cancel_until:
        return 0  # an unanswered request costs nothing: the salon has promised nothing yet
    if booking.salon_moved_from is not None and now < booking.starts_at:
        return 0  # nobody agreed to this time
    return percentage(booking.deposit_minor, booking.late_cancel_percent)


def _stays_put(booking: Booking, *, now: datetime) -> type[DomainError] | None:
    """Why a customer may move this booking no more, though it could be moved."""
    if cancellation_fee(booking, now=now):
        return RescheduleTooLate
    return None if booking.moves_left or booking.salon_moved_from is not None else RescheduleLimit


def check_move(booking: Booking, verb: str, *, actor: Actor, now: datetime) -> None:
    """Refuse a move that is not open to this actor now.

    Raises PermissionDenied when this role never may, CannotChangeStatus when not in this state, SlotExpired for a dead
    hold, RescheduleTooLate where moving would dodge the fee that cancelling costs by now, RescheduleLimit where the
    customer has moved it as often as the salon allows.
    """
    if actor.role not in MOVES[verb].roles:
        raise PermissionDenied
    if not may(booking, verb, actor=actor, now=now):
        raise SlotExpired if booking.dies_at and booking.dies_at <= now else CannotChangeStatus
    too_often = verb == "reschedule" and actor.role == ActorRole.CUSTOMER and _stays_put(booking, now=now)
    if too_often:
        raise too_often


def transition(
    booking: Booking, verb: str, *, actor: Actor, now: datetime, reason: str = "", fee_minor: int = 0
) -> Booking:
    """Make one move on a locked booking: state, version, event, claims, announcement and messages, or nothing.

    Raises what `check_move` raises.
    """
    check_move(booking, verb, actor=actor, now=now)
    before = booking.state
    booking.state = MOVES[verb].to or booking.state
    booking.version += 1
    booking.remind_at = clock_of(booking, verb, before=before, now=now)
    changed = ["state", "version", "respond_by", "hold_expires_at", "deposit_paid_at", "remind_at"]
    if moment := MOMENTS.get(verb):
        setattr(booking, moment, now)
        changed.append(moment)
    if verb == "accept_move":
        booking.salon_moved_from = None
        changed.append("salon_moved_from")
    if booking.state == S.CANCELLED:
        booking.cancellation_fee_minor = fee_minor
        changed.append("cancellation_fee_minor")
    if verb == "withdraw_no_show" and booking.disputed_at is not None:
        booking.dispute_answered_at = now
        changed.append("dispute_answered_at")
    booking.save(update_fields=changed)
    write_event(booking, verb, before=before, actor=actor, reason=reason, now=now)
    if booking.state in TAKING_STATES:
        Claim.objects.filter(booking=booking, is_active=True).update(expires_at=booking.dies_at)
    else:
        free(booking, now=now)
    count_seats(booking, before=before, now=now)
    if booking.state in CLOSING:
        booking_closed.send(
            sender=Booking, booking=booking, verb=verb, fee_minor=fee_minor, actor=actor.user, now=now
        )
    elif booking.state == S.CONFIRMED and before != S.CONFIRMED:
        booking_confirmed.send(sender=Booking, booking=booking, now=now)
    elif booking.state in ENDINGS and booking.state != before:
        visit_ended.send(sender=Booking, booking=booking, now=now)
    if before == S.CONFIRMED != booking.state:
        messages.drop_reminders(booking, now=now)
    messages.tell(booking, verb, before=before, actor_role=actor.role, now=now)
    tell_of_mark(booking, verb, before=before, actor_role=actor.role, now=now)
    return booking


def write_event(
    booking: Booking,
    verb: str,
    *,
    before: str,
    actor: Actor,
    now: datetime,
    reason: str = "",
    moved_from: datetime | None = None,
    changes: Changes | None = None,
) -> None:
    event = event_of(
        booking,
        verb,
        before=before,
        actor=actor,
        now=now,
        reason=reason,
        moved_from=moved_from,
        changes=changes,
    )
    insert([event])


def event_of(
    booking: Booking,
    verb: str,
    *,
    before: str,
    actor: Actor,
    now: datetime,
    reason: str = "",
    moved_from: datetime | None = None,
    changes: Changes | None = None,
) -> BookingEvent:
    """The trace of a change, to be written with it."""
    return BookingEvent(
        booking=booking,
        version=booking.version,
        verb=verb,
        from_state=before,
        to_state=booking.state,
        actor_role=actor.role,
        actor=actor.user,
        reason=reason,
        moved_from=moved_from,
        changes=changes or {},
        at=now,
    )


def act(
    *,
    bookings: QuerySet[Booking],
    booking_id: uuid.UUID,
    verb: str,
    actor: Actor,
    version: int,
    now: datetime,
    reason: str = "",
) -> Booking:
    """One move by a person who saw `version`. Raises NotFound, VersionConflict, and what `transition` raises."""
    with transaction.atomic():
        booking = lock_booking(bookings, booking_id)
        if booking.version != version:
            raise VersionConflict
        return transition(booking, verb, actor=actor, now=now, reason=reason)


def cancel(
    *,
    bookings: QuerySet[Booking],
    booking_id: uuid.UUID,
    actor: Actor,
    version: int,
    now: datetime,
    reason: str = "",
) -> Booking:
    """Cancel by policy: a salon's cancellation costs nothing. What is already cancelled is returned as it is."""
    with transaction.atomic():
        booking = lock_booking(bookings, booking_id)
        if booking.state == S.CANCELLED:
            return booking
        if booking.version != version:
            raise VersionConflict
        fee = cancellation_fee(booking, now=now) if actor.role == ActorRole.CUSTOMER else 0
        return transition(booking, "cancel", actor=actor, now=now, reason=reason, fee_minor=fee)
