"""Proof by comparison: our payments of some days beside the gateway's list, every difference in exactly one class."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Q, Sum

from backend.core import limits
from backend.core.limits import Limit
from backend.core.time import RIYADH
from backend.payments.gateway import configured, gateway
from backend.payments.models import (
    HOSTED,
    PAID_STATES,
    Difference,
    DifferenceKind,
    Payment,
    PaymentState,
    Reconciliation,
)
from backend.payments.operations.recording import mismatch_of, state_of
from backend.payments.operations.settling import settle, settle_on_page
from backend.payments.providers import GatewayError, GatewayPayment, PaymentGateway

logger = logging.getLogger("mawid.payments")

HEALABLE = (DifferenceKind.STATUS, DifferenceKind.REFUNDED, DifferenceKind.MISSING_HERE)
"""Differences that `settle` may mend: the gateway knows better, and asking it again changes nothing else. What is
missing here is found again when it was paid on a page of ours."""
CATCH_UP = Limit("payments_catch_up", 1, timedelta(hours=1), scaled=False)
LOOK_BACK = timedelta(days=1)
_MOVED = frozenset({"paid", "captured", "refunded", "authorized"})


def reconcile(
    *, from_date: date, to_date: date, now: datetime, run_by: Any = None, heal: bool = True
) -> Reconciliation:
    """Compare the Riyadh days `from_date` to `to_date`, both included. Stored, repeatable; heals through `settle`.

    Raises GatewayError when the gateway's list cannot be read whole: half a list proves nothing.
    """
    run = Reconciliation.objects.create(from_date=from_date, to_date=to_date, run_by=run_by, started_at=now)
    using = gateway()
    ours_count, theirs_count = 0, 0
    starts, ends = _midnight(from_date), _midnight(to_date + timedelta(days=1))
    matched: set[uuid.UUID] = set()
    for batch in _batches(using.list_payments(created_from=starts, created_to=ends)):
        for payment, truth in _pairs(batch):
            theirs_count += 1
            matched.add(truth.id)
            _compare(run, payment, truth, using=using, now=now, heal=heal)
    ours = Payment.objects.filter(created_at__gte=starts, created_at__lt=ends)
    for payment in ours.iterator(chunk_size=1000):
        ours_count += 1
        if payment.gateway_key in matched or (payment.source_type == HOSTED and payment.gateway_id is None):
            continue  # a page on which nothing was paid is no payment of theirs
        # Perhaps it was created just outside the days by their clock, perhaps it never reached them.
        truth_or_none = using.fetch_payment(payment.gateway_key)
        if truth_or_none is not None:
            _compare(run, payment, truth_or_none, using=using, now=now, heal=heal)
        elif (
            payment.state in (*PAID_STATES, PaymentState.AUTHORIZED, PaymentState.VOIDED)
            or payment.gateway_seen
        ):
            _note(run, DifferenceKind.MISSING_THERE, payment.pk, ours=_ours(payment), theirs=None)
    totals = ours.filter(state__in=PAID_STATES, quarantined_because="").aggregate(
        captured=Sum("captured_minor"), refunded=Sum("refunded_minor")
    )
    run.ours_count, run.theirs_count = ours_count, theirs_count
    run.captured_minor, run.refunded_minor = totals["captured"] or 0, totals["refunded"] or 0
    run.healed_count = run.differences.filter(healed_at__isnull=False).count()
    run.finished_at = now
    run.save()
    return run


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
                if (payment is not None and payment.quarantined_because) or _kind(payment, truth) is None:
                    continue
                settled = _settle_as_told(payment, truth, using=using, now=now)
                healed += settled is not None and _kind(settled, truth) is None
    except GatewayError as error:
        logger.warning("catching up left for the next run", extra={"error": str(error)})
    return healed


def open_differences(run: Reconciliation) -> int:
    return run.differences.filter(healed_at=None).count()


def _pairs(batch: list[GatewayPayment]) -> Iterator[tuple[Payment | None, GatewayPayment]]:
    """Each of theirs beside ours. A try on a page of ours that came to nothing is left out: it has no row here."""
    ids = [truth.id for truth in batch]
    mine = {row.gateway_key: row for row in Payment.objects.filter(Q(pk__in=ids) | Q(gateway_id__in=ids))}
    tried = [truth.invoice_id for truth in batch if truth.invoice_id is not None and truth.id not in mine]
    pages = set(Payment.objects.filter(invoice_id__in=tried).values_list("invoice_id", flat=True))
    for truth in batch:
        if truth.id in mine or truth.status in _MOVED or truth.invoice_id not in pages:
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


def _compare(
    run: Reconciliation,
    payment: Payment | None,
    truth: GatewayPayment,
    *,
    using: PaymentGateway,
    now: datetime,
    heal: bool,
) -> None:
    kind = _kind(payment, truth)
    if kind is None:
        return
    difference = _note(run, kind, truth.id, ours=_ours(payment) if payment else None, theirs=_theirs(truth))
    if heal and kind in HEALABLE:
        try:
            healed = _settle_as_told(payment, truth, using=using, now=now)
        except GatewayError:
            return
        if healed is not None and _kind(healed, truth) is None:
            difference.healed_at = now
            difference.save(update_fields=["healed_at"])


def _kind(payment: Payment | None, truth: GatewayPayment) -> DifferenceKind | None:
    """The one class of this pair's difference, the gravest first; None when they agree."""
    if payment is None:
        return DifferenceKind.MISSING_HERE
    mismatch = mismatch_of(payment, truth)
    if mismatch == "metadata" and truth.status not in _MOVED:
        mismatch = ""  # nothing was paid: no money to explain
    if mismatch:
        return DifferenceKind(mismatch)
    expected = state_of(payment, truth)
    ours = PaymentState.CAPTURED if payment.state in PAID_STATES else payment.state
    if ours != expected:
        return DifferenceKind.STATUS
    if expected == PaymentState.CAPTURED and payment.refunded_minor != truth.refunded_minor:
        return DifferenceKind.REFUNDED
    return None


def _note(
    run: Reconciliation, kind: DifferenceKind, payment_id: uuid.UUID, *, ours: Any, theirs: Any
) -> Difference:
    return Difference.objects.create(
        reconciliation=run, kind=kind, payment_id=payment_id, ours=ours, theirs=theirs
    )


def _ours(payment: Payment) -> dict[str, Any]:
    return {
        "state": payment.state,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "refunded_minor": payment.refunded_minor,
    }


def _theirs(truth: GatewayPayment) -> dict[str, Any]:
    return {
        "status": truth.status,
        "amount_minor": truth.amount_minor,
        "currency": truth.currency,
        "refunded_minor": truth.refunded_minor,
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=RIYADH)


def _batches(payments: Iterator[GatewayPayment], size: int = 200) -> Iterator[list[GatewayPayment]]:
    batch: list[GatewayPayment] = []
    for payment in payments:
        batch.append(payment)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
