"""What the gateway sent to our bank account: settlements from its API, or from the file that came by e-mail."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.permissions import FINANCE
from backend.core.api import fields
from backend.core.api.bodies import Body
from backend.core.api.pagination import PageQuery, page
from backend.core.api.shapes import MoneyShape, Shape
from backend.core.api.views import Endpoint, person
from backend.core.errors import NotFound
from backend.core.money import money
from backend.core.time import rfc3339
from backend.payments import operations
from backend.payments.models import Settlement, SettlementLine, SettlementSource
from backend.payments.operations.settlement_files import MOST_BYTES
from backend.payments.queries import reconciling as books
from backend.payments.refusals import SettlementFileInvalid

PRIVATE = {"Cache-Control": "no-store"}
OTHER_FIELDS_BYTES = 64 * 1024


class SettlementForm(MultiPartParser):
    """A form as a plain dict. One too long for a settlement is refused by its length, before anything is read."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        length = parser_context["request"].META.get("CONTENT_LENGTH") or "0"
        if length.isdecimal() and int(length) > MOST_BYTES + OTHER_FIELDS_BYTES:
            raise SettlementFileInvalid(extra={"reason": "too_large"})
        form = super().parse(stream, media_type, parser_context)
        return {**form.data.dict(), **form.files.dict()}


class SettlementFile(serializers.FileField):
    """A file of the form, as its bytes."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, UploadedFile):
            raise serializers.ValidationError("", code="wrong_type")
        with data:
            if (data.size or 0) > MOST_BYTES:
                raise SettlementFileInvalid(extra={"reason": "too_large"})
            return data.read()


class SettlementId(fields.Text):
    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if text and not all(sign.isascii() and (sign.isalnum() or sign in "_-") for sign in text):
            raise serializers.ValidationError("", code="invalid")
        return text


class SettlementBody(Body):
    file = SettlementFile(help_text="The CSV of one settlement, 10 MB at most")
    settlement_id = SettlementId(
        max_length=80,
        required=False,
        allow_blank=True,
        default="",
        help_text="The gateway's, where it is known",
    )
    reference = fields.Text(
        max_length=80, required=False, allow_blank=True, default="", help_text="The bank's"
    )


class SettlementShape(Shape):
    id = serializers.UUIDField()
    gateway_id = serializers.CharField()
    source = serializers.ChoiceField(choices=SettlementSource.choices)  # type: ignore[assignment]  # DRF's own
    amount = MoneyShape(help_text="Before the fee of the transfer")
    fee = MoneyShape(help_text="Of the transfer to the bank, VAT included")
    lines_total = MoneyShape(help_text="What the lines add up to")
    line_count = serializers.IntegerField()
    adds_up = serializers.BooleanField()
    reference = serializers.CharField(allow_null=True)
    created_at = fields.Moment()
    imported_at = fields.Moment()


class SettlementPage(Shape):
    items = SettlementShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ImportedShape(Shape):
    settlement = SettlementShape()
    is_new = serializers.BooleanField(help_text="False: it was here already, and nothing was added")
    differing_lines = serializers.IntegerField(help_text="Of a known one: lines the file says otherwise")


class SettlementLineShape(Shape):
    id = serializers.UUIDField()
    position = serializers.IntegerField()
    type = serializers.CharField(help_text="The gateway's word: payment, refund, void, chargeback and more")
    gateway_payment_id = serializers.UUIDField(allow_null=True)
    payment_id = serializers.UUIDField(allow_null=True, help_text="Ours")
    payment_amount = MoneyShape()
    fee = MoneyShape(help_text="Without VAT")
    fee_vat = MoneyShape()
    net = MoneyShape()
    reference_number = serializers.CharField(allow_null=True)
    transacted_at = fields.Moment()


class SettlementLinePage(Shape):
    items = SettlementLineShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class Settlements(Endpoint):
    access = {"GET": FINANCE, "POST": FINANCE}
    queries = {"GET": PageQuery}
    parser_classes = [SettlementForm]

    @extend_schema(
        operation_id="listSettlements",
        summary="What the gateway sent to the bank, newest first",
        tags=["finance"],
        parameters=[PageQuery],
        responses={200: SettlementPage},
    )
    def get(self, request: Request) -> Response:
        found = page(books.settlements(), order=("-created_at", "-id"), query=self.query)
        return Response(found.body(_settlement), headers=PRIVATE)

    @extend_schema(
        operation_id="importSettlement",
        summary="Bring in a settlement from the file that came by e-mail",
        description=(
            "Safe to repeat: a settlement that is here already gains nothing and is compared with the file. Rows that "
            "do not add up are named, and nothing is kept. Whether amounts are riyals or halalas is a setting."
        ),
        tags=["finance"],
        request={"multipart/form-data": SettlementBody},
        responses={200: ImportedShape, 201: ImportedShape},
    )
    def post(self, request: Request) -> Response:
        body = self.body(SettlementBody, request)
        content = body.pop("file")
        done = operations.import_file(content, now=timezone.now(), by=person(request), **body)
        answer = {
            "settlement": _settlement(done.settlement),
            "is_new": done.is_new,
            "differing_lines": done.differing_lines,
        }
        return Response(answer, status=201 if done.is_new else 200, headers=PRIVATE)


class SettlementItem(Endpoint):
    access = {"GET": FINANCE}

    @extend_schema(
        operation_id="getSettlement",
        summary="One settlement",
        tags=["finance"],
        responses={200: SettlementShape},
    )
    def get(self, request: Request, settlement_id: uuid.UUID) -> Response:
        return Response(_settlement(_found(settlement_id)), headers=PRIVATE)


class SettlementLines(Endpoint):
    access = {"GET": FINANCE}
    queries = {"GET": PageQuery}

    @extend_schema(
        operation_id="listSettlementLines",
        summary="The lines of a settlement, in its order",
        tags=["finance"],
        parameters=[PageQuery],
        responses={200: SettlementLinePage},
    )
    def get(self, request: Request, settlement_id: uuid.UUID) -> Response:
        lines = books.lines_of(_found(settlement_id))
        found = page(lines, order=("position", "id"), query=self.query)
        return Response(found.body(_line), headers=PRIVATE)


def _found(settlement_id: uuid.UUID) -> Settlement:
    settlement = books.settlements().filter(pk=settlement_id).first()
    if settlement is None:
        raise NotFound
    return settlement


def _settlement(row: Settlement) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "gateway_id": row.gateway_id,
        "source": row.source,
        "amount": money(row.amount_minor, row.currency),
        "fee": money(row.fee_minor, row.currency),
        "lines_total": money(row.lines_minor, row.currency),
        "line_count": row.line_count,
        "adds_up": row.adds_up,
        "reference": row.reference or None,
        "created_at": rfc3339(row.created_at),
        "imported_at": rfc3339(row.imported_at),
    }


def _line(row: SettlementLine) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "position": row.position,
        "type": row.type,
        "gateway_payment_id": str(row.gateway_payment_id) if row.gateway_payment_id else None,
        "payment_id": str(row.payment_id) if row.payment_id else None,
        "payment_amount": money(row.payment_amount_minor, row.currency),
        "fee": money(row.fee_minor, row.currency),
        "fee_vat": money(row.fee_vat_minor, row.currency),
        "net": money(row.net_minor, row.currency),
        "reference_number": row.reference_number or None,
        "transacted_at": rfc3339(row.transacted_at),
    }
