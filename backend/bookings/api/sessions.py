"""Group sessions for customers: finding one, looking at it, and booking seats."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any

from django.urls import path
from django.utils import timezone
from django.utils.translation import pgettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.api.authentication import DeviceAuthentication
from backend.bookings import operations
from backend.bookings.api import present
from backend.bookings.api.serializers import BookingShape, QuoteCancellationShape
from backend.bookings.api.views import FRESH
from backend.bookings.models import Booking, Session, SessionState
from backend.bookings.models.sessions import MOST_SEATS
from backend.bookings.operations.seats import take_seats
from backend.bookings.queries import rules_of
from backend.bookings.queries.sessions import (
    seat_deposit,
    seats_of,
    sessions_in_sight,
    sessions_to_join,
    usual_seat_deposit,
    with_seats,
)
from backend.core.api import fields
from backend.core.api.access import PUBLIC, SIGNED_IN
from backend.core.api.bodies import Body
from backend.core.api.pagination import PageQuery, page
from backend.core.api.schema import IDEMPOTENCY_KEY, SALON
from backend.core.api.shapes import MoneyShape, NamedShape, Shape
from backend.core.api.views import Endpoint, answer_once, person
from backend.core.errors import DomainError, NotFound
from backend.core.money import money, percentage
from backend.core.time import RIYADH, rfc3339
from backend.salons.queries import live_salon

STATE_LABELS = {
    SessionState.DRAFT: pgettext_lazy("session", "Draft"),
    SessionState.PUBLISHED: pgettext_lazy("session", "Open for booking"),
    SessionState.CANCELLED: pgettext_lazy("session", "Cancelled"),
    SessionState.COMPLETED: pgettext_lazy("session", "Over"),
}


class SessionListQuery(PageQuery):
    def get_fields(self) -> Any:
        return super().get_fields() | {
            "from": fields.Day(required=False, help_text="First day, in Riyadh; absent means from now on"),
            "to": fields.Day(required=False, help_text="Last day"),
        }


class CitySessionListQuery(SessionListQuery):
    city = serializers.SlugField(required=False, max_length=40, help_text="A city's slug")


class SeatsBody(Body):
    seats = fields.Integer(min_value=1, max_value=MOST_SEATS)
    note = fields.Prose(required=False, allow_blank=True, max_length=500, default="")
    expected_total_minor = fields.Integer(required=False, allow_null=True, min_value=0, default=None)


class MinimumShape(Shape):
    seats = serializers.IntegerField()
    decide_by = fields.Moment(help_text="With fewer seats confirmed by then it does not take place")
    is_reached = serializers.BooleanField()


class MySeatsShape(Shape):
    booking_id = serializers.UUIDField()
    seats = serializers.IntegerField()
    state = serializers.CharField()


class SessionShape(Shape):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=SessionState.choices, help_text="Never `draft`")
    state_label = serializers.CharField()
    salon = NamedShape()
    title = serializers.CharField()
    description = serializers.CharField()
    starts_at = fields.Moment()
    ends_at = fields.Moment()
    staff = NamedShape(many=True, help_text="Who leads it")
    capacity = serializers.IntegerField()
    seats_left = serializers.IntegerField()
    most_seats = serializers.IntegerField(help_text="In one booking")
    price = MoneyShape(help_text="Of one seat")
    deposit = MoneyShape(
        help_text="Of one seat, before it stands. Lists say the usual; a session by itself what is asked of this person"
    )
    minimum = MinimumShape(allow_null=True)
    cancellation = QuoteCancellationShape(help_text="The fee is of one seat")
    mine = MySeatsShape(allow_null=True, help_text="My live booking in it, when signed in")
    allowed_actions = serializers.ListField(child=serializers.CharField(), help_text="`join`, or nothing")


class SessionPage(Shape):
    items = SessionShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


def seats_left(row: Session) -> int:
    """Of a row read `with_seats`: those of holds that have run out are anybody's."""
    return row.capacity - row.seats_taken + int(getattr(row, "dead_seats"))  # noqa: B009  annotated


def minimum(row: Session) -> dict[str, Any] | None:
    if row.decide_by is None:
        return None
    return {
        "seats": row.minimum_seats,
        "decide_by": rfc3339(row.decide_by, row.salon.zone),
        "is_reached": row.decided_at is not None or row.seats_confirmed >= row.minimum_seats,
    }


def session(
    row: Session, *, now: datetime, mine: Booking | None = None, deposit_minor: int | None = None
) -> dict[str, Any]:
    """A session as a customer sees it, read `with_seats`."""
    salon, zone = row.salon, row.salon.zone
    state, left = row.state_at(now), seats_left(row)
    language = "ar" if present.in_arabic() else "en"
    deposit = usual_seat_deposit(row) if deposit_minor is None else deposit_minor
    joinable = state == SessionState.PUBLISHED and row.starts_at > now and left > 0 and mine is None
    return {
        "id": str(row.pk),
        "state": state.value,
        "state_label": str(STATE_LABELS[state]),
        "salon": {"id": str(salon.pk), "name": salon.name},
        "title": row.text_in("title", language),
        "description": row.text_in("description", language),
        "starts_at": rfc3339(row.starts_at, zone),
        "ends_at": rfc3339(row.ends_at, zone),
        "staff": [{"id": str(one.pk), "name": one.name} for one in row.staff.all()],
        "capacity": row.capacity,
        "seats_left": left,
        "most_seats": min(MOST_SEATS, row.capacity),
        "price": money(row.price_minor, row.currency),
        "deposit": money(deposit, row.currency),
        "minimum": minimum(row),
        "cancellation": {
            "free_until": rfc3339(row.starts_at - timedelta(hours=salon.free_cancel_hours), zone),
            "fee_after": money(percentage(deposit, salon.late_cancel_percent), row.currency),
        },
        "mine": None
        if mine is None
        else {"booking_id": str(mine.pk), "seats": mine.seats, "state": mine.state},
        "allowed_actions": ["join"] if joinable else [],
    }


class _IfSignedIn(DeviceAuthentication):
    """Who is calling, where that can be told: an expired token must not spoil a public page."""

    def authenticate(self, request: Request) -> Any:
        try:
            return super().authenticate(request)
        except DomainError:
            return None


class PublicSessions(Endpoint):
    """For everybody; whoever is signed in also finds their own seats."""

    authentication_classes = [_IfSignedIn]
    permission_classes = []
    access = {"GET": PUBLIC}


_EITHER_WAY: list[Any] = [{}, {"jwtAuth": []}]


def _mine(request: Request, rows: Sequence[Session]) -> dict[uuid.UUID, Booking]:
    user = person(request)
    return seats_of(rows, user) if user.is_authenticated else {}


def _listed(request: Request, sessions: Any, asked: dict[str, Any]) -> Response:
    now = timezone.now()
    if first := asked.get("from"):
        sessions = sessions.filter(starts_at__gte=datetime.combine(first, time(), tzinfo=RIYADH))
    if last := asked.get("to"):
        midnight = datetime.combine(last + timedelta(days=1), time(), tzinfo=RIYADH)
        sessions = sessions.filter(starts_at__lt=midnight)
    found = page(with_seats(sessions, now=now), order=("starts_at", "id"), query=asked)
    mine = _mine(request, found.rows)
    return Response(found.body(lambda row: session(row, now=now, mine=mine.get(row.pk))), headers=FRESH)


class SessionCollection(PublicSessions):
    queries = {"GET": CitySessionListQuery}

    @extend_schema(
        operation_id="listSessions",
        summary="Group sessions that can be joined, the next first",
        tags=["catalogue"],
        parameters=[CitySessionListQuery],
        responses={200: SessionPage},
        auth=_EITHER_WAY,
    )
    def get(self, request: Request) -> Response:
        sessions = sessions_to_join(timezone.now())
        if city := self.query.get("city"):
            sessions = sessions.filter(salon__city=city)
        return _listed(request, sessions, self.query)


class SalonSessions(PublicSessions):
    queries = {"GET": SessionListQuery}

    @extend_schema(
        operation_id="listSalonSessions",
        summary="A salon's group sessions that can be joined, the next first",
        tags=["catalogue"],
        parameters=[SALON, SessionListQuery],
        responses={200: SessionPage},
        auth=_EITHER_WAY,
    )
    def get(self, request: Request, salon: str) -> Response:
        return _listed(request, sessions_to_join(timezone.now()).filter(salon=live_salon(salon)), self.query)


class SessionItem(PublicSessions):
    @extend_schema(
        operation_id="getSession",
        summary="A group session: seats left, price, my own seats",
        description="One that is over or cancelled is still shown, with that state.",
        tags=["catalogue"],
        responses={200: SessionShape},
        auth=_EITHER_WAY,
    )
    def get(self, request: Request, session_id: uuid.UUID) -> Response:
        now, user = timezone.now(), person(request)
        row = with_seats(sessions_in_sight(), now=now).filter(pk=session_id).first()
        if row is None:
            raise NotFound
        customer = user if user.is_authenticated else None
        deposit = seat_deposit(row, rules_of(row.salon), customer, at=now)
        mine = _mine(request, [row]).get(row.pk)
        return Response(session(row, now=now, mine=mine, deposit_minor=deposit), headers=FRESH)


class SessionSeats(Endpoint):
    access = {"POST": SIGNED_IN}

    @extend_schema(
        operation_id="joinSession",
        summary="Book seats in a group session",
        description=(
            "The answer is a booking of kind `seat`: held until its deposit is paid, then confirmed without anybody's "
            "answer. Giving the seats back is `cancelBooking`, by the policy copied onto it."
        ),
        tags=["bookings"],
        parameters=[IDEMPOTENCY_KEY],
        request=SeatsBody,
        responses={201: BookingShape},
    )
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        body, user = self.body(SeatsBody, request), person(request)
        now = timezone.now()
        # Each in a transaction of its own: holding one session while waiting for another could deadlock.
        for dead in Booking.objects.dead(now).filter(customer=user):
            operations.expire_if_dead(dead, now=now)

        def join() -> tuple[int, Any]:
            booking = take_seats(customer=user, session_id=session_id, now=now, **body)
            return 201, present.booking(booking, actor=operations.by_customer(user), now=now)

        return answer_once(request, operation="joinSession", body=request.data, act=join)


routes = [
    path("sessions", SessionCollection.as_view(), name="sessions"),
    path("sessions/<id:session_id>", SessionItem.as_view(), name="session"),
    path("sessions/<id:session_id>/seats", SessionSeats.as_view(), name="session-seats"),
    path("salons/<str:salon>/sessions", SalonSessions.as_view(), name="salon-sessions"),
]
