"""Moyasar's rules about payments: what may be done to which, and what it looks like afterwards."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from backend.payments.sandbox import outcomes, sources
from backend.payments.sandbox.errors import ApiError, invalid, not_found, refused
from backend.payments.sandbox.outcomes import Outcome
from backend.payments.sandbox.store import Record, Store
from backend.payments.sandbox.values import (
    amount_format,
    estimated_fee,
    flag,
    iso,
    metadata,
    parse_moment,
    uuid_text,
    whole_number,
)

PAGE_SIZE = 40
PAYER_PATIENCE = timedelta(minutes=15)
VOID_WINDOW = timedelta(hours=2)
HOLD_LIFE = timedelta(days=14)
"""Mada's. Afterwards the issuer has dropped the hold, and the payment goes on saying `authorized`."""
STATUSES = frozenset(
    {
        "initiated",
        "paid",
        "failed",
        "authorized",
        "captured",
        "refunded",
        "voided",
        "verified",
        "expired",
    }
)

Announce = Callable[[str, dict[str, Any]], None]
"""Records a webhook event: its type and the payment as it is now."""


class Payments:
    """`public_url` is where the payer's browser finds this sandbox, without `/v1`."""

    def __init__(
        self, store: Store, *, announce: Announce, public_url: str, single_refund: bool = False
    ) -> None:
        self.store = store
        self._announce = announce
        self._public_url = public_url
        self.single_refund = single_refund

    # Creating

    def create(self, body: Mapping[str, Any], *, ip: str, invoice_id: str | None = None) -> dict[str, Any]:
        amount, currency = whole_number(body.get("amount")), body.get("currency")
        source, meta = body.get("source"), metadata(body.get("metadata"))
        given_id, callback_url = body.get("given_id"), body.get("callback_url")
        description = body.get("description")
        errors: dict[str, str] = {}
        if amount is None or amount <= 0:
            errors["amount"] = "must be a positive integer in the minor unit"
        if not isinstance(currency, str) or not re.fullmatch("[A-Za-z]{3}", currency):
            errors["currency"] = "is invalid"
        if given_id is not None and uuid_text(given_id) is None:
            errors["given_id"] = "is not a UUID"
        if meta is None:
            errors["metadata"] = "breaks the limits"
        if description is not None and not isinstance(description, str):
            errors["description"] = "is not text"
        if not isinstance(source, dict):
            errors["source"] = "is required"
        elif source.get("type") in ("creditcard", "token") and not is_url(callback_url):
            errors["callback_url"] = "is required"
        if errors or amount is None or not isinstance(currency, str) or not isinstance(source, dict):
            raise invalid(**errors)
        with self.store.transaction():
            payment_id = uuid_text(given_id) or str(uuid.uuid4())
            if self.store.payment(payment_id) is not None:
                raise ApiError(
                    400,
                    "used_given_id",
                    "The given_id provided has been already used with a different payment.",
                )
            now = self.store.now()
            plan = sources.plan(source, amount=amount, now=now, store=self.store)
            record = Record(
                _document(
                    id=payment_id,
                    status="initiated",
                    amount=amount,
                    currency=currency.upper(),
                    description=description,
                    invoice_id=invoice_id,
                    ip=ip,
                    callback_url=callback_url if isinstance(callback_url, str) else None,
                    created_at=iso(now),
                    updated_at=iso(now),
                    metadata=meta or None,
                    source=plan.source,
                ),
                plan.hidden | {"manual": plan.manual, "key": secrets.token_urlsafe(18)},
            )
            if plan.step is None:
                self._settle(record, plan.outcome)
            else:
                record.hidden |= {"step": plan.step, "code": plan.outcome.code}
                record.doc["source"]["transaction_url"] = self._step_url(record)
                self.store.save(record)
            return record.doc

    def _step_url(self, record: Record) -> str:
        payment_id, key = record.doc["id"], record.hidden["key"]
        if record.hidden["step"] == "otp":
            return f"{self._public_url}/v1/stc_pays/{payment_id}/proceed?{urlencode({'otp_token': key})}"
        return f"{self._public_url}/3ds/{payment_id}/{key}"

    # The payer's step

    def payer_page(self, payment_id: str, key: str) -> Record:
        """The payment behind a 3-D Secure page. Raises ApiError for a link that is not ours."""
        self._expire_stale()
        record = self._get(payment_id)
        if not secrets.compare_digest(record.hidden.get("key", "").encode(), key.encode()):
            raise not_found()
        return record

    def finish(self, payment_id: str, result: str) -> Record:
        """What the payer chose on the bank's page. A payment already final stays as it is."""
        if result not in outcomes.PAGE_RESULTS:
            raise invalid(result="must be one of " + ", ".join(outcomes.PAGE_RESULTS))
        with self.store.transaction():
            self._expire_stale()
            record = self._get(payment_id)
            if record.doc["status"] == "initiated":
                outcome = outcomes.PAGE_RESULTS[result] or outcomes.by_code(record.hidden.get("code") or "00")
                if record.hidden.get("step") == "otp" and result == "AUTHENTICATED":
                    outcome = outcomes.stc_code("123456")
                self._settle(record, outcome)
            return record

    def finish_stcpay(self, payment_id: str, key: str, otp: object) -> dict[str, Any]:
        with self.store.transaction():
            record = self.payer_page(payment_id, key)
            if record.hidden.get("step") != "otp":
                raise not_found()
            if record.doc["status"] != "initiated":
                raise refused("Payment is already completed")
            if not isinstance(otp, str) or not otp:
                raise invalid(otp_value="is required")
            self._settle(record, outcomes.stc_code(otp))
            return record.doc

    def return_url(self, record: Record) -> str | None:
        """Where the payer's browser goes from here, with the three hints."""
        callback_url = record.doc["callback_url"]
        if not callback_url:
            return None
        hints = {
            "id": record.doc["id"],
            "status": record.doc["status"],
            "message": record.doc["source"].get("message") or "",
        }
        address = quote(callback_url, safe=":/?#[]@!$&'()*+,;=%~")
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(hints)}"

    # Reading

    def fetch(self, payment_id: str) -> dict[str, Any]:
        self._expire_stale()
        return self._get(payment_id).doc

    def list(self, query: Mapping[str, str]) -> dict[str, Any]:
        self._expire_stale()
        conditions: list[str] = []
        parameters: list[str] = []
        for name, value in query.items():
            if name in ("id", "status"):
                conditions.append(f"{name} = ?")
                parameters.append(value.lower())
            elif name == "card_last_digits":
                conditions.append("last_digits = ?")
                parameters.append(value)
            elif name == "receipt_no":
                conditions.append("receipt_no = ?")
                parameters.append(value)
            elif match := re.fullmatch(r"(created|updated)\[(gt|lt)\]", name):
                moment = parse_moment(value)
                if moment is None:
                    raise invalid(**{match[1]: "is not a date"})
                conditions.append(f"{match[1]}_at {'>' if match[2] == 'gt' else '<'} ?")
                parameters.append(iso(moment))
            elif match := re.fullmatch(r"metadata\[(.{1,40})\]", name):
                conditions.append(
                    "exists (select 1 from json_each(payments.doc, '$.metadata') as pair"
                    " where pair.key = ? and cast(pair.value as text) = ?)"
                )
                parameters += [match[1], value]
        number = max(whole_number(query.get("page")) or 1, 1)
        rows, total = self.store.page(conditions, parameters, number=number, size=PAGE_SIZE)
        pages = -(-total // PAGE_SIZE)
        return {
            "payments": rows,
            "meta": {
                "current_page": number,
                "next_page": number + 1 if number < pages else None,
                "prev_page": number - 1 if number > 1 else None,
                "total_pages": pages,
                "total_count": total,
            },
        }

    # Changing

    def update(self, payment_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Only description and metadata; an empty value unsets a key, an empty object all of them."""
        with self.store.transaction():
            record = self._get(payment_id)
            if "description" in body:
                if body["description"] is not None and not isinstance(body["description"], str):
                    raise invalid(description="is not text")
                record.doc["description"] = body["description"]
            if "metadata" in body:
                given = body["metadata"]
                merged = (
                    ((record.doc["metadata"] or {}) | given) if given and isinstance(given, dict) else given
                )
                checked = metadata(merged)
                if checked is None:
                    raise invalid(metadata="breaks the limits")
                record.doc["metadata"] = checked or None
            self._save(record)
            return record.doc

    def capture(self, payment_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        with self.store.transaction():
            record = self._get(payment_id)
            if record.doc["status"] != "authorized":
                raise refused("Payment is not in a state that can be captured")
            made_at = parse_moment(record.doc["created_at"])
            if made_at is None or self.store.now() - made_at > HOLD_LIFE or record.hidden.get("lapsed"):
                raise refused("The authorization is no longer valid")
            amount = _optional_amount(body, record.doc["amount"])
            if amount > record.doc["amount"]:
                raise invalid(amount="is more than what was authorized")
            record.doc |= {"status": "captured", "captured": amount, "captured_at": iso(self.store.now())}
            record.doc["fee"] = estimated_fee(amount, record.doc["source"].get("company"))
            self._moved(record, "payment_captured")
            return record.doc

    def void(self, payment_id: str) -> dict[str, Any]:
        with self.store.transaction():
            record, now = self._get(payment_id), self.store.now()
            status = record.doc["status"]
            if status not in ("authorized", "paid", "captured"):
                raise refused("Payment is not in a state that can be voided")
            charged_at = parse_moment(record.doc["captured_at"] or record.hidden.get("paid_at")) or now
            if status != "authorized" and now - charged_at > VOID_WINDOW:
                raise refused("Payment can no longer be voided, refund it instead")
            record.doc |= {"status": "voided", "voided_at": iso(now), "fee": 0}
            self._moved(record, "payment_voided")
            return record.doc

    def refund(self, payment_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A partial refund makes the status `refunded` too. Whether a second one is taken is not documented:
        by default it is, with `single_refund` it is not."""
        with self.store.transaction():
            record = self._get(payment_id)
            again = record.doc["status"] == "refunded" and not self.single_refund
            if record.doc["status"] not in ("paid", "captured") and not again:
                raise refused("Payment is not in a state that can be refunded")
            charged = record.doc["captured"] or record.doc["amount"]
            left = charged - record.doc["refunded"]
            amount = _optional_amount(body, left)
            if amount > left or amount == 0:
                raise refused("The refund is more than what is left of the payment")
            record.doc |= {
                "status": "refunded",
                "refunded": record.doc["refunded"] + amount,
                "refunded_at": iso(self.store.now()),
            }
            self._moved(record, "payment_refunded")
            return record.doc

    def lapse(self, payment_id: str) -> Record:
        """The issuer drops a hold: nothing shows, and a capture is refused from now on."""
        with self.store.transaction():
            record = self._get(payment_id)
            if record.doc["status"] != "authorized":
                raise refused("Payment is not a hold")
            record.hidden["lapsed"] = True
            self.store.save(record)
            return record

    # Tokens

    def create_token(self, body: Mapping[str, Any]) -> dict[str, Any]:
        now = self.store.now()
        number, month, year = sources.checked_card(body, now)
        record = sources.new_token(
            number=number, month=month, year=year, name=str(body.get("name")), now=now, store=self.store
        )
        if not flag(body.get("save_only"), default=False):
            # The 1 SAR check is not played; the card is as good as verified.
            record.doc["status"] = "active" if record.hidden["code"] == "00" else "inactive"
            self.store.save_token(record)
        return record.doc

    def fetch_token(self, token_id: str) -> dict[str, Any]:
        record = self.store.token(token_id)
        if record is None:
            raise not_found()
        return record.doc

    def delete_token(self, token_id: str) -> None:
        if not self.store.delete_token(token_id):
            raise not_found()

    # Bulk import, of this sandbox only

    def import_rows(self, rows: Iterable[object]) -> dict[str, int]:
        """Payments that happened elsewhere. One bad row refuses all; an id already known is left as it is."""
        now = self.store.now()
        records = [_imported(row, index, now) for index, row in enumerate(rows)]
        added = self.store.add_missing(records)
        return {"received": len(records), "imported": added, "already_known": len(records) - added}

    # Inside

    def _get(self, payment_id: str) -> Record:
        record = self.store.payment(payment_id.lower())
        if record is None:
            raise not_found()
        return record

    def _expire_stale(self) -> None:
        """A payer who stalls loses the payment; noticed when somebody looks, as good as at the time."""
        limit = iso(self.store.now() - PAYER_PATIENCE)
        if self.store.initiated_before(limit):
            with self.store.transaction():
                for record in self.store.initiated_before(limit):
                    self._settle(record, outcomes.EXPIRED)

    def _settle(self, record: Record, outcome: Outcome) -> None:
        source, doc = record.doc["source"], record.doc
        source |= {"message": outcome.message, "transaction_url": None}
        if outcome.code is not None or outcome.failure_reason is None:
            source["reference_number"] = f"{secrets.randbelow(10**12):012d}"
        if source["type"] != "stcpay":
            source["response_code"] = outcome.code
            source["authorization_code"] = f"{secrets.randbelow(10**6):06d}" if outcome.approved else None
        if outcome.failure_reason is not None:
            source["failure_reason"] = outcome.failure_reason
        if not outcome.approved:
            doc["status"] = "failed"
        elif record.hidden.get("manual"):
            doc["status"] = "authorized"
        else:
            doc["status"] = "paid"
            doc["fee"] = estimated_fee(doc["amount"], source.get("company"))
            record.hidden["paid_at"] = iso(self.store.now())
            self._pay_invoice(doc["invoice_id"])
        self._finish_token(record.hidden.get("token"), active=outcome.approved)
        self._moved(record, f"payment_{doc['status']}")

    def _pay_invoice(self, invoice_id: str | None) -> None:
        """Whoever was at the bank when a page closed, or was paid already, pays all the same."""
        invoice = self.store.invoice(invoice_id) if invoice_id else None
        if invoice is not None:
            invoice.doc |= {"status": "paid", "updated_at": iso(self.store.now())}
            self.store.save_invoice(invoice)

    def _finish_token(self, token_id: str | None, *, active: bool) -> None:
        token = self.store.token(token_id) if token_id else None
        if token is not None and token.doc["status"] == "initiated":
            token.doc |= {"status": "active" if active else "inactive", "updated_at": iso(self.store.now())}
            self.store.save_token(token)

    def _save(self, record: Record) -> None:
        record.doc["updated_at"] = iso(self.store.now())
        _format_amounts(record.doc)
        self.store.save(record)

    def _moved(self, record: Record, event_type: str) -> None:
        self._save(record)
        self._announce(event_type, record.doc)


def is_url(value: object) -> bool:
    """A web address, or one that opens an app; never a script."""
    return isinstance(value, str) and bool(
        re.match(r"(?!javascript:|data:|vbscript:)[a-z][a-z0-9+.-]*://[^\s]+\Z", value, re.IGNORECASE)
    )


def _optional_amount(body: Mapping[str, Any], otherwise: int) -> int:
    if body.get("amount") is None:
        return otherwise
    amount = whole_number(body["amount"])
    if amount is None or amount <= 0:
        raise invalid(amount="must be a positive integer in the minor unit")
    return amount


def _document(**known: Any) -> dict[str, Any]:
    """A payment in full shape, in the order of the documentation."""
    empty: dict[str, Any] = {
        "id": None, "status": None, "amount": 0, "fee": 0, "currency": None,
        "refunded": 0, "refunded_at": None, "captured": 0, "captured_at": None, "voided_at": None,
        "description": None, "amount_format": None, "fee_format": None, "refunded_format": None,
        "captured_format": None, "invoice_id": None, "ip": None, "callback_url": None,
        "created_at": None, "updated_at": None, "metadata": None, "source": None,
    }  # fmt: skip
    return _format_amounts(empty | known)


def _format_amounts(doc: dict[str, Any]) -> dict[str, Any]:
    for name in ("amount", "fee", "refunded", "captured"):
        doc[f"{name}_format"] = amount_format(doc[name], doc["currency"])
    return doc


def _imported(row: object, index: int, now: datetime) -> Record:
    if not isinstance(row, dict):
        raise refused(f"row {index} is not an object")
    source = row.get("source") if isinstance(row.get("source"), dict) else {}
    nested = {**source} if isinstance(source, dict) else {}
    payment_id, amount = uuid_text(row.get("id")), whole_number(row.get("amount"))
    status, meta = row.get("status", "paid"), metadata(row.get("metadata"))
    refunded, captured = whole_number(row.get("refunded", 0)), whole_number(row.get("captured", 0))
    created = parse_moment(row["created_at"]) if "created_at" in row else now
    updated = parse_moment(row["updated_at"]) if "updated_at" in row else created
    if payment_id is None or amount is None or amount <= 0 or status not in STATUSES:
        raise refused(f"row {index}: id, amount or status is wrong")
    if refunded is None or refunded > amount or captured is None or meta is None:
        raise refused(f"row {index}: refunded, captured or metadata is wrong")
    if created is None or updated is None:
        raise refused(f"row {index}: created_at or updated_at is not a time")
    if status == "captured" and not captured:
        captured = amount
    if status == "refunded" and not refunded:
        refunded = amount
    company = str(row.get("company") or nested.get("company") or "mada")
    digits = str(row.get("last_digits") or nested.get("last_digits") or nested.get("number") or "1010")[-4:]
    charged = status in ("paid", "captured", "refunded")
    fee = whole_number(row.get("fee"))
    stamp = iso(updated.astimezone(UTC))
    code = "00" if charged or status in ("authorized", "voided") else None
    return Record(
        _document(
            id=payment_id,
            status=status,
            amount=amount,
            fee=fee if fee is not None else estimated_fee(captured or amount, company) if charged else 0,
            currency=str(row.get("currency") or "SAR").upper(),
            refunded=refunded,
            refunded_at=stamp if refunded else None,
            captured=captured,
            captured_at=iso(created) if captured else None,
            voided_at=stamp if status == "voided" else None,
            description=row.get("description"),
            callback_url=row.get("callback_url") if is_url(row.get("callback_url")) else None,
            created_at=iso(created),
            updated_at=stamp,
            metadata=meta or None,
            source={
                "type": str(row.get("source_type") or nested.get("type") or "creditcard"),
                "company": company,
                "name": None,
                "number": f"XXXX-XXXX-XXXX-{digits}",
                "gateway_id": f"moyasar_cc_{payment_id[:8]}",
                "reference_number": f"{int(payment_id[:8], 16):012d}",
                "token": None,
                "message": nested.get("message") or ("APPROVED" if code else None),
                "transaction_url": None,
                "response_code": nested.get("response_code") or code,
                "authorization_code": None,
                "issuer_name": None,
                "issuer_country": "SA",
                "issuer_card_type": "debit" if company == "mada" else "credit",
                "issuer_card_category": None,
            },
        ),
        {
            "paid_at": iso(parse_moment(row.get("paid_at")) or created),
            "key": secrets.token_urlsafe(18),
            "step": "3ds",
            "code": "00",
        },
    )
