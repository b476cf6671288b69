"""The public catalogue."""

from __future__ import annotations

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.core.api.pagination import PageQuery, page
from backend.core.api.schema import SALON
from backend.core.api.views import PublicEndpoint
from backend.salons import queries as catalogue
from backend.salons.api import present, serializers
from backend.salons.queries.pages import districts_of, salon_page

CATALOGUE_LISTS = {"Cache-Control": "public, max-age=300, stale-while-revalidate=3600"}
SALON_PAGES = {"Cache-Control": "public, max-age=60"}


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


class DistrictCollection(PublicEndpoint):
    @extend_schema(
        operation_id="listDistricts",
        summary="Districts of a city",
        tags=["catalogue"],
        responses={200: serializers.CategoryList},
    )
    def get(self, request: Request, city: str) -> Response:
        return Response(
            {"items": [present.slug_name(d) for d in districts_of(city)]}, headers=CATALOGUE_LISTS
        )


class SalonItem(PublicEndpoint):
    @extend_schema(
        operation_id="getSalon",
        summary="A salon's page: services, staff, hours, photos, and whether it is open",
        tags=["catalogue"],
        parameters=[SALON],
        responses={200: serializers.SalonDetail},
    )
    def get(self, request: Request, salon: str) -> Response:
        return Response(present.salon_detail(salon_page(salon, now=timezone.now())), headers=SALON_PAGES)


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
