"""A customer's saved cards."""

from __future__ import annotations

import uuid
from functools import partial

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.core.api.access import SIGNED_IN
from backend.core.api.pagination import PageQuery, page
from backend.core.api.views import Endpoint, person
from backend.core.time import RIYADH
from backend.payments import operations, queries
from backend.payments.api import present, serializers

PRIVATE = {"Cache-Control": "no-store"}


class MyCards(Endpoint):
    access = {"GET": SIGNED_IN}
    queries = {"GET": PageQuery}

    @extend_schema(
        operation_id="listCards",
        summary="My saved cards, newest first",
        tags=["payments"],
        parameters=[PageQuery],
        responses={200: serializers.CardPage},
    )
    def get(self, request: Request) -> Response:
        found = page(queries.cards_of(person(request)), order=("-created_at", "-id"), query=self.query)
        today = timezone.now().astimezone(RIYADH).date()
        return Response(found.body(partial(present.card, today=today)), headers=PRIVATE)


class MyCard(Endpoint):
    access = {"DELETE": SIGNED_IN}

    @extend_schema(
        operation_id="deleteCard",
        summary="Forget a saved card, here and at the payment gateway",
        tags=["payments"],
        responses={204: None},
    )
    def delete(self, request: Request, card_id: uuid.UUID) -> Response:
        operations.forget_card(customer=person(request), card_id=card_id, now=timezone.now())
        return Response(status=204)
