"""Refunds by the hand of finance: a small one is made by one person, a larger one when a second agrees (ADR 0025).

Whatever one person gave back of a payment alone counts towards the limit, so that many small refunds are a large one.
Payments are locked before bookings, as everywhere; a cancellation holds only its booking while it decides what goes
back, so both are locked before anything is counted.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from backend.bookings.models import Booking
from backend.core.errors import NotFound
from backend.core.money import plain
from backend.payments.models import Payment, PaymentState, RefundReason, RefundRequest, RequestState
from backend.payments.operations.posting import post
from backend.payments.operations.refunding import owe_back, unowed_minor
from backend.payments.refusals import (
    MoreThanRefundable,
    NotRefundable,
    RequestDecided,
    RequestNotYours,
    RequestWaits,
    SecondPersonNeeded,
)

REFUNDABLE_STATES = (PaymentState.CAPTURED, PaymentState.PARTIALLY_REFUNDED)


def request_refund(
    *, payment_id: uuid.UUID, amount_minor: int, reason: str, requested_by: Any, now: datetime
) -> RefundRequest:
    """Give money of a payment back, or ask a second person to, when it is above what one may give back alone.

    Raises NotFound, NotRefundable, MoreThanRefundable, RequestWaits while another request for this payment waits.
    """
    with transaction.atomic():
        payment = _locked(payment_id)
        _check(payment, amount_minor)
        second = needs_second(payment, amount_minor, by=requested_by)
        if second:
            waiting = RefundRequest.objects.filter(payment=payment, state=RequestState.WAITING)
            waiting.filter(expires_at__lte=now).update(state=RequestState.EXPIRED)
            if waiting.exists():
                raise RequestWaits
        request = RefundRequest(
            payment=payment,
            amount_minor=amount_minor,
            reason=reason,
            needs_second=second,
            state=RequestState.WAITING,
            requested_by=requested_by,
            requested_at=now,
            expires_at=now + timedelta(days=settings.FINANCE_REQUEST_DAYS),
        )
        if not second:
            _give_back(request, now=now)
        request.save(force_insert=True)
    return request


def approve_refund(*, request_id: uuid.UUID, decided_by: Any, now: datetime) -> RefundRequest:
    """Make a refund that waited for a second person. What the same person approved before is returned as it is.

    Raises NotFound, RequestDecided, SecondPersonNeeded, NotRefundable, MoreThanRefundable.
    """
    with transaction.atomic():
        request = _waiting(request_id, RequestState.MADE, decided_by=decided_by, now=now)
        if request.state != RequestState.WAITING:
            return request
        _check(request.payment, request.amount_minor)
        request.decided_by, request.decided_at = decided_by, now
        _give_back(request, now=now)
        request.save(update_fields=["state", "refund", "decided_by", "decided_at"])
    return request


def decline_refund(*, request_id: uuid.UUID, reason: str, decided_by: Any, now: datetime) -> RefundRequest:
    """Say no to a refund that waits for a second person. What the same person declined before is returned as it is.

    Raises NotFound, RequestDecided, SecondPersonNeeded.
    """
    with transaction.atomic():
        request = _waiting(request_id, RequestState.DECLINED, decided_by=decided_by, now=now)
        if request.state == RequestState.WAITING:
            request.state, request.decline_reason = RequestState.DECLINED, reason
            request.decided_by, request.decided_at = decided_by, now
            request.save(update_fields=["state", "decline_reason", "decided_by", "decided_at"])
    return request


def withdraw_refund(*, request_id: uuid.UUID, withdrawn_by: Any, now: datetime) -> RefundRequest:
    """Take back what one asked for oneself, while it waits. What is withdrawn already is returned as it is.

    Raises NotFound, RequestNotYours, RequestDecided.
    """
    with transaction.atomic():
        request = _locked_request(request_id)
        if request.requested_by_id != withdrawn_by.pk:
            raise RequestNotYours
        if request.state == RequestState.WITHDRAWN:
            return request
        _check_waits(request, now=now)
        request.state, request.decided_at = RequestState.WITHDRAWN, now
        request.save(update_fields=["state", "decided_at"])
    return request


def expire_requests(now: datetime) -> int:
    """Close the requests that nobody decided in time; how many those were."""
    waiting = RefundRequest.objects.filter(state=RequestState.WAITING, expires_at__lte=now)
    return waiting.update(state=RequestState.EXPIRED)


def needs_second(payment: Payment, amount_minor: int, *, by: Any) -> bool:
    """Whether this would bring what one person gave back of a payment alone above the limit."""
    alone = RefundRequest.objects.filter(payment=payment, requested_by=by, needs_second=False)
    given = alone.aggregate(all=Sum("amount_minor"))["all"] or 0
    return bool(given + amount_minor > settings.FINANCE_REFUND_LIMIT_MINOR)


def refundable_minor(payment: Payment) -> int:
    """Halalas of a payment that was charged, and that neither went back nor are on their way."""
    if payment.state not in REFUNDABLE_STATES or payment.quarantined_because:
        return 0
    return max(unowed_minor(payment), 0)


def _locked(payment_id: uuid.UUID) -> Payment:
    payment = (
        Payment.objects.select_for_update(no_key=True, of=("self",))
        .select_related("booking__salon")
        .filter(pk=payment_id)
        .first()
    )
    if payment is None:
        raise NotFound
    Booking.objects.select_for_update(no_key=True).only("pk").get(pk=payment.booking_id)
    return payment


def _waiting(request_id: uuid.UUID, outcome: str, *, decided_by: Any, now: datetime) -> RefundRequest:
    """A request locked with its payment: one that waits, or has come to this outcome by the same person already."""
    request = _locked_request(request_id)
    if request.state == outcome and request.decided_by_id == decided_by.pk:
        return request
    _check_waits(request, now=now)
    if request.requested_by_id == decided_by.pk:
        raise SecondPersonNeeded
    return request


def _locked_request(request_id: uuid.UUID) -> RefundRequest:
    known = RefundRequest.objects.filter(pk=request_id).values_list("payment_id", flat=True).first()
    if known is None:
        raise NotFound
    payment = _locked(known)
    request = (
        RefundRequest.objects.select_for_update(no_key=True, of=("self",))
        .select_related("requested_by", "decided_by", "refund")
        .get(pk=request_id)
    )
    request.payment = payment
    return request


def _check_waits(request: RefundRequest, *, now: datetime) -> None:
    if request.state != RequestState.WAITING or request.expires_at <= now:
        raise RequestDecided


def _check(payment: Payment, amount_minor: int) -> None:
    left = refundable_minor(payment)
    if not left:
        raise NotRefundable
    if amount_minor > left:
        raise MoreThanRefundable(amount=plain(left))


def _give_back(request: RefundRequest, *, now: datetime) -> None:
    """Owe it, in the name of who asked for it, and write the books; the gateway is called after the commit."""
    request.refund = owe_back(
        request.payment,
        amount_minor=request.amount_minor,
        reason=RefundReason.GOODWILL,
        requested_by=request.requested_by,
        now=now,
    )
    request.state = RequestState.MADE
    post(request.payment.booking_id, now=now)
