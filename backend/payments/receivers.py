"""When a booking closes, what was paid for it is owed back: a row in the same transaction, sent after commit."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from backend.bookings.models import Booking
from backend.bookings.signals import booking_closed
from backend.payments.models import PAID_STATES, Payment
from backend.payments.operations import owe_back, unowed_minor


@receiver(booking_closed)
def refund_closed_booking(
    sender: Any, *, booking: Booking, fee_minor: int, actor: Any, now: datetime, **_: Any
) -> None:
    """Everything but the fee goes back."""
    kept = fee_minor
    paid = Payment.objects.filter(booking=booking, state__in=PAID_STATES, quarantined_because="").order_by(
        "created_at"
    )
    for payment in paid:
        left = max(unowed_minor(payment), 0)  # a second payment already on its way back carries no fee
        fee = min(kept, left)
        kept -= fee
        owe_back(payment, amount_minor=left - fee, reason="booking_closed", requested_by=actor, now=now)
