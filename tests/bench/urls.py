"""The real addresses, and beside them the floor and what a token check costs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.authentication import JWTAuthentication

from backend.bookings.api.times import Availability, days_as_json
from backend.bookings.models import Claim
from backend.config import urls as real
from backend.core.api.access import SIGNED_IN
from backend.core.api.views import Endpoint, PublicEndpoint

handler400, handler403, handler404, handler500 = (
    real.handler400,
    real.handler403,
    real.handler404,
    real.handler500,
)


def one_row(database: str) -> dict[str, Any]:
    claim = Claim.objects.using(database).get(pk=1)
    return {"id": claim.pk, "calendar": claim.calendar_id, "is_active": claim.is_active}


def bare(request: HttpRequest) -> HttpResponse:
    """The floor: one SELECT of one row through the ORM. `wsgi.py` serves it without middleware."""
    answer = JsonResponse(one_row("bare"))
    answer.headers["Content-Length"] = str(len(answer.content))
    return answer


class Constant(PublicEndpoint):
    """What everything around a view costs, for it does nothing."""

    def get(self, request: Request) -> Response:
        return Response({"status": "ok"})


class Open(PublicEndpoint):
    def get(self, request: Request) -> Response:
        return Response(one_row("default"))


class Signed(Endpoint):
    access = {"GET": SIGNED_IN}

    def get(self, request: Request) -> Response:
        return Response(one_row("default"))


class Anew(Availability):
    """Free times that nobody asked about since something changed: only the salon's rules are at hand."""

    write = staticmethod(days_as_json.__wrapped__)


class AsShipped(Signed):
    """The same behind simplejwt, which checks the signature and reads the person."""

    authentication_classes = [JWTAuthentication]


urlpatterns = [
    path(
        "bench/",
        include(
            [
                path("bare", bare),
                path("constant", Constant.as_view()),
                path("open", Open.as_view()),
                path("signed", Signed.as_view()),
                path("simplejwt", AsShipped.as_view()),
                path("anew/<str:salon>", Anew.as_view()),
            ]
        ),
    ),
    *real.urlpatterns,
]
