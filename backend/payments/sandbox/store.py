"""The sandbox's memory: one SQLite file in WAL mode, so that a restart goes on where it stopped."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

_SCHEMA = """
create table if not exists payments (
    id text primary key, status text not null, created_at text not null, updated_at text not null,
    last_digits text, receipt_no text, doc text not null, hidden text not null);
create index if not exists payments_created on payments (created_at);
create index if not exists payments_updated on payments (updated_at);
create index if not exists payments_status on payments (status, created_at);
create table if not exists tokens (id text primary key, doc text not null, hidden text not null);
create table if not exists invoices (
    id text primary key, created_at text not null, doc text not null, hidden text not null);
create table if not exists settlements (id text primary key, created_at text not null, doc text not null);
create table if not exists lines (settlement_id text not null, doc text not null);
create index if not exists lines_settlement on lines (settlement_id);
create index if not exists payments_invoice on payments (json_extract(doc, '$.invoice_id'));
create table if not exists settings (name text primary key, value text not null);
create table if not exists endpoints (
    id text primary key, url text not null, method text not null, secret text not null, events text,
    created_at text not null);
create table if not exists events (
    id text primary key, type text not null, payment_id text, created_at text not null, data text not null);
create index if not exists events_payment on events (payment_id);
create table if not exists deliveries (
    id integer primary key, event_id text not null, endpoint_id text not null,
    attempts integer not null default 0, due_at real not null, state text not null default 'pending');
create index if not exists deliveries_due on deliveries (state, due_at);
create table if not exists attempts (id text primary key, event_id text not null, doc text not null);
"""


@dataclass
class Record:
    """A payment: `doc` is what the API shows, `hidden` what only this sandbox knows."""

    doc: dict[str, Any]
    hidden: dict[str, Any] = field(default_factory=dict)

    def row(self) -> tuple[str | None, ...]:
        source = self.doc.get("source") or {}
        return (
            self.doc["id"],
            self.doc["status"],
            self.doc["created_at"],
            self.doc["updated_at"],
            (source.get("number") or "")[-4:] or None,
            source.get("reference_number"),
            json.dumps(self.doc, ensure_ascii=False),
            json.dumps(self.hidden, ensure_ascii=False),
        )


class Store:
    """One connection, one lock: a stand-in needs to be right before it needs to be parallel."""

    def __init__(self, path: str) -> None:
        if path != ":memory:":
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        self._db.row_factory = sqlite3.Row
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = normal")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, one at a time; may be nested."""
        with self._lock:
            if self._depth == 0:
                self._db.execute("begin immediate")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._db.execute("rollback")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._db.execute("commit")

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, parameters).fetchall()

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Execute and tell how many rows were touched."""
        with self._lock:
            return self._db.execute(sql, parameters).rowcount

    # Settings and the clock

    def setting(self, name: str, default: str) -> str:
        rows = self.rows("select value from settings where name = ?", (name,))
        return str(rows[0]["value"]) if rows else default

    def set_setting(self, name: str, value: str) -> None:
        self.run("insert or replace into settings (name, value) values (?, ?)", (name, value))

    def now(self) -> datetime:
        """The sandbox's clock: the machine's, moved forward when a test asked for it."""
        return datetime.now(UTC) + timedelta(seconds=float(self.setting("clock_offset", "0")))

    # Payments

    def payment(self, payment_id: str) -> Record | None:
        rows = self.rows("select doc, hidden from payments where id = ?", (payment_id,))
        return _record(rows[0]) if rows else None

    def save(self, record: Record) -> None:
        self.run("insert or replace into payments values (?, ?, ?, ?, ?, ?, ?, ?)", record.row())

    def add_missing(self, records: Iterable[Record]) -> int:
        """Insert those whose id is not taken; tells how many were."""
        with self.transaction():
            before = self._db.total_changes
            self._db.executemany(
                "insert or ignore into payments values (?, ?, ?, ?, ?, ?, ?, ?)", (r.row() for r in records)
            )
            return self._db.total_changes - before

    def initiated_before(self, moment: str) -> list[Record]:
        rows = self.rows(
            "select doc, hidden from payments where status = 'initiated' and created_at < ?", (moment,)
        )
        return [_record(row) for row in rows]

    def page(
        self, conditions: Sequence[str], parameters: Sequence[Any], *, number: int, size: int
    ) -> tuple[list[dict[str, Any]], int]:
        """One page of payments, newest first, and how many match in all."""
        where = " and ".join(conditions) or "1"
        with self._lock:
            total = int(self.rows(f"select count(*) from payments where {where}", parameters)[0][0])  # noqa: S608
            rows = self.rows(
                f"select doc from payments where {where} "  # noqa: S608  (conditions are constants)
                "order by created_at desc, rowid desc limit ? offset ?",
                (*parameters, size, (number - 1) * size),
            )
        return [json.loads(row["doc"]) for row in rows], total

    def count_payments(self) -> int:
        return int(self.rows("select count(*) from payments")[0][0])

    def payments_of_invoice(self, invoice_id: str) -> list[dict[str, Any]]:
        rows = self.rows(
            "select doc from payments where json_extract(doc, '$.invoice_id') = ? order by created_at, rowid",
            (invoice_id,),
        )
        return [json.loads(row["doc"]) for row in rows]

    def charged(self) -> list[Record]:
        """Payments on which money moved at some time."""
        rows = self.rows(
            "select doc, hidden from payments where status in ('paid', 'captured', 'refunded', 'voided')"
            " order by created_at, rowid"
        )
        return [_record(row) for row in rows]

    # Invoices and settlements

    def invoice(self, invoice_id: str) -> Record | None:
        rows = self.rows("select doc, hidden from invoices where id = ?", (invoice_id,))
        return _record(rows[0]) if rows else None

    def invoices(self) -> list[Record]:
        """Newest first."""
        rows = self.rows("select doc, hidden from invoices order by created_at desc, rowid desc")
        return [_record(row) for row in rows]

    def save_invoice(self, record: Record) -> None:
        self.run(
            "insert into invoices values (?, ?, ?, ?)"
            " on conflict (id) do update set doc = excluded.doc, hidden = excluded.hidden",
            (
                record.doc["id"],
                record.doc["created_at"],
                json.dumps(record.doc, ensure_ascii=False),
                json.dumps(record.hidden),
            ),
        )

    def settlements(self) -> list[dict[str, Any]]:
        """Newest first."""
        rows = self.rows("select doc from settlements order by created_at desc, rowid desc")
        return [json.loads(row["doc"]) for row in rows]

    def settlement_lines(self, settlement_id: str) -> list[dict[str, Any]]:
        rows = self.rows("select doc from lines where settlement_id = ? order by rowid", (settlement_id,))
        return [json.loads(row["doc"]) for row in rows]

    def save_settlement(self, doc: dict[str, Any], lines: Iterable[dict[str, Any]]) -> None:
        with self.transaction():
            self.run(
                "insert into settlements values (?, ?, ?)", (doc["id"], doc["created_at"], json.dumps(doc))
            )
            self._db.executemany(
                "insert into lines values (?, ?)",
                ((doc["id"], json.dumps(line, ensure_ascii=False)) for line in lines),
            )

    # Tokens

    def token(self, token_id: str) -> Record | None:
        rows = self.rows("select doc, hidden from tokens where id = ?", (token_id,))
        return _record(rows[0]) if rows else None

    def save_token(self, record: Record) -> None:
        self.run(
            "insert or replace into tokens values (?, ?, ?)",
            (record.doc["id"], json.dumps(record.doc, ensure_ascii=False), json.dumps(record.hidden)),
        )

    def delete_token(self, token_id: str) -> bool:
        return self.run("delete from tokens where id = ?", (token_id,)) == 1


def _record(row: sqlite3.Row) -> Record:
    return Record(json.loads(row["doc"]), json.loads(row["hidden"]))
