"""What surrounds every request: its id, its log line, its language, its headers."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import Any

from corsheaders.middleware import CorsMiddleware
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers

from backend.core.api.language import negotiate
from backend.core.request_context import current_request_id, request_id_from, request_notes

access_log = logging.getLogger("mawid.access")
Handler = Callable[[HttpRequest], HttpResponse]

_FEED = re.compile(r"(/feeds/).+")
_API_POLICY = "default-src 'none'; frame-ancestors 'none'"


class RequestIdMiddleware:
    """Names the request, logs it without its query (codes and phones may stand there), stamps the answer."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = current_request_id.set(request_id_from(request.META.get("HTTP_X_REQUEST_ID")))
        notes = request_notes.set({})
        began = time.perf_counter()
        try:
            response = self.get_response(request)
            response.headers["X-Request-Id"] = current_request_id.get() or ""
            response.headers.setdefault("Content-Security-Policy", _API_POLICY)
            if request.path not in ("/healthz", "/readyz"):
                access_log.info(
                    "%s %s %s",
                    request.method,
                    _without_secret(request),
                    response.status_code,
                    extra={"ms": round((time.perf_counter() - began) * 1000)},
                )
            return response
        finally:
            request_notes.reset(notes)
            current_request_id.reset(token)


def _without_secret(request: HttpRequest) -> str:
    """The path; what opens a door by being known, such as a webhook's address, is left out of it.

    Ours, and the address of somebody's calendar, also where the rest of the path leads nowhere.
    """
    path = _FEED.sub(r"\1***", request.path)
    named = request.resolver_match.kwargs.get("secret") if request.resolver_match else None
    for secret in filter(None, (named, settings.UNIFONIC_CALLBACK_SECRET)):
        path = path.replace(secret, "***")
    return path


class LanguageMiddleware:
    """Django's own drops the whole header for one malformed part, so the choice is ours (`language.negotiate`)."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        translation.activate(negotiate(request.META.get("HTTP_ACCEPT_LANGUAGE")))
        try:
            response = self.get_response(request)
            response.headers["Content-Language"] = translation.get_language() or "ar"
            patch_vary_headers(response, ("Accept-Language",))
            return response
        finally:
            translation.deactivate()


class OriginMiddleware(CorsMiddleware):
    """Apps send no `Origin`, and so need nothing of this but the word that answers differ by it."""

    def __call__(self, request: HttpRequest) -> Any:
        if "HTTP_ORIGIN" in request.META:
            return super().__call__(request)
        response: Any = self.get_response(request)
        patch_vary_headers(response, ("origin",))
        return response
