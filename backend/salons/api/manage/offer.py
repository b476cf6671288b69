"""The owner's side: what is sold, who does it, with what."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.core.api.schema import SALON
from backend.core.api.views import Endpoint, answer_once, person
from backend.core.errors import NotFound
from backend.salons.api.manage import bodies, present, shapes
from backend.salons.api.manage.answering import OPTIONAL_KEY, OWN, current
from backend.salons.models import Resource, Salon, Service, StaffMember
from backend.salons.operations import resources, services, staff
from backend.salons.permissions import Desk, desk_of
from backend.salons.queries import managing as queries

SEE_AND_ADD = {"GET": Desk("see_desk"), "POST": Desk("edit_catalogue")}
ONE = {"GET": Desk("see_desk"), "PATCH": Desk("edit_catalogue"), "DELETE": Desk("edit_catalogue")}


def service_of(at: Salon, service_id: uuid.UUID) -> dict[str, Any]:
    row: Service | None = queries.services_at(at).filter(pk=service_id).first()
    if row is None:
        raise NotFound
    return present.service(row, at)


def price_list(at: Salon) -> dict[str, Any]:
    return {"items": [present.service(row, at) for row in queries.services_at(at)]}


class ServiceCollection(Endpoint):
    access = SEE_AND_ADD

    @extend_schema(
        operation_id="listSalonServices",
        summary="My salon's price list, switched-off lines too",
        tags=["manage"],
        parameters=[SALON],
        responses={200: shapes.DeskServiceList},
    )
    def get(self, request: Request, salon: str) -> Response:
        return Response(price_list(desk_of(person(request), salon, "see_desk")), headers=OWN)

    @extend_schema(
        operation_id="addSalonService",
        summary="Add a service, or a variant of one",
        description=(
            "A variant (`variant_of`) has words, length, buffers and price of its own; category, performers, needs, "
            "notice, horizon and deposit are those of the service above it and are refused here as `unknown_field`."
        ),
        tags=["manage"],
        parameters=[SALON, OPTIONAL_KEY],
        request=bodies.ServiceBody,
        responses={201: shapes.DeskServiceShape},
    )
    def post(self, request: Request, salon: str) -> Response:
        at = desk_of(person(request), salon, "edit_catalogue")
        values = self.body(bodies.ServiceBody, request)
        above = values.pop("variant_of")

        def act() -> tuple[int, Any]:
            row = services.add_service(salon=at, variant_of=above, values=values)
            return 201, service_of(at, row.pk)

        return answer_once(
            request, operation="addSalonService", body=request.data, act=act, key_required=False
        )


class ServiceItem(Endpoint):
    access = ONE
    queries = {"DELETE": bodies.VersionQuery}

    @extend_schema(
        operation_id="getSalonService",
        summary="One line of my salon's price list",
        tags=["manage"],
        parameters=[SALON],
        responses={200: shapes.DeskServiceShape},
    )
    def get(self, request: Request, salon: str, service_id: uuid.UUID) -> Response:
        return Response(service_of(desk_of(person(request), salon, "see_desk"), service_id), headers=OWN)

    @extend_schema(
        operation_id="editSalonService",
        summary="Change a service",
        description="Bookings already made keep the price, length and name they were made with.",
        tags=["manage"],
        parameters=[SALON],
        request=bodies.ServiceChangesBody,
        responses={200: shapes.DeskServiceShape},
    )
    def patch(self, request: Request, salon: str, service_id: uuid.UUID) -> Response:
        at = desk_of(person(request), salon, "edit_catalogue")
        changes = self.body(bodies.ServiceChangesBody, request)
        version = changes.pop("version")
        with current(partial(service_of, at, service_id)):
            services.edit_service(salon=at, service_id=service_id, version=version, changes=changes)
        return Response(service_of(at, service_id))

    @extend_schema(
        operation_id="removeSalonService",
        summary="Remove a service with its variants; one that was booked before is switched off instead",
        tags=["manage"],
        parameters=[SALON, bodies.VersionQuery],
        responses={200: shapes.DeskServiceRemoval},
    )
    def delete(self, request: Request, salon: str, service_id: uuid.UUID) -> Response:
        at = desk_of(person(request), salon, "edit_catalogue")
        with current(partial(service_of, at, service_id)):
            left = services.remove_service(salon=at, service_id=service_id, version=self.query["version"])
        return Response({"removed": left is None, "item": service_of(at, service_id) if left else None})


class ServiceOrder(Endpoint):
    access = {"PUT": Desk("edit_catalogue")}

    @extend_schema(
        operation_id="orderSalonServices",
        summary="Put the whole price list in order",
        description="The list names every line once, variants too; `version_conflict` when somebody added one.",
        tags=["manage"],
        parameters=[SALON],
        request=bodies.ServiceOrderBody,
        responses={200: shapes.DeskServiceList},
    )
    def put(self, request: Request, salon: str) -> Response:
        at = desk_of(person(request), salon, "edit_catalogue")
        body = self.body(bodies.ServiceOrderBody, request)
        with current(partial(price_list, at)):
            services.order_services(salon=at, **body)
        return Response(price_list(at))


def staff_member_of(at: Salon, staff_member_id: uuid.UUID) -> dict[str, Any]:
    row: StaffMember | None = queries.staff_at(at).filter(pk=staff_member_id).first()
    if row is None:
        raise NotFound
    return present.staff_member(row)


class StaffCollection(Endpoint):
    access = SEE_AND_ADD

    @extend_schema(
        operation_id="listSalonStaff",
        summary="My salon's staff, those who left too",
        tags=["manage"],
        parameters=[SALON],
        responses={200: shapes.DeskStaffList},
    )
    def get(self, request: Request, salon: str) -> Response:
        rows = queries.staff_at(desk_of(person(request), salon, "see_desk"))
        return Response({"items": [present.staff_member(row) for row in rows]}, headers=OWN)

    @extend_schema(
        operation_id="addSalonStaffMember",
        summary="Add a staff member",
        tags=["manage"],
        parameters=[SALON, OPTIONAL_KEY],
        request=bodies.StaffMemberBody,
        responses={201: shapes.DeskStaffMemberShape},
    )
    def post(self, request: Request, salon: str) -> Response:
        at = desk_of(person(request), salon, "edit_catalogue")
        values = self.body(bodies.StaffMemberBody, request)

        def act() -> tuple[int, Any]:
            row = staff.add_staff_member(salon=at, values=values)
            return 201, staff_member_of(at, row.pk)

        return answer_once(
            request, operation="addSalonStaffMember", body=request.data, act=act, key_required=False
        )


class StaffItem(Endpoint):
    access = ONE
    queries = {"DELETE": bodies.VersionQuery}

    @extend_schema(
        operation_id="getSalonStaffMember",
        summary="A staff member of my salon",
        tags=["manage"],
        parameters=[SALON],
        responses={200: shapes.DeskStaffMemberShape},
    )
    def get(self, request: Request, salon: str, staff_member_id: uuid.UUID) -> Response:
        at = desk_of(person(request), salon, "see_desk")
        return Response(staff_member_of(at, staff_member_id), headers=OWN)

    @extend_schema(
        operation_id="editSalonStaffMember",
        summary="Change a staff member",
        description="Bookings stay with somebody who no longer works here until they are moved.",
        tags=["manage"],
        parameters=[SALON],
        request=bodies.StaffMemberChangesBody,
        responses={200: shapes.DeskStaffMemberShape},
    )
    def patch(self, request: Request, salon: str, staff_member_id: uuid.UUID) -> Response:
        at = desk_of(person(request), salon, "edit_catalogue")
        changes = self.body(bodies.StaffMemberChangesBody, request)
        version = changes.pop("version")
        with current(partial(staff_member_of, at, staff_member_id)):
            staff.edit_staff_member(
                salon=at, staff_member_id=staff_member_id, version=version, changes=changes
            )
        return Response(staff_member_of(at, staff_member_id))

    @extend_schema(
        operation_id="removeSalonStaffMember",
        summary="Remove a staff member; one who was booked before is switched off instead",
        tags=["manage"],
        parameters=[SALON, bodies.VersionQuery],
        responses={200: shapes.DeskStaffRemoval},
    )
    def delete(self, request: Request, salon: str, staff_member_id: uuid.UUID) -> Response:
        at = desk_of(person(request), salon, "edit_catalogue")
        with current(partial(staff_member_of, at, staff_member_id)):
            left = staff.remove_staff_member(
                salon=at, staff_member_id=staff_member_id, version=self.query["version"]
            )
        item = staff_member_of(at, staff_member_id) if left else None
        return Response({"removed": left is None, "item": item})


def resource_of(at: Salon, resource_id: uuid.UUID) -> dict[str, Any]:
    row: Resource | None = queries.resources_at(at).filter(pk=resource_id).first()
    if row is None:
        raise NotFound
    return present.resource(row)


class ResourceCollection(Endpoint):
    access = SEE_AND_ADD

    @extend_schema(
        operation_id="listSalonResources",
        summary="My salon's rooms, chairs and devices",
        tags=["manage"],
        parameters=[SALON],
        responses={200: shapes.DeskResourceList},
    )
    def get(self, request: Request, salon: str) -> Response:
        rows = queries.resources_at(desk_of(person(request), salon, "see_desk"))
        return Response({"items": [present.resource(row) for row in rows]}, headers=OWN)

    @extend_schema(
        operation_id="addSalonResource",
        summary="Add a room, chair or device",
        tags=["manage"],
        parameters=[SALON, OPTIONAL_KEY],
        request=bodies.ResourceBody,
        responses={201: shapes.DeskResourceShape},
    )
    def post(self, request: Request, salon: str) -> Response:
        at = desk_of(person(request), salon, "edit_catalogue")
        values = self.body(bodies.ResourceBody, request)

        def act() -> tuple[int, Any]:
            return 201, resource_of(at, resources.add_resource(salon=at, values=values).pk)

        return answer_once(
            request, operation="addSalonResource", body=request.data, act=act, key_required=False
        )


class ResourceItem(Endpoint):
    access = ONE
    queries = {"DELETE": bodies.VersionQuery}

    @extend_schema(
        operation_id="getSalonResource",
        summary="A room, chair or device of my salon",
        tags=["manage"],
        parameters=[SALON],
        responses={200: shapes.DeskResourceShape},
    )
    def get(self, request: Request, salon: str, resource_id: uuid.UUID) -> Response:
        return Response(resource_of(desk_of(person(request), salon, "see_desk"), resource_id), headers=OWN)

    @extend_schema(
        operation_id="editSalonResource",
        summary="Change a room, chair or device",
        tags=["manage"],
        parameters=[SALON],
        request=bodies.ResourceChangesBody,
        responses={200: shapes.DeskResourceShape},
    )
    def patch(self, request: Request, salon: str, resource_id: uuid.UUID) -> Response:
        at = desk_of(person(request), salon, "edit_catalogue")
        changes = self.body(bodies.ResourceChangesBody, request)
        version = changes.pop("version")
        with current(partial(resource_of, at, resource_id)):
            resources.edit_resource(salon=at, resource_id=resource_id, version=version, changes=changes)
        return Response(resource_of(at, resource_id))

    @extend_schema(
        operation_id="removeSalonResource",
        summary="Remove a room, chair or device; one that was booked before is switched off instead",
        tags=["manage"],
        parameters=[SALON, bodies.VersionQuery],
        responses={200: shapes.DeskResourceRemoval},
    )
    def delete(self, request: Request, salon: str, resource_id: uuid.UUID) -> Response:
        at = desk_of(person(request), salon, "edit_catalogue")
        with current(partial(resource_of, at, resource_id)):
            left = resources.remove_resource(salon=at, resource_id=resource_id, version=self.query["version"])
        return Response({"removed": left is None, "item": resource_of(at, resource_id) if left else None})
