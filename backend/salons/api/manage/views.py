"""The owner's side: salons, the businesses behind them, and who works at the desk."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.core.api.access import SIGNED_IN, Access
from backend.core.api.schema import SALON
from backend.core.api.views import Endpoint, answer_once, person
from backend.core.errors import NotFound, PermissionDenied
from backend.salons.api.manage import bodies, present, shapes
from backend.salons.api.manage.answering import OPTIONAL_KEY, OWN, current
from backend.salons.models import Business, Membership, Salon
from backend.salons.operations import businesses, members, salons, standing
from backend.salons.permissions import Desk, desk_of, roles_that
from backend.salons.queries import desks_of
from backend.salons.queries import managing as queries


def profile_of(salon: Salon) -> dict[str, Any]:
    return present.profile(queries.with_profile(Salon.objects.filter(pk=salon.pk)).get())


class DeskCollection(Endpoint):
    access = {"GET": SIGNED_IN, "POST": SIGNED_IN}

    @extend_schema(
        operation_id="listMySalons",
        summary="The salons I work at, and what I may do there",
        tags=["manage"],
        responses={200: shapes.DeskList},
    )
    def get(self, request: Request) -> Response:
        return Response({"items": [present.desk(d) for d in desks_of(person(request))]}, headers=OWN)

    @extend_schema(
        operation_id="openSalon",
        summary="Open a salon: a draft, owned by whoever opens it",
        tags=["manage"],
        parameters=[OPTIONAL_KEY],
        request=bodies.OpenSalonBody,
        responses={201: shapes.SalonProfileShape},
    )
    def post(self, request: Request) -> Response:
        profile = self.body(bodies.OpenSalonBody, request)
        who = {name: profile.pop(name, None) for name in ("business_id", "business", "slug")}

        def act() -> tuple[int, Any]:
            salon = salons.open_salon(owner=person(request), profile=profile, now=timezone.now(), **who)
            return 201, profile_of(salon)

        return answer_once(request, operation="openSalon", body=request.data, act=act, key_required=False)


class DeskProfile(Endpoint):
    access = {"GET": Desk("see_desk"), "PATCH": Desk("edit_salon")}

    @extend_schema(
        operation_id="getMySalon",
        summary="The whole profile of my salon",
        tags=["manage"],
        parameters=[SALON],
        responses={200: shapes.SalonProfileShape},
    )
    def get(self, request: Request, salon: str) -> Response:
        return Response(profile_of(desk_of(person(request), salon, "see_desk")), headers=OWN)

    @extend_schema(
        operation_id="editMySalon",
        summary="Change a salon's profile and booking rules",
        description="Bookings already made keep the policy they were made under.",
        tags=["manage"],
        parameters=[SALON],
        request=bodies.SalonChangesBody,
        responses={200: shapes.SalonProfileShape},
    )
    def patch(self, request: Request, salon: str) -> Response:
        at = desk_of(person(request), salon, "edit_salon")
        changes = self.body(bodies.SalonChangesBody, request)
        version = changes.pop("version")
        with current(partial(profile_of, at)):
            salons.edit_salon(salon=at, version=version, changes=changes)
        return Response(profile_of(at))


class SubmittedSalon(Endpoint):
    access = {"POST": Desk("edit_salon")}

    @extend_schema(
        operation_id="submitMySalon",
        summary="Hand a complete draft to the platform for review",
        description="`salon_incomplete` names in `params.missing` what the profile lacks.",
        tags=["manage"],
        parameters=[SALON],
        request=bodies.VersionBody,
        responses={200: shapes.SalonProfileShape},
    )
    def post(self, request: Request, salon: str) -> Response:
        at = desk_of(person(request), salon, "edit_salon")
        version = self.body(bodies.VersionBody, request)["version"]
        with current(partial(profile_of, at)):
            standing.submit(salon=at, owner=person(request), version=version, now=timezone.now())
        return Response(profile_of(at))


class MyBusiness(Access):
    """The door of a business: open to owners of one of its salons; elsewhere it does not exist."""

    roles = roles_that("edit_salon")

    def admit(self, user: Any, kwargs: Mapping[str, Any]) -> None:
        business_id = kwargs["business_id"]
        if queries.businesses_of(user).filter(pk=business_id).exists():
            return
        raise PermissionDenied if queries.works_for(user, business_id) else NotFound


class BusinessCollection(Endpoint):
    access = {"GET": SIGNED_IN}

    @extend_schema(
        operation_id="listMyBusinesses",
        summary="The businesses behind the salons I own",
        tags=["manage"],
        responses={200: shapes.BusinessList},
    )
    def get(self, request: Request) -> Response:
        mine = queries.businesses_of(person(request))
        return Response({"items": [present.business(row) for row in mine]}, headers=OWN)


class BusinessItem(Endpoint):
    access = {"GET": MyBusiness(), "PATCH": MyBusiness()}

    @extend_schema(
        operation_id="getMyBusiness",
        summary="A business of mine",
        tags=["manage"],
        responses={200: shapes.BusinessShape},
    )
    def get(self, request: Request, business_id: uuid.UUID) -> Response:
        return Response(self._shown(request, business_id), headers=OWN)

    @extend_schema(
        operation_id="editMyBusiness",
        summary="Change a business's name, VAT number or registration",
        tags=["manage"],
        request=bodies.BusinessChangesBody,
        responses={200: shapes.BusinessShape},
    )
    def patch(self, request: Request, business_id: uuid.UUID) -> Response:
        changes = self.body(bodies.BusinessChangesBody, request)
        version = changes.pop("version")
        with current(partial(self._shown, request, business_id)):
            businesses.edit_business(
                owner=person(request), business_id=business_id, version=version, changes=changes
            )
        return Response(self._shown(request, business_id))

    def _shown(self, request: Request, business_id: uuid.UUID) -> dict[str, Any]:
        row: Business | None = queries.businesses_of(person(request)).filter(pk=business_id).first()
        if row is None:
            raise NotFound
        return present.business(row)


def member_of(at: Salon, member_id: uuid.UUID, me: Any) -> dict[str, Any]:
    row: Membership | None = queries.members_at(at).filter(pk=member_id).first()
    if row is None:
        raise NotFound
    return present.member(row, me=me)


class MemberCollection(Endpoint):
    access = {"GET": Desk("edit_members"), "POST": Desk("edit_members")}

    @extend_schema(
        operation_id="listSalonMembers",
        summary="Who works at my salon's desk, and as what",
        tags=["manage"],
        parameters=[SALON],
        responses={200: shapes.MemberList},
    )
    def get(self, request: Request, salon: str) -> Response:
        me = person(request)
        rows = queries.members_at(desk_of(me, salon, "edit_members"))
        return Response({"items": [present.member(row, me=me) for row in rows]}, headers=OWN)

    @extend_schema(
        operation_id="addSalonMember",
        summary="Give somebody a role at my salon, by phone number",
        description="Known and unknown numbers are answered alike.",
        tags=["manage"],
        parameters=[SALON, OPTIONAL_KEY],
        request=bodies.MemberBody,
        responses={201: shapes.MemberShape},
    )
    def post(self, request: Request, salon: str) -> Response:
        me, now = person(request), timezone.now()
        at = desk_of(me, salon, "edit_members")
        body = self.body(bodies.MemberBody, request)
        members.count_added(me, now=now)

        def act() -> tuple[int, Any]:
            row = members.add_member(salon=at, now=now, **body)
            return 201, member_of(at, row.pk, me)

        return answer_once(
            request, operation="addSalonMember", body=request.data, act=act, key_required=False
        )


class MemberItem(Endpoint):
    access = {"PATCH": Desk("edit_members"), "DELETE": Desk("edit_members")}
    queries = {"DELETE": bodies.VersionQuery}

    @extend_schema(
        operation_id="changeSalonMember",
        summary="Change somebody's role",
        tags=["manage"],
        parameters=[SALON],
        request=bodies.MemberChangesBody,
        responses={200: shapes.MemberShape},
    )
    def patch(self, request: Request, salon: str, member_id: uuid.UUID) -> Response:
        me = person(request)
        at = desk_of(me, salon, "edit_members")
        body = self.body(bodies.MemberChangesBody, request)
        with current(partial(member_of, at, member_id, me)):
            members.change_role(salon=at, member_id=member_id, **body)
        return Response(member_of(at, member_id, me))

    @extend_schema(
        operation_id="removeSalonMember",
        summary="Take somebody's role away",
        tags=["manage"],
        parameters=[SALON, bodies.VersionQuery],
        responses={204: None},
    )
    def delete(self, request: Request, salon: str, member_id: uuid.UUID) -> Response:
        me = person(request)
        at = desk_of(me, salon, "edit_members")
        with current(partial(member_of, at, member_id, me)):
            members.remove_member(salon=at, member_id=member_id, version=self.query["version"])
        return Response(status=204)
