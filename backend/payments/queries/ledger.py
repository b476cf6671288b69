"""Questions to the books. Every sum of money that finance, an owner or the platform is shown is one of these.

Amounts are halalas; days are calendar days of the salon's zone. Each question is one statement, whatever there is.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.db.models import Min, QuerySet, Sum

from backend.payments.models import Account, Entry, EntryKind, Line, Payout
from backend.salons.models import Business, Salon


@dataclass(frozen=True)
class Revenue:
    """What was earned, VAT in and out."""

    net_minor: int = 0
    vat_minor: int = 0

    @property
    def gross_minor(self) -> int:
        return self.net_minor + self.vat_minor


@dataclass(frozen=True)
class Figures:
    """What was earned, added up in five ways that agree. Keys are days and ids; only what is not zero stands there."""

    total: Revenue
    by_day: Mapping[date, Revenue]
    by_service: Mapping[uuid.UUID, Revenue]
    by_person: Mapping[uuid.UUID, Revenue]
    by_salon: Mapping[uuid.UUID, Revenue]


@dataclass(frozen=True)
class Position:
    """How a salon and the platform stand at the end of a day.

    `balance_minor` is what the salon earned less what it has had, from us or at its own desk. Of that customers have
    yet to pay `customers_owe_minor`, and the desk took `taken_ahead_minor` for visits that have not been earned yet.
    `owed_minor` is what is left: money we hold that is the salon's, its VAT included. `deposits_held_minor` is money
    we hold for visits to come; it is nobody's yet.
    """

    balance_minor: int
    customers_owe_minor: int
    taken_ahead_minor: int
    deposits_held_minor: int

    @property
    def owed_minor(self) -> int:
        return self.balance_minor - self.customers_owe_minor + self.taken_ahead_minor


@dataclass(frozen=True)
class Statement:
    """A salon's month. Opening balance and `moves`, by kind of entry, make the closing balance."""

    salon: Salon
    from_date: date
    to_date: date
    opening: Position
    moves: Mapping[str, Revenue]
    closing: Position


def entries() -> QuerySet[Entry]:
    """For finance only. Newest first is `-business_date, -id`."""
    return Entry.objects.select_related("booking", "business").prefetch_related("lines")


def payouts() -> QuerySet[Payout]:
    """For finance only."""
    return Payout.objects.select_related("salon", "business", "recorded_by", "voided_by")


def balances(
    *, salon: Salon | None = None, business: Business | None = None, until: date | None = None
) -> dict[str, int]:
    """Each account's balance at the end of a day, debit above zero; of one salon, one business or everything."""
    lines = Line.objects.all()
    if salon is not None:
        lines = lines.filter(salon=salon)
    if business is not None:
        lines = lines.filter(entry__business=business)
    if until is not None:
        lines = lines.filter(business_date__lte=until)
    sums = lines.order_by().values_list("account").annotate(all=Sum("amount_minor"))
    return dict.fromkeys(Account.values, 0) | dict(sums)


def figures(*, salon: Salon | None = None, from_date: date, to_date: date) -> Figures:
    """What one salon, or all, earned in these days, both included."""
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES, {"salon": salon.pk if salon else None, "from": from_date, "to": to_date})
        rows = cursor.fetchall()
    total = Revenue()
    ways: tuple[dict[Any, Revenue], ...] = ({}, {}, {}, {})
    for left_out, *keys, net, vat in rows:
        if left_out == _ALL_LEFT_OUT:
            total = Revenue(net or 0, vat or 0)
        elif net or vat:
            way = _LEFT_OUT.index(left_out)
            if keys[way] is not None:  # what is let, or sold as seats, has no service and perhaps nobody
                ways[way][keys[way]] = Revenue(net, vat)
    return Figures(total, *ways)


_FIGURES = """
SELECT grouping(l.business_date, l.service_id, l.staff_member_id, l.salon_id),
       l.business_date, l.service_id, l.staff_member_id, l.salon_id,
       coalesce(-sum(l.amount_minor) FILTER (WHERE l.account = 'salon_payable'), 0)::bigint,
       coalesce(-sum(l.amount_minor) FILTER (WHERE l.account = 'vat'), 0)::bigint
  FROM payments_line l JOIN payments_entry e ON e.id = l.entry_id
 WHERE e.kind = 'earned' AND l.account IN ('salon_payable', 'vat')
   AND l.business_date BETWEEN %(from)s AND %(to)s AND e.business_date BETWEEN %(from)s AND %(to)s
   AND (%(salon)s::uuid IS NULL OR l.salon_id = %(salon)s::uuid)
 GROUP BY GROUPING SETS ((l.business_date), (l.service_id), (l.staff_member_id), (l.salon_id), ())
 ORDER BY 1, 2, 3, 4, 5
"""
_LEFT_OUT, _ALL_LEFT_OUT = (0b0111, 0b1011, 0b1101, 0b1110), 0b1111
"""What PostgreSQL's `grouping` answers: a bit for each column that a row is not grouped by, the first the highest."""


def position(salon: Salon, *, until: date | None = None) -> Position:
    """How a salon stood at the end of a day; without one, now."""
    return positions([salon.pk], until=until)[salon.pk]


def positions(salon_ids: Sequence[uuid.UUID], *, until: date | None = None) -> dict[uuid.UUID, Position]:
    """The same for several salons, one of which the books know nothing included."""
    with connection.cursor() as cursor:
        cursor.execute(_POSITIONS, {"salons": list(salon_ids), "until": until})
        rows = cursor.fetchall()
    none = dict.fromkeys(salon_ids, Position(0, 0, 0, 0))
    return none | {salon_id: Position(*(int(value) for value in values)) for salon_id, *values in rows}


_POSITIONS = """
SELECT salon_id,
       coalesce(-sum(payable), 0),
       coalesce(sum(receivable) FILTER (WHERE earned <> 0), 0),
       coalesce(sum(payable) FILTER (WHERE booking_id IS NOT NULL AND earned = 0), 0),
       coalesce(-sum(payable + receivable) FILTER (WHERE booking_id IS NOT NULL AND earned = 0), 0)
  FROM (SELECT l.salon_id, e.booking_id,
               coalesce(sum(l.amount_minor) FILTER (WHERE l.account <> 'customer_receivable'), 0) AS payable,
               coalesce(sum(l.amount_minor) FILTER (WHERE l.account = 'customer_receivable'), 0) AS receivable,
               coalesce(sum(l.amount_minor) FILTER (WHERE l.account = 'customer_receivable'
                                                      AND e.kind = 'earned'), 0) AS earned
          FROM payments_line l JOIN payments_entry e ON e.id = l.entry_id
         WHERE l.salon_id = ANY(%(salons)s) AND (%(until)s::date IS NULL OR l.business_date <= %(until)s::date)
           AND l.account IN ('salon_payable', 'vat', 'customer_receivable')
         GROUP BY l.salon_id, e.booking_id) AS of_booking
 GROUP BY salon_id
"""


def owed_to(salon: Salon) -> int:
    """Halalas that we hold and that are the salon's by now."""
    return position(salon).owed_minor


def first_day(salon: Salon) -> date | None:
    """The day of a salon's first entry."""
    first: date | None = Line.objects.filter(salon=salon).aggregate(first=Min("business_date"))["first"]
    return first


def statement(salon: Salon, *, month: date) -> Statement:
    """A salon's statement for the month that `month` is in."""
    first = month.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    last = following - timedelta(days=1)
    return Statement(
        salon=salon,
        from_date=first,
        to_date=last,
        opening=position(salon, until=first - timedelta(days=1)),
        moves=_moves(salon, first, last),
        closing=position(salon, until=last),
    )


def _moves(salon: Salon, first: date, last: date) -> dict[str, Revenue]:
    """By kind of entry, what the salon's balance gained or lost in these days, in the order of EntryKind."""
    lines = Line.objects.filter(
        salon=salon, business_date__range=(first, last), account__in=(Account.SALON_PAYABLE, Account.VAT)
    )
    sums = lines.order_by().values_list("entry__kind", "account").annotate(all=Sum("amount_minor"))
    found = {(kind, account): -amount for kind, account, amount in sums}
    return {
        kind: Revenue(found.get((kind, Account.SALON_PAYABLE), 0), found.get((kind, Account.VAT), 0))
        for kind in EntryKind.values
        if (kind, Account.SALON_PAYABLE) in found or (kind, Account.VAT) in found
    }
