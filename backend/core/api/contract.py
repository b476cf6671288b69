"""`GET openapi.json`: the committed contract, the same bytes for everybody, made once in a process."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
import yaml
from django.conf import settings
from django.http import HttpResponse
from django.utils.cache import patch_vary_headers
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from backend.core.api.views import PublicEndpoint


@dataclass(frozen=True)
class Document:
    """The contract as JSON."""

    body: bytes
    compressed: bytes
    tag: str


class OpenApi(PublicEndpoint):
    gated = False

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        contract = document()
        small = "gzip" in request.headers.get("Accept-Encoding", "")
        response = HttpResponse(
            contract.compressed if small else contract.body,
            content_type="application/json",
            headers={"Cache-Control": "public, max-age=300", "ETag": contract.tag},
        )
        if small:
            response.headers["Content-Encoding"] = "gzip"
        patch_vary_headers(response, ("Accept-Encoding",))
        return response


@cache
def document() -> Document:
    path = settings.BASE_DIR / "mobile-contract/openapi.yaml"
    read: Any = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    body = orjson.dumps(read)
    # Weak, because the same document also travels compressed.
    return Document(body, gzip.compress(body, mtime=0), f'W/"{hashlib.sha256(body).hexdigest()[:32]}"')
