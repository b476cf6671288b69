"""The real addresses, and a few that go wrong on purpose."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import connection, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ListField

from backend.accounts.models import User
from backend.config.urls import handler400, handler403, handler404, handler500, urlpatterns
from backend.core.api import fields
from backend.core.api.access import SIGNED_IN
from backend.core.api.bodies import Body, Query
from backend.core.api.deprecation import Deprecation
from backend.core.api.pagination import PageQuery, page
from backend.core.api.views import Endpoint, PublicEndpoint, answer_once
from backend.core.ids import uuid7
from backend.core.time import rfc3339
from backend.salons.models import City

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

SECRET = "SELECT * FROM accounts_user WHERE phone = '+966512345678'"


class Line(Body):
    service_id = fields.Identifier()


class EveryKind(Body):
    """One field of each kind, all optional."""

    text = fields.Text(max_length=10, required=False)
    prose = fields.Prose(max_length=10, required=False)
    code = fields.Digits(max_length=40, required=False)
    phone = fields.Phone(required=False)
    number = fields.Integer(min_value=1, max_value=10, required=False)
    flag = fields.Boolean(required=False)
    id = fields.Identifier(required=False)
    choice = fields.Choice(choices=["one", "two"], required=False)
    day = fields.Day(required=False)
    moment = fields.Moment(required=False)
    line = Line(required=False)
    lines = ListField(child=Line(), required=False, allow_empty=False, max_length=3)
    words = ListField(child=fields.Text(max_length=5), required=False, max_length=2)


class EveryQuery(Query):
    number = fields.QueryInteger(required=False, min_value=1, max_value=50)
    flag = fields.QueryBoolean(required=False)
    day = fields.Day(required=False)
    moment = fields.Moment(required=False)
    ids = fields.CommaSeparated(required=False, most=3)


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {k: _plain(v) for k, v in value.items()}
        case list() | tuple():
            return [_plain(v) for v in value]
        case bool() | int() | None:
            return value
    return rfc3339(value) if hasattr(value, "hour") else str(value)


class Echo(PublicEndpoint):
    queries = {"GET": EveryQuery}

    def get(self, request: Request) -> Response:
        return Response(_plain(self.query))

    def post(self, request: Request) -> Response:
        return Response(_plain(self.body(EveryKind, request)))


class Going(PublicEndpoint):
    deprecated = {"GET": Deprecation(since=date(2027, 1, 1), sunset=date(2027, 7, 1))}

    def get(self, request: Request) -> Response:
        return Response({})


class Gone(Endpoint):
    deprecated = {"GET": Deprecation(since=date(2025, 1, 1), sunset=date(2025, 7, 1), removed=True)}
    access = {"POST": SIGNED_IN}

    def post(self, request: Request) -> Response:
        return Response({})


class People(PublicEndpoint):
    """Pages in an order where many rows are equal."""

    queries = {"GET": type("PeopleQuery", (PageQuery,), {"name": fields.Text(required=False, max_length=9)})}

    def get(self, request: Request) -> Response:
        found = page(User.objects.all(), order=("-joined_at", "name", "id"), query=self.query)
        return Response({"items": [r.phone for r in found.rows], "next_cursor": found.next_cursor})


class Keyed(Endpoint):
    """An act that leaves a city behind."""

    access = {"POST": SIGNED_IN}

    def post(self, request: Request, place: str) -> Response:
        def act() -> tuple[int, Any]:
            if request.data.get("fail"):
                City.objects.create(slug=str(uuid7()), name_ar="تبوك")
                raise PermissionDenied
            city = City.objects.create(slug=str(uuid7()), name_ar="تبوك")
            return 201, {"z": city.slug, "a": [1, None, "نورة"], "m": {"b": 1, "a": 2}}

        return answer_once(request, operation="found_city", body=request.data, act=act)


class Crash(PublicEndpoint):
    def get(self, request: Request) -> Response:
        raise RuntimeError(SECRET)


class CrashWhileWriting(PublicEndpoint):
    def get(self, request: Request) -> Response:
        return Response({"half": {object(): 1}})


class Overloaded(PublicEndpoint):
    def get(self, request: Request) -> Response:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 30")
            cursor.execute("SELECT pg_sleep(10)")
        raise AssertionError


class CutOff(PublicEndpoint):
    """The server ends our session, as it does when it restarts."""

    def get(self, request: Request) -> Response:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        raise AssertionError


class Mine(Endpoint):
    access = {"GET": SIGNED_IN}

    def get(self, request: Request) -> Response:
        return Response({})


def raising(error: Exception) -> Any:
    def view(request: HttpRequest) -> HttpResponse:
        raise error

    return view


def endpoint_raising(error: Exception) -> Any:
    def get(self: Any, request: Request) -> Response:
        raise error

    return type("Raising", (PublicEndpoint,), {"get": get}).as_view()


urlpatterns = [
    path("trial/echo", Echo.as_view()),
    path("trial/going", Going.as_view()),
    path("trial/gone", Gone.as_view()),
    path("trial/people", People.as_view()),
    path("trial/keyed/<str:place>", Keyed.as_view()),
    path("trial/crash", Crash.as_view()),
    path("trial/crash-while-writing", CrashWhileWriting.as_view()),
    path("trial/overloaded", Overloaded.as_view()),
    path("trial/cut-off", CutOff.as_view()),
    path("trial/mine", Mine.as_view()),
    path("trial/plain/crash", raising(RuntimeError(SECRET))),
    path("trial/plain/denied", raising(PermissionDenied(SECRET))),
    path("trial/plain/missing", raising(Http404(SECRET))),
    path("trial/plain/suspicious", raising(SuspiciousOperation(SECRET))),
    path("trial/denied", endpoint_raising(PermissionDenied(SECRET))),
    path("trial/missing", endpoint_raising(Http404(SECRET))),
    path("trial/suspicious", endpoint_raising(SuspiciousOperation(SECRET))),
    *urlpatterns,
]
