"""What settings name as ENGINE; Django looks for `DatabaseWrapper` in a module of this name."""

from __future__ import annotations

import re
import select
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql import base, operations
from django.db.backends.utils import CursorWrapper
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus

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
    kept_cursor: KeptCursor | None = None

    def kept(self) -> KeptCursor:
        """The cursor of this connection for statements written by hand."""
        if self.kept_cursor is None or self.kept_cursor.link is not self.connection:
            self.kept_cursor = KeptCursor(self)
        return self.kept_cursor

    def _cursor(self, name: str | None = None) -> CursorWrapper:
        if self.kept_cursor is not None:
            self.kept_cursor.flush()
        return cast(CursorWrapper, cast(Any, super())._cursor(name))

    def _commit(self) -> None:
        if self.kept_cursor is None or self.queries_logged:
            if self.kept_cursor is not None:
                self.kept_cursor.flush()
            cast(Any, super())._commit()
            return
        with self.wrap_database_errors:
            self.kept_cursor.commit()

    def _rollback(self) -> None:
        if self.kept_cursor is not None:
            self.kept_cursor.forget()
        cast(Any, super())._rollback()

    def _savepoint_rollback(self, sid: str) -> None:
        if self.kept_cursor is not None:
            self.kept_cursor.forget()
        cast(Any, super())._savepoint_rollback(sid)

    def _close(self) -> None:
        self.kept_cursor = None
        cast(Any, super())._close()

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


_Statement = tuple[bytes, Sequence[Any], Sequence[Format]]
"""The name of a prepared statement, its values as they go over the wire, and the form of each."""


class Later:
    """The answer of a statement that goes with the next one; who reads it before has it said at once.

    `arrives` is given the rows as soon as they are there; what it raises, whatever the statement went with raises.
    """

    def __init__(self, cursor: Any, arrives: Callable[[list[Any]], None] | None = None) -> None:
        self._cursor, self._arrives = cursor, arrives
        self.rows: list[Any] | None = None

    def arrive(self, rows: list[Any]) -> None:
        self.rows = rows
        if self._arrives is not None:
            self._arrives(rows)

    def fetchall(self) -> list[Any]:
        """Raises Django's errors."""
        if self.rows is None:
            self._cursor.flush()
        assert self.rows is not None, "its transaction is over"
        return self.rows


class KeptCursor:
    """The statements of one connection that are written by hand: prepared, and run through libpq.

    psycopg adapts the values, both ways. What else it does around a statement costs more than many a statement; here
    there are Django's errors and as few round trips as possible: BEGIN goes with the first statement, and with COMMIT
    what was left for it.
    """

    def __init__(self, wrapper: Any) -> None:
        self._wrapper = wrapper
        self.link: psycopg.Connection[Any] = wrapper.connection
        self._adapter = Transformer(self.link)
        self._prepared: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._made = 0
        self._answer: PGresult | None = None
        self._waiting: list[tuple[_Statement, Later]] = []
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
            statement = self._adapted(sql, params)
            if self._waiting or self._begins():
                answer = self._in_one_go(statement)
            else:
                answer = self._good(self.link.pgconn.exec_prepared(*statement, Format.BINARY))
            self._answer = answer
            self._adapter.set_pgresult(answer, set_loaders=True, format=Format.BINARY)

    def later(self, sql: str, params: Mapping[str, Any] | Sequence[Any], answer: Later) -> None:
        """Run a statement in the round trip of the next one, before it. Its errors are raised there."""
        self._wrapper.validate_no_broken_transaction()
        with self._wrapper.wrap_database_errors:
            self._waiting.append((self._adapted(sql, params), answer))

    def flush(self) -> None:
        """Say what waits. Raises Django's errors."""
        if self._waiting:
            with self._wrapper.wrap_database_errors:
                self._in_one_go()

    def forget(self) -> None:
        """What waits belongs to a transaction that is given up."""
        self._waiting.clear()

    def commit(self) -> None:
        if self._waiting:
            self._in_one_go(b"COMMIT")
        elif self.link.pgconn.transaction_status != TransactionStatus.IDLE:
            self._good(self.link.pgconn.exec_(b"COMMIT"))

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

    @property
    def in_transaction(self) -> bool:
        return bool(self._wrapper.in_atomic_block)

    def _begins(self) -> bool:
        return not self.link.autocommit and self.link.pgconn.transaction_status == TransactionStatus.IDLE

    def _adapted(self, sql: str, params: Mapping[str, Any] | Sequence[Any]) -> _Statement:
        _, order = _numbered(sql)
        values = [params[name] for name in order] if isinstance(params, Mapping) else params
        given: Any = self._adapter.dump_sequence(values, [PyFormat.AUTO] * len(values))
        kind = (sql, tuple(self._adapter.types or ()))
        name = self._prepared.get(kind) or self._prepare(kind)
        return name, given, self._adapter.formats or ()

    def _prepare(self, kind: tuple[str, tuple[int, ...]]) -> bytes:
        if len(self._prepared) >= _KEPT_STATEMENTS:
            self.flush()
            self._good(self.link.pgconn.exec_(b"DEALLOCATE ALL"))
            self._prepared.clear()
        sql, types = kind
        self._made += 1
        name = b"kept_%d" % self._made
        self._good(self.link.pgconn.prepare(name, _numbered(sql)[0], types))
        self._prepared[kind] = name
        return name

    def _in_one_go(self, last: bytes | _Statement | None = None) -> PGresult:
        """Send BEGIN where it is due, all that waits, and `last`, before reading any answer. Its own answer.

        After one that fails the others are not run. Raises its error.
        """
        waiting, self._waiting = self._waiting, []
        begins, wire = self._begins(), self.link.pgconn
        wire.enter_pipeline_mode()
        try:
            if begins:
                wire.send_query_params(b"BEGIN", None)
            for statement, _ in waiting:
                wire.send_query_prepared(*statement, Format.BINARY)
            if isinstance(last, bytes):
                wire.send_query_params(last, None)
            elif last is not None:
                wire.send_query_prepared(*last, Format.BINARY)
            wire.pipeline_sync()
            answers = list(self._answers())
        finally:
            if wire.status == ConnStatus.OK:
                wire.exit_pipeline_mode()
        good = [self._good(answer) for answer in answers]
        for (_, later), answer in zip(waiting, good[begins:], strict=False):
            self._adapter.set_pgresult(answer, set_loaders=True, format=Format.BINARY)
            later.arrive(self._adapter.load_rows(0, answer.ntuples, tuple))
        return good[-1]

    def _answers(self) -> Iterator[PGresult]:
        """Of a pipeline, until its end. libpq itself would wait for them with Python's lock in its hand."""
        wire = self.link.pgconn
        line = select.poll()
        line.register(wire.socket, select.POLLIN | select.POLLOUT)
        while wire.flush():
            line.poll()
            wire.consume_input()
        line.modify(wire.socket, select.POLLIN)
        while True:
            while wire.is_busy():
                line.poll()
                wire.consume_input()
            answer = wire.get_result()
            if answer is None:  # the end of one statement's answers
                if wire.status != ConnStatus.OK:
                    raise psycopg.OperationalError("the server ended the connection")
                continue
            if answer.status == ExecStatus.PIPELINE_SYNC:
                return
            yield answer

    def _good(self, answer: PGresult) -> PGresult:
        if answer.status in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
            return answer
        error = psycopg.errors.error_from_result(answer, encoding=self._adapter.encoding)
        if isinstance(error, psycopg.errors.FeatureNotSupported):
            self._prepared.clear()  # a column of an answer has another type now: all are prepared anew
        if error.sqlstate is None:  # libpq's own: the line is gone
            raise psycopg.OperationalError(str(error))
        raise error


def later(
    sql: str,
    params: Mapping[str, Any] | Sequence[Any] = (),
    *,
    arrives: Callable[[list[Any]], None] | None = None,
) -> Later:
    """Run a statement of `binary_cursor`'s kind in the round trip of the transaction's next one, or of its COMMIT.

    It comes before whatever is said next on the connection, by whomever, and what it raises is raised there. So what
    follows must bear to be run, and rolled back, where `arrives` raises. Outside a transaction it is run now.
    """
    with binary_cursor() as cursor:
        answer = Later(cursor, arrives)
        if isinstance(cursor, KeptCursor) and cursor.in_transaction:
            cursor.later(sql, params, answer)
        else:
            cursor.execute(sql, params)
            said = isinstance(cursor, KeptCursor) or cursor.description is not None
            answer.arrive(cursor.fetchall() if said else [])
        return answer


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
        kept = cast(DatabaseWrapper, wrapper).kept()
        if not kept.in_use:
            return kept
    if wrapper.kept_cursor is not None:
        wrapper.kept_cursor.flush()
    with wrapper.wrap_database_errors:
        one = psycopg.Cursor(wrapper.connection)
        one.format = Format.BINARY
        return cast(CursorWrapper, wrapper._prepare_cursor(one))
