"""Rules about hours and the bookings a change affects, as they leave."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from rest_framework import serializers

from backend.bookings.affected import Affected, Collision, Offer
from backend.bookings.api.hours_bodies import DAY_NAMES, HIJRI_DAYS, MIDNIGHT
from backend.bookings.availability import moment_of
from backend.bookings.models import Booking, BookingState
from backend.bookings.refusals import BY_REASON
from backend.core import phone
from backend.core.api import fields
from backend.core.api.both import Both, both
from backend.core.api.shapes import NamedShape, Shape
from backend.core.hijri import MONTH_NAMES, Shifts, gregorian_range
from backend.core.time import rfc3339
from backend.salons.api.present import clock
from backend.salons.api.serializers import WEEKDAYS
from backend.salons.models import Closure, ClosureKind, Override, Salon, Season, WorkingWindow
from backend.salons.queries.holidays import HolidayHours
from backend.salons.queries.timetables import coming_dates


class ClockHoursShape(Shape):
    opens = serializers.CharField(help_text="`16:00`, local")
    closes = serializers.CharField()
    closes_next_day = serializers.BooleanField()


class WindowShape(ClockHoursShape):
    id = serializers.UUIDField()
    version = serializers.IntegerField()
    day = serializers.ChoiceField(choices=DAY_NAMES)
    staff_member_id = serializers.UUIDField(allow_null=True)
    season_id = serializers.UUIDField(allow_null=True)


class OverrideShape(Shape):
    id = serializers.UUIDField()
    version = serializers.IntegerField()
    date = fields.Day()
    staff_member_id = serializers.UUIDField(allow_null=True)
    windows = ClockHoursShape(many=True)
    reason = Both(max_length=120)


class ClosureShape(Shape):
    id = serializers.UUIDField()
    version = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=ClosureKind.choices)
    staff_member_id = serializers.UUIDField(allow_null=True)
    resource_id = serializers.UUIDField(allow_null=True)
    starts_at = fields.Moment(allow_null=True)
    ends_at = fields.Moment(allow_null=True)
    first_date = fields.Day(allow_null=True)
    last_date = fields.Day(allow_null=True)
    day = serializers.ChoiceField(choices=DAY_NAMES, allow_null=True)
    opens = serializers.CharField(allow_null=True)
    closes = serializers.CharField(allow_null=True)
    closes_next_day = serializers.BooleanField(allow_null=True)
    reason = Both(max_length=120)


class HijriDaysShape(Shape):
    from_month = serializers.IntegerField()
    from_day = serializers.IntegerField()
    to_month = serializers.IntegerField()
    to_day = serializers.IntegerField()


class DatesShape(Shape):
    first_date = fields.Day()
    last_date = fields.Day()


class SeasonWindowShape(ClockHoursShape):
    day = serializers.ChoiceField(choices=DAY_NAMES)
    staff_member_id = serializers.UUIDField(allow_null=True)


class SeasonShape(Shape):
    id = serializers.UUIDField()
    version = serializers.IntegerField()
    name = Both(max_length=80)
    hijri = HijriDaysShape(allow_null=True)
    dates = DatesShape(allow_null=True)
    next_dates = DatesShape(
        many=True, help_text="The next two times it comes, or is there, by the moon sightings on record"
    )
    windows = SeasonWindowShape(many=True)


class WindowPage(Shape):
    items = WindowShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class OverridePage(Shape):
    items = OverrideShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ClosurePage(Shape):
    items = ClosureShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class SeasonList(Shape):
    items = SeasonShape(many=True)


class HolidayDayShape(Shape):
    date = fields.Day()
    windows = serializers.ListField(
        child=ClockHoursShape(), help_text="The salon's hours as they stand; none: closed"
    )


class HolidayShape(Shape):
    code = serializers.CharField()
    name = serializers.CharField()
    first_date = fields.Day()
    last_date = fields.Day()
    dates_confirmed = serializers.BooleanField(
        help_text="false: expected, until the authorities announce them"
    )
    confirmed = serializers.BooleanField(
        help_text="The salon has settled each of the days, by an override, a season or a closure"
    )
    days = HolidayDayShape(many=True)


class HolidayList(Shape):
    items = HolidayShape(many=True)


class HijriMonthShape(Shape):
    year = serializers.IntegerField()
    month = serializers.IntegerField(help_text="1 to 12")
    name = serializers.CharField()
    computed_first_date = fields.Day(help_text="Umm al-Qura")
    first_date = fields.Day(help_text="By the sighting on record, if there is one")
    last_date = fields.Day()
    days = serializers.IntegerField(
        allow_null=True, help_text="The sighting on record; null while there is none"
    )


class HijriMonthList(Shape):
    items = HijriMonthShape(many=True)


class AffectedReasonShape(Shape):
    code = serializers.CharField(help_text="An open list, the codes of `getAvailability`")
    detail = serializers.CharField()


class OfferShape(Shape):
    starts_at = fields.Moment()
    ends_at = fields.Moment()
    business_date = fields.Day()
    staff_member_ids = serializers.ListField(
        child=serializers.UUIDField(), help_text="Who would serve each item"
    )
    same_staff = serializers.BooleanField(help_text="Everybody keeps the person they have")


class AffectedCustomerShape(Shape):
    name = serializers.CharField(allow_null=True)
    phone_masked = serializers.CharField(allow_null=True)
    is_guest = serializers.BooleanField()


class AffectedBookingShape(Shape):
    id = serializers.UUIDField()
    reference = serializers.CharField()
    version = serializers.IntegerField()
    state = serializers.ChoiceField(choices=BookingState.choices)
    salon = NamedShape()
    customer = AffectedCustomerShape(allow_null=True, help_text="null for whoever is not at the salon's desk")
    starts_at = fields.Moment()
    ends_at = fields.Moment()
    business_date = fields.Day()
    reasons = AffectedReasonShape(many=True)
    offers = OfferShape(
        many=True, help_text="Up to three free starts: the same people's first, the nearest first"
    )


class AffectedShape(Shape):
    affected_bookings = AffectedBookingShape(
        many=True, help_text="By time, at most 50; `listAffectedBookings` has all"
    )
    affected_total = serializers.IntegerField()


class WindowChange(AffectedShape):
    working_window = WindowShape()


class WeekChange(AffectedShape):
    items = WindowShape(many=True)


class OverrideChange(AffectedShape):
    override = OverrideShape()


class ClosureChange(AffectedShape):
    closure = ClosureShape()


class SeasonChange(AffectedShape):
    season = SeasonShape()


class SightingChange(AffectedShape):
    hijri_month = HijriMonthShape()
    next_cursor = serializers.CharField(allow_null=True)


class AffectedPage(Shape):
    items = AffectedBookingShape(many=True)
    total = serializers.IntegerField()
    next_cursor = serializers.CharField(allow_null=True)


def hours(opens: int, closes: int) -> dict[str, Any]:
    return {"opens": clock(opens), "closes": clock(closes), "closes_next_day": closes >= MIDNIGHT}


def _id(value: Any) -> str | None:
    return None if value is None else str(value)


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def _week_window(row: WorkingWindow) -> dict[str, Any]:
    return hours(row.opens_minute, row.closes_minute) | {
        "day": WEEKDAYS[row.weekday - 1],
        "staff_member_id": _id(row.staff_member_id),
    }


def window(row: WorkingWindow) -> dict[str, Any]:
    return _week_window(row) | {
        "id": str(row.pk),
        "version": row.version,
        "season_id": _id(row.season_id),
    }


def override(row: Override) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "version": row.version,
        "date": row.date.isoformat(),
        "staff_member_id": _id(row.staff_member_id),
        "windows": [hours(w.opens_minute, w.closes_minute) for w in row.windows.all()],
        "reason": both(row, "reason"),
    }


def closure(row: Closure, salon: Salon) -> dict[str, Any]:
    weekly: Mapping[str, Any] = dict.fromkeys(("opens", "closes", "closes_next_day"))
    if row.opens_minute is not None and row.closes_minute is not None:
        weekly = hours(row.opens_minute, row.closes_minute)
    return {
        "id": str(row.pk),
        "version": row.version,
        "kind": row.kind,
        "staff_member_id": _id(row.staff_member_id),
        "resource_id": _id(row.resource_id),
        "starts_at": rfc3339(row.starts_at, salon.zone) if row.starts_at else None,
        "ends_at": rfc3339(row.ends_at, salon.zone) if row.ends_at else None,
        "first_date": _day(row.first_date),
        "last_date": _day(row.last_date),
        "day": None if row.weekday is None else WEEKDAYS[row.weekday - 1],
        **weekly,
        "reason": both(row, "reason"),
    }


def season(row: Season, *, today: date, shifts: Shifts) -> dict[str, Any]:
    is_hijri = row.hijri_from_month is not None
    return {
        "id": str(row.pk),
        "version": row.version,
        "name": both(row, "name"),
        "hijri": {name: getattr(row, f"hijri_{name}") for name in HIJRI_DAYS} if is_hijri else None,
        "dates": None if is_hijri else {"first_date": _day(row.first_date), "last_date": _day(row.last_date)},
        "next_dates": [
            {"first_date": first.isoformat(), "last_date": last.isoformat()}
            for first, last in coming_dates(row, today=today, shifts=shifts)
        ],
        "windows": [_week_window(w) for w in row.windows.all()],
    }


def holiday(row: HolidayHours, salon: Salon) -> dict[str, Any]:
    return {
        "code": row.holiday.code,
        "name": str(row.holiday.name),
        "first_date": row.holiday.first.isoformat(),
        "last_date": row.holiday.last.isoformat(),
        "dates_confirmed": row.holiday.confirmed,
        "confirmed": row.confirmed,
        "days": [
            {
                "date": day.isoformat(),
                "windows": [_opening(day, starts, ends, salon) for starts, ends in spans],
            }
            for day, spans in row.days
        ],
    }


def _opening(day: date, starts: int, ends: int, salon: Salon) -> dict[str, Any]:
    opens, closes = (moment_of(minute).astimezone(salon.zone) for minute in (starts, ends))
    return {
        "opens": f"{opens:%H:%M}",
        "closes": f"{closes:%H:%M}",
        "closes_next_day": closes.date() > day,
    }


def hijri_month(year: int, month: int, shifts: Shifts) -> dict[str, Any]:
    first, last = gregorian_range(year, month, shifts)
    return {
        "year": year,
        "month": month,
        "name": str(MONTH_NAMES[month - 1]),
        "computed_first_date": gregorian_range(year, month)[0].isoformat(),
        "first_date": first.isoformat(),
        "last_date": last.isoformat(),
        "days": shifts.get((year, month)),
    }


def affected(found: Affected) -> dict[str, Any]:
    return {
        "affected_bookings": [affected_booking(one) for one in found.collisions],
        "affected_total": found.total,
    }


def affected_booking(found: Collision, *, with_customer: bool = True) -> dict[str, Any]:
    row = found.booking
    zone = row.salon.zone
    return {
        "id": str(row.pk),
        "reference": row.reference,
        "version": row.version,
        "state": row.state,
        "salon": {"id": str(row.salon.pk), "name": row.salon.name},
        "customer": _customer(row) if with_customer else None,
        "starts_at": rfc3339(row.starts_at, zone),
        "ends_at": rfc3339(row.ends_at, zone),
        "business_date": row.business_date.isoformat(),
        "reasons": [{"code": str(reason), "detail": BY_REASON[reason]().detail} for reason in found.reasons],
        "offers": [_offer(one, row.salon) for one in found.offers],
    }


def _customer(row: Booking) -> dict[str, Any]:
    """Whom the desk expects, with the number masked."""
    name = row.customer.name if row.customer else row.guest_name
    number = row.customer.phone if row.customer else row.guest_phone
    return {
        "name": name or None,
        "phone_masked": phone.masked(number) if number else None,
        "is_guest": row.customer_id is None,
    }


def _offer(found: Offer, salon: Salon) -> dict[str, Any]:
    return {
        "starts_at": rfc3339(moment_of(found.starts), salon.zone),
        "ends_at": rfc3339(moment_of(found.ends), salon.zone),
        "business_date": found.business_date.isoformat(),
        "staff_member_ids": [str(staff_id) for staff_id in found.staff],
        "same_staff": found.same_staff,
    }
