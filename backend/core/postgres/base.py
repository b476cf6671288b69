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


def binary_cursor() -> CursorWrapper:
    """A cursor for the few statements that many requests make: half the CPU of Django's, above all for moments.

    Parameters go beside the statement and rows come in PostgreSQL's binary form. So a parameter has a type, its
    Python value's, and is not coerced to what the statement would like.
    """
    wrapper = cast(Any, connections[DEFAULT_DB_ALIAS])
    wrapper.close_if_health_check_failed()
    wrapper.ensure_connection()
    with wrapper.wrap_database_errors:
        cursor = psycopg.Cursor(wrapper.connection)
        cursor.format = psycopg.pq.Format.BINARY
        return cast(CursorWrapper, wrapper._prepare_cursor(cursor))
