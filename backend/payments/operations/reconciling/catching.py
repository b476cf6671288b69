"""What changed at the gateway lately and nobody told us, settled once an hour."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from django.db.models import Q

from backend.core import limits
from backend.core.limits import Limit
from backend.payments.gateway import configured, gateway
from backend.payments.models import Payment
from backend.payments.operations.reconciling.classing import MOVED, gateway_kind
from backend.payments.operations.settling import settle, settle_on_page
from backend.payments.providers import GatewayError, GatewayPayment, PaymentGateway

logger = logging.getLogger("mawid.payments")

CATCH_UP = Limit("payments_catch_up", 1, timedelta(hours=1), scaled=False)
LOOK_BACK = timedelta(days=1)
BATCH = 200


def catch_up(now: datetime) -> int:
    """Settle what changed at the gateway lately and nobody told us. Returns how many payments that healed.

    Webhooks are dropped after some hours, an attempt closed here as never begun may be paid after all, and people work
    at the gateway's own desk: its list of the last day is compared with ours, once an hour on whichever machine.
    """
    if not configured() or limits.take(CATCH_UP, "moyasar", now=now):
        return 0
    using, healed = gateway(), 0
    try:
        for batch in _batches(using.list_payments(updated_from=now - LOOK_BACK)):
            for payment, truth in _pairs(batch):
                if (payment is not None and payment.quarantined_because) or gateway_kind(
                    payment, truth
                ) is None:
                    continue
                settled = _settle_as_told(payment, truth, using=using, now=now)
                healed += settled is not None and gateway_kind(settled, truth) is None
    except GatewayError as error:
        logger.warning("catching up left for the next run", extra={"error": str(error)})
    return healed


def _pairs(batch: list[GatewayPayment]) -> Iterator[tuple[Payment | None, GatewayPayment]]:
    """Each of theirs beside ours. A try on a page of ours that came to nothing is left out: it has no row here."""
    ids = [truth.id for truth in batch]
    mine = {row.gateway_key: row for row in Payment.objects.filter(Q(pk__in=ids) | Q(gateway_id__in=ids))}
    tried = [truth.invoice_id for truth in batch if truth.invoice_id is not None and truth.id not in mine]
    pages: set[uuid.UUID | None] = set(
        Payment.objects.filter(invoice_id__in=tried).values_list("invoice_id", flat=True)
    )
    for truth in batch:
        if truth.id in mine or truth.status in MOVED or truth.invoice_id not in pages:
            yield mine.get(truth.id), truth


def _settle_as_told(
    payment: Payment | None, truth: GatewayPayment, *, using: PaymentGateway, now: datetime
) -> Payment | None:
    """Settle what differs; None for a payment of theirs that was made on no page of ours. Raises GatewayError."""
    if payment is not None:
        return settle(payment.pk, now=now, using=using)
    if truth.invoice_id is None:
        return None
    return settle_on_page(truth.id, truth.invoice_id, now=now, using=using)


def _batches(payments: Iterator[GatewayPayment]) -> Iterator[list[GatewayPayment]]:
    while batch := list(islice(payments, BATCH)):
        yield batch
