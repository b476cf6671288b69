"""Settlements: what was paid, returned and charged back since the last one, sent to the merchant's bank.

Real fees stand here and nowhere else: VAT is inside `fee`, and `amount` of a line is net, so that for every line
`amount = payment_amount - fee`. Which sign Moyasar gives `payment_amount` of a refund is not documented; here it
is negative, like the money.
"""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from backend.payments.sandbox.errors import invalid, not_found, refused
from backend.payments.sandbox.store import Record, Store
from backend.payments.sandbox.values import estimated_fee, half_up, iso, listed, parse_moment

PAGE_SIZE = 40
TRANSFER_FEE = 115
PENALTY = 20_000
"""A chargeback costs 200 SAR."""


class Settlements:
    def __init__(self, store: Store, *, announce: Callable[[str, dict[str, Any]], None]) -> None:
        self._store = store
        self._announce = announce

    def settle(self, *, until: datetime | None = None, chargebacks: Sequence[str] = ()) -> dict[str, Any]:
        """Close the books on all that moved before `until` (now); `chargebacks` are payments a bank took back.

        What one settlement holds, no later one holds again. Raises ApiError when there is nothing to settle.
        """
        with self._store.transaction():
            moment = until or self._store.now()
            limit, disputed = iso(moment.astimezone(UTC)), {text.lower() for text in chargebacks}
            lines: list[dict[str, Any]] = []
            for record in self._store.charged():
                taken = record.hidden.get("settled") or {}
                fresh = list(_movements(record, taken, limit))
                if record.doc["id"] in disputed:
                    disputed.discard(record.doc["id"])
                    fresh += _charged_back(record, taken, limit)
                if not fresh:
                    continue
                record.hidden["settled"] = taken
                self._store.save(record)
                lines += fresh
            if disputed:
                raise refused("A chargeback names no payment that was paid", sorted(disputed))
            if not lines:
                raise refused("There is nothing to settle")
            lines.sort(key=lambda line: str(line["transacted_at"]))
            doc = {
                "id": str(uuid.uuid4()),
                "recipient_type": "Entity",
                "recipient_id": "6f1d5c1e-0f0c-4b5f-9f55-5a6d1f0b7c12",
                "currency": "SAR",
                "source_currency": "SAR",
                "invoicing_currency": "SAR",
                "amount": sum(line["amount"] for line in lines),
                "fee": TRANSFER_FEE,
                "tax": _tax(TRANSFER_FEE),
                "invoicing_fee": sum(line["fee"] for line in lines),
                "invoicing_tax": sum(line["tax"] for line in lines),
                "invoicing_ex_rate": 1,
                "reference": f"SBX{secrets.randbelow(10**10):010d}",
                "settlement_count": len(lines),
                "invoice_url": None,
                "csv_list_url": None,
                "pdf_list_url": None,
                "created_at": limit,
            }
            self._store.save_settlement(doc, lines)
            kept = ("id", "recipient_type", "recipient_id", "currency", "amount", "fee", "tax", "reference")
            told = {name: doc[name] for name in kept}
            told |= {"transaction_count": len(lines), "created_at": limit}
            self._announce("balance_transferred", told)
            return doc

    def fetch(self, settlement_id: str) -> dict[str, Any]:
        for doc in self._store.settlements():
            if doc["id"] == settlement_id.lower():
                return doc
        raise not_found()

    def list(self, query: Mapping[str, str]) -> dict[str, Any]:
        rows = self._store.settlements()
        if "id" in query:
            rows = [doc for doc in rows if doc["id"] == query["id"].lower()]
        for name, value in query.items():
            if match := re.fullmatch(r"created\[(gt|lt)\]", name):
                moment = parse_moment(value)
                if moment is None:
                    raise invalid(created="is not a date")
                edge, after = iso(moment), match[1] == "gt"
                rows = [d for d in rows if (d["created_at"] > edge if after else d["created_at"] < edge)]
        return listed("settlements", rows, query, size=PAGE_SIZE)

    def lines(self, settlement_id: str, query: Mapping[str, str]) -> dict[str, Any]:
        self.fetch(settlement_id)
        rows = self._store.settlement_lines(settlement_id.lower())
        return listed("lines", rows, query, size=PAGE_SIZE)


def _movements(record: Record, taken: dict[str, Any], limit: str) -> list[dict[str, Any]]:
    """What moved on a payment before `limit` and is in no settlement yet; notes it in `taken`."""
    doc, found = record.doc, []
    paid_at = doc["captured_at"] or record.hidden.get("paid_at")
    voided = doc["voided_at"] is not None
    if paid_at is None:
        return []
    charged = doc["captured"] or doc["amount"]
    if paid_at < limit and not taken.get("payment"):
        taken["payment"] = True
        fee = 0 if voided else estimated_fee(charged, doc["source"].get("company"))
        found.append(_line(record, "payment", charged, fee=fee, at=paid_at))
    if voided and doc["voided_at"] < limit and taken.get("payment") and not taken.get("void"):
        taken["void"] = True
        found.append(_line(record, "void", -charged, at=doc["voided_at"]))
    returned = doc["refunded"] - taken.get("refunded", 0)
    if returned and taken.get("payment") and (doc["refunded_at"] or "") < limit:
        taken["refunded"] = doc["refunded"]
        found.append(_line(record, "refund", -returned, at=doc["refunded_at"]))
    return found


def _charged_back(record: Record, taken: dict[str, Any], limit: str) -> list[dict[str, Any]]:
    if not taken.get("payment") or taken.get("chargeback"):
        return []
    taken["chargeback"] = True
    kept = (record.doc["captured"] or record.doc["amount"]) - record.doc["refunded"]
    penalty = _line(record, "chargeback_penalty", -PENALTY, at=limit)
    return [_line(record, "chargeback", -kept, at=limit), penalty]


def _line(record: Record, kind: str, payment_amount: int, *, at: str, fee: int = 0) -> dict[str, Any]:
    doc = record.doc
    net = payment_amount - fee
    return {
        "payment_id": doc["id"],
        "type": kind,
        "currency": doc["currency"],
        "payment_amount": payment_amount,
        "amount": net,
        "settlement_amount": net,
        "fee": fee,
        "tax": _tax(fee),
        "reference_number": doc["source"].get("reference_number"),
        "authorization_code": doc["source"].get("authorization_code"),
        "transacted_at": at,
        "source": {name: doc["source"].get(name) for name in ("type", "company")},
        "metadata": doc["metadata"],
    }


def _tax(fee: int) -> int:
    """The VAT inside a fee."""
    return fee - half_up(fee * 100, 115)
