"""What we say to people about their money, in their own language."""

from __future__ import annotations

from datetime import datetime

from django.utils import translation
from django.utils.translation import gettext_noop as N_

from backend.core.money import plain
from backend.notifications import operations as notifications
from backend.notifications import phrases
from backend.notifications.kinds import Kind
from backend.notifications.phrases import Phrase, phrase_of
from backend.payments.models import Payment, Refund


def _payer(code: str, title: str, text: str) -> Phrase:
    """A lock screen says that there is money to know of, not how much."""
    kind = Kind(code, topic="payments", essential=True)
    return Phrase(kind, "customer", title, text, N_("Booking %(ref)s\nDetails are in the app"))


phrases.register(
    (
        _payer(
            "deposit_received",
            N_("Deposit received"),
            N_("A deposit of SAR %(amount)s was received for your booking %(ref)s."),
        ),
        _payer(
            "deposit_held",
            N_("Deposit held"),
            N_(
                "Your request %(ref)s stands. Your bank holds a deposit of SAR %(amount)s.\n"
                "It is charged only when the salon confirms."
            ),
        ),
        _payer(
            "deposit_not_charged",
            N_("Deposit not charged"),
            N_(
                "Your booking %(ref)s stands, but its deposit of SAR %(amount)s could not be charged.\n"
                "Please pay in the app or at the salon."
            ),
        ),
        _payer(
            "balance_received",
            N_("Payment received"),
            N_("SAR %(amount)s was received for your booking %(ref)s. Thank you."),
        ),
        _payer(
            "refund_issued",
            N_("Refund on its way"),
            N_(
                "SAR %(amount)s is on its way back to you for booking %(ref)s.\nIt shows within 14 working days."
            ),
        ),
        _payer(
            "money_released",
            N_("Charge cancelled"),
            N_("The charge of SAR %(amount)s for booking %(ref)s was cancelled.\nNothing stays charged."),
        ),
    )
)


def deposit_received(payment: Payment, *, now: datetime) -> None:
    _tell(
        payment, "deposit_received", payment.captured_minor, event=f"payment:{payment.pk}:received", now=now
    )


def deposit_held(payment: Payment, *, now: datetime) -> None:
    _tell(payment, "deposit_held", payment.amount_minor, event=f"payment:{payment.pk}:held", now=now)


def deposit_not_charged(payment: Payment, *, now: datetime) -> None:
    event = f"payment:{payment.pk}:not_charged"
    _tell(payment, "deposit_not_charged", payment.amount_minor, event=event, now=now)


def balance_received(payment: Payment, kept_minor: int, *, now: datetime) -> None:
    _tell(payment, "balance_received", kept_minor, event=f"payment:{payment.pk}:received", now=now)


def refund_issued(refund: Refund, *, now: datetime) -> None:
    _tell(refund.payment, "refund_issued", refund.amount_minor, event=f"refund:{refund.pk}:issued", now=now)


def money_released(refund: Refund, *, now: datetime) -> None:
    """A void lets go of all of a payment, whatever part of it was owed back."""
    payment = refund.payment
    released = payment.captured_minor or payment.amount_minor
    _tell(payment, "money_released", released, event=f"refund:{refund.pk}:issued", now=now)


def _tell(payment: Payment, kind: str, amount_minor: int, *, event: str, now: datetime) -> None:
    customer = payment.booking.customer
    if customer is None or not customer.phone:
        return
    with translation.override(customer.spoken_language):
        values = {"amount": plain(amount_minor), "ref": payment.booking.reference}
        words = phrase_of(kind).words(values)
    notifications.enqueue(
        notifications.draft(
            recipient=customer,
            to_phone=customer.phone,
            language=customer.spoken_language,
            kind=kind,
            audience="customer",
            words=words,
            event_key=event,
            now=now,
            salon_id=payment.booking.salon_id,
            subject=notifications.Subject("booking", payment.booking_id),
        )
    )
