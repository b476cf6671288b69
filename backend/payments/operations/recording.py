"""What the gateway holds, compared with what we asked for and written onto our payment."""

from __future__ import annotations

import logging
import uuid
from datetime import datetime

from backend.payments.models import Payment, PaymentState
from backend.payments.providers import GatewayPayment
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
HOLD_LAPSED = "hold_lapsed"
"""`failure_code` of a hold that the bank let go: the gateway goes on calling it `authorized` (payment facts 4)."""
LONGEST_URL = Payment._meta.get_field("next_action_url").max_length or 0


def lock_payment(payment_id: uuid.UUID) -> Payment:
    """Payments are locked before calendars, calendars before bookings."""
    return (
        Payment.objects.select_for_update(no_key=True, of=("self",))
        .select_related("booking")
        .get(pk=payment_id)
    )


def state_of(payment: Payment, truth: GatewayPayment) -> PaymentState:
    """Our word for the gateway's status; of captured money the totals say more."""
    state = STATE_OF_STATUS.get(truth.status, PaymentState.INITIATED)
    lapsed = payment.failure_code == HOLD_LAPSED and state == PaymentState.AUTHORIZED
    return PaymentState.FAILED if lapsed else state


def mismatch_of(payment: Payment, truth: GatewayPayment) -> str:
    """In which respect the gateway's payment is not the one we asked for; empty when it is."""
    if truth.currency != payment.currency:
        return "currency"
    if truth.amount_minor != payment.amount_minor:
        return "amount"
    if payment.invoice_id is not None:
        # Made on a page of ours: whether its metadata comes along is not documented, its page does.
        return "" if truth.invoice_id == payment.invoice_id else "metadata"
    ours = {"payment_id": str(payment.pk), "booking_id": str(payment.booking_id)}
    if any(truth.metadata.get(key) != value for key, value in ours.items()):
        return "metadata"
    return ""


def record(payment: Payment, truth: GatewayPayment, *, now: datetime) -> bool:
    """Write what the gateway holds onto a locked payment, forwards only, and save it.

    True when its money is seen to be charged for the first time.
    """
    payment.gateway_seen = True
    payment.suspended_minor = 0
    payment.checked_at = now
    if payment.failure_code != HOLD_LAPSED:  # why it lapsed is worth more than "approved"
        payment.gateway_message = (truth.message or "")[:300]
    payment.next_action_url = page_url(truth.transaction_url, about=payment.pk)
    if payment.state == PaymentState.INITIATED:  # once: an erased one does not come back with a late refund
        payment.card_last_four = truth.last_digits or ""
    state = state_of(payment, truth)
    charged_now = state == PaymentState.CAPTURED and payment.settled_at is None
    if state == PaymentState.CAPTURED:
        if charged_now:
            payment.captured_minor = min(truth.captured_minor or truth.amount_minor, truth.amount_minor)
            payment.settled_at = now
        payment.refunded_minor = max(
            payment.refunded_minor, min(truth.refunded_minor, payment.captured_minor)
        )
        state = payment.state_by_totals
    if state == PaymentState.FAILED and payment.failure_code != HOLD_LAPSED:
        payment.failure_code = failure_code(
            response_code=truth.response_code,
            message=truth.message,
            reason=truth.raw.get("source", {}).get("failure_reason"),
        )
    if _RANK[state] >= _RANK[PaymentState(payment.state)]:
        payment.state = state
    payment.save()
    return charged_now


def page_url(url: str | None, *, about: uuid.UUID) -> str:
    """The page the payer must open; one too long to keep is none, and must not cost us the rest of the answer."""
    if url is not None and len(url) > LONGEST_URL:
        logger.error("payment page too long to keep", extra={"payment_id": str(about), "length": len(url)})
        return ""
    return url or ""
