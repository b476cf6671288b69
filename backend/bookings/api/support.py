"""What support sees of somebody who called: bookings and what became of messages. No money, no words, no lists."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.models import User
from backend.accounts.operations import support
from backend.accounts.permissions import SUPPORT
from backend.accounts.queries import live_devices_of, messages_to
from backend.bookings.models import BookingState
from backend.bookings.queries import bookings_for_support
from backend.core import phone
from backend.core.api import fields
from backend.core.api.bodies import Query
from backend.core.api.shapes import NamedShape, Shape
from backend.core.api.views import Endpoint, person
from backend.core.time import rfc3339


class SupportPersonQuery(Query):
    phone = fields.Phone(help_text="The whole number, e.g. 0512345678")


class SupportBookingShape(Shape):
    reference = serializers.CharField()
    state = serializers.ChoiceField(choices=BookingState.choices)
    starts_at = fields.Moment()
    ends_at = fields.Moment()
    salon = NamedShape()


class SupportMessageShape(Shape):
    kind = serializers.CharField(help_text="What it told, such as `booking_confirmed` or `code_sign_in`")
    state = serializers.CharField(help_text="An open list: `pending`, `sent`, `failed`, `unknown` …")
    outcome = serializers.CharField(allow_null=True, help_text="The provider's answer to the last attempt")
    error_class = serializers.CharField(allow_null=True)
    at = fields.Moment()


class SupportPersonShape(Shape):
    id = serializers.UUIDField()
    name = serializers.CharField(allow_null=True)
    phone_masked = serializers.CharField()
    joined_at = fields.Moment()
    devices_count = serializers.IntegerField(help_text="Where they are signed in")
    bookings = SupportBookingShape(many=True, help_text="The latest 20")
    messages = SupportMessageShape(many=True, help_text="The latest 30")


class SupportPersonList(Shape):
    items = SupportPersonShape(many=True, help_text="Nobody or one person")


class SupportPeople(Endpoint):
    access = {"GET": SUPPORT}
    queries = {"GET": SupportPersonQuery}

    @extend_schema(
        operation_id="findPersonForSupport",
        summary="Find somebody by their whole number",
        description="Every look is recorded, also one that finds nobody.",
        tags=["support"],
        parameters=[SupportPersonQuery],
        responses={200: SupportPersonList},
    )
    def get(self, request: Request) -> Response:
        now = timezone.now()
        support.count_look(by=person(request), now=now)
        with transaction.atomic():
            found = support.look_up(by=person(request), number=self.query["phone"], now=now)
            items = [_person(found)] if found else []
        return Response({"items": items}, headers={"Cache-Control": "no-store"})


def _person(found: User) -> dict[str, Any]:
    return {
        "id": str(found.pk),
        "name": found.name or None,
        "phone_masked": phone.masked(found.phone or ""),
        "joined_at": rfc3339(found.joined_at),
        "devices_count": live_devices_of(found).count(),
        "bookings": [
            {
                "reference": booking.reference,
                "state": booking.state,
                "starts_at": rfc3339(booking.starts_at, booking.salon.zone),
                "ends_at": rfc3339(booking.ends_at, booking.salon.zone),
                "salon": {"id": str(booking.salon.pk), "name": booking.salon.name},
            }
            for booking in bookings_for_support(found)
        ],
        "messages": [
            {
                "kind": message.kind,
                "state": message.state,
                "outcome": message.outcome,
                "error_class": message.error_class,
                "at": rfc3339(message.at),
            }
            for message in messages_to(found)
        ],
    }
