"""What the clock has to say about a booking: reminders before the visit, and once, after it, a word about reviews.

Each booking carries the moment when something is due (`remind_at`), so that a round reads only what is due by now.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from backend.bookings import messages
from backend.bookings.models import Booking, BookingState
from backend.bookings.operations.reviewing import review_until
from backend.salons.models import Review, Salon

BATCH = 100
MOST_AT_ONCE = 1000
"""Of one round: what waits longer is taken up a minute later, after the other jobs had their turn."""

NIGHT_BEGINS, MORNING, EVENING = time(22), time(8), time(21)
REVIEW_AFTER, REVIEW_FROM = timedelta(hours=2), time(10)
LATE = timedelta(minutes=30)
"""A reminder that is later than this, because nothing ran, does not make up for it at night."""


def next_reminder(booking: Booking, *, now: datetime) -> datetime | None:
    """When the customer is reminded next; a time that had passed when the visit was agreed on stays passed."""
    return min((at for at in _reminders(booking).values() if at > now), default=None)


def review_request_due(booking: Booking, *, now: datetime) -> datetime | None:
    """When to ask how it was: two hours after its end was written down, or the next morning at ten; never too late."""
    if booking.customer_id is None:
        return None
    zone = booking.salon.zone
    due = now + REVIEW_AFTER
    local = due.astimezone(zone)
    if local.time() >= NIGHT_BEGINS:
        due = _at(local + timedelta(days=1), REVIEW_FROM, zone)
    elif local.time() < REVIEW_FROM:
        due = _at(local, REVIEW_FROM, zone)
    return due if due < review_until(booking) else None


def remind(now: datetime) -> int:
    """Say what is due; safe on many machines at once. Returns how many bookings it looked at."""
    total = 0
    while total < MOST_AT_ONCE:
        with transaction.atomic():
            due = list(
                Booking.objects.filter(remind_at__lte=now)
                .order_by("remind_at", "pk")
                .select_related("salon", "customer")
                .select_for_update(skip_locked=True, no_key=True, of=("self",))[:BATCH]
            )
            for booking in due:
                booking.remind_at = _say(booking, now=now)
            Booking.objects.bulk_update(due, ["remind_at"])
        total += len(due)
        if len(due) < BATCH:
            break
    return total


def replan_reminders(salon: Salon, *, now: datetime) -> None:
    """The salon reminds at other times: look at each of its coming visits anew. What passed before `now` stays so.

    One that a round has yet to take up keeps its moment, and with it what was due by then.
    """
    coming = Booking.objects.filter(salon=salon, state=BookingState.CONFIRMED, starts_at__gt=now)
    coming.exclude(remind_at__lte=now).update(remind_at=now)


def _say(booking: Booking, *, now: datetime) -> datetime | None:
    """Queue what is due, and return when to look again."""
    if booking.state == BookingState.COMPLETED:
        if not Review.objects.filter(booking_id=booking.pk).exists() and now < review_until(booking):
            messages.tell_customer(booking, "review_request", event="once", now=now)
        return None
    if booking.state != BookingState.CONFIRMED or now >= booking.starts_at:
        return None
    assert booking.remind_at is not None
    due = {hours: at for hours, at in _reminders(booking).items() if booking.remind_at <= at <= now}
    if due:
        hours = min(due)  # of several that are due together, the one before the visit says all
        local = now.astimezone(booking.salon.zone).time()
        if now - due[hours] <= LATE or MORNING <= local < NIGHT_BEGINS:
            messages.tell_customer(
                booking,
                "booking_reminder",
                event=f"{booking.starts_at.timestamp():.0f}:{hours}h",
                now=now,
                expires_at=booking.starts_at,
            )
    return next_reminder(booking, now=now)


def _reminders(booking: Booking) -> dict[int, datetime]:
    """When each of the salon's reminders of this visit goes out, by its hours before; by day only."""
    zone = booking.salon.zone
    return {
        hours: _by_day(booking.starts_at - timedelta(hours=hours), zone)
        for hours in booking.salon.reminder_hours
    }


def _by_day(moment: datetime, zone: ZoneInfo) -> datetime:
    """The moment itself, or nine in the evening before the night it falls into."""
    local = moment.astimezone(zone)
    if local.time() >= NIGHT_BEGINS:
        return _at(local, EVENING, zone)
    if local.time() < MORNING:
        return _at(local - timedelta(days=1), EVENING, zone)
    return moment


def _at(day: datetime, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day.date(), clock, tzinfo=zone)


def clock_of(booking: Booking, verb: str, *, before: Any, now: datetime) -> datetime | None:
    """`remind_at` after a change of state."""
    if booking.state == BookingState.CONFIRMED:
        return booking.remind_at if before == BookingState.CONFIRMED else next_reminder(booking, now=now)
    return review_request_due(booking, now=now) if verb == "complete" else None
