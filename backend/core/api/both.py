"""A text in both languages, as staff who edit it see it: `{"ar": …, "en": …}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from backend.core import text

LANGUAGES = ("ar", "en")

UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""What PostgreSQL holds in no text: NUL, and half of a surrogate pair."""


@extend_schema_field({"$ref": "#/components/schemas/BilingualText"})
class Both(serializers.Field[dict[str, str], Any, Any, Any]):
    """In: an object with `ar` and `en`; a language left out or null becomes empty text.

    At least one language says something, unless `allow_blank`: the other falls back to it. `lines` keeps line breaks.
    """

    def __init__(
        self, *, max_length: int, allow_blank: bool = False, lines: bool = False, **kwargs: Any
    ) -> None:
        self.max_length = max_length
        self.allow_blank = allow_blank
        self.clean = text.clean_prose if lines else text.clean_name
        super().__init__(**kwargs)

    @property
    def limits(self) -> str:
        """For the contract, whose one model of these texts knows no lengths."""
        most = f"At most {self.max_length:,} characters in each language"
        return most if self.allow_blank else f"{most}; one of them says something"

    def to_internal_value(self, data: Any) -> dict[str, str]:
        if not isinstance(data, Mapping):
            raise serializers.ValidationError("", code="wrong_type")
        wrong: dict[str, list[ErrorDetail]] = {}
        found: dict[str, str] = {}
        for name in [*LANGUAGES, *(n for n in data if n not in LANGUAGES)]:
            value = data.get(name)
            if name not in LANGUAGES:
                wrong[str(name)] = [ErrorDetail("", code="unknown_field")]
            elif value is None:
                found[name] = ""
            elif not isinstance(value, str):
                wrong[name] = [ErrorDetail("", code="wrong_type")]
            elif UNSTORABLE.search(value):
                wrong[name] = [ErrorDetail("", code="invalid_format")]
            elif len(cleaned := self.clean(value)) > self.max_length:
                wrong[name] = [ErrorDetail("", code="too_long")]
            else:
                found[name] = cleaned
        if wrong:
            raise serializers.ValidationError(wrong)
        if not self.allow_blank and not any(found.values()):
            raise serializers.ValidationError("", code="field_blank")
        return found

    def to_representation(self, value: Any) -> Any:
        return value


def both(row: Any, field: str) -> dict[str, str | None]:
    """A translated field of a row in both languages, `null` where nothing is written."""
    return {language: getattr(row, f"{field}_{language}") or None for language in LANGUAGES}
