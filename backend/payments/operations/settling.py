"""The one way a payment learns what became of it: ask the gateway, compare, apply once, charge what it only holds."""

from __future__ import annotations

import logging
import uuid
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from backend.bookings import operations as bookings
from backend.bookings.models import BookingState
from backend.core.alarms import raise_alarm
from backend.payments import messages
from backend.payments.gateway import configured, gateway
from backend.payments.models import HOSTED, PAID_STATES, Payment, PaymentState, Purpose, RefundReason
from backend.payments.operations.balances import balance_paid
from backend.payments.operations.cards import keep_card
from backend.payments.operations.damage import damage_held
from backend.payments.operations.hosted import MONEY_STATES, is_over, look_at_page, row_of
from backend.payments.operations.invoicing import credit_payment, invoice_payment
from backend.payments.operations.posting import post
from backend.payments.operations.recording import (
    HOLD_LAPSED,
    STATE_OF_STATUS,
    lock_payment,
    mismatch_of,
    record,
)
from backend.payments.operations.refunding import OUR_DOOR, check_void, owe_back
from backend.payments.providers import GatewayError, GatewayPayment, GatewayRefused, PaymentGateway

logger = logging.getLogger("mawid.payments")

RECHECK_AFTER = timedelta(minutes=1)
RECHECK_HOLDS_AFTER = timedelta(hours=1)
"""A hold that waits, for its salon or for its end, changes only when somebody at the gateway's own desk changes it."""
BATCH = 100
FAULTS_ALLOWED = 3
"""After so many in a row it is the gateway that is unwell, not one payment."""


def settle(payment_id: uuid.UUID, *, now: datetime, using: PaymentGateway | None = None) -> Payment:
    """Make our payment, and its booking, what the gateway says is true. Webhook, app, sweep and reconcile call this.

    What the bank only holds is charged here too, once the booking calls for it. Safe to repeat in any order and in
    parallel. Raises GatewayError when the gateway cannot say.
    """
    asked = using or gateway()
    known = Payment.objects.select_related("booking").get(pk=payment_id)
    if known.source_type == HOSTED and known.gateway_id is None:
        return _settle_page(known, using=asked, now=now)
    truth = asked.fetch_payment(known.gateway_key)
    if truth is not None:
        payment = apply(payment_id, truth, now=now)
        return _charge_hold(payment, using=asked, now=now) if truth.status == "authorized" else payment
    with transaction.atomic():
        payment = lock_payment(payment_id)
        payment.checked_at = now
        payment.save(update_fields=["checked_at"])
        never_started = payment.state == PaymentState.INITIATED and payment.expires_at <= now
    if never_started:
        return fail(payment_id, "payment_expired", message="never started", now=now)
    return payment


def settle_on_page(
    gateway_id: uuid.UUID, invoice_id: uuid.UUID, *, now: datetime, using: PaymentGateway
) -> Payment | None:
    """Settle a payment that was made on a page, told by both of their ids. Safe to repeat, as `settle`.

    None when the page is not ours, or no money moved. Raises GatewayError.
    """
    if not Payment.objects.filter(invoice_id=invoice_id).exists():
        return None
    truth = using.fetch_payment(gateway_id)
    payment_id = row_of(truth, now=now) if truth is not None else None
    if truth is None or payment_id is None:
        return None
    payment = apply(payment_id, truth, now=now)
    return _charge_hold(payment, using=using, now=now) if truth.status == "authorized" else payment


def _settle_page(attempt: Payment, *, using: PaymentGateway, now: datetime) -> Payment:
    """What came of an attempt on the gateway's page, and of every other payment made there."""
    page = look_at_page(attempt, using=using, now=now)
    over = attempt.expires_at <= now
    if page is not None:
        over = is_over(page)
        for tried in page.payments:
            if STATE_OF_STATUS.get(tried.status) in MONEY_STATES:
                settle_on_page(tried.id, page.id, now=now, using=using)
    with transaction.atomic():
        payment = lock_payment(attempt.pk)
        payment.checked_at = now
        payment.save(update_fields=["checked_at"])
    if over and payment.gateway_id is None:
        return fail(payment.pk, "payment_expired", message="nothing was paid on the page", now=now)
    return payment


def settle_after_commit(payment_id: uuid.UUID) -> None:
    """Settle once the running transaction commits; what goes wrong then is finished by `sweep`."""
    transaction.on_commit(partial(_settle_quietly, payment_id))


def apply(payment_id: uuid.UUID, truth: GatewayPayment, *, now: datetime) -> Payment:
    """Write what the gateway holds onto our payment: forwards only, its consequences once."""
    with transaction.atomic():
        payment = lock_payment(payment_id)
        if _is_not_ours(payment, truth, now=now):
            post(payment.booking_id, now=now)
            return payment
        before, returned = payment.state, payment.refunded_minor
        charged_now = record(payment, truth, now=now)
        if payment.state in (*PAID_STATES, PaymentState.AUTHORIZED):
            keep_card(payment, truth, now=now)
        if charged_now and payment.state != PaymentState.REFUNDED:
            _money_came(payment, now=now)
        elif payment.state == PaymentState.AUTHORIZED and payment.secured_at is None:
            _hold_came(payment, now=now)
        elif payment.state == PaymentState.VOIDED and before != payment.state:
            check_void(payment)
        post(payment.booking_id, now=now)
        if charged_now:
            invoice_payment(payment, now=now)
        elif (payment.state, payment.refunded_minor) != (before, returned):
            credit_payment(payment, now=now)
    return payment


def fail(payment_id: uuid.UUID, code: str, *, message: str, now: datetime) -> Payment:
    """Close an attempt that came to nothing. Changes only what is still `initiated`."""
    with transaction.atomic():
        payment = lock_payment(payment_id)
        if payment.state == PaymentState.INITIATED:
            payment.state = PaymentState.FAILED
            payment.failure_code = code
            payment.gateway_message = message[:300]
            payment.save(update_fields=["state", "failure_code", "gateway_message"])
    return payment


def settle_unfinished(now: datetime) -> int:
    """Ask the gateway about attempts nobody told us the end of, and charge the holds whose time has come.

    Whoever waited longest is asked first, and asking counts whatever comes of it: one that cannot be read, or never
    ends, stands in nobody's way.
    """
    if not configured():
        return 0
    only_held = Q(state=PaymentState.AUTHORIZED, manual=True) & (
        Q(booking__state=BookingState.REQUESTED) | Q(purpose=Purpose.DAMAGE)
    )
    waiting = (
        Payment.objects.filter(
            state__in=(PaymentState.INITIATED, PaymentState.AUTHORIZED), quarantined_because=""
        )
        .filter(created_at__lte=now - RECHECK_AFTER)
        .filter(Q(checked_at__isnull=True) | Q(checked_at__lte=now - RECHECK_AFTER))
        .exclude(only_held & Q(checked_at__gt=now - RECHECK_HOLDS_AFTER))
        .order_by(F("checked_at").asc(nulls_first=True), "created_at")
        .values_list("pk", flat=True)[:BATCH]
    )
    finished = faults = 0
    for payment_id in list(waiting):
        Payment.objects.filter(pk=payment_id).update(checked_at=now)
        try:
            payment = settle(payment_id, now=now)
        except GatewayError as error:
            logger.warning("gateway could not be asked", extra={"error": str(error)})
            faults += 1
            if faults == FAULTS_ALLOWED:
                break
            continue
        except Exception:  # a fault of ours with one payment must not starve the others
            logger.exception("payment left for the next run", extra={"payment_id": str(payment_id)})
            continue
        faults = 0
        finished += payment.state not in (PaymentState.INITIATED, PaymentState.AUTHORIZED)
    return finished


def _is_not_ours(payment: Payment, truth: GatewayPayment, *, now: datetime) -> bool:
    """Put aside money that is not what we asked for, with an alarm; it counts for nothing until it matches.

    What was counted once stays counted: metadata edited later must not hide money that is owed back.
    """
    mismatch = mismatch_of(payment, truth) if payment.settled_at is None else ""
    state = STATE_OF_STATUS.get(truth.status)
    if mismatch and state in (*PAID_STATES, PaymentState.AUTHORIZED):
        if not payment.quarantined_because:
            raise_alarm("payment_quarantined", str(payment.pk), because=mismatch)
        payment.quarantined_because = mismatch
        payment.suspended_minor = _held_minor(payment, truth)
        payment.gateway_seen = True
        payment.checked_at = now
        payment.save(update_fields=["quarantined_because", "suspended_minor", "gateway_seen", "checked_at"])
        return True
    if not mismatch:
        payment.quarantined_because = ""
    return False


def _held_minor(payment: Payment, truth: GatewayPayment) -> int:
    """Halalas the gateway holds of money put aside; in another currency there are none to count."""
    if truth.currency != payment.currency or STATE_OF_STATUS.get(truth.status) != PaymentState.CAPTURED:
        return 0
    return max((truth.captured_minor or truth.amount_minor) - truth.refunded_minor, 0)


def _money_came(payment: Payment, *, now: datetime) -> None:
    if payment.secured_at is not None and payment.purpose == Purpose.DEPOSIT:
        salons = bookings.deposit_charged(payment.booking_id, now=now)
        owe_back(
            payment, amount_minor=payment.captured_minor - salons, reason=RefundReason.BOOKING_CLOSED, now=now
        )
        if salons:
            messages.deposit_received(payment, now=now)
        return
    if payment.refunds.exists():
        return  # it was on its way back already when it was charged, and that goes on
    if payment.purpose == Purpose.BALANCE:
        balance_paid(payment, now=now)
    elif payment.purpose == Purpose.DEPOSIT and bookings.deposit_paid(payment.booking_id, now=now):
        messages.deposit_received(payment, now=now)
    else:
        owe_back(payment, amount_minor=payment.captured_minor, reason=RefundReason.NOTHING_TO_PAY, now=now)


def _hold_came(payment: Payment, *, now: datetime) -> None:
    if payment.purpose == Purpose.BALANCE or payment.refunds.exists():
        return
    if payment.purpose == Purpose.DAMAGE:
        damage_held(payment, now=now)
    elif bookings.deposit_secured(payment.booking_id, now=now):
        payment.secured_at = now
        payment.save(update_fields=["secured_at"])
        messages.deposit_held(payment, now=now)
    else:
        owe_back(payment, amount_minor=payment.amount_minor, reason=RefundReason.NOTHING_TO_PAY, now=now)


def _charge_hold(payment: Payment, *, using: PaymentGateway, now: datetime) -> Payment:
    """Charge what the bank holds, as far as the booking calls for it. The gateway takes one charge of a hold only."""
    amount = _due_of_hold(payment.pk)
    if amount <= 0:
        return payment
    try:
        after = using.capture_payment(payment.gateway_key, amount)
    except GatewayRefused as refusal:
        if refusal.status in OUR_DOOR:
            raise
        found = using.fetch_payment(payment.gateway_key)  # perhaps somebody else was quicker
        if found is None or found.status == "authorized":
            return _hold_lapsed(payment.pk, refusal, now=now)
        after = found
    return apply(payment.pk, after, now=now)


def _due_of_hold(payment_id: uuid.UUID) -> int:
    """Halalas to charge of a hold by now. One that nobody asked to be only a hold is charged at once."""
    payment = Payment.objects.select_related("booking").get(pk=payment_id)
    if payment.state != PaymentState.AUTHORIZED or payment.refunds.exists():
        return 0
    if payment.purpose == Purpose.DAMAGE:
        return 0
    if payment.purpose == Purpose.BALANCE:
        return payment.amount_minor
    due = bookings.deposit_to_charge(payment.booking) if payment.secured_at is not None else 0
    if due is None:
        due = 0 if payment.manual else payment.amount_minor
    return min(due, payment.amount_minor)


def _hold_lapsed(payment_id: uuid.UUID, refusal: GatewayRefused, *, now: datetime) -> Payment:
    """The bank let the hold go before it was charged. The booking stands; its deposit is paid otherwise."""
    with transaction.atomic():
        payment = lock_payment(payment_id)
        if payment.state == PaymentState.AUTHORIZED:
            payment.state = PaymentState.FAILED
            payment.failure_code = HOLD_LAPSED
            payment.gateway_message = (refusal.message or "")[:300]
            payment.save(update_fields=["state", "failure_code", "gateway_message"])
            raise_alarm(
                "hold_lapsed", str(payment.pk), booking=payment.booking.reference, why=str(refusal)[:200]
            )
            if payment.booking.state == BookingState.CONFIRMED:
                messages.deposit_not_charged(payment, now=now)
    return payment


def _settle_quietly(payment_id: uuid.UUID) -> None:
    """After commit the request must not fail any more."""
    if not configured():
        return
    try:
        settle(payment_id, now=timezone.now())
    except GatewayError as error:
        logger.warning("payment left for sweep", extra={"error": str(error)})
    except Exception:
        logger.exception("payment left for sweep", extra={"payment_id": str(payment_id)})
