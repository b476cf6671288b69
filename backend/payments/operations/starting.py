"""Beginning a payment: the attempt is committed first, under the id the gateway will know it by."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from backend.bookings import operations as bookings
from backend.bookings.models import Booking, BookingState
from backend.bookings.operations.transitions import lock_booking
from backend.bookings.queries import bookings_of
from backend.payments.gateway import gateway
from backend.payments.models import HOSTED, Payment, PaymentState, Purpose
from backend.payments.operations.damage import damage_to_hold
from backend.payments.operations.hosted import description, metadata, open_page, return_url
from backend.payments.operations.refunding import OUR_DOOR
from backend.payments.operations.settling import apply, fail, settle
from backend.payments.providers import GatewayFault, GatewayRefused, GatewayUnreachable
from backend.payments.queries import OWING_STATES, balance_of, is_wanted
from backend.payments.refusals import DepositFirst, NothingToPay

LIFETIME = timedelta(minutes=25)
"""Longer than the gateway lets a payer stall (about 15 minutes), so an attempt is never given up too early."""


def start_payment(
    *,
    customer: Any,
    booking_id: uuid.UUID,
    source_type: str,
    now: datetime,
    purpose: str = Purpose.DEPOSIT,
    save_card: bool = False,
) -> Payment:
    """Commit an attempt to pay a booking's deposit, keeping its time meanwhile, or its balance, or to have an amount
    against damage held. Calls nobody.

    A balance is all that is still due. Several attempts may be open; only one of them is kept in the end.
    Raises NotFound for somebody else's booking, NothingToPay, DepositFirst, HoldTooEarly, CannotChangeStatus,
    SlotExpired, ValidationFailed.
    """
    with transaction.atomic():
        booking = lock_booking(bookings_of(customer), booking_id)
        if purpose == Purpose.BALANCE:
            amount, manual = _balance_to_pay(booking), False
        elif purpose == Purpose.DAMAGE:
            amount, manual = damage_to_hold(booking, source_type=source_type, now=now), True
        else:
            if booking.state in (BookingState.REQUESTED, BookingState.CONFIRMED) or not booking.deposit_minor:
                raise NothingToPay
            bookings.payment_begun(booking, now=now)
            amount = booking.deposit_minor
            # Who confirms by itself charges at once: there is nothing to wait for.
            manual = booking.salon.authorise_first and not bookings.confirms_itself(booking)
            manual = manual and source_type != HOSTED  # the gateway's page charges at once
        return Payment.objects.create(
            booking=booking,
            purpose=purpose,
            amount_minor=amount,
            currency=booking.currency,
            source_type=source_type,
            manual=manual,
            save_card=save_card,
            created_at=now,
            expires_at=now + LIFETIME,
        )


def _balance_to_pay(booking: Booking) -> int:
    if booking.state == BookingState.HELD:
        raise DepositFirst
    due = balance_of(booking).due_minor if booking.state in OWING_STATES else 0
    if not due:
        raise NothingToPay
    return due


def charge(payment_id: uuid.UUID, source: Mapping[str, Any], *, now: datetime) -> None:
    """Charge a source from our side, or have the gateway's page put up. Sent at most once per id: a repeat finds the
    first payment and reads it.

    What surely was not carried out ends the attempt, so that the payer can begin another; an unknown outcome leaves it
    `initiated` for `settle`. Raises GatewayUnknown.
    """
    payment = Payment.objects.select_related("booking").get(pk=payment_id)
    if payment.state != PaymentState.INITIATED or payment.gateway_seen or payment.invoice_id is not None:
        return
    if not is_wanted(payment, now=now):
        # A late repeat of the request. Nothing is charged any more; what the first try did is only looked up.
        settle(payment_id, now=now)
        return
    try:
        if payment.source_type == HOSTED:
            open_page(payment, using=gateway(), now=now)
            return
        answer = gateway().create_payment(
            given_id=payment.pk,
            amount_minor=payment.amount_minor,
            currency=payment.currency,
            description=description(payment),
            callback_url=return_url(payment),
            source={**source, "manual": True} if payment.manual else source,
            metadata=metadata(payment),
        )
    except GatewayRefused as refusal:
        code = "gateway_unavailable" if refusal.status in OUR_DOOR else "payment_failed"
        fail(payment_id, code, message=refusal.message or "", now=now)
    except (GatewayUnreachable, GatewayFault) as error:
        fail(payment_id, "gateway_unavailable", message=str(error), now=now)
    else:
        apply(payment_id, answer, now=now)
