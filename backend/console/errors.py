"""Error pages: people in the console get pages, everybody else the API's problems."""

from __future__ import annotations

import logging
import sys
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from backend.core import errors
from backend.core.api import problems
from backend.core.request_context import current_request_id

logger = logging.getLogger("mawid.errors")

PREFIX = "/console"


def in_console(request: HttpRequest) -> bool:
    return request.path == PREFIX or request.path.startswith(f"{PREFIX}/")


def refusal(error: errors.DomainError, **context: Any) -> HttpResponse:
    """The page of a refusal. It asks no database: one may be the reason."""
    status = problems.status_of(error)
    page = render_to_string(
        "console/error.html",
        {
            "title": problems.TITLES[status],
            "detail": error.detail,
            "request_id": current_request_id.get(),
            "home": f"{PREFIX}/",
        }
        | context,
    )
    return HttpResponse(page, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not in_console(request):
        return problems.bad_request(request, exception)
    return refusal(problems.as_domain_error(exception) or errors.MalformedRequest())


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not in_console(request):
        return problems.permission_denied(request, exception)
    return refusal(errors.PermissionDenied())


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    if not in_console(request):
        return problems.csrf_failure(request, reason)
    return refusal(errors.PermissionDenied())


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if not in_console(request):
        return problems.page_not_found(request, exception)
    return refusal(errors.NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    if not in_console(request):
        return problems.server_error(request)
    logger.exception("unexpected error in the console", exc_info=sys.exc_info())
    return refusal(errors.ServerError())
