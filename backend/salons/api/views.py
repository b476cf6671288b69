"""The public catalogue, and the list of desks somebody works at."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.core.api.access import SIGNED_IN
from backend.core.api.pagination import PageQuery, page
from backend.core.api.schema import SALON
from backend.core.api.views import Endpoint, PublicEndpoint, person
from backend.salons import queries as catalogue
from backend.salons.api import present, serializers

CATALOGUE_LISTS = {"Cache-Control": "public, max-age=300, stale-while-revalidate=3600"}
SALON_PAGES = {"Cache-Control": "public, max-age=60"}
OWN = {"Cache-Control": "private, no-cache"}


class CategoryCollection(PublicEndpoint):
    @extend_schema(
        operation_id="listCategories",
        summary="Service categories",
        tags=["catalogue"],
        responses={200: serializers.CategoryList},
    )
    def get(self, request: Request) -> Response:
        return Response(
            {"items": [present.slug_name(c) for c in catalogue.categories()]}, headers=CATALOGUE_LISTS
        )


class CityCollection(PublicEndpoint):
    @extend_schema(
        operation_id="listCities",
        summary="Cities with salons",
        tags=["catalogue"],
        responses={200: serializers.CategoryList},
    )
    def get(self, request: Request) -> Response:
        return Response(
            {"items": [present.slug_name(c) for c in catalogue.cities()]}, headers=CATALOGUE_LISTS
        )


class SalonCollection(PublicEndpoint):
    queries = {"GET": serializers.SalonListQuery}

    @extend_schema(
        operation_id="listSalons",
        summary="Salons, filtered by city, category and audience",
        tags=["catalogue"],
        parameters=[serializers.SalonListQuery],
        responses={200: serializers.SalonPage},
    )
    def get(self, request: Request) -> Response:
        found = page(catalogue.live_salons(self.query), order=("-rating_sum", "id"), query=self.query)
        return Response(found.body(present.salon_summary), headers=SALON_PAGES)


class SalonItem(PublicEndpoint):
    @extend_schema(
        operation_id="getSalon",
        summary="A salon's page: services, staff, hours",
        tags=["catalogue"],
        parameters=[SALON],
        responses={200: serializers.SalonDetail},
    )
    def get(self, request: Request, salon: str) -> Response:
        return Response(present.salon_detail(catalogue.salon_page(salon)), headers=SALON_PAGES)


class SalonReviews(PublicEndpoint):
    queries = {"GET": PageQuery}

    @extend_schema(
        operation_id="listSalonReviews",
        summary="What customers say, newest first",
        tags=["catalogue"],
        parameters=[SALON, PageQuery],
        responses={200: serializers.ReviewPage},
    )
    def get(self, request: Request, salon: str) -> Response:
        reviews = catalogue.reviews_of(catalogue.live_salon(salon))
        found = page(reviews, order=("-created_at", "-id"), query=self.query)
        return Response(found.body(present.review), headers=SALON_PAGES)


class DeskCollection(Endpoint):
    access = {"GET": SIGNED_IN}

    @extend_schema(
        operation_id="listMySalons",
        summary="The salons I work at",
        tags=["manage"],
        responses={200: serializers.DeskList},
    )
    def get(self, request: Request) -> Response:
        desks: Any = catalogue.desks_of(person(request))
        return Response({"items": [present.desk(d) for d in desks]}, headers=OWN)
