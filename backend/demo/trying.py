"""The console of the docs, with the demo's people one click away wherever codes are written down instead of sent."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts import operations, tokens
from backend.accounts.api.views import installation_id
from backend.accounts.models import User
from backend.accounts.operations import DeviceDetails
from backend.core.api.bodies import Body
from backend.core.api.views import PublicEndpoint
from backend.core.docs import pages
from backend.core.errors import NotFound
from backend.core.time import seconds_until
from backend.demo.people import DEMO_PEOPLE

ROLES = ("customer", "owner")
"""Whose tokens are given away. The platform's own people sign in as everybody does."""
STAFF_PAGE = "/console/try"


def gives_tokens() -> bool:
    """Only where a code proves nothing anyway: outside production, on a server that writes codes down."""
    return not settings.PRODUCTION and settings.OTP_PROVIDER == ["console"]


def page(request: HttpRequest) -> HttpResponse:
    """In production the console is for those who can sign in to the operators' pages."""
    if not settings.PRODUCTION:
        return pages.try_it(request, roles=ROLES if gives_tokens() else (), by_phone=True)
    chosen = request.GET.get(pages.PARAMETER)
    query = f"?language={chosen}" if chosen in dict(settings.LANGUAGES) else ""
    return HttpResponseRedirect(f"{STAFF_PAGE}{query}")


def staff_page(request: HttpRequest) -> HttpResponse:
    """Without any way to a token: one is pasted."""
    response = pages.try_it(request)
    response.headers["Cache-Control"] = "no-store, private"
    return response


class DemoTokenBody(Body):
    role = serializers.ChoiceField(choices=ROLES)


class DemoToken(PublicEndpoint):
    """An access token of the demo's customer or owner. Raises NotFound where `gives_tokens` is false."""

    gated = False

    @extend_schema(exclude=True)
    def post(self, request: Request) -> Response:
        if not gives_tokens():
            raise NotFound
        role = self.body(DemoTokenBody, request)["role"]
        phone = next(person.phone for person in DEMO_PEOPLE if person.role == role)
        now = timezone.now()
        with transaction.atomic():
            user = User.objects.select_for_update(no_key=True).filter(phone=phone, is_active=True).first()
            if user is None:
                raise NotFound
            details = DeviceDetails(installation_id=installation_id(request), name="Docs")
            device = operations.open_session(user=user, details=details, now=now)
        pair = tokens.pair_of(device)
        return Response(
            {
                "access_token": pair.access,
                "access_expires_in_seconds": seconds_until(pair.access_expires_at, now),
            },
            headers={"Cache-Control": "no-store"},
        )
