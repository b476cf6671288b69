"""What bookings announce, and what it means for money: rows in the same transaction, the gateway after its commit."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from backend.bookings.models import Booking
from backend.bookings.signals import booking_closed, booking_confirmed, visit_ended
from backend.payments.models import PAID_STATES, Payment, PaymentState, Purpose, RefundReason
from backend.payments.operations import (
    owe_back,
    post,
    release_damage,
    settle_after_commit,
    unowed_minor,
)


@receiver(booking_closed)
def give_back_for_closed_booking(
    sender: Any, *, booking: Booking, fee_minor: int, actor: Any, now: datetime, **_: Any
) -> None:
    """Everything but the fee goes back. The fee is taken from the deposit first.

    No payment is locked here: payments come before bookings, and the booking is locked already.
    """
    kept = fee_minor
    release_damage(booking, now=now, by=actor)
    paid = Payment.objects.filter(
        booking=booking, state__in=(*PAID_STATES, PaymentState.AUTHORIZED), quarantined_because=""
    ).exclude(purpose=Purpose.DAMAGE)
    for payment in paid.order_by("-purpose", "created_at", "id"):  # deposits come before balances
        left = max(unowed_minor(payment), 0)  # a second payment already on its way back carries no fee
        fee = min(kept, left)
        kept -= fee
        if payment.state == PaymentState.AUTHORIZED and fee:
            settle_after_commit(payment.pk)  # only the fee is charged, which lets the rest of the hold go
        else:
            owe_back(
                payment,
                amount_minor=left - fee,
                reason=RefundReason.BOOKING_CLOSED,
                requested_by=actor,
                now=now,
            )
    post(booking.pk, now=now)


@receiver(visit_ended)
def earn_what_the_visit_brought(sender: Any, *, booking: Booking, now: datetime, **_: Any) -> None:
    release_damage(booking, now=now)
    post(booking.pk, now=now)


@receiver(booking_confirmed)
def charge_what_the_bank_holds(sender: Any, *, booking: Booking, **_: Any) -> None:
    if booking.deposit_secured_at is None or booking.deposit_paid_at is not None:
        return
    held = Payment.objects.filter(booking=booking, state=PaymentState.AUTHORIZED, secured_at__isnull=False)
    for payment_id in held.values_list("pk", flat=True):
        settle_after_commit(payment_id)
