"""Questions about tax documents."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from backend.bookings.models import Booking
from backend.payments.models import DocumentKind, DocumentSeries, TaxDocument
from backend.payments.models.invoices import FIRST_HASH, digest

CHUNK = 500


def documents_of(booking: Booking) -> QuerySet[TaxDocument]:
    """What was issued for a booking's money."""
    return TaxDocument.objects.filter(booking=booking).select_related("original")


def document_faults() -> Iterator[str]:
    """What is wrong with the documents of every seller, in words for operators; nothing when all is well.

    A row that was changed, taken out or put in behind the database's back breaks its hash, its number or the chain.
    Reads in chunks, so that memory does not grow with the documents.
    """
    for series in DocumentSeries.objects.order_by("pk").iterator(chunk_size=CHUNK):
        yield from _faults_of(series)
    of_a_series = DocumentSeries.objects.filter(pk=OuterRef("business"), counter__gte=OuterRef("counter"))
    for row in TaxDocument.objects.filter(~Exists(of_a_series)).order_by("pk").iterator(chunk_size=CHUNK):
        yield f"{row.business_id} {row.label}: belongs to no series"


def _faults_of(series: DocumentSeries) -> Iterator[str]:
    counter, last = 0, FIRST_HASH
    numbers: dict[str, int] = dict.fromkeys(DocumentKind.values, 0)
    # Not those issued since the series was read.
    rows = TaxDocument.objects.filter(business=series.pk, counter__lte=series.counter).order_by("counter")
    for row in rows.iterator(chunk_size=CHUNK):
        about = f"{series.pk} {row.label}"
        counter, numbers[row.kind] = counter + 1, numbers[row.kind] + 1
        if (row.counter, row.number) != (counter, numbers[row.kind]):
            yield f"{about}: not the next of its series"
            counter, numbers[row.kind] = row.counter, row.number
        if row.previous_hash != last:
            yield f"{about}: does not follow the one before it"
        if digest(row.snapshot) != row.hash:
            yield f"{about}: is not what was issued"
        if wrong := [name for name, value in _columns(row).items() if row.snapshot.get(name) != value]:
            yield f"{about}: columns differ from the document: {', '.join(wrong)}"
        last = row.hash
    ends = (counter, numbers[DocumentKind.INVOICE], numbers[DocumentKind.CREDIT_NOTE], last)
    if ends != (series.counter, series.invoices, series.credit_notes, series.last_hash):
        yield f"{series.pk}: the series ends elsewhere than its documents"


def _columns(row: TaxDocument) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "kind": row.kind,
        "number": row.label,
        "counter": row.counter,
        "previous_hash": row.previous_hash,
        "issued_at": row.issued_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "reason": row.reason,
        "currency": row.currency,
        "net_minor": row.net_minor,
        "vat_minor": row.vat_minor,
        "total_minor": row.total_minor,
    }
