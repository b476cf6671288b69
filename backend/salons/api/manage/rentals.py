"""The owner's side of what is let by itself."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.core.api.schema import SALON
from backend.core.api.views import Endpoint, answer_once, person
from backend.core.errors import NotFound
from backend.salons.api.manage import bodies, present, shapes
from backend.salons.api.manage.answering import OPTIONAL_KEY, OWN, current
from backend.salons.models import Rental, Salon
from backend.salons.operations import rentals
from backend.salons.permissions import Desk, desk_of
from backend.salons.queries import managing as queries


def rental_of(at: Salon, rental_id: uuid.UUID) -> dict[str, Any]:
    row: Rental | None = queries.rentals_at(at).filter(pk=rental_id).first()
    if row is None:
        raise NotFound
    return present.rental(row, at)


class RentalCollection(Endpoint):
    access = {"GET": Desk("see_desk"), "POST": Desk("edit_catalogue")}

    @extend_schema(
        operation_id="listSalonRentals",
        summary="What my salon lets by itself, switched off too",
        tags=["manage"],
        parameters=[SALON],
        responses={200: shapes.DeskRentalList},
    )
    def get(self, request: Request, salon: str) -> Response:
        at = desk_of(person(request), salon, "see_desk")
        return Response({"items": [present.rental(row, at) for row in queries.rentals_at(at)]}, headers=OWN)

    @extend_schema(
        operation_id="addSalonRental",
        summary="Let a room, chair or device by itself",
        description=(
            "It has a price by the hour, by the day or both. It begins and ends while the salon is open, and may last "
            "through the night if `max_minutes` allows it."
        ),
        tags=["manage"],
        parameters=[SALON, OPTIONAL_KEY],
        request=bodies.RentalBody,
        responses={201: shapes.DeskRentalShape},
    )
    def post(self, request: Request, salon: str) -> Response:
        at = desk_of(person(request), salon, "edit_catalogue")
        values = self.body(bodies.RentalBody, request)

        def act() -> tuple[int, Any]:
            return 201, rental_of(at, rentals.add_rental(salon=at, values=values).pk)

        return answer_once(
            request, operation="addSalonRental", body=request.data, act=act, key_required=False
        )


class RentalItem(Endpoint):
    access = {"GET": Desk("see_desk"), "PATCH": Desk("edit_catalogue"), "DELETE": Desk("edit_catalogue")}
    queries = {"DELETE": bodies.VersionQuery}

    @extend_schema(
        operation_id="getSalonRental",
        summary="Something my salon lets",
        tags=["manage"],
        parameters=[SALON],
        responses={200: shapes.DeskRentalShape},
    )
    def get(self, request: Request, salon: str, rental_id: uuid.UUID) -> Response:
        return Response(rental_of(desk_of(person(request), salon, "see_desk"), rental_id), headers=OWN)

    @extend_schema(
        operation_id="editSalonRental",
        summary="Change what is let, or its terms",
        description="Bookings already made keep what they were made with.",
        tags=["manage"],
        parameters=[SALON],
        request=bodies.RentalChangesBody,
        responses={200: shapes.DeskRentalShape},
    )
    def patch(self, request: Request, salon: str, rental_id: uuid.UUID) -> Response:
        at = desk_of(person(request), salon, "edit_catalogue")
        changes = self.body(bodies.RentalChangesBody, request)
        version = changes.pop("version")
        with current(partial(rental_of, at, rental_id)):
            rentals.edit_rental(salon=at, rental_id=rental_id, version=version, changes=changes)
        return Response(rental_of(at, rental_id))

    @extend_schema(
        operation_id="removeSalonRental",
        summary="Let it no more; what was booked before is switched off instead",
        tags=["manage"],
        parameters=[SALON, bodies.VersionQuery],
        responses={200: shapes.DeskRentalRemoval},
    )
    def delete(self, request: Request, salon: str, rental_id: uuid.UUID) -> Response:
        at = desk_of(person(request), salon, "edit_catalogue")
        with current(partial(rental_of, at, rental_id)):
            left = rentals.remove_rental(salon=at, rental_id=rental_id, version=self.query["version"])
        return Response({"removed": left is None, "item": rental_of(at, rental_id) if left else None})


routes = [
    path("manage/salons/<str:salon>/rentals", RentalCollection.as_view(), name="manage-rentals"),
    path("manage/salons/<str:salon>/rentals/<id:rental_id>", RentalItem.as_view(), name="manage-rental"),
]
