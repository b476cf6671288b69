"""Paying on a page of the gateway's own, for an app that cannot pay otherwise.

The page is an invoice in the gateway's words. Each try on it is a payment whose id the gateway chose, a failed one
leaves it open, and two tries at once may both be paid: payment facts 11.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from backend.payments.models import HOSTED, PAID_STATES, Payment, PaymentState, Purpose
from backend.payments.operations.recording import STATE_OF_STATUS, lock_payment, page_url
from backend.payments.providers import GatewayInvoice, GatewayPayment, GatewayRefused, PaymentGateway
from backend.payments.queries import is_wanted

ASKING = timedelta(minutes=1)
"""Longer than asking for a page takes. Pages have no idempotency, so one process at a time asks for an attempt's."""
MONEY_STATES = (*PAID_STATES, PaymentState.AUTHORIZED, PaymentState.VOIDED)
OPEN_STATUSES = ("initiated", "failed")
DEAD_STATUSES = ("expired", "canceled")


def open_page(payment: Payment, *, using: PaymentGateway, now: datetime) -> None:
    """Have the gateway put up a page for this attempt, unless somebody else is asking for it right now.

    It closes with the time it is to pay for. Raises GatewayError; after GatewayUnknown `settle` finds the page.
    """
    free = Q(checked_at__isnull=True) | Q(checked_at__lte=now - ASKING)
    waiting = Payment.objects.filter(free, pk=payment.pk, state=PaymentState.INITIATED, invoice_id=None)
    if not waiting.update(checked_at=now):
        return
    hold_ends = payment.booking.hold_expires_at if payment.purpose == Purpose.DEPOSIT else None
    page = using.create_invoice(
        attempt_id=payment.pk,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        description=description(payment),
        metadata=metadata(payment),
        success_url=return_url(payment),
        back_url=return_url(payment),
        expires_at=min(hold_ends or payment.expires_at, payment.expires_at),
    )
    _keep_page(payment, page)


def look_at_page(payment: Payment, *, using: PaymentGateway, now: datetime) -> GatewayInvoice | None:
    """An attempt's page with the tries made on it; one that is not wanted any more is taken down.

    None when the gateway knows of none. Raises GatewayError.
    """
    if payment.invoice_id is not None:
        page = using.fetch_invoice(payment.invoice_id)
    else:
        named = {"payment_id": str(payment.pk)}
        page = next(iter(using.list_invoices(metadata=named)), None)
        if page is not None:
            _keep_page(payment, page)
    if page is not None and page.status in OPEN_STATUSES and not is_wanted(payment, now=now):
        with suppress(GatewayRefused):  # it ended this moment: the next look says how
            page = using.cancel_invoice(page.id)
    return page


def is_over(page: GatewayInvoice) -> bool:
    """Whether nothing can come of a page any more. Somebody may still be at the bank when it closes."""
    return page.status in DEAD_STATUSES and all(tried.status != "initiated" for tried in page.payments)


def row_of(truth: GatewayPayment, *, now: datetime) -> UUID | None:
    """Our payment for one made on a page of ours; None for a try that moved no money, or a page that is not ours.

    The first with money is the attempt's own; any further one is a payment beside it.
    """
    if truth.invoice_id is None:
        return None
    with transaction.atomic():
        attempt = (
            Payment.objects.select_for_update(no_key=True, of=("self",))
            .filter(invoice_id=truth.invoice_id)
            .order_by("created_at", "id")
            .first()
        )
        known = Payment.objects.filter(gateway_id=truth.id).values_list("pk", flat=True).first()
        if attempt is None or known is not None:
            return known
        if STATE_OF_STATUS.get(truth.status) not in MONEY_STATES:
            return None
        if attempt.gateway_id is None:
            attempt.gateway_id = truth.id
            attempt.save(update_fields=["gateway_id"])
            return attempt.pk
        return Payment.objects.create(
            id=truth.id,
            gateway_id=truth.id,
            invoice_id=truth.invoice_id,
            booking_id=attempt.booking_id,
            purpose=attempt.purpose,
            amount_minor=attempt.amount_minor,
            currency=attempt.currency,
            source_type=HOSTED,
            created_at=now,
            expires_at=now,
        ).pk


def _keep_page(payment: Payment, page: GatewayInvoice) -> None:
    with transaction.atomic():
        row = lock_payment(payment.pk)
        row.invoice_id, row.next_action_url = page.id, page_url(page.url, about=payment.pk)
        row.save(update_fields=["invoice_id", "next_action_url"])
    payment.invoice_id, payment.next_action_url = row.invoice_id, row.next_action_url


def metadata(payment: Payment) -> dict[str, str]:
    """What ties the gateway's payment to ours; compared on every settlement."""
    return {"payment_id": str(payment.pk), "booking_id": str(payment.booking_id)}


def description(payment: Payment) -> str:
    return f"Mawid {payment.booking.reference}"


def return_url(payment: Payment) -> str:
    return f"{settings.PUBLIC_BASE_URL}/pay/return/{payment.pk}"
