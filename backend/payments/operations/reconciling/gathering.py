"""What the gateway says of some days, laid down beside our rows, where the database can compare them.

A table of this connection's own: bounded memory whatever the number, no order to rely on, gone with the connection.
Pages come in from the network and go down in batches; no transaction is open meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import connection

from backend.payments.providers import GatewayPayment, PaymentGateway

BATCH = 500

_COLUMNS = (
    "id", "status", "amount_minor", "currency", "fee_minor", "refunded_minor", "captured_minor", "invoice_id",
    "booking_id", "payment_id", "created_at", "in_days",
)  # fmt: skip


def lay_down(payments: Iterable[GatewayPayment], *, in_days: bool) -> Iterator[int]:
    """Write the gateway's payments into the table, each once; yields how many of each batch."""
    rows = iter(payments)
    while some := list(islice(rows, BATCH)):
        columns = zip(*(_row(payment, in_days) for payment in some), strict=True)
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, [list(column) for column in columns])
            yield int(cursor.rowcount)


def clear() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_CREATE)
        cursor.execute("TRUNCATE reconciling_theirs")


def analyse() -> None:
    """Nobody else does it for a table like this one, and the plan for a hundred thousand rows depends on it."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE reconciling_theirs")


def drop() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS reconciling_theirs")


def ask_for_the_rest(using: PaymentGateway, starts: datetime, ends: datetime) -> None:
    """Fetch what should stand at the gateway and was not in its list of these days, one by one.

    That is ours which has money or was seen there (it may have been made on another day by their clock), and what a
    settlement names that neither list holds. Raises GatewayError.
    """
    for key in _unlisted(starts, ends):
        truth = using.fetch_payment(key)
        if truth is not None:
            for _ in lay_down([truth], in_days=False):
                pass


def _unlisted(starts: datetime, ends: datetime) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(_UNLISTED, {"starts": starts, "ends": ends})
        return [row[0] for row in cursor.fetchall()]


def _row(payment: GatewayPayment, in_days: bool) -> tuple[Any, ...]:
    return (
        payment.id, payment.status, payment.amount_minor, payment.currency, payment.fee_minor,
        payment.refunded_minor, payment.captured_minor, payment.invoice_id, payment.metadata.get("booking_id", ""),
        payment.metadata.get("payment_id", ""), payment.created_at, in_days,
    )  # fmt: skip


_CREATE = """
CREATE TEMP TABLE IF NOT EXISTS reconciling_theirs (
    id uuid PRIMARY KEY, status text NOT NULL, amount_minor bigint NOT NULL, currency text NOT NULL,
    fee_minor bigint NOT NULL, refunded_minor bigint NOT NULL, captured_minor bigint NOT NULL, invoice_id uuid,
    booking_id text NOT NULL, payment_id text NOT NULL, created_at timestamptz, in_days boolean NOT NULL)
"""
_INSERT = f"""
INSERT INTO reconciling_theirs ({", ".join(_COLUMNS)})
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[],
                     %s::uuid[], %s::text[], %s::text[], %s::timestamptz[], %s::boolean[])
ON CONFLICT (id) DO NOTHING
"""  # noqa: S608  (the names are constants)
_UNLISTED = """
SELECT coalesce(p.gateway_id, p.id)
  FROM payments_payment p
 WHERE p.created_at >= %(starts)s AND p.created_at < %(ends)s
   AND (p.state <> 'initiated' AND p.state <> 'failed' OR p.gateway_seen)
   AND NOT (p.source_type = 'hosted' AND p.gateway_id IS NULL)
   AND NOT EXISTS (SELECT FROM reconciling_theirs t WHERE t.id = coalesce(p.gateway_id, p.id))
UNION
SELECT l.gateway_payment_id
  FROM payments_settlementline l
 WHERE l.transacted_at >= %(starts)s AND l.transacted_at < %(ends)s AND l.gateway_payment_id IS NOT NULL
   AND NOT EXISTS (SELECT FROM reconciling_theirs t WHERE t.id = l.gateway_payment_id)
   AND NOT EXISTS (SELECT FROM payments_payment p WHERE p.id = l.gateway_payment_id AND p.gateway_id IS NULL)
   AND NOT EXISTS (SELECT FROM payments_payment p WHERE p.gateway_id = l.gateway_payment_id)
"""
