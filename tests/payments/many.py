"""Thousands of payments on all three sides at once, and faults planted among them, each of one kind and no other."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle, islice
from typing import Any

from django.utils import timezone

from backend.bookings.models import Booking
from backend.core.ids import uuid7
from backend.payments.models import Payment
from backend.payments.sandbox.store import Record, Store
from backend.payments.sandbox.values import estimated_fee, half_up, iso

KINDS = (
    "missing_here", "missing_there", "currency", "amount", "metadata", "status", "refunded", "duplicate", "orphan",
    "settled_twice", "settled_amount", "fee", "wrong_day", "unsettled", "chargeback", "chargeback_penalty",
    "settlement_total",
)  # fmt: skip
HONEST = ("paid", "paid", "paid", "paid", "returned", "voided", "failed", "never_sent", "young")
DAYS = 20
PER_BATCH = 2_000


@dataclass
class Planted:
    """What was planted: by kind, the gateway's ids (settlements' ids for `settlement_total`)."""

    faults: dict[str, set[str]] = field(default_factory=dict)
    captured_minor: int = 0
    refunded_minor: int = 0

    def note(self, kind: str, subject: Any) -> None:
        self.faults.setdefault(kind, set()).add(str(subject))


def plant(
    store: Store, template: Booking, *, count: int, faults: int, now: datetime | None = None, seed: int = 1
) -> Planted:
    """Fill our tables and the sandbox's own with `count` payments of the last days, `faults` of them faulty."""
    now = now or timezone.now()
    field_ = _Field(store, template, now, random.Random(seed))
    kinds = [*islice(cycle(KINDS), faults), *islice(cycle(HONEST), count - faults)]
    field_.random.shuffle(kinds)
    for start in range(0, count, PER_BATCH):
        field_.sow(kinds[start : start + PER_BATCH])
    return field_.planted


class _Field:
    def __init__(self, store: Store, template: Booking, now: datetime, dice: random.Random) -> None:
        self.store, self.template, self.now, self.random = store, template, now, dice
        self.planted = Planted()
        self.sown = 0

    def sow(self, kinds: Iterable[str]) -> None:
        bookings: list[Booking] = []
        ours: list[Payment] = []
        theirs: list[Record] = []
        lines: list[dict[str, Any]] = []
        odd: list[dict[str, Any]] = []
        for kind in kinds:
            bookings.append(booking := self._booking())
            for payment, record, moves in self._one(kind, booking, odd):
                ours += [payment] if payment is not None else []
                theirs += [record] if record is not None else []
                lines += moves
        Booking.objects.bulk_create(bookings)
        Payment.objects.bulk_create(ours)
        self.store.add_missing(theirs)
        if lines:
            self._settle(lines)
        for line in odd:
            self.planted.note(
                "settlement_total", self._settle([line], off_by=self.random.choice((-100, 100)))
            )

    def _booking(self) -> Booking:
        self.sown += 1
        values = {f.attname: getattr(self.template, f.attname) for f in Booking._meta.concrete_fields}
        values |= {
            "id": uuid7(),
            "reference": f"Z{self.sown:07d}",
            "state": "completed",
            "price_minor": 90_000,
        }
        values |= {"deposit_paid_at": self.now, "deposit_secured_at": self.now, "hold_expires_at": None}
        return Booking(**values)

    def _one(
        self, kind: str, booking: Booking, odd: list[dict[str, Any]]
    ) -> Iterator[tuple[Payment | None, Record | None, list[dict[str, Any]]]]:
        """Our row, the gateway's and the settlement's lines of one payment, or of two that belong together."""
        dice = self.random
        amount = dice.randrange(10_000, 40_000)
        # Between three days and DAYS ago, away from midnight: what is not settled yet is younger than this.
        at = (self.now - timedelta(days=dice.randrange(3, DAYS))).replace(hour=dice.randrange(6, 18))
        at = at.replace(minute=dice.randrange(60), second=dice.randrange(60), microsecond=0)
        if kind == "young":
            at = (self.now - timedelta(days=1)).replace(hour=9, microsecond=0)
        if kind == "unsettled":
            at = (self.now - timedelta(days=15)).replace(hour=9, microsecond=0)
        payment = Payment(
            id=uuid.UUID(int=dice.getrandbits(128), version=4), booking=booking, state="captured", amount_minor=amount,
            captured_minor=amount, source_type="client", gateway_seen=True, created_at=at, settled_at=at,
            expires_at=at + timedelta(minutes=20),
        )  # fmt: skip
        record = self._record(payment, at)
        line = self._line(record, at)
        moves = [line]
        key = payment.pk
        match kind:
            case "missing_here":
                self.planted.note(kind, key)
                yield None, record, moves
                return
            case "missing_there":
                self.planted.note(kind, key)
                self._count(payment)
                yield payment, None, moves
                return
            case "currency":
                record.doc["currency"] = "USD"
            case "amount":
                record.doc["amount"] += 100
            case "metadata":
                record.doc["metadata"]["booking_id"] = str(uuid.uuid4())
            case "status":
                payment.state, payment.captured_minor, payment.settled_at = "initiated", 0, None
            case "refunded":
                record.doc |= {"status": "refunded", "refunded": 300, "refunded_at": iso(at)}
            case "duplicate":
                again = Payment(
                    id=uuid.UUID(int=dice.getrandbits(128), version=4), booking=booking, state="captured",
                    amount_minor=amount, captured_minor=amount, source_type="client", gateway_seen=True,
                    created_at=at, settled_at=at + timedelta(minutes=1), expires_at=at + timedelta(minutes=20),
                )  # fmt: skip
                twin = self._record(again, at)
                self._count(again)
                yield again, twin, [self._line(twin, at)]
                key = again.pk
            case "orphan":
                key = uuid.UUID(int=dice.getrandbits(128), version=4)
                moves.append(line | {"payment_id": str(key)})
            case "settled_twice":
                moves.append(dict(line))
            case "settled_amount":
                short = {"payment_amount": line["payment_amount"] - 500, "amount": line["amount"] - 500}
                moves = [line | short]
            case "fee":
                dearer = line["fee"] + 345
                moves = [
                    line | {"fee": dearer, "tax": _tax(dearer), "amount": line["payment_amount"] - dearer}
                ]
            case "wrong_day":
                moves = [line | {"transacted_at": iso(at + timedelta(days=1))}]
            case "unsettled" | "young":
                moves = []
            case "chargeback":
                moves.append(self._taken(line, "chargeback", -line["payment_amount"], at))
            case "chargeback_penalty":
                moves.append(self._taken(line, "chargeback_penalty", -20_000, at))
            case "settlement_total":
                odd.append(line)
                self._count(payment)
                yield payment, record, []
                return
            case "returned":
                payment.state, payment.refunded_minor = "partially_refunded", 700
                record.doc |= {"status": "refunded", "refunded": 700, "refunded_at": iso(at)}
                moves.append(self._taken(line, "refund", -700, at))
            case "voided":
                payment.state, payment.captured_minor, payment.settled_at = "voided", 0, None
                record.doc |= {"status": "voided", "voided_at": iso(at)}
                moves = [
                    line | {"fee": 0, "tax": 0, "amount": amount},
                    self._taken(line, "void", -amount, at),
                ]
            case "failed":
                payment.state, payment.captured_minor, payment.settled_at = "failed", 0, None
                record.doc["status"] = "failed"
                moves = []
            case "never_sent":
                payment.state, payment.captured_minor, payment.settled_at = "initiated", 0, None
                payment.gateway_seen = False
                yield payment, None, []
                return
        if kind in KINDS:
            self.planted.note(kind, key)
        self._count(payment)
        yield payment, record, moves

    def _count(self, payment: Payment) -> None:
        if payment.state not in ("initiated", "failed", "voided"):
            self.planted.captured_minor += payment.captured_minor
            self.planted.refunded_minor += payment.refunded_minor

    def _record(self, payment: Payment, at: datetime) -> Record:
        doc = {
            "id": str(payment.pk), "status": "paid", "amount": payment.amount_minor, "currency": "SAR",
            "fee": estimated_fee(payment.amount_minor, "mada"), "refunded": 0, "refunded_at": None, "captured": 0,
            "captured_at": None, "voided_at": None, "description": "Visit", "invoice_id": None, "ip": None,
            "callback_url": None, "created_at": iso(at), "updated_at": iso(at),
            "metadata": {"payment_id": str(payment.pk), "booking_id": str(payment.booking_id)},
            "source": {"type": "creditcard", "company": "mada", "number": "XXXX-XXXX-XXXX-1010", "message": "APPROVED"},
        }  # fmt: skip
        return Record(doc, {"paid_at": iso(at)})

    def _line(self, record: Record, at: datetime) -> dict[str, Any]:
        fee = record.doc["fee"]
        return {
            "payment_id": record.doc["id"], "type": "payment", "currency": "SAR",
            "payment_amount": record.doc["amount"], "amount": record.doc["amount"] - fee, "fee": fee, "tax": _tax(fee),
            "reference_number": None, "transacted_at": iso(at), "metadata": {},
        }  # fmt: skip

    def _taken(self, line: dict[str, Any], kind: str, amount: int, at: datetime) -> dict[str, Any]:
        return line | {"type": kind, "payment_amount": amount, "amount": amount, "fee": 0, "tax": 0}

    def _settle(self, lines: list[dict[str, Any]], *, off_by: int = 0) -> str:
        settlement = {
            "id": str(uuid.UUID(int=self.random.getrandbits(128), version=4)), "currency": "SAR",
            "amount": sum(line["amount"] for line in lines) + off_by, "fee": 115, "tax": 15, "reference": "FT1",
            "settlement_count": len(lines), "created_at": iso(self.now - timedelta(days=2)),
        }  # fmt: skip
        self.store.save_settlement(settlement, lines)
        return str(settlement["id"])


def _tax(fee: int) -> int:
    return fee - half_up(fee * 100, 115)
