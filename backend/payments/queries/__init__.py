"""Questions about money."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from backend.bookings.models import Booking, BookingState
from backend.bookings.queries import bookings_of
from backend.payments.models import (
    PAID_STATES,
    SURPLUS,
    CardStatus,
    DeskReceipt,
    Outcome,
    Payment,
    PaymentState,
    Purpose,
    Refund,
    RefundState,
    Resolution,
    SavedCard,
)

OWING_STATES = (BookingState.REQUESTED, BookingState.CONFIRMED, BookingState.COMPLETED)
"""Bookings whose price is still to be paid: before them the deposit comes first, after them nothing is due."""
ENDED_STATES = (BookingState.CANCELLED, BookingState.DECLINED, BookingState.EXPIRED)


def payments_of(customer: Any) -> QuerySet[Payment]:
    """A customer's own payment attempts, for the bookings they may see."""
    return (
        Payment.objects.filter(booking__in=bookings_of(customer).order_by().values("pk"))
        .select_related("booking__salon")
        .prefetch_related("refunds")
    )


def all_payments() -> QuerySet[Payment]:
    """For finance only."""
    return Payment.objects.select_related("booking__salon")


@dataclass(frozen=True)
class Balance:
    """A booking's money in halalas, tips left out.

    `paid` counts what came online, what a bank holds for us other than against damage, and what the desk took.
    `refunded` is what went back or is on its way. `due` is what may still be paid: the price less what was paid and
    stayed. Money given back as goodwill, or by hand at the gateway, does not become due again; only what went back
    because it was too much never counted.
    """

    total_minor: int
    paid_minor: int
    refunded_minor: int
    due_minor: int


def balance_of(booking: Booking, *, without: uuid.UUID | None = None) -> Balance:
    """What was paid for a booking and what is left. `without` leaves one payment out of account.

    Whoever decides on it holds the booking's lock: every way of taking money does.
    """
    payments = (
        Payment.objects.filter(booking=booking, quarantined_because="")
        .filter(state__in=(*PAID_STATES, PaymentState.AUTHORIZED))
        .exclude(Q(purpose=Purpose.DAMAGE) | Q(pk__in=[] if without is None else [without]))
        .annotate(
            done_minor=Coalesce(Sum("refunds__amount_minor", filter=Q(refunds__state=RefundState.DONE)), 0),
            open_minor=Coalesce(Sum("refunds__amount_minor", filter=~Q(refunds__state=RefundState.DONE)), 0),
            surplus_minor=Coalesce(Sum("refunds__amount_minor", filter=Q(refunds__reason__in=SURPLUS)), 0),
        )
    )
    paid = returned = surplus = 0
    for payment in payments:
        held = payment.state == PaymentState.AUTHORIZED
        paid += payment.amount_minor if held else payment.captured_minor
        returned += max(payment.refunded_minor, payment.done_minor) + payment.open_minor
        surplus += payment.surplus_minor
    taken = DeskReceipt.objects.filter(booking=booking, voided_at=None).aggregate(all=Sum("amount_minor"))
    paid += taken["all"] or 0
    due = max(booking.price_minor - (paid - surplus), 0)
    if booking.state not in (*OWING_STATES, BookingState.HELD):
        due = 0
    return Balance(booking.price_minor, paid, returned, due)


def is_wanted(payment: Payment, *, now: datetime, due_minor: int | None = None) -> bool:
    """Whether the booking still waits for this attempt's money. `due_minor` is what it owes, when that is known."""
    booking = payment.booking
    if payment.purpose == Purpose.BALANCE:
        due = balance_of(booking).due_minor if due_minor is None else due_minor
        return booking.state in OWING_STATES and due >= payment.amount_minor
    if payment.purpose == Purpose.DAMAGE:
        return booking.state == BookingState.CONFIRMED
    return booking.state == BookingState.HELD and (booking.dies_at is None or booking.dies_at > now)


def return_at_desk(booking: Booking) -> int:
    """Halalas the desk took, without tips, for a booking that has ended since: only the desk can hand them back."""
    if booking.state not in ENDED_STATES:
        return 0
    taken = DeskReceipt.objects.filter(booking=booking, voided_at=None).aggregate(all=Sum("amount_minor"))
    return taken["all"] or 0


def receipts_of(booking: Booking) -> QuerySet[DeskReceipt]:
    return DeskReceipt.objects.filter(booking=booking).select_related("taken_by", "voided_by")


def cards_of(customer: Any) -> QuerySet[SavedCard]:
    """The cards a customer can pay with."""
    return SavedCard.objects.filter(customer=customer, status=CardStatus.ACTIVE)


def manual_refunds() -> QuerySet[Refund]:
    """Refunds that the gateway would not make and nobody has answered for."""
    closed = Resolution.objects.filter(refund=OuterRef("pk")).exclude(outcome=Outcome.RETRY)
    return Refund.objects.filter(~Exists(closed), state=RefundState.MANUAL)


def quarantined_payments() -> QuerySet[Payment]:
    """Payments whose money was never counted, and that nobody has answered for."""
    return _unanswered_payments().exclude(quarantined_because="")


def lapsed_holds() -> QuerySet[Payment]:
    """Deposits that the bank let go of before they were charged, and that nobody has answered for."""
    return _unanswered_payments().filter(state=PaymentState.FAILED, failure_code="hold_lapsed")


def _unanswered_payments() -> QuerySet[Payment]:
    closed = Resolution.objects.filter(payment=OuterRef("pk"), refund=None).exclude(outcome=Outcome.RETRY)
    return Payment.objects.filter(~Exists(closed))
