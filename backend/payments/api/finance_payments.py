"""Finance looks payments up, sees all that happened around one, and gives money back."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.permissions import FINANCE
from backend.core.api import fields
from backend.core.api.bodies import Body
from backend.core.api.pagination import PageQuery, page
from backend.core.api.schema import IDEMPOTENCY_KEY
from backend.core.api.shapes import MoneyShape, NamedShape, Shape
from backend.core.api.views import Endpoint, answer_once, person
from backend.core.errors import NotFound
from backend.core.money import money
from backend.core.time import rfc3339
from backend.payments import operations
from backend.payments.api import ledger, present
from backend.payments.api.desk import refuse_card_data
from backend.payments.api.invoices import TaxDocumentShape
from backend.payments.api.invoices import shown as shown_document
from backend.payments.api.refund_requests import (
    FinanceRefundShape,
    RefundRequestShape,
    refund_shown,
    shown,
)
from backend.payments.api.serializers import (
    MOST_MINOR,
    FinancePaymentPage,
    FinancePaymentShape,
    ResolutionShape,
)
from backend.payments.models import (
    GatewayCall,
    Payment,
    PaymentState,
    Purpose,
    Refund,
    Resolution,
    TaxDocument,
    WebhookEvent,
)
from backend.payments.queries.finance import found_payments, refund_requests
from backend.payments.queries.ledger import entries

PRIVATE = {"Cache-Control": "no-store"}
MOST_TOLD = 50
"""Rows of one kind in a payment's story, the newest."""


# `from` is a word of Python, so it is named in get_fields.
class FinancePaymentQuery(PageQuery):
    q = serializers.CharField(
        required=False,
        max_length=60,
        help_text=(
            "A booking's reference, an id (of the payment here or at the gateway, or of its page), a whole phone "
            "number, or the last four digits of the card; in any digits"
        ),
    )
    state = serializers.ChoiceField(required=False, choices=PaymentState.choices)
    date = fields.Day(required=False, help_text="Riyadh day of creation")
    salon = serializers.CharField(required=False, max_length=60, help_text="Id or slug")
    amount_minor = fields.QueryInteger(required=False, min_value=1, help_text="What was asked for")
    quarantined = fields.QueryBoolean(
        required=False, help_text="Put aside because it was not what was asked for"
    )

    def get_fields(self) -> Any:
        return super().get_fields() | {
            "from": fields.Day(required=False, help_text="First Riyadh day of creation"),
            "to": fields.Day(required=False, help_text="Last one"),
        }


class FinancePayments(Endpoint):
    access = {"GET": FINANCE}
    queries = {"GET": FinancePaymentQuery}

    @extend_schema(
        operation_id="listFinancePayments",
        summary="Payment attempts by whatever is known of them, newest first",
        tags=["finance"],
        parameters=[FinancePaymentQuery],
        responses={200: FinancePaymentPage},
    )
    def get(self, request: Request) -> Response:
        asked = self.query
        first, last = ledger.days_of(asked)
        rows = found_payments(
            q=asked.get("q", ""),
            state=asked.get("state"),
            from_date=asked.get("date", first),
            to_date=asked.get("date", last),
            salon=ledger.salon_of_query(asked.get("salon")),
            amount_minor=asked.get("amount_minor"),
            quarantined=asked.get("quarantined"),
        )
        found = page(rows, order=("-created_at", "-id"), query=asked)
        return Response(found.body(present.finance_payment), headers=PRIVATE)


class AttemptShape(Shape):
    id = serializers.UUIDField()
    purpose = serializers.ChoiceField(choices=Purpose.choices)
    state = serializers.ChoiceField(choices=PaymentState.choices)
    amount = MoneyShape()
    created_at = fields.Moment()


class HeardShape(Shape):
    type = serializers.CharField()
    received_at = fields.Moment()
    times_received = serializers.IntegerField()
    handled_at = fields.Moment(allow_null=True)
    outcome = serializers.CharField()


class CallShape(Shape):
    verb = serializers.CharField()
    at = fields.Moment()
    outcome = serializers.CharField()
    status = serializers.IntegerField(allow_null=True)


class FinancePaymentDetail(FinancePaymentShape):
    purpose = serializers.ChoiceField(choices=Purpose.choices)
    salon = NamedShape()
    means = serializers.CharField(help_text="An open list: client, token, applepay, stcpay, hosted")
    card_last_four = serializers.CharField(allow_null=True)
    gateway_id = serializers.UUIDField(help_text="By which the gateway knows it")
    page_id = serializers.UUIDField(allow_null=True, help_text="The gateway's page it was paid on")
    failure_code = serializers.CharField(allow_null=True)
    gateway_message = serializers.CharField(
        allow_null=True, help_text="For operators, in the gateway's own words"
    )
    settled_at = fields.Moment(allow_null=True, help_text="When its money was first seen to be charged")
    refundable = MoneyShape(help_text="What neither went back nor is on its way")
    refund_limit = MoneyShape(help_text="What one person may give back of a payment alone")
    attempts = AttemptShape(many=True, help_text="Others for the same booking")
    refunds = FinanceRefundShape(many=True)
    refund_requests = RefundRequestShape(many=True)
    resolutions = ResolutionShape(many=True)
    webhooks = HeardShape(many=True)
    calls = CallShape(many=True)
    entries = ledger.EntryShape(many=True)
    documents = TaxDocumentShape(many=True)


class FinancePayment(Endpoint):
    access = {"GET": FINANCE}

    @extend_schema(
        operation_id="getFinancePayment",
        summary="A payment, and all that happened around it",
        description=f"Lists are newest first, at most {MOST_TOLD} of each kind.",
        tags=["finance"],
        responses={200: FinancePaymentDetail},
    )
    def get(self, request: Request, payment_id: uuid.UUID) -> Response:
        payment = found_payments().filter(pk=payment_id).first()
        if payment is None:
            raise NotFound
        return Response(detail(payment), headers=PRIVATE)


def detail(payment: Payment) -> dict[str, Any]:
    zone = payment.booking.salon.zone
    others = Payment.objects.filter(booking=payment.booking_id).exclude(pk=payment.pk)
    documents = TaxDocument.objects.filter(payment=payment).select_related("original")
    resolutions = Resolution.objects.filter(payment=payment).select_related("resolved_by")
    heard = WebhookEvent.objects.filter(payment_id__in={payment.pk, payment.gateway_key})
    calls = GatewayCall.objects.filter(payment_id__in={payment.pk, payment.gateway_key})
    return present.finance_payment(payment) | {
        "purpose": payment.purpose,
        "salon": {"id": str(payment.booking.salon_id), "name": str(payment.booking.salon.name)},
        "means": payment.source_type,
        "card_last_four": payment.card_last_four or None,
        "gateway_id": str(payment.gateway_key),
        "page_id": str(payment.invoice_id) if payment.invoice_id else None,
        "failure_code": payment.failure_code or None,
        "gateway_message": payment.gateway_message or None,
        "settled_at": rfc3339(payment.settled_at) if payment.settled_at else None,
        "refundable": money(operations.refundable_minor(payment), payment.currency),
        "refund_limit": money(settings.FINANCE_REFUND_LIMIT_MINOR),
        "attempts": [_attempt(row) for row in _newest(others, "-created_at", "-id")],
        "refunds": [
            refund_shown(row) for row in _newest(Refund.objects.filter(payment=payment), "-created_at", "-id")
        ],
        "refund_requests": [
            shown(row) for row in _newest(refund_requests().filter(payment=payment), "-requested_at", "-id")
        ],
        "resolutions": [present.resolution(row) for row in _newest(resolutions, "-resolved_at", "-id")],
        "webhooks": [_webhook(row) for row in _newest(heard, "-id")],
        "calls": [_call(row) for row in _newest(calls, "-id")],
        "entries": [
            ledger.entry_shown(row)
            for row in _newest(entries().filter(payment=payment), "-business_date", "-id")
        ],
        "documents": [shown_document(row, zone=zone) for row in _newest(documents, "-issued_at", "-id")],
    }


def _newest(rows: QuerySet[Any], *order: str) -> Iterable[Any]:
    return rows.order_by(*order)[:MOST_TOLD]


def _attempt(row: Payment) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "purpose": row.purpose,
        "state": row.state,
        "amount": money(row.amount_minor, row.currency),
        "created_at": rfc3339(row.created_at),
    }


def _webhook(row: WebhookEvent) -> dict[str, Any]:
    return {
        "type": row.type,
        "received_at": rfc3339(row.received_at),
        "times_received": row.times_received,
        "handled_at": rfc3339(row.handled_at) if row.handled_at else None,
        "outcome": row.outcome,
    }


def _call(row: GatewayCall) -> dict[str, Any]:
    return {"verb": row.verb, "at": rfc3339(row.at), "outcome": row.outcome, "status": row.status}


class FinanceRefundBody(Body):
    amount_minor = fields.Integer(min_value=1, max_value=MOST_MINOR)
    reason = fields.Text(
        max_length=200, help_text="Why, for whoever looks at it later; not shown to the customer"
    )


class FinanceRefunds(Endpoint):
    access = {"POST": FINANCE}

    @extend_schema(
        operation_id="refundPayment",
        summary="Give money of a payment back, or ask a second person to",
        description=(
            "Up to `refund_limit`, counting whatever the same person gave back of this payment alone before, the "
            "money is sent at once (`state` is `made`). Above it the request waits until somebody else of finance "
            "approves or declines it, or its time is over."
        ),
        tags=["finance"],
        parameters=[IDEMPOTENCY_KEY],
        request=FinanceRefundBody,
        responses={201: RefundRequestShape},
    )
    def post(self, request: Request, payment_id: uuid.UUID) -> Response:
        refuse_card_data(request.data)
        body = self.body(FinanceRefundBody, request)

        def ask() -> tuple[int, Any]:
            made = operations.request_refund(
                payment_id=payment_id,
                amount_minor=body["amount_minor"],
                reason=body["reason"],
                requested_by=person(request),
                now=timezone.now(),
            )
            return 201, shown(made)

        return answer_once(request, operation="refundPayment", body=request.data, act=ask)
