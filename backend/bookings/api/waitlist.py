"""The waiting list: joining, leaving, and answering the time it offers."""

from __future__ import annotations

import uuid
from datetime import datetime
from functools import partial
from typing import Any

from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request
from rest_framework.response import Response

from backend.bookings import operations
from backend.bookings.api import present
from backend.bookings.api.hours_bodies import Clock
from backend.bookings.api.serializers import BookingShape
from backend.bookings.api.views import FRESH, salon_of
from backend.bookings.models import WaitlistEntry, WaitlistState
from backend.bookings.operations.waitlist import (
    accept_offer,
    decline_offer,
    join_waitlist,
    leave_waitlist,
)
from backend.bookings.queries import Wish
from backend.bookings.queries.waitlist import waiting_at, waitlist_of, with_names
from backend.core.api import fields
from backend.core.api.access import SIGNED_IN
from backend.core.api.bodies import Body
from backend.core.api.pagination import PageQuery, page
from backend.core.api.schema import IDEMPOTENCY_KEY, OPTIONAL_IDEMPOTENCY_KEY, SALON
from backend.core.api.shapes import NamedShape, Shape
from backend.core.api.views import Endpoint, answer_once, person
from backend.core.errors import FieldError, NotFound, ValidationFailed, VersionConflict
from backend.core.time import rfc3339, seconds_until
from backend.salons.api.present import clock
from backend.salons.models import Service
from backend.salons.permissions import Desk, desk_of

STATE_LABELS = {
    WaitlistState.WAITING: _("On the waiting list"),
    WaitlistState.OFFERED: _("A time is kept for you"),
    WaitlistState.ACCEPTED: _("Booked from the waiting list"),
    WaitlistState.PASSED: _("The time went to the next"),
    WaitlistState.LEFT: _("Left the waiting list"),
    WaitlistState.EXPIRED: _("No time came free"),
}
ACTIONS = {
    WaitlistState.WAITING: ["leave"],
    WaitlistState.OFFERED: ["accept", "decline", "leave"],
}


class WaitlistBody(Body):
    salon_id = fields.Identifier()
    service_id = fields.Identifier()
    staff_member_id = fields.Identifier(
        required=False, allow_null=True, default=None, help_text="Absent or null means anyone"
    )
    date = fields.Day(help_text="A calendar day of the salon, as in `availability`")

    def get_fields(self) -> Any:
        return super().get_fields() | {
            "from": Clock(
                required=False, allow_null=True, default=None, help_text="Earliest start there, `16:00`"
            ),
            "to": Clock(required=False, allow_null=True, default=None, help_text="Latest start"),
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        earliest, latest = attrs["from"], attrs["to"]
        if earliest is not None and latest is not None and latest < earliest:
            raise serializers.ValidationError({"to": [ErrorDetail("", code="ends_before_start")]})
        return attrs


class AnswerBody(Body):
    version = fields.Integer(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=2_000_000_000,
        help_text="As last seen; another one is refused. Absent or null asks for no comparison",
    )


class AcceptBody(AnswerBody):
    note = fields.Prose(required=False, allow_blank=True, max_length=500, default="")
    expected_total_minor = fields.Integer(required=False, allow_null=True, min_value=0, default=None)


class WaitlistOfferShape(Shape):
    starts_at = fields.Moment()
    ends_at = fields.Moment()
    staff_member = NamedShape()
    expires_at = fields.Moment(help_text="Until then the time is kept for this person alone")
    expires_in_seconds = serializers.IntegerField()


class WaitlistEntryShape(Shape):
    id = serializers.UUIDField()
    version = serializers.IntegerField()
    state = serializers.ChoiceField(choices=WaitlistState.choices)
    state_label = serializers.CharField()
    salon = NamedShape()
    service = NamedShape()
    staff_member = NamedShape(allow_null=True)
    date = fields.Day()
    joined_at = fields.Moment()
    offer = WaitlistOfferShape(allow_null=True, help_text="While the state is `offered`")
    booking_id = serializers.UUIDField(allow_null=True, help_text="Once accepted")
    allowed_actions = serializers.ListField(child=serializers.CharField())

    def get_fields(self) -> Any:
        return super().get_fields() | {
            "from": serializers.CharField(
                allow_null=True, read_only=True, help_text="Earliest start, `16:00`"
            ),
            "to": serializers.CharField(allow_null=True, read_only=True, help_text="Latest start"),
        }


class WaitlistPage(Shape):
    items = WaitlistEntryShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class DeskWaitlistEntryShape(WaitlistEntryShape):
    first_name = serializers.CharField(allow_null=True, help_text="Of who waits")


class DeskWaitlistPage(Shape):
    items = DeskWaitlistEntryShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class DeskWaitlistQuery(PageQuery):
    date = fields.Day(required=False, help_text="Only who waits for this day")


def entry(row: WaitlistEntry, *, now: datetime) -> dict[str, Any]:
    """A place on the list as it truly is now, with `with_names` read."""
    zone, state = row.salon.zone, row.state_at(now)
    offer = None
    if state == WaitlistState.OFFERED and row.starts_at and row.ends_at and row.expires_at:
        assert row.offered_staff_member is not None
        offer = {
            "starts_at": rfc3339(row.starts_at, zone),
            "ends_at": rfc3339(row.ends_at, zone),
            "staff_member": _named(row.offered_staff_member),
            "expires_at": rfc3339(row.expires_at, zone),
            "expires_in_seconds": seconds_until(row.expires_at, now),
        }
    return {
        "id": str(row.pk),
        "version": row.version,
        "state": state.value,
        "state_label": str(STATE_LABELS[state]),
        "salon": _named(row.salon),
        "service": {"id": str(row.service_id), "name": _service_name(row.service)},
        "staff_member": _named(row.staff_member) if row.staff_member else None,
        "date": row.date.isoformat(),
        "from": None if row.from_minute is None else clock(row.from_minute),
        "to": None if row.to_minute is None else clock(row.to_minute),
        "joined_at": rfc3339(row.joined_at, zone),
        "offer": offer,
        "booking_id": str(row.booking_id) if row.booking_id else None,
        "allowed_actions": ACTIONS.get(state, []),
    }


def desk_entry(row: WaitlistEntry, *, now: datetime) -> dict[str, Any]:
    """The same for the salon's desk: whom it may soon meet, by first name."""
    names = row.customer.name.split()
    return entry(row, now=now) | {"first_name": names[0] if names else None, "allowed_actions": []}


def _named(row: Any) -> dict[str, str]:
    return {"id": str(row.pk), "name": row.name}


def _service_name(service: Service) -> str:
    above = service.variant_of
    return f"{above.name} – {service.name}" if above else str(service.name)


def _own(request: Request, entry_id: uuid.UUID) -> dict[str, Any]:
    row = with_names(waitlist_of(person(request))).filter(pk=entry_id).first()
    if row is None:
        raise NotFound
    return entry(row, now=timezone.now())


class WaitlistCollection(Endpoint):
    access = {"GET": SIGNED_IN, "POST": SIGNED_IN}
    queries = {"GET": PageQuery}

    @extend_schema(
        operation_id="listWaitlist",
        summary="My places on waiting lists, latest first",
        tags=["bookings"],
        parameters=[PageQuery],
        responses={200: WaitlistPage},
    )
    def get(self, request: Request) -> Response:
        entries = with_names(waitlist_of(person(request)))
        found = page(entries, order=("-joined_at", "-id"), query=self.query)
        return Response(found.body(partial(entry, now=timezone.now())), headers=FRESH)

    @extend_schema(
        operation_id="joinWaitlist",
        summary="Wait for a time on a day; who waits for the same already keeps their place",
        tags=["bookings"],
        parameters=[OPTIONAL_IDEMPOTENCY_KEY],
        request=WaitlistBody,
        responses={201: WaitlistEntryShape, 200: WaitlistEntryShape},
    )
    def post(self, request: Request) -> Response:
        body = self.body(WaitlistBody, request)

        def join() -> tuple[int, Any]:
            try:
                joined, is_new = join_waitlist(
                    customer=person(request),
                    salon=salon_of(body),
                    wish=Wish(body["service_id"], body["staff_member_id"]),
                    day=body["date"],
                    from_minute=body["from"],
                    to_minute=body["to"],
                    now=timezone.now(),
                )
            except ValidationFailed as error:
                raise ValidationFailed([_at_the_top(one) for one in error.errors]) from error
            return 201 if is_new else 200, _own(request, joined.pk)

        return answer_once(request, operation="joinWaitlist", body=request.data, act=join, key_required=False)


def _at_the_top(error: FieldError) -> FieldError:
    """A wish names one service, not a list of items."""
    pointer = (error.pointer or "").removeprefix("/items/0")
    return FieldError(error.code, pointer=pointer, params=error.params)


class WaitlistItem(Endpoint):
    access = {"GET": SIGNED_IN, "DELETE": SIGNED_IN}

    @extend_schema(
        operation_id="getWaitlistEntry",
        summary="My place on a waiting list, and what it is offered",
        tags=["bookings"],
        responses={200: WaitlistEntryShape},
    )
    def get(self, request: Request, entry_id: uuid.UUID) -> Response:
        return Response(_own(request, entry_id), headers=FRESH)

    @extend_schema(
        operation_id="leaveWaitlist",
        summary="Give up my place; an open offer goes to the next",
        tags=["bookings"],
        responses={204: None},
    )
    def delete(self, request: Request, entry_id: uuid.UUID) -> Response:
        leave_waitlist(entries=waitlist_of(person(request)), entry_id=entry_id, now=timezone.now())
        return Response(status=204)


class WaitlistAccept(Endpoint):
    access = {"POST": SIGNED_IN}

    @extend_schema(
        operation_id="acceptWaitlistOffer",
        summary="Book the offered time; the answer is the booking",
        description="Deposit, policy and the salon's answer are those of any booking.",
        tags=["bookings"],
        parameters=[IDEMPOTENCY_KEY],
        request=AcceptBody,
        responses={201: BookingShape},
    )
    def post(self, request: Request, entry_id: uuid.UUID) -> Response:
        _own(request, entry_id)
        body = self.body(AcceptBody, request)

        def book() -> tuple[int, Any]:
            now = timezone.now()
            booking = accept_offer(entries=waitlist_of(person(request)), entry_id=entry_id, now=now, **body)
            return 201, present.booking(booking, actor=operations.by_customer(person(request)), now=now)

        try:
            return answer_once(request, operation="acceptWaitlistOffer", body=request.data, act=book)
        except VersionConflict:
            raise VersionConflict(current=_own(request, entry_id))


class WaitlistDecline(Endpoint):
    access = {"POST": SIGNED_IN}

    @extend_schema(
        operation_id="declineWaitlistOffer",
        summary="Let the offered time go to the next; my place ends with it",
        tags=["bookings"],
        request=AnswerBody,
        responses={200: WaitlistEntryShape},
    )
    def post(self, request: Request, entry_id: uuid.UUID) -> Response:
        _own(request, entry_id)
        body = self.body(AnswerBody, request)
        try:
            decline_offer(entries=waitlist_of(person(request)), entry_id=entry_id, now=timezone.now(), **body)
        except VersionConflict:
            raise VersionConflict(current=_own(request, entry_id))
        return Response(_own(request, entry_id), headers=FRESH)


class DeskWaitlist(Endpoint):
    access = {"GET": Desk("see_desk")}
    queries = {"GET": DeskWaitlistQuery}

    @extend_schema(
        operation_id="listSalonWaitlist",
        summary="Who waits for time at the salon, first come first",
        tags=["manage"],
        parameters=[SALON, DeskWaitlistQuery],
        responses={200: DeskWaitlistPage},
    )
    def get(self, request: Request, salon: str) -> Response:
        at, now = desk_of(person(request), salon, "see_desk"), timezone.now()
        entries = waiting_at(at, now=now)
        if date := self.query.get("date"):
            entries = entries.filter(date=date)
        found = page(entries, order=("date", "joined_at", "id"), query=self.query)
        return Response(found.body(partial(desk_entry, now=now)), headers=FRESH)


routes = [
    path("waitlist", WaitlistCollection.as_view(), name="waitlist"),
    path("waitlist/<id:entry_id>", WaitlistItem.as_view(), name="waitlist-entry"),
    path("waitlist/<id:entry_id>/accept", WaitlistAccept.as_view(), name="waitlist-accept"),
    path("waitlist/<id:entry_id>/decline", WaitlistDecline.as_view(), name="waitlist-decline"),
    path("manage/salons/<str:salon>/waitlist", DeskWaitlist.as_view(), name="manage-salon-waitlist"),
]
