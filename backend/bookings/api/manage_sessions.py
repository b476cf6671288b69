"""Group sessions for the salon: writing them down, publishing, seats at the desk, and how they end."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backend.bookings import operations
from backend.bookings.api import present
from backend.bookings.api.desk import as_desk
from backend.bookings.api.serializers import DeskBookingPage, DeskBookingShape, GuestBody
from backend.bookings.api.sessions import STATE_LABELS, seats_left
from backend.bookings.api.views import FRESH
from backend.bookings.models import BookingState, Session, SessionState
from backend.bookings.models.sessions import LARGEST, MOST_SEATS
from backend.bookings.operations.seats import write_guest_seats
from backend.bookings.operations.session_moves import move_session
from backend.bookings.operations.sessions import (
    add_session,
    cancel_session,
    complete_session,
    edit_session,
    publish_session,
    remove_session,
    session_at,
)
from backend.bookings.queries import bookings_at
from backend.bookings.queries.sessions import sessions_at, with_seats
from backend.core.api import fields
from backend.core.api.bodies import Body
from backend.core.api.both import Both, both
from backend.core.api.pagination import PageQuery, page
from backend.core.api.schema import IDEMPOTENCY_KEY, OPTIONAL_IDEMPOTENCY_KEY, SALON
from backend.core.api.shapes import MoneyShape, NamedShape, Shape
from backend.core.api.views import Endpoint, answer_once, person
from backend.core.errors import NotFound
from backend.core.money import money
from backend.core.time import rfc3339
from backend.salons.api.manage.answering import current
from backend.salons.api.manage.bodies import MOST_MINOR, ReasonBody, VersionBody, VersionQuery
from backend.salons.models import Salon
from backend.salons.permissions import Desk, desk_of

MOST_TAKERS = 20


def _ids(**kwargs: Any) -> serializers.ListField:
    return serializers.ListField(child=fields.Identifier(), max_length=MOST_TAKERS, required=False, **kwargs)


class SessionBody(Body):
    title = Both(max_length=120)
    description = Both(max_length=2000, allow_blank=True, lines=True, required=False)
    staff_ids = _ids(default=list, help_text="Whose time it takes; the first is named on the bookings")
    resource_ids = _ids(default=list, help_text="Rooms and devices it takes. One person or thing at least")
    starts_at = fields.Moment()
    ends_at = fields.Moment()
    capacity = fields.Integer(min_value=1, max_value=LARGEST)
    price_minor = fields.Integer(min_value=0, max_value=MOST_MINOR, help_text="Of one seat, VAT included")
    deposit_percent = fields.Integer(
        required=False,
        allow_null=True,
        default=None,
        min_value=0,
        max_value=100,
        help_text="null: the salon's",
    )
    minimum_seats = fields.Integer(required=False, default=0, min_value=0, max_value=LARGEST)
    decide_by = fields.Moment(
        required=False, allow_null=True, default=None, help_text="When so many seats have to be confirmed"
    )


class SessionChangesBody(VersionBody):
    title = Both(max_length=120, required=False)
    description = Both(max_length=2000, allow_blank=True, lines=True, required=False)
    staff_ids = _ids()
    resource_ids = _ids()
    starts_at = fields.Moment(required=False)
    ends_at = fields.Moment(required=False)
    capacity = fields.Integer(required=False, min_value=1, max_value=LARGEST)
    price_minor = fields.Integer(required=False, min_value=0, max_value=MOST_MINOR)
    deposit_percent = fields.Integer(required=False, allow_null=True, min_value=0, max_value=100)
    minimum_seats = fields.Integer(required=False, min_value=0, max_value=LARGEST)
    decide_by = fields.Moment(required=False, allow_null=True)


class SessionMoveBody(VersionBody):
    starts_at = fields.Moment()
    ends_at = fields.Moment()
    reason = fields.Text(required=False, allow_blank=True, max_length=300, default="")


class GuestSeatsBody(Body):
    seats = fields.Integer(min_value=1, max_value=MOST_SEATS)
    guest = GuestBody()
    note = fields.Prose(required=False, allow_blank=True, max_length=500, default="")


class DeskSessionListQuery(PageQuery):
    state = serializers.ChoiceField(required=False, choices=SessionState.choices)


class AttendeeListQuery(PageQuery):
    state = serializers.ChoiceField(required=False, choices=BookingState.choices)


class BothShape(Shape):
    ar = serializers.CharField(allow_null=True)
    en = serializers.CharField(allow_null=True)


class SessionEndShape(Shape):
    at = fields.Moment()
    reason = serializers.CharField(allow_null=True)
    fell_short = serializers.BooleanField(help_text="Cancelled by itself: too few seats at its deadline")
    is_closing = serializers.BooleanField(help_text="Its bookings are still following")


class DeskSessionShape(Shape):
    id = serializers.UUIDField()
    version = serializers.IntegerField()
    state = serializers.ChoiceField(choices=SessionState.choices)
    state_label = serializers.CharField()
    title = BothShape()
    description = BothShape()
    staff = NamedShape(many=True)
    resources = NamedShape(many=True)
    starts_at = fields.Moment()
    ends_at = fields.Moment()
    capacity = serializers.IntegerField()
    seats_taken = serializers.IntegerField(help_text="Those that wait for a deposit included")
    seats_confirmed = serializers.IntegerField()
    price = MoneyShape()
    deposit_percent = serializers.IntegerField(allow_null=True)
    minimum_seats = serializers.IntegerField()
    decide_by = fields.Moment(allow_null=True)
    end = SessionEndShape(allow_null=True, help_text="Once it is cancelled or completed")
    allowed_actions = serializers.ListField(child=serializers.CharField())


class DeskSessionPage(Shape):
    items = DeskSessionShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


def desk_session(row: Session, *, now: datetime) -> dict[str, Any]:
    """A session as its salon sees it, read `with_seats`."""
    zone, state = row.salon.zone, row.state_at(now)
    end = None
    if row.ended_at is not None:
        end = {
            "at": rfc3339(row.ended_at, zone),
            "reason": row.end_reason or None,
            "fell_short": row.fell_short,
            "is_closing": row.is_closing,
        }
    return {
        "id": str(row.pk),
        "version": row.version,
        "state": state.value,
        "state_label": str(STATE_LABELS[state]),
        "title": both(row, "title"),
        "description": both(row, "description"),
        "staff": [{"id": str(one.pk), "name": one.name} for one in row.staff.all()],
        "resources": [{"id": str(one.pk), "name": one.name} for one in row.resources.all()],
        "starts_at": rfc3339(row.starts_at, zone),
        "ends_at": rfc3339(row.ends_at, zone),
        "capacity": row.capacity,
        "seats_taken": row.capacity - seats_left(row),
        "seats_confirmed": row.seats_confirmed,
        "price": money(row.price_minor, row.currency),
        "deposit_percent": row.deposit_percent,
        "minimum_seats": row.minimum_seats,
        "decide_by": rfc3339(row.decide_by, zone) if row.decide_by else None,
        "end": end,
        "allowed_actions": _actions(row, state, now=now),
    }


def _actions(row: Session, state: SessionState, *, now: datetime) -> list[str]:
    if state == SessionState.DRAFT:
        return ["edit", "publish", "remove"]
    if state != SessionState.PUBLISHED:
        return []
    if row.starts_at > now:
        return ["edit", "reschedule", "cancel", "add_guest"]
    return ["edit", "complete"] + (["cancel", "add_guest"] if row.ends_at > now else [])


def shown(at: Salon, session_id: uuid.UUID) -> dict[str, Any]:
    """The session as it is now. Raises NotFound."""
    now = timezone.now()
    row = with_seats(sessions_at(at), now=now).filter(pk=session_id).first()
    if row is None:
        raise NotFound
    return desk_session(row, now=now)


def _columns(body: dict[str, Any]) -> dict[str, Any]:
    """Texts in both languages as the columns that hold them."""
    columns = dict(body)
    for field in ("title", "description"):
        texts = columns.pop(field, None)
        if texts is not None:
            columns |= {f"{field}_{language}": text for language, text in texts.items()}
    return columns


class DeskSessions(Endpoint):
    access = {"GET": Desk("see_desk"), "POST": Desk("edit_catalogue")}
    queries = {"GET": DeskSessionListQuery}

    @extend_schema(
        operation_id="listDeskSessions",
        summary="My salon's group sessions, the latest first, drafts too",
        tags=["manage"],
        parameters=[SALON, DeskSessionListQuery],
        responses={200: DeskSessionPage},
    )
    def get(self, request: Request, salon: str) -> Response:
        at, now = desk_of(person(request), salon, "see_desk"), timezone.now()
        sessions = with_seats(sessions_at(at), now=now)
        if state := self.query.get("state"):
            sessions = sessions.filter(state=state)
        found = page(sessions, order=("-starts_at", "-id"), query=self.query)
        return Response(found.body(partial(desk_session, now=now)), headers=FRESH)

    @extend_schema(
        operation_id="addSession",
        summary="Write down a group session; nobody sees it until it is published",
        tags=["manage"],
        parameters=[SALON, OPTIONAL_IDEMPOTENCY_KEY],
        request=SessionBody,
        responses={201: DeskSessionShape},
    )
    def post(self, request: Request, salon: str) -> Response:
        at = desk_of(person(request), salon, "edit_catalogue")
        body = self.body(SessionBody, request)

        def add() -> tuple[int, Any]:
            row = add_session(salon=at, values=_columns(body), now=timezone.now())
            return 201, shown(at, row.pk)

        return answer_once(request, operation="addSession", body=request.data, act=add, key_required=False)


class DeskSession(Endpoint):
    access = {"GET": Desk("see_desk"), "PATCH": Desk("edit_catalogue"), "DELETE": Desk("edit_catalogue")}
    queries = {"DELETE": VersionQuery}

    @extend_schema(
        operation_id="getDeskSession",
        summary="A group session of my salon",
        tags=["manage"],
        parameters=[SALON],
        responses={200: DeskSessionShape},
    )
    def get(self, request: Request, salon: str, session_id: uuid.UUID) -> Response:
        return Response(shown(desk_of(person(request), salon, "see_desk"), session_id), headers=FRESH)

    @extend_schema(
        operation_id="editSession",
        summary="Change a draft, or the words and the number of seats of a published session",
        description="People, price, deposit and deadline are fixed once seats are on sale; `reschedule` moves it.",
        tags=["manage"],
        parameters=[SALON],
        request=SessionChangesBody,
        responses={200: DeskSessionShape},
    )
    def patch(self, request: Request, salon: str, session_id: uuid.UUID) -> Response:
        at = desk_of(person(request), salon, "edit_catalogue")
        session_at(at, session_id)
        changes = self.body(SessionChangesBody, request)
        version = changes.pop("version")
        with current(partial(shown, at, session_id)):
            edit_session(
                salon=at,
                session_id=session_id,
                version=version,
                changes=_columns(changes),
                now=timezone.now(),
            )
        return Response(shown(at, session_id), headers=FRESH)

    @extend_schema(
        operation_id="removeSession",
        summary="Remove a draft",
        tags=["manage"],
        parameters=[SALON, VersionQuery],
        responses={204: None},
    )
    def delete(self, request: Request, salon: str, session_id: uuid.UUID) -> Response:
        at = desk_of(person(request), salon, "edit_catalogue")
        with current(partial(shown, at, session_id)):
            remove_session(salon=at, session_id=session_id, version=self.query["version"])
        return Response(status=204)


class DeskSessionSeats(Endpoint):
    access = {"GET": Desk("see_desk"), "POST": Desk("write_walk_ins")}
    queries = {"GET": AttendeeListQuery}

    @extend_schema(
        operation_id="listSessionSeats",
        summary="Who has booked seats in a session, first come first",
        tags=["manage"],
        parameters=[SALON, AttendeeListQuery],
        responses={200: DeskBookingPage},
    )
    def get(self, request: Request, salon: str, session_id: uuid.UUID) -> Response:
        at, now = desk_of(person(request), salon, "see_desk"), timezone.now()
        bookings = bookings_at([at.pk]).filter(session=session_at(at, session_id))
        if state := self.query.get("state"):
            bookings = bookings.filter(state=state)
        found = page(bookings, order=("created_at", "id"), query=self.query)
        show = partial(present.desk_booking, actor=operations.by_salon(person(request)), now=now)
        return Response(found.body(show), headers=FRESH)

    @extend_schema(
        operation_id="addSessionGuest",
        summary="Write down a guest's seats at the desk: confirmed at once, without deposit",
        tags=["manage"],
        parameters=[SALON, IDEMPOTENCY_KEY],
        request=GuestSeatsBody,
        responses={201: DeskBookingShape},
    )
    def post(self, request: Request, salon: str, session_id: uuid.UUID) -> Response:
        at = desk_of(person(request), salon, "write_walk_ins")
        session_at(at, session_id)
        body = self.body(GuestSeatsBody, request)

        def add() -> tuple[int, Any]:
            booking = write_guest_seats(
                staff_user=person(request),
                session_id=session_id,
                seats=body["seats"],
                guest_name=body["guest"]["name"],
                guest_phone=body["guest"]["phone"] or "",
                note=body["note"],
                now=timezone.now(),
            )
            return 201, as_desk(person(request), booking.pk)

        return answer_once(request, operation="addSessionGuest", body=request.data, act=add)


def _verb(
    operation_id: str,
    summary: str,
    act: Callable[..., Any],
    *,
    ability: Any = "edit_catalogue",
    wanted: type[Body] = VersionBody,
    names_actor: bool = True,
) -> type[Endpoint]:
    class View(Endpoint):
        access = {"POST": Desk(ability)}

        @extend_schema(
            operation_id=operation_id,
            summary=summary,
            tags=["manage"],
            parameters=[SALON],
            request=wanted,
            responses={200: DeskSessionShape},
        )
        def post(self, request: Request, salon: str, session_id: uuid.UUID) -> Response:
            at = desk_of(person(request), salon, ability)
            session_at(at, session_id)
            body = self.body(wanted, request)
            if names_actor:
                body["by"] = person(request)
            with current(partial(shown, at, session_id)):
                act(salon=at, session_id=session_id, now=timezone.now(), **body)
            return Response(shown(at, session_id), headers=FRESH)

    View.__name__ = View.__qualname__ = operation_id[0].upper() + operation_id[1:]
    return View


VERBS = {
    "publish": _verb(
        "publishSession",
        "Put the seats on sale; its people and rooms are taken from now on",
        publish_session,
        names_actor=False,
    ),
    "reschedule": _verb(
        "rescheduleSession",
        "Move a session with everybody in it; each is told, and may refuse free of charge",
        move_session,
        wanted=SessionMoveBody,
    ),
    "cancel": _verb(
        "cancelSession",
        "Call a session off; everybody is told once and refunded in full",
        cancel_session,
        wanted=ReasonBody,
    ),
    "complete": _verb(
        "completeSession",
        "The session took place; seats not marked as no-shows count as visits",
        complete_session,
        ability="answer_bookings",
    ),
}

_ONE = "manage/salons/<str:salon>/sessions/<id:session_id>"

routes = [
    path("manage/salons/<str:salon>/sessions", DeskSessions.as_view(), name="manage-sessions"),
    path(_ONE, DeskSession.as_view(), name="manage-session"),
    path(f"{_ONE}/seats", DeskSessionSeats.as_view(), name="manage-session-seats"),
    *(path(f"{_ONE}/{verb}", view.as_view(), name=f"manage-session-{verb}") for verb, view in VERBS.items()),
]
