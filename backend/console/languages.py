"""The console's language: chosen with a link, kept in a cookie of its own. The API's negotiation is another matter."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.translation import get_language

PARAMETER = "language"
COOKIE = "console_language"
DEFAULT = "ar"
_YEAR = 365 * 24 * 60 * 60


def chosen(request: HttpRequest) -> str:
    return _known(request.COOKIES.get(COOKIE)) or DEFAULT


def asked_for(request: HttpRequest) -> str | None:
    return _known(request.GET.get(PARAMETER)) if request.method == "GET" else None


def remember(request: HttpRequest, language: str) -> HttpResponseRedirect:
    """Keep the choice and show the same page again: its address must not carry what no list knows as a filter."""
    response = HttpResponseRedirect(_here(request))
    response.set_cookie(
        COOKIE,
        language,
        max_age=_YEAR,
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def links(request: HttpRequest) -> list[dict[str, Any]]:
    """The switch: each language by its own name, leading to this page."""
    here = _here(request)
    join = "&" if "?" in here else "?"
    return [
        {
            "code": code,
            "name": name,
            "url": f"{here}{join}{PARAMETER}={code}",
            "current": code == get_language(),
        }
        for code, name in settings.LANGUAGES
    ]


def _here(request: HttpRequest) -> str:
    query = request.GET.copy()
    query.pop(PARAMETER, None)
    # One slash at the start: `//host` would be somebody else's address.
    path = "/" + request.path.lstrip("/")
    return f"{path}?{query.urlencode()}" if query else path


def _known(code: str | None) -> str | None:
    return code if code in dict(settings.LANGUAGES) else None
