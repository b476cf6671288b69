"""Refunds that wait for a second person of finance, and what became of them."""

from __future__ import annotations

import uuid
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.permissions import FINANCE
from backend.core.api import fields
from backend.core.api.bodies import Body
from backend.core.api.pagination import PageQuery, page
from backend.core.api.shapes import MoneyShape, Shape
from backend.core.api.views import Endpoint, person
from backend.core.money import money
from backend.core.time import rfc3339
from backend.payments import operations
from backend.payments.api.desk import refuse_card_data
from backend.payments.api.serializers import PersonShape
from backend.payments.models import Refund, RefundRequest, RefundState, RequestState
from backend.payments.queries.finance import refund_requests

PRIVATE = {"Cache-Control": "no-store"}
NEWEST = ("-requested_at", "-id")


class FinanceRefundShape(Shape):
    id = serializers.UUIDField()
    amount = MoneyShape()
    state = serializers.ChoiceField(choices=RefundState.choices)
    reason = serializers.CharField(
        help_text="An open list: booking_closed, no_booking_to_pay, more_than_due, goodwill"
    )
    created_at = fields.Moment()
    done_at = fields.Moment(allow_null=True)


class RefundRequestShape(Shape):
    id = serializers.UUIDField()
    payment_id = serializers.UUIDField()
    booking_reference = serializers.CharField()
    salon_slug = serializers.CharField()
    amount = MoneyShape()
    reason = serializers.CharField()
    state = serializers.ChoiceField(choices=RequestState.choices)
    needs_second = serializers.BooleanField(help_text="Above what one person may give back alone")
    requested_by = PersonShape()
    requested_at = fields.Moment()
    expires_at = fields.Moment(help_text="When it stops waiting")
    decided_by = PersonShape(allow_null=True)
    decided_at = fields.Moment(allow_null=True, help_text="Also when it was withdrawn")
    decline_reason = serializers.CharField(allow_null=True)
    refund = FinanceRefundShape(allow_null=True)


class RefundRequestPage(Shape):
    items = RefundRequestShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class RefundRequestQuery(PageQuery):
    state = serializers.ChoiceField(required=False, choices=RequestState.choices)


class DeclineBody(Body):
    reason = fields.Text(max_length=200)


def refund_shown(row: Refund) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "amount": money(row.amount_minor),
        "state": row.state,
        "reason": row.reason,
        "created_at": rfc3339(row.created_at),
        "done_at": rfc3339(row.done_at) if row.done_at else None,
    }


def shown(row: RefundRequest) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "payment_id": str(row.payment_id),
        "booking_reference": row.payment.booking.reference,
        "salon_slug": row.payment.booking.salon.slug,
        "amount": money(row.amount_minor, row.payment.currency),
        "reason": row.reason,
        "state": row.state,
        "needs_second": row.needs_second,
        "requested_by": person_shown(row.requested_by),
        "requested_at": rfc3339(row.requested_at),
        "expires_at": rfc3339(row.expires_at),
        "decided_by": person_shown(row.decided_by) if row.decided_by else None,
        "decided_at": rfc3339(row.decided_at) if row.decided_at else None,
        "decline_reason": row.decline_reason or None,
        "refund": refund_shown(row.refund) if row.refund else None,
    }


def person_shown(user: Any) -> dict[str, Any]:
    return {"id": str(user.pk), "name": user.name or None}


class RefundRequests(Endpoint):
    access = {"GET": FINANCE}
    queries = {"GET": RefundRequestQuery}

    @extend_schema(
        operation_id="listRefundRequests",
        summary="Refunds made by finance, and those that wait for a second person; newest first",
        tags=["finance"],
        parameters=[RefundRequestQuery],
        responses={200: RefundRequestPage},
    )
    def get(self, request: Request) -> Response:
        found = page(refund_requests(state=self.query.get("state")), order=NEWEST, query=self.query)
        return Response(found.body(shown), headers=PRIVATE)


class RefundRequestApproval(Endpoint):
    access = {"POST": FINANCE}

    @extend_schema(
        operation_id="approveRefund",
        summary="Agree to a refund that somebody else asked for; the money is sent",
        description="The amount is held against the payment once more. A repeat answers what was done.",
        tags=["finance"],
        request=None,
        responses={200: RefundRequestShape},
    )
    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        operations.approve_refund(request_id=request_id, decided_by=person(request), now=timezone.now())
        return _now(request_id)


class RefundRequestRefusal(Endpoint):
    access = {"POST": FINANCE}

    @extend_schema(
        operation_id="declineRefund",
        summary="Say no to a refund that somebody else asked for",
        tags=["finance"],
        request=DeclineBody,
        responses={200: RefundRequestShape},
    )
    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        refuse_card_data(request.data)
        body = self.body(DeclineBody, request)
        operations.decline_refund(
            request_id=request_id, decided_by=person(request), now=timezone.now(), **body
        )
        return _now(request_id)


class RefundRequestWithdrawal(Endpoint):
    access = {"POST": FINANCE}

    @extend_schema(
        operation_id="withdrawRefund",
        summary="Take back a refund that one asked for oneself, while it waits",
        description="Only whoever asked may. Nothing is sent, and another refund of the payment may be asked for.",
        tags=["finance"],
        request=None,
        responses={200: RefundRequestShape},
    )
    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        operations.withdraw_refund(request_id=request_id, withdrawn_by=person(request), now=timezone.now())
        return _now(request_id)


def _now(request_id: uuid.UUID) -> Response:
    """As it is after the commit, with what the gateway has said to the refund."""
    return Response(shown(refund_requests().get(pk=request_id)), headers=PRIVATE)
