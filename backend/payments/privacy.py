"""What payments keep about a person: what they paid and got back. Amounts stay without a name; saved cards go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from backend.bookings.models import Booking
from backend.bookings.privacy import RECORDS_KEPT
from backend.core.privacy import (
    ERASED_NAME,
    Erased,
    Erasure,
    Keeper,
    Kept,
    Leftover,
    Person,
    Record,
    pick,
    without_phones,
)
from backend.core.time import rfc3339
from backend.payments.models import (
    DeskReceipt,
    Payment,
    PaymentState,
    Refund,
    RefundRequest,
    RefundState,
    TaxDocument,
)
from backend.payments.operations import forget_cards_of
from backend.payments.queries import cards_of


def export(person: Person, since: datetime) -> Mapping[str, Iterable[Record]]:
    return {
        "payments": (
            {
                "id": str(payment.pk),
                "booking": payment.booking.reference,
                "purpose": payment.purpose,
                "state": payment.state,
                "amount_minor": payment.amount_minor,
                "captured_minor": payment.captured_minor,
                "refunded_minor": payment.refunded_minor,
                "currency": payment.currency,
                "means": payment.source_type,
                "card_last_four": payment.card_last_four,
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
        "receipts": (
            {
                "booking": receipt.booking.reference,
                "method": receipt.method,
                "amount_minor": receipt.amount_minor,
                "tip_minor": receipt.tip_minor,
                "currency": receipt.currency,
                "note": without_phones(receipt.note),
                "at": rfc3339(receipt.taken_at),
                "voided_at": rfc3339(receipt.voided_at) if receipt.voided_at else None,
            }
            for receipt in DeskReceipt.objects.filter(booking__customer=person, taken_at__gte=since)
            .select_related("booking")
            .order_by("-taken_at", "-id")
        ),
        "invoices": (
            {
                "booking": document.booking.reference,
                "kind": document.kind,
                "number": document.label,
                "seller": document.snapshot["seller"]["name"]["ar"],
                "seller_vat_number": document.snapshot["seller"]["vat_number"],
                "vat_minor": document.vat_minor,
                "total_minor": document.total_minor,
                "currency": document.currency,
                "at": rfc3339(document.issued_at),
            }
            for document in TaxDocument.objects.filter(booking__customer=person, issued_at__gte=since)
            .select_related("booking")
            .order_by("-issued_at", "-id")
        ),
        "cards": (
            {
                "brand": card.brand,
                "last_four": card.last_four,
                "month": card.month,
                "year": card.year,
                "at": rfc3339(card.created_at),
            }
            for card in cards_of(person).filter(created_at__gte=since).order_by("-created_at", "-id")
        ),
    }


def erase(person: Person, now: datetime) -> Erasure:
    """Payments never knew a name; card numbers and holders are the gateway's, and the end of a card goes. A bank's page
    is of no use any more.

    Saved cards are forgotten, by the gateway too. Of what the desk took and finance gave back, the words go and the
    amounts stay.
    """
    payments = Payment.objects.filter(booking__customer=person)
    payments.exclude(next_action_url="").update(next_action_url="")
    payments.filter(save_card=True).update(save_card=False)
    payments.exclude(card_last_four="").update(card_last_four="")
    receipts = DeskReceipt.objects.filter(
        Q(booking__customer=person)
        | Q(booking__customer__isnull=True, booking__guest_phone=person.phone, booking__guest_phone__gt="")
    )
    _forget_words(receipts)
    requests = RefundRequest.objects.filter(payment__booking__customer=person)
    requests.update(reason=ERASED_NAME)
    requests.exclude(decline_reason="").update(decline_reason=ERASED_NAME)
    cards = forget_cards_of(person, now=now)
    return Erasure(
        erased=[Erased("cards", _("Saved cards"), cards)],
        kept=[
            Kept(
                "payments",
                _("Amounts and times of payments and refunds"),
                _(
                    "Accounting and tax rules ask for them, and a refund may still be on its way. They carry no name."
                ),
                payments.count(),
                (now + RECORDS_KEPT).date(),
            ),
            Kept(
                "receipts",
                _("Amounts and times of what was paid at the salon"),
                _("Accounting and tax rules ask for them. They carry no name."),
                receipts.count(),
                (now + RECORDS_KEPT).date(),
            ),
            Kept(
                "invoices",
                _("Tax invoices and credit notes"),
                _("Tax rules ask for them, and none may be changed. They carry no name."),
                TaxDocument.objects.filter(booking__customer=person).count(),
                (now + RECORDS_KEPT).date(),
            ),
        ],
    )


def _forget_words(receipts: QuerySet[DeskReceipt]) -> None:
    receipts.exclude(note="").update(note="")
    receipts.exclude(void_reason="").update(void_reason=ERASED_NAME)


def _purge_words(before: datetime, limit: int, now: datetime) -> int:
    """What desks wrote beside money long ago, about guests most of all."""
    worded = ~Q(note="") | ~Q(void_reason__in=("", ERASED_NAME))
    old = pick(DeskReceipt.objects.filter(worded, taken_at__lt=before), limit)
    _forget_words(DeskReceipt.objects.filter(pk__in=old))
    return len(old)


def in_use_since(moment: datetime) -> QuerySet[Any, Any]:
    """To whom money may still be owed."""
    unsettled = Q(payments__state__in=(PaymentState.INITIATED, PaymentState.AUTHORIZED))
    owed = Q(payments__refunds__state__in=(RefundState.DUE, RefundState.SENDING, RefundState.MANUAL))
    return Booking.objects.filter(unsettled | owed, customer__isnull=False).values("customer_id")


KEEPER = Keeper(
    export=export,
    erase=erase,
    in_use_since=in_use_since,
    leftovers=(Leftover("receipt_notes", None, _purge_words),),
)
