"""The lists finance takes away, row by row: read with a cursor of the server's, so that memory never grows with them.

Days are Riyadh's; those of the ledger are the books'. A row holds what its columns say: text, a date, an aware moment,
or halalas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from backend.payments.models import ExportSheet, Line, Payment, Refund, SettlementLine
from backend.payments.queries.finance import midnight

CHUNK = 1000


class Holds(Enum):
    TEXT = "text"
    DAY = "day"
    MOMENT = "moment"
    MONEY = "money"


@dataclass(frozen=True)
class Column:
    title: Any
    holds: Holds = Holds.TEXT


@dataclass(frozen=True)
class Sheet:
    """`rows` takes the first day, the last one and the language of names."""

    title: Any
    columns: tuple[Column, ...]
    rows: Callable[[date, date, str], Iterator[tuple[Any, ...]]]


_TRANSLATED = ("salon__name", "business__name")


def _read(rows: QuerySet[Any], language: str, *names: str) -> Iterator[tuple[Any, ...]]:
    """The values of each row. Names of salons and businesses are in a language, Arabic where they have no other."""
    asked: list[str] = []
    places: list[tuple[int, ...]] = []
    for name in names:
        several = [f"{name}_{language}", f"{name}_ar"] if name.endswith(_TRANSLATED) else [name]
        places.append(tuple(range(len(asked), len(asked) + len(several))))
        asked += several
    for values in rows.values_list(*asked).iterator(chunk_size=CHUNK):
        yield tuple(next((values[at] for at in place if values[at]), values[place[-1]]) for place in places)


def _payments(first: date, last: date, language: str) -> Iterator[tuple[Any, ...]]:
    rows = Payment.objects.filter(created_at__gte=midnight(first), created_at__lt=_after(last))
    return _read(
        rows.order_by("created_at", "id"),
        language,
        *("created_at", "id", "gateway_id", "booking__reference", "booking__salon__name", "purpose"),
        *("source_type", "card_last_four", "state", "amount_minor", "captured_minor", "refunded_minor"),
        *("suspended_minor", "quarantined_because", "settled_at", "currency"),
    )


def _refunds(first: date, last: date, language: str) -> Iterator[tuple[Any, ...]]:
    rows = Refund.objects.filter(created_at__gte=midnight(first), created_at__lt=_after(last))
    return _read(
        rows.order_by("created_at", "id"),
        language,
        *("created_at", "id", "payment_id", "payment__booking__reference", "payment__booking__salon__name"),
        *("amount_minor", "state", "reason", "request__reason", "request__requested_by__name"),
        *("request__decided_by__name", "done_at"),
    )


def _ledger(first: date, last: date, language: str) -> Iterator[tuple[Any, ...]]:
    rows = Line.objects.filter(entry__business_date__range=(first, last))
    return _read(
        rows.order_by("entry__business_date", "entry_id", "id"),
        language,
        *("entry__business_date", "entry__at", "entry_id", "entry__kind", "entry__booking__reference"),
        *("entry__payment_id", "entry__business__name", "salon__name", "account", "amount_minor"),
        *("service_id", "staff_member_id"),
    )


def _settlements(first: date, last: date, language: str) -> Iterator[tuple[Any, ...]]:
    rows = SettlementLine.objects.filter(
        settlement__created_at__gte=midnight(first), settlement__created_at__lt=_after(last)
    )
    return _read(
        rows.order_by("settlement__created_at", "settlement_id", "position"),
        language,
        *("settlement__created_at", "settlement__gateway_id", "position", "type", "gateway_payment_id"),
        *(
            "payment__booking__reference",
            "payment__booking__salon__name",
            "payment_amount_minor",
            "fee_minor",
        ),
        *("fee_vat_minor", "net_minor", "reference_number", "transacted_at", "currency"),
    )


def _after(day: date) -> Any:
    return midnight(day + timedelta(days=1))


SHEETS: dict[str, Sheet] = {
    ExportSheet.PAYMENTS: Sheet(
        _("payments"),
        (
            Column(_("created (Riyadh)"), Holds.MOMENT),
            Column(_("payment")),
            Column(_("ID at the gateway")),
            Column(_("booking")),
            Column(_("salon")),
            Column(_("for")),
            Column(_("paid with")),
            Column(_("card ends in")),
            Column(_("state")),
            Column(_("amount"), Holds.MONEY),
            Column(_("captured"), Holds.MONEY),
            Column(_("refunded"), Holds.MONEY),
            Column(_("put aside"), Holds.MONEY),
            Column(_("set aside because of")),
            Column(_("settled (Riyadh)"), Holds.MOMENT),
            Column(_("currency")),
        ),
        _payments,
    ),
    ExportSheet.REFUNDS: Sheet(
        _("refunds"),
        (
            Column(_("created (Riyadh)"), Holds.MOMENT),
            Column(_("refund")),
            Column(_("payment")),
            Column(_("booking")),
            Column(_("salon")),
            Column(_("amount"), Holds.MONEY),
            Column(_("state")),
            Column(_("cause")),
            Column(_("reason")),
            Column(_("asked for by")),
            Column(_("agreed to by")),
            Column(_("done (Riyadh)"), Holds.MOMENT),
        ),
        _refunds,
    ),
    ExportSheet.LEDGER: Sheet(
        _("ledger"),
        (
            Column(_("day"), Holds.DAY),
            Column(_("at (Riyadh)"), Holds.MOMENT),
            Column(_("ledger entry")),
            Column(_("kind")),
            Column(_("booking")),
            Column(_("payment")),
            Column(_("business")),
            Column(_("salon")),
            Column(_("account")),
            Column(_("debit, credit below zero"), Holds.MONEY),
            Column(_("service")),
            Column(_("staff member")),
        ),
        _ledger,
    ),
    ExportSheet.SETTLEMENTS: Sheet(
        _("settlements"),
        (
            Column(_("settled (Riyadh)"), Holds.MOMENT),
            Column(_("settlement")),
            Column(_("line")),
            Column(_("type")),
            Column(_("payment")),
            Column(_("booking")),
            Column(_("salon")),
            Column(_("amount"), Holds.MONEY),
            Column(_("fee before VAT"), Holds.MONEY),
            Column(_("VAT of the fee"), Holds.MONEY),
            Column(_("to the bank"), Holds.MONEY),
            Column(_("bank reference")),
            Column(_("at (Riyadh)"), Holds.MOMENT),
            Column(_("currency")),
        ),
        _settlements,
    ),
}
