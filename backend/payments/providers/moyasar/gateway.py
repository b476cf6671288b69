"""Moyasar's protocol in our words."""

from __future__ import annotations

import hmac
import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from backend.core.http import HttpAnswer, HttpClient
from backend.payments.providers import (
    GatewayError,
    GatewayFault,
    GatewayInvoice,
    GatewayPayment,
    GatewayRefused,
    GatewaySettlement,
    GatewayToken,
    GatewayUnknown,
    SettlementLine,
    WebhookCall,
    WebhookUnreadable,
    WebhookUnverified,
)
from backend.payments.providers.moyasar import reading
from backend.payments.providers.moyasar.cards import refuse_card_data
from backend.payments.providers.moyasar.door import Door, Observe

T = TypeVar("T")
METADATA_KEYS, METADATA_KEY_LENGTH, METADATA_VALUE_LENGTH = 30, 40, 500
ATTEMPT = "attempt_id"
"""Where an invoice's metadata names the attempt it was made for."""

_EVENT_SPELLINGS = {"payment_faild": "payment_failed"}  # the reference page's spelling
_SLACK = timedelta(seconds=1)
REMEMBERED = 2_000
"""Payments of a list; more than arrive between two of its pages."""


class MoyasarGateway:
    """A `PaymentGateway`. The secret key alone decides between real and test money.

    Timeouts are seconds. `recheck_pause` is how long a create of unknown outcome waits before it looks a
    second time; `sleep` is a parameter so that tests need not. `observe` is told of every request made.
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
        observe: Observe | None = None,
    ) -> None:
        self.publishable_key = publishable_key
        self._live = secret_key.startswith("sk_live_")
        self._webhook_secret = webhook_secret.encode()
        self._resolve_timeout = resolve_timeout
        self._recheck_pause = recheck_pause
        self._sleep = sleep
        http = HttpClient(
            base_url,
            auth=(secret_key, ""),
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            total_timeout=read_timeout,
        )
        self._door = Door(http, write_timeout=write_timeout, observe=observe)

    def __repr__(self) -> str:
        return f"MoyasarGateway({self._door.base_url!r}, live={self.live})"

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
        refuse_card_data(source)
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
            return self._change("create", "POST", "/payments", body, payment_id=given_id)
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
        try:
            payment = self._fetch(given_id, timeout=self._resolve_timeout)
            if payment is None and patient:
                self._sleep(self._recheck_pause)
                payment = self._fetch(given_id, timeout=self._resolve_timeout)
        except GatewayError as trouble:
            text = f"create left open ({error}), and looking it up failed ({trouble})"
            raise GatewayUnknown(text, **_words_of(error)) from error
        if payment is not None:
            return payment
        if isinstance(error, GatewayRefused) and not patient:
            raise error
        raise GatewayUnknown(
            f"create left open ({error}), no such payment yet", absent=True, **_words_of(error)
        ) from error

    def submit_otp(self, payment_id: UUID, *, page_url: str, otp: str) -> GatewayPayment:
        # The code goes to Moyasar and nowhere else, whatever host the page names.
        address = urlsplit(page_url)
        step = re.search(r"/stc_pays/[A-Za-z0-9_-]{1,80}/proceed\Z", address.path)
        if step is None:
            raise ValueError("not a page that takes a one-time code")
        query = dict(parse_qsl(address.query))
        return self._change(
            "otp", "POST", step[0], {"otp_value": otp}, payment_id=payment_id, params=query or None
        )

    # Reading

    def fetch_payment(self, payment_id: UUID) -> GatewayPayment | None:
        return self._fetch(payment_id)

    def _fetch(self, payment_id: UUID, *, timeout: float | None = None) -> GatewayPayment | None:
        return self._door.read(
            "fetch",
            f"/payments/{payment_id}",
            lambda body: reading.payment(body, expected=payment_id),
            about=payment_id,
            timeout=timeout,
        )

    def list_payments(
        self,
        *,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        updated_from: datetime | None = None,
    ) -> Iterator[GatewayPayment]:
        params = _span(created_from, created_to)
        if updated_from is not None:
            params["updated[gt]"] = _iso(updated_from - _SLACK)
        # Pages shift while payments arrive, so one may come twice, soon after the first time; it is given once.
        seen: OrderedDict[UUID, None] = OrderedDict()
        for payment in self._all("list", "/payments", "payments", reading.payment, params):
            if payment.id in seen or not _within(payment.created_at, created_from, created_to):
                continue
            if not _within(payment.updated_at, updated_from, None):
                continue
            seen[payment.id] = None
            if len(seen) > REMEMBERED:
                seen.popitem(last=False)
            yield payment

    def _all(
        self, verb: str, path: str, key: str, parse: Callable[[Any], T], params: Mapping[str, str]
    ) -> Iterator[T]:
        """Every row of a list, page after page."""
        number: int | None = 1
        while number is not None:
            here = number
            page = self._door.read(
                verb,
                path,
                lambda body: reading.page(body, key=key, number=here, parse=parse),  # noqa: B023 (used at once)
                params={**params, "page": str(here)},
            )
            if page is None:
                raise GatewayFault(f"no such list, page {here}", status=404)
            yield from page.rows
            number = page.following

    # Changing

    def refund_payment(self, payment_id: UUID, amount_minor: int | None = None) -> GatewayPayment:
        return self._act(payment_id, "refund", amount_minor)

    def void_payment(self, payment_id: UUID) -> GatewayPayment:
        return self._act(payment_id, "void", None)

    def capture_payment(self, payment_id: UUID, amount_minor: int | None = None) -> GatewayPayment:
        return self._act(payment_id, "capture", amount_minor)

    def _act(self, payment_id: UUID, verb: str, amount_minor: int | None) -> GatewayPayment:
        body = None if amount_minor is None else {"amount": _positive(amount_minor)}
        return self._change(verb, "POST", f"/payments/{payment_id}/{verb}", body, payment_id=payment_id)

    def update_payment(
        self,
        payment_id: UUID,
        *,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> GatewayPayment:
        body: dict[str, Any] = {}
        if description is not None:
            body["description"] = description
        if metadata is not None:
            body["metadata"] = _checked_metadata(metadata)
        changed = self._door.change(
            "update",
            "PUT",
            f"/payments/{payment_id}",
            body,
            # Old servers answered nothing at all.
            lambda answer: (
                reading.payment(answer.json_object(), expected=payment_id) if answer.body.strip() else None
            ),
            about=payment_id,
        )
        changed = changed or self._fetch(payment_id)
        if changed is None:
            raise GatewayUnknown("updated, and then not to be found")
        return changed

    def _change(
        self,
        verb: str,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        *,
        payment_id: UUID,
        params: Mapping[str, str] | None = None,
    ) -> GatewayPayment:
        return self._door.change(
            verb,
            method,
            path,
            body,
            lambda answer: reading.payment(answer.json_object(), expected=payment_id),
            about=payment_id,
            params=params,
        )

    # Saved cards

    def fetch_token(self, token_id: str) -> GatewayToken | None:
        return self._door.read(
            "token_fetch", _token_path(token_id), lambda body: reading.token(body, expected=token_id)
        )

    def delete_token(self, token_id: str) -> None:
        try:
            self._door.change("token_delete", "DELETE", _token_path(token_id), None, _nothing)
        except GatewayRefused as error:
            if error.status != 404:
                raise

    # The hosted page

    def create_invoice(
        self,
        *,
        attempt_id: UUID,
        amount_minor: int,
        currency: str,
        description: str,
        metadata: Mapping[str, str],
        success_url: str | None = None,
        back_url: str | None = None,
        expires_at: datetime | None = None,
    ) -> GatewayInvoice:
        mark = {ATTEMPT: str(attempt_id)}
        body: dict[str, Any] = {
            "amount": _positive(amount_minor),
            "currency": currency,
            "description": description,
            "metadata": _checked_metadata({**metadata, **mark}),
        }
        for name, value in (("success_url", success_url), ("back_url", back_url)):
            if value is not None:
                body[name] = value
        if expires_at is not None:
            body["expired_at"] = _iso(expires_at)

        def existing() -> GatewayInvoice | None:
            return next(
                (
                    invoice
                    for invoice in self.list_invoices(metadata=mark)
                    if (invoice.status, invoice.amount_minor, invoice.currency)
                    == ("initiated", amount_minor, currency.upper())
                ),
                None,
            )

        found = existing()
        if found is not None:
            return found
        try:
            return self._door.change(
                "invoice_create",
                "POST",
                "/invoices",
                body,
                lambda answer: reading.invoice(answer.json_object()),
                about=attempt_id,
            )
        except GatewayUnknown as error:
            self._sleep(self._recheck_pause)
            try:
                found = existing()
            except GatewayError as trouble:
                text = f"invoice left open ({error}), and looking it up failed ({trouble})"
                raise GatewayUnknown(text, **_words_of(error)) from error
            if found is None:
                raise GatewayUnknown(
                    f"invoice left open ({error}), no such invoice yet", absent=True, **_words_of(error)
                ) from error
            return found

    def fetch_invoice(self, invoice_id: UUID) -> GatewayInvoice | None:
        return self._door.read(
            "invoice_fetch",
            f"/invoices/{invoice_id}",
            lambda body: reading.invoice(body, expected=invoice_id),
            about=invoice_id,
        )

    def list_invoices(self, *, metadata: Mapping[str, str]) -> Iterator[GatewayInvoice]:
        wanted = _checked_metadata(metadata)
        params = {f"metadata[{key}]": value for key, value in wanted.items()}
        for invoice in self._all("invoice_list", "/invoices", "invoices", reading.invoice, params):
            # A filter that were not understood would be ignored, and everybody's invoices come back.
            if all(invoice.metadata.get(key) == value for key, value in wanted.items()):
                yield invoice

    def cancel_invoice(self, invoice_id: UUID) -> GatewayInvoice:
        return self._door.change(
            "invoice_cancel",
            "PUT",
            f"/invoices/{invoice_id}/cancel",
            None,
            lambda answer: reading.invoice(answer.json_object(), expected=invoice_id),
            about=invoice_id,
        )

    # Settlements

    def list_settlements(
        self, *, created_from: datetime | None = None, created_to: datetime | None = None
    ) -> Iterator[GatewaySettlement]:
        seen: set[str] = set()
        params = _span(created_from, created_to)
        for found in self._all("settlement_list", "/settlements", "settlements", reading.settlement, params):
            if found.id not in seen and _within(found.created_at, created_from, created_to):
                seen.add(found.id)
                yield found

    def fetch_settlement(self, settlement_id: str) -> GatewaySettlement | None:
        return self._door.read(
            "settlement_fetch",
            _settlement_path(settlement_id),
            lambda body: reading.settlement(body, expected=settlement_id),
        )

    def settlement_lines(self, settlement_id: str) -> Iterator[SettlementLine]:
        path = f"{_settlement_path(settlement_id)}/lines"
        yield from self._all("settlement_lines", path, "lines", reading.settlement_line, {})

    # Webhooks

    def parse_webhook(self, body: bytes) -> WebhookCall:
        try:
            payload = json.loads(body, parse_constant=reading.no_such_number)
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
            redacted = reading.storable(payload)
        except RecursionError:
            raise WebhookUnreadable("nested too deeply") from None
        return WebhookCall(
            event_id=event_id,
            type=_EVENT_SPELLINGS.get(kind, kind),
            live=live if isinstance(live, bool) else None,
            payment_id=reading.uuid_or_none(payment_id),
            created_at=reading.moment(payload.get("created_at")),
            payload=redacted,
        )


def _words_of(error: GatewayError) -> dict[str, Any]:
    return {name: getattr(error, name) for name in ("status", "type", "message", "request_id")}


def _span(created_from: datetime | None, created_to: datetime | None) -> dict[str, str]:
    """The filters are exclusive and their precision is not documented: ask for more at either end, cut here."""
    params: dict[str, str] = {}
    if created_from is not None:
        params["created[gt]"] = _iso(created_from - _SLACK)
    if created_to is not None:
        params["created[lt]"] = _iso(created_to + _SLACK)
    return params


def _within(moment: datetime | None, starts: datetime | None, ends: datetime | None) -> bool:
    if moment is None:
        return True
    return (starts is None or moment >= starts) and (ends is None or moment < ends)


def _iso(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("a time without zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _token_path(token_id: str) -> str:
    if not reading.TOKEN_ID.fullmatch(token_id):
        raise ValueError("not the id of a saved card")
    return f"/tokens/{token_id}"


def _settlement_path(settlement_id: str) -> str:
    if not reading.SETTLEMENT_ID.fullmatch(settlement_id):
        raise ValueError("not the id of a settlement")
    return f"/settlements/{settlement_id}"


def _nothing(answer: HttpAnswer) -> None:
    """Whatever the body of a success says."""


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
