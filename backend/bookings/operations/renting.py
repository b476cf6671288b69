"""Renting what a salon lets by itself, through the operations that make every booking (ADR 0027)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from backend.bookings.models import Booking
from backend.bookings.operations.creating import Quote, create, quote, write_down
from backend.bookings.queries import SalonRules, Visit
from backend.bookings.queries.renting import minutes_between, plan_letting
from backend.core.errors import NotFound, ValidationFailed
from backend.salons.models import Rental


def quote_rental(
    *, rental: Rental, starts_at: datetime, ends_at: datetime, now: datetime, customer: Any = None
) -> Quote:
    """Price, deposit and terms of a rental for this time, if it is free.

    Raises the refusal of the first reason against it, LengthNotOffered, WomenOnly, MenOnly, or ValidationFailed at
    `/rental_id` or `/ends_at`.
    """
    return quote(
        salon=rental.salon,
        plan=_plan(rental, starts_at, ends_at),
        starts_at=starts_at,
        now=now,
        customer=customer,
    )


def create_rental(
    *,
    customer: Any,
    rental: Rental,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    note: str = "",
    expected_total_minor: int | None = None,
) -> Booking:
    """Rent it: held until the deposit is paid, else requested, or confirmed where it is let at once.

    `expected_total_minor` is what the person saw. Raises what `quote_rental` raises, SalonNotLive and AmountChanged.
    """
    return create(
        customer=customer,
        salon=rental.salon,
        plan=_plan(rental, starts_at, ends_at),
        starts_at=starts_at,
        now=now,
        note=note,
        expected_total_minor=expected_total_minor,
    )


def write_guest_rental(
    *,
    staff_user: Any,
    rental: Rental,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    guest_name: str,
    guest_phone: str = "",
    note: str = "",
) -> Booking:
    """Write down at the desk that a guest rents it: confirmed at once, without deposit or a hold against damage.

    Any minute will do, up to 12 hours back, for a length that is let. Raises SalonNotLive, LengthNotOffered, the
    refusal of the first reason against the time, or ValidationFailed at `/ends_at`.
    """
    return write_down(
        staff_user=staff_user,
        salon=rental.salon,
        plan=_plan(rental, starts_at, ends_at, at_desk=True),
        starts_at=starts_at,
        now=now,
        guest_name=guest_name,
        guest_phone=guest_phone,
        note=note,
    )


def _plan(
    rental: Rental, starts_at: datetime, ends_at: datetime, *, at_desk: bool = False
) -> Callable[[SalonRules], Visit]:
    if ends_at <= starts_at:
        raise ValidationFailed.at("/ends_at", "ends_before_start")

    def plan(rules: SalonRules) -> Visit:
        try:
            return plan_letting(rules, rental.pk, minutes_between(starts_at, ends_at), at_desk=at_desk)
        except NotFound as error:
            raise ValidationFailed.at("/rental_id", "not_found") from error

    return plan
