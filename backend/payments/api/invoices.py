"""Simplified tax invoices and credit notes: for whom they were issued, and for the desk that issued them."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.utils.translation import get_language
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from backend.bookings.api.desk import BookingAtMyDesk, desk_booking
from backend.bookings.models import Booking
from backend.bookings.queries import bookings_of
from backend.core.api import fields
from backend.core.api.access import SIGNED_IN
from backend.core.api.pagination import PageQuery, page
from backend.core.api.renderers import FastJSONRenderer
from backend.core.api.shapes import MoneyShape, Shape
from backend.core.api.views import Endpoint, person
from backend.core.errors import NotFound
from backend.core.money import money
from backend.core.time import rfc3339
from backend.payments.models import CreditReason, DocumentKind, ReceiptMethod, TaxDocument
from backend.payments.operations.invoicing import ONLINE
from backend.payments.qr import qr_text
from backend.payments.queries.invoices import documents_of

PRIVATE = {"Cache-Control": "no-store"}
NEWEST = ("-issued_at", "-id")
PDF = "application/pdf"
WHEN = (
    "A seller registered for VAT issues an invoice for every amount it receives, in advance or not, and a credit note "
    "for every amount that goes back. None is ever changed."
)
LANGUAGES = "In Arabic; whoever reads English gets both languages on one page."


class PDFRenderer(BaseRenderer):
    """Lets a client ask for a PDF. The view writes it; refusals are problems in JSON as everywhere."""

    media_type, format = PDF, "pdf"

    def render(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        return data


class TaxDocumentShape(Shape):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=DocumentKind.choices)
    number = serializers.CharField(help_text="Without gaps per seller and kind: `INV-000001`, `CRN-000001`")
    issued_at = fields.Moment()
    net = MoneyShape()
    vat = MoneyShape()
    total = MoneyShape()
    means = serializers.ChoiceField(
        choices=[ONLINE, *ReceiptMethod.values], help_text="How the money came, or went back"
    )
    original_number = serializers.CharField(
        allow_null=True, help_text="The invoice that a credit note corrects"
    )
    reason = serializers.ChoiceField(
        choices=CreditReason.choices, allow_null=True, help_text="Why a credit note was issued"
    )
    qr = serializers.CharField(help_text="What the QR code says, in base64")


class TaxDocumentPage(Shape):
    items = TaxDocumentShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


def shown(row: TaxDocument, *, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "kind": row.kind,
        "number": row.label,
        "issued_at": rfc3339(row.issued_at, zone),
        "net": money(row.net_minor, row.currency),
        "vat": money(row.vat_minor, row.currency),
        "total": money(row.total_minor, row.currency),
        "means": row.snapshot["means"],
        "original_number": row.original.label if row.original else None,
        "reason": row.reason or None,
        "qr": qr_text(row.snapshot),
    }


class BookingInvoices(Endpoint):
    access = {"GET": SIGNED_IN}
    queries = {"GET": PageQuery}

    @extend_schema(
        operation_id="listBookingInvoices",
        summary="A booking's tax invoices and credit notes, newest first",
        description=WHEN,
        tags=["payments"],
        parameters=[PageQuery],
        responses={200: TaxDocumentPage},
    )
    def get(self, request: Request, booking_id: uuid.UUID) -> Response:
        return _listed(_own_booking(person(request), booking_id), self.query)


class BookingInvoicePdf(Endpoint):
    access = {"GET": SIGNED_IN}
    renderer_classes = [FastJSONRenderer, PDFRenderer]

    @extend_schema(
        operation_id="getBookingInvoicePdf",
        summary="A tax invoice or credit note as a PDF",
        description=LANGUAGES,
        tags=["payments"],
        responses={(200, PDF): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, booking_id: uuid.UUID, document_id: uuid.UUID) -> HttpResponse:
        return _paper(_own_booking(person(request), booking_id), document_id)


class SalonBookingInvoices(Endpoint):
    access = {"GET": BookingAtMyDesk("take_money")}
    queries = {"GET": PageQuery}

    @extend_schema(
        operation_id="listSalonBookingInvoices",
        summary="What was issued for a booking at the desk, newest first",
        description=WHEN,
        tags=["manage"],
        parameters=[PageQuery],
        responses={200: TaxDocumentPage},
    )
    def get(self, request: Request, booking_id: uuid.UUID) -> Response:
        return _listed(desk_booking(person(request), booking_id), self.query)


class SalonBookingInvoicePdf(Endpoint):
    access = {"GET": BookingAtMyDesk("take_money")}
    renderer_classes = [FastJSONRenderer, PDFRenderer]

    @extend_schema(
        operation_id="getSalonBookingInvoicePdf",
        summary="A tax invoice or credit note as a PDF, for the guest at the desk",
        description=LANGUAGES,
        tags=["manage"],
        responses={(200, PDF): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, booking_id: uuid.UUID, document_id: uuid.UUID) -> HttpResponse:
        return _paper(desk_booking(person(request), booking_id), document_id)


def _own_booking(customer: Any, booking_id: uuid.UUID) -> Booking:
    booking = bookings_of(customer).filter(pk=booking_id).first()
    if booking is None:
        raise NotFound
    return booking


def _listed(booking: Booking, query: dict[str, Any]) -> Response:
    found = page(documents_of(booking), order=NEWEST, query=query)
    return Response(found.body(partial(shown, zone=booking.salon.zone)), headers=PRIVATE)


def _paper(booking: Booking, document_id: uuid.UUID) -> HttpResponse:
    from backend.payments.paper import as_response  # 20 MB that most processes never need

    document = documents_of(booking).filter(pk=document_id).first()
    if document is None:
        raise NotFound
    return as_response(document, get_language() or "ar")
