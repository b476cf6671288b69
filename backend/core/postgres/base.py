"""What settings name as ENGINE; Django looks for `DatabaseWrapper` in a module of this name."""

from __future__ import annotations

import re
import select
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql import base, operations
from django.db.backends.utils import CursorWrapper
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ExecStatus, Format, TransactionStatus

if TYPE_CHECKING:
    from psycopg.pq.abc import PGresult


class DatabaseOperations(operations.DatabaseOperations):
    def last_executed_query(self, cursor: Any, sql: str, params: Any) -> str:
        """With its values, whichever cursor it was; Django expects its own kind."""
        if isinstance(cursor, psycopg.ClientCursor):
            return super().last_executed_query(cursor, sql, params)
        return cast(str, cast(Any, self).compose_sql(sql, params))


class DatabaseWrapper(base.DatabaseWrapper):
    ops_class = DatabaseOperations

    def is_usable(self) -> bool:
        """Whether the server still holds the other end.

        Django asks it, which is a round trip in every request. A server that ends a session says so, and a word we
        did not ask for waits in the socket: only then is it asked.
        """
        if self.connection is None or self.connection.closed:
            return False
        waiting = select.poll()
        waiting.register(self.connection.fileno(), select.POLLIN)
        return super().is_usable() if waiting.poll(0) else True


_PLACE = re.compile(r"%(?:\((\w+)\))?s")
_KEPT_STATEMENTS = 500
"""Of one connection. A statement is prepared once for each combination of its parameters' types."""


@cache
def _numbered(sql: str) -> tuple[bytes, tuple[str, ...]]:
    """A statement with its parameters as $1, $2, and in which order named ones are given."""
    order: list[str] = []

    def number(place: re.Match[str]) -> str:
        order.append(place[1] or "")
        return f"${len(order)}"

    written = _PLACE.sub(number, sql).encode()
    return written, tuple(order) if any(order) else ()


class KeptCursor:
    """The statements of one connection that are written by hand: prepared, and run through libpq.

    psycopg adapts the values, both ways. What else it does around a statement costs more than many a statement; here
    there is one round trip, no pipeline, and Django's errors.
    """

    def __init__(self, wrapper: Any) -> None:
        self._wrapper = wrapper
        self.link: psycopg.Connection[Any] = wrapper.connection
        self._adapter = Transformer(self.link)
        self._prepared: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._made = 0
        self._answer: PGresult | None = None
        self.in_use = False

    def __enter__(self) -> KeptCursor:
        self.in_use = True
        return self

    def __exit__(self, *_: object) -> None:
        self.in_use = False

    def execute(self, sql: str, params: Mapping[str, Any] | Sequence[Any] = ()) -> None:
        """Run a statement with %s or %(name)s. Raises Django's errors."""
        self._wrapper.validate_no_broken_transaction()
        with self._wrapper.wrap_database_errors:
            _, order = _numbered(sql)
            values = [params[name] for name in order] if isinstance(params, Mapping) else params
            given: Any = self._adapter.dump_sequence(values, [PyFormat.AUTO] * len(values))
            wire = self.link.pgconn
            if not self.link.autocommit and wire.transaction_status == TransactionStatus.IDLE:
                self._good(wire.exec_(b"BEGIN"))
            kind = (sql, tuple(self._adapter.types or ()))
            name = self._prepared.get(kind) or self._prepare(kind)
            try:
                answer = wire.exec_prepared(name, given, self._adapter.formats, Format.BINARY)
                self._answer = self._good(answer)
            except psycopg.errors.FeatureNotSupported:
                del self._prepared[kind]  # a column of its answer has another type now: it is prepared anew
                raise
            self._adapter.set_pgresult(self._answer, set_loaders=True, format=Format.BINARY)

    def fetchone(self) -> Any:
        """The first row, or None."""
        assert self._answer is not None
        return self._adapter.load_row(0, tuple) if self._answer.ntuples else None

    def fetchall(self) -> list[Any]:
        assert self._answer is not None
        return self._adapter.load_rows(0, self._answer.ntuples, tuple)

    @property
    def rowcount(self) -> int:
        assert self._answer is not None
        return self._answer.command_tuples or 0

    def _prepare(self, kind: tuple[str, tuple[int, ...]]) -> bytes:
        if len(self._prepared) >= _KEPT_STATEMENTS:
            self._good(self.link.pgconn.exec_(b"DEALLOCATE ALL"))
            self._prepared.clear()
        sql, types = kind
        self._made += 1
        name = b"kept_%d" % self._made
        self._good(self.link.pgconn.prepare(name, _numbered(sql)[0], types))
        self._prepared[kind] = name
        return name

    def _good(self, answer: PGresult) -> PGresult:
        if answer.status in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
            return answer
        error = psycopg.errors.error_from_result(answer, encoding=self._adapter.encoding)
        if error.sqlstate is None:  # libpq's own: the line is gone
            raise psycopg.OperationalError(str(error))
        raise error


def binary_cursor() -> KeptCursor | CursorWrapper:
    """A cursor for the few statements that many requests make: a fraction of the CPU of Django's, here and there.

    Parameters go beside the statement and rows come in PostgreSQL's binary form. So a parameter has a type, its
    Python value's, and is not coerced to what the statement would like. Statements are prepared, and planned once for
    all values (`plan_cache_mode` in the settings): write them so that one plan is best for all (ADR 0029).
    """
    wrapper = cast(Any, connections[DEFAULT_DB_ALIAS])
    wrapper.close_if_health_check_failed()
    wrapper.ensure_connection()
    if not (wrapper.queries_logged or wrapper.execute_wrappers):
        kept: KeptCursor | None = wrapper.__dict__.get("kept_cursor")
        if kept is None or kept.link is not wrapper.connection:
            kept = wrapper.__dict__["kept_cursor"] = KeptCursor(wrapper)
        if not kept.in_use:
            return kept
    with wrapper.wrap_database_errors:
        one = psycopg.Cursor(wrapper.connection)
        one.format = Format.BINARY
        return cast(CursorWrapper, wrapper._prepare_cursor(one))
