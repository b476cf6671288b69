"""The salon's client book: its own customers, their visits there, and what the desk noted about them."""

from __future__ import annotations

import uuid
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
from backend.bookings.api.serializers import DeskBookingPage
from backend.bookings.api.standing import ClientStandingShape, client_standing
from backend.bookings.models import Booking, ClientNote
from backend.bookings.operations import notes
from backend.bookings.queries import bookings_at
from backend.bookings.queries.clients import Client, ClientKey, client_at, client_book, clients, notes_on
from backend.core import phone
from backend.core.api import fields
from backend.core.api.bodies import Body
from backend.core.api.pagination import PageQuery, page
from backend.core.api.schema import OPTIONAL_IDEMPOTENCY_KEY, SALON
from backend.core.api.shapes import Shape
from backend.core.api.views import Endpoint, answer_once, person
from backend.core.search_text import fold
from backend.core.time import rfc3339
from backend.salons.models import Salon
from backend.salons.permissions import Desk, desk_of

PRIVATE = {"Cache-Control": "no-store"}
NOTES_SHOWN = 20


class PartOfName(fields.Text):
    """The beginning of a name: at least one word of two letters, as folded."""

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        if not any(sum(map(str.isalpha, word)) >= 2 for word in fold(name).split()):
            raise serializers.ValidationError("", code="too_short")
        return name


class ClientListQuery(PageQuery):
    phone = fields.Phone(
        required=False, help_text="A whole number, e.g. 0512345678; a part of one finds nobody"
    )
    q = PartOfName(
        required=False,
        max_length=80,
        help_text="Beginnings of the words of a name, in any spelling; one of them has two letters",
    )


class ClientShape(Shape):
    id = serializers.UUIDField(help_text="This salon's name for them; another salon has another")
    name = serializers.CharField(allow_null=True)
    phone_masked = serializers.CharField()
    is_guest = serializers.BooleanField(help_text="Without an account: written down at the desk")
    visits = serializers.IntegerField(help_text="Those that took place")
    no_shows = serializers.IntegerField()
    last_visit_at = fields.Moment(allow_null=True)
    next_visit_at = fields.Moment(allow_null=True)


class ClientPage(Shape):
    items = ClientShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ClientNoteShape(Shape):
    id = serializers.UUIDField()
    text = serializers.CharField()
    is_health = serializers.BooleanField()
    written_by = serializers.CharField(allow_null=True, help_text="Name of who wrote it")
    created_at = fields.Moment()


class ClientNotePage(Shape):
    items = ClientNoteShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ClientInFullShape(ClientShape):
    notes = ClientNoteShape(many=True, help_text=f"The latest {NOTES_SHOWN}")
    standing = ClientStandingShape(
        allow_null=True, help_text="null for a guest, and where the business has no steps"
    )


class ClientNoteBody(Body):
    text = fields.Prose(max_length=1000)
    is_health = fields.Boolean(
        required=False, default=False, help_text="Says something about health: needs the person's consent"
    )


class ClientBook(Endpoint):
    access = {"GET": Desk("keep_client_book")}
    queries = {"GET": ClientListQuery}

    @extend_schema(
        operation_id="listSalonClients",
        summary="The salon's own clients: by whole number, by name, or the latest",
        description="Everybody with a booking here, whoever comes or came last first. The number a query holds is in "
        "no log of this service; a proxy before it should not keep queries either.",
        tags=["manage"],
        parameters=[SALON, ClientListQuery],
        responses={200: ClientPage},
    )
    def get(self, request: Request, salon: str) -> Response:
        at = desk_of(person(request), salon, "keep_client_book")
        book = client_book(at, phone=self.query.get("phone"), name=self.query.get("q"))
        found = page(book, order=("-starts_at", "-id"), query=self.query)
        lines = clients(at, found.rows, now=timezone.now())
        return Response(found.body(lambda row: _client(lines[row.pk], at)), headers=PRIVATE)


class ClientItem(Endpoint):
    access = {"GET": Desk("keep_client_book")}

    @extend_schema(
        operation_id="getSalonClient",
        summary="One client of the salon, with the latest notes",
        tags=["manage"],
        parameters=[SALON],
        responses={200: ClientInFullShape},
    )
    def get(self, request: Request, salon: str, client_id: uuid.UUID) -> Response:
        at = desk_of(person(request), salon, "keep_client_book")
        latest = client_at(at, client_id)
        now = timezone.now()
        line = clients(at, [latest], now=now)[latest.pk]
        written = notes_on(at, ClientKey.of(latest)).order_by("-created_at", "-id")[:NOTES_SHOWN]
        shown = _client(line, at) | {
            "notes": [_note(note, at) for note in written],
            "standing": client_standing(at, latest.customer, now=now),
        }
        return Response(shown, headers=PRIVATE)


class ClientVisits(Endpoint):
    access = {"GET": Desk("keep_client_book")}
    queries = {"GET": PageQuery}

    @extend_schema(
        operation_id="listSalonClientVisits",
        summary="All bookings of one client here, the latest first",
        tags=["manage"],
        parameters=[SALON, PageQuery],
        responses={200: DeskBookingPage},
    )
    def get(self, request: Request, salon: str, client_id: uuid.UUID) -> Response:
        now, at = timezone.now(), desk_of(person(request), salon, "keep_client_book")
        key = ClientKey.of(client_at(at, client_id))
        for dead in Booking.objects.dead(now).filter(key.rows, salon=at):
            operations.expire_if_dead(dead, now=now)
        found = page(bookings_at([at.pk]).filter(key.rows), order=("-starts_at", "-id"), query=self.query)
        show = partial(present.desk_booking, actor=operations.by_salon(person(request)), now=now)
        return Response(found.body(show), headers=PRIVATE)


class ClientNotes(Endpoint):
    access = {"GET": Desk("keep_client_book"), "POST": Desk("keep_client_book")}
    queries = {"GET": PageQuery}

    @extend_schema(
        operation_id="listSalonClientNotes",
        summary="What this salon noted about a client, the latest first",
        tags=["manage"],
        parameters=[SALON, PageQuery],
        responses={200: ClientNotePage},
    )
    def get(self, request: Request, salon: str, client_id: uuid.UUID) -> Response:
        at = desk_of(person(request), salon, "keep_client_book")
        key = ClientKey.of(client_at(at, client_id))
        found = page(notes_on(at, key), order=("-created_at", "-id"), query=self.query)
        return Response(found.body(lambda row: _note(row, at)), headers=PRIVATE)

    @extend_schema(
        operation_id="addSalonClientNote",
        summary="Note something about a client; only this salon sees it, and the client in a copy of their data",
        description="A note on health is refused as `health_consent_missing` without the person's consent "
        "`health_notes`, and always for a guest. When they withdraw it, such notes go.",
        tags=["manage"],
        parameters=[SALON, OPTIONAL_IDEMPOTENCY_KEY],
        request=ClientNoteBody,
        responses={201: ClientNoteShape},
    )
    def post(self, request: Request, salon: str, client_id: uuid.UUID) -> Response:
        at = desk_of(person(request), salon, "keep_client_book")
        key = ClientKey.of(client_at(at, client_id))
        body = self.body(ClientNoteBody, request)

        def write() -> tuple[int, Any]:
            note = notes.add_note(salon=at, client=key, author=person(request), now=timezone.now(), **body)
            return 201, _note(note, at)

        return answer_once(
            request, operation=notes.ADD_NOTE, body=request.data, act=write, key_required=False
        )


class ClientNoteItem(Endpoint):
    access = {"DELETE": Desk("keep_client_book")}

    @extend_schema(
        operation_id="removeSalonClientNote",
        summary="Delete a note about a client",
        tags=["manage"],
        parameters=[SALON],
        responses={204: None},
    )
    def delete(self, request: Request, salon: str, client_id: uuid.UUID, note_id: uuid.UUID) -> Response:
        at = desk_of(person(request), salon, "keep_client_book")
        key = ClientKey.of(client_at(at, client_id))
        notes.remove_note(salon=at, client=key, note_id=note_id, by=person(request))
        return Response(status=204)


def _client(line: Client, at: Salon) -> dict[str, Any]:
    return {
        "id": str(line.id),
        "name": line.name or None,
        "phone_masked": phone.masked(line.phone),
        "is_guest": line.is_guest,
        "visits": line.visits,
        "no_shows": line.no_shows,
        "last_visit_at": rfc3339(line.last_visit_at, at.zone) if line.last_visit_at else None,
        "next_visit_at": rfc3339(line.next_visit_at, at.zone) if line.next_visit_at else None,
    }


def _note(row: ClientNote, at: Salon) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "text": row.text,
        "is_health": row.is_health,
        "written_by": (row.written_by.name if row.written_by else "") or None,
        "created_at": rfc3339(row.created_at, at.zone),
    }


_BOOK = "manage/salons/<str:salon>/clients"
routes = [
    path(_BOOK, ClientBook.as_view(), name="manage-clients"),
    path(f"{_BOOK}/<id:client_id>", ClientItem.as_view(), name="manage-client"),
    path(f"{_BOOK}/<id:client_id>/visits", ClientVisits.as_view(), name="manage-client-visits"),
    path(f"{_BOOK}/<id:client_id>/notes", ClientNotes.as_view(), name="manage-client-notes"),
    path(f"{_BOOK}/<id:client_id>/notes/<id:note_id>", ClientNoteItem.as_view(), name="manage-client-note"),
]
