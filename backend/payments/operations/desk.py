"""Money that changes hands at the salon: written down by whoever took it, voided with a name, never deleted."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from backend.bookings.models import Booking
from backend.bookings.operations.transitions import lock_booking
from backend.bookings.refusals import CannotChangeStatus
from backend.core.errors import NotFound
from backend.core.money import plain
from backend.payments.models import DeskReceipt
from backend.payments.operations.invoicing import credit_receipt, invoice_receipt
from backend.payments.operations.posting import post
from backend.payments.queries import OWING_STATES, balance_of
from backend.payments.refusals import MoreThanDue


def take_money(
    *,
    bookings: QuerySet[Booking],
    booking_id: uuid.UUID,
    method: str,
    amount_minor: int,
    tip_minor: int,
    note: str,
    taken_by: Any,
    now: datetime,
) -> DeskReceipt:
    """Write down what a guest paid at the desk. The booking is locked, so two desks never take more than is due.

    Raises NotFound, CannotChangeStatus for a booking that owes nothing in its state, MoreThanDue.
    """
    with transaction.atomic():
        booking = lock_booking(bookings, booking_id)
        if booking.state not in OWING_STATES:
            raise CannotChangeStatus
        due = balance_of(booking).due_minor
        if amount_minor > due:
            raise MoreThanDue(amount=plain(due), currency=booking.currency)
        receipt = DeskReceipt.objects.create(
            booking=booking,
            method=method,
            amount_minor=amount_minor,
            tip_minor=tip_minor,
            currency=booking.currency,
            note=note,
            taken_by=taken_by,
            taken_at=now,
        )
        post(booking.pk, now=now)
        invoice_receipt(receipt, now=now)
        return receipt


def void_receipt(
    *,
    bookings: QuerySet[Booking],
    booking_id: uuid.UUID,
    receipt_id: uuid.UUID,
    reason: str,
    voided_by: Any,
    now: datetime,
) -> DeskReceipt:
    """Take a receipt out of the balance; it stays, with both names. One that is void already is returned as it is."""
    with transaction.atomic():
        booking = lock_booking(bookings, booking_id)
        receipt = DeskReceipt.objects.filter(booking=booking, pk=receipt_id).first()
        if receipt is None:
            raise NotFound
        if receipt.voided_at is None:
            receipt.voided_at, receipt.voided_by, receipt.void_reason = now, voided_by, reason
            receipt.save(update_fields=["voided_at", "voided_by", "void_reason"])
            post(booking.pk, now=now)
            credit_receipt(receipt, now=now)
        return receipt
