"""Cursor pages: stable while rows are added, never a count, never an offset."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, TypeVar, cast

from django.core.exceptions import ValidationError
from django.db.models import Field, Model, Q, QuerySet
from rest_framework import serializers

from backend.core.api import fields
from backend.core.api.bodies import Query
from backend.core.errors import ValidationFailed

M = TypeVar("M", bound=Model)


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


def page(queryset: QuerySet[M], *, order: Sequence[str], query: Mapping[str, Any]) -> Page[M]:
    """One page of `queryset` in `order` (field names, `-` for descending; the last one unique).

    `query` is a validated PageQuery; its other values are the filters, and a cursor made under other filters is
    refused as `cursor_invalid`.
    """
    limit, cursor = query["limit"], query.get("cursor")
    filters = {k: str(v) for k, v in query.items() if k not in ("limit", "cursor")}
    scope = hashlib.sha256(json.dumps([list(order), filters], sort_keys=True).encode()).hexdigest()[:12]
    if cursor:
        queryset = queryset.filter(_after(queryset.model, order, _decode(cursor, scope, len(order))))
    rows = list(queryset.order_by(*order)[: limit + 1])
    more = len(rows) > limit
    rows = rows[:limit]
    return Page(rows=rows, next_cursor=_encode(rows[-1], order, scope) if more else None)


def _encode(row: Model, order: Sequence[str], scope: str) -> str:
    values = [getattr(row, name.removeprefix("-")) for name in order]
    plain = [
        v.isoformat() if isinstance(v, datetime | date) else v if isinstance(v, int) else str(v)
        for v in values
    ]
    return base64.urlsafe_b64encode(json.dumps([scope, *plain]).encode()).decode().rstrip("=")


def _decode(cursor: str, scope: str, length: int) -> list[Any]:
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        found = None
    if not isinstance(found, list) or len(found) != length + 1 or found[0] != scope:
        raise ValidationFailed.parameter("cursor", "cursor_invalid")
    return found[1:]


def _after(model: type[Model], order: Sequence[str], values: Sequence[Any]) -> Q:
    """(a, b, c) after (x, y, z): a beyond x, or a = x and b beyond y, and so on."""
    condition = Q()
    equal = Q()
    for name, raw in zip(order, values, strict=True):
        field = name.removeprefix("-")
        try:
            value = cast(Field[Any, Any], model._meta.get_field(field)).to_python(raw)
        except ValidationError as error:
            raise ValidationFailed.parameter("cursor", "cursor_invalid") from error
        condition |= equal & Q(**{f"{field}__{'lt' if name.startswith('-') else 'gt'}": value})
        equal &= Q(**{field: value})
    return condition
