"""Problem details (RFC 9457) for every error: the one place where kinds of refusal meet HTTP status numbers."""

from __future__ import annotations

import logging
import math
import sys
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, TooManyFieldsSent
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions as drf

from backend.core import errors
from backend.core.api.renderers import PROBLEM_JSON
from backend.core.request_context import current_request_id

logger = logging.getLogger("mawid.errors")

MOST_FIELD_ERRORS = 100  # a body of unknown keys must not be answered with one thirty times its size

STATUS_OF_KIND: tuple[tuple[type[errors.DomainError], int], ...] = (
    (errors.MethodNotAllowed, 405),
    (errors.NotAcceptable, 406),
    (errors.PayloadTooLarge, 413),
    (errors.UnsupportedMediaType, 415),
    (errors.Invalid, 400),
    (errors.NotSignedIn, 401),
    (errors.NotAllowed, 403),
    (errors.NotFound, 404),
    (errors.EndpointRemoved, 410),
    (errors.Conflict, 409),
    (errors.Refused, 422),
    (errors.TooManyRequests, 429),
    (errors.Unavailable, 503),
    (errors.DomainError, 500),
)

TITLES: dict[int, Any] = {
    400: _("Invalid request"),
    401: _("Sign-in needed"),
    403: _("Not allowed"),
    404: _("Not found"),
    405: _("Invalid request"),
    406: _("Invalid request"),
    409: _("Conflict"),
    410: _("No longer available"),
    413: _("Invalid request"),
    415: _("Invalid request"),
    422: _("Refused"),
    429: _("Too many requests"),
    500: _("Server error"),
    503: _("Temporarily unavailable"),
}

_DRF_CODES = {
    "required": "field_required",
    "null": "field_null",
    "blank": "field_blank",
    "max_length": "too_long",
    "min_length": "too_short",
    "max_value": "too_large",
    "min_value": "too_small",
    "max_string_length": "too_long",
    "invalid_choice": "invalid_choice",
    "not_a_list": "wrong_type",
    "empty": "list_empty",
    "invalid": "invalid_format",
    "null_characters_not_allowed": "invalid_format",
    "surrogate_characters_not_allowed": "invalid_format",
}


def status_of(error: errors.DomainError | type[errors.DomainError]) -> int:
    kind = error if isinstance(error, type) else type(error)
    return next(status for parent, status in STATUS_OF_KIND if issubclass(kind, parent))


def problem_body(error: errors.DomainError) -> dict[str, Any]:
    """The members of the problem, in the active language."""
    status = status_of(error)
    body: dict[str, Any] = {
        "type": f"{settings.PUBLIC_BASE_URL}/problems/{error.code}",
        "title": str(TITLES[status]),
        "status": status,
        "code": error.code,
        "detail": error.detail,
        "request_id": current_request_id.get() or "",
    }
    if isinstance(error, errors.ValidationFailed):
        body["errors"] = [
            {
                "pointer": e.pointer,
                "parameter": e.parameter,
                "code": e.code,
                "detail": e.detail,
                "params": dict(e.params),
            }
            for e in error.errors[:MOST_FIELD_ERRORS]
        ]
    if error.params:
        body["params"] = error.params
    body.update(error.extra)
    return body


def _headers(error: errors.DomainError) -> dict[str, str]:
    headers = dict(error.headers) if isinstance(error, errors.TooManyRequests) else {}
    if "retry_after" in error.extra:
        headers["Retry-After"] = str(error.extra["retry_after"])
    if status_of(error) == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="api"'
    return headers


def problem_response(error: errors.DomainError) -> HttpResponse:
    """For code outside DRF: middleware, Django's handlers."""
    return JsonResponse(
        problem_body(error),
        status=status_of(error),
        content_type=PROBLEM_JSON,
        headers=_headers(error),
        json_dumps_params={"ensure_ascii": False},
    )


def field_errors(detail: Any, *, in_query: bool = False, at: str = "") -> list[errors.FieldError]:
    """DRF's nested error detail, flattened to pointers and our own codes. Library text is never passed on."""
    if isinstance(detail, dict):
        found = []
        for key, value in detail.items():
            here = at if key == "non_field_errors" else f"{at}/{_step(str(key))}"
            found += field_errors(value, in_query=in_query, at=here)
        return found
    if isinstance(detail, list):
        found = []
        for index, value in enumerate(detail):
            nested = isinstance(value, dict | list)
            found += field_errors(value, in_query=in_query, at=f"{at}/{index}" if nested else at)
        return found
    code = getattr(detail, "code", None) or "invalid"
    code = _DRF_CODES.get(code, code)
    if code not in errors.FIELD_ERRORS:
        code = "invalid_format"
    if in_query:
        return [errors.FieldError(code=code, parameter=at.removeprefix("/").partition("/")[0])]
    return [errors.FieldError(code=code, pointer=at)]


def _step(name: str) -> str:
    """A name in a JSON Pointer. An unknown one is the caller's text: half a surrogate pair could not be sent back."""
    printable = name[:100].encode("utf-8", "replace").decode()
    return printable.replace("~", "~0").replace("/", "~1")


def as_domain_error(exc: BaseException) -> errors.DomainError | None:
    """What a framework's exception means in our words; None when it is a crash."""
    match exc:
        case errors.DomainError():
            return exc
        case drf.ValidationError():
            return errors.ValidationFailed(field_errors(exc.detail))
        case drf.NotAuthenticated() | drf.AuthenticationFailed():
            return errors.AuthRequired()
        case drf.PermissionDenied() | DjangoPermissionDenied():
            return errors.PermissionDenied()
        case drf.NotFound() | Http404():
            return errors.NotFound()
        case drf.MethodNotAllowed():
            return errors.MethodNotAllowed()
        case drf.NotAcceptable():
            return errors.NotAcceptable()
        case drf.UnsupportedMediaType():
            return errors.UnsupportedMediaType()
        case drf.Throttled():
            return errors.TooManyRequests(retry_after=math.ceil(getattr(exc, "wait", None) or 1))
        case RequestDataTooBig() | TooManyFieldsSent():
            return errors.PayloadTooLarge()
        case drf.ParseError() | SuspiciousOperation() | UnreadablePostError():
            return errors.MalformedRequest()
        case OperationalError() | InterfaceError():
            # The database is away, overloaded, or made us a deadlock victim: nothing was kept, so a retry is safe.
            return errors.Unavailable(extra={"retry_after": 2})
    return None


def exception_handler(exc: Exception, context: dict[str, Any]) -> HttpResponse:
    """DRF's hook: every exception of a view becomes a problem; a crash is logged whole and told in general words.

    The answer is written here: DRF's own Response would let the view's renderer (the reference's is HTML) write it.
    """
    return problem_response(_accounted_for(exc))


def _accounted_for(exc: BaseException) -> errors.DomainError:
    error = as_domain_error(exc)
    if error is None:
        logger.error("unexpected error", exc_info=exc)
        return errors.ServerError()
    if status_of(error) == 503 and not isinstance(exc, errors.DomainError):
        logger.error("database unavailable", exc_info=exc)
    return error


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem_response(as_domain_error(exception) or errors.MalformedRequest())


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem_response(errors.PermissionDenied())


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return problem_response(errors.PermissionDenied())


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return problem_response(errors.NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    """Called while Django handles a crash outside of DRF; its own log of it is silenced in the settings."""
    exc = sys.exception()
    return problem_response(_accounted_for(exc) if exc else errors.ServerError())
