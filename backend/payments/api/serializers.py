"""Shapes of payments and their proof on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.core.api import fields
from backend.core.api.bodies import Body
from backend.core.api.pagination import PageQuery
from backend.core.api.shapes import MoneyShape, Shape
from backend.payments.models import DifferenceKind, PaymentState

SOURCES = [("client", "client"), ("token", "token"), ("applepay", "applepay"), ("stcpay", "stcpay")]


class Opaque(serializers.CharField):
    """Somebody else's text, passed on as it came."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("", code="wrong_type")
        return super().to_internal_value(data)


class SourceBody(Body):
    type = fields.Choice(choices=SOURCES)
    token = Opaque(required=False, max_length=20_000, help_text="For token and applepay")
    mobile = fields.Phone(required=False, help_text="For stcpay")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        needed = {"token": "token", "applepay": "token", "stcpay": "mobile"}.get(attrs["type"])
        if needed and needed not in attrs:
            raise serializers.ValidationError({needed: [serializers.ErrorDetail("", code="required")]})
        return attrs


class PaymentBody(Body):
    source = SourceBody()  # type: ignore[assignment]  # DRF fields have a `source` of their own


class PaidBookingShape(Shape):
    id = serializers.UUIDField()
    state = serializers.CharField()
    version = serializers.IntegerField()


class FailureShape(Shape):
    code = serializers.CharField()
    detail = serializers.CharField()


class NextActionShape(Shape):
    type = serializers.CharField(help_text="redirect")
    url = serializers.CharField()
    return_url = serializers.CharField()


class ClientPaymentShape(Shape):
    given_id = serializers.UUIDField()
    amount_minor = serializers.IntegerField()
    currency = serializers.CharField()
    description = serializers.CharField()
    metadata = serializers.DictField(child=serializers.CharField())
    publishable_key = serializers.CharField()
    callback_url = serializers.CharField()
    manual = serializers.BooleanField()
    apply_coupon = serializers.BooleanField()


class PaymentShape(Shape):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=PaymentState.choices)
    amount = MoneyShape()
    booking = PaidBookingShape()
    failure = FailureShape(allow_null=True)
    next_action = NextActionShape(allow_null=True)
    client_payment = ClientPaymentShape(allow_null=True)
    poll_after_seconds = serializers.IntegerField(allow_null=True)


class FinancePaymentQuery(PageQuery):
    state = serializers.ChoiceField(required=False, choices=PaymentState.choices)
    date = fields.Day(required=False, help_text="Riyadh day of creation")


class FinancePaymentShape(Shape):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=PaymentState.choices)
    amount = MoneyShape()
    captured = MoneyShape()
    refunded = MoneyShape()
    booking_reference = serializers.CharField()
    salon_slug = serializers.CharField()
    quarantined_because = serializers.CharField(allow_null=True)
    created_at = fields.Moment()


class FinancePaymentPage(Shape):
    items = FinancePaymentShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


# `from` is a word of Python, so these two name their fields in get_fields.
class ReconciliationBody(Body):
    def get_fields(self) -> Any:
        return super().get_fields() | {"from": fields.Day(), "to": fields.Day()}


class ReconciliationShape(Shape):
    id = serializers.UUIDField()
    ours_count = serializers.IntegerField()
    theirs_count = serializers.IntegerField()
    captured = MoneyShape()
    refunded = MoneyShape()
    open_differences = serializers.IntegerField()
    healed_differences = serializers.IntegerField()
    started_at = fields.Moment()
    finished_at = fields.Moment(allow_null=True)

    def get_fields(self) -> Any:
        return {"from": fields.Day(read_only=True), "to": fields.Day(read_only=True)} | super().get_fields()


class ReconciliationPage(Shape):
    items = ReconciliationShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class DifferenceShape(Shape):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=DifferenceKind.choices)
    payment_id = serializers.UUIDField()
    ours = serializers.DictField(allow_null=True)
    theirs = serializers.DictField(allow_null=True)
    healed = serializers.BooleanField()


class DifferencePage(Shape):
    items = DifferenceShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)
