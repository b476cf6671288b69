"""Writing rows where the ORM would spend several times PostgreSQL's time on putting the statement together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from django.db.models import AutoField, Field, JSONField, Model
from psycopg.types.json import Jsonb

from backend.core.postgres.base import binary_cursor


def insert(rows: Sequence[Model], *, ignore_conflicts: bool = False) -> int:
    """Insert rows of one model in one statement, as they are: no signals, no `auto_now`. How many were written.

    A primary key that the database makes is not read back, and is given where a row has one. Raises IntegrityError.
    """
    if not rows:
        return 0
    return _run((_insertion(type(rows[0]), rows[0].pk is None, len(rows), ignore_conflicts),), _values(rows))


def insert_together(
    *groups: Sequence[Model],
    ignoring_conflicts_of: Sequence[Model],
    besides: tuple[str, Sequence[Any]] | None = None,
) -> int:
    """Insert rows of several models in one statement; foreign keys between them hold at its end.

    `besides` is a statement of another kind that goes along, and its parameters (%s). How many of
    `ignoring_conflicts_of`, the last of them, were written. Raises IntegrityError.
    """
    parts, values = [], list[Any]()
    for rows in filter(None, groups):
        parts.append(_insertion(type(rows[0]), rows[0].pk is None, len(rows), False))
        values += _values(rows)
    if besides is not None:
        parts.append(besides[0])
        values += besides[1]
    first = ignoring_conflicts_of[0]
    last = _insertion(type(first), first.pk is None, len(ignoring_conflicts_of), True)
    return _run((*parts, last), values + _values(ignoring_conflicts_of))


def _run(parts: tuple[str, ...], values: Sequence[Any]) -> int:
    with binary_cursor() as cursor:
        cursor.execute(_together(parts), values)
        return int(cursor.rowcount)


@lru_cache(maxsize=200)
def _together(parts: tuple[str, ...]) -> str:
    """All parts as one statement, the last one telling how many."""
    *first, last = parts
    named = ", ".join(f"part_{number} AS ({part})" for number, part in enumerate(first))
    return f"WITH {named} {last}" if named else last


@lru_cache(maxsize=200)
def _insertion(model: type[Model], without_key: bool, rows: int, ignore_conflicts: bool) -> str:
    table, names, attributes = _columns(model, without_key)
    row = f"({', '.join(['%s'] * len(attributes))})"
    conflicts = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    return f"INSERT INTO {table} ({names}) VALUES {', '.join([row] * rows)}{conflicts}"  # noqa: S608  our own


def _values(rows: Sequence[Model]) -> list[Any]:
    attributes = _columns(type(rows[0]), rows[0].pk is None)[2]
    for one in rows:
        one._state.adding = False
    return [
        Jsonb(value) if is_json else value
        for one in rows
        for value, is_json in ((getattr(one, name), is_json) for name, is_json in attributes)
    ]


@cache
def _columns(model: type[Model], without_key: bool) -> tuple[str, str, tuple[tuple[str, bool], ...]]:
    """The table, its columns, and for each the attribute that holds it and whether it is JSON."""
    fields: list[Field[Any, Any]] = [
        field
        for field in model._meta.concrete_fields
        if not field.generated and not (without_key and isinstance(field, AutoField)) and field.column
    ]
    return (
        f'"{model._meta.db_table}"',
        ", ".join(f'"{field.column}"' for field in fields),
        tuple((field.attname, isinstance(field, JSONField)) for field in fields),
    )
