"""What was sent to salons by bank: written down, and taken back when the bank sent it back."""

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
from backend.core.api.schema import IDEMPOTENCY_KEY
from backend.core.api.shapes import MoneyShape, NamedShape, Shape
from backend.core.api.views import Endpoint, answer_once, person
from backend.core.errors import ValidationFailed
from backend.core.money import money
from backend.core.time import rfc3339
from backend.payments import operations
from backend.payments.api.ledger import named, salon_of_query
from backend.payments.api.refund_requests import person_shown
from backend.payments.api.serializers import PersonShape, VoidBody
from backend.payments.models import Payout
from backend.payments.queries.ledger import payouts
from backend.salons.models import Salon

PRIVATE = {"Cache-Control": "no-store"}
NEWEST = ("-recorded_at", "-id")
MOST_MINOR = 1_000_000_000_00
"""A payout's; what is owed is the real bound."""


class PayoutShape(Shape):
    id = serializers.UUIDField()
    salon = NamedShape()
    business = NamedShape()
    amount = MoneyShape()
    bank_reference = serializers.CharField()
    recorded_by = PersonShape()
    recorded_at = fields.Moment()
    voided_by = PersonShape(allow_null=True)
    voided_at = fields.Moment(allow_null=True)
    void_reason = serializers.CharField(allow_null=True)

    def get_fields(self) -> Any:
        return {"from": fields.Day(read_only=True), "to": fields.Day(read_only=True)} | super().get_fields()


class PayoutPage(Shape):
    items = PayoutShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class PayoutQuery(PageQuery):
    salon = serializers.CharField(required=False, max_length=60, help_text="Id or slug")


# `from` is a word of Python, so it is named in get_fields.
class PayoutBody(Body):
    salon_id = fields.Identifier()
    amount_minor = fields.Integer(min_value=1, max_value=MOST_MINOR, help_text="No more than is owed")
    bank_reference = fields.Text(max_length=80, help_text="The bank's own, once per salon")

    def get_fields(self) -> Any:
        return super().get_fields() | {
            "from": fields.Day(help_text="First day that it pays for"),
            "to": fields.Day(help_text="Last one"),
        }


def shown(row: Payout) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "salon": named(row.salon),
        "business": named(row.business),
        "from": row.from_date.isoformat(),
        "to": row.to_date.isoformat(),
        "amount": money(row.amount_minor),
        "bank_reference": row.bank_reference,
        "recorded_by": person_shown(row.recorded_by),
        "recorded_at": rfc3339(row.recorded_at),
        "voided_by": person_shown(row.voided_by) if row.voided_by else None,
        "voided_at": rfc3339(row.voided_at) if row.voided_at else None,
        "void_reason": row.void_reason or None,
    }


class Payouts(Endpoint):
    access = {"GET": FINANCE, "POST": FINANCE}
    queries = {"GET": PayoutQuery}

    @extend_schema(
        operation_id="listPayouts",
        summary="What was sent to salons, newest first; voided ones too",
        tags=["finance"],
        parameters=[PayoutQuery],
        responses={200: PayoutPage},
    )
    def get(self, request: Request) -> Response:
        rows, salon = payouts(), salon_of_query(self.query.get("salon"))
        if salon is not None:
            rows = rows.filter(salon=salon)
        return Response(page(rows, order=NEWEST, query=self.query).body(shown), headers=PRIVATE)

    @extend_schema(
        operation_id="recordPayout",
        summary="Write down what the bank sent to a salon",
        description="Never more than the salon is owed, and each transfer once.",
        tags=["finance"],
        parameters=[IDEMPOTENCY_KEY],
        request=PayoutBody,
        responses={201: PayoutShape},
    )
    def post(self, request: Request) -> Response:
        body = self.body(PayoutBody, request)
        if body["to"] < body["from"]:
            raise ValidationFailed.at("/to", "too_small")

        def record() -> tuple[int, Any]:
            salon = Salon.objects.filter(pk=body["salon_id"]).first()
            if salon is None:
                raise ValidationFailed.at("/salon_id", "not_found")
            payout = operations.record_payout(
                salon=salon,
                from_date=body["from"],
                to_date=body["to"],
                amount_minor=body["amount_minor"],
                bank_reference=body["bank_reference"],
                recorded_by=person(request),
                now=timezone.now(),
            )
            return 201, shown(payout)

        return answer_once(request, operation="recordPayout", body=request.data, act=record)


class PayoutVoid(Endpoint):
    access = {"POST": FINANCE}

    @extend_schema(
        operation_id="voidPayout",
        summary="Take a payout back by a reversing entry; it stays, with both names",
        tags=["finance"],
        request=VoidBody,
        responses={200: PayoutShape},
    )
    def post(self, request: Request, payout_id: uuid.UUID) -> Response:
        body = self.body(VoidBody, request)
        operations.void_payout(
            payout_id=payout_id, reason=body["reason"], voided_by=person(request), now=timezone.now()
        )
        return Response(shown(payouts().get(pk=payout_id)), headers=PRIVATE)
