"""The one way a payment learns what became of it: ask the gateway, compare, apply once."""

from __future__ import annotations

import logging
import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from backend.bookings import operations as bookings
from backend.core.alarms import raise_alarm
from backend.payments import messages
from backend.payments.gateway import configured, gateway
from backend.payments.models import PAID_STATES, Payment, PaymentState
from backend.payments.operations.refunding import owe_back
from backend.payments.providers import GatewayError, GatewayPayment, PaymentGateway
from backend.payments.refusals import failure_code

logger = logging.getLogger("mawid.payments")

STATE_OF_STATUS = {
    "paid": PaymentState.CAPTURED,
    "captured": PaymentState.CAPTURED,
    "refunded": PaymentState.CAPTURED,
    "authorized": PaymentState.AUTHORIZED,
    "failed": PaymentState.FAILED,
    "voided": PaymentState.VOIDED,
    "expired": PaymentState.FAILED,
}
_RANK = {
    PaymentState.INITIATED: 0,
    PaymentState.FAILED: 1,
    PaymentState.AUTHORIZED: 2,
    PaymentState.CAPTURED: 3,
    PaymentState.PARTIALLY_REFUNDED: 4,
    PaymentState.REFUNDED: 5,
    PaymentState.VOIDED: 5,
}
RECHECK_AFTER = timedelta(minutes=1)
BATCH = 100
LONGEST_URL = Payment._meta.get_field("next_action_url").max_length or 0


def settle(payment_id: uuid.UUID, *, now: datetime, using: PaymentGateway | None = None) -> Payment:
    """Make our payment, and its booking, what the gateway says is true. Webhook, app, sweep and reconcile call this.

    Safe to repeat in any order and in parallel. Raises GatewayError when the gateway cannot say.
    """
    truth = (using or gateway()).fetch_payment(payment_id)
    if truth is not None:
        return apply(payment_id, truth, now=now)
    with transaction.atomic():
        payment = _locked(payment_id)
        payment.checked_at = now
        payment.save(update_fields=["checked_at"])
        never_started = payment.state == PaymentState.INITIATED and payment.expires_at <= now
    if never_started:
        return fail(payment_id, "payment_expired", message="never started", now=now)
    return payment


def apply(payment_id: uuid.UUID, truth: GatewayPayment, *, now: datetime) -> Payment:
    """Write what the gateway holds onto our payment: forwards only, its consequences once."""
    with transaction.atomic():
        payment = _locked(payment_id)
        payment.gateway_seen = True
        payment.checked_at = now
        payment.gateway_message = (truth.message or "")[:300]
        payment.next_action_url = _page_of(truth)
        state = STATE_OF_STATUS.get(truth.status, PaymentState.INITIATED)
        # What was counted once stays counted: a metadata edited later must not hide money that is owed back.
        mismatch = mismatch_of(payment, truth) if payment.settled_at is None else ""
        if mismatch and state in (*PAID_STATES, PaymentState.AUTHORIZED):
            if not payment.quarantined_because:
                raise_alarm("payment_quarantined", str(payment.pk), because=mismatch)
            payment.quarantined_because = mismatch
            payment.save()
            return payment
        if not mismatch:
            payment.quarantined_because = ""
        first_capture = state == PaymentState.CAPTURED and payment.settled_at is None
        if state == PaymentState.CAPTURED:
            if first_capture:
                payment.captured_minor = min(truth.captured_minor or truth.amount_minor, truth.amount_minor)
            payment.refunded_minor = max(
                payment.refunded_minor, min(truth.refunded_minor, payment.captured_minor)
            )
            state = payment.state_by_totals
            payment.settled_at = payment.settled_at or now
        if _RANK[state] >= _RANK[PaymentState(payment.state)]:
            payment.state = state
        if state == PaymentState.FAILED:
            payment.failure_code = failure_code(response_code=truth.response_code, message=truth.message)
        payment.save()
        if first_capture and payment.state != PaymentState.REFUNDED:
            if bookings.deposit_paid(payment.booking_id, now=now):
                messages.deposit_received(payment, now=now)
            else:
                owe_back(payment, amount_minor=payment.captured_minor, reason="no_booking_to_pay", now=now)
    return payment


def _page_of(truth: GatewayPayment) -> str:
    """The page the payer must open; one too long to keep is none, and must not cost us the rest of the answer."""
    url = truth.transaction_url or ""
    if len(url) > LONGEST_URL:
        logger.error("payment page too long to keep", extra={"payment_id": str(truth.id), "length": len(url)})
        return ""
    return url


def mismatch_of(payment: Payment, truth: GatewayPayment) -> str:
    """In which respect the gateway's payment is not the one we asked for; empty when it is."""
    if truth.currency != payment.currency:
        return "currency"
    if truth.amount_minor != payment.amount_minor:
        return "amount"
    ours = {"payment_id": str(payment.pk), "booking_id": str(payment.booking_id)}
    if any(truth.metadata.get(key) != value for key, value in ours.items()):
        return "metadata"
    return ""


def fail(payment_id: uuid.UUID, code: str, *, message: str, now: datetime) -> Payment:
    """Close an attempt that came to nothing. Changes only what is still `initiated`."""
    with transaction.atomic():
        payment = _locked(payment_id)
        if payment.state == PaymentState.INITIATED:
            payment.state = PaymentState.FAILED
            payment.failure_code = code
            payment.gateway_message = message[:300]
            payment.save(update_fields=["state", "failure_code", "gateway_message"])
    return payment


def settle_unfinished(now: datetime) -> int:
    """Ask the gateway about attempts nobody told us the end of. Stops at the first fault; the next run goes on.

    Whoever waited longest is asked first, and asking counts whatever comes of it: one that cannot be read, or never
    ends, stands in nobody's way.
    """
    if not configured():
        return 0
    waiting = (
        Payment.objects.filter(
            state__in=(PaymentState.INITIATED, PaymentState.AUTHORIZED), quarantined_because=""
        )
        .filter(created_at__lte=now - RECHECK_AFTER)
        .filter(Q(checked_at__isnull=True) | Q(checked_at__lte=now - RECHECK_AFTER))
        .order_by(F("checked_at").asc(nulls_first=True), "created_at")
        .values_list("pk", flat=True)[:BATCH]
    )
    finished = 0
    for payment_id in list(waiting):
        Payment.objects.filter(pk=payment_id).update(checked_at=now)
        try:
            payment = settle(payment_id, now=now)
        except GatewayError as error:
            logger.warning("gateway could not be asked", extra={"error": str(error)})
            break
        finished += payment.state != PaymentState.INITIATED
    return finished


def _locked(payment_id: uuid.UUID) -> Payment:
    """Payments are locked before calendars, calendars before bookings."""
    return (
        Payment.objects.select_for_update(no_key=True, of=("self",))
        .select_related("booking")
        .get(pk=payment_id)
    )
