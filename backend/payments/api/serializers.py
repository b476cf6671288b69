"""Shapes of payments and their proof on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.core.api import fields
from backend.core.api.bodies import Body
from backend.core.api.shapes import MoneyShape, Shape
from backend.payments.models import Outcome, PaymentState, Purpose, ReceiptMethod, TaskKind
from backend.payments.refusals import FAILURES, NOTICES

SOURCES = [(name, name) for name in ("client", "token", "applepay", "stcpay", "saved_card", "hosted")]
RECEIPTS_SHOWN = 50
MOST_MINOR = 10_000_000
OTP_DIGITS = (4, 10)
"""How many a code may have. Those of STC Pay have six; that is not documented as a promise."""


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
    card_id = fields.Identifier(required=False, help_text="For saved_card")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        needed = {
            "token": "token",
            "applepay": "token",
            "stcpay": "mobile",
            "saved_card": "card_id",
        }.get(attrs["type"])
        if needed and needed not in attrs:
            raise serializers.ValidationError({needed: [serializers.ErrorDetail("", code="required")]})
        return attrs


class PaymentBody(Body):
    source = SourceBody()  # type: ignore[assignment]  # DRF fields have a `source` of their own
    purpose = fields.Choice(choices=Purpose.choices, required=False, default=Purpose.DEPOSIT)
    save_card = fields.Boolean(
        required=False, default=False, help_text="Keep the card for later; with source `client` only"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["save_card"] and attrs["source"]["type"] != "client":
            raise serializers.ValidationError(
                {"save_card": [serializers.ErrorDetail("", code="invalid_choice")]}
            )
        return attrs


class OtpBody(Body):
    otp = fields.Digits(max_length=40, help_text="The code STC Pay sent, in any digits")

    def validate_otp(self, value: str) -> str:
        if not OTP_DIGITS[0] <= len(value) <= OTP_DIGITS[1]:
            raise serializers.ValidationError("", code="invalid_format")
        return value


class PaidBookingShape(Shape):
    id = serializers.UUIDField()
    state = serializers.CharField()
    version = serializers.IntegerField()


class FailureShape(Shape):
    code = serializers.CharField(help_text=f"An open list: {', '.join(FAILURES)}")
    detail = serializers.CharField(help_text="What happened and what to do next, for the payer")


class NoticeShape(Shape):
    code = serializers.CharField(help_text=f"An open list: {', '.join(NOTICES)}")
    detail = serializers.CharField(help_text="What the payer should know, for showing")


class NextActionShape(Shape):
    type = serializers.CharField(
        help_text="An open list: `redirect` (open `url`), `otp` (ask for STC Pay's code, send it to `submitOtp`)"
    )
    url = serializers.CharField(allow_null=True, help_text="For redirect")
    return_url = serializers.CharField(allow_null=True, help_text="For redirect: where its page ends")


class ClientPaymentShape(Shape):
    given_id = serializers.UUIDField()
    amount_minor = serializers.IntegerField()
    currency = serializers.CharField()
    description = serializers.CharField()
    metadata = serializers.DictField(child=serializers.CharField())
    publishable_key = serializers.CharField()
    callback_url = serializers.CharField()
    manual = serializers.BooleanField()
    save_card = serializers.BooleanField()
    apply_coupon = serializers.BooleanField()


class PaymentShape(Shape):
    id = serializers.UUIDField()
    purpose = serializers.ChoiceField(choices=Purpose.choices)
    state = serializers.ChoiceField(choices=PaymentState.choices)
    amount = MoneyShape()
    booking = PaidBookingShape()
    failure = FailureShape(allow_null=True)
    notice = NoticeShape(allow_null=True)
    next_action = NextActionShape(allow_null=True)
    client_payment = ClientPaymentShape(allow_null=True)
    poll_after_seconds = serializers.IntegerField(allow_null=True)
    created_at = fields.Moment()


class BalanceShape(Shape):
    total = MoneyShape()
    paid = MoneyShape(help_text="Online, held by a bank, and at the desk; tips left out")
    refunded = MoneyShape(help_text="What went back or is on its way")
    due = MoneyShape(help_text="What may still be paid")


class ReceiptShape(Shape):
    id = serializers.UUIDField()
    method = serializers.ChoiceField(choices=ReceiptMethod.choices)
    amount = MoneyShape()
    tip = MoneyShape()
    taken_at = fields.Moment()
    voided_at = fields.Moment(allow_null=True)


class BookingPaymentPage(Shape):
    items = PaymentShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    receipts = ReceiptShape(
        many=True, help_text=f"Taken at the salon, newest first, {RECEIPTS_SHOWN} at most"
    )
    balance = BalanceShape()


class PersonShape(Shape):
    id = serializers.UUIDField()
    name = serializers.CharField(allow_null=True)


class DeskReceiptShape(ReceiptShape):
    note = serializers.CharField(allow_null=True)
    taken_by = PersonShape()
    voided_by = PersonShape(allow_null=True)
    void_reason = serializers.CharField(allow_null=True)


class DeskReceiptPage(Shape):
    items = DeskReceiptShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ReceiptBody(Body):
    method = fields.Choice(choices=ReceiptMethod.choices)
    amount_minor = fields.Integer(
        min_value=0, max_value=MOST_MINOR, help_text="Towards the price; 0 for a tip alone"
    )
    tip_minor = fields.Integer(min_value=0, max_value=MOST_MINOR, required=False, default=0)
    note = fields.Text(max_length=200, required=False, default="", allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs["amount_minor"] and not attrs["tip_minor"]:
            raise serializers.ValidationError(
                {"amount_minor": [serializers.ErrorDetail("", code="min_value")]}
            )
        return attrs


class VoidBody(Body):
    reason = fields.Text(max_length=200)


class DeskPaymentShape(Shape):
    id = serializers.UUIDField()
    purpose = serializers.ChoiceField(choices=Purpose.choices)
    state = serializers.ChoiceField(choices=PaymentState.choices)
    amount = MoneyShape()
    captured = MoneyShape()
    refunded = MoneyShape()
    created_at = fields.Moment()


class BookingMoneyShape(Shape):
    price = MoneyShape()
    deposit = MoneyShape()
    receipts = DeskReceiptShape(many=True, help_text=f"Newest first, {RECEIPTS_SHOWN} at most")
    payments = DeskPaymentShape(many=True, help_text=f"Newest first, {RECEIPTS_SHOWN} at most")
    balance = BalanceShape()
    return_at_desk = MoneyShape(
        help_text="Taken at the desk for a booking that has ended since: to be handed back"
    )


class CardShape(Shape):
    id = serializers.UUIDField()
    brand = serializers.CharField(help_text="mada, visa, master and more")
    last_four = serializers.CharField()
    month = serializers.IntegerField()
    year = serializers.IntegerField()
    is_expired = serializers.BooleanField()


class CardPage(Shape):
    items = CardShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class TaskShape(Shape):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=TaskKind.choices)
    payment_id = serializers.UUIDField()
    booking_reference = serializers.CharField()
    salon_slug = serializers.CharField()
    amount = MoneyShape()
    why = serializers.CharField(allow_null=True, help_text="For operators, in the gateway's own words")
    opened_at = fields.Moment()


class TaskPage(Shape):
    items = TaskShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ResolveBody(Body):
    outcome = fields.Choice(choices=Outcome.choices)
    note = fields.Text(max_length=500)


class ResolutionShape(Shape):
    task_id = serializers.UUIDField()
    payment_id = serializers.UUIDField()
    outcome = serializers.ChoiceField(choices=Outcome.choices)
    note = serializers.CharField()
    resolved_by = PersonShape()
    resolved_at = fields.Moment()


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
