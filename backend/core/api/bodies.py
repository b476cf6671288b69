"""What comes in: bodies and queries that refuse names they do not know."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, cast

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from backend.core.api.problems import field_errors
from backend.core.errors import FieldError, ValidationFailed


class Body(serializers.Serializer[Any]):
    """A request body (or an object inside one). Unknown keys are refused: a typing mistake must not pass in silence."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise serializers.ValidationError({"non_field_errors": [ErrorDetail("", code="wrong_type")]})
        problems: dict[str, Any] = {
            str(name): [ErrorDetail("", code="unknown_field")] for name in data if name not in self.fields
        }
        value = None
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            found = cast(dict[str, Any], error.detail)
            problems = {**{name: self._in_words(name, detail) for name, detail in found.items()}, **problems}
        if problems:
            raise serializers.ValidationError(problems)
        return value

    def _in_words(self, name: str, detail: Any) -> Any:
        """DRF gives a long list the code of a long text."""
        if isinstance(self.fields.get(name), serializers.ListField) and isinstance(detail, list):
            return [ErrorDetail("", code=_OF_LISTS.get(d.code, d.code)) for d in detail]
        return detail


_OF_LISTS = {"max_length": "list_too_long", "min_length": "list_empty"}


def read_body(kind: type[Body], data: Any) -> dict[str, Any]:
    """The validated values of a body. Raises ValidationFailed with a pointer for each wrong field."""
    try:
        return dict(_reader(kind).run_validation(data))
    except serializers.ValidationError as error:
        raise ValidationFailed(field_errors(error.detail)) from error


class Query(serializers.Serializer[Any]):
    """The names a query may have. Values are text; empty ones count as absent."""


class NoQuery(Query):
    pass


def read_query(kind: type[Query], values: QueryDict) -> dict[str, Any]:
    """The validated query. Raises ValidationFailed naming each wrong or unknown parameter."""
    if not values and kind is NoQuery:
        return {}
    reader = _reader(kind)
    unknown = [
        FieldError("unknown_field", parameter=name[:100]) for name in values if name not in reader.fields
    ]
    given = {name: values[name] for name in values if values[name] != "" and name in reader.fields}
    try:
        read = dict(reader.run_validation(given))
    except serializers.ValidationError as error:
        raise ValidationFailed(field_errors(error.detail, in_query=True) + unknown) from error
    if unknown:
        raise ValidationFailed(unknown)
    return read


@cache
def _reader(kind: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """One instance for all requests and threads: making one copies every field, and reading a value changes none."""
    reader = kind()
    _ = reader.fields  # made on first use, and that is not for two threads at once
    return reader
