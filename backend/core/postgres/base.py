"""What settings name as ENGINE; Django looks for `DatabaseWrapper` in a module of this name."""

from __future__ import annotations

import select
from typing import Any, cast

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql import base, operations
from django.db.backends.utils import CursorWrapper


class DatabaseOperations(operations.DatabaseOperations):
    def last_executed_query(self, cursor: Any, sql: str, params: Any) -> str:
        """With its values, whichever cursor it was; Django expects its own kind."""
        if isinstance(cursor, psycopg.ClientCursor):
            return super().last_executed_query(cursor, sql, params)
        if isinstance(cursor, psycopg.RawCursor):
            return f"{sql} -- {list(params)}"
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


class KeptCursor:
    """psycopg's own cursor for one statement after another, with Django's errors around it.

    Making one and wrapping it as Django does costs more than many a statement.
    """

    def __init__(self, wrapper: Any, kind: type[psycopg.Cursor[Any]]) -> None:
        self._wrapper = wrapper
        self._cursor = kind(wrapper.connection)
        self._cursor.format = psycopg.pq.Format.BINARY
        self.in_use = False

    def __enter__(self) -> KeptCursor:
        self.in_use = True
        return self

    def __exit__(self, *_: object) -> None:
        self.in_use = False

    def execute(self, sql: str, params: Any = None) -> None:
        self._wrapper.validate_no_broken_transaction()
        with self._wrapper.wrap_database_errors:
            self._cursor.execute(sql, params)

    def fetchone(self) -> Any:
        return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount


def binary_cursor(*, numbered: bool = False) -> KeptCursor | CursorWrapper:
    """A cursor for the few statements that many requests make: a third of the CPU of Django's, above all for moments.

    Parameters go beside the statement and rows come in PostgreSQL's binary form. So a parameter has a type, its
    Python value's, and is not coerced to what the statement would like. `numbered` ones are written $1, $2: psycopg
    would read a long statement again and again to find out where they are.
    """
    wrapper = cast(Any, connections[DEFAULT_DB_ALIAS])
    wrapper.close_if_health_check_failed()
    wrapper.ensure_connection()
    kind = psycopg.RawCursor if numbered else psycopg.Cursor
    if not (wrapper.queries_logged or wrapper.execute_wrappers):
        kept: dict[Any, tuple[Any, KeptCursor]] = wrapper.__dict__.setdefault("kept_cursors", {})
        of, cursor = kept.get(kind, (None, None))
        if of is not wrapper.connection or cursor is None:
            cursor = KeptCursor(wrapper, kind)
            kept[kind] = wrapper.connection, cursor
        if not cursor.in_use:
            return cursor
    with wrapper.wrap_database_errors:
        one = kind(wrapper.connection)
        one.format = psycopg.pq.Format.BINARY
        return cast(CursorWrapper, wrapper._prepare_cursor(one))
