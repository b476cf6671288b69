"""Paying a booking's deposit, what the gateway calls us for, and finance's proofs."""

from __future__ import annotations

import json
import logging
import uuid
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.bookings.api.views import own_booking
from backend.core import idempotency
from backend.core.api.access import SIGNED_IN
from backend.core.api.pagination import PageQuery, page
from backend.core.api.renderers import as_json
from backend.core.api.schema import IDEMPOTENCY_KEY
from backend.core.api.views import Endpoint, Webhook, person
from backend.core.errors import NotFound, ValidationFailed
from backend.payments import operations
from backend.payments import queries as money
from backend.payments.api import present, serializers
from backend.payments.api.afterwards import MessagesAfterwards
from backend.payments.api.desk import refuse_card_data
from backend.payments.gateway import gateway
from backend.payments.models import Payment, PaymentState
from backend.payments.providers import GatewayError, WebhookUnreadable, WebhookUnverified
from backend.payments.refusals import PaymentsUnavailable
from backend.payments.refusals import WebhookUnreadable as UnreadableRefusal
from backend.payments.refusals import WebhookUnverified as UnverifiedRefusal

logger = logging.getLogger("mawid.payments")

PRIVATE = {"Cache-Control": "no-store"}
ASK_AFTER = timedelta(seconds=5)
ASK_AGAIN_AFTER = timedelta(seconds=2)


def own_payment(user: Any, payment_id: uuid.UUID) -> Payment:
    found = money.payments_of(user).filter(pk=payment_id).first()
    if found is None:
        raise NotFound
    return found


class BookingPayments(Endpoint):
    access = {"GET": SIGNED_IN, "POST": SIGNED_IN}
    queries = {"GET": PageQuery}

    @extend_schema(
        operation_id="listBookingPayments",
        summary="What I paid for a booking, online and at the salon, and what is left",
        tags=["payments"],
        parameters=[PageQuery],
        responses={200: serializers.BookingPaymentPage},
    )
    def get(self, request: Request, booking_id: uuid.UUID) -> Response:
        now = timezone.now()
        booking = own_booking(person(request), booking_id)
        found = page(
            money.payments_of(person(request)).filter(booking=booking),
            order=("-created_at", "-id"),
            query=self.query,
        )
        balance = money.balance_of(booking)
        receipts = money.receipts_of(booking).order_by("-taken_at", "-id")[: serializers.RECEIPTS_SHOWN]
        body = found.body(partial(present.payment, now=now, due_minor=balance.due_minor)) | {
            "receipts": [present.receipt(row, zone=booking.salon.zone) for row in receipts],
            "balance": present.balance(booking, balance),
        }
        return Response(body, headers=PRIVATE)

    @extend_schema(
        operation_id="payBooking",
        summary="Begin to pay a booking's deposit, or what is left of its price",
        description=(
            "With source `client` the app pays through Moyasar's SDK using `client_payment`; otherwise we charge "
            "the source and `next_action` says when a page must be opened or a code entered. `hosted` needs nothing "
            "of the app but a browser. Card numbers are refused."
        ),
        tags=["payments"],
        parameters=[IDEMPOTENCY_KEY],
        request=serializers.PaymentBody,
        responses={201: serializers.PaymentShape},
    )
    def post(self, request: Request, booking_id: uuid.UUID) -> Response:
        refuse_card_data(request.data)
        customer = person(request)
        own_booking(customer, booking_id)
        body = self.body(serializers.PaymentBody, request)
        source = dict(body["source"])
        gateway()  # nothing is begun that could not be finished

        def begin() -> tuple[int, Any]:
            if source["type"] == "saved_card" and chargeable(customer, source) is None:
                raise ValidationFailed.at("/source/card_id", "not_found")
            payment = operations.start_payment(
                customer=customer,
                booking_id=booking_id,
                source_type=source["type"],
                purpose=body["purpose"],
                save_card=body["save_card"],
                now=timezone.now(),
            )
            return 201, as_json({"payment_id": str(payment.pk)})

        key = idempotency.read_key(request.headers.get("Idempotency-Key"), required=True)
        assert key is not None
        outcome = idempotency.once(
            user_id=customer.pk,
            operation="payBooking",
            key=key,
            fingerprint=idempotency.fingerprint(request.path, request.data),
            act=begin,
            now=timezone.now(),
        )
        payment_id = uuid.UUID(json.loads(outcome.body)["payment_id"])
        if charged := chargeable(customer, source):
            try:
                # Also on a repeat: the first try may have died before it called. The id keeps it one charge.
                operations.charge(payment_id, charged, now=timezone.now())
            except GatewayError as error:
                logger.warning("charge left for settle", extra={"error": str(error)})
        payment = own_payment(customer, payment_id)
        headers = PRIVATE | ({"Idempotent-Replayed": "true"} if outcome.replayed else {})
        return Response(present.payment(payment, now=timezone.now()), status=201, headers=headers)


def chargeable(customer: Any, source: dict[str, Any]) -> dict[str, Any] | None:
    """The source as the gateway takes it from us; None when the app charges it, or the saved card is gone."""
    if source["type"] == "client":
        return None
    if source["type"] != "saved_card":
        return source
    card = money.cards_of(customer).filter(pk=source["card_id"]).first()
    return {"type": "token", "token": card.token} if card else None


class PaymentItem(Endpoint):
    access = {"GET": SIGNED_IN}

    @extend_schema(
        operation_id="getPayment",
        summary="What became of a payment; asks the gateway when the news is late",
        tags=["payments"],
        responses={200: serializers.PaymentShape},
    )
    def get(self, request: Request, payment_id: uuid.UUID) -> Response:
        now = timezone.now()
        payment = own_payment(person(request), payment_id)
        if should_ask(payment, now):
            ask_gateway(payment, now)
            payment = own_payment(person(request), payment_id)
        return Response(present.payment(payment, now=now), headers=PRIVATE)


class PaymentOtp(Endpoint):
    access = {"POST": SIGNED_IN}

    @extend_schema(
        operation_id="submitOtp",
        summary="Send the code that an STC Pay payment waits for",
        description=(
            "Due while `next_action.type` is `otp`. A wrong code ends the payment, as its `failure` says; another can "
            "be begun. A payment that has ended already is answered as it is."
        ),
        tags=["payments"],
        parameters=[IDEMPOTENCY_KEY],
        request=serializers.OtpBody,
        responses={200: serializers.PaymentShape},
    )
    def post(self, request: Request, payment_id: uuid.UUID) -> Response:
        customer = person(request)
        own_payment(customer, payment_id)
        body = self.body(serializers.OtpBody, request)
        key = idempotency.read_key(request.headers.get("Idempotency-Key"), required=True)
        assert key is not None
        outcome = idempotency.once(
            user_id=customer.pk,
            operation="submitOtp",
            key=key,
            fingerprint=idempotency.fingerprint(request.path, request.data),
            act=lambda: (200, b""),
            now=timezone.now(),
        )
        operations.submit_code(
            customer=customer,
            payment_id=payment_id,
            otp=body["otp"],
            again=outcome.replayed,
            now=timezone.now(),
        )
        headers = PRIVATE | ({"Idempotent-Replayed": "true"} if outcome.replayed else {})
        shown = present.payment(own_payment(customer, payment_id), now=timezone.now())
        return Response(shown, headers=headers)


def should_ask(payment: Payment, now: datetime) -> bool:
    waiting = payment.state == PaymentState.INITIATED and now - payment.created_at >= ASK_AFTER
    return waiting and (payment.checked_at is None or now - payment.checked_at >= ASK_AGAIN_AFTER)


def ask_gateway(payment: Payment, now: datetime) -> None:
    """A dead gateway must not spoil a read: the payment is shown as we know it."""
    try:
        operations.settle(payment.pk, now=now, using=gateway(quick=True))
    except (GatewayError, PaymentsUnavailable) as error:
        logger.warning("gateway could not be asked", extra={"error": str(error)})


def payment_return(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    """Where the bank's page sends the payer back. Its query proves nothing; the gateway is asked.

    Shows only how the payment ended, so that the address is worth nothing to anybody else.
    """
    payment = Payment.objects.filter(pk=payment_id).first()
    if payment is None:
        raise NotFound
    now = timezone.now()
    if payment.state == PaymentState.INITIATED:
        ask_gateway(payment, now)
        payment.refresh_from_db()
    outcome = {
        PaymentState.INITIATED: "pending",
        PaymentState.AUTHORIZED: "held",
        PaymentState.FAILED: "failed",
        PaymentState.VOIDED: "failed",
    }.get(PaymentState(payment.state), "paid")
    response = render(request, "payments/return.html", {"outcome": outcome})
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    response.headers["Cache-Control"] = "no-store"
    return response


class MoyasarWebhook(Webhook):
    @extend_schema(exclude=True)
    def post(self, request: Request) -> Response:
        now = timezone.now()
        using = gateway(quick=True)
        try:
            call = using.parse_webhook(request._request.body)
        except WebhookUnverified:
            raise UnverifiedRefusal
        except WebhookUnreadable:
            raise UnreadableRefusal
        acted = operations.take_in(call, now=now, using=using)
        answer = MessagesAfterwards if acted else Response
        return answer({"received": True}, headers=PRIVATE)
