"""A salon's offers to its own customers."""

from __future__ import annotations

from typing import Any

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backend.bookings.operations import announce
from backend.core.api import fields
from backend.core.api.bodies import Body
from backend.core.api.schema import IDEMPOTENCY_KEY, SALON
from backend.core.api.shapes import Shape
from backend.core.api.views import Endpoint, answer_once, person
from backend.salons.permissions import Desk, desk_of


class AnnouncementBody(Body):
    text_ar = fields.Prose(max_length=320)
    text_en = fields.Prose(max_length=320)


class AnnouncementShape(Shape):
    recipients = serializers.IntegerField(
        help_text="People the offer goes to; 0 when nobody agreed to offers"
    )


class Announcements(Endpoint):
    access = {"POST": Desk("edit_salon")}

    @extend_schema(
        operation_id="announceSalonOffer",
        summary="Send an offer to the salon's own customers",
        description="To those who visited within a year, agreed to offers and did not silence them; each in their "
        "language, in the daytime. Once in seven days. With the salon's name and how to stop offers the text fills "
        "at most two SMS parts (`too_long` tells `units` and `parts`); links are refused.",
        tags=["manage"],
        parameters=[SALON, IDEMPOTENCY_KEY],
        request=AnnouncementBody,
        responses={201: AnnouncementShape},
    )
    def post(self, request: Request, salon: str) -> Response:
        at = desk_of(person(request), salon, "edit_salon")
        body = self.body(AnnouncementBody, request)

        def act() -> tuple[int, Any]:
            texts = {"ar": body["text_ar"], "en": body["text_en"]}
            return 201, {"recipients": announce(salon=at, texts=texts, now=timezone.now())}

        return answer_once(request, operation="announceSalonOffer", body=body, act=act)


routes = [
    path(
        "manage/salons/<str:salon>/announcements", Announcements.as_view(), name="manage-salon-announcements"
    )
]
