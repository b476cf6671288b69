"""Holds and requests that ended by themselves: written down by whoever notices first."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from backend.bookings.models import Booking, Claim, WaitlistEntry, WaitlistState
from backend.bookings.operations.freeing import end_wait
from backend.bookings.operations.transitions import SYSTEM, transition

BATCH = 100


def expire_dead(now: datetime) -> int:
    """Expire every dead hold and request; safe on many machines at once. Returns how many this call wrote down."""
    total = 0
    while True:
        with transaction.atomic():
            dead = (
                Booking.objects.dead(now)
                .order_by("session_id", "pk")  # two machines lock sessions in one order
                .select_for_update(skip_locked=True, no_key=True)[:BATCH]
            )
            done = [transition(booking, "expire", actor=SYSTEM, now=now) for booking in dead]
        total += len(done)
        if len(done) < BATCH:
            return total


def expire_if_dead(booking: Booking, *, now: datetime) -> bool:
    """Write one booking down as expired when its time ran out; True when it did so now."""
    if booking.dies_at is None or booking.dies_at > now:
        return False
    with transaction.atomic():
        locked = Booking.objects.dead(now).select_for_update(no_key=True).filter(pk=booking.pk).first()
        if locked is not None:
            transition(locked, "expire", actor=SYSTEM, now=now)
    return locked is not None


def expire_dead_seats(session_id: uuid.UUID, *, now: datetime, wait: bool) -> None:
    """Expire the dead holds of a session that the caller has yet to lock, so that their seats are anybody's.

    Whoever holds none of its bookings may wait for those that somebody else is changing; others leave those alone.
    """
    dead = Booking.objects.dead(now).filter(session=session_id).order_by("pk")
    for booking in dead.select_for_update(skip_locked=not wait, no_key=True):
        transition(booking, "expire", actor=SYSTEM, now=now)


def clear_dead_claims(
    calendar_ids: Collection[int], *, starts_at: datetime, ends_at: datetime, now: datetime
) -> None:
    """Expire the dead bookings and offers whose claims still stand in [starts_at, ends_at) on locked calendars.

    A booking somebody else is changing this moment (a payment arriving late) is left alone: they were first.
    """
    in_the_way = Claim.objects.filter(
        calendar_id__in=list(calendar_ids),
        is_active=True,
        starts_at__lt=ends_at,
        ends_at__gt=starts_at,
        expires_at__lte=now,
    ).values_list("booking_id", "waitlist_entry_id")
    bookings: set[uuid.UUID] = set()
    offers: set[uuid.UUID] = set()
    for booking_id, entry_id in in_the_way:
        if booking_id is not None:
            bookings.add(booking_id)
        if entry_id is not None:
            offers.add(entry_id)
    if bookings:
        dead = Booking.objects.dead(now).filter(pk__in=bookings).order_by("pk")
        for booking in dead.select_for_update(skip_locked=True, no_key=True):
            transition(booking, "expire", actor=SYSTEM, now=now)
    if offers:
        lapsed = WaitlistEntry.objects.filter(pk__in=offers, state=WaitlistState.OFFERED, expires_at__lte=now)
        for entry in (
            lapsed.select_related("salon")
            .order_by("pk")
            .select_for_update(skip_locked=True, no_key=True, of=("self",))
        ):
            end_wait(entry, WaitlistState.PASSED, now=now)
