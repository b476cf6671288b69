"""Time that comes free: noted in the transaction that gives it back, for whoever waits for it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection

from backend.bookings.availability import Span, moment_of
from backend.bookings.models import Booking, Claim, FreedTime, Session, WaitlistEntry, WaitlistState
from backend.bookings.signals import time_freed
from backend.salons.models import Salon

_NOTE = """
    INSERT INTO bookings_freedtime (salon_id, owner, starts_at, ends_at, due_at)
    SELECT %s, coalesce(k.staff_member_id, k.resource_id), c.starts_at, c.ends_at, %s
      FROM bookings_claim c JOIN bookings_calendar k ON k.id = c.calendar_id
     WHERE c.is_active AND c.ends_at > %s AND k.customer_id IS NULL AND k.lane = 0 AND c.{} = %s
"""
Taker = Booking | WaitlistEntry | Session
_OWN: dict[type[Taker], str] = {Booking: "booking", WaitlistEntry: "waitlist_entry", Session: "session"}
_OF = {taker: _NOTE.format(f"{own}_id") for taker, own in _OWN.items()}


def free(taker: Taker, *, now: datetime) -> None:
    """Give back the time a booking or a session has taken, or an offer holds. The taker is locked by the caller."""
    note_freed(taker, now=now)
    Claim.objects.filter(is_active=True, **{_OWN[type(taker)]: taker}).update(is_active=False)


def note_freed(taker: Taker, *, now: datetime) -> None:
    """Note what a booking, a session or an offer takes of the salon's time, because it is about to give that back.

    Whether anybody waits is not asked here: somebody who joins at this moment would be seen by neither side.
    """
    salon = taker.salon
    with connection.cursor() as cursor:
        cursor.execute(_OF[type(taker)], [salon.pk, by_day(salon, now), now, taker.pk])
        found = cursor.rowcount
    if found:
        time_freed.send(sender=Salon, salon_id=salon.pk, now=now)


def note_opened(salon: Salon, spans: Iterable[tuple[UUID, Span]], *, now: datetime) -> None:
    """Note time in which people and things of the salon serve customers from now on, in absolute minutes."""
    due_at = by_day(salon, now)
    opened = FreedTime.objects.bulk_create(
        FreedTime(
            salon=salon,
            owner=owner,
            starts_at=moment_of(begins),
            ends_at=moment_of(ends),
            due_at=due_at,
        )
        for owner, (begins, ends) in spans
    )
    if opened:
        time_freed.send(sender=Salon, salon_id=salon.pk, now=now)


def end_wait(entry: WaitlistEntry, state: WaitlistState, *, now: datetime) -> None:
    """Close a locked entry that waits or holds an offer; what it holds goes to the next."""
    was_offered = entry.state == WaitlistState.OFFERED
    entry.state = state
    entry.version += 1
    entry.save(update_fields=["state", "version"])
    if was_offered:
        free(entry, now=now)


def by_day(salon: Salon, moment: datetime) -> datetime:
    """The moment itself, or the morning after it, when people may be told again."""
    begins, ends = settings.WAITLIST_OFFER_HOURS
    local = moment.astimezone(salon.zone)
    if begins <= local.time() < ends:
        return moment
    day = local.date() if local.time() < begins else local.date() + timedelta(days=1)
    return datetime.combine(day, begins, tzinfo=salon.zone)
