"""What we say to people about their money, in their own language."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.utils import translation
from django.utils.translation import gettext as _

from backend.core.money import plain
from backend.notifications import kinds
from backend.notifications import operations as notifications
from backend.notifications.kinds import Kind
from backend.payments.models import Payment, Refund

kinds.register(
    Kind(code, topic="payments", essential=True)
    for code in (
        "deposit_received",
        "deposit_held",
        "deposit_not_charged",
        "balance_received",
        "refund_issued",
        "money_released",
    )
)


def deposit_received(payment: Payment, *, now: datetime) -> None:
    _tell(
        payment,
        "deposit_received",
        lambda: (
            _("A deposit of SAR %(amount)s was received for your booking %(ref)s.")
            % {"amount": plain(payment.captured_minor), "ref": payment.booking.reference}
        ),
        event_key=f"payment:{payment.pk}:received",
        now=now,
    )


def deposit_held(payment: Payment, *, now: datetime) -> None:
    _tell(
        payment,
        "deposit_held",
        lambda: (
            _(
                "Your bank holds a deposit of SAR %(amount)s for booking %(ref)s.\n"
                "It is charged only when the salon confirms."
            )
            % {"amount": plain(payment.amount_minor), "ref": payment.booking.reference}
        ),
        event_key=f"payment:{payment.pk}:held",
        now=now,
    )


def deposit_not_charged(payment: Payment, *, now: datetime) -> None:
    _tell(
        payment,
        "deposit_not_charged",
        lambda: (
            _(
                "The deposit of SAR %(amount)s for booking %(ref)s could not be charged.\n"
                "Your booking stands. Please pay in the app or at the salon."
            )
            % {"amount": plain(payment.amount_minor), "ref": payment.booking.reference}
        ),
        event_key=f"payment:{payment.pk}:not_charged",
        now=now,
    )


def balance_received(payment: Payment, kept_minor: int, *, now: datetime) -> None:
    _tell(
        payment,
        "balance_received",
        lambda: (
            _("SAR %(amount)s was received for your booking %(ref)s. Thank you.")
            % {"amount": plain(kept_minor), "ref": payment.booking.reference}
        ),
        event_key=f"payment:{payment.pk}:received",
        now=now,
    )


def refund_issued(refund: Refund, *, now: datetime) -> None:
    _tell(
        refund.payment,
        "refund_issued",
        lambda: (
            _(
                "SAR %(amount)s is on its way back to you for booking %(ref)s.\nIt shows within 14 working days."
            )
            % {"amount": plain(refund.amount_minor), "ref": refund.payment.booking.reference}
        ),
        event_key=f"refund:{refund.pk}:issued",
        now=now,
    )


def money_released(refund: Refund, *, now: datetime) -> None:
    _tell(
        refund.payment,
        "money_released",
        lambda: (
            _("The charge of SAR %(amount)s for booking %(ref)s was cancelled.\nNothing stays charged.")
            % {"amount": plain(refund.amount_minor), "ref": refund.payment.booking.reference}
        ),
        event_key=f"refund:{refund.pk}:issued",
        now=now,
    )


def _tell(payment: Payment, kind: str, words: Callable[[], str], *, event_key: str, now: datetime) -> None:
    customer = payment.booking.customer
    if customer is None or not customer.phone:
        return
    with translation.override(customer.spoken_language):
        body = words()
    notifications.enqueue(
        recipient=customer,
        to_phone=customer.phone,
        language=customer.spoken_language,
        kind=kind,
        audience="customer",
        words=notifications.Words(text=body),
        event_key=event_key,
        now=now,
        salon_id=payment.booking.salon_id,
        subject=notifications.Subject("booking", payment.booking_id),
    )
