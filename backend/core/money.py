"""Money: whole minor units (halalas) beside an ISO 4217 currency. Never a float."""

from __future__ import annotations

from typing import TypedDict

from django.utils.translation import get_language

CURRENCY = "SAR"


class MoneyDict(TypedDict):
    amount_minor: int
    currency: str
    display: str


def plain(amount_minor: int) -> str:
    """`1,234.50`: Latin digits, comma groups, two decimals, in every language (KSA facts 3.7)."""
    sign = "-" if amount_minor < 0 else ""
    riyals, halalas = divmod(abs(amount_minor), 100)
    return f"{sign}{riyals:,}.{halalas:02d}"


def money(amount_minor: int, currency: str = CURRENCY) -> MoneyDict:
    """The shape of every amount on the wire. `display` is for showing, never for parsing."""
    label = "ر.س" if (get_language() or "ar").startswith("ar") and currency == CURRENCY else currency
    return {"amount_minor": amount_minor, "currency": currency, "display": f"{plain(amount_minor)} {label}"}


def percentage(amount_minor: int, percent: int) -> int:
    """`percent` of an amount, half a halala rounded up."""
    return (amount_minor * percent + 50) // 100


def split_vat(gross_minor: int) -> tuple[int, int]:
    """(net, VAT) of a price that includes 15 % VAT; net is rounded half up and net + VAT = gross always."""
    net = (200 * gross_minor + 115) // 230
    return net, gross_minor - net
