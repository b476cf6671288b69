"""Our payments, the gateway's and the settlement lines of some days side by side, as one statement's stream of rows."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from backend.payments.models import Payment
from backend.payments.providers import GatewayPayment

AT_ONCE = 1000


@dataclass(frozen=True)
class Settled:
    """What settlement lines say of one payment, added up over all settlements. Halalas; what went back is positive.

    `times` is how often it was sent to the bank. `moved` is false when there are only chargebacks and fees.
    """

    times: int
    moved: bool
    gross_minor: int
    returned_minor: int
    voided_minor: int
    fee_minor: int
    fee_vat_minor: int
    adds_up: bool
    paid_at: datetime | None
    first_at: datetime
    settlement_id: uuid.UUID


@dataclass(frozen=True)
class Sides:
    """One payment as each side has it. `in_days` is false when only a settlement line of these days names it."""

    key: uuid.UUID
    in_days: bool
    ours: Payment | None
    is_second: bool
    has_two_rows: bool
    theirs: GatewayPayment | None
    is_on_our_page: bool
    settled: Settled | None


def side_by_side(
    starts: datetime, ends: datetime, *, only: Sequence[uuid.UUID] | None = None
) -> Iterator[Sides]:
    """Every payment of the moments [starts, ends) on any side, or the ones asked for; each once, in bounded memory."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(_SIDES, {"starts": starts, "ends": ends, "only": None if only is None else list(only)})
        while rows := cursor.fetchmany(AT_ONCE):
            for row in rows:
                yield _sides(row)


@dataclass(frozen=True)
class LoneLine:
    """A settlement line that is a difference by itself: a chargeback, its penalty, or money of no payment at all."""

    id: uuid.UUID
    type: str
    settlement_id: uuid.UUID
    settlement: str
    payment_id: uuid.UUID | None
    net_minor: int
    transacted_at: datetime


def lone_lines(starts: datetime, ends: datetime) -> Iterator[LoneLine]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(_LONE, {"starts": starts, "ends": ends})
        while rows := cursor.fetchmany(AT_ONCE):
            for row in rows:
                yield LoneLine(*row)


@dataclass(frozen=True)
class Total:
    """A settlement whose lines do not add up to it."""

    id: uuid.UUID
    gateway_id: str
    created_at: datetime
    amount_minor: int
    lines_minor: int
    told_line_count: int | None
    line_count: int


def wrong_totals(starts: datetime, ends: datetime) -> Iterator[Total]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(_TOTALS, {"starts": starts, "ends": ends})
        while rows := cursor.fetchmany(AT_ONCE):
            for row in rows:
                yield Total(*row)


def compared_day(sides: Sides) -> datetime:
    """The moment whose day a difference of this payment belongs to."""
    if sides.theirs is not None and sides.theirs.created_at is not None:
        return sides.theirs.created_at
    if sides.ours is not None:
        return sides.ours.created_at
    assert sides.settled is not None
    return sides.settled.first_at


def _sides(row: tuple[Any, ...]) -> Sides:
    key, in_days, is_on_our_page, is_second, has_two_rows = row[:5]
    ours, theirs, settled = row[5:22], row[22:33], row[33:]
    return Sides(
        key=key,
        in_days=in_days,
        ours=_payment(ours) if ours[0] is not None else None,
        is_second=is_second,
        has_two_rows=has_two_rows,
        theirs=_truth(theirs) if theirs[0] is not None else None,
        is_on_our_page=is_on_our_page,
        settled=Settled(*settled) if settled[0] is not None else None,
    )


_OURS = (
    "id", "booking_id", "purpose", "state", "amount_minor", "currency", "captured_minor", "refunded_minor",
    "suspended_minor", "source_type", "invoice_id", "gateway_id", "failure_code", "gateway_seen",
    "quarantined_because", "created_at", "settled_at",
)  # fmt: skip


def _payment(values: Sequence[Any]) -> Payment:
    return Payment(**dict(zip(_OURS, values, strict=True)))


def _truth(values: Sequence[Any]) -> GatewayPayment:
    (
        payment_id,
        status,
        amount,
        currency,
        fee,
        refunded,
        captured,
        invoice_id,
        booking,
        attempt,
        created_at,
    ) = values
    return GatewayPayment(
        id=payment_id,
        status=status,
        amount_minor=amount,
        currency=currency,
        fee_minor=fee,
        refunded_minor=refunded,
        captured_minor=captured,
        invoice_id=invoice_id,
        metadata={"booking_id": booking, "payment_id": attempt},
        created_at=created_at,
    )


_SIDES = f"""
WITH keys AS (
    SELECT id AS key FROM reconciling_theirs
    UNION
    SELECT coalesce(p.gateway_id, p.id) FROM payments_payment p
     WHERE p.created_at >= %(starts)s AND p.created_at < %(ends)s
       AND NOT (p.source_type = 'hosted' AND p.gateway_id IS NULL)
    UNION
    SELECT l.gateway_payment_id FROM payments_settlementline l
     WHERE l.transacted_at >= %(starts)s AND l.transacted_at < %(ends)s AND l.gateway_payment_id IS NOT NULL
), wanted AS MATERIALIZED (
    SELECT key FROM keys WHERE %(only)s::uuid[] IS NULL OR key = ANY(%(only)s::uuid[])
), ours AS MATERIALIZED (
    SELECT w.key, p.*, false AS has_two_rows
      FROM wanted w JOIN payments_payment p ON p.id = w.key AND p.gateway_id IS NULL
     WHERE NOT EXISTS (SELECT FROM payments_payment q WHERE q.gateway_id = w.key)
    UNION ALL
    SELECT w.key, p.*, EXISTS (SELECT FROM payments_payment q
                                WHERE q.id = w.key AND q.gateway_id IS NULL AND q.id <> p.id)
      FROM wanted w JOIN payments_payment p ON p.gateway_id = w.key
), kept AS (
    SELECT p.id, p.booking_id, p.purpose, b.price_minor, coalesce(p.settled_at, p.created_at) AS at,
           p.captured_minor - p.refunded_minor
             - coalesce((SELECT sum(r.amount_minor) FROM payments_refund r
                          WHERE r.payment_id = p.id AND r.state <> 'done'), 0) AS kept
      FROM payments_payment p JOIN bookings_booking b ON b.id = p.booking_id
     WHERE p.booking_id IN (SELECT booking_id FROM ours WHERE captured_minor > 0 GROUP BY booking_id)
       AND p.captured_minor > 0 AND p.state IN ('captured', 'partially_refunded') AND p.quarantined_because = ''
), ranked AS (
    SELECT id, purpose, price_minor,
           row_number() OVER (PARTITION BY booking_id, purpose ORDER BY at, id) AS place,
           sum(kept) OVER (PARTITION BY booking_id) AS all_kept
      FROM kept WHERE kept > 0
), seconds AS (
    SELECT id FROM ranked WHERE place > 1 AND (purpose = 'deposit' OR all_kept > price_minor)
), settled AS (
    SELECT l.gateway_payment_id AS key,
           count(*) FILTER (WHERE l.type = 'payment') AS times,
           bool_or(l.type IN ('payment', 'installment', 'refund', 'void')) AS moved,
           coalesce(sum(l.payment_amount_minor) FILTER (WHERE l.type IN ('payment', 'installment')), 0)::bigint
               AS gross,
           coalesce(-sum(l.payment_amount_minor) FILTER (WHERE l.type = 'refund'), 0)::bigint AS returned,
           coalesce(-sum(l.payment_amount_minor) FILTER (WHERE l.type = 'void'), 0)::bigint AS voided,
           coalesce(sum(l.fee_minor) FILTER (WHERE l.type = 'payment'), 0)::bigint AS fee,
           coalesce(sum(l.fee_vat_minor) FILTER (WHERE l.type = 'payment'), 0)::bigint AS fee_vat,
           bool_and(l.net_minor = l.payment_amount_minor - l.fee_minor - l.fee_vat_minor) AS adds_up,
           min(l.transacted_at) FILTER (WHERE l.type = 'payment') AS paid_at,
           min(l.transacted_at) AS first_at,
           (array_agg(l.settlement_id ORDER BY l.transacted_at DESC, l.id DESC))[1] AS settlement_id
      FROM payments_settlementline l JOIN wanted w ON w.key = l.gateway_payment_id
     GROUP BY 1
)
SELECT w.key,
       coalesce(t.in_days, false) OR coalesce(o.created_at >= %(starts)s AND o.created_at < %(ends)s, false),
       t.invoice_id IS NOT NULL AND EXISTS (SELECT FROM payments_payment i WHERE i.invoice_id = t.invoice_id),
       s.id IS NOT NULL, coalesce(o.has_two_rows, false),
       {", ".join(f"o.{name}" for name in _OURS)},
       t.id, t.status, t.amount_minor, t.currency, t.fee_minor, t.refunded_minor, t.captured_minor, t.invoice_id,
       t.booking_id, t.payment_id, t.created_at,
       l.times, l.moved, l.gross, l.returned, l.voided, l.fee, l.fee_vat, l.adds_up, l.paid_at, l.first_at,
       l.settlement_id
  FROM wanted w
  LEFT JOIN ours o ON o.key = w.key
  LEFT JOIN reconciling_theirs t ON t.id = w.key
  LEFT JOIN settled l ON l.key = w.key
  LEFT JOIN seconds s ON s.id = o.id
"""  # noqa: S608  (the names are constants)
_LONE = """
SELECT l.id, l.type, l.settlement_id, s.gateway_id, l.gateway_payment_id, l.net_minor, l.transacted_at
  FROM payments_settlementline l JOIN payments_settlement s ON s.id = l.settlement_id
 WHERE l.transacted_at >= %(starts)s AND l.transacted_at < %(ends)s
   AND (l.type IN ('chargeback', 'chargeback_penalty')
        OR l.gateway_payment_id IS NULL AND l.type IN ('payment', 'installment', 'refund', 'void'))
"""
_TOTALS = """
SELECT id, gateway_id, created_at, amount_minor, lines_minor, told_line_count, line_count
  FROM payments_settlement
 WHERE created_at >= %(starts)s AND created_at < %(ends)s
   AND (amount_minor <> lines_minor OR told_line_count IS NOT NULL AND told_line_count <> line_count)
"""
