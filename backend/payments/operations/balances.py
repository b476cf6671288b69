"""What is left of a price, paid online after the deposit."""

from __future__ import annotations

from datetime import datetime

from backend.bookings.models import Booking
from backend.payments import messages
from backend.payments.models import Payment, RefundReason
from backend.payments.operations.refunding import owe_back
from backend.payments.queries import OWING_STATES, balance_of


def balance_paid(payment: Payment, *, now: datetime) -> None:
    """A balance has arrived: what is still due is kept, what is more goes back. The booking's state never changes.

    Runs in the transaction that wrote down the capture, on the locked payment. The desk may have taken the money, or
    the booking may have ended, while the payer was at the bank.
    """
    booking = Booking.objects.select_for_update(no_key=True).get(pk=payment.booking_id)
    due = balance_of(booking, without=payment.pk).due_minor if booking.state in OWING_STATES else 0
    if kept := min(due, payment.captured_minor):
        messages.balance_received(payment, kept, now=now)
    owe_back(payment, amount_minor=payment.captured_minor - kept, reason=RefundReason.MORE_THAN_DUE, now=now)
