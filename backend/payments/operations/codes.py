"""The one-time code that STC Pay sends to the payer's phone, passed on to the gateway and kept nowhere."""

from __future__ import annotations

import logging
import uuid
from contextlib import suppress
from datetime import datetime
from typing import Any

from backend.bookings.refusals import SlotExpired
from backend.core.errors import NotFound
from backend.payments.gateway import gateway
from backend.payments.models import STC_PAY, Payment, PaymentState, Purpose
from backend.payments.operations.refunding import OUR_DOOR
from backend.payments.operations.settling import apply, settle
from backend.payments.providers import GatewayError, GatewayRefused, GatewayUnknown
from backend.payments.queries import is_wanted, payments_of
from backend.payments.refusals import NoCodeDue, NothingToPay, OtpRefused, PaymentsUnavailable

logger = logging.getLogger("mawid.payments")
RETRY_AFTER = 5


def submit_code(*, customer: Any, payment_id: uuid.UUID, otp: str, again: bool, now: datetime) -> None:
    """Pass on the code for an STC Pay payment. One that has ended is left as it is, so a second tap does no harm.

    A wrong code ends the payment; should the gateway give another try, that is refused as `otp_refused`. `again` is
    whether this very request came before: then the gateway is asked first, for the code may have done its work.
    Raises NotFound, NoCodeDue, SlotExpired or NothingToPay when the booking waits no more, OtpRefused, and
    PaymentsUnavailable when the code surely did not arrive.
    """
    payment = payments_of(customer).filter(pk=payment_id).first()
    if payment is None:
        raise NotFound
    if payment.source_type != STC_PAY:
        raise NoCodeDue
    if payment.state != PaymentState.INITIATED:
        return
    if not is_wanted(payment, now=now):
        raise SlotExpired if payment.purpose == Purpose.DEPOSIT else NothingToPay
    try:
        if again or not payment.next_action_url:
            payment = settle(payment_id, now=now)
            if payment.state != PaymentState.INITIATED:
                return
        if not payment.next_action_url:
            raise NoCodeDue
        _pass_on(payment, otp, now=now)
    except GatewayError as error:
        logger.warning("code not passed on", extra={"error": str(error)})
        raise PaymentsUnavailable(extra={"retry_after": RETRY_AFTER}) from error


def _pass_on(payment: Payment, otp: str, *, now: datetime) -> None:
    """Raises GatewayError."""
    using = gateway()
    try:
        truth = using.submit_otp(payment.pk, page_url=payment.next_action_url, otp=otp)
    except ValueError as error:
        logger.exception("no address for codes", extra={"payment_id": str(payment.pk)})
        raise NoCodeDue from error
    except GatewayRefused as refusal:
        if refusal.status in OUR_DOOR:
            raise
        # Used up, too late, or wrong: the payment itself says which.
        if settle(payment.pk, now=now, using=using).state == PaymentState.INITIATED:
            raise OtpRefused from refusal
        return
    except GatewayUnknown as unknown:
        logger.warning("code may have arrived", extra={"error": str(unknown)})
        with suppress(GatewayError):  # then whoever asks next learns what became of it
            settle(payment.pk, now=now, using=using)
        return
    apply(payment.pk, truth, now=now)
