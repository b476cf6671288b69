"""The demo's payments as the gateway knows them, in the shape the sandbox imports (see its `control` module)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db.models import QuerySet

from backend.payments.models import Payment, PaymentState

STATUS_OF_STATE = {
    PaymentState.INITIATED: "initiated",
    PaymentState.AUTHORIZED: "authorized",
    PaymentState.CAPTURED: "paid",
    PaymentState.FAILED: "failed",
    PaymentState.VOIDED: "voided",
    PaymentState.PARTIALLY_REFUNDED: "refunded",
    PaymentState.REFUNDED: "refunded",
}
"""Moyasar's words; it says `refunded` from the first halala on, and the total says how much."""

_CARDS = (("mada", "1010"), ("mada", "1010"), ("visa", "1111"), ("master", "1000"))
_RESPONSE_CODES = {"insufficient_funds": "51", "card_declined": "05", "card_expired": "54"}


def gateway_payments() -> QuerySet[Payment]:
    """What the gateway has heard of: an attempt that never reached it is ours alone."""
    return Payment.objects.filter(gateway_seen=True).select_related("booking").order_by("created_at", "id")


def rows() -> Iterator[dict[str, Any]]:
    for payment in gateway_payments().iterator(chunk_size=2000):
        company, digits = _CARDS[payment.pk.int % len(_CARDS)]
        source = {"type": "creditcard", "company": company, "number": digits}
        if payment.gateway_message:
            source["message"] = payment.gateway_message
        if code := _RESPONSE_CODES.get(payment.failure_code):
            source["response_code"] = code
        yield {
            "id": str(payment.pk),
            "amount": payment.amount_minor,
            "currency": payment.currency,
            "status": STATUS_OF_STATE[PaymentState(payment.state)],
            "refunded": payment.refunded_minor,
            "created_at": payment.created_at.isoformat(),
            "paid_at": payment.settled_at.isoformat() if payment.settled_at else None,
            "updated_at": (payment.checked_at or payment.created_at).isoformat(),
            "description": f"Mawid {payment.booking.reference}",
            "metadata": {"payment_id": str(payment.pk), "booking_id": str(payment.booking_id)},
            "source": source,
        }


def write_lines(path: Path) -> int:
    """Write them one JSON object a line; returns how many."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows():
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count
