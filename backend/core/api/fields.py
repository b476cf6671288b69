"""Field classes with strict JSON types: a number where text is due is refused, never coerced.

Digits of every script are understood wherever a number, a date, a phone or a code is meant.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.core import phone, text, time


class Text(serializers.CharField):
    """One line of text, bidi controls removed. `max_length` is always given."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        # Cleaned first: a name of nothing but invisible marks is an empty one.
        return super().run_validation(text.clean_name(data) if isinstance(data, str) else data)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("", code="wrong_type")
        return super().to_internal_value(data)


class Prose(serializers.CharField):
    """Free text; lines are kept."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation(text.clean_prose(data) if isinstance(data, str) else data)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("", code="wrong_type")
        return super().to_internal_value(data)


class Digits(serializers.CharField):
    """A code a person typed: other scripts' digits, spaces, hyphens and pasted marks are understood."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("", code="wrong_type")
        folded = text.ascii_digits(super().to_internal_value(data)).replace(" ", "").replace("-", "")
        if not folded.isascii() or not folded.isdigit():
            raise serializers.ValidationError("", code="invalid_format")
        return folded


class Phone(serializers.CharField):
    """A mobile number as typed; becomes E.164."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 60)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("", code="wrong_type")
        try:
            return phone.mobile_e164(super().to_internal_value(data))
        except phone.PhoneNotSupported:
            raise serializers.ValidationError("", code="phone_not_supported")
        except phone.PhoneInvalid:
            raise serializers.ValidationError("", code="phone_invalid")


class Integer(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            raise serializers.ValidationError("", code="wrong_type")
        return data


class Boolean(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("", code="wrong_type")
        return data


class Identifier(serializers.UUIDField):
    def to_internal_value(self, data: Any) -> uuid.UUID:
        if not isinstance(data, str):
            raise serializers.ValidationError("", code="wrong_type")
        try:
            return uuid.UUID(text.ascii_digits(data))
        except ValueError:
            raise serializers.ValidationError("", code="uuid_invalid")


class Choice(serializers.ChoiceField):
    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            raise serializers.ValidationError("", code="wrong_type")
        return super().to_internal_value(data)


@extend_schema_field(OpenApiTypes.DATE)
class Day(serializers.Field[date, str, str, Any]):
    def to_internal_value(self, data: Any) -> date:
        if not isinstance(data, str):
            raise serializers.ValidationError("", code="wrong_type")
        try:
            return time.parse_date(data)
        except time.DateInvalid as error:
            raise serializers.ValidationError("", code=error.code)

    def to_representation(self, value: date) -> str:
        return value.isoformat()


@extend_schema_field(OpenApiTypes.DATETIME)
class Moment(serializers.Field[datetime, str, str, Any]):
    """In: RFC 3339, any offset, required. Out: whole seconds in `zone` (default Riyadh)."""

    def __init__(self, *, zone: ZoneInfo = time.RIYADH, **kwargs: Any) -> None:
        self.zone = zone
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> datetime:
        if not isinstance(data, str):
            raise serializers.ValidationError("", code="wrong_type")
        try:
            return time.parse_moment(data)
        except time.DateInvalid as error:
            raise serializers.ValidationError("", code=error.code)

    def to_representation(self, value: datetime) -> str:
        return time.rfc3339(value, self.zone)


class QueryInteger(serializers.IntegerField):
    """A whole number in a query, in any digits."""

    def to_internal_value(self, data: Any) -> int:
        folded = text.ascii_digits(str(data)).strip()
        if not folded.isascii() or not folded.removeprefix("-").isdigit() or len(folded) > 9:
            raise serializers.ValidationError("", code="invalid_format")
        return int(folded)


class QueryBoolean(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if data not in ("true", "false"):
            raise serializers.ValidationError("", code="invalid_format")
        return bool(data == "true")


class CommaSeparated(serializers.CharField):
    """`a,b,c` in a query as a tuple of identifiers, at most `most` of them."""

    def __init__(self, *, most: int = 10, **kwargs: Any) -> None:
        self.most = most
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Any:
        parts = [p for p in str(data).split(",") if p.strip()]
        if not parts:
            raise serializers.ValidationError("", code="list_empty")
        if len(parts) > self.most:
            raise serializers.ValidationError("", code="list_too_long")
        try:
            return tuple(uuid.UUID(text.ascii_digits(p).strip()) for p in parts)
        except ValueError:
            raise serializers.ValidationError("", code="uuid_invalid")
