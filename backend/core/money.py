"""Money: whole minor units (halalas) beside an ISO 4217 currency. Never a float."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TypedDict

from django.utils.translation import get_language

CURRENCY = "SAR"
VAT_PERCENT = 15


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


def shares(amount_minor: int, weights: Sequence[int]) -> list[int]:
    """An amount in proportion to `weights`, halala by halala: the parts add up to it, and none is off by one."""
    whole = sum(weights)
    bounds = [0, *accumulate(weights)]
    cuts = [amount_minor * bound // whole if whole else 0 for bound in bounds]
    cuts[-1] = amount_minor
    return [after - before for before, after in pairwise(cuts)]


def split_vat(gross_minor: int) -> tuple[int, int]:
    """(net, VAT) of a price that includes 15 % VAT; net is rounded half up and net + VAT = gross always."""
    net = (200 * gross_minor + 115) // 230
    return net, gross_minor - net
