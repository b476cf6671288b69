"""Invoices as Moyasar means them: a hosted page to pay on. A failed try leaves one payable."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Mapping
from datetime import UTC
from typing import Any
from urllib.parse import urlencode, urlsplit

from backend.payments.sandbox.errors import invalid, not_found, refused
from backend.payments.sandbox.payments import PAGE_SIZE, Payments, is_url
from backend.payments.sandbox.store import Record, Store
from backend.payments.sandbox.values import amount_format, iso, listed, metadata, parse_moment, whole_number

LEAST = 100
PAGE_CARDS = {"PAY": "4201320111111010", "VERIFY": "4201320111111010", "DECLINE": "4201320000311101"}
"""What the page's buttons charge: an approved mada card, the same with the bank's page first, one without funds."""


class Invoices:
    def __init__(self, store: Store, payments: Payments, *, public_url: str) -> None:
        self._store = store
        self._payments = payments
        self._public_url = public_url

    def create(self, body: Mapping[str, Any]) -> dict[str, Any]:
        amount, currency, description = (
            whole_number(body.get("amount")),
            body.get("currency"),
            body.get("description"),
        )
        meta, now = metadata(body.get("metadata")), self._store.now()
        expires = parse_moment(body.get("expired_at"))
        errors: dict[str, str] = {}
        if amount is None or amount < LEAST:
            errors["amount"] = f"must be at least {LEAST}"
        if not isinstance(currency, str) or not re.fullmatch("[A-Za-z]{3}", currency):
            errors["currency"] = "is invalid"
        if not isinstance(description, str) or not description:
            errors["description"] = "is required"
        if meta is None:
            errors["metadata"] = "breaks the limits"
        if body.get("expired_at") is not None and (expires is None or expires <= now):
            errors["expired_at"] = "must be in the future"
        for name in ("callback_url", "success_url", "back_url"):
            if body.get(name) is not None and not is_url(body[name]):
                errors[name] = "is invalid"
        if errors or amount is None or not isinstance(currency, str):
            raise invalid(**errors)
        invoice_id = str(uuid.uuid4())
        key = secrets.token_urlsafe(18)
        doc = {
            "id": invoice_id,
            "status": "initiated",
            "amount": amount,
            "currency": currency.upper(),
            "description": description,
            "logo_url": None,
            "amount_format": amount_format(amount, currency.upper()),
            "url": f"{self._public_url}/invoices/{invoice_id}/{key}",
            "callback_url": body.get("callback_url"),
            "success_url": body.get("success_url"),
            "back_url": body.get("back_url"),
            "expired_at": iso(expires.astimezone(UTC)) if expires else None,
            "created_at": iso(now),
            "updated_at": iso(now),
            "metadata": meta or None,
        }
        self._store.save_invoice(Record(doc, {"key": key}))
        return doc | {"payments": []}

    def fetch(self, invoice_id: str) -> dict[str, Any]:
        return self._whole(self._get(invoice_id))

    def list(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Newest first, filtered by `id`, `status` and `metadata[key]`."""
        wanted = {
            match[1]: value
            for name, value in query.items()
            if (match := re.fullmatch(r"metadata\[(.{1,40})\]", name))
        }
        rows = [
            record
            for record in map(self._lapsed, self._store.invoices())
            if all(str((record.doc["metadata"] or {}).get(key)) == value for key, value in wanted.items())
            and all(record.doc[name] == query[name].lower() for name in ("id", "status") if name in query)
        ]
        return listed("invoices", rows, query, size=PAGE_SIZE, show=self._whole)

    def update(self, invoice_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Metadata only."""
        with self._store.transaction():
            record = self._get(invoice_id)
            meta = metadata(body.get("metadata"))
            if meta is None:
                raise invalid(metadata="breaks the limits")
            record.doc["metadata"] = meta or None
            return self._saved(record)

    def cancel(self, invoice_id: str) -> dict[str, Any]:
        with self._store.transaction():
            record = self._get(invoice_id)
            if record.doc["status"] not in ("initiated", "failed"):
                raise refused("Invoice can not be canceled")
            record.doc["status"] = "canceled"
            return self._saved(record)

    # The hosted page

    def behind(self, invoice_id: str, key: str) -> Record:
        """The invoice of a page's address. Raises ApiError for a link that is not ours."""
        record = self._get(invoice_id)
        if not secrets.compare_digest(record.hidden["key"].encode(), key.encode()):
            raise not_found()
        return record

    def pay(self, record: Record, choice: str, *, ip: str) -> str | None:
        """What the payer pressed; answers where their browser goes on, if the page does not stay open."""
        if choice not in PAGE_CARDS:
            raise invalid(choice="must be one of " + ", ".join(PAGE_CARDS))
        with self._store.transaction():
            record = self._get(record.doc["id"])
            doc = record.doc
            if doc["status"] not in ("initiated", "failed"):
                raise refused("Invoice can not be paid")
            payment = self._payments.create(
                {
                    "amount": doc["amount"],
                    "currency": doc["currency"],
                    "description": doc["description"],
                    "metadata": doc["metadata"],
                    "callback_url": doc["url"],
                    "source": {
                        "type": "creditcard",
                        "name": "Sandbox Payer",
                        "number": PAGE_CARDS[choice],
                        "month": 12,
                        "year": self._store.now().year + 2,
                        "cvc": "123",
                        "3ds": choice == "VERIFY",
                    },
                },
                ip=ip,
                invoice_id=doc["id"],
            )
        if payment["source"]["transaction_url"]:
            return str(payment["source"]["transaction_url"])
        doc = self._get(doc["id"]).doc
        if doc["status"] != "paid" or not doc["success_url"]:
            return None
        hints = urlencode({"id": payment["id"], "status": payment["status"], "invoice_id": doc["id"]})
        return f"{doc['success_url']}{'&' if urlsplit(doc['success_url']).query else '?'}{hints}"

    # Inside

    def _get(self, invoice_id: str) -> Record:
        record = self._store.invoice(invoice_id.lower())
        if record is None:
            raise not_found()
        return self._lapsed(record)

    def _lapsed(self, record: Record) -> Record:
        """One past its time, noticed when somebody looks."""
        ends = record.doc["expired_at"]
        if record.doc["status"] == "initiated" and ends is not None and ends <= iso(self._store.now()):
            record.doc["status"] = "expired"
            self._store.save_invoice(record)
        return record

    def _saved(self, record: Record) -> dict[str, Any]:
        record.doc["updated_at"] = iso(self._store.now())
        self._store.save_invoice(record)
        return self._whole(record)

    def _whole(self, record: Record) -> dict[str, Any]:
        return record.doc | {"payments": self._store.payments_of_invoice(record.doc["id"])}
