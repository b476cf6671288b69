"""The salon's side: its bookings, walk-ins, and every verb of the desk."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.bookings import operations
from backend.bookings.api import present, serializers
from backend.bookings.api.views import FRESH, another_time, wishes_of
from backend.bookings.availability import moment_of, starts_on
from backend.bookings.models import Asked, Booking
from backend.bookings.operations.remembering import Asking, remembered
from backend.bookings.queries import bookings_at
from backend.core.api.access import Access
from backend.core.api.pagination import page
from backend.core.api.schema import IDEMPOTENCY_KEY, SALON
from backend.core.api.views import Endpoint, answer_once, person
from backend.core.errors import NotFound, PermissionDenied, VersionConflict
from backend.salons.permissions import Ability, Desk, desk_of, roles_that, salons_where


def desk_booking(user: Any, booking_id: uuid.UUID) -> Booking:
    """A booking at one of the user's desks, as it truly is now. Anything else does not exist for them."""
    at = salons_where(user, "see_desk")
    found = bookings_at(at).filter(pk=booking_id).first()
    if found is not None and operations.expire_if_dead(found, now=timezone.now()):
        found = bookings_at(at).filter(pk=booking_id).first()
    if found is None:
        raise NotFound
    return found


def as_desk(user: Any, booking_id: uuid.UUID) -> dict[str, Any]:
    return present.desk_booking(
        desk_booking(user, booking_id), actor=operations.by_salon(user), now=timezone.now()
    )


class BookingAtMyDesk(Access):
    """The door of one booking's desk: elsewhere it does not exist; here it takes the right role."""

    def __init__(self, ability: Ability) -> None:
        self.ability = ability
        self.roles = roles_that(ability)

    def admit(self, user: Any, kwargs: Mapping[str, Any]) -> None:
        at = Booking.objects.filter(pk=kwargs["booking_id"]).values_list("salon_id", flat=True).first()
        if at is None or at not in salons_where(user, "see_desk"):
            raise NotFound
        if at not in salons_where(user, self.ability):
            raise PermissionDenied


class DeskBookings(Endpoint):
    access = {"GET": Desk("see_desk"), "POST": Desk("write_walk_ins")}
    queries = {"GET": serializers.DeskBookingListQuery}

    @extend_schema(
        operation_id="listSalonBookings",
        summary="The salon's bookings, in order of time",
        tags=["manage"],
        parameters=[SALON, serializers.DeskBookingListQuery],
        responses={200: serializers.DeskBookingPage},
    )
    def get(self, request: Request, salon: str) -> Response:
        now = timezone.now()
        at = desk_of(person(request), salon, "see_desk")
        for dead in Booking.objects.dead(now).filter(salon=at):
            operations.expire_if_dead(dead, now=now)
        bookings = bookings_at([at.pk])
        if date := self.query.get("date"):
            # A day and the night after it: what bounds the index. The business date then decides.
            begins, ends = starts_on(at.zone, from_date=date, days=3)
            within = (moment_of(begins), moment_of(ends))
            bookings = bookings.filter(business_date=date, starts_at__range=within)
        if state := self.query.get("state"):
            bookings = bookings.filter(state=state)
        found = page(bookings, order=("starts_at", "id"), query=self.query)
        actor = operations.by_salon(person(request))
        show = partial(present.desk_booking, actor=actor, now=now)
        return Response(found.body(show), headers=FRESH)

    @extend_schema(
        operation_id="createWalkIn",
        summary="Write down a guest at the desk",
        tags=["manage"],
        parameters=[SALON, IDEMPOTENCY_KEY],
        request=serializers.WalkInBody,
        responses={201: serializers.DeskBookingShape},
    )
    def post(self, request: Request, salon: str) -> Response:
        at = desk_of(person(request), salon, "write_walk_ins")
        body = self.body(serializers.WalkInBody, request)
        if body["overbook_reason"]:
            desk_of(person(request), salon, "overbook")
        wishes, now = wishes_of(body), timezone.now()

        def book() -> tuple[int, Any]:
            booking = operations.write_walk_in(
                staff_user=person(request),
                salon=at,
                wishes=wishes,
                starts_at=body["starts_at"],
                guest_name=body["guest"]["name"],
                guest_phone=body["guest"]["phone"] or "",
                note=body["note"],
                overbook_reason=body["overbook_reason"],
                now=now,
            )
            return 201, as_desk(person(request), booking.pk)

        with remembered(Asking(Asked.WALK_IN, at.pk, body["starts_at"], wishes), by=person(request), now=now):
            return answer_once(request, operation="createWalkIn", body=request.data, act=book)


class DeskBooking(Endpoint):
    access = {"GET": BookingAtMyDesk("see_desk")}

    @extend_schema(
        operation_id="getSalonBooking",
        summary="A booking at my salon",
        tags=["manage"],
        responses={200: serializers.DeskBookingShape},
    )
    def get(self, request: Request, booking_id: uuid.UUID) -> Response:
        return Response(as_desk(person(request), booking_id), headers=FRESH)


class DeskReschedule(Endpoint):
    access = {"POST": BookingAtMyDesk("answer_bookings")}

    @extend_schema(
        operation_id="rescheduleSalonBooking",
        summary="Move a booking from the salon's side; the customer is told",
        tags=["manage"],
        request=serializers.RescheduleBody,
        responses={200: serializers.DeskBookingShape},
    )
    def post(self, request: Request, booking_id: uuid.UUID) -> Response:
        booking = desk_booking(person(request), booking_id)
        body = self.body(serializers.RescheduleBody, request)
        now = timezone.now()
        try:
            with remembered(another_time(booking, body), by=person(request), now=now):
                operations.reschedule(
                    bookings=bookings_at(salons_where(person(request), "answer_bookings")),
                    booking_id=booking_id,
                    actor=operations.by_salon(person(request)),
                    now=now,
                    **body,
                )
        except VersionConflict:
            raise VersionConflict(current=as_desk(person(request), booking_id))
        return Response(as_desk(person(request), booking_id), headers=FRESH)


class DeskVerb(Endpoint):
    """Parent of the desk's verbs: each subclass names one move."""

    access = {"POST": BookingAtMyDesk("answer_bookings")}
    verb: str

    def post(self, request: Request, booking_id: uuid.UUID) -> Response:
        desk_booking(person(request), booking_id)
        body = self.body(serializers.VerbBody, request)
        change = {
            "bookings": bookings_at(salons_where(person(request), "answer_bookings")),
            "booking_id": booking_id,
            "actor": operations.by_salon(person(request)),
            "version": body["version"],
            "reason": body["reason"],
            "now": timezone.now(),
        }
        try:
            if self.verb == "cancel":
                operations.cancel(**change)
            else:
                operations.act(verb=self.verb, **change)
        except VersionConflict:
            raise VersionConflict(current=as_desk(person(request), booking_id))
        return Response(as_desk(person(request), booking_id), headers=FRESH)


def _verb(verb: str, operation_id: str, summary: str) -> type[DeskVerb]:
    described = extend_schema(
        operation_id=operation_id,
        summary=summary,
        tags=["manage"],
        request=serializers.VerbBody,
        responses={200: serializers.DeskBookingShape},
    )

    class View(DeskVerb):
        @described
        def post(self, request: Request, booking_id: uuid.UUID) -> Response:
            return super().post(request, booking_id)

    View.verb = verb
    View.__name__ = View.__qualname__ = operation_id[0].upper() + operation_id[1:]
    return View


DESK_VERBS = {
    "confirm": _verb("confirm", "confirmSalonBooking", "Accept a request"),
    "decline": _verb("decline", "declineSalonBooking", "Decline a request; a paid deposit goes back in full"),
    "check-in": _verb("check_in", "checkInSalonBooking", "The guest has arrived"),
    "complete": _verb("complete", "completeSalonBooking", "The visit is over"),
    "no-show": _verb("no_show", "markSalonBookingNoShow", "The guest did not come"),
    "uphold-no-show": _verb(
        "uphold_no_show", "upholdSalonBookingNoShow", "Answer a dispute: the guest did not come"
    ),
    "withdraw-no-show": _verb(
        "withdraw_no_show",
        "withdrawSalonBookingNoShow",
        "The guest did come after all; the visit is completed",
    ),
    "cancel": _verb(
        "cancel", "cancelSalonBooking", "Cancel from the salon's side; a paid deposit goes back in full"
    ),
}
