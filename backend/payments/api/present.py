"""Payments and proofs as the dicts that leave."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from backend.bookings.api.present import in_arabic
from backend.bookings.models import Booking, BookingState
from backend.core.money import money
from backend.core.time import rfc3339
from backend.payments.models import (
    HOSTED,
    STC_PAY,
    DeskReceipt,
    Payment,
    PaymentState,
    RefundReason,
    Resolution,
    SavedCard,
)
from backend.payments.operations.hosted import description, metadata, return_url
from backend.payments.operations.tasks import Task
from backend.payments.queries import Balance, is_wanted
from backend.payments.refusals import FAILURES, NOTICES, TIME_KEPT

UNNEEDED = (RefundReason.NOTHING_TO_PAY, RefundReason.MORE_THAN_DUE)
OWN_NOTICES = {STC_PAY: "waiting_for_code", HOSTED: "waiting_on_page"}
"""What is said while the payer's step is no bank's page."""


def payment(row: Payment, *, now: datetime, due_minor: int | None = None) -> dict[str, Any]:
    """`due_minor` is what the booking still owes, when it is known already."""
    waiting = row.state == PaymentState.INITIATED and not row.quarantined_because
    # Who is at the bank already is waited for; nobody is sent there for a booking that no longer waits for money.
    payable = waiting and is_wanted(row, now=now, due_minor=due_minor)
    kept_until = _kept_until(row, now=now)
    failure = None
    if row.state == PaymentState.FAILED:
        code = row.failure_code if row.failure_code in FAILURES else "payment_failed"
        failure = {"code": code, "detail": " ".join([str(FAILURES[code]), *kept_until])}
    next_action = None
    if payable and row.next_action_url and row.source_type != "client":
        # What STC Pay waits for comes through us: where it goes at the gateway is no page for a browser.
        code_due = row.source_type == STC_PAY
        next_action = {
            "type": "otp" if code_due else "redirect",
            "url": None if code_due else row.next_action_url,
            "return_url": None if code_due else return_url(row),
        }
    notice = _notice_of(row, payable=payable)
    return {
        "id": str(row.id),
        "purpose": row.purpose,
        "state": row.state,
        "amount": money(row.amount_minor, row.currency),
        "booking": {
            "id": str(row.booking_id),
            "state": row.booking.state,
            "version": row.booking.version,
        },
        "failure": failure,
        "notice": {"code": notice, "detail": " ".join([str(NOTICES[notice]), *kept_until])}
        if notice
        else None,
        "next_action": next_action,
        "client_payment": client_payment(row) if payable and row.source_type == "client" else None,
        "poll_after_seconds": _poll_after(row, now) if waiting else None,
        "created_at": rfc3339(row.created_at, row.booking.salon.zone),
    }


def _notice_of(row: Payment, *, payable: bool) -> str | None:
    """The code of what a payer should know about a payment that has not failed."""
    if row.quarantined_because:
        return "under_review"
    unneeded = any(refund.reason in UNNEEDED for refund in row.refunds.all())
    if row.state == PaymentState.VOIDED:
        return "not_needed" if unneeded and row.settled_at is not None else "released"
    if row.state == PaymentState.INITIATED:
        if row.source_type in OWN_NOTICES and payable and row.next_action_url:
            return OWN_NOTICES[row.source_type]
        if row.source_type == HOSTED and row.invoice_id is not None:
            return None  # a page that is about to close
        if row.source_type != "client":
            return "waiting_for_payer" if payable and row.next_action_url else "waiting_for_bank"
        if row.gateway_seen:
            return "waiting_for_payer" if payable else "waiting_for_bank"
        return "not_started" if payable and row.checked_at else None
    return "not_needed" if unneeded else None


def _kept_until(row: Payment, *, now: datetime) -> list[str]:
    """The sentence that the time is still kept, while it is."""
    until = row.booking.hold_expires_at
    if row.booking.state != BookingState.HELD or until is None or until <= now:
        return []
    local = until.astimezone(row.booking.salon.zone)
    half = ("ص" if local.hour < 12 else "م") if in_arabic() else ("AM" if local.hour < 12 else "PM")
    return [str(TIME_KEPT) % {"time": f"{local.hour % 12 or 12}:{local.minute:02d} {half}"}]


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
        "manual": row.manual,
        "save_card": row.save_card,
        "apply_coupon": False,
    }


def _poll_after(row: Payment, now: datetime) -> int:
    age = (now - row.created_at).total_seconds()
    return 2 if age < 30 else 5 if age < 120 else 15


def balance(booking: Booking, found: Balance) -> dict[str, Any]:
    return {
        "total": money(found.total_minor, booking.currency),
        "paid": money(found.paid_minor, booking.currency),
        "refunded": money(found.refunded_minor, booking.currency),
        "due": money(found.due_minor, booking.currency),
    }


def receipt(row: DeskReceipt, *, zone: ZoneInfo) -> dict[str, Any]:
    """A receipt as the guest sees it."""
    return {
        "id": str(row.id),
        "method": row.method,
        "amount": money(row.amount_minor, row.currency),
        "tip": money(row.tip_minor, row.currency),
        "taken_at": rfc3339(row.taken_at, zone),
        "voided_at": rfc3339(row.voided_at, zone) if row.voided_at else None,
    }


def desk_receipt(row: DeskReceipt, *, zone: ZoneInfo) -> dict[str, Any]:
    return receipt(row, zone=zone) | {
        "note": row.note or None,
        "taken_by": {"id": str(row.taken_by_id), "name": row.taken_by.name or None},
        "voided_by": {"id": str(row.voided_by_id), "name": row.voided_by.name or None}
        if row.voided_by
        else None,
        "void_reason": row.void_reason or None,
    }


def desk_payment(row: Payment, *, zone: ZoneInfo) -> dict[str, Any]:
    """A payment as the desk sees it: that it came and how much, nothing of the card."""
    return {
        "id": str(row.id),
        "purpose": row.purpose,
        "state": row.state,
        "amount": money(row.amount_minor, row.currency),
        "captured": money(row.captured_minor, row.currency),
        "refunded": money(row.refunded_minor, row.currency),
        "created_at": rfc3339(row.created_at, zone),
    }


def card(row: SavedCard, *, today: date) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "brand": row.brand,
        "last_four": row.last_four,
        "month": row.month,
        "year": row.year,
        "is_expired": (row.year or 0, row.month or 0) < (today.year, today.month),
    }


def task(row: Task) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "kind": row.kind,
        "payment_id": str(row.payment.pk),
        "booking_reference": row.payment.booking.reference,
        "salon_slug": row.payment.booking.salon.slug,
        "amount": money(row.amount_minor, row.payment.currency),
        "why": row.why or None,
        "opened_at": rfc3339(row.opened_at),
    }


def resolution(row: Resolution) -> dict[str, Any]:
    return {
        "task_id": str(row.refund_id or row.payment_id),
        "payment_id": str(row.payment_id),
        "outcome": row.outcome,
        "note": row.note,
        "resolved_by": {"id": str(row.resolved_by_id), "name": row.resolved_by.name or None},
        "resolved_at": rfc3339(row.resolved_at),
    }


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
