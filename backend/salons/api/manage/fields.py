"""Values that only the desk writes. `null` clears a text; in the database that is an empty one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

import phonenumbers
from babel import Locale
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.core.api import fields
from backend.core.api.both import UNSTORABLE
from backend.core.phone import E164_PATTERN
from backend.core.text import ascii_digits, clean_name
from backend.salons.models.offer import KIND
from backend.salons.operations.salons import reads_as_id
from backend.salons.queries.managing import time_zones

_LONGEST_TYPED = 60
_TEXT = {"type": "string", "minLength": 1, "maxLength": _LONGEST_TYPED}
_NO_LANGUAGES = frozenset({"mul", "und", "zxx"})


class _Cleared(serializers.Field[Any, Any, Any, Any]):
    """Absent is unchanged, `null` is empty."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs, required=False, allow_null=True)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return "" if data is None else super().run_validation(data)


class OptionalText(_Cleared, fields.Text):
    """One line of text, or nothing."""


@extend_schema_field(_TEXT)
class Number(_Cleared):
    """A number that names something, in any digits: `read` returns what is stored or raises ValueError."""

    def __init__(self, read: Callable[[str], str], **kwargs: Any) -> None:
        self.read = read
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("", code="wrong_type")
        if len(data) > _LONGEST_TYPED:
            raise serializers.ValidationError("", code="too_long")
        try:
            return self.read(data)
        except ValueError:
            raise serializers.ValidationError("", code="invalid_format")

    def to_representation(self, value: Any) -> Any:
        return value


def telephone(text: str) -> str:
    """The E.164 form of any Saudi telephone number, land lines and 9200 numbers too. Raises ValueError."""
    try:
        number = phonenumbers.parse(ascii_digits(text), "SA")
    except phonenumbers.NumberParseException as error:
        raise ValueError("not a telephone number") from error
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not phonenumbers.is_valid_number(number) or number.extension:
        raise ValueError(f"not of the shape {E164_PATTERN}")
    return e164


@extend_schema_field({"type": "number", "minimum": -180, "maximum": 180})
class Degrees(serializers.Field[Decimal, Any, Any, Any]):
    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, bool) or not isinstance(data, int | float):
            raise serializers.ValidationError("", code="wrong_type")
        if not -180 <= data <= 180:
            raise serializers.ValidationError("", code="too_large" if data > 0 else "too_small")
        return Decimal(str(data))

    def to_representation(self, value: Any) -> Any:
        return value


class Slug(serializers.RegexField):
    """Small Latin letters, digits and single hyphens; never what could be read as an id."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(r"^[a-z0-9]+(-[a-z0-9]+)*\Z", min_length=2, max_length=60, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("", code="wrong_type")
        return super().to_internal_value(data)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        slug = super().run_validation(data)
        if isinstance(slug, str) and reads_as_id(slug):
            raise serializers.ValidationError("", code="invalid_format")
        return slug


class Kind(serializers.RegexField):
    """The salon's own word for resources that are alike: `room`, `hammam`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(KIND.removesuffix("$") + r"\Z", max_length=40, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("", code="wrong_type")
        return super().to_internal_value(data)


class TimeZoneName(fields.Text):
    """A zone of the IANA database."""

    def to_internal_value(self, data: Any) -> str:
        zone = super().to_internal_value(data)
        if zone not in time_zones():
            raise serializers.ValidationError("", code="invalid_choice")
        return zone


class Language(fields.Text):
    """An ISO 639 code: `ar`, `ur`, `fil`."""

    def to_internal_value(self, data: Any) -> str:
        code = super().to_internal_value(data)
        if code not in _languages():
            raise serializers.ValidationError("", code="invalid_choice")
        return code


@cache
def _languages() -> frozenset[str]:
    known = {str(code) for code in Locale("en").languages}
    return frozenset(code for code in known if len(code) <= 3 and code.isalpha()) - _NO_LANGUAGES


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {},  # generators make an empty class of a choice of plain types
        "maxProperties": 20,
        "description": "Texts, numbers and flags",
    }
)
class Attributes(serializers.Field[dict[str, Any], Any, Any, Any]):
    """A flat object: texts of at most 100 characters, numbers and flags, at most 20 of them."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, Mapping):
            raise serializers.ValidationError("", code="wrong_type")
        if len(data) > 20:
            raise serializers.ValidationError("", code="list_too_long")
        found: dict[str, Any] = {}
        wrong: dict[str, Any] = {}
        for name, value in data.items():
            try:
                found[_attribute_text(name, most=40)] = _attribute(value)
            except serializers.ValidationError as error:
                wrong[str(name)] = error.detail
        if wrong:
            raise serializers.ValidationError(wrong)
        return found

    def to_representation(self, value: Any) -> Any:
        return value


def _attribute(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        if not -1e9 <= value <= 1e9:
            raise serializers.ValidationError("", code="too_large" if value > 0 else "too_small")
        return value
    if isinstance(value, str):
        return _attribute_text(value, most=100)
    raise serializers.ValidationError("", code="wrong_type")


def _attribute_text(text: str, *, most: int) -> str:
    clean = clean_name(text)
    if not clean:
        raise serializers.ValidationError("", code="field_blank")
    if len(clean) > most:
        raise serializers.ValidationError("", code="too_long")
    if UNSTORABLE.search(clean):
        raise serializers.ValidationError("", code="invalid_format")
    return clean
