"""Finding a salon. The list stands here because "free on this day" asks what is booked."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import get_language
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.bookings.queries.finding import salons_free_on
from backend.core.api.pagination import cursor_of, scope_of, values_of
from backend.core.api.views import PublicEndpoint
from backend.salons.api import present, serializers
from backend.salons.queries import search

FOR_A_MINUTE = {"Cache-Control": "public, max-age=60"}
FRESH = {"Cache-Control": "private, no-cache"}


class SalonCollection(PublicEndpoint):
    queries = {"GET": serializers.SalonListQuery}

    @extend_schema(
        operation_id="listSalons",
        summary="Salons by words, place, price, rating, and when they are open or free",
        description=(
            "Arabic and English words find the same salons, however they are spelled. With `open_now` or `free_on` a "
            "page may hold fewer salons than `limit`; go on while there is a `next_cursor`."
        ),
        tags=["catalogue"],
        parameters=[serializers.SalonListQuery],
        responses={200: serializers.SalonPage},
    )
    def get(self, request: Request) -> Response:
        asked, now = self.query, timezone.now()
        keep: list[search.Keep] = []
        if day := asked.get("free_on"):
            keep.append(
                lambda salons: salons_free_on(
                    day,
                    service=asked.get("service", ""),
                    category=asked.get("category"),
                    now=now,
                    salon_ids=salons,
                )
            )
        scope = scope_of("salons", [search.order_of(asked), get_language() or "ar"], asked)
        cursor = asked.get("cursor")
        found = search.find(
            asked,
            limit=asked["limit"],
            after=values_of(cursor, scope) if cursor else None,
            now=now,
            keep=keep,
        )
        return Response(
            {
                "items": [present.found_salon(row) for row in found.rows],
                "next_cursor": None if found.after is None else cursor_of(found.after, scope),
            },
            headers=FRESH if "free_on" in asked else FOR_A_MINUTE,
        )
