"""What surrounds the console's pages, and nothing else: language, clock, headers, the end of idle sessions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import auth
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.utils.deprecation import MiddlewareMixin

from backend.console import errors, languages, sign_in
from backend.core.errors import DomainError
from backend.core.time import RIYADH

Handler = Callable[[HttpRequest], HttpResponse]

_PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""No inline script or style, nothing from other hosts."""

LONGEST = timedelta(hours=12)
"""A session ends after a working day, however busy."""
_NOTE_EVERY = timedelta(minutes=1)


class ConsoleMiddleware:
    """Stands inside the API's language middleware and outside the session's."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not errors.in_console(request):
            return self.get_response(request)
        asked = languages.asked_for(request)
        with timezone.override(RIYADH):
            translation.activate(asked or languages.chosen(request))
            response = languages.remember(request, asked) if asked else self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", _PAGE_POLICY)
        response.headers.setdefault("Cache-Control", "no-store, private")
        response.headers.setdefault("X-Frame-Options", "DENY")
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        """Half an hour without a page ends a session (SESSION_COOKIE_AGE); a page renews it, at most once a minute."""
        if not errors.in_console(request) or sign_in.SINCE not in request.session:
            return
        now = timezone.now().timestamp()
        if now - request.session[sign_in.SINCE] >= LONGEST.total_seconds():
            auth.logout(request)
        elif now - request.session[sign_in.SEEN] >= _NOTE_EVERY.total_seconds():
            request.session[sign_in.SEEN] = now

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if errors.in_console(request) and isinstance(exception, DomainError):
            return errors.refusal(exception)
        return None


class _OnlyInConsole(MiddlewareMixin):
    """The API has no sessions, so its requests go straight through."""

    def __call__(self, request: HttpRequest) -> Any:
        return super().__call__(request) if errors.in_console(request) else self.get_response(request)


class ConsoleSessionMiddleware(_OnlyInConsole, SessionMiddleware):
    pass


class ConsoleAuthenticationMiddleware(_OnlyInConsole, AuthenticationMiddleware):
    pass


class ConsoleMessageMiddleware(_OnlyInConsole, MessageMiddleware):
    pass
