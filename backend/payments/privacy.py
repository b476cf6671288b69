"""What payments keep about a person: what they paid and got back. All of it stays, and none of it names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from backend.bookings.models import Booking
from backend.bookings.privacy import RECORDS_KEPT
from backend.core.privacy import Erasure, Keeper, Kept, Person, Record
from backend.core.time import rfc3339
from backend.payments.models import Payment, PaymentState, Refund, RefundState


def export(person: Person, since: datetime) -> Mapping[str, Iterable[Record]]:
    return {
        "payments": (
            {
                "id": str(payment.pk),
                "booking": payment.booking.reference,
                "state": payment.state,
                "amount_minor": payment.amount_minor,
                "captured_minor": payment.captured_minor,
                "refunded_minor": payment.refunded_minor,
                "currency": payment.currency,
                "means": payment.source_type,
                "failure": payment.failure_code,
                "at": rfc3339(payment.created_at),
            }
            for payment in Payment.objects.filter(booking__customer=person, created_at__gte=since)
            .select_related("booking")
            .order_by("-created_at", "-id")
        ),
        "refunds": (
            {
                "payment_id": str(refund.payment_id),
                "amount_minor": refund.amount_minor,
                "currency": refund.payment.currency,
                "state": refund.state,
                "reason": refund.reason,
                "at": rfc3339(refund.created_at),
                "done_at": rfc3339(refund.done_at) if refund.done_at else None,
            }
            for refund in Refund.objects.filter(payment__booking__customer=person, created_at__gte=since)
            .select_related("payment")
            .order_by("-created_at", "-id")
        ),
    }


def erase(person: Person, now: datetime) -> Erasure:
    """Payments never knew a name; card numbers and holders are the gateway's. A bank's page is of no use any more."""
    payments = Payment.objects.filter(booking__customer=person)
    payments.exclude(next_action_url="").update(next_action_url="")
    return Erasure(
        kept=[
            Kept(
                "payments",
                _("Amounts and times of payments and refunds"),
                _(
                    "Accounting and tax rules ask for them, and a refund may still be on its way. They carry no name."
                ),
                payments.count(),
                (now + RECORDS_KEPT).date(),
            )
        ]
    )


def in_use_since(moment: datetime) -> QuerySet[Any, Any]:
    """To whom money may still be owed."""
    unsettled = Q(payments__state__in=(PaymentState.INITIATED, PaymentState.AUTHORIZED))
    owed = Q(payments__refunds__state__in=(RefundState.DUE, RefundState.SENDING, RefundState.MANUAL))
    return Booking.objects.filter(unsettled | owed, customer__isnull=False).values("customer_id")


KEEPER = Keeper(export=export, erase=erase, in_use_since=in_use_since)
