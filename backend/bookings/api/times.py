"""The times that are free. What is asked most costs least: kept rules, one query, answers kept as they were written.

An answer is kept by all it was reckoned from, what the database says is taken included, so it is never an old one.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.bookings import availability
from backend.bookings.api import present, serializers
from backend.bookings.availability import Question
from backend.bookings.queries import (
    SalonRules,
    Taken,
    Visit,
    Wish,
    look_at,
    plan_visit,
    reckoned,
    taken,
    with_rules_named,
)
from backend.core.api.renderers import written
from backend.core.api.schema import SALON
from backend.core.api.views import PublicEndpoint
from backend.core.errors import ValidationFailed
from backend.core.time import rfc3339

_KEPT = 256
"""Answers in one process: a day takes some three kilobytes, a month a hundred."""
FRESH = {"Cache-Control": "private, no-cache"}


@lru_cache(maxsize=_KEPT)
def days_as_json(visit: Visit, known: Taken, first: date, days: int, since: int) -> orjson.Fragment:
    """The free times, written. `since` stands for the present (`availability.settled_since`)."""
    return written(_days(reckoned(visit, known, now=since), visit, first, days))


class Availability(PublicEndpoint):
    queries = {"GET": serializers.AvailabilityQuery}
    write = staticmethod(days_as_json)

    @extend_schema(
        operation_id="getAvailability",
        summary="The times that are truly free, or why a moment is not",
        tags=["catalogue"],
        parameters=[SALON, serializers.AvailabilityQuery],
        responses={200: serializers.AvailabilityShape},
    )
    def get(self, request: Request, salon: str) -> Response:
        now = timezone.now()
        return Response(with_rules_named(salon, lambda rules: self._answer(rules, now)), headers=FRESH)

    def _answer(self, rules: SalonRules, now: datetime) -> dict[str, Any]:
        asked = self.query
        visit = _visit(rules, asked)
        zone = rules.salon.zone
        first: date = asked.get("date") or now.astimezone(zone).date()
        days: int = asked["days"]
        starts = availability.starts_on(zone, from_date=first, days=days)
        explanation = None
        if moment := asked.get("explain"):
            _, reasons = look_at(visit, moment, now=now)
            explanation = present.explanation(moment, reasons, rules.salon)
        since = availability.settled_since(
            rules.rulebook,
            now=availability.ceil_minute(now),
            notice_minutes=visit.notice_minutes,
            from_date=first,
            days=days,
        )
        return {
            "timezone": rules.salon.timezone,
            "days": self.write(visit, taken(visit, starts=starts, now=now), first, days, since),
            "explanation": explanation,
        }


def _visit(rules: SalonRules, asked: dict[str, Any]) -> Visit:
    wishes = [Wish(service_id, asked.get("staff_member_id")) for service_id in asked["service_ids"]]
    try:
        return plan_visit(rules, wishes)
    except ValidationFailed as error:
        whose = error.errors[0].pointer or ""
        parameter = "staff_member_id" if whose.endswith("/staff_member_id") else "service_ids"
        raise ValidationFailed.parameter(parameter, error.errors[0].code) from error


def _days(asked: Question[uuid.UUID], visit: Visit, first: date, days: int) -> list[dict[str, Any]]:
    """Every calendar day asked for, an empty one too; a start after midnight stands on the day it happens."""
    zone = visit.salon.zone
    timetable = visit.rules.rulebook.timetable
    duration = sum(step.duration for step in visit.steps)
    found = iter(availability.listing(asked, from_date=first, days=days))
    shown = []
    names: dict[int, list[str]] = {}
    slot = next(found, None)
    for ahead in range(days):
        day = first + timedelta(days=ahead)
        _, midnight = availability.starts_on(zone, from_date=day, days=1)
        slots = []
        while slot is not None and slot[0] < midnight:
            start, counts_for, staff = slot
            who = names.get(id(staff))  # equal answers are one tuple, and an id takes long to write out
            if who is None:
                who = names[id(staff)] = [str(staff_id) for staff_id in staff]
            slots.append(
                {
                    "starts_at": _text(zone, start),
                    "ends_at": _text(zone, start + duration),
                    "business_date": _date(counts_for),
                    "staff_member_ids": who,
                }
            )
            slot = next(found, None)
        closed = not slots and timetable.closed_all_day(day)
        shown.append({"date": day, "closed": closed, "slots": slots})
    return shown


@lru_cache(maxsize=1 << 10)
def _date(day: date) -> str:
    return day.isoformat()


@lru_cache(maxsize=1 << 16)
def _text(zone: ZoneInfo, minute: int) -> str:
    return rfc3339(availability.moment_of(minute), zone)
