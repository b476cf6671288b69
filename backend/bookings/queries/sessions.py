"""Group sessions for whoever may see them, and what a seat asks."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from backend.bookings.models import Booking, Session, SessionState
from backend.bookings.queries.rules import SalonRules
from backend.bookings.queries.standing import standing_with
from backend.core.money import percentage
from backend.salons.models import Salon, SalonStatus


def with_seats(sessions: QuerySet[Session], *, now: datetime) -> QuerySet[Session]:
    """Sessions with what is shown of each, and `dead_seats`: taken by holds that have run out, so anybody's."""
    dead = Booking.objects.dead(now).filter(session=OuterRef("pk")).order_by().values("session")
    return (
        sessions.select_related("salon__city")
        .prefetch_related("staff", "resources")
        .annotate(dead_seats=Coalesce(Subquery(dead.annotate(all=Sum("seats")).values("all")), 0))
    )


def sessions_to_join(now: datetime) -> QuerySet[Session]:
    """Sessions of live salons that are still to begin and take place as far as anybody knows."""
    short = Q(decide_by__lte=now, decided_at=None, seats_confirmed__lt=F("minimum_seats"))
    return Session.objects.filter(
        state=SessionState.PUBLISHED, starts_at__gt=now, salon__status=SalonStatus.LIVE
    ).exclude(short)


def sessions_in_sight() -> QuerySet[Session]:
    """Whatever was published at a live salon, over and cancelled sessions too."""
    return Session.objects.filter(salon__status=SalonStatus.LIVE).exclude(state=SessionState.DRAFT)


def sessions_at(salon: Salon) -> QuerySet[Session]:
    """A salon's sessions for its desk, drafts too."""
    return Session.objects.filter(salon=salon)


def seats_of(sessions: Iterable[Session], customer: Any) -> dict[uuid.UUID, Booking]:
    """A customer's live booking in each of these sessions, by the session's id."""
    live = Booking.objects.filter(
        customer=customer, session__in=list(sessions), state__in=("held", "confirmed")
    )
    if customer.history_from is not None:
        live = live.filter(created_at__gte=customer.history_from)
    return {booking.session_id: booking for booking in live if booking.session_id is not None}


def usual_seat_deposit(session: Session) -> int:
    """Halalas asked for one seat before it stands: the session's share of the price, or the salon's."""
    own = session.deposit_percent
    return percentage(session.price_minor, session.salon.deposit_percent if own is None else own)


def seat_deposit(session: Session, rules: SalonRules, customer: Any, *, at: datetime) -> int:
    """The same as it is asked of one customer, whose marks may raise it (ADR 0023)."""
    usual = usual_seat_deposit(session)
    return standing_with(rules, customer, at=at).deposit_of(session.price_minor, usual)
