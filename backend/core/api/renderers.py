"""How answers are written: JSON in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.utils.encoders import JSONEncoder

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
# Refusals alone: a generated client asks so where success has no body.
_WHAT_APPS_ACCEPT = frozenset(
    {JSON, f"{JSON}, {PROBLEM_JSON}", PROBLEM_JSON, "*/*", f"{JSON}, text/plain, */*"}
)
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_encoder = JSONEncoder()


def written(data: Any) -> orjson.Fragment:
    """Part of an answer as JSON, to be kept and put into others as it is."""
    return orjson.Fragment(as_json(data))


def as_json(data: Any) -> bytes:
    """An answer as the renderer writes it."""
    return orjson.dumps(data, default=_encoder.default, option=_OPTIONS)


class FastJSONRenderer(JSONRenderer):
    """The JSON of DRF's renderer, written by orjson.

    What JSON lacks (dates, decimals, lazy texts, querysets) becomes what DRF's encoder makes of it. Only a number that
    is not finite comes out otherwise: as null, where DRF's writer crashes.
    """

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None:
            return b""
        text = as_json(data)
        if accepted_media_type != JSON:  # it may ask for an indent
            return bytes(super().render(orjson.loads(text), accepted_media_type, renderer_context))
        return text


class JSONFirst(DefaultContentNegotiation):
    """Knows at sight what nearly every app accepts; anything else is negotiated as ever."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        if (
            first.media_type == JSON
            and format_suffix is None
            and request.META.get("HTTP_ACCEPT", "*/*") in _WHAT_APPS_ACCEPT
        ):
            return first, JSON
        renderer, media_type = super().select_renderer(request, renderers, format_suffix)
        return renderer, media_type
