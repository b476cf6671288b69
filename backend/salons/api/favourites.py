"""The salons somebody keeps at hand."""

from __future__ import annotations

from typing import Any

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.core.api.access import SIGNED_IN
from backend.core.api.pagination import PageQuery, page
from backend.core.api.schema import SALON
from backend.core.api.views import Endpoint, person
from backend.salons.api import present
from backend.salons.api.serializers import SalonPage
from backend.salons.models import Favourite
from backend.salons.operations import favourites
from backend.salons.queries import live_salon
from backend.salons.queries.favourites import live_favourites_of

OWN = {"Cache-Control": "private, no-cache"}


def favourite(row: Favourite) -> dict[str, Any]:
    return present.salon_summary(row.salon)


class FavouriteCollection(Endpoint):
    access = {"GET": SIGNED_IN}
    queries = {"GET": PageQuery}

    @extend_schema(
        operation_id="listFavourites",
        summary="My favourite salons, the latest first",
        description="A salon that takes no bookings at present is left out, and is back when it does.",
        tags=["catalogue"],
        parameters=[PageQuery],
        responses={200: SalonPage},
    )
    def get(self, request: Request) -> Response:
        found = page(live_favourites_of(person(request)), order=("-created_at", "-id"), query=self.query)
        return Response(found.body(favourite), headers=OWN)


class FavouriteItem(Endpoint):
    access = {"PUT": SIGNED_IN, "DELETE": SIGNED_IN}

    @extend_schema(
        operation_id="putFavourite",
        summary="Keep a salon among my favourites",
        tags=["catalogue"],
        parameters=[SALON],
        request=None,
        responses={204: None},
    )
    def put(self, request: Request, salon: str) -> Response:
        favourites.keep_favourite(user=person(request), salon=live_salon(salon), now=timezone.now())
        return Response(status=204)

    @extend_schema(
        operation_id="deleteFavourite",
        summary="Take a salon out of my favourites",
        tags=["catalogue"],
        parameters=[SALON],
        responses={204: None},
    )
    def delete(self, request: Request, salon: str) -> Response:
        favourites.drop_favourite(user=person(request), salon=salon)
        return Response(status=204)


routes = [
    path("me/favourites", FavouriteCollection.as_view(), name="favourites"),
    path("me/favourites/<str:salon>", FavouriteItem.as_view(), name="favourite"),
]
