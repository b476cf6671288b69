"""The salon's side of a booking's money: what came online, and what the desk itself takes."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.bookings.api.desk import BookingAtMyDesk, desk_booking
from backend.bookings.models import Booking
from backend.bookings.queries import bookings_at
from backend.core.api.pagination import PageQuery, page
from backend.core.api.schema import IDEMPOTENCY_KEY
from backend.core.api.views import Endpoint, answer_once, person
from backend.core.money import money
from backend.payments import operations, queries
from backend.payments.api import present, serializers
from backend.payments.api.serializers import RECEIPTS_SHOWN
from backend.payments.providers.moyasar import holds_card_data
from backend.payments.refusals import CardDataRefused
from backend.salons.permissions import Ability, salons_where

PRIVATE = {"Cache-Control": "no-store"}
NEWEST = ("-taken_at", "-id")


def refuse_card_data(body: Any) -> None:
    """Raises CardDataRefused for a body that holds a card number or a security code, wherever it hides."""
    if holds_card_data(body):
        raise CardDataRefused


class BookingMoney(Endpoint):
    access = {"GET": BookingAtMyDesk("take_money")}

    @extend_schema(
        operation_id="getSalonBookingMoney",
        summary="What was paid for a booking, and what is left",
        tags=["manage"],
        responses={200: serializers.BookingMoneyShape},
    )
    def get(self, request: Request, booking_id: uuid.UUID) -> Response:
        return Response(money_of(desk_booking(person(request), booking_id)), headers=PRIVATE)


def money_of(booking: Booking) -> dict[str, Any]:
    zone = booking.salon.zone
    receipts = queries.receipts_of(booking).order_by(*NEWEST)[:RECEIPTS_SHOWN]
    payments = booking.payments.order_by("-created_at", "-id")[:RECEIPTS_SHOWN]
    return {
        "price": money(booking.price_minor, booking.currency),
        "deposit": money(booking.deposit_minor, booking.currency),
        "receipts": [present.desk_receipt(row, zone=zone) for row in receipts],
        "payments": [present.desk_payment(row, zone=zone) for row in payments],
        "balance": present.balance(booking, queries.balance_of(booking)),
        "return_at_desk": money(queries.return_at_desk(booking), booking.currency),
    }


class BookingReceipts(Endpoint):
    access = {"GET": BookingAtMyDesk("take_money"), "POST": BookingAtMyDesk("take_money")}
    queries = {"GET": PageQuery}

    @extend_schema(
        operation_id="listSalonReceipts",
        summary="What the desk took for a booking, newest first; voided ones too",
        tags=["manage"],
        parameters=[PageQuery],
        responses={200: serializers.DeskReceiptPage},
    )
    def get(self, request: Request, booking_id: uuid.UUID) -> Response:
        booking = desk_booking(person(request), booking_id)
        found = page(queries.receipts_of(booking), order=NEWEST, query=self.query)
        return Response(found.body(partial(present.desk_receipt, zone=booking.salon.zone)), headers=PRIVATE)

    @extend_schema(
        operation_id="takeMoneyAtSalon",
        summary="Write down cash or a payment at the terminal",
        description="Never more than is due. A tip stands apart: it is part of no balance and of no VAT.",
        tags=["manage"],
        parameters=[IDEMPOTENCY_KEY],
        request=serializers.ReceiptBody,
        responses={201: serializers.DeskReceiptShape},
    )
    def post(self, request: Request, booking_id: uuid.UUID) -> Response:
        refuse_card_data(request.data)
        booking = desk_booking(person(request), booking_id)
        body = self.body(serializers.ReceiptBody, request)

        def take() -> tuple[int, Any]:
            receipt = operations.take_money(
                bookings=_bookings_where(person(request), "take_money"),
                booking_id=booking_id,
                taken_by=person(request),
                now=timezone.now(),
                **body,
            )
            return 201, present.desk_receipt(receipt, zone=booking.salon.zone)

        return answer_once(request, operation="takeMoneyAtSalon", body=request.data, act=take)


class ReceiptVoid(Endpoint):
    access = {"POST": BookingAtMyDesk("void_receipts")}

    @extend_schema(
        operation_id="voidSalonReceipt",
        summary="Take a receipt out of the balance; it stays, with both names",
        tags=["manage"],
        request=serializers.VoidBody,
        responses={200: serializers.DeskReceiptShape},
    )
    def post(self, request: Request, booking_id: uuid.UUID, receipt_id: uuid.UUID) -> Response:
        refuse_card_data(request.data)
        booking = desk_booking(person(request), booking_id)
        body = self.body(serializers.VoidBody, request)
        receipt = operations.void_receipt(
            bookings=_bookings_where(person(request), "void_receipts"),
            booking_id=booking_id,
            receipt_id=receipt_id,
            reason=body["reason"],
            voided_by=person(request),
            now=timezone.now(),
        )
        return Response(present.desk_receipt(receipt, zone=booking.salon.zone), headers=PRIVATE)


def _bookings_where(user: Any, ability: Ability) -> Any:
    return bookings_at(salons_where(user, ability))
