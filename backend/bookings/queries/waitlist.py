"""Places on waiting lists, for whoever may see them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from backend.bookings.models import WaitlistEntry, WaitlistState
from backend.salons.models import Salon


def waitlist_of(customer: Any) -> QuerySet[WaitlistEntry]:
    """A customer's own places; a session in doubt (accounts.operations.identity) sees none from before it."""
    entries = WaitlistEntry.objects.filter(customer=customer)
    if customer.history_from is not None:
        entries = entries.filter(joined_at__gte=customer.history_from)
    return entries


def with_names(entries: QuerySet[WaitlistEntry]) -> QuerySet[WaitlistEntry]:
    """The same with what an app shows of each."""
    return entries.select_related("salon", "service__variant_of", "staff_member", "offered_staff_member")


def waiting_at(salon: Salon, *, now: datetime) -> QuerySet[WaitlistEntry]:
    """Who waits at a salon, or has an offer to answer, with what its desk shows."""
    live = Q(state=WaitlistState.WAITING, over_at__gt=now) | Q(
        state=WaitlistState.OFFERED, expires_at__gt=now
    )
    return with_names(WaitlistEntry.objects.filter(live, salon=salon)).select_related("customer")
