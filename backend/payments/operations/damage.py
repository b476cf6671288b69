"""What a bank holds against damage while something is rented: held once, never charged, let go when it is over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from backend.bookings.models import Booking, BookingState
from backend.core.errors import ValidationFailed
from backend.payments.models import HOSTED, STC_PAY, Payment, PaymentState, Purpose, RefundReason
from backend.payments.operations.refunding import owe_back
from backend.payments.refusals import DepositFirst, HoldTooEarly, NothingToPay

HELD_AHEAD = timedelta(days=2)
"""Issuers drop a hold after a week or two (Moyasar facts 9), and a rental lasts up to seven days."""
CHARGED_AT_ONCE = (HOSTED, STC_PAY)


def damage_to_hold(booking: Booking, *, source_type: str, now: datetime) -> int:
    """Halalas to be held for a locked booking. Raises DepositFirst, NothingToPay, HoldTooEarly, and ValidationFailed
    for a source that knows no holds.
    """
    if source_type in CHARGED_AT_ONCE:
        raise ValidationFailed.at("/source/type", "invalid_choice")
    if booking.state == BookingState.HELD:
        raise DepositFirst
    if booking.state != BookingState.CONFIRMED or not booking.damage_minor or _held(booking).exists():
        raise NothingToPay
    if booking.starts_at - now > HELD_AHEAD:
        raise HoldTooEarly
    return booking.damage_minor


def damage_held(payment: Payment, *, now: datetime) -> None:
    """A bank holds the money: that stands while the rental does, else it is let go.

    Runs on the locked payment. The booking may have ended, or another hold have come, while the payer was at the bank.
    """
    booking = Booking.objects.select_for_update(no_key=True).get(pk=payment.booking_id)
    if booking.state == BookingState.CONFIRMED and not _held(booking).exclude(pk=payment.pk).exists():
        payment.secured_at = now
        payment.save(update_fields=["secured_at"])
    else:
        owe_back(payment, amount_minor=payment.amount_minor, reason=RefundReason.NOTHING_TO_PAY, now=now)


def release_damage(booking: Booking, *, now: datetime, by: Any = None) -> None:
    """Let go of what is held for a booking that is over. The booking is locked."""
    for payment in _held(booking):
        owe_back(
            payment,
            amount_minor=payment.amount_minor,
            reason=RefundReason.BOOKING_CLOSED,
            requested_by=by,
            now=now,
        )


def _held(booking: Booking) -> QuerySet[Payment]:
    return Payment.objects.filter(
        booking=booking,
        purpose=Purpose.DAMAGE,
        state=PaymentState.AUTHORIZED,
        secured_at__isnull=False,
        quarantined_because="",
    )
