"""What a salon may look back on: the wishes it turned away, and who changed what in a booking."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.bookings.api import present, serializers
from backend.bookings.api.desk import BookingAtMyDesk, desk_booking
from backend.bookings.api.views import FRESH
from backend.bookings.models import Booking, BookingEvent, Refusal
from backend.bookings.operations.remembering import in_words
from backend.bookings.queries.auditing import Names, named_in_changes, named_in_refusals, of_the_platform
from backend.core.api.pagination import page
from backend.core.api.schema import SALON
from backend.core.api.views import Endpoint, person
from backend.core.time import rfc3339
from backend.salons.models import Salon
from backend.salons.permissions import Desk, desk_of


class SalonRefusals(Endpoint):
    access = {"GET": Desk("edit_catalogue")}
    queries = {"GET": serializers.RefusalListQuery}

    @extend_schema(
        operation_id="listSalonRefusals",
        summary="Wishes for a time that were turned away, latest first",
        description=(
            "Kept for 90 days, without who asked. A service or person the salon no longer knows is left out."
        ),
        tags=["manage"],
        parameters=[SALON, serializers.RefusalListQuery],
        responses={200: serializers.RefusalPage},
    )
    def get(self, request: Request, salon: str) -> Response:
        at = desk_of(person(request), salon, "edit_catalogue")
        refusals = Refusal.objects.filter(salon=at)
        if day := self.query.get("date"):
            begins, ends = _bounds(day, at)
            refusals = refusals.filter(at__gte=begins, at__lt=ends)
        found = page(refusals, order=("-at", "-id"), query=self.query)
        names = named_in_refusals(at.pk, found.rows)
        return Response(found.body(lambda row: _refusal(row, at, names)), headers=FRESH)


def _bounds(day: date, salon: Salon) -> tuple[datetime, datetime]:
    """A calendar day of the salon's zone."""
    begins, ends = (
        datetime.combine(day + timedelta(days=n), time(), tzinfo=salon.zone).astimezone(UTC) for n in (0, 1)
    )
    return begins, ends


def _refusal(row: Refusal, salon: Salon, names: Names) -> dict[str, Any]:
    return {
        "at": rfc3339(row.at, salon.zone),
        "asked": row.asked,
        "starts_at": rfc3339(row.starts_at, salon.zone),
        "services": _named(row.service_ids, names),
        "staff": _named(row.staff_ids, names),
        "reasons": [{"code": code, "detail": in_words(code)} for code in row.reasons],
    }


def _named(ids: Sequence[Any], names: Names) -> list[dict[str, str]]:
    return [{"id": str(one), "name": names[str(one)]} for one in ids if str(one) in names]


class DeskBookingEvents(Endpoint):
    access = {"GET": BookingAtMyDesk("see_desk")}

    @extend_schema(
        operation_id="listSalonBookingEvents",
        summary="What happened to a booking at my salon: who, when, why, and what it was before",
        tags=["manage"],
        responses={200: serializers.DeskEventList},
    )
    def get(self, request: Request, booking_id: uuid.UUID) -> Response:
        booking = desk_booking(person(request), booking_id)
        events = list(booking.events.select_related("actor"))
        names = named_in_changes(events)
        nameless = of_the_platform(event.actor_id for event in events if event.actor_id)
        return Response(
            {"items": [_event(event, booking, names, nameless) for event in events]}, headers=FRESH
        )


def _event(event: BookingEvent, booking: Booking, names: Names, nameless: set[uuid.UUID]) -> dict[str, Any]:
    actor = event.actor if event.actor_id not in nameless else None
    return present.event(event, booking.salon) | {
        "actor_name": (actor.name if actor is not None else "") or None,
        "changes": _changes(event.changes, booking.salon, names),
    }


def _changes(changes: dict[str, Any], salon: Salon, names: Names) -> dict[str, Any]:
    def sides(what: str, show: Callable[[Any], Any]) -> dict[str, Any] | None:
        if what not in changes:
            return None
        before, after = changes[what]
        return {"before": show(before), "after": show(after)}

    def moment(text: str) -> str:
        return rfc3339(datetime.fromisoformat(text), salon.zone)

    return {
        "starts_at": sides("starts_at", moment),
        "staff": sides("staff", lambda ids: _named(ids, names)),
        "resources": sides("resources", lambda given: _named([one for ids in given for one in ids], names)),
        "lane": sides("lane", int),
    }


routes = [
    path("manage/salons/<str:salon>/refusals", SalonRefusals.as_view(), name="manage-salon-refusals"),
    path(
        "manage/bookings/<id:booking_id>/events",
        DeskBookingEvents.as_view(),
        name="manage-booking-events",
    ),
]
