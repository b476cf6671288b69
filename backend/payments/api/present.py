"""Payments and proofs as the dicts that leave."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings

from backend.bookings.operations import allowed_actions, by_customer
from backend.core.money import money
from backend.core.time import rfc3339
from backend.payments.models import Difference, Payment, PaymentState, Reconciliation
from backend.payments.operations import open_differences
from backend.payments.operations.starting import description, metadata, return_url
from backend.payments.refusals import FAILURES


def payment(row: Payment, *, now: datetime) -> dict[str, Any]:
    waiting = row.state == PaymentState.INITIATED and not row.quarantined_because
    # Who is at the bank already is waited for; nobody is sent there for a booking that no longer waits for money.
    payable = waiting and "pay" in allowed_actions(row.booking, actor=by_customer(None), now=now)
    failure = None
    if row.state == PaymentState.FAILED:
        code = row.failure_code if row.failure_code in FAILURES else "payment_failed"
        failure = {"code": code, "detail": str(FAILURES[code])}
    next_action = None
    if payable and row.next_action_url and row.source_type != "client":
        next_action = {"type": "redirect", "url": row.next_action_url, "return_url": return_url(row)}
    return {
        "id": str(row.id),
        "state": row.state,
        "amount": money(row.amount_minor, row.currency),
        "booking": {
            "id": str(row.booking_id),
            "state": row.booking.state,
            "version": row.booking.version,
        },
        "failure": failure,
        "next_action": next_action,
        "client_payment": client_payment(row) if payable and row.source_type == "client" else None,
        "poll_after_seconds": _poll_after(row, now) if waiting else None,
    }


def client_payment(row: Payment) -> dict[str, Any]:
    """What the app hands to Moyasar's SDK. Coupons are off: they would change the amount behind our back."""
    return {
        "given_id": str(row.id),
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "description": description(row),
        "metadata": metadata(row),
        "publishable_key": settings.MOYASAR_PUBLISHABLE_KEY,
        "callback_url": return_url(row),
        "manual": False,
        "apply_coupon": False,
    }


def _poll_after(row: Payment, now: datetime) -> int:
    age = (now - row.created_at).total_seconds()
    return 2 if age < 30 else 5 if age < 120 else 15


def finance_payment(row: Payment) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "state": row.state,
        "amount": money(row.amount_minor, row.currency),
        "captured": money(row.captured_minor, row.currency),
        "refunded": money(row.refunded_minor, row.currency),
        "booking_reference": row.booking.reference,
        "salon_slug": row.booking.salon.slug,
        "quarantined_because": row.quarantined_because or None,
        "created_at": rfc3339(row.created_at),
    }


def reconciliation(run: Reconciliation) -> dict[str, Any]:
    return {
        "id": str(run.id),
        "from": run.from_date.isoformat(),
        "to": run.to_date.isoformat(),
        "ours_count": run.ours_count,
        "theirs_count": run.theirs_count,
        "captured": money(run.captured_minor),
        "refunded": money(run.refunded_minor),
        "open_differences": open_differences(run),
        "healed_differences": run.healed_count,
        "started_at": rfc3339(run.started_at),
        "finished_at": rfc3339(run.finished_at) if run.finished_at else None,
    }


def difference(row: Difference) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "kind": row.kind,
        "payment_id": str(row.payment_id),
        "ours": row.ours,
        "theirs": row.theirs,
        "healed": row.healed_at is not None,
    }
