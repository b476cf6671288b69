"""Moyasar, the Saudi gateway: https://docs.moyasar.com, as read in October 2026.

Three of its ways shape this adapter. A declined card is HTTP 201 with status `failed`. Only *create* is
idempotent, through `given_id`, and a repeat is answered 400 instead of the first payment. And it sits
behind a CDN whose refusals are HTML.

How an answer to a call that changes something is read:

- 2xx with a payment of the right id: that payment.
- 2xx that cannot be read, 5xx, 3xx, 408, silence, a dropped or cut-off answer: GatewayUnknown. The
  documentation calls only 201 and 4xx conclusive, and a 500 may be written after the card was charged.
- 429 and any 4xx that is not a JSON object (the CDN's 403 page): GatewayFault. Turned away at the door.
- any other 4xx: GatewayRefused.

A read changes nothing, so all that goes wrong with it is GatewayUnreachable, GatewayFault or
GatewayRefused. Only a 404 in JSON means "no such payment"; a 404 page from something in between does not.
"""

from __future__ import annotations

import hmac
import json
import math
import re
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from uuid import UUID

from backend.core.http import BadAnswer, HttpAnswer, HttpClient, OutboundError, UnknownOutcome, Unreachable
from backend.payments.providers import (
    GatewayError,
    GatewayFault,
    GatewayPayment,
    GatewayRefused,
    GatewayUnknown,
    GatewayUnreachable,
    WebhookCall,
    WebhookUnreadable,
    WebhookUnverified,
)

PAGE_SIZE = 40
MAX_PAGES = 10_000
METADATA_KEYS, METADATA_KEY_LENGTH, METADATA_VALUE_LENGTH = 30, 40, 500

_EVENT_SPELLINGS = {"payment_faild": "payment_failed"}  # the reference page's spelling
_CARD_FIELDS = frozenset(
    {"number", "card_number", "pan", "cvc", "cvv", "cvv2", "security_code", "month", "year"}
)
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


class MoyasarGateway:
    """A `PaymentGateway`. The secret key alone decides between real and test money.

    Timeouts are seconds. `recheck_pause` is how long a create of unknown outcome waits before it looks a
    second time; `sleep` is a parameter so that tests need not.
    """

    def __init__(
        self,
        secret_key: str,
        publishable_key: str,
        webhook_secret: str,
        base_url: str,
        *,
        connect_timeout: float = 5.0,
        read_timeout: float = 10.0,
        write_timeout: float = 30.0,
        resolve_timeout: float = 5.0,
        recheck_pause: float = 2.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.publishable_key = publishable_key
        self._live = secret_key.startswith("sk_live_")
        self._webhook_secret = webhook_secret.encode()
        self._write_timeout = write_timeout
        self._resolve_timeout = resolve_timeout
        self._recheck_pause = recheck_pause
        self._sleep = sleep
        self._http = HttpClient(
            base_url,
            auth=(secret_key, ""),
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            total_timeout=read_timeout,
        )

    def __repr__(self) -> str:
        return f"MoyasarGateway({self._http.base_url!r}, live={self.live})"

    @property
    def live(self) -> bool:
        return self._live

    # Creating

    def create_payment(
        self,
        *,
        given_id: UUID,
        amount_minor: int,
        currency: str,
        description: str,
        callback_url: str | None,
        source: Mapping[str, Any],
        metadata: Mapping[str, str],
    ) -> GatewayPayment:
        _refuse_card_data(source)
        body: dict[str, Any] = {
            "given_id": str(given_id),
            "amount": _positive(amount_minor),
            "currency": currency,
            "description": description,
            "source": dict(source),
            "metadata": _checked_metadata(metadata),
            # A discount configured at Moyasar would silently change the amount charged.
            "apply_coupon": False,
        }
        if callback_url is not None:
            body["callback_url"] = callback_url
        try:
            return self._change("POST", "/payments", body, expected=given_id)
        except GatewayUnknown as error:
            return self._resolve(given_id, error, patient=True)
        except GatewayRefused as error:
            if error.status != 400:
                raise
            # No text tells reliably whether this id was used before, so ask. Where the words suggest that
            # it was, the payment may be a moment away: another worker's request is still being handled.
            hinted = (
                "given_id" in f"{error.type} {error.message}" or "already" in (error.message or "").lower()
            )
            return self._resolve(given_id, error, patient=hinted)

    def _resolve(self, given_id: UUID, error: GatewayError, *, patient: bool) -> GatewayPayment:
        """What became of a create that has no usable answer; raises `error`'s meaning if none is found."""
        details: dict[str, Any] = {
            name: getattr(error, name) for name in ("status", "type", "message", "request_id")
        }
        try:
            payment = self._fetch(given_id, timeout=self._resolve_timeout)
            if payment is None and patient:
                self._sleep(self._recheck_pause)
                payment = self._fetch(given_id, timeout=self._resolve_timeout)
        except GatewayError as trouble:
            text = f"create left open ({error}), and looking it up failed ({trouble})"
            raise GatewayUnknown(text, **details) from error
        if payment is not None:
            return payment
        if isinstance(error, GatewayRefused) and not patient:
            raise error
        raise GatewayUnknown(
            f"create left open ({error}), no such payment yet", absent=True, **details
        ) from error

    # Reading

    def fetch_payment(self, payment_id: UUID) -> GatewayPayment | None:
        return self._fetch(payment_id)

    def _fetch(self, payment_id: UUID, *, timeout: float | None = None) -> GatewayPayment | None:
        answer = self._read(f"/payments/{payment_id}", timeout=timeout)
        if answer.status == 404:
            return None
        try:
            return _payment(answer.json_object(), expected=payment_id)
        except (BadAnswer, _Malformed) as error:
            raise GatewayFault(f"unreadable payment: {error}", status=answer.status) from error

    def list_payments(
        self,
        *,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        updated_from: datetime | None = None,
    ) -> Iterator[GatewayPayment]:
        # The filters are exclusive and their precision is not documented: ask for a second more at either
        # end and cut here. Pages shift while payments arrive, so one may come twice; it is given once.
        slack = timedelta(seconds=1)
        params: dict[str, str] = {}
        if created_from is not None:
            params["created[gt]"] = _iso(created_from - slack)
        if created_to is not None:
            params["created[lt]"] = _iso(created_to + slack)
        if updated_from is not None:
            params["updated[gt]"] = _iso(updated_from - slack)
        seen: set[UUID] = set()
        page: int | None = 1
        while page is not None:
            payments, page = self._page(params, page)
            for payment in payments:
                created, updated = payment.created_at, payment.updated_at
                if (
                    payment.id in seen
                    or (created_from is not None and created is not None and created < created_from)
                    or (created_to is not None and created is not None and created >= created_to)
                    or (updated_from is not None and updated is not None and updated < updated_from)
                ):
                    continue
                seen.add(payment.id)
                yield payment

    def _page(self, params: Mapping[str, str], page: int) -> tuple[list[GatewayPayment], int | None]:
        answer = self._read("/payments", params={**params, "page": str(page)})
        try:
            if answer.status == 404:
                raise _Malformed("no such list")
            body = answer.json_object()
            rows, meta = body.get("payments"), body.get("meta")
            if not isinstance(rows, list):
                raise _Malformed("payments is not a list")
            if not isinstance(meta, dict):
                if len(rows) >= PAGE_SIZE:
                    raise _Malformed("a full page without meta")
                meta = {}
            payments = [_payment(row) for row in rows]
            following = meta.get("next_page")
            if following is not None and (type(following) is not int or not page < following <= MAX_PAGES):
                raise _Malformed("next_page does not lead on")
        except (BadAnswer, _Malformed) as error:
            raise GatewayFault(f"unreadable list, page {page}: {error}", status=answer.status) from error
        return payments, following

    # Changing

    def refund_payment(self, payment_id: UUID, amount_minor: int | None = None) -> GatewayPayment:
        return self._act(payment_id, "refund", amount_minor)

    def void_payment(self, payment_id: UUID) -> GatewayPayment:
        return self._act(payment_id, "void", None)

    def capture_payment(self, payment_id: UUID, amount_minor: int | None = None) -> GatewayPayment:
        return self._act(payment_id, "capture", amount_minor)

    def _act(self, payment_id: UUID, verb: str, amount_minor: int | None) -> GatewayPayment:
        body = None if amount_minor is None else {"amount": _positive(amount_minor)}
        return self._change("POST", f"/payments/{payment_id}/{verb}", body, expected=payment_id)

    # Webhooks

    def parse_webhook(self, body: bytes) -> WebhookCall:
        try:
            payload = json.loads(body, parse_constant=_no_such_number)
        except (ValueError, RecursionError):
            raise WebhookUnreadable("not JSON") from None
        if not isinstance(payload, dict):
            raise WebhookUnreadable("not a JSON object")
        # The token in the body is all there is: no signature, no timestamp. Compared as bytes, because
        # compare_digest refuses text beyond ASCII.
        token = payload.get("secret_token")
        given = token.encode("utf-8", "surrogatepass") if isinstance(token, str) else b""
        if not self._webhook_secret or not hmac.compare_digest(given, self._webhook_secret):
            raise WebhookUnverified("wrong or missing secret_token")
        event_id, kind, live = payload.get("id"), payload.get("type"), payload.get("live")
        if not (isinstance(event_id, str) and 0 < len(event_id) <= 200 and event_id.isprintable()):
            raise WebhookUnreadable("no event id")
        if not (isinstance(kind, str) and 0 < len(kind) <= 100 and kind.isprintable()):
            raise WebhookUnreadable("no event type")
        data = payload.get("data")
        payment_id = data.get("id") if isinstance(data, dict) and kind.startswith("payment_") else None
        try:
            redacted = _storable(payload)
        except RecursionError:
            raise WebhookUnreadable("nested too deeply") from None
        return WebhookCall(
            event_id=event_id,
            type=_EVENT_SPELLINGS.get(kind, kind),
            live=live if isinstance(live, bool) else None,
            payment_id=_uuid(payment_id),
            created_at=_moment(payload.get("created_at")),
            payload=redacted,
        )

    # The wire

    def _read(
        self, path: str, *, params: Mapping[str, str] | None = None, timeout: float | None = None
    ) -> HttpAnswer:
        """A 200, or a 404 in JSON; anything else is raised."""
        try:
            answer = self._http.request(
                "GET", path, params=params, read_timeout=timeout, total_timeout=timeout
            )
        except Unreachable as error:
            raise GatewayUnreachable(str(error)) from error
        except OutboundError as error:
            raise GatewayFault(str(error), status=error.status) from error
        if answer.status == 200 or (answer.status == 404 and _is_json_object(answer)):
            return answer
        if 400 <= answer.status < 500:
            _raise_refusal(answer)
        raise GatewayFault(f"answered {answer.status}", **_details(answer))

    def _change(
        self, method: str, path: str, body: Mapping[str, Any] | None, *, expected: UUID
    ) -> GatewayPayment:
        try:
            answer = self._http.request(
                method, path, json=body, read_timeout=self._write_timeout, total_timeout=self._write_timeout
            )
        except Unreachable as error:
            raise GatewayUnreachable(str(error)) from error
        except (UnknownOutcome, BadAnswer) as error:
            raise GatewayUnknown(str(error), status=error.status) from error
        if 200 <= answer.status < 300:
            try:
                return _payment(answer.json_object(), expected=expected)
            except (BadAnswer, _Malformed) as error:
                raise GatewayUnknown(f"unreadable {answer.status}: {error}", **_details(answer)) from error
        if 400 <= answer.status < 500 and answer.status != 408:
            _raise_refusal(answer)
        raise GatewayUnknown(f"answered {answer.status}", **_details(answer))


class _Malformed(Exception):
    """An answer in JSON that is not the object it should be."""


def _raise_refusal(answer: HttpAnswer) -> NoReturn:
    """A 4xx: the gateway's own no, or somebody at the door who would not let us in."""
    details = _details(answer)
    if answer.status == 429 or not _is_json_object(answer):
        raise GatewayFault(f"turned away with {answer.status}", **details)
    text = f"refused with {answer.status} {details['type'] or ''}: {details['message'] or ''}"
    raise GatewayRefused(text, errors=answer.json_object().get("errors"), **details)


def _details(answer: HttpAnswer) -> dict[str, Any]:
    try:
        body = answer.json_object()
    except BadAnswer:
        body = {}
    kind, message = body.get("type"), body.get("message")
    return {
        "status": answer.status,
        "type": _clean(kind[:100]) if isinstance(kind, str) else None,
        "message": _clean(message[:300]) if isinstance(message, str) else None,
        "request_id": answer.headers.get("x-request-id"),
    }


def _is_json_object(answer: HttpAnswer) -> bool:
    try:
        answer.json_object()
    except BadAnswer:
        return False
    return True


def _payment(body: Any, *, expected: UUID | None = None) -> GatewayPayment:
    """Only id, status, amount and currency must be there; unknown fields are ignored, more will come."""
    if not isinstance(body, dict):
        raise _Malformed("a payment is not an object")
    payment_id, status, currency = _uuid(body.get("id")), body.get("status"), body.get("currency")
    if payment_id is None or (expected is not None and payment_id != expected):
        raise _Malformed("a payment of another id, or of none")
    if not isinstance(status, str) or not status:
        raise _Malformed("a payment without status")
    if not isinstance(currency, str) or not re.fullmatch(r"[A-Za-z]{3}", currency):
        raise _Malformed("a payment without currency")
    source = body.get("source")
    if not isinstance(source, dict):
        source = {}
    raw = {name: body[name] for name in _SAFE_FIELDS if name in body}
    raw["source"] = {name: source[name] for name in _SAFE_SOURCE_FIELDS if name in source}
    return GatewayPayment(
        id=payment_id,
        status=status.lower(),
        amount_minor=_minor(body, "amount", required=True),
        currency=currency.upper(),
        fee_minor=_minor(body, "fee"),
        refunded_minor=_minor(body, "refunded"),
        captured_minor=_minor(body, "captured"),
        metadata=_metadata(body.get("metadata")),
        source_type=_text(source.get("type")),
        card_company=_text(source.get("company")),
        last_digits=_last_digits(source.get("number")),
        message=_text(source.get("message")),
        response_code=_text(source.get("response_code")),
        transaction_url=_page_url(source.get("transaction_url")),
        created_at=_moment(body.get("created_at")),
        updated_at=_moment(body.get("updated_at")),
        raw=_storable(raw),
    )


def _minor(body: Mapping[str, Any], name: str, *, required: bool = False) -> int:
    value = body.get(name)
    if value is None and not required:
        return 0
    if type(value) is not int or value < 0:
        raise _Malformed(f"{name} is not an amount in minor units")
    return value


def _metadata(value: Any) -> dict[str, str]:
    """Values as text: numbers may come back where text was sent."""
    if not isinstance(value, dict):
        return {}
    return {
        _clean(key): _clean(item if isinstance(item, str) else json.dumps(item, ensure_ascii=False))
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
    return _clean(value)[:500] if isinstance(value, str) and value else None


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)


def _iso(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("a time without zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _positive(amount_minor: int) -> int:
    if type(amount_minor) is not int or amount_minor <= 0:
        raise ValueError("an amount is a positive integer in minor units")
    return amount_minor


def _checked_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    if len(metadata) > METADATA_KEYS:
        raise ValueError(f"metadata has at most {METADATA_KEYS} keys")
    for key, value in metadata.items():
        if not isinstance(value, str):
            raise ValueError("metadata values are text")
        if not 0 < len(key) <= METADATA_KEY_LENGTH or len(value) > METADATA_VALUE_LENGTH:
            raise ValueError("metadata key or value is too long")
    return dict(metadata)


def _refuse_card_data(source: Mapping[str, Any]) -> None:
    """Card numbers may not pass through a merchant's server; Moyasar itself would not stop us."""
    if source.get("type") == "creditcard" or holds_card_data(source):
        raise ValueError("card data must go from the payer's phone to the gateway, never through us")


def holds_card_data(value: Any) -> bool:
    """Whether any depth of a body has a field for card data, or text that is a card number.

    Text that is itself a JSON object is looked into, because wallets wrap their token so.
    """
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        name, item = waiting.pop()
        if isinstance(item, Mapping):
            if any(str(key).lower() in _CARD_FIELDS for key in item):
                return True
            waiting += [(str(key), inner) for key, inner in item.items()]
        elif isinstance(item, list | tuple):
            waiting += [(name, inner) for inner in item]
        elif isinstance(item, str) and item.lstrip().startswith("{"):
            waiting.append((name, _parsed(item)))
        # A mobile number in 00966 form has fourteen digits and may pass the check by chance.
        elif isinstance(item, str | int) and name != "mobile" and _looks_like_card_number(str(item)):
            return True
    return False


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _looks_like_card_number(text: str) -> bool:
    """12 to 19 digits of any script, spaced or dashed, that pass the Luhn check."""
    if len(text) > 40:
        return False
    digits = [unicodedata.decimal(character, -1) for character in text if character not in " -"]
    if not 12 <= len(digits) <= 19 or -1 in digits:
        return False
    doubled = [
        digit if index % 2 == 0 else sum(divmod(2 * digit, 10)) for index, digit in enumerate(digits[::-1])
    ]
    return sum(doubled) % 10 == 0


def _storable(value: Any) -> Any:
    """The same JSON without secrets and personal data, and without what PostgreSQL's jsonb cannot hold."""
    if isinstance(value, Mapping):
        card = value.get("type") in ("creditcard", "applepay", "samsungpay", "googlepay")
        return {
            _clean(key): _masked(item) if key == "number" else _storable(item)
            for key, item in value.items()
            if key not in _PRIVATE_KEYS and not (card and key == "name")
        }
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _masked(number: Any) -> str | None:
    """A card number arrives masked; should it ever not, it is masked here."""
    if not isinstance(number, str):
        return None
    return re.sub(r"[0-9](?=(?:[^0-9]*[0-9]){4})", "X", _clean(number[:40]))


def _clean(text: str) -> str:
    return re.sub("[\x00\ud800-\udfff]", "\ufffd", text)


def _no_such_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
