"""What depends on the calendar: seasons, holidays, Hijri months; and the bookings that fit no more."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.permissions import Platform
from backend.bookings.affected import at_odds_now, moved_by_sighting
from backend.bookings.affected.changing import After
from backend.bookings.api import hours_bodies as bodies
from backend.bookings.api import hours_shapes as shapes
from backend.bookings.api.hours import EDITS, IN_SALON, SEES, At, Rules, words
from backend.core.api.pagination import PageQuery, cursor_of, scope_of, values_of
from backend.core.api.schema import SALON
from backend.core.api.views import Endpoint, person
from backend.core.errors import NotFound, ValidationFailed
from backend.core.hijri import YEARS, HijriOutOfRange, Shifts, hijri_of
from backend.core.time import parse_moment
from backend.salons.api.manage.answering import OPTIONAL_KEY, OWN
from backend.salons.models import Salon, Season
from backend.salons.operations import hours as operations
from backend.salons.permissions import desk_of
from backend.salons.queries.holidays import holiday_hours
from backend.salons.queries.timetables import hijri_shifts

PLATFORM_ADMIN = Platform("platform_admin")
HOLIDAYS_AHEAD = timedelta(days=365)
MONTHS_SHOWN = 14
PLACE = ("starts_at", "id")


class Seasons(Rules):
    access = {"GET": SEES, "POST": EDITS}
    queries = {"POST": bodies.WriteQuery}

    @extend_schema(
        operation_id="listSeasons",
        summary="Seasons with weekly hours of their own; where they overlap, the newest holds",
        tags=["manage"],
        parameters=[SALON],
        responses={200: shapes.SeasonList},
    )
    def get(self, request: Request, salon: str) -> Response:
        at = At(desk_of(person(request), salon, "see_desk"), timezone.now())
        rows = _seasons(at.salon).order_by("id")
        return Response({"items": [*map(_season_shown(at), rows)]}, headers=OWN)

    @extend_schema(
        operation_id="addSeason",
        summary="Add a season, on Hijri dates or Gregorian ones, with its hours",
        tags=["manage"],
        parameters=[SALON, OPTIONAL_KEY, bodies.WriteQuery],
        request=bodies.SeasonBody,
        responses={201: shapes.SeasonChange, 200: shapes.SeasonChange},
    )
    def post(self, request: Request, salon: str) -> Response:
        at = self.at(request, salon)
        body = self.body(bodies.SeasonBody, request)
        days = bodies.season_days(body)

        def add() -> dict[str, Any]:
            row = operations.add_season(salon=at.salon, name=body["name"], days=days, windows=body["windows"])
            return _season_shown(at)(row)

        return self.added(request, at, "season", add, operation="addSeason")


class SeasonItem(Rules):
    access = {"PATCH": EDITS, "DELETE": EDITS}
    queries = {"PATCH": bodies.WriteQuery, "DELETE": bodies.RemoveQuery}

    @extend_schema(
        operation_id="changeSeason",
        summary="Change a season's name, days or hours",
        tags=["manage"],
        parameters=[SALON, bodies.WriteQuery],
        request=bodies.ChangeSeasonBody,
        responses={200: shapes.SeasonChange},
    )
    def patch(self, request: Request, salon: str, season_id: uuid.UUID) -> Response:
        at = self.at(request, salon)
        body = self.body(bodies.ChangeSeasonBody, request)
        days = bodies.season_days(body) if "hijri" in body or "dates" in body else {}

        def change(row: Season) -> Season:
            return operations.change_season(
                salon=at.salon,
                season_id=row.pk,
                version=body["version"],
                changes=days | words(body, "name"),
                windows=body.get("windows"),
            )

        return self.edited(at, "season", _seasons(at.salon), season_id, _season_shown(at), change)

    @extend_schema(
        operation_id="removeSeason",
        summary="Remove a season and its hours; the answer shows it as it was",
        tags=["manage"],
        parameters=[SALON, bodies.RemoveQuery],
        responses={200: shapes.SeasonChange},
    )
    def delete(self, request: Request, salon: str, season_id: uuid.UUID) -> Response:
        at = self.at(request, salon)
        return self.removed(at, "season", _seasons(at.salon), season_id, _season_shown(at))


class Holidays(Endpoint):
    access = {"GET": SEES}

    @extend_schema(
        operation_id="listHolidays",
        summary="Public holidays of the coming year: a question to the salon, never a closure",
        tags=["manage"],
        parameters=[SALON],
        responses={200: shapes.HolidayList},
    )
    def get(self, request: Request, salon: str) -> Response:
        at = At(desk_of(person(request), salon, "see_desk"), timezone.now())
        ahead = holiday_hours(at.salon, at.today, at.today + HOLIDAYS_AHEAD)
        return Response({"items": [shapes.holiday(one, at.salon) for one in ahead]}, headers=OWN)


class AffectedBookings(Endpoint):
    access = {"GET": SEES}
    queries = {"GET": PageQuery}

    @extend_schema(
        operation_id="listAffectedBookings",
        summary="Coming bookings that do not fit the salon's hours as they stand, and what to offer instead",
        tags=["manage"],
        parameters=[SALON, PageQuery],
        responses={200: shapes.AffectedPage},
    )
    def get(self, request: Request, salon: str) -> Response:
        at = desk_of(person(request), salon, "see_desk")
        scope = scope_of(f"affected-bookings {at.pk}", PLACE, self.query)
        found = at_odds_now(
            salon=at, now=timezone.now(), limit=self.query["limit"], after=_after(self.query, scope)
        )
        return Response(
            {
                "items": [shapes.affected_booking(one) for one in found.collisions],
                "total": found.total,
                "next_cursor": cursor_of(found.last, scope) if found.last else None,
            },
            headers=OWN,
        )


class HijriMonths(Endpoint):
    access = {"GET": PLATFORM_ADMIN}
    queries = {"GET": bodies.MonthListQuery}

    @extend_schema(
        operation_id="listHijriMonths",
        summary="When Hijri months begin: computed, and by the moon sightings on record",
        tags=["platform"],
        parameters=[bodies.MonthListQuery],
        responses={200: shapes.HijriMonthList},
    )
    def get(self, request: Request) -> Response:
        shifts = hijri_shifts()
        try:
            first = hijri_of(self.query.get("from") or timezone.localdate(), shifts)
        except HijriOutOfRange as error:
            raise ValidationFailed.parameter("from", "date_out_of_range") from error
        count = first.year * 12 + first.month - 1
        months = [divmod(count + ahead, 12) for ahead in range(MONTHS_SHOWN)]
        return Response(
            {"items": [shapes.hijri_month(y, m + 1, shifts) for y, m in months if y in YEARS]}, headers=OWN
        )


class HijriMonth(Endpoint):
    access = {"PUT": PLATFORM_ADMIN}
    queries = {"PUT": PageQuery}

    @extend_schema(
        operation_id="recordSighting",
        summary="Record when a Hijri month begins; the answer has the bookings this affects, of all salons",
        description=(
            "With `preview` nothing is written, and `cursor` pages through every booking that would be affected. "
            "Afterwards each salon finds its own by `listAffectedBookings`."
        ),
        tags=["platform"],
        parameters=[PageQuery],
        request=bodies.SightingBody,
        responses={200: shapes.SightingChange},
    )
    def put(self, request: Request, year: int, month: int) -> Response:
        if year not in YEARS or not 1 <= month <= 12:
            raise NotFound
        body, now = self.body(bodies.SightingBody, request), timezone.now()
        scope = scope_of(f"sighting {year} {month} {body['days']}", PLACE, self.query)
        place = _after(self.query, scope)
        if body["preview"]:
            before: Shifts = hijri_shifts()
            after: Shifts = {**before, (year, month): body["days"]}
        else:
            before, after = operations.record_sighting(
                year=year, month=month, days=body["days"], decided_by=person(request), now=now
            )
        found = moved_by_sighting(
            month=(year, month),
            before=before,
            after=after,
            now=now,
            limit=self.query["limit"],
            after_booking=place,
        )
        return Response(
            {
                "hijri_month": shapes.hijri_month(year, month, after),
                "affected_bookings": [
                    shapes.affected_booking(one, with_customer=False) for one in found.collisions
                ],
                "affected_total": found.total,
                "next_cursor": cursor_of(found.last, scope) if found.last else None,
            },
            headers=OWN,
        )


def _after(query: Mapping[str, Any], scope: str) -> After | None:
    """The end of the page before."""
    if not (cursor := query.get("cursor")):
        return None
    starts_at, booking_id = values_of(cursor, scope)
    return parse_moment(starts_at), uuid.UUID(booking_id)


def _seasons(salon: Salon) -> QuerySet[Season]:
    return Season.objects.filter(salon=salon).prefetch_related("windows")


def _season_shown(at: At) -> Callable[[Season], dict[str, Any]]:
    return partial(shapes.season, today=at.today, shifts=hijri_shifts())


routes = [
    path(f"{IN_SALON}/seasons", Seasons.as_view(), name="manage-seasons"),
    path(f"{IN_SALON}/seasons/<id:season_id>", SeasonItem.as_view(), name="manage-season"),
    path(f"{IN_SALON}/holidays", Holidays.as_view(), name="manage-holidays"),
    path(f"{IN_SALON}/affected-bookings", AffectedBookings.as_view(), name="manage-affected-bookings"),
    path("platform/hijri-months", HijriMonths.as_view(), name="platform-hijri-months"),
    path("platform/hijri-months/<int:year>/<int:month>", HijriMonth.as_view(), name="platform-hijri-month"),
]
