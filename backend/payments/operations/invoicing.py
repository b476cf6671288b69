"""Tax documents: issued in the transaction of what they document, by whoever holds its payment or booking locked.

Money received for a visit is an advance or its price, and either calls for an invoice of that amount (VAT
regulations Art. 53(1)(b)); money that goes back calls for a credit note (Art. 54). Money that found nothing to pay for
was never received for a supply, and neither it nor its return is documented. ADR 0020.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from backend.bookings.models import Booking, BookingItem
from backend.core.ids import uuid7
from backend.core.money import VAT_PERCENT, shares, split_vat
from backend.payments.models import (
    CreditReason,
    DeskReceipt,
    DocumentKind,
    DocumentSeries,
    Payment,
    PaymentState,
    RefundState,
    TaxDocument,
)
from backend.payments.models.invoices import digest, label_of
from backend.payments.operations.recording import lock_payment
from backend.payments.queries import ENDED_STATES
from backend.salons.models import Salon

ONLINE = "online"
"""`means` of money that came through the gateway; at the desk it is the receipt's method."""
LOOK_BACK = timedelta(days=7)
BATCH = 200

Line = dict[str, Any]


def invoice_payment(payment: Payment, *, now: datetime) -> TaxDocument | None:
    """The invoice for money that was charged, once: for what does not go back by what is decided already."""
    if payment.quarantined_because or _invoices(payment=payment).exists():
        return None
    decided = payment.refunds.aggregate(all=Sum("amount_minor"))["all"] or 0
    return _invoice(
        payment.booking,
        amount_minor=payment.captured_minor - max(decided, payment.refunded_minor),
        means=ONLINE,
        key=f"payment {payment.pk}",
        now=now,
        payment=payment,
    )


def credit_payment(payment: Payment, *, now: datetime) -> TaxDocument | None:
    """The credit note for what has gone back of an invoiced payment since its last one, by whatever way."""
    invoice = _invoices(payment=payment).first()
    if invoice is None:
        return None
    credited = _credited_minor(invoice)
    amount = invoice.total_minor - credited - _kept_minor(payment)
    return _credit(
        invoice,
        amount_minor=amount,
        reason=_reason(payment.booking, CreditReason.PRICE_CHANGED),
        key=f"payment {payment.pk} returned {credited + amount}",
        now=now,
    )


def invoice_receipt(receipt: DeskReceipt, *, now: datetime) -> TaxDocument | None:
    """The invoice for what the desk took, once. A tip is no price of anything."""
    if _invoices(receipt=receipt).exists():
        return None
    return _invoice(
        receipt.booking,
        amount_minor=receipt.amount_minor,
        means=receipt.method,
        key=f"receipt {receipt.pk}",
        now=now,
        receipt=receipt,
    )


def credit_receipt(receipt: DeskReceipt, *, now: datetime) -> TaxDocument | None:
    """The credit note for a receipt that is void."""
    invoice = _invoices(receipt=receipt).first()
    if invoice is None or receipt.voided_at is None:
        return None
    return _credit(
        invoice,
        amount_minor=invoice.total_minor - _credited_minor(invoice),
        reason=_reason(receipt.booking, CreditReason.MISTAKE),
        key=f"receipt {receipt.pk} voided",
        now=now,
    )


def catch_up_documents(now: datetime, limit: int = BATCH) -> int:
    """Issue what the last week's movements should have brought and did not, oldest first. Returns how many.

    Operations issue by themselves; this is for rows that came into the database otherwise. What moved before a
    seller's series began stays out of it.
    """
    issued = 0
    for payment_id in list(_unsaid_payments(now)[:limit]):
        with transaction.atomic():
            payment = lock_payment(payment_id)
            made = invoice_payment(payment, now=now), credit_payment(payment, now=now)
        issued += sum(document is not None for document in made)
    for receipt_id in list(_unsaid_receipts(now)[: max(limit - issued, 0)]):
        with transaction.atomic():
            receipt = (
                DeskReceipt.objects.select_for_update(no_key=True, of=("self",))
                .select_related("booking")
                .get(pk=receipt_id)
            )
            made = invoice_receipt(receipt, now=now), credit_receipt(receipt, now=now)
        issued += sum(document is not None for document in made)
    return issued


def _unsaid_payments(now: datetime) -> QuerySet[Payment, Any]:
    invoices = TaxDocument.objects.filter(payment=OuterRef("pk"), kind=DocumentKind.INVOICE)
    returning = Coalesce(Sum("refunds__amount_minor"), 0)
    return (
        Payment.objects.filter(
            created_at__gte=now - LOOK_BACK,
            settled_at__gte=F("booking__salon__business__document_series__began_at"),
            quarantined_because="",
        )
        .exclude(booking__salon__business__vat_number="")
        .filter(~Exists(invoices))
        .annotate(returning=returning)
        .filter(captured_minor__gt=F("returning"))
        .order_by("created_at", "pk")
        .values_list("pk", flat=True)
    )


def _unsaid_receipts(now: datetime) -> QuerySet[DeskReceipt, Any]:
    of_it = TaxDocument.objects.filter(receipt=OuterRef("pk"))
    return (
        DeskReceipt.objects.filter(
            taken_at__gte=now - LOOK_BACK,
            taken_at__gt=F("booking__salon__business__document_series__began_at"),
            amount_minor__gt=0,
            voided_at=None,
        )
        .exclude(booking__salon__business__vat_number="")
        .filter(~Exists(of_it))
        .order_by("taken_at", "pk")
        .values_list("pk", flat=True)
    )


def _invoices(**of: Any) -> QuerySet[TaxDocument]:
    return TaxDocument.objects.filter(kind=DocumentKind.INVOICE, **of)


def _credited_minor(invoice: TaxDocument) -> int:
    return int(invoice.credit_notes.aggregate(all=Sum("total_minor"))["all"] or 0)


def _kept_minor(payment: Payment) -> int:
    """What the salon still has of a payment. Refunds made outside count, and those the gateway made without us."""
    if payment.state == PaymentState.VOIDED:
        return 0
    done = payment.refunds.aggregate(all=Sum("amount_minor", filter=Q(state=RefundState.DONE)))["all"] or 0
    return int(payment.captured_minor - max(payment.refunded_minor, done))


def _reason(booking: Booking, otherwise: CreditReason) -> CreditReason:
    return CreditReason.SUPPLY_CANCELLED if booking.state in ENDED_STATES else otherwise


def _invoice(
    booking: Booking,
    *,
    amount_minor: int,
    means: str,
    key: str,
    now: datetime,
    payment: Payment | None = None,
    receipt: DeskReceipt | None = None,
) -> TaxDocument | None:
    salon = (
        Salon.objects.select_related("business", "city", "district")
        .filter(pk=booking.salon_id)
        .exclude(business__vat_number="")
        .first()
    )
    if salon is None or amount_minor <= 0:
        return None  # who is not registered for VAT must not issue a tax document
    items = BookingItem.objects.filter(booking=booking.pk).order_by("position", "pk")
    _, vat = split_vat(amount_minor)
    names = [{"ar": item.service_name_ar, "en": item.service_name_en} for item in items]
    return _issue(
        DocumentKind.INVOICE,
        business_id=salon.business_id,
        booking=booking,
        vat_minor=vat,
        lines=_lines(names, shares(amount_minor, [item.price_minor for item in items]), vat),
        about={
            "seller": _seller(salon),
            "salon": {"name": _name(salon), "timezone": salon.timezone},
            "booking": {
                "id": str(booking.pk),
                "reference": booking.reference,
                "date": booking.business_date.isoformat(),
                "price_minor": booking.price_minor,
            },
            "means": means,
            "original": None,
        },
        key=key,
        now=now,
        payment=payment,
        receipt=receipt,
    )


def _credit(
    invoice: TaxDocument, *, amount_minor: int, reason: CreditReason, key: str, now: datetime
) -> TaxDocument | None:
    """Seller, visit and lines are those of the invoice. The VAT runs on, so that a full return returns all of it."""
    if amount_minor <= 0:
        return None
    before = _credited_minor(invoice)
    vat = split_vat(before + amount_minor)[1] - split_vat(before)[1]
    told = invoice.snapshot
    names = [line["name"] for line in told["lines"]]
    parts = shares(amount_minor, [line["total_minor"] for line in told["lines"]])
    return _issue(
        DocumentKind.CREDIT_NOTE,
        business_id=invoice.business_id,
        booking=invoice.booking,
        vat_minor=vat,
        lines=_lines(names, parts, vat),
        about={part: told[part] for part in ("seller", "salon", "booking", "means")}
        | {"original": {"id": told["id"], "number": told["number"], "issued_at": told["issued_at"]}},
        key=key,
        now=now,
        payment=invoice.payment,
        receipt=invoice.receipt,
        original=invoice,
        reason=reason,
    )


def _lines(names: Sequence[Mapping[str, str]], totals: Sequence[int], vat_minor: int) -> list[Line]:
    """One line per service. VAT is rounded once, for the document; its lines take their parts of that."""
    return [
        {
            "name": dict(name),
            "quantity": 1,
            "net_minor": total - vat,
            "vat_minor": vat,
            "total_minor": total,
        }
        for name, total, vat in zip(names, totals, shares(vat_minor, totals), strict=True)
        if total
    ]


def _issue(
    kind: DocumentKind,
    *,
    business_id: Any,
    booking: Booking,
    vat_minor: int,
    lines: list[Line],
    about: Mapping[str, Any],
    key: str,
    now: datetime,
    payment: Payment | None,
    receipt: DeskReceipt | None,
    original: TaxDocument | None = None,
    reason: str = "",
) -> TaxDocument:
    total = sum(line["total_minor"] for line in lines)
    issued_at = now.astimezone(UTC).replace(microsecond=0)
    series = _lock_series(business_id, now=issued_at)
    series.counter += 1
    if kind == DocumentKind.INVOICE:
        series.invoices += 1
    else:
        series.credit_notes += 1
    number = series.invoices if kind == DocumentKind.INVOICE else series.credit_notes
    document_id = uuid7()
    snapshot = {
        **about,
        "id": str(document_id),
        "kind": kind.value,
        "number": label_of(kind, number),
        "counter": series.counter,
        "previous_hash": series.last_hash,
        "issued_at": issued_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "reason": str(reason),
        "currency": booking.currency,
        "vat_percent": VAT_PERCENT,
        "lines": lines,
        "net_minor": total - vat_minor,
        "vat_minor": vat_minor,
        "total_minor": total,
    }
    document = TaxDocument.objects.create(
        id=document_id,
        business_id=business_id,
        booking=booking,
        kind=kind,
        number=number,
        counter=series.counter,
        key=key,
        payment=payment,
        receipt=receipt,
        original=original,
        reason=reason,
        issued_at=issued_at,
        currency=booking.currency,
        net_minor=total - vat_minor,
        vat_minor=vat_minor,
        total_minor=total,
        previous_hash=series.last_hash,
        hash=digest(snapshot),
        snapshot=snapshot,
    )
    series.last_hash = document.hash
    series.save(update_fields=["counter", "invoices", "credit_notes", "last_hash"])
    return document


def _lock_series(business_id: Any, *, now: datetime) -> DocumentSeries:
    """The seller's series, held until the commit: whoever comes next waits, so a number is never lost or given twice.

    It is the last row anybody locks: after payments, salons, calendars and bookings.
    """
    wanted = DocumentSeries.objects.filter(business=business_id)
    series = wanted.select_for_update(no_key=True).first()
    if series is None:
        DocumentSeries.objects.bulk_create(
            [DocumentSeries(business_id=business_id, began_at=now)], ignore_conflicts=True
        )
        series = wanted.select_for_update(no_key=True).get()
    return series


def _seller(salon: Salon) -> dict[str, Any]:
    """The seller as registered; where the business has left something out, as the salon calls itself."""
    business = salon.business
    return {
        "name": _first(_name(business), _name(salon)),
        "address": _first(_texts(business, "address"), _address(salon)),
        "vat_number": business.vat_number,
        "commercial_registration": business.commercial_registration,
    }


def _name(row: Any) -> dict[str, str]:
    return _texts(row, "name")


def _texts(row: Any, field: str) -> dict[str, str]:
    return {language: getattr(row, f"{field}_{language}") or "" for language in ("ar", "en")}


def _first(*choices: Mapping[str, str]) -> dict[str, str]:
    """In each language the first that says something; what is written in one language only serves for both."""
    found = {
        language: next((texts[language] for texts in choices if texts[language]), "")
        for language in ("ar", "en")
    }
    return {"ar": found["ar"] or found["en"], "en": found["en"] or found["ar"]}


def _address(salon: Salon) -> dict[str, str]:
    """`2929، شارع التحلية، حي العليا، الرياض 12211`, as far as it is known."""
    written = {}
    for language, comma in (("ar", "، "), ("en", ", ")):
        street, city = _texts(salon, "address"), _name(salon.city)
        district = _name(salon.district) if salon.district else {}
        parts = (
            salon.building_number,
            street[language],
            district.get(language, ""),
            f"{city[language]} {salon.postal_code}".strip(),
        )
        written[language] = comma.join(part for part in parts if part)
    return written
