"""Form bodies for the sign-in calls, which small clients send before they have anything else."""

from __future__ import annotations

from typing import Any

from rest_framework.parsers import FormParser

from backend.core.api import fields


class FormText(str):
    """A value that came in a form, where everything is text."""


class NestedFormParser(FormParser):
    """`device.platform=ios` and `device[platform]=ios` become `{"device": {"platform": "ios"}}`."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        body: dict[str, Any] = {}
        for name, value in super().parse(stream, media_type, parser_context).items():
            outer, _, inner = name.replace("[", ".").removesuffix("]").partition(".")
            group = body.get(outer)
            if inner and (group is None or isinstance(group, dict)):
                body.setdefault(outer, {})[inner] = FormText(value)
            else:
                body[name] = FormText(value)
        return body


class FormFlag(fields.Boolean):
    """A JSON boolean, or the words true and false in a form."""

    def to_internal_value(self, data: Any) -> bool:
        if isinstance(data, FormText) and data in ("true", "false"):
            return data == "true"
        return super().to_internal_value(data)
