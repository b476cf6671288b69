"""Cursor pages: stable while rows are added, never a count, never an offset."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, TypeVar, cast

from django.db.models import Field, Model, Q, QuerySet
from django.utils.crypto import constant_time_compare, salted_hmac
from rest_framework import serializers

from backend.core.api import fields
from backend.core.api.bodies import Query
from backend.core.errors import ValidationFailed

M = TypeVar("M", bound=Model)
SEAL_BYTES = 12


class PageQuery(Query):
    limit = fields.QueryInteger(
        required=False, min_value=1, max_value=50, default=20, help_text="1 to 50, default 20"
    )
    cursor = serializers.CharField(
        required=False, max_length=500, help_text="`next_cursor` of the page before"
    )


@dataclass(frozen=True)
class Page(Generic[M]):
    rows: Sequence[M]
    next_cursor: str | None

    def body(self, present: Callable[[M], dict[str, Any]]) -> dict[str, Any]:
        """The shape of every list on the wire."""
        return {"items": [present(row) for row in self.rows], "next_cursor": self.next_cursor}


def page(queryset: QuerySet[M], *, order: Sequence[str], query: Mapping[str, Any]) -> Page[M]:
    """One page of `queryset` in `order` (field names, `-` for descending; the last one unique).

    `query` is a validated PageQuery; its other values are the filters, and a cursor made under other filters is
    refused as `cursor_invalid`.
    """
    limit, cursor = query["limit"], query.get("cursor")
    scope = scope_of(queryset.model._meta.label, order, query)
    if cursor:
        queryset = queryset.filter(_after(queryset.model, order, values_of(cursor, scope)))
    rows = list(queryset.order_by(*order)[: limit + 1])
    more = len(rows) > limit
    rows = rows[:limit]
    last = [getattr(rows[-1], name.removeprefix("-")) for name in order] if more else []
    return Page(rows=rows, next_cursor=cursor_of(last, scope) if more else None)


def scope_of(name: str, order: Sequence[str], query: Mapping[str, Any]) -> str:
    """What a cursor is good for: one list, in one order, under the filters of a validated query."""
    filters = {k: str(v) for k, v in query.items() if k not in ("limit", "cursor")}
    return json.dumps([name, list(order), filters], sort_keys=True)


def cursor_of(values: Sequence[Any], scope: str) -> str:
    """A sealed cursor after the row with these values of its order."""
    plain = [
        v.isoformat() if isinstance(v, datetime | date) else v if isinstance(v, int) else str(v)
        for v in values
    ]
    text = json.dumps(plain, ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(_seal(scope, text) + text).decode().rstrip("=")


def values_of(cursor: str, scope: str) -> list[Any]:
    """The values of a cursor of ours for this list and these filters; a forged one never reaches the database.

    Raises ValidationFailed naming the cursor.
    """
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except ValueError:
        raw = b""
    seal, values = raw[:SEAL_BYTES], raw[SEAL_BYTES:]
    if not constant_time_compare(seal, _seal(scope, values)):
        raise ValidationFailed.parameter("cursor", "cursor_invalid")
    return list(json.loads(values))


def _seal(scope: str, values: bytes) -> bytes:
    return salted_hmac(scope, values, algorithm="sha256").digest()[:SEAL_BYTES]


def _after(model: type[Model], order: Sequence[str], values: Sequence[Any]) -> Q:
    """(a, b, c) after (x, y, z): a beyond x, or a = x and b beyond y, and so on."""
    condition = Q()
    equal = Q()
    for name, raw in zip(order, values, strict=True):
        field = name.removeprefix("-")
        value = cast(Field[Any, Any], model._meta.get_field(field)).to_python(raw)
        condition |= equal & Q(**{f"{field}__{'lt' if name.startswith('-') else 'gt'}": value})
        equal &= Q(**{field: value})
    return condition
