"""Beginning a payment: the attempt is committed first, under the id the gateway will know it by."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from backend.bookings import operations as bookings
from backend.bookings.models import BookingState
from backend.bookings.operations.transitions import lock_booking
from backend.bookings.queries import bookings_of
from backend.payments.gateway import gateway
from backend.payments.models import Payment, PaymentState
from backend.payments.operations.settling import apply, fail, settle
from backend.payments.providers import GatewayRefused
from backend.payments.refusals import NothingToPay

LIFETIME = timedelta(minutes=25)
"""Longer than the gateway lets a payer stall (about 15 minutes), so an attempt is never given up too early."""


def start_payment(*, customer: Any, booking_id: uuid.UUID, source_type: str, now: datetime) -> Payment:
    """Commit an attempt to pay a booking's deposit, and keep its time meanwhile. Calls nobody.

    Raises NotFound for somebody else's booking, NothingToPay, CannotChangeStatus, SlotExpired.
    """
    with transaction.atomic():
        booking = lock_booking(bookings_of(customer), booking_id)
        if booking.state in (BookingState.REQUESTED, BookingState.CONFIRMED) or not booking.deposit_minor:
            raise NothingToPay
        bookings.payment_begun(booking, now=now)
        return Payment.objects.create(
            booking=booking,
            amount_minor=booking.deposit_minor,
            currency=booking.currency,
            source_type=source_type,
            created_at=now,
            expires_at=now + LIFETIME,
        )


def charge(payment_id: uuid.UUID, source: Mapping[str, Any], *, now: datetime) -> None:
    """Charge a source from our side. Sent at most once per id: a repeat finds the first payment and reads it.

    An unknown outcome leaves the attempt `initiated` for `settle`; GatewayError other than a refusal goes up.
    """
    payment = Payment.objects.select_related("booking").get(pk=payment_id)
    if payment.state != PaymentState.INITIATED or payment.gateway_seen:
        return
    dies_at = payment.booking.dies_at
    if payment.booking.state != BookingState.HELD or (dies_at is not None and dies_at <= now):
        # A late repeat of the request. Nothing is charged any more; what the first try did is only looked up.
        settle(payment_id, now=now)
        return
    try:
        answer = gateway().create_payment(
            given_id=payment.pk,
            amount_minor=payment.amount_minor,
            currency=payment.currency,
            description=description(payment),
            callback_url=return_url(payment),
            source=source,
            metadata=metadata(payment),
        )
    except GatewayRefused as refusal:
        fail(payment_id, "payment_failed", message=refusal.message or "", now=now)
        return
    apply(payment_id, answer, now=now)


def metadata(payment: Payment) -> dict[str, str]:
    """What ties the gateway's payment to ours; compared on every settlement."""
    return {"payment_id": str(payment.pk), "booking_id": str(payment.booking_id)}


def description(payment: Payment) -> str:
    return f"Mawid {payment.booking.reference}"


def return_url(payment: Payment) -> str:
    return f"{settings.PUBLIC_BASE_URL}/pay/return/{payment.pk}"
