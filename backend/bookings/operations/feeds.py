"""The private address of a staff member's bookings: made, renewed and closed."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db.models import Q

from backend.bookings.models import CalendarFeed
from backend.core import limits
from backend.core.errors import NotFound
from backend.core.limits import Limit
from backend.salons.models import Membership, StaffMember

READS = Limit("calendar_feed", 120, timedelta(hours=1))
"""Of one feed. Calendar apps look every few minutes to once a day; several devices share an address."""
MISSES = Limit("calendar_feed_unknown", 60, timedelta(hours=1))
"""Of one network: addresses that lead nowhere."""


def make_feed(*, staff_member: StaffMember, now: datetime) -> str:
    """Open a feed and return its secret, 256 bits of chance that only the answer holds. The one before it closes."""
    secret = secrets.token_urlsafe(32)
    CalendarFeed.objects.update_or_create(
        staff_member=staff_member,
        defaults={
            "user_id": staff_member.user_id,
            "secret_hash": _hash(secret),
            "created_at": now,
            "last_read_at": None,
        },
    )
    return secret


def close_feed(*, staff_member: StaffMember) -> None:
    CalendarFeed.objects.filter(staff_member=staff_member).delete()


def read_feed(secret: str, *, network: str, now: datetime) -> StaffMember:
    """Whose bookings this address shows.

    It is closed for somebody who no longer works there, and once the account behind the staff member has changed or
    has lost its role at the salon. Raises NotFound or TooManyRequests.
    """
    feed = (
        CalendarFeed.objects.filter(secret_hash=_hash(secret), staff_member__is_active=True)
        .select_related("staff_member__salon", "staff_member__user")
        .first()
    )
    if feed is None or not _is_open(feed):
        if wait := limits.take(MISSES, network, now=now):
            raise MISSES.refusal(wait)
        raise NotFound
    if wait := limits.take(READS, feed.secret_hash[:32], now=now):
        raise READS.refusal(wait)
    CalendarFeed.objects.filter(pk=feed.pk).filter(
        Q(last_read_at=None) | Q(last_read_at__lt=now - timedelta(hours=1))
    ).update(last_read_at=now)
    return feed.staff_member


def _is_open(feed: CalendarFeed) -> bool:
    member = feed.staff_member
    if feed.user_id != member.user_id:
        return False
    return (
        feed.user_id is None
        or Membership.objects.filter(user_id=feed.user_id, salon_id=member.salon_id).exists()
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
