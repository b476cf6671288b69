"""Giving money back: owed in the transaction that decided it, sent after commit, finished by `sweep`.

What the bank only holds is released. Money that found no booking is voided while the gateway still may, which costs no
fee and shows on no statement, and refunded otherwise.

Moyasar's refunds have no id and no idempotency (facts 9). The gateway's running total, read just before the call and
kept, is the only evidence of what an unanswered call did.
"""

from __future__ import annotations

import logging
import uuid
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, Sum
from django.utils import timezone

from backend.core.alarms import raise_alarm
from backend.payments import messages
from backend.payments.gateway import configured, gateway
from backend.payments.models import Payment, PaymentState, Refund, RefundReason, RefundState
from backend.payments.operations.invoicing import credit_payment
from backend.payments.operations.posting import post
from backend.payments.operations.recording import lock_payment, record
from backend.payments.providers import (
    GatewayError,
    GatewayPayment,
    GatewayRefused,
    GatewayUnknown,
    PaymentGateway,
)

logger = logging.getLogger("mawid.payments")

LEASE = timedelta(minutes=2)
PAUSES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
BATCH = 50
VOIDABLE_STATUSES = ("authorized", "paid", "captured")
OUR_DOOR = (401, 403, 405)
"""Refusals of our key, our address or our account (facts 1 and 2): they say nothing about the refund."""
VOIDABLE_FOR = timedelta(minutes=110)
"""Of a charge; the gateway's own window is about two hours (facts 9)."""


def owe_back(
    payment: Payment, *, amount_minor: int, reason: str, now: datetime, requested_by: Any = None
) -> Refund | None:
    """Write down money owed back, once per reason, never more than is left; it is sent once this commits.

    Goodwill is a gift each time, so whoever gives it sees to it that it is given once. Whoever decides posts it:
    `posting.post`, when all that goes with it is written down.
    """
    amount = min(amount_minor, unowed_minor(payment))
    if amount <= 0:
        return None
    values = {
        "amount_minor": amount,
        "requested_by": requested_by,
        "next_attempt_at": now,
        "created_at": now,
    }
    if reason == RefundReason.GOODWILL:
        refund, created = Refund.objects.create(payment=payment, reason=reason, **values), True
    else:
        refund, created = Refund.objects.get_or_create(payment=payment, reason=reason, defaults=values)
    if created:
        transaction.on_commit(partial(_send_quietly, refund.pk))
    return refund


def unowed_minor(payment: Payment) -> int:
    """Halalas of this payment, charged or held, that neither went back nor are on their way.

    `payment` may have been read a moment ago: what is done is counted from the refunds too, in the same look as what
    is not, so that one finishing in between is never missed by both.
    """
    sums = payment.refunds.aggregate(
        done=Sum("amount_minor", filter=Q(state=RefundState.DONE)),
        open=Sum("amount_minor", filter=~Q(state=RefundState.DONE)),
    )
    returned = max(payment.refunded_minor, sums["done"] or 0)
    held = payment.state == PaymentState.AUTHORIZED
    whole = payment.amount_minor if held else payment.captured_minor
    return int(whole - returned - (sums["open"] or 0))


def check_void(payment: Payment) -> None:
    """Alarm where more was voided than is owed back: that was done at the gateway's own desk. Ours are owed first."""
    owed = payment.refunds.aggregate(all=Sum("amount_minor"))["all"] or 0
    counted = payment.settled_at is not None or payment.secured_at is not None
    if counted and owed < (payment.captured_minor or payment.amount_minor):
        raise_alarm("payment_voided_elsewhere", str(payment.pk), booking=payment.booking.reference)


def _send_quietly(refund_id: uuid.UUID) -> None:
    """After commit the request must not fail any more: what goes wrong here is finished by `sweep`."""
    try:
        send_refund(refund_id, now=timezone.now())
    except Exception:
        logger.exception("refund left for sweep", extra={"refund_id": str(refund_id)})


def send_refund(refund_id: uuid.UUID, *, now: datetime) -> bool:
    """Bring one refund to its end, or one step closer. True when the money is on its way back."""
    if not configured() or not _take(refund_id, now=now):
        return False
    refund = Refund.objects.select_related("payment").get(pk=refund_id)
    using = gateway()
    try:
        before = using.fetch_payment(refund.payment.gateway_key)
        if before is None:
            return _manual(refund, "the gateway does not know this payment")
        if before.status in VOIDABLE_STATUSES and _should_void(refund, before, now=now):
            before = _void(refund, using)
        if before.status == "voided":
            return _done(refund, before, now=now)
        if before.status == "authorized":
            return _manual(refund, "the gateway does not release this hold")
        if before.status == "captured" and refund.amount_minor > before.captured_minor:
            _lower_to_what_was_charged(refund, before)
        if refund.refunded_before_minor is not None:
            # An earlier call got no answer. Its evidence decides; only a total that stands still allows another.
            if before.refunded_minor >= refund.refunded_before_minor + refund.amount_minor:
                return _done(refund, before, now=now)
            if refund.attempts > len(PAUSES) + 1:
                return _manual(refund, "no answer, and the total has not moved")
        Refund.objects.filter(pk=refund.pk).update(refunded_before_minor=before.refunded_minor)
        after = using.refund_payment(refund.payment.gateway_key, refund.amount_minor)
    except GatewayRefused as error:
        if error.status in OUR_DOOR:
            _later(refund, str(error), now=now)
            return False
        return _manual(refund, error.message or str(error))
    except GatewayUnknown as error:
        Refund.objects.filter(pk=refund.pk).update(last_error=str(error)[:200])
        return False  # stays `sending`; when the lease ends, the total is compared
    except GatewayError as error:
        # Nothing was carried out, so the evidence of this call is withdrawn with it.
        _later(refund, str(error), now=now)
        return False
    return _done(refund, after, now=now)


def _should_void(refund: Refund, truth: GatewayPayment, *, now: datetime) -> bool:
    """Whether to cancel the payment rather than send money: a hold always, a charge nobody waited for if young."""
    if truth.status == "authorized":
        return True
    charged_at = refund.payment.settled_at or now
    whole = refund.amount_minor >= (truth.captured_minor or truth.amount_minor) and not truth.refunded_minor
    unanswered = refund.refunded_before_minor is not None
    return (
        refund.reason == RefundReason.NOTHING_TO_PAY
        and whole
        and not unanswered
        and now - charged_at < VOIDABLE_FOR
    )


def _lower_to_what_was_charged(refund: Refund, truth: GatewayPayment) -> None:
    """A whole hold was to be let go, and a part of it was charged meanwhile, at the gateway's own desk."""
    refund.amount_minor = truth.captured_minor
    Refund.objects.filter(pk=refund.pk).update(amount_minor=refund.amount_minor)


def _void(refund: Refund, using: PaymentGateway) -> GatewayPayment:
    """The payment voided, or as it is when the gateway would rather not. Raises GatewayError."""
    try:
        return using.void_payment(refund.payment.gateway_key)
    except GatewayRefused as refusal:
        found = None if refusal.status in OUR_DOOR else using.fetch_payment(refund.payment.gateway_key)
        if found is None:
            raise
        return found


def send_due_refunds(now: datetime) -> int:
    """Every refund that is due, and every one whose sender died. Returns how many are done."""
    due = (
        Refund.objects.filter(state__in=(RefundState.DUE, RefundState.SENDING), next_attempt_at__lte=now)
        .order_by("next_attempt_at")
        .values_list("pk", flat=True)[:BATCH]
    )
    began = timezone.now()
    done = 0
    for refund_id in list(due):
        try:
            # A lease counts from its own call: after some slow answers one counted from `now` would be over before it
            # began.
            done += send_refund(refund_id, now=now + (timezone.now() - began))
        except Exception:  # a fault of ours with one refund must not starve the others; its lease ends
            logger.exception("refund left for the next run", extra={"refund_id": str(refund_id)})
    return done


def _take(refund_id: uuid.UUID, *, now: datetime) -> bool:
    """Claim the refund for this process; one refund of a payment is in flight at a time."""
    free = Refund.objects.filter(
        pk=refund_id, state__in=(RefundState.DUE, RefundState.SENDING), next_attempt_at__lte=now
    )
    try:
        with transaction.atomic():
            for refund in free.select_for_update(no_key=True, skip_locked=True):
                refund.state = RefundState.SENDING
                refund.attempts += 1
                refund.next_attempt_at = now + LEASE
                refund.save(update_fields=["state", "attempts", "next_attempt_at"])
                return True
    except IntegrityError:
        Refund.objects.filter(pk=refund_id).update(next_attempt_at=now + PAUSES[0])
    return False


def _done(refund: Refund, truth: GatewayPayment, *, now: datetime) -> bool:
    with transaction.atomic():
        payment = lock_payment(refund.payment_id)
        record(payment, truth, now=now)
        if payment.state == PaymentState.VOIDED:
            check_void(payment)
        refund.payment = payment
        refund.state, refund.done_at, refund.last_error = RefundState.DONE, now, ""
        refund.save(update_fields=["state", "done_at", "last_error"])
        if truth.status == "voided":
            messages.money_released(refund, now=now)
        else:
            messages.refund_issued(refund, now=now)
        post(payment.booking_id, now=now)
        credit_payment(payment, now=now)
    return True


def _manual(refund: Refund, why: str) -> bool:
    raise_alarm("refund_needs_a_person", str(refund.pk), payment_id=str(refund.payment_id), why=why[:200])
    Refund.objects.filter(pk=refund.pk).update(state=RefundState.MANUAL, last_error=why[:200])
    return False


def _later(refund: Refund, why: str, *, now: datetime) -> None:
    pause = PAUSES[min(refund.attempts, len(PAUSES)) - 1]
    # While an earlier call is unexplained, no other refund of the payment may move the total that will explain it.
    unexplained = refund.refunded_before_minor is not None
    Refund.objects.filter(pk=refund.pk).update(
        state=RefundState.SENDING if unexplained else RefundState.DUE,
        last_error=why[:200],
        next_attempt_at=now + pause,
        refunded_before_minor=refund.refunded_before_minor,
    )
