"""A guest whose number a desk wrote down signs in with it: the visits become their own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import transaction

from backend.accounts.models import User
from backend.accounts.queries import number_left_at
from backend.bookings.models import TAKING_STATES, Booking, ClientNote
from backend.bookings.operations.claiming import insert_claims, lock_calendars
from backend.bookings.operations.notes import forget_notes_on_guests
from backend.bookings.operations.transitions import SYSTEM, write_event
from backend.bookings.refusals import SlotUnavailable

REACHES_BACK = timedelta(days=30)
"""Since the end of a visit. What is older may be of somebody who had the number before (KSA facts 1.7)."""
MOST = 100
"""A number with more visits than one person makes in that time is what a desk writes where it has none."""


def adopt_guest_visits(*, user: User, now: datetime) -> int:
    """Give somebody who proved a number the guest visits written down under it. Returns how many.

    Those to come, and those that ended at most 30 days ago; none from before the number left another account. The
    salon keeps the name it wrote; the number, which is the account's now, goes. Where the person is free, the visit
    takes their own time too. What the salon noted about the guest since then follows.

    The caller's transaction holds the person's row, so two devices signing in at once adopt one after the other.
    """
    if user.phone is None:
        return 0
    since = now - REACHES_BACK
    waiting = Booking.objects.filter(guest_phone=user.phone, customer=None, ends_at__gt=since)
    if not 0 < waiting[: MOST + 1].count() <= MOST:
        return 0
    if left_at := number_left_at(user.phone, by_others_than=user):
        waiting = waiting.filter(created_at__gt=left_at)
        since = max(since, left_at)
    with transaction.atomic():
        # Calendars before bookings, as everywhere.
        calendar_id = lock_calendars(staff_ids=(), customer=user).ids[user.pk]
        adopted = list(waiting.order_by("pk").select_for_update(no_key=True))
        for booking in adopted:
            _adopt(booking, user, calendar_id, now=now)
        _take_notes(adopted, user, written_since=since)
    return len(adopted)


def _adopt(booking: Booking, user: User, calendar_id: int, *, now: datetime) -> None:
    booking.customer, booking.guest_phone = user, ""
    booking.language = user.spoken_language
    booking.version += 1
    booking.save(update_fields=["customer", "guest_phone", "language", "version"])
    write_event(booking, "adopt", before=booking.state, actor=SYSTEM, now=now)
    if booking.state in TAKING_STATES and booking.ends_at > now:
        # Who is expected elsewhere at that time has two visits then, as they had before they signed in.
        with suppress(SlotUnavailable):
            insert_claims(
                booking_id=booking.pk,
                spans=[(calendar_id, booking.starts_at, booking.ends_at)],
                expires_at=booking.dies_at,
                now=now,
            )


def _take_notes(adopted: Sequence[Booking], user: User, *, written_since: datetime) -> None:
    ClientNote.objects.filter(
        salon__in={booking.salon_id for booking in adopted},
        guest_phone=user.phone,
        created_at__gt=written_since,
    ).update(customer=user, guest_phone="")
    forget_notes_on_guests(salons={booking.salon_id for booking in adopted}, phones=[user.phone or ""])
