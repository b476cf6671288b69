"""Free times, and a customer's own bookings."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.bookings import operations
from backend.bookings.api import present, serializers
from backend.bookings.models import Asked, Booking
from backend.bookings.operations.remembering import Asking, remembered
from backend.bookings.queries import Wish, bookings_of, in_phase, salon_kept
from backend.bookings.refusals import SalonNotLive
from backend.core.api.access import SIGNED_IN
from backend.core.api.pagination import page
from backend.core.api.schema import IDEMPOTENCY_KEY, OPTIONAL_IDEMPOTENCY_KEY
from backend.core.api.views import Endpoint, answer_once, person
from backend.core.errors import NotFound, ValidationFailed, VersionConflict
from backend.salons.models import Salon
from backend.salons.queries import live_salon

FRESH = {"Cache-Control": "private, no-cache"}


def wishes_of(body: dict[str, Any]) -> list[Wish]:
    return [Wish(item["service_id"], item["staff_member_id"]) for item in body["items"]]


def another_time(booking: Booking, body: dict[str, Any]) -> Asking:
    """What a reschedule asks for."""
    services = [item.service_id for item in booking.items.all() if item.service_id]
    wishes = [Wish(service_id, body["staff_member_id"]) for service_id in services]
    return Asking(Asked.RESCHEDULE, booking.salon_id, body["starts_at"], wishes)


def salon_of(body: dict[str, Any]) -> Salon:
    """The live salon a body names. Raises ValidationFailed at `/salon_id`."""
    try:
        return live_salon(str(body["salon_id"]))
    except NotFound as error:
        raise ValidationFailed.at("/salon_id", "not_found") from error


def salon_to_hold(body: dict[str, Any]) -> Salon:
    """The same as this process last read it: whoever books holds its rules, and they say whether it is live."""
    return salon_kept(body["salon_id"]) or salon_of(body)


class QuoteCollection(Endpoint):
    access = {"POST": SIGNED_IN}

    @extend_schema(
        operation_id="createQuote",
        summary="What a visit would cost, before booking it",
        tags=["bookings"],
        request=serializers.QuoteBody,
        responses={200: serializers.QuoteShape},
    )
    def post(self, request: Request) -> Response:
        body = self.body(serializers.QuoteBody, request)
        wishes, now = wishes_of(body), timezone.now()
        asking = Asking(Asked.QUOTE, body["salon_id"], body["starts_at"], wishes)
        with remembered(asking, by=person(request), now=now):
            quote = operations.quote_booking(
                salon=salon_of(body),
                wishes=wishes,
                starts_at=body["starts_at"],
                customer=person(request),
                now=now,
            )
        return Response(present.quote(quote), headers=FRESH)


def own_booking(user: Any, booking_id: uuid.UUID) -> Booking:
    """The customer's booking, as it truly is now: a hold that ran out is written down before it is shown."""
    found = bookings_of(user).filter(pk=booking_id).first()
    if found is not None and operations.expire_if_dead(found, now=timezone.now()):
        found = bookings_of(user).filter(pk=booking_id).first()
    if found is None:
        raise NotFound
    return found


def as_customer(user: Any, booking_id: uuid.UUID) -> dict[str, Any]:
    return present.booking(
        own_booking(user, booking_id), actor=operations.by_customer(user), now=timezone.now()
    )


class BookingCollection(Endpoint):
    access = {"GET": SIGNED_IN, "POST": SIGNED_IN}
    queries = {"GET": serializers.BookingListQuery}

    @extend_schema(
        operation_id="listBookings",
        summary="My bookings, latest first",
        tags=["bookings"],
        parameters=[serializers.BookingListQuery],
        responses={200: serializers.BookingPage},
    )
    def get(self, request: Request) -> Response:
        now = timezone.now()
        for dead in Booking.objects.dead(now).filter(customer=person(request)):
            operations.expire_if_dead(dead, now=now)
        bookings = bookings_of(person(request))
        if phase := self.query.get("phase"):
            bookings = bookings.filter(in_phase(phase, now))
        if state := self.query.get("state"):
            bookings = bookings.filter(state=state)
        found = page(bookings, order=("-starts_at", "-id"), query=self.query)
        actor = operations.by_customer(person(request))
        show = partial(present.booking, actor=actor, now=now)
        return Response(found.body(show), headers=FRESH)

    @extend_schema(
        operation_id="createBooking",
        summary="Book a visit",
        tags=["bookings"],
        parameters=[IDEMPOTENCY_KEY],
        request=serializers.BookingBody,
        responses={201: serializers.BookingShape},
    )
    def post(self, request: Request) -> Response:
        body = self.body(serializers.BookingBody, request)
        wishes, now = wishes_of(body), timezone.now()

        def book() -> tuple[int, Any]:
            booking = operations.create_booking(
                customer=person(request),
                salon=salon_to_hold(body),
                wishes=wishes,
                starts_at=body["starts_at"],
                note=body["note"],
                expected_total_minor=body["expected_total_minor"],
                now=now,
                savepoint=False,
            )
            actor = operations.by_customer(person(request))
            return 201, present.booking(booking, actor=actor, now=now)

        asking = Asking(Asked.CREATE, body["salon_id"], body["starts_at"], wishes)
        with remembered(asking, by=person(request), now=now):
            try:
                return answer_once(request, operation="createBooking", body=request.data, act=book)
            except SalonNotLive:
                salon_of(body)  # refused like any address that leads nowhere
                raise


class BookingReschedule(Endpoint):
    access = {"POST": SIGNED_IN}

    @extend_schema(
        operation_id="rescheduleBooking",
        summary="Move my booking to another free time",
        tags=["bookings"],
        parameters=[OPTIONAL_IDEMPOTENCY_KEY],
        request=serializers.RescheduleBody,
        responses={200: serializers.BookingShape},
    )
    def post(self, request: Request, booking_id: uuid.UUID) -> Response:
        booking = own_booking(person(request), booking_id)
        body = self.body(serializers.RescheduleBody, request)
        asking, now = another_time(booking, body), timezone.now()

        def move() -> tuple[int, Any]:
            operations.reschedule(
                bookings=bookings_of(person(request)),
                booking_id=booking_id,
                actor=operations.by_customer(person(request)),
                now=now,
                **body,
            )
            return 200, as_customer(person(request), booking_id)

        try:
            with remembered(asking, by=person(request), now=now):
                return answer_once(
                    request, operation="rescheduleBooking", body=request.data, act=move, key_required=False
                )
        except VersionConflict:
            raise VersionConflict(current=as_customer(person(request), booking_id))


class BookingItem(Endpoint):
    access = {"GET": SIGNED_IN}

    @extend_schema(
        operation_id="getBooking",
        summary="A booking, as the ticket shows it",
        tags=["bookings"],
        responses={200: serializers.BookingShape},
    )
    def get(self, request: Request, booking_id: uuid.UUID) -> Response:
        return Response(as_customer(person(request), booking_id), headers=FRESH)


class BookingEvents(Endpoint):
    access = {"GET": SIGNED_IN}

    @extend_schema(
        operation_id="listBookingEvents",
        summary="What happened to a booking, in order",
        tags=["bookings"],
        responses={200: serializers.EventList},
    )
    def get(self, request: Request, booking_id: uuid.UUID) -> Response:
        booking = own_booking(person(request), booking_id)
        shown = [present.event(e, booking.salon) for e in booking.events.all()]
        for event in shown:
            if event["verb"] == "create":
                event["reason"] = None  # why an owner added a visit on purpose is the salon's own
        return Response({"items": shown}, headers=FRESH)
