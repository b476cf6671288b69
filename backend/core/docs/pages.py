"""The pages below `/docs`: where to begin, the guides, the reference to read, and a console to try the API.

They are the same for everybody who reads the same language: made once in a process, without a database.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from backend.core.api.problems import TITLES, problem_response
from backend.core.docs import guides
from backend.core.docs.catalogue import GROUPS, entry
from backend.core.docs.reference import areas, document_of
from backend.core.errors import MethodNotAllowed, NotAcceptable, NotFound

PARAMETER = "lang"
_READING = ("GET", "HEAD")
_SOON = {"Cache-Control": "public, max-age=300"}
_POLICY = {
    "default-src": "'none'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
"""No script at all; the two pages that need some say so."""
_CONSOLE_POLICY = {
    "script-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' data:",  # its icons
}
_REFERENCE_POLICY = _CONSOLE_POLICY | {
    "style-src": "'self' 'unsafe-inline'",  # Redoc writes its styles into the page,
    "worker-src": "blob:",  # and searches in a worker made of its own text
}

FIRST_CALLS = (
    (
        _("Find a salon. No sign-in is needed."),
        "API={api}\ncurl -s \"$API/salons?limit=3\" -H 'Accept-Language: ar' -H 'X-Client: web/1.0.0'\n",
    ),
    (
        _("Read its services, then the free times of one of them. Both ids are in the answers."),
        'curl -s "$API/salons/$SALON"\n'
        'curl -s "$API/salons/$SALON/availability?service_ids=$SERVICE&days=7"\n',
    ),
    (
        _("Ask for a code by phone. A demo server writes it to its terminal instead of sending it."),
        "curl -s \"$API/auth/otp-requests\" -H 'Content-Type: application/json' \\\n"
        '  -d \'{"phone": "0512345678"}\'\n',
    ),
    (
        _("Exchange the code for an access token and a refresh token."),
        "curl -s \"$API/auth/otp-verifications\" -H 'Content-Type: application/json' \\\n"
        '  -d \'{"otp_request_id": "5b0e3c1a-7f64-4a57-9d0b-2f6b8a1c4d3e", "code": "482913"}\'\n',
    ),
    (
        _("Book one of the listed times. The key makes a repeated tap book once."),
        'curl -s "$API/bookings" -H "Authorization: Bearer $TOKEN" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        "  -H 'Idempotency-Key: 6f7a1e3e-2c9d-4b1a-9d0a-6a6f2b6b9b3a' \\\n"
        '  -d \'{"salon_id": "018f3a52-0000-7000-8000-000000000001",\n'
        '       "items": [{"service_id": "018f3a52-0000-7000-8000-000000000002", "staff_member_id": null}],\n'
        '       "starts_at": "2026-11-20T16:30:00+03:00", "expected_total_minor": 11500}\'\n',
    ),
)
"""The first five minutes: a sentence and the command to copy, each."""

KINDS = {
    "problem": _("Codes of problems"),
    "field": _("Codes of single fields"),
    "failure": _("Why a payment did not go through"),
}
REACTIONS = {
    "fix": _("The app marks the field, or reports a programming error"),
    "refresh": _("The app refreshes its token once and repeats the request once"),
    "sign_in": _("The app signs in again"),
    "show": _("The app shows the sentence and lets the person choose"),
    "reload": _("The app fetches the resource again"),
    "retry": _("The app repeats the request later, with the same key"),
    "update": _("The app asks for a newer version of itself"),
}
"""The words of `errors.json`: `kind` and `client`."""


def landing(request: HttpRequest) -> HttpResponse:
    return _answer(request, _landing)


def guide(request: HttpRequest, name: str) -> HttpResponse:
    if name not in guides.files():
        return nowhere(request, name)
    return _answer(request, _guide, name)


def error_codes(request: HttpRequest) -> HttpResponse:
    return _answer(request, _error_codes)


def reference(request: HttpRequest) -> HttpResponse:
    return _answer(request, _reference)


def reference_area(request: HttpRequest, area: str) -> HttpResponse:
    if area not in areas():
        return nowhere(request, area)
    return _answer(request, _reference_area, area, policy=_REFERENCE_POLICY)


def reference_document(request: HttpRequest, area: str) -> HttpResponse:
    if request.method not in _READING:
        return problem_response(MethodNotAllowed())
    if area not in areas():
        return problem_response(NotFound())
    return HttpResponse(document_of(area), content_type="application/json", headers=_SOON)


def try_it(request: HttpRequest, *, roles: Iterable[str] = (), by_phone: bool = False) -> HttpResponse:
    """The console to try the API. `roles` are whose token is one click away; `by_phone` offers to send a code."""
    return _answer(request, _try_it, tuple(roles), by_phone, policy=_CONSOLE_POLICY)


def nowhere(request: HttpRequest, name: str) -> HttpResponse:
    return _answer(request, _nowhere, status=404)


def problem_type(request: HttpRequest, code: str) -> HttpResponse:
    """What the `type` of a problem leads to (RFC 9457, section 3.1.1)."""
    if all(known["code"] != code for known in guides.error_codes()):
        return nowhere(request, code)
    response = HttpResponse(status=303, headers=_SOON)
    response.headers["Location"] = f"{guides.HOME}/error-codes#{code}"
    return response


def _answer(
    request: HttpRequest,
    page: Callable[..., str],
    *of: Any,
    status: int = 200,
    policy: dict[str, str] | None = None,
) -> HttpResponse:
    if request.method not in _READING:
        return problem_response(MethodNotAllowed())
    if not request.accepts("text/html"):
        return problem_response(NotAcceptable())
    asked = request.GET.get(PARAMETER)
    if asked in dict(settings.LANGUAGES):
        translation.activate(asked)
    else:
        asked = None
    made = page(*of, language=translation.get_language(), chosen=asked is not None)
    allowed = _POLICY | (policy or {})
    response = HttpResponse(made, status=status, headers=_SOON)
    response.headers["Content-Security-Policy"] = "; ".join(
        f"{what} {whom}" for what, whom in allowed.items()
    )
    return response


# Made once ------------------------------------------------------------------------------------------------------


@cache
def _landing(*, language: str, chosen: bool) -> str:
    api = f"{settings.PUBLIC_BASE_URL}/api/v1"
    steps = [(title, guides.coloured(command.replace("{api}", api), "sh")) for title, command in FIRST_CALLS]
    return _rendered("landing", "", language, chosen, steps=steps, refusal=_refusal(language))


@cache
def _guide(name: str, *, language: str, chosen: bool) -> str:
    return _rendered(
        "guide", f"/guides/{name}", language, chosen, guide=guides.guide(name), entry=entry(name)
    )


@cache
def _error_codes(*, language: str, chosen: bool) -> str:
    sections = [
        (
            title,
            [
                known | {"reaction": REACTIONS[known["client"]]}
                for known in guides.error_codes()
                if known["kind"] == kind
            ],
        )
        for kind, title in KINDS.items()
    ]
    return _rendered("error_codes", "/error-codes", language, chosen, sections=sections)


@cache
def _reference(*, language: str, chosen: bool) -> str:
    return _rendered("reference", "/reference", language, chosen, areas=areas().values())


@cache
def _reference_area(area: str, *, language: str, chosen: bool) -> str:
    return _rendered("reference_area", f"/reference/{area}", language, chosen, area=areas()[area])


@cache
def _try_it(roles: tuple[str, ...], by_phone: bool, *, language: str, chosen: bool) -> str:
    return _rendered("try_it", "/try", language, chosen, roles=roles, by_phone=by_phone)


@cache
def _nowhere(*, language: str, chosen: bool) -> str:
    return _rendered("nowhere", "", language, chosen)


def _refusal(language: str) -> str:
    """A problem as an app meets it."""
    known = next(entry for entry in guides.error_codes() if entry["code"] == "slot_unavailable")
    body = {
        "type": f"{settings.PUBLIC_BASE_URL}/problems/{known['code']}",
        "title": str(TITLES[known["status"]]),
        "status": known["status"],
        "code": known["code"],
        "detail": known[language],
        "request_id": "7f3c9a1e5b2d4c60",
    }
    return guides.coloured(json.dumps(body, ensure_ascii=False, indent=1), "json")


def _rendered(template: str, here: str, language: str, chosen: bool, **context: Any) -> str:
    """Links keep a language that was chosen; one that the browser asked for need not be said."""
    query = f"?{PARAMETER}={language}" if chosen else ""
    page = render_to_string(
        f"docs/{template}.html",
        {
            "here": here,
            "groups": GROUPS,
            "languages": [
                (code, name, f"{guides.HOME}{here}?{PARAMETER}={code}") for code, name in settings.LANGUAGES
            ],
            **context,
        },
    )
    return re.sub(r'href="(/docs[^"#?]*)(?=["#])', rf'href="\1{query}', page)
