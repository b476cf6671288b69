"""Calendars beyond ours: a visit as a file, a staff member's feed, and the calendar whose busy times are read."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.urls import path, reverse
from django.utils import timezone, translation
from django.utils.http import http_date
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from backend.bookings.api.ical import CONTENT_TYPE, as_calendar
from backend.bookings.api.views import FRESH
from backend.bookings.models import FAILING_AFTER, OutsideCalendar, ReadError
from backend.bookings.operations import feeds, outside
from backend.bookings.queries import bookings_of
from backend.bookings.queries.diary import diary_of, entry_of
from backend.bookings.queries.outside import conflicts_of, outside_calendars_at
from backend.core import limits
from backend.core.api import fields
from backend.core.api.access import SIGNED_IN
from backend.core.api.bodies import Body
from backend.core.api.client_address import client_network
from backend.core.api.renderers import FastJSONRenderer
from backend.core.api.schema import SALON
from backend.core.api.shapes import NamedShape, Shape
from backend.core.api.views import Endpoint, PublicEndpoint, person
from backend.core.errors import NotFound, PermissionDenied
from backend.core.fetching import LONGEST_URL
from backend.core.limits import Limit
from backend.core.time import rfc3339
from backend.salons.models import StaffMember
from backend.salons.permissions import Desk, desk_of

NO_STORE = {"Cache-Control": "no-store"}
TEXT_CALENDAR = "text/calendar"
BY_HAND = Limit("outside_calendar", 20, timedelta(hours=1))
"""Of one staff member: readings that somebody asks for."""


class CalendarRenderer(BaseRenderer):
    """Lets a client ask for a calendar. The view writes it; refusals are problems in JSON as everywhere."""

    media_type, format = TEXT_CALENDAR, "ics"

    def render(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        return data


class OwnDiary(Desk):
    """A staff member's calendars: open to that person's own account, and to the owner."""

    def __init__(self) -> None:
        super().__init__("edit_members")

    def admit(self, user: Any, kwargs: Mapping[str, Any]) -> None:
        try:
            desk_of(user, kwargs["salon"], self.ability)
        except PermissionDenied:
            at = desk_of(user, kwargs["salon"], "see_desk")
            own = StaffMember.objects.filter(pk=kwargs["staff_member_id"], salon=at, user=user)
            if not own.exists():
                raise


def member_in(request: Request, salon: str, staff_member_id: uuid.UUID) -> StaffMember:
    """Raises NotFound for somebody who does not work there."""
    at = desk_of(person(request), salon, "see_desk")
    found = (
        StaffMember.objects.filter(pk=staff_member_id, salon=at, is_active=True)
        .select_related("salon", "user")
        .first()
    )
    if found is None:
        raise NotFound
    return found


# Out: files and feeds ----------------------------------------------------------------------------------------------


class BookingCalendar(Endpoint):
    access = {"GET": SIGNED_IN}
    renderer_classes = [FastJSONRenderer, CalendarRenderer]

    @extend_schema(
        operation_id="getBookingCalendar",
        summary="My booking as a calendar file (RFC 5545)",
        description="Read again, the file changes the entry that is there: its UID stays, its SEQUENCE rises.",
        tags=["bookings"],
        responses={(200, TEXT_CALENDAR): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, booking_id: uuid.UUID) -> HttpResponse:
        booking = (
            bookings_of(person(request))
            .filter(pk=booking_id)
            .select_related("salon__city", "salon__district")
            .first()
        )
        if booking is None:
            raise NotFound
        changed_at = max((event.at for event in booking.events.all()), default=booking.created_at)
        entry = entry_of(booking, list(booking.items.all()), changed_at=changed_at, now=timezone.now())
        body = as_calendar([entry], salon=booking.salon, name=booking.salon.name, for_customer=True)
        return _file(body, entry.changed_at, f"{booking.reference}.ics")


class Feed(PublicEndpoint):
    """What calendar apps read, without signing in: knowing the address is all it takes."""

    renderer_classes = [CalendarRenderer, FastJSONRenderer]

    @extend_schema(
        operation_id="readCalendarFeed",
        summary="A staff member's visits for a calendar app, from 30 days back to 180 ahead",
        description="In the language of the staff member. Visits that fell through stay as CANCELLED for 14 days.",
        tags=["manage"],
        responses={(200, TEXT_CALENDAR): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, secret: str) -> HttpResponse:
        now = timezone.now()
        member = feeds.read_feed(secret, network=client_network(request), now=now)
        with translation.override(member.user.spoken_language if member.user else "ar"):
            entries = diary_of(member, now=now)
            name = _("%(salon)s: %(person)s") % {"salon": member.salon.name, "person": member.name}
            body = as_calendar(entries, salon=member.salon, name=name)
        today = now.astimezone(member.salon.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        changed_at = max([today, *(entry.changed_at for entry in entries)])
        return _file(body, changed_at, "mawid.ics")


def _file(body: bytes, changed_at: datetime, name: str) -> HttpResponse:
    """Validators make the next look cheap: the middleware answers 304 to whoever has it."""
    return HttpResponse(
        body,
        content_type=CONTENT_TYPE,
        headers={
            "Cache-Control": "private, no-cache",
            "Content-Disposition": f'inline; filename="{name}"',
            "ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"',
            "Last-Modified": http_date(changed_at.timestamp()),
            "X-Robots-Tag": "noindex",
        },
    )


class CalendarFeedShape(Shape):
    url = serializers.CharField(help_text="Shown this once. Whoever knows it reads the calendar")
    created_at = fields.Moment()


class StaffCalendarFeed(Endpoint):
    access = {"POST": OwnDiary(), "DELETE": OwnDiary()}

    @extend_schema(
        operation_id="makeCalendarFeed",
        summary="Make the address by which a staff member's calendar app reads their visits, or a new one",
        description="The address before it is closed. It is not kept: whoever loses it makes another.",
        tags=["manage"],
        parameters=[SALON],
        request=None,
        responses={201: CalendarFeedShape},
    )
    def post(self, request: Request, salon: str, staff_member_id: uuid.UUID) -> Response:
        now = timezone.now()
        member = member_in(request, salon, staff_member_id)
        secret = feeds.make_feed(staff_member=member, now=now)
        url = settings.PUBLIC_BASE_URL + reverse("calendar-feed", kwargs={"secret": secret})
        return Response(
            {"url": url, "created_at": rfc3339(now, member.salon.zone)}, status=201, headers=NO_STORE
        )

    @extend_schema(
        operation_id="closeCalendarFeed",
        summary="Close the address at once",
        tags=["manage"],
        parameters=[SALON],
        responses={204: None},
    )
    def delete(self, request: Request, salon: str, staff_member_id: uuid.UUID) -> Response:
        feeds.close_feed(staff_member=member_in(request, salon, staff_member_id))
        return Response(status=204)


# In: the calendar whose busy times are read ------------------------------------------------------------------------


class Secret(serializers.CharField):
    """Taken as it is: a password may begin with a space."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("", code="wrong_type")
        return super().to_internal_value(data)


class OutsideCalendarBody(Body):
    url = Secret(max_length=LONGEST_URL, help_text="An https address; `webcal` is understood")
    kind = fields.Choice(
        choices=["ical", "caldav"],
        default="ical",
        help_text="`ical`: a file, such as a calendar app's private address. `caldav`: a calendar collection",
    )
    username = Secret(max_length=200, required=False, allow_null=True, default=None)
    password = Secret(max_length=200, required=False, allow_null=True, default=None)


class ReadErrorShape(Shape):
    code = serializers.ChoiceField(choices=ReadError.choices, help_text="An open list")
    detail = serializers.CharField()


class OutsideCalendarStateShape(Shape):
    state = serializers.ChoiceField(
        choices=["new", "ok", "retrying", "failing"],
        help_text=f"`failing` after {FAILING_AFTER} failures in a row: people have to look into it",
    )
    last_success_at = fields.Moment(allow_null=True)
    error = ReadErrorShape(allow_null=True)
    conflicts_count = serializers.IntegerField(help_text="Busy times at which somebody is booked already")


class ConflictShape(Shape):
    booking_id = serializers.UUIDField()
    reference = serializers.CharField()
    starts_at = fields.Moment()
    ends_at = fields.Moment()


class OutsideCalendarShape(OutsideCalendarStateShape):
    kind = serializers.ChoiceField(choices=["ical", "caldav"])
    host = serializers.CharField(help_text="All that is shown of the address")
    created_at = fields.Moment()
    last_attempt_at = fields.Moment(allow_null=True)
    next_attempt_at = fields.Moment()
    conflicts = ConflictShape(many=True, help_text="The nearest 50 bookings; they stand")


class StaffOutsideCalendarShape(OutsideCalendarStateShape):
    staff_member = NamedShape()


class StaffOutsideCalendarList(Shape):
    items = StaffOutsideCalendarShape(many=True)


class StaffOutsideCalendar(Endpoint):
    access = {"GET": OwnDiary(), "PUT": OwnDiary(), "DELETE": OwnDiary()}

    @extend_schema(
        operation_id="getOutsideCalendar",
        summary="The calendar elsewhere whose busy times a staff member is not free at, and how reading it goes",
        tags=["manage"],
        parameters=[SALON],
        responses={200: OutsideCalendarShape},
    )
    def get(self, request: Request, salon: str, staff_member_id: uuid.UUID) -> Response:
        return _shown(member_in(request, salon, staff_member_id))

    @extend_schema(
        operation_id="setOutsideCalendar",
        summary="Say where a staff member's own calendar is; it is read at once, and every few minutes from then on",
        description="Address, name and password are kept encrypted and never shown again. That it could not be read "
        "is told by `state` and `error`. Events marked as free or cancelled do not count.",
        tags=["manage"],
        parameters=[SALON],
        request=OutsideCalendarBody,
        responses={200: OutsideCalendarShape},
    )
    def put(self, request: Request, salon: str, staff_member_id: uuid.UUID) -> Response:
        member = member_in(request, salon, staff_member_id)
        body = self.body(OutsideCalendarBody, request)
        _count_reading(member)
        calendar = outside.connect(
            staff_member=member,
            url=body["url"],
            is_caldav=body["kind"] == "caldav",
            username=body["username"] or "",
            password=body["password"] or "",
            now=timezone.now(),
        )
        outside.read_calendar(calendar.pk, now=timezone.now())
        return _shown(member)

    @extend_schema(
        operation_id="removeOutsideCalendar",
        summary="Forget the calendar elsewhere; its busy times are free again",
        tags=["manage"],
        parameters=[SALON],
        responses={204: None},
    )
    def delete(self, request: Request, salon: str, staff_member_id: uuid.UUID) -> Response:
        outside.disconnect(staff_member=member_in(request, salon, staff_member_id), now=timezone.now())
        return Response(status=204)


class OutsideCalendarRefresh(Endpoint):
    access = {"POST": OwnDiary()}

    @extend_schema(
        operation_id="refreshOutsideCalendar",
        summary="Read the calendar elsewhere now",
        tags=["manage"],
        parameters=[SALON],
        request=None,
        responses={200: OutsideCalendarShape},
    )
    def post(self, request: Request, salon: str, staff_member_id: uuid.UUID) -> Response:
        member = member_in(request, salon, staff_member_id)
        calendar = outside.calendar_of(member)
        _count_reading(member)
        outside.read_calendar(calendar.pk, now=timezone.now())
        return _shown(member)


class SalonOutsideCalendars(Endpoint):
    access = {"GET": Desk("see_desk")}

    @extend_schema(
        operation_id="listOutsideCalendars",
        summary="Whose calendars elsewhere are read, and which of them cannot be",
        tags=["manage"],
        parameters=[SALON],
        responses={200: StaffOutsideCalendarList},
    )
    def get(self, request: Request, salon: str) -> Response:
        at = desk_of(person(request), salon, "see_desk")
        items = [
            {
                "staff_member": {"id": str(row.staff_member_id), "name": row.staff_member.name},
                **outside_state(row, at.zone),
            }
            for row in outside_calendars_at(at)
        ]
        return Response({"items": items}, headers=FRESH)


def _count_reading(member: StaffMember) -> None:
    if wait := limits.take(BY_HAND, str(member.pk), now=timezone.now()):
        raise BY_HAND.refusal(wait)


def outside_state(row: OutsideCalendar, zone: Any) -> dict[str, Any]:
    return {
        "state": row.state,
        "last_success_at": rfc3339(row.read_at, zone) if row.read_at else None,
        "error": {"code": row.error, "detail": str(ReadError(row.error).label)} if row.error else None,
        "conflicts_count": row.conflicts,
    }


def _shown(member: StaffMember) -> Response:
    row, zone = outside.calendar_of(member), member.salon.zone
    moment = partial(rfc3339, zone=zone)
    return Response(
        {
            **outside_state(row, zone),
            "kind": "caldav" if row.is_caldav else "ical",
            "host": row.host,
            "created_at": moment(row.created_at),
            "last_attempt_at": moment(row.tried_at) if row.tried_at else None,
            "next_attempt_at": moment(row.next_read_at),
            "conflicts": [
                {
                    "booking_id": str(booking.pk),
                    "reference": booking.reference,
                    "starts_at": moment(booking.starts_at),
                    "ends_at": moment(booking.ends_at),
                }
                for booking in conflicts_of(row, now=timezone.now())
            ],
        },
        headers=NO_STORE,
    )


_OF_STAFF = "manage/salons/<str:salon>/staff/<id:staff_member_id>"
routes = [
    path("bookings/<id:booking_id>/calendar.ics", BookingCalendar.as_view(), name="booking-calendar"),
    path("feeds/<str:secret>.ics", Feed.as_view(), name="calendar-feed"),
    path(f"{_OF_STAFF}/calendar-feed", StaffCalendarFeed.as_view(), name="manage-calendar-feed"),
    path(f"{_OF_STAFF}/outside-calendar", StaffOutsideCalendar.as_view(), name="manage-outside-calendar"),
    path(
        f"{_OF_STAFF}/outside-calendar/refresh",
        OutsideCalendarRefresh.as_view(),
        name="manage-outside-calendar-refresh",
    ),
    path(
        "manage/salons/<str:salon>/outside-calendars",
        SalonOutsideCalendars.as_view(),
        name="manage-outside-calendars",
    ),
]
