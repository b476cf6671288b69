"""Writing rows where the ORM would spend several times PostgreSQL's time on putting the statement together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db.models import AutoField, Field, JSONField, Model
from psycopg.types.json import Jsonb

from backend.core.postgres.base import binary_cursor


def insert(rows: Sequence[Model], *, ignore_conflicts: bool = False) -> int:
    """Insert rows of one model in one statement, as they are: no signals, no `auto_now`. How many were written.

    A primary key that the database makes is not read back. Raises IntegrityError.
    """
    if not rows:
        return 0
    with binary_cursor() as cursor:
        cursor.execute(*_insertion(rows, ignore_conflicts=ignore_conflicts))
        return int(cursor.rowcount)


def insert_together(*groups: Sequence[Model], ignoring_conflicts_of: Sequence[Model] = ()) -> int:
    """Insert rows of several models in one statement; foreign keys between them hold at its end.

    How many of `ignoring_conflicts_of`, the last of them, were written. Raises IntegrityError.
    """
    parts, values = [], list[Any]()
    for rows in filter(None, groups):
        sql, more = _insertion(rows)
        parts.append(sql)
        values += more
    sql, more = _insertion(ignoring_conflicts_of, ignore_conflicts=True)
    named = ", ".join(f"part_{number} AS ({part})" for number, part in enumerate(parts))
    with binary_cursor() as cursor:
        cursor.execute(f"WITH {named} {sql}" if named else sql, values + more)
        return int(cursor.rowcount)


def _insertion(rows: Sequence[Model], *, ignore_conflicts: bool = False) -> tuple[str, list[Any]]:
    table, names, attributes = _columns(type(rows[0]))
    row = f"({', '.join(['%s'] * len(attributes))})"
    values: list[Any] = [
        Jsonb(value) if is_json else value
        for one in rows
        for value, is_json in ((getattr(one, name), is_json) for name, is_json in attributes)
    ]
    for one in rows:
        one._state.adding = False
    conflicts = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    sql = f"INSERT INTO {table} ({names}) VALUES {', '.join([row] * len(rows))}{conflicts}"  # noqa: S608  our own
    return sql, values


@cache
def _columns(model: type[Model]) -> tuple[str, str, tuple[tuple[str, bool], ...]]:
    """The table, its columns, and for each the attribute that holds it and whether it is JSON."""
    fields: list[Field[Any, Any]] = [
        field
        for field in model._meta.concrete_fields
        if not field.generated and not isinstance(field, AutoField) and field.column
    ]
    return (
        f'"{model._meta.db_table}"',
        ", ".join(f'"{field.column}"' for field in fields),
        tuple((field.attname, isinstance(field, JSONField)) for field in fields),
    )
