"""Holds and requests that ended by themselves: written down by whoever notices first."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from backend.bookings.models import Booking
from backend.bookings.operations.transitions import SYSTEM, transition

BATCH = 100


def expire_dead(now: datetime) -> int:
    """Expire every dead hold and request; safe on many machines at once. Returns how many this call wrote down."""
    total = 0
    while True:
        with transaction.atomic():
            dead = (
                Booking.objects.dead(now)
                .order_by("pk")
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


def clear_dead_claims(
    calendar_ids: Collection[int], *, starts_at: datetime, ends_at: datetime, now: datetime
) -> None:
    """Expire the dead bookings whose claims still stand in [starts_at, ends_at) on locked calendars.

    A booking somebody else is changing this moment (a payment arriving late) is left alone: they were first.
    """
    in_the_way: set[uuid.UUID] = set(
        Booking.objects.dead(now)
        .filter(
            claims__calendar_id__in=list(calendar_ids),
            claims__is_active=True,
            claims__starts_at__lt=ends_at,
            claims__ends_at__gt=starts_at,
        )
        .values_list("pk", flat=True)
    )
    if not in_the_way:
        return
    dead = Booking.objects.dead(now).filter(pk__in=in_the_way).order_by("pk")
    for booking in dead.select_for_update(skip_locked=True, no_key=True):
        transition(booking, "expire", actor=SYSTEM, now=now)
