"""A settlement as the file that comes by e-mail (payment facts 13): a table in UTF-8, times in UTC.

Its conventions are not those of the API: a payment is called `pay`, `fee` is without VAT, `total_fee` with it. Whether
amounts are riyals or halalas is not documented: a setting says it, the rows and our own payments must agree.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.conf import settings

from backend.core.money import CURRENCY
from backend.core.text import ascii_digits
from backend.payments.models import Payment
from backend.payments.refusals import SettlementFileInvalid

MOST_BYTES = 10 * 1024 * 1024
MOST_ROWS = 100_000
MOST_TOLD = 10
"""Rows at fault that one answer names."""
TAKEN_BACK = ("refund", "void", "chargeback", "chargeback_penalty", "fee", "platform_duties", "other_duties")
_REQUIRED = (
    "payment_id",
    "type",
    "currency",
    "amount",
    "net_amount",
    "fee",
    "vat",
    "total_fee",
    "transaction_date",
)
_TYPES = {"pay": "payment"}


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of a settlement, from either source. The sign is the money's; `fee_minor` is without its VAT."""

    gateway_payment_id: UUID | None
    type: str
    currency: str
    payment_amount_minor: int
    net_minor: int
    fee_minor: int
    fee_vat_minor: int
    reference_number: str
    transacted_at: datetime

    @property
    def told(self) -> tuple[Any, ...]:
        """What both sources tell alike: times are cut to seconds."""
        at = self.transacted_at.astimezone(UTC).replace(microsecond=0)
        return (
            str(self.gateway_payment_id), self.type, self.payment_amount_minor, self.net_minor, self.fee_minor,
            self.fee_vat_minor, at.isoformat(),
        )  # fmt: skip


def signed(kind: str, amount_minor: int, net_minor: int) -> int:
    """The amount a line is about, with the sign of the money: which sign a refund has there is not documented."""
    return -amount_minor if kind in TAKEN_BACK and amount_minor > 0 and net_minor <= 0 else amount_minor


def read_settlement(content: bytes) -> list[Movement]:
    """The lines of a file, in its order. Raises SettlementFileInvalid, which names the rows at fault."""
    rows = _rows(content)
    found, faults = [], []
    for number, row in enumerate(rows, start=2):
        try:
            found.append(_movement(row))
        except _RowInvalid as error:
            faults.append({"row": number, "code": str(error)})
            if len(faults) == MOST_TOLD:
                break
    if faults:
        raise SettlementFileInvalid(extra={"reason": faults[0]["code"], "rows": faults})
    if not found:
        raise _refusal("no_rows")
    _check_unit(found)
    return found


def name_of(movements: Sequence[Movement]) -> str:
    """An id for a file that does not say which settlement it is: the same content has the same."""
    digest = hashlib.sha256()
    for line in sorted(movement.told for movement in movements):
        digest.update(repr(line).encode())
    return f"csv-{digest.hexdigest()[:32]}"


def _rows(content: bytes) -> list[dict[str, str]]:
    if len(content) > MOST_BYTES:
        raise _refusal("too_large")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refusal("not_utf8") from error
    head = text.partition("\n")[0]
    separator = max((",", ";", "\t"), key=head.count)  # a spreadsheet in Arabic writes semicolons
    try:
        table = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        header = [re.sub(r"[\s_]+", "_", name.strip().lower()) for name in next(table, [])]
        missing = [name for name in _REQUIRED if name not in header]
        if missing:
            raise _refusal("columns_missing", columns=missing)
        rows: list[dict[str, str]] = []
        for cells in table:
            if not any(cell.strip() for cell in cells):
                continue
            if len(rows) == MOST_ROWS:
                raise _refusal("too_large")
            # Metadata may be called as one of ours: the first column of a name is the one that counts.
            cells += [""] * (len(header) - len(cells))
            rows.append(dict(reversed(list(zip(header, cells, strict=False)))))
        return rows
    except csv.Error as error:
        raise _refusal("not_a_table") from error


class _RowInvalid(Exception):
    """Says in a code what is wrong with a row."""


def _movement(row: dict[str, str]) -> Movement:
    kind = row["type"].strip().lower()
    kind = _TYPES.get(kind, kind)
    if not re.fullmatch(r"[a-z_]{1,40}", kind):
        raise _RowInvalid("type")
    currency = row["currency"].strip().upper()
    if currency != CURRENCY:
        raise _RowInvalid("currency")
    amount, net, fee, vat, whole_fee = (
        _amount(row[name]) for name in ("amount", "net_amount", "fee", "vat", "total_fee")
    )
    amount = signed(kind, amount, net)
    if fee + vat != whole_fee:
        raise _RowInvalid("fee_sum")
    if net != amount - whole_fee:
        raise _RowInvalid("net_sum")
    return Movement(
        gateway_payment_id=_payment_id(row["payment_id"]),
        type=kind,
        currency=currency,
        payment_amount_minor=amount,
        net_minor=net,
        fee_minor=fee,
        fee_vat_minor=vat,
        reference_number=row.get("reference_number", "").strip()[:80],
        transacted_at=_moment(row["transaction_date"]),
    )


def _payment_id(text: str) -> UUID | None:
    try:
        return UUID(text.strip()) if text.strip() else None
    except ValueError:
        raise _RowInvalid("payment_id") from None


def _amount(text: str) -> int:
    """Halalas. `1,234.50` and `١٢٣٤٫٥` are understood; empty is nothing."""
    plain = ascii_digits(text).replace("٬", "").replace("٫", ".").replace(",", "").strip()
    if not plain:
        return 0
    if not re.fullmatch(r"[-+]?\d{1,12}(\.\d{1,6})?", plain):
        raise _RowInvalid("amount")
    try:
        minor = Decimal(plain) * (100 if settings.SETTLEMENT_CSV_UNIT == "major" else 1)
    except InvalidOperation:
        raise _RowInvalid("amount") from None
    if minor != minor.to_integral_value():
        raise _RowInvalid("amount")
    return int(minor)


def _moment(text: str) -> datetime:
    plain = re.sub(r"\s*UTC$", "", ascii_digits(text).strip(), flags=re.IGNORECASE)
    try:
        moment = datetime.fromisoformat(plain)
    except ValueError:
        raise _RowInvalid("transaction_date") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _check_unit(movements: Sequence[Movement]) -> None:
    """The rows add up in either unit, so our own payments say whether it is the right one."""
    paid = {m.gateway_payment_id: m.payment_amount_minor for m in movements if m.type == "payment"}
    ids = [key for key in paid if key is not None][:1000]
    known = [
        (paid[payment.gateway_key], payment.amount_minor)
        for payment in [
            *Payment.objects.filter(pk__in=ids, gateway_id=None).only("pk", "gateway_id", "amount_minor"),
            *Payment.objects.filter(gateway_id__in=ids).only("pk", "gateway_id", "amount_minor"),
        ]
    ]
    if not known or any(told == ours for told, ours in known):
        return
    if any(told == ours * 100 or told * 100 == ours for told, ours in known):
        raise _refusal("unit", unit=settings.SETTLEMENT_CSV_UNIT)


def _refusal(reason: str, **more: Any) -> SettlementFileInvalid:
    return SettlementFileInvalid(extra={"reason": reason, **more})
