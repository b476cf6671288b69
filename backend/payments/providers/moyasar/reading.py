"""What Moyasar's JSON means: only what we count on must be there, and nothing private is kept.

Unknown fields are ignored, more will come. Amounts are integers in minor units or the answer is not believed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, NoReturn, TypeVar
from uuid import UUID

from backend.payments.providers import (
    GatewayInvoice,
    GatewayPayment,
    GatewaySettlement,
    GatewayToken,
    SettlementLine,
)

T = TypeVar("T")
PAGE_SIZE = 40
MAX_PAGES = 10_000
TOKEN_ID = re.compile(r"token_[A-Za-z0-9_-]{1,120}")
SETTLEMENT_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_SAFE_FIELDS = (
    "id", "status", "amount", "fee", "currency", "refunded", "refunded_at", "captured", "captured_at",
    "voided_at", "description", "invoice_id", "created_at", "updated_at",
)  # fmt: skip
_SAFE_SOURCE_FIELDS = (
    "type", "company", "number", "gateway_id", "reference_number", "message", "response_code",
    "authorization_code", "issuer_name", "issuer_country", "issuer_card_type", "issuer_card_category",
    "failure_reason",
)  # fmt: skip
_PRIVATE_KEYS = frozenset({"secret_token", "ip", "token", "mobile", "dpan", "transaction_url"})


class Malformed(Exception):
    """An answer in JSON that is not the object it should be."""


@dataclass(frozen=True)
class Page(Generic[T]):
    rows: list[T]
    following: int | None


def payment(body: Any, *, expected: UUID | None = None) -> GatewayPayment:
    if not isinstance(body, dict):
        raise Malformed("a payment is not an object")
    payment_id = uuid_or_none(body.get("id"))
    if payment_id is None or (expected is not None and payment_id != expected):
        raise Malformed("a payment of another id, or of none")
    source = body.get("source")
    if not isinstance(source, dict):
        source = {}
    raw = {name: body[name] for name in _SAFE_FIELDS if name in body}
    raw["source"] = {name: source[name] for name in _SAFE_SOURCE_FIELDS if name in source}
    return GatewayPayment(
        id=payment_id,
        status=_status(body),
        amount_minor=_minor(body, "amount", required=True),
        currency=_currency(body),
        fee_minor=_minor(body, "fee"),
        refunded_minor=_minor(body, "refunded"),
        captured_minor=_minor(body, "captured"),
        metadata=_metadata(body.get("metadata")),
        invoice_id=uuid_or_none(body.get("invoice_id")),
        source_type=_text(source.get("type")),
        card_company=_text(source.get("company")),
        last_digits=_last_digits(source.get("number")),
        message=_text(source.get("message")),
        response_code=_text(source.get("response_code")),
        token=_card_token(source.get("token")),
        transaction_url=_page_url(source.get("transaction_url")),
        created_at=moment(body.get("created_at")),
        updated_at=moment(body.get("updated_at")),
        raw=storable(raw),
    )


def token(body: dict[str, Any], *, expected: str) -> GatewayToken:
    if body.get("id") != expected:
        raise Malformed("a token of another id, or of none")
    month, year = _small_number(body.get("month")), _small_number(body.get("year"))
    return GatewayToken(
        id=expected,
        status=_status(body),
        brand=_text(body.get("brand")),
        last_four=_last_digits(body.get("last_four")),
        month=month if month is not None and 1 <= month <= 12 else None,
        year=year if year is not None and 2000 <= year <= 2199 else None,
        verification_url=_page_url(body.get("verification_url")),
    )


def invoice(body: Any, *, expected: UUID | None = None) -> GatewayInvoice:
    if not isinstance(body, dict):
        raise Malformed("an invoice is not an object")
    invoice_id = uuid_or_none(body.get("id"))
    if invoice_id is None or (expected is not None and invoice_id != expected):
        raise Malformed("an invoice of another id, or of none")
    rows = body.get("payments")
    return GatewayInvoice(
        id=invoice_id,
        status=_status(body),
        amount_minor=_minor(body, "amount", required=True),
        currency=_currency(body),
        url=_page_url(body.get("url")),
        metadata=_metadata(body.get("metadata")),
        payments=tuple(payment(row) for row in rows) if isinstance(rows, list) else (),
        expires_at=moment(body.get("expired_at")),
        created_at=moment(body.get("created_at")),
    )


def settlement(body: Any, *, expected: str | None = None) -> GatewaySettlement:
    if not isinstance(body, dict):
        raise Malformed("a settlement is not an object")
    settlement_id = body.get("id")
    if not isinstance(settlement_id, str) or not SETTLEMENT_ID.fullmatch(settlement_id):
        raise Malformed("a settlement without id")
    if expected is not None and settlement_id.lower() != expected.lower():
        raise Malformed("a settlement of another id")
    return GatewaySettlement(
        id=settlement_id,
        currency=_currency(body),
        amount_minor=_signed(body, "amount", required=True),
        fee_minor=_signed(body, "fee"),
        tax_minor=_signed(body, "tax"),
        line_count=_minor(body, "settlement_count"),
        reference=_text(body.get("reference")),
        created_at=moment(body.get("created_at")),
    )


def settlement_line(body: Any) -> SettlementLine:
    if not isinstance(body, dict):
        raise Malformed("a line is not an object")
    kind = body.get("type")
    if not isinstance(kind, str) or not kind:
        raise Malformed("a line without type")
    return SettlementLine(
        type=clean(kind.lower())[:40],
        payment_id=uuid_or_none(body.get("payment_id")),
        currency=_currency(body),
        payment_amount_minor=_signed(body, "payment_amount"),
        amount_minor=_signed(body, "amount", required=True),
        fee_minor=_signed(body, "fee"),
        tax_minor=_signed(body, "tax"),
        reference_number=_text(body.get("reference_number")),
        transacted_at=moment(body.get("transacted_at")),
        metadata=_metadata(body.get("metadata")),
    )


def page(body: dict[str, Any], *, key: str, number: int, parse: Callable[[Any], T]) -> Page[T]:
    """One page of a list. Without `meta` only a short page may be the last: half a list proves nothing."""
    rows, meta = body.get(key), body.get("meta")
    if not isinstance(rows, list):
        raise Malformed(f"{key} is not a list")
    if not isinstance(meta, dict):
        if len(rows) >= PAGE_SIZE:
            raise Malformed("a full page without meta")
        meta = {}
    following = meta.get("next_page")
    if following is not None and (type(following) is not int or not number < following <= MAX_PAGES):
        raise Malformed("next_page does not lead on")
    return Page([parse(row) for row in rows], following)


def _status(body: Mapping[str, Any]) -> str:
    status = body.get("status")
    if not isinstance(status, str) or not status:
        raise Malformed("no status")
    return clean(status.lower())


def _currency(body: Mapping[str, Any]) -> str:
    currency = body.get("currency")
    if not isinstance(currency, str) or not re.fullmatch(r"[A-Za-z]{3}", currency):
        raise Malformed("no currency")
    return currency.upper()


def _signed(body: Mapping[str, Any], name: str, *, required: bool = False) -> int:
    value = body.get(name)
    if value is None and not required:
        return 0
    if type(value) is not int:
        raise Malformed(f"{name} is not an amount in minor units")
    return value


def _small_number(value: Any) -> int | None:
    text = str(value) if isinstance(value, int | str) else ""
    return int(text) if re.fullmatch("[0-9]{1,4}", text) else None


def _card_token(value: Any) -> str | None:
    return value if isinstance(value, str) and TOKEN_ID.fullmatch(value) else None


def _minor(body: Mapping[str, Any], name: str, *, required: bool = False) -> int:
    value = body.get(name)
    if value is None and not required:
        return 0
    if type(value) is not int or value < 0:
        raise Malformed(f"{name} is not an amount in minor units")
    return value


def _metadata(value: Any) -> dict[str, str]:
    """Values as text: numbers may come back where text was sent."""
    if not isinstance(value, dict):
        return {}
    return {
        clean(key): clean(item if isinstance(item, str) else json.dumps(item, ensure_ascii=False))
        for key, item in value.items()
        if item is not None
    }


def _last_digits(value: Any) -> str | None:
    match = re.search(r"([0-9]{4})[^0-9]*\Z", value) if isinstance(value, str) else None
    return match[1] if match else None


def _page_url(value: Any) -> str | None:
    """Only something a browser may safely be sent to."""
    return value if isinstance(value, str) and re.match(r"https?://[^\s]+\Z", value) else None


def _text(value: Any) -> str | None:
    return clean(value)[:500] if isinstance(value, str) and value else None


def uuid_or_none(value: Any) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def moment(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if found is None or found.tzinfo is not None:
        return found
    return found.replace(tzinfo=UTC)


def storable(value: Any) -> Any:
    """The same JSON without secrets and personal data, and without what PostgreSQL's jsonb cannot hold."""
    if isinstance(value, Mapping):
        card = value.get("type") in ("creditcard", "applepay", "samsungpay", "googlepay")
        return {
            clean(key): _masked(item) if key == "number" else storable(item)
            for key, item in value.items()
            if key not in _PRIVATE_KEYS and not (card and key == "name")
        }
    if isinstance(value, list):
        return [storable(item) for item in value]
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _masked(number: Any) -> str | None:
    """A card number arrives masked; should it ever not, it is masked here."""
    if not isinstance(number, str):
        return None
    return re.sub(r"[0-9](?=(?:[^0-9]*[0-9]){4})", "X", clean(number[:40]))


def clean(text: str) -> str:
    return re.sub("[\x00\ud800-\udfff]", "\ufffd", text)


def no_such_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
