"""Rooms and devices let by themselves: what there is, when it is free, and renting it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request
from rest_framework.response import Response

from backend.bookings import availability, operations
from backend.bookings.api import present
from backend.bookings.api.desk import as_desk
from backend.bookings.api.serializers import (
    BookingShape,
    DepositReasonShape,
    DeskBookingShape,
    GuestBody,
    ItemResourceShape,
    PricePartsShape,
    QuoteCancellationShape,
)
from backend.bookings.api.views import FRESH
from backend.bookings.models import Asked
from backend.bookings.operations.creating import Quote
from backend.bookings.operations.remembering import Asking, remembered
from backend.bookings.operations.renting import create_rental, quote_rental, write_guest_rental
from backend.bookings.queries import SalonRules, free_slots, with_rules
from backend.bookings.queries.renting import (
    Letting,
    free_ones,
    lasting,
    minutes_between,
    on_offer,
    plan_letting,
    rentals_at,
)
from backend.core.api import fields
from backend.core.api.access import PUBLIC, SIGNED_IN
from backend.core.api.bodies import Body, Query
from backend.core.api.pagination import PageQuery, page
from backend.core.api.schema import IDEMPOTENCY_KEY, SALON
from backend.core.api.shapes import MoneyShape, NamedShape, Shape
from backend.core.api.views import Endpoint, PublicEndpoint, answer_once, person
from backend.core.errors import NotFound, ValidationFailed
from backend.core.money import MoneyDict, money
from backend.core.time import rfc3339
from backend.salons.models import Rental
from backend.salons.permissions import Desk, desk_of
from backend.salons.queries import live_salon


class RentalQuery(PageQuery):
    city = serializers.CharField(required=False, max_length=40, help_text="City slug")

    def get_fields(self) -> Any:
        return super().get_fields() | {
            "from": fields.Moment(
                required=False, help_text="With `to`: only what can be had for all of this time"
            ),
            "to": fields.Moment(required=False),
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        starts, ends = attrs.get("from"), attrs.get("to")
        if (starts is None) != (ends is None):
            missing = "to" if ends is None else "from"
            raise serializers.ValidationError({missing: [ErrorDetail("", code="field_required")]})
        if starts is not None and ends is not None and ends <= starts:
            raise serializers.ValidationError({"to": [ErrorDetail("", code="ends_before_start")]})
        return attrs


class RentalAvailabilityQuery(Query):
    date = fields.Day(required=False, help_text="First calendar day; absent means today in the salon's zone")
    days = fields.QueryInteger(
        required=False,
        default=1,
        min_value=1,
        max_value=availability.MAX_DAYS,
        help_text="1 to 31, default 1",
    )
    duration_minutes = fields.QueryInteger(
        required=False, min_value=1, max_value=100_000, help_text="Absent: as short as it may be"
    )


class RentalQuoteBody(Body):
    rental_id = fields.Identifier()
    starts_at = fields.Moment()
    ends_at = fields.Moment()


class RentBody(RentalQuoteBody):
    note = fields.Prose(required=False, allow_blank=True, max_length=500, default="")
    expected_total_minor = fields.Integer(required=False, allow_null=True, min_value=0, default=None)


class GuestRentalBody(Body):
    starts_at = fields.Moment()
    ends_at = fields.Moment()
    guest = GuestBody()
    note = fields.Prose(required=False, allow_blank=True, max_length=500, default="")


class RentalSalonShape(NamedShape):
    slug = serializers.CharField()
    city = serializers.CharField(help_text="City slug")


class RentalShape(Shape):
    id = serializers.UUIDField()
    salon = RentalSalonShape()
    name = serializers.CharField()
    description = serializers.CharField()
    resource = ItemResourceShape()
    price_per_hour = MoneyShape(allow_null=True, help_text="VAT included, reckoned by the minute")
    price_per_day = MoneyShape(allow_null=True, help_text="Of 24 hours; the most that a part of a day costs")
    min_minutes = serializers.IntegerField()
    max_minutes = serializers.IntegerField()
    step_minutes = serializers.IntegerField(help_text="It is let for a multiple of these")
    damage_hold = MoneyShape(help_text="What the bank is to hold against damage; 0 for nothing")
    needs_approval = serializers.BooleanField(help_text="The salon answers each request")


class FoundRentalShape(RentalShape):
    price = MoneyShape(allow_null=True, help_text="For the time that was asked for")


class RentalList(Shape):
    items = RentalShape(many=True)


class RentalPage(Shape):
    items = FoundRentalShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class RentalSlotShape(Shape):
    starts_at = fields.Moment()
    ends_at = fields.Moment()
    business_date = fields.Day()


class RentalDayShape(Shape):
    date = fields.Day()
    closed = serializers.BooleanField(help_text="The salon does not open on this day")
    slots = RentalSlotShape(many=True, help_text="Each can be booked; no other start can")


class RentalAvailabilityShape(Shape):
    timezone = serializers.CharField()
    duration_minutes = serializers.IntegerField()
    price = MoneyShape()
    days = RentalDayShape(many=True)


class RentalQuoteShape(Shape):
    rental = RentalShape()
    salon = NamedShape()
    starts_at = fields.Moment()
    ends_at = fields.Moment()
    business_date = fields.Day()
    price = MoneyShape()
    price_parts = PricePartsShape()
    deposit = MoneyShape()
    deposit_reason = DepositReasonShape(allow_null=True, help_text="Why more is asked than of others")
    cancellation = QuoteCancellationShape()


def rental_shown(row: Rental) -> dict[str, Any]:
    currency = row.salon.currency

    def price(minor: int | None) -> MoneyDict | None:
        return None if minor is None else money(minor, currency)

    return {
        "id": str(row.pk),
        "salon": {
            "id": str(row.salon_id),
            "name": row.salon.name,
            "slug": row.salon.slug,
            "city": row.salon.city_id,
        },
        "name": row.name,
        "description": row.description or "",
        "resource": {"id": str(row.resource_id), "name": row.resource.name, "code": row.resource.code},
        "price_per_hour": price(row.price_per_hour_minor),
        "price_per_day": price(row.price_per_day_minor),
        "min_minutes": row.min_minutes,
        "max_minutes": row.max_minutes,
        "step_minutes": row.step_minutes,
        "damage_hold": price(row.damage_minor),
        "needs_approval": not row.auto_confirm,
    }


def quote_shown(found: Quote, rental: Rental) -> dict[str, Any]:
    return {"rental": rental_shown(rental)} | present.terms(found)


class SalonRentals(PublicEndpoint):
    @extend_schema(
        operation_id="listRentalsOfSalon",
        summary="Rooms and devices a salon lets by themselves",
        tags=["rentals"],
        parameters=[SALON],
        responses={200: RentalList},
    )
    def get(self, request: Request, salon: str) -> Response:
        rows = rentals_at(live_salon(salon))
        return Response({"items": [rental_shown(row) for row in rows]}, headers=FRESH)


class RentalCollection(Endpoint):
    access = {"GET": PUBLIC, "POST": SIGNED_IN}
    queries = {"GET": RentalQuery}

    def get_authenticators(self) -> list[Any]:
        return [] if self._is_read() else super().get_authenticators()

    def get_permissions(self) -> Sequence[Any]:
        return [] if self._is_read() else super().get_permissions()

    def _is_read(self) -> bool:
        # An expired token must not spoil a public list with a 401.
        return self.request is not None and self.request.method in ("GET", "HEAD")

    @extend_schema(
        operation_id="listRentals",
        summary="What can be rented, in all salons; with `from` and `to`, only what is free then",
        description=(
            "With `from` and `to` a page may hold fewer than `limit`; go on while there is a `next_cursor`."
        ),
        tags=["rentals"],
        parameters=[RentalQuery],
        responses={200: RentalPage},
        auth=[],
    )
    def get(self, request: Request) -> Response:
        asked, now = self.query, timezone.now()
        rows = on_offer()
        if city := asked.get("city"):
            rows = rows.filter(salon__city=city)
        starts, ends = asked.get("from"), asked.get("to")
        minutes = minutes_between(starts, ends) if starts is not None and ends is not None else None
        if minutes is not None:
            rows = lasting(rows, minutes)
        found = page(rows, order=("id",), query=asked)
        shown = {row.pk for row in found.rows}
        if starts is not None and ends is not None:
            shown = free_ones(found.rows, starts, ends, now=now)
        return Response(
            {
                "items": [
                    rental_shown(row)
                    | {"price": money(row.price_of(minutes), row.salon.currency) if minutes else None}
                    for row in found.rows
                    if row.pk in shown
                ],
                "next_cursor": found.next_cursor,
            },
            headers=FRESH,
        )

    @extend_schema(
        operation_id="createRental",
        summary="Rent a room or device",
        description="The answer is a booking of kind `rental`; all that can be done to bookings can be done to it.",
        tags=["rentals"],
        parameters=[IDEMPOTENCY_KEY],
        request=RentBody,
        responses={201: BookingShape},
    )
    def post(self, request: Request) -> Response:
        body = self.body(RentBody, request)
        rental, now = _rental_of(body), timezone.now()

        def rent() -> tuple[int, Any]:
            booking = create_rental(
                customer=person(request),
                rental=rental,
                starts_at=body["starts_at"],
                ends_at=body["ends_at"],
                note=body["note"],
                expected_total_minor=body["expected_total_minor"],
                now=now,
            )
            actor = operations.by_customer(person(request))
            return 201, present.booking(booking, actor=actor, now=now)

        asking = Asking(Asked.CREATE, rental.salon_id, body["starts_at"], [])
        with remembered(asking, by=person(request), now=now):
            return answer_once(request, operation="createRental", body=request.data, act=rent)


class RentalQuotes(Endpoint):
    access = {"POST": SIGNED_IN}

    @extend_schema(
        operation_id="createRentalQuote",
        summary="What a rental would cost, before booking it",
        tags=["rentals"],
        request=RentalQuoteBody,
        responses={200: RentalQuoteShape},
    )
    def post(self, request: Request) -> Response:
        body = self.body(RentalQuoteBody, request)
        rental, now = _rental_of(body), timezone.now()
        asking = Asking(Asked.QUOTE, rental.salon_id, body["starts_at"], [])
        with remembered(asking, by=person(request), now=now):
            found = quote_rental(
                rental=rental,
                starts_at=body["starts_at"],
                ends_at=body["ends_at"],
                customer=person(request),
                now=now,
            )
        return Response(quote_shown(found, rental), headers=FRESH)


class RentalGuests(Endpoint):
    access = {"POST": Desk("write_walk_ins")}

    @extend_schema(
        operation_id="addRentalGuest",
        summary="Write down at the desk that a guest rents it: confirmed at once, without deposit",
        description="Any minute will do, for a length that it is let for; the time is taken as by any rental.",
        tags=["manage"],
        parameters=[SALON, IDEMPOTENCY_KEY],
        request=GuestRentalBody,
        responses={201: DeskBookingShape},
    )
    def post(self, request: Request, salon: str, rental_id: uuid.UUID) -> Response:
        at = desk_of(person(request), salon, "write_walk_ins")
        rental = Rental.objects.filter(salon=at, pk=rental_id).select_related("salon").first()
        if rental is None:
            raise NotFound
        body, now = self.body(GuestRentalBody, request), timezone.now()

        def add() -> tuple[int, Any]:
            booking = write_guest_rental(
                staff_user=person(request),
                rental=rental,
                starts_at=body["starts_at"],
                ends_at=body["ends_at"],
                guest_name=body["guest"]["name"],
                guest_phone=body["guest"]["phone"] or "",
                note=body["note"],
                now=now,
            )
            return 201, as_desk(person(request), booking.pk)

        with remembered(Asking(Asked.WALK_IN, at.pk, body["starts_at"], []), by=person(request), now=now):
            return answer_once(request, operation="addRentalGuest", body=request.data, act=add)


class RentalItem(PublicEndpoint):
    @extend_schema(
        operation_id="getRental",
        summary="One room or device that is let",
        tags=["rentals"],
        responses={200: RentalShape},
    )
    def get(self, request: Request, rental_id: uuid.UUID) -> Response:
        return Response(rental_shown(_rental(rental_id)), headers=FRESH)


class RentalAvailability(PublicEndpoint):
    queries = {"GET": RentalAvailabilityQuery}

    @extend_schema(
        operation_id="getRentalAvailability",
        summary="When it can be had for so long",
        description="It begins and ends while the salon is open; in between the salon may be closed for the night.",
        tags=["rentals"],
        parameters=[RentalAvailabilityQuery],
        responses={200: RentalAvailabilityShape},
    )
    def get(self, request: Request, rental_id: uuid.UUID) -> Response:
        rental, now, asked = _rental(rental_id), timezone.now(), self.query
        zone = rental.salon.zone
        first: date = asked.get("date") or now.astimezone(zone).date()
        days: int = asked["days"]

        def ask(rules: SalonRules) -> dict[str, Any]:
            letting = plan_letting(rules, rental_id, asked.get("duration_minutes"))
            return _free(letting, first, days, free_slots(letting, from_date=first, days=days, now=now))

        return Response(with_rules(rental.salon, ask), headers=FRESH)


def _free(letting: Letting, first: date, days: int, slots: list[Any]) -> dict[str, Any]:
    salon, timetable = letting.salon, letting.rules.rulebook.timetable
    by_day: dict[date, list[dict[str, Any]]] = {first + timedelta(days=ahead): [] for ahead in range(days)}
    for slot in slots:
        starts_at = availability.moment_of(slot.starts)
        by_day[starts_at.astimezone(salon.zone).date()].append(
            {
                "starts_at": rfc3339(starts_at, salon.zone),
                "ends_at": rfc3339(availability.moment_of(slot.ends), salon.zone),
                "business_date": slot.business_date.isoformat(),
            }
        )
    return {
        "timezone": salon.timezone,
        "duration_minutes": letting.steps[0].duration,
        "price": money(letting.price_minor, salon.currency),
        "days": [
            {"date": day.isoformat(), "closed": not found and timetable.closed_all_day(day), "slots": found}
            for day, found in by_day.items()
        ],
    }


def _rental(rental_id: uuid.UUID) -> Rental:
    """What is let under this id now. Raises NotFound."""
    found: Rental | None = on_offer().filter(pk=rental_id).first()
    if found is None:
        raise NotFound
    return found


def _rental_of(body: dict[str, Any]) -> Rental:
    try:
        return _rental(body["rental_id"])
    except NotFound as error:
        raise ValidationFailed.at("/rental_id", "not_found") from error


routes = [
    path("salons/<str:salon>/rentals", SalonRentals.as_view(), name="salon-rentals"),
    path("rentals", RentalCollection.as_view(), name="rentals"),
    path("rentals/quotes", RentalQuotes.as_view(), name="rental-quotes"),
    path("rentals/<id:rental_id>", RentalItem.as_view(), name="rental"),
    path(
        "manage/salons/<str:salon>/rentals/<id:rental_id>/guests",
        RentalGuests.as_view(),
        name="manage-rental-guests",
    ),
    path("rentals/<id:rental_id>/availability", RentalAvailability.as_view(), name="rental-availability"),
]
