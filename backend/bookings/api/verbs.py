"""What a customer may do to a booking of their own by one press: each verb is a path."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.bookings import operations
from backend.bookings.api import serializers
from backend.bookings.api.views import FRESH, as_customer, own_booking
from backend.bookings.operations.answering import answer
from backend.bookings.queries import bookings_of
from backend.core.api.access import SIGNED_IN
from backend.core.api.views import Endpoint, person
from backend.core.errors import VersionConflict


def _verb(
    operation_id: str,
    summary: str,
    act: Callable[..., Any],
    wanted: type[serializers.VerbBody] = serializers.VerbBody,
) -> type[Endpoint]:
    class View(Endpoint):
        access = {"POST": SIGNED_IN}

        @extend_schema(
            operation_id=operation_id,
            summary=summary,
            tags=["bookings"],
            request=wanted,
            responses={200: serializers.BookingShape},
        )
        def post(self, request: Request, booking_id: uuid.UUID) -> Response:
            own_booking(person(request), booking_id)
            body = self.body(wanted, request)
            try:
                act(
                    bookings=bookings_of(person(request)),
                    booking_id=booking_id,
                    actor=operations.by_customer(person(request)),
                    version=body["version"],
                    reason=body["reason"],
                    now=timezone.now(),
                )
            except VersionConflict:
                raise VersionConflict(current=as_customer(person(request), booking_id))
            return Response(as_customer(person(request), booking_id), headers=FRESH)

    View.__name__ = View.__qualname__ = operation_id[0].upper() + operation_id[1:]
    return View


VERBS = {
    "cancel": _verb(
        "cancelBooking", "Cancel my booking; the policy copied onto it decides the fee", operations.cancel
    ),
    "confirm-attendance": _verb(
        "confirmBookingAttendance", "Say that I will come", partial(answer, verb="confirm_attendance")
    ),
    "accept-move": _verb(
        "acceptBookingMove", "Agree to the salon's new time", partial(answer, verb="accept_move")
    ),
    "refuse-move": _verb(
        "refuseBookingMove",
        "Refuse the salon's new time; that cancels free of charge, and a paid deposit goes back in full",
        partial(answer, verb="refuse_move"),
    ),
    "dispute-no-show": _verb(
        "disputeBookingNoShow",
        "Say, within 48 hours of being marked as a no-show, that I was there",
        partial(operations.act, verb="dispute_no_show"),
        serializers.DisputeBody,
    ),
}

routes = [
    path(f"bookings/<id:booking_id>/{verb}", view.as_view(), name=f"booking-{verb}")
    for verb, view in VERBS.items()
]
