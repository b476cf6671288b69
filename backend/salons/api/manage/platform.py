"""The platform decides which salons are found: review, suspension, reinstatement."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.permissions import Platform
from backend.core.api.bodies import Body
from backend.core.api.pagination import page
from backend.core.api.schema import SALON
from backend.core.api.views import Endpoint, person
from backend.core.errors import NotFound
from backend.salons.api.manage import bodies, present, shapes
from backend.salons.api.manage.answering import OWN, current
from backend.salons.api.manage.views import profile_of
from backend.salons.models import Salon
from backend.salons.operations.standing import MOVES, Verb, move
from backend.salons.queries import salon_lookup
from backend.salons.queries.managing import with_profile

PLATFORM_ADMIN = Platform("platform_admin")


def any_salon(salon: str) -> Salon:
    found = Salon.objects.filter(**salon_lookup(salon)).first()
    if found is None:
        raise NotFound
    return found


class PlatformSalons(Endpoint):
    access = {"GET": PLATFORM_ADMIN}
    queries = {"GET": bodies.PlatformSalonQuery}

    @extend_schema(
        operation_id="listPlatformSalons",
        summary="Salons of every status, those that opened first coming first",
        tags=["platform"],
        parameters=[bodies.PlatformSalonQuery],
        responses={200: shapes.SalonStandingPage},
    )
    def get(self, request: Request) -> Response:
        salons = with_profile(Salon.objects.all())
        if status := self.query.get("status"):
            salons = salons.filter(status=status)
        return Response(page(salons, order=("id",), query=self.query).body(present.standing), headers=OWN)


class PlatformSalon(Endpoint):
    access = {"GET": PLATFORM_ADMIN}

    @extend_schema(
        operation_id="getPlatformSalon",
        summary="A salon's profile, whatever its status, and what it lacks",
        tags=["platform"],
        parameters=[SALON],
        responses={200: shapes.SalonProfileShape},
    )
    def get(self, request: Request, salon: str) -> Response:
        return Response(profile_of(any_salon(salon)), headers=OWN)


class PlatformVerb(Endpoint):
    """Parent of the platform's verbs: each subclass names one move."""

    access = {"POST": PLATFORM_ADMIN}
    verb: Verb

    def post(self, request: Request, salon: str) -> Response:
        at = any_salon(salon)
        body = self.body(_body_of(self.verb), request)
        with current(partial(profile_of, at)):
            move(salon=at, verb=self.verb, actor=person(request), now=timezone.now(), **body)
        return Response(profile_of(at))


def _body_of(verb: Verb) -> type[Body]:
    return bodies.ReasonBody if MOVES[verb].needs_reason else bodies.OptionalReasonBody


def _verb(verb: Verb, operation_id: str, summary: str) -> type[PlatformVerb]:
    described = extend_schema(
        operation_id=operation_id,
        summary=summary,
        tags=["platform"],
        parameters=[SALON],
        request=_body_of(verb),
        responses={200: shapes.SalonProfileShape},
    )

    class View(PlatformVerb):
        @described
        def post(self, request: Request, salon: str) -> Response:
            return super().post(request, salon)

    View.verb = verb
    View.__name__ = View.__qualname__ = operation_id[0].upper() + operation_id[1:]
    return View


PLATFORM_VERBS: dict[str, Any] = {
    "approve": _verb("approve", "approveSalon", "Put a reviewed salon live"),
    "send-back": _verb(
        "send_back", "sendBackSalon", "Return a salon to its owner as a draft, with the reason"
    ),
    "suspend": _verb(
        "suspend", "suspendSalon", "Take a live salon out of search and booking; what was promised stays"
    ),
    "reinstate": _verb("reinstate", "reinstateSalon", "Put a suspended salon live again"),
}
