"""The desk's calendar: a column for each person and thing, a block for what is taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backend.bookings.api.diaries import OutsideCalendarStateShape, outside_state
from backend.bookings.api.present import STATE_LABELS, desk_customer, in_arabic
from backend.bookings.api.serializers import DeskCustomerShape, ItemResourceShape
from backend.bookings.api.views import FRESH
from backend.bookings.availability import Span, ceil_minute, floor_minute, moment_of
from backend.bookings.models import Booking, BookingItem, BookingState, OutsideCalendar, Session
from backend.bookings.operations import allowed_actions, by_salon
from backend.bookings.queries.calendar import Block, DeskDay, desk_days, today_at
from backend.bookings.queries.outside import outside_times_at
from backend.core.api import fields
from backend.core.api.bodies import Query
from backend.core.api.schema import SALON
from backend.core.api.shapes import NamedShape, Shape
from backend.core.api.views import Endpoint, person
from backend.core.time import rfc3339
from backend.salons.permissions import Desk, desk_of, salons_where
from backend.salons.timetable import instant

MAX_DAYS = 14


class CalendarQuery(Query):
    date = fields.Day(required=False, help_text="First business date; absent means the one that is running")
    days = fields.QueryInteger(
        required=False, default=1, min_value=1, max_value=MAX_DAYS, help_text=f"1 to {MAX_DAYS}, default 1"
    )


class SpanShape(Shape):
    starts_at = fields.Moment()
    ends_at = fields.Moment()


class CalendarServiceShape(NamedShape, SpanShape):
    pass


class CalendarBlockShape(SpanShape):
    booking_id = serializers.UUIDField(help_text="One of the day's `bookings`")
    services = CalendarServiceShape(many=True)
    rental = NamedShape(allow_null=True, help_text="What is let, where that is what was booked")
    taken = SpanShape(
        many=True, help_text="What it takes there, buffers included; others may come while the client waits"
    )
    lane = serializers.IntegerField(help_text="0; from 1 on for a visit added while the person was taken")


class CalendarSessionShape(SpanShape):
    id = serializers.UUIDField()
    title = serializers.CharField()
    seats_taken = serializers.IntegerField()
    capacity = serializers.IntegerField()


class CalendarElsewhereShape(SpanShape):
    conflicts = serializers.BooleanField(help_text="Somebody is booked then; the booking stands")


class CalendarStaffShape(NamedShape):
    working = SpanShape(many=True, help_text="Within the salon's hours; pauses are not cut out")
    blocks = CalendarBlockShape(many=True)
    sessions = CalendarSessionShape(many=True, help_text="Group sessions, each one entry whoever comes")
    elsewhere = CalendarElsewhereShape(
        many=True, help_text="Busy by their own calendar, from midnight to midnight of the date"
    )
    outside_calendar = OutsideCalendarStateShape(
        allow_null=True, help_text="How reading that calendar goes; null where there is none"
    )


class CalendarResourceShape(ItemResourceShape):
    kind = serializers.CharField()
    available = SpanShape(many=True)
    blocks = CalendarBlockShape(many=True)
    sessions = CalendarSessionShape(many=True)


class CalendarBookingShape(SpanShape):
    id = serializers.UUIDField()
    reference = serializers.CharField()
    version = serializers.IntegerField()
    state = serializers.ChoiceField(choices=BookingState.choices)
    state_label = serializers.CharField()
    customer = DeskCustomerShape()
    note = serializers.CharField(allow_null=True)
    is_overbooked = serializers.BooleanField()
    hold_expires_at = fields.Moment(allow_null=True, help_text="Until when the time is kept for a deposit")
    respond_by = fields.Moment(allow_null=True, help_text="Until when a request waits for the salon")
    attendance_confirmed_at = fields.Moment(allow_null=True)
    arrived_at = fields.Moment(allow_null=True)
    is_late = serializers.BooleanField(help_text="It should have begun, and nobody has arrived")
    allowed_actions = serializers.ListField(child=serializers.CharField())


class CalendarDayShape(Shape):
    date = fields.Day()
    closed = serializers.BooleanField()
    hours = SpanShape(many=True, help_text="May end after midnight")
    pauses = SpanShape(many=True, help_text="For prayer")
    bookings = CalendarBookingShape(many=True)
    staff = CalendarStaffShape(many=True)
    resources = CalendarResourceShape(many=True)
    waiting = serializers.ListField(
        child=serializers.UUIDField(), help_text="Bookings to confirm or decline, the most urgent first"
    )


class CalendarShape(Shape):
    timezone = serializers.CharField()
    days = CalendarDayShape(many=True)


class DeskCalendar(Endpoint):
    access = {"GET": Desk("see_desk")}
    queries = {"GET": CalendarQuery}

    @extend_schema(
        operation_id="getSalonCalendar",
        summary="The salon's days: who works, what is taken, what waits for an answer",
        description="Days are business dates. A visit that runs on into the next date stands on both. Blocks of a "
        "person overlap where a visit was added on purpose (`lane`), and where one client waits while another is "
        "served (`taken`).",
        tags=["manage"],
        parameters=[SALON, CalendarQuery],
        responses={200: CalendarShape},
    )
    def get(self, request: Request, salon: str) -> Response:
        now = timezone.now()
        at = desk_of(person(request), salon, "see_desk")
        first: date = self.query.get("date") or today_at(at, now=now)
        answers = at.pk in salons_where(person(request), "answer_bookings")
        show = partial(_booking, zone=at.zone, by=person(request) if answers else None, now=now)
        days = desk_days(at, first=first, days=self.query["days"], now=now)
        begins = datetime.combine(first, time(), tzinfo=at.zone)
        elsewhere = outside_times_at(at, begins=begins, ends=begins + timedelta(days=self.query["days"]))
        return Response(
            {
                "timezone": at.timezone,
                "days": [
                    _day(day, at.zone, elsewhere) | {"bookings": [show(row) for row in day.bookings]}
                    for day in days
                ],
            },
            headers=FRESH,
        )


def _day(day: DeskDay, zone: ZoneInfo, elsewhere: Mapping[UUID, OutsideCalendar]) -> dict[str, Any]:
    return {
        "date": day.date.isoformat(),
        "closed": not day.hours,
        "hours": _spans(day.hours, zone),
        "pauses": _spans(day.pauses, zone),
        "staff": [
            {
                "id": str(column.owner.pk),
                "name": column.owner.name,
                "working": _spans(column.present, zone),
                "blocks": [_block(block, zone) for block in column.blocks],
                "sessions": [_session(row, zone) for row in column.sessions],
                **_elsewhere(column.blocks, day.date, elsewhere.get(column.owner.pk), zone),
            }
            for column in day.staff
        ],
        "resources": [
            {
                "id": str(column.owner.pk),
                "name": column.owner.name,
                "code": column.owner.code,
                "kind": column.owner.kind,
                "available": _spans(column.present, zone),
                "blocks": [_block(block, zone) for block in column.blocks],
                "sessions": [_session(row, zone) for row in column.sessions],
            }
            for column in day.resources
        ],
        "waiting": [str(row.pk) for row in day.waiting],
    }


def _elsewhere(
    blocks: Iterable[Block], day: date, calendar: OutsideCalendar | None, zone: ZoneInfo
) -> dict[str, Any]:
    if calendar is None:
        return {"elsewhere": [], "outside_calendar": None}
    midnight, next_midnight = (instant(zone, day, minute) for minute in (0, 24 * 60))
    booked = [span for block in blocks if block.lane == 0 for span in block.taken]
    shown = []
    for row in calendar.times.all():
        begins = max(floor_minute(row.starts_at), midnight)
        ends = min(ceil_minute(row.ends_at), next_midnight)
        if begins < ends:
            conflicts = any(starts < ends and begins < until for starts, until in booked)
            shown.append(_spans([(begins, ends)], zone)[0] | {"conflicts": conflicts})
    return {"elsewhere": shown, "outside_calendar": outside_state(calendar, zone)}


def _spans(spans: Iterable[Span], zone: ZoneInfo) -> list[dict[str, str]]:
    return [
        {"starts_at": rfc3339(moment_of(starts), zone), "ends_at": rfc3339(moment_of(ends), zone)}
        for starts, ends in spans
    ]


def _session(row: Session, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "title": row.text_in("title", "ar" if in_arabic() else "en"),
        "seats_taken": row.seats_taken,
        "capacity": row.capacity,
        **_between(row, zone),
    }


def _between(row: Block | Booking | BookingItem | Session, zone: ZoneInfo) -> dict[str, str]:
    return {"starts_at": rfc3339(row.starts_at, zone), "ends_at": rfc3339(row.ends_at, zone)}


def _block(block: Block, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "booking_id": str(block.booking.pk),
        **_between(block, zone),
        "services": [
            {
                "id": str(item.service_id),
                "name": item.service_name_ar if in_arabic() else item.service_name_en,
                **_between(item, zone),
            }
            for item in block.items
            if item.service_id is not None
        ],
        "rental": _rental(block),
        "taken": _spans(block.taken, zone),
        "lane": block.lane,
    }


def _rental(block: Block) -> dict[str, str] | None:
    for item in block.items:
        if item.rental_id is not None:
            name = item.service_name_ar if in_arabic() else item.service_name_en
            return {"id": str(item.rental_id), "name": name}
    return None


def _booking(row: Booking, *, zone: ZoneInfo, by: Any, now: datetime) -> dict[str, Any]:
    """`by` is whoever may answer, or None: then there is nothing to press."""
    requested, held = row.state == BookingState.REQUESTED, row.state == BookingState.HELD

    def moment(at: datetime | None) -> str | None:
        return rfc3339(at, zone) if at else None

    return {
        "id": str(row.pk),
        "reference": row.reference,
        "version": row.version,
        "state": row.state,
        "state_label": str(STATE_LABELS[BookingState(row.state)]),
        **_between(row, zone),
        "customer": desk_customer(row),
        "note": row.note or None,
        "is_overbooked": row.is_overbooked,
        "hold_expires_at": moment(row.hold_expires_at if held else None),
        "respond_by": moment(row.respond_by if requested else None),
        "attendance_confirmed_at": moment(row.attendance_confirmed_at),
        "arrived_at": moment(row.arrived_at),
        "is_late": row.state == BookingState.CONFIRMED and row.arrived_at is None and row.starts_at <= now,
        "allowed_actions": allowed_actions(row, actor=by_salon(by), now=now) if by is not None else [],
    }
